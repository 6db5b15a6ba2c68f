"""From a container of a pod to the order that the supervisor carries out: environment, command, folders, mounts.

Whatever cannot be had is raised as `Unready`; the kubelet says it in the pod's status and tries again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kjnb.embedded.api.quantity import parse
from kjnb.embedded.container import box, images, pod_env, termination, volume_files, volumes
from kjnb.embedded.container.settings import Settings
from kjnb.embedded.node import capacity
from kjnb.embedded.node.lifecycle import PodLife, number_of
from kjnb.embedded.node.log_folder import LogFolder
from kjnb.embedded.node.pod_status import Container
from kjnb.embedded.store.store import Store
from kjnb.embedded.supervisor import wire

Object = dict[str, Any]


class Orders:
    """Knows the node and its folders; makes orders of containers."""

    def __init__(
        self, store: Store, state: Path, logs: LogFolder, has: capacity.Capacity, fork: bool, settings: Settings
    ) -> None:
        self.store = store
        self.settings = settings
        self.state = state
        self.logs = logs
        self.allocatable = capacity.allocatable(has)
        self.fork = fork

    def start(self, life: PodLife, container: Container) -> wire.Start:
        """Everything the supervisor must know to run a container. Unready if something is missing."""
        log = self.logs.place(life.uid, container.name, number_of(container.id))
        return self.order(life.obj, container.spec, container.id, log)

    def order(self, pod: Object, spec: Object, process: str, log: str, argv: list[str] | None = None) -> wire.Start:
        """A process of a container: its own, or `argv` in a box like its own. Unready if something is missing."""
        meta = pod["metadata"]
        folder = self.state / "pods" / meta["uid"]
        hostname = pod["spec"].get("hostname") or meta["name"][:63]
        source = volume_files.Source(pod, self._lookup(meta.get("namespace")), self.allocatable)
        shown = volumes.set_up(folder, source)
        image = images.known(spec.get("image", ""), self.settings.images())
        images.require_pull(image, spec.get("imagePullPolicy"))
        empty = box.make(pod, spec, folder, process, image, [])
        env = pod_env.environment(
            pod, spec, images.environment(image) | box.variables(empty, hostname), source.lookup, source.allocatable
        )
        argv = argv or pod_env.command(spec, env, image.entrypoint, image.arguments)
        images.require_command(argv, spec, image, self.settings.path)
        words = termination.mounts(spec, argv, env, folder, process)
        mounted = empty._replace(mounts=volumes.mounts(spec, shown, env) + words)
        cwd, around = box.working_directory(mounted, spec.get("workingDir"))
        path = images.program(argv, env, cwd, image)
        python = images.zygote_for(argv, path, env, image) if self.fork and around.is_open else None
        order = wire.Start(process, path, argv, env, cwd, log, python, hostname, _memory_limit(spec))
        return box.close(order, around)

    def refresh(self, pod: Object) -> bool:
        """Show a running pod what the objects behind its volumes say by now; whether anything changed."""
        meta = pod["metadata"]
        source = volume_files.Source(pod, self._lookup(meta.get("namespace")), self.allocatable)
        return volumes.refresh(self.state / "pods" / meta["uid"], source)

    def _lookup(self, namespace: str | None) -> pod_env.Lookup:
        return lambda resource, name: self.store.get(resource, namespace, name)


def _memory_limit(spec: Object) -> int | None:
    limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
    return int(parse(limit)) if limit else None
