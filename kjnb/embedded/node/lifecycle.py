"""PURE: one pod on its node: which containers to start, restart or stop next, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kjnb.embedded.api.timestamps import seconds
from kjnb.embedded.node import restarts
from kjnb.embedded.node.pod_status import CREATING, INITIALIZING, RESTARTING, Container, Known

Object = dict[str, Any]
LOST = "ContainerStatusUnknown"
BEFORE_TIME = "1970-01-01T00:00:00Z"
ID = "process://"


@dataclass
class PodLife:
    """A pod and how far it has come. `obj` is the newest version seen."""

    obj: Object
    known: Known
    containers: list[Container] = field(default_factory=list)
    begun: bool = False  # its first containers were asked for
    stopping: bool = False
    grace: float = 0.0  # seconds it was given to stop
    stop_by: float = 0.0  # when they are over, by the loop's clock
    limit: float | None = None  # its active deadline in seconds, as it was seen last
    asked: set[str] = field(default_factory=set)  # process ids asked for whose start or end has not been told yet
    told: set[str] = field(default_factory=set)  # process ids that were told to stop
    hooked: set[str] = field(default_factory=set)  # process ids whose hook before the end runs
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

    @property
    def full_name(self) -> str:
        """As a kubelet names a pod: name_namespace(uid)."""
        meta = self.obj["metadata"]
        return f"{meta['name']}_{meta.get('namespace', 'default')}({self.uid})"

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
    life = PodLife(obj, Known(status.get("startTime") or now))
    told = {one["type"]: one["status"] == "True" for one in status.get("conditions") or ()}
    life.known.restarting = told.get(RESTARTING)
    for init, key in ((True, "initContainers"), (False, "containers")):
        for wanted in obj["spec"].get(key) or ():
            container = Container(wanted, init)
            container.state = _first_state(obj, init)
            _recall(life, container, shown.get(wanted["name"]) or {})
            life.containers.append(container)
    return life


def _first_state(obj: Object, init: bool) -> Object:
    return INITIALIZING if obj["spec"].get("initContainers") and not init else CREATING


def _recall(life: PodLife, container: Container, shown: Object) -> None:
    state, last = shown.get("state") or {}, (shown.get("lastState") or {}).get("terminated") or {}
    container.restarts = container.step = shown.get("restartCount", 0)
    container.ended = last
    if "terminated" in state:
        container.before, container.ended = last, state["terminated"]
    if "terminated" in state or "running" in state:
        container.state = state
        container.id = shown.get("containerID", "").removeprefix(ID)
        container.started, container.ready = bool(shown.get("started")), bool(shown.get("ready"))
    if "terminated" in state:
        container.again = _is_to_restart(life, container, int(state["terminated"]["exitCode"]))


def process_id(life: PodLife, container: Container) -> str:
    """The id of the process that this container starts next; the same after a restart of the server."""
    number = int(container.ended["containerID"].rpartition("_")[2]) + 1 if container.ended else 0
    return f"{life.uid}_{container.name}_{number}"


def number_of(process: str) -> int:
    """How often its container had been restarted when the process of that id began."""
    return int(process.rpartition("_")[2])


def to_start(life: PodLife) -> list[Container]:
    """The containers to start now: init containers one after the other, sidecars beside them, then all others."""
    if life.known.restarting and not life.stopping and not life.alive():
        _begin_anew(life)
    if life.stopping or life.known.over or life.known.restarting or is_done(life):
        return []
    found = []
    begun = any(one.begun for one in life.containers if not one.init)
    for container in life.containers:
        if container.init and (container.sidecar or not begun):
            if container.exit_code is None and _is_free(life, container):
                found.append(container)
            if not container.complete and not begun:
                return found
    return found + [one for one in life.containers if not one.init and _is_free(life, one)]


def _begin_anew(life: PodLife) -> None:
    """Everything of it has ended: let it start from its first container, with its folders as they are."""
    life.known.restarting, life.stop_by = False, 0.0
    life.told.clear()
    life.waiting.clear()
    for container in life.containers:
        container.state = _first_state(life.obj, container.init)
        container.again, container.anew = False, bool(container.ended)


def _is_free(life: PodLife, container: Container) -> bool:
    there = container.running or container.exit_code is not None
    return not there and container.id not in life.asked and container.name not in life.waiting


def is_done(life: PodLife) -> bool:
    """Whether all of it has ended that decides what becomes of it; sidecars may still run."""
    failed_init = any(one.init and not one.sidecar and one.exit_code not in (None, 0) for one in life.containers)
    return failed_init or all(one.exit_code is not None for one in life.containers if not one.init)


def to_stop(life: PodLife) -> list[Container]:
    """The containers to ask now: first all but sidecars, and those one after the other, the last first."""
    if life.known.restarting and not life.stopping:
        return [one for one in life.alive() if one.id not in life.told]
    if not life.stopping and not is_done(life):
        return []
    alive = life.alive()
    first = [one for one in alive if not one.sidecar] or alive[-1:]
    return [one for one in first if one.id not in life.told]


def started(life: PodLife, container: Container, at: str) -> None:
    """Note that its newest process runs."""
    life.asked.discard(container.id)
    life.known.unmounted = False
    container.state = {"running": {"startedAt": at}}
    container.restarts = number_of(container.id)
    container.again = container.condemned = container.ready = container.started = container.anew = False


def ended(life: PodLife, container: Container, terminated: Object, base: float) -> float | None:
    """Note an end. Returns the seconds to wait before the container starts again, or None if it does not."""
    life.asked.discard(container.id)
    container.restarts = number_of(container.id)
    container.before, container.ended = container.ended, terminated
    container.state = {"terminated": terminated}
    container.started = container.ready = False
    if not life.stopping and restarts.restarts_all(container.spec, int(terminated["exitCode"])):
        life.known.restarting = True
    if life.known.restarting and not life.stopping:
        return None
    container.again = not life.stopping and _is_to_restart(life, container, int(terminated["exitCode"]))
    if not container.again or (container.sidecar and is_done(life)):
        container.again = False
        return None
    ran = seconds(terminated["finishedAt"]) - seconds(terminated["startedAt"])
    if terminated["startedAt"] != BEFORE_TIME and restarts.is_forgotten(ran, base):
        container.step = 0
    delay = restarts.delay(container.step, base)
    container.step += 1
    if delay:
        text = f"back-off {restarts.go_duration(delay)} restarting failed container={container.name}"
        container.state = {"waiting": {"reason": "CrashLoopBackOff", "message": f"{text} pod={life.full_name}"}}
        life.waiting.add(container.name)
    return delay


def _is_to_restart(life: PodLife, container: Container, code: int) -> bool:
    policy = life.obj["spec"].get("restartPolicy", "Always")
    return restarts.wanted(container.spec, container.init, policy, code, container.condemned)


def stop(life: PodLife, grace: float) -> None:
    """Nothing of it starts again, and what runs has so many seconds."""
    life.stopping, life.grace = True, grace
    for container in life.containers:
        if container.again:
            container.again = False
            container.state = {"terminated": container.ended}


def settle(life: PodLife) -> bool:
    """Whether nothing of the pod runs or will run again; noted in what is known of it."""
    if life.alive():
        return False
    life.known.over = life.stopping or (is_done(life) and not life.known.restarting)
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
        "containerID": f"{ID}{process}",
    }
