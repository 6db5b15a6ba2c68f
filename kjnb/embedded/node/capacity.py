"""What this machine can give to pods: what its cgroup allows, less a reserve for the kernel; and the Node."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

CGROUPS = Path("/sys/fs/cgroup")
HUGE_PAGES = Path("/sys/kernel/mm/hugepages")
PODS = 250
RESERVE = 512 * 2**20  # bytes, or a tenth if that is less
UNLIMITED = 1 << 60  # cgroup v1 says "no limit" with a number about this size


class Capacity(NamedTuple):
    """Cores (a fraction where a quota says so) and bytes; pages by size in KiB, as many bytes as there are."""

    cpu: float
    memory: int
    disk: int = 0
    huge_pages: tuple[tuple[int, int], ...] = ()


def read(
    groups: Path = CGROUPS, own: Path = Path("/proc/self/cgroup"), disk: Path = Path("/"), pages: Path = HUGE_PAGES
) -> Capacity:
    """The least of what the host has and what each cgroup above this process allows; and the disk of that folder."""
    cpu = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for folder in _folders(groups, own):
        cpu = min(cpu, _cpu_limit(folder) or cpu)
        memory = min(memory, _memory_limit(folder) or memory)
    return Capacity(cpu, memory, _disk(disk), _huge_pages(pages))


def _disk(folder: Path) -> int:
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    found = os.statvfs(there)
    return found.f_blocks * found.f_frsize


def _huge_pages(pages: Path) -> tuple[tuple[int, int], ...]:
    """Those sizes that this kernel knows, whether it has pages of them or not."""
    sizes = sorted(int(entry.name.removeprefix("hugepages-").removesuffix("kB")) for entry in pages.glob("hugepages-*"))
    return tuple((size, (_number(pages / f"hugepages-{size}kB" / "nr_hugepages") or 0) * size * 1024) for size in sizes)


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
    rest = _rest(capacity, str(capacity.disk * 9 // 10))  # the last tenth is where a kubelet begins to evict
    return {"cpu": cpu, **rest, "memory": f"{memory // 1024}Ki", "pods": str(PODS)}


def _rest(capacity: Capacity, disk: str) -> dict[str, str]:
    """The resources that few ask for."""
    huge = {f"hugepages-{_size(size)}": _size(total // 1024) for size, total in capacity.huge_pages}
    return ({"ephemeral-storage": disk} if capacity.disk else {}) | huge


def _size(kibibytes: int) -> str:
    """As Kubernetes writes a size: the largest unit without a fraction."""
    if not kibibytes:
        return "0"
    for unit in ("Ki", "Mi", "Gi"):
        if kibibytes % 1024 or unit == "Gi":
            return f"{kibibytes}{unit}"
        kibibytes //= 1024
    raise AssertionError(kibibytes)


def node(name: str, capacity: Capacity, now: str, version: str) -> dict[str, Any]:
    """The Node object of this machine."""
    rest = _rest(capacity, f"{capacity.disk // 1024}Ki")
    total = {"cpu": str(max(1, int(capacity.cpu))), **rest, "memory": f"{capacity.memory // 1024}Ki", "pods": str(PODS)}
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
