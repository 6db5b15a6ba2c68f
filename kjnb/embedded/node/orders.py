"""From a container of a pod to the order that the supervisor carries out: environment, command, folders, mounts.

Whatever cannot be had is raised as `Unready`; the kubelet says it in the pod's status and tries again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kjnb.embedded.api.quantity import parse
from kjnb.embedded.node import bubblewrap, capacity, images, pod_env, volumes, wire
from kjnb.embedded.node.lifecycle import PodLife
from kjnb.embedded.node.log_folder import LogFolder
from kjnb.embedded.node.pod_status import Container
from kjnb.embedded.store import Store

Object = dict[str, Any]


class Orders:
    """Knows the node and its folders; makes orders of containers."""

    def __init__(self, store: Store, state: Path, logs: LogFolder, has: capacity.Capacity, fork: bool) -> None:
        self.store = store
        self.state = state
        self.logs = logs
        self.capacity = has
        self.fork = fork

    def start(self, life: PodLife, container: Container) -> wire.Start:
        """Everything the supervisor must know to run a container. Unready if something is missing."""
        spec = container_spec(life, container)
        order, mounted = self._make(life, container, spec)
        return self._wrapped(order, mounted) if needs_wrapper(order, mounted) else order

    def _make(self, life: PodLife, container: Container, spec: Object) -> tuple[wire.Start, list[bubblewrap.Mount]]:
        pod, meta = life.obj, life.obj["metadata"]
        folder = self.state / "pods" / life.uid
        hostname = pod["spec"].get("hostname") or meta["name"][:63]
        env = self._environment(pod, spec, folder, hostname)
        argv = pod_env.command(spec, env)
        images.require_command(argv, spec)
        for name in ("work", "tmp"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        cwd = spec.get("workingDir") or str(folder / "work")
        path = images.program(argv, env, cwd)
        mounted = volumes.mounts(pod, spec, folder, env, self._lookup(meta.get("namespace")))
        log = self.logs.place(
            meta.get("namespace", "default"), meta["name"], life.uid, container.name, container.restarts
        )
        python = images.zygote_for(argv, path, env, spec.get("image", "")) if self.fork and not mounted else None
        order = wire.Start(container.id, path, argv, env, cwd, str(log), python, hostname, _memory_limit(spec))
        return order, mounted

    def _wrapped(self, order: wire.Start, mounted: list[bubblewrap.Mount]) -> wire.Start:
        """The same in bubblewrap, for its mounts and, where we are not root, its hostname."""
        bwrap = bubblewrap.program()
        if bwrap is None:
            if not mounted:
                return order
            what = ", ".join(mount.target for mount in mounted)
            raise pod_env.Unready(
                "CreateContainerConfigError",
                f"mounting {what} needs bubblewrap, which does not work here: install it (package bubblewrap, "
                "program bwrap), or use hostPath volumes at their own path",
            )
        argv = bubblewrap.wrap(bwrap, order.path, order.argv, mounted, order.hostname)
        order.path, order.argv, order.hostname, order.wrapped = bwrap, argv, None, True
        return order

    def _environment(self, pod: Object, spec: Object, folder: Path, hostname: str) -> dict[str, str]:
        own = {"HOME": str(folder), "TMPDIR": str(folder / "tmp"), "HOSTNAME": hostname}
        base = images.environment(spec.get("image", "")) | own
        allocatable = capacity.allocatable(self.capacity)
        return pod_env.environment(pod, spec, base, self._lookup(pod["metadata"].get("namespace")), allocatable)

    def _lookup(self, namespace: str | None) -> pod_env.Lookup:
        return lambda resource, name: self.store.get(resource, namespace, name)


def container_spec(life: PodLife, container: Container) -> Object:
    """What the pod asks of that container."""
    key = "initContainers" if container.init else "containers"
    return dict(next(one for one in life.obj["spec"][key] if one["name"] == container.name))


def needs_wrapper(order: wire.Start, mounted: list[bubblewrap.Mount]) -> bool:
    """Whether bubblewrap must run it: for mounts, and for the hostname where we are not root."""
    return bool(order.path and (mounted or (not order.python and os.geteuid() != 0)))


def _memory_limit(spec: Object) -> int | None:
    limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
    return int(parse(limit)) if limit else None
