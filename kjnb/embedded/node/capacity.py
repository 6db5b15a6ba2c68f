"""What this machine can give to pods: what its cgroup allows, less a reserve for the kernel; and the Node."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

CGROUPS = Path("/sys/fs/cgroup")
PODS = 250
RESERVE = 512 * 2**20  # bytes, or a tenth if that is less
UNLIMITED = 1 << 60  # cgroup v1 says "no limit" with a number about this size


class Capacity(NamedTuple):
    """Cores (a fraction where a quota says so) and bytes."""

    cpu: float
    memory: int


def read(groups: Path = CGROUPS, own: Path = Path("/proc/self/cgroup")) -> Capacity:
    """The least of what the host has and what each cgroup above this process allows."""
    cpu = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for folder in _folders(groups, own):
        cpu = min(cpu, _cpu_limit(folder) or cpu)
        memory = min(memory, _memory_limit(folder) or memory)
    return Capacity(cpu, memory)


def _folders(groups: Path, own: Path) -> list[Path]:
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        names = ["", "unified"] if not controllers else [controllers, *controllers.split(",")]
        for name in names:
            root = groups / name
            here = root / path.lstrip("/")
            found += [folder for folder in (here, *here.parents) if folder.is_relative_to(root) and folder.is_dir()]
    return found


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _cpu_limit(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        quota_us, period_us = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        return quota_us / period_us if quota_us and period_us and quota_us > 0 else None


def _memory_limit(folder: Path) -> int | None:
    limits = [_number(folder / "memory.max"), _number(folder / "memory.limit_in_bytes")]
    return min((limit for limit in limits if limit and limit < UNLIMITED), default=None)


def allocatable(capacity: Capacity) -> dict[str, str]:
    """What pods may ask for, as quantities."""
    memory = capacity.memory - min(RESERVE, capacity.memory // 10)
    cpu = str(int(capacity.cpu)) if capacity.cpu == int(capacity.cpu) else f"{int(capacity.cpu * 1000)}m"
    return {"cpu": cpu, "memory": f"{memory // 1024}Ki", "pods": str(PODS)}


def node(name: str, capacity: Capacity, now: str, version: str) -> dict[str, Any]:
    """The Node object of this machine."""
    total = {"cpu": str(max(1, int(capacity.cpu))), "memory": f"{capacity.memory // 1024}Ki", "pods": str(PODS)}
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    ready = {
        "type": "Ready",
        "status": "True",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
    }
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": platform.system().lower(),
        "kubernetes.io/arch": machine,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {
            "capacity": total,
            "allocatable": allocatable(capacity),
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
            "nodeInfo": {
                "kubeletVersion": version,
                "operatingSystem": platform.system().lower(),
                "architecture": machine,
                "kernelVersion": platform.release(),
                "osImage": platform.platform(),
                "containerRuntimeVersion": "process://1",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
                "kubeProxyVersion": "",
            },
        },
    }
