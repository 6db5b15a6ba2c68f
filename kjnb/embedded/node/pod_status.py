"""PURE: the status of a pod, in the words and shapes of a real kubelet, from what is known of its containers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
HOST = "127.0.0.1"
CREATING: Object = {"waiting": {"reason": "ContainerCreating"}}
INITIALIZING: Object = {"waiting": {"reason": "PodInitializing"}}


@dataclass
class Container:
    """One container of a pod: its spec's name and image, and how far it has come. `state` is as the API shows it."""

    name: str
    image: str
    init: bool = False
    state: Object = field(default_factory=lambda: CREATING)
    last: Object = field(default_factory=dict)
    restarts: int = 0
    id: str = ""  # of the process that was last asked for; "" before any

    @property
    def running(self) -> bool:
        """A process of it is there."""
        return "running" in self.state

    @property
    def pull_failed(self) -> bool:
        """Its image could not be had at the last try."""
        return self.state.get("waiting", {}).get("reason") in ("ErrImagePull", "ImagePullBackOff")

    @property
    def exit_code(self) -> int | None:
        """Its exit code, if it has ended and is not to start again."""
        code = self.state.get("terminated", {}).get("exitCode")
        return None if code is None else int(code)

    def shown(self) -> Object:
        """As in containerStatuses."""
        begun = bool(self.id) and ("waiting" not in self.state or bool(self.last))
        shown = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last,
            "ready": self.running or (self.init and self.exit_code == 0),
            "restartCount": self.restarts,
            "image": self.image,
            "imageID": self.image if begun else "",
            "started": self.running,
        }
        return {**shown, "containerID": f"process://{self.id}"} if begun else shown


@dataclass
class Known:
    """What the kubelet knows of a pod beyond its containers. Times are as the API writes them."""

    start_time: str
    over: bool = False  # nothing of it runs or will run again
    reason: str = ""
    message: str = ""


def phase(containers: list[Container], known: Known) -> str:
    """Pending, Running, Succeeded or Failed."""
    main = [one for one in containers if not one.init]
    if known.over:
        clean = not known.reason and all(one.exit_code == 0 for one in containers)
        return "Succeeded" if clean else "Failed"
    return "Running" if any(one.running or one.exit_code is not None or one.restarts for one in main) else "Pending"


def status(pod: Object, containers: list[Container], known: Known, now: str) -> Object:
    """The pod's whole status; what others wrote into it (conditions, qosClass) stays."""
    old = pod.get("status") or {}
    current = phase(containers, known)
    new: Object = {key: value for key, value in old.items() if key in ("qosClass", "nominatedNodeName", "resize")}
    generation = pod["metadata"].get("generation")
    if generation is not None:
        new["observedGeneration"] = generation
    new["phase"] = current
    new["conditions"] = _conditions(old.get("conditions") or [], _truths(containers, current), generation, now)
    if known.reason:
        new |= {"reason": known.reason, "message": known.message}
    new |= {"hostIP": HOST, "hostIPs": [{"ip": HOST}], "podIP": HOST, "podIPs": [{"ip": HOST}]}
    new["startTime"] = known.start_time
    init = [one.shown() for one in containers if one.init]
    if init:
        new["initContainerStatuses"] = init
    main = sorted((one for one in containers if not one.init), key=lambda one: one.name)  # as a kubelet sorts them
    new["containerStatuses"] = [one.shown() for one in main]
    return new


def _truths(containers: list[Container], current: str) -> dict[str, tuple[bool, str, str]]:
    """For each condition: whether it holds, and the reason and message if not."""
    main = [one for one in containers if not one.init]
    waiting = [one.name for one in containers if one.init and one.exit_code != 0]
    over = current in ("Succeeded", "Failed")
    unready = [one.name for one in main if not one.running]
    if over:
        ready = (False, "PodCompleted" if current == "Succeeded" else "PodFailed", "")
    else:
        ready = (not unready, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    incomplete = (not waiting, "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(waiting)}]")
    completed = (True, "PodCompleted", "") if current == "Succeeded" else incomplete
    return {
        "PodReadyToStartContainers": (not over, "", ""),
        "Initialized": completed,
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": (True, "", ""),
    }


def _conditions(
    old: list[Object], truths: dict[str, tuple[bool, str, str]], generation: int | None, now: str
) -> list[Object]:
    before = {one["type"]: one for one in old}
    own = [_condition(kind, truth, before.get(kind), generation, now) for kind, truth in truths.items()]
    return own + [one for one in old if one["type"] not in truths]


def _condition(
    kind: str, truth: tuple[bool, str, str], before: Object | None, generation: int | None, now: str
) -> Object:
    holds, reason, message = truth
    value = "True" if holds else "False"
    same = before is not None and before["status"] == value
    new: Object = {"type": kind, "status": value, "lastProbeTime": None}
    if generation is not None:
        new["observedGeneration"] = generation
    new["lastTransitionTime"] = before["lastTransitionTime"] if same and before else now
    if reason and (not holds or reason == "PodCompleted"):
        new["reason"] = reason
    if message and not holds:
        new["message"] = message
    return new
