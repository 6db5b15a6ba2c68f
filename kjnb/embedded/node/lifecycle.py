"""PURE: one pod on its node: which containers to start, restart or stop next, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kjnb.embedded.node.pod_status import CREATING, INITIALIZING, Container, Known

Object = dict[str, Any]
RESTART_CAP = 30  # times the base of the back-off: five minutes with Kubernetes' ten seconds
LOST = "ContainerStatusUnknown"
BEFORE_TIME = "1970-01-01T00:00:00Z"


@dataclass
class PodLife:
    """A pod and how far it has come. `obj` is the newest version seen."""

    obj: Object
    known: Known
    containers: list[Container] = field(default_factory=list)
    stopping: bool = False
    grace: float = 0.0  # seconds it was given to stop
    asked: set[str] = field(default_factory=set)  # process ids asked for whose start or end has not been told yet
    waiting: set[str] = field(default_factory=set)  # containers to start after a back-off, or when they can be made
    unsettled: list[str] = field(default_factory=list)  # ends that are not in the store yet

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return str(self.obj["metadata"]["uid"])

    @property
    def spec(self) -> Object:
        """The pod's spec."""
        return dict(self.obj["spec"])

    def container(self, process: str) -> Container | None:
        """The container whose newest process has that id."""
        return next((one for one in self.containers if one.id == process), None)

    def alive(self) -> list[Container]:
        """Containers with a process, or with one asked for."""
        return [one for one in self.containers if one.running or one.id in self.asked]


def begin(obj: Object, now: str) -> PodLife:
    """Take a pod in: new, or with what its status says from an earlier life of the server."""
    status = obj.get("status") or {}
    shown = {
        one["name"]: one for key in ("initContainerStatuses", "containerStatuses") for one in status.get(key) or ()
    }
    spec = obj["spec"]
    has_init = bool(spec.get("initContainers"))
    containers = []
    for init, key in ((True, "initContainers"), (False, "containers")):
        for wanted in spec.get(key) or ():
            container = Container(wanted["name"], wanted.get("image", ""), init)
            container.state = INITIALIZING if has_init and not init else CREATING
            _recall(container, shown.get(wanted["name"]))
            containers.append(container)
    return PodLife(obj, Known(status.get("startTime") or now), containers)


def _recall(container: Container, shown: Object | None) -> None:
    if shown is None:
        return
    container.last = shown.get("lastState") or {}
    container.restarts = shown.get("restartCount", 0)
    if "waiting" not in (shown.get("state") or {"waiting": {}}):
        container.state = shown["state"]
        container.id = shown.get("containerID", "").removeprefix("process://")


def process_id(life: PodLife, container: Container) -> str:
    """The id of the process that this container starts next; the same after a restart of the server."""
    return f"{life.uid}_{container.name}_{container.restarts}"


def to_start(life: PodLife) -> list[Container]:
    """The containers to start now: init containers one after the other, then all others."""
    if life.stopping or life.known.over:
        return []
    for container in life.containers:
        if container.init and container.exit_code != 0:
            return [container] if _is_free(life, container) else []
    return [one for one in life.containers if not one.init and _is_free(life, one)]


def _is_free(life: PodLife, container: Container) -> bool:
    started = container.running or container.exit_code is not None
    return not started and container.id not in life.asked and container.name not in life.waiting


def ended(life: PodLife, container: Container, terminated: Object, base: float) -> float | None:
    """Note an end. Returns the seconds to wait before the container starts again, or None if it does not."""
    life.asked.discard(container.id)
    restarts = _restarts(life, container, int(terminated["exitCode"]))
    if not restarts or life.stopping:
        container.state = {"terminated": terminated}
        return None
    delay = 0.0 if container.restarts == 0 else min(base * 2 ** (container.restarts - 1), base * RESTART_CAP)
    container.last = {"terminated": terminated}
    container.restarts += 1
    reason = "CrashLoopBackOff" if delay else "ContainerCreating"
    container.state = {"waiting": {"reason": reason}}
    if delay:
        text = f"back-off {delay:g}s restarting failed container={container.name} pod={life.obj['metadata']['name']}"
        container.state["waiting"]["message"] = text
        life.waiting.add(container.name)
    return delay


def _restarts(life: PodLife, container: Container, code: int) -> bool:
    policy = life.obj["spec"].get("restartPolicy", "Always")
    if policy == "Never":
        return False
    return code != 0 or (policy == "Always" and not container.init)


def settle(life: PodLife) -> bool:
    """Whether nothing of the pod runs or will run again; noted in what is known of it."""
    if life.alive():
        return False
    failed_init = any(one.init and one.exit_code not in (None, 0) for one in life.containers)
    done = all(one.exit_code is not None for one in life.containers)
    life.known.over = done or failed_init or life.stopping
    return life.known.over


def termination(exited: Object, started: str | None, finished: str, process: str) -> Object:
    """The `terminated` state of a container, from how its process ended."""
    code, reason = exited["code"], exited["reason"]
    state: Object = {"exitCode": code, "reason": reason or ("Completed" if code == 0 else "Error")}
    if exited.get("message"):
        state["message"] = exited["message"]
    return {
        **state,
        "startedAt": started or BEFORE_TIME,
        "finishedAt": finished,
        "containerID": f"process://{process}",
    }
