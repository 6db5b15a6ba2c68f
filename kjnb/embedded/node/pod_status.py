"""PURE: the status of a pod, in the words and shapes of a real kubelet, from what is known of its containers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kjnb.embedded.node.restarts import is_sidecar

Object = dict[str, Any]
Truth = tuple[bool, str, str]  # whether a condition holds; the reason and the message if not
HOST = "127.0.0.1"
CREATING: Object = {"waiting": {"reason": "ContainerCreating"}}
INITIALIZING: Object = {"waiting": {"reason": "PodInitializing"}}
RESTARTING = "AllContainersRestarting"
KEPT = ("qosClass", "nominatedNodeName", "resize")  # what others write into a pod's status


@dataclass
class Container:
    """One container of a pod and how far it has come. `state` is as the API shows it."""

    spec: Object
    init: bool = False
    state: Object = field(default_factory=lambda: CREATING)
    ended: Object = field(default_factory=dict)  # how its newest process that ended did, as `terminated`
    before: Object = field(default_factory=dict)  # and the one before that
    restarts: int = 0
    id: str = ""  # of the process that was last asked for; "" before any
    again: bool = False  # it has ended, and is to start again
    anew: bool = False  # its pod begins anew, as if none of its processes had been
    condemned: bool = False  # it was ended so that it may start again
    step: int = 0  # restarts since the back-off began
    started: bool = False  # its process runs, and its start is over: startup probe, hook
    ready: bool = False

    def __post_init__(self) -> None:
        self.name: str = self.spec["name"]
        self.image: str = self.spec.get("image", "")
        self.sidecar = is_sidecar(self.spec, self.init)

    @property
    def running(self) -> bool:
        """A process of it is there."""
        return "running" in self.state

    @property
    def begun(self) -> bool:
        """A process of it is or was there."""
        return (bool(self.ended) and not self.anew) or "waiting" not in self.state

    @property
    def pull_failed(self) -> bool:
        """Its image could not be had at the last try."""
        return self.state.get("waiting", {}).get("reason") in ("ErrImagePull", "ImagePullBackOff")

    @property
    def exit_code(self) -> int | None:
        """Its exit code, if it has ended and is not to start again."""
        return None if self.again or "terminated" not in self.state else int(self.state["terminated"]["exitCode"])

    @property
    def complete(self) -> bool:
        """As an init container: those after it may start."""
        return self.started if self.sidecar else self.exit_code == 0

    @property
    def last(self) -> Object:
        """As lastState: how the process before the one that `state` tells of ended."""
        last = self.before if "terminated" in self.state else self.ended
        return {"terminated": last} if last else {}

    def shown(self) -> Object:
        """As in containerStatuses."""
        plain, there = self.init and not self.sidecar, self.begun or self.anew
        shown = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last,
            "ready": self.exit_code == 0 if plain else self.ready,
            "restartCount": self.restarts,
            "image": self.image,
            "imageID": self.image if there else "",
            "started": False if plain else self.started,
        }
        return {**shown, **self._process()} if there else shown

    def _process(self) -> Object:
        newest = self.ended.get("containerID") if not self.running else f"process://{self.id}"
        resources = self.spec.get("resources") or {}
        requests = resources.get("requests")
        allocated = {"allocatedResources": requests} if requests else {}
        return {"containerID": newest or "", **allocated, "resources": resources}


@dataclass
class Known:
    """What is known of a pod beside its containers."""

    start_time: str
    over: bool = False  # nothing of it runs or will run again
    reason: str = ""
    message: str = ""
    restarting: bool | None = None  # all its containers are to start anew; None if that never was
    unmounted: bool = False  # its volumes cannot be had, so there is nothing yet for its containers to be in


def phase(containers: list[Container], known: Known) -> str:
    """Pending, Running, Succeeded or Failed."""
    main = [one for one in containers if not one.init]
    if known.over:
        clean = all(one.exit_code == 0 for one in containers if not one.sidecar)
        return "Succeeded" if clean and not known.reason else "Failed"
    return "Running" if all(one.begun or one.anew for one in main) else "Pending"


def status(pod: Object, containers: list[Container], known: Known, now: str) -> Object:
    """The pod's whole status; what others wrote into it (conditions, qosClass) stays."""
    old = pod.get("status") or {}
    current = phase(containers, known)
    new: Object = {key: value for key, value in old.items() if key in KEPT}
    generation = pod["metadata"].get("generation")
    if generation is not None:
        new["observedGeneration"] = generation
    new["phase"] = current
    truths = _truths(containers, known, current)
    if known.restarting is not None:
        truths[RESTARTING] = (known.restarting, "", "")
    truths["Ready"] = _past_gates(pod, truths["Ready"])
    new["conditions"] = _conditions(old.get("conditions") or [], truths, generation, now)
    if known.reason:
        new |= {"reason": known.reason, "message": known.message}
    new |= {"hostIP": HOST, "hostIPs": [{"ip": HOST}]}
    if not known.unmounted:
        new |= {"podIP": HOST, "podIPs": [{"ip": HOST}]}
    new["startTime"] = known.start_time
    init = [one.shown() for one in containers if one.init]
    if init:
        new["initContainerStatuses"] = init
    main = sorted((one for one in containers if not one.init), key=lambda one: one.name)  # as a kubelet sorts them
    new["containerStatuses"] = [one.shown() for one in main]
    return new


def rejected(pod: Object, reason: str, message: str, now: str) -> Object:
    """The status of a pod that its node does not take: none of its containers is ever spoken of."""
    old = pod.get("status") or {}
    kept = {key: value for key, value in old.items() if key in (*KEPT, "conditions") and value}
    seen = {"observedGeneration": pod["metadata"]["generation"]} if "generation" in pod["metadata"] else {}
    told = {"phase": "Failed", "reason": reason, "message": f"Pod was rejected: {message}", "startTime": now}
    return {**kept, **seen, **told}


def _truths(containers: list[Container], known: Known, current: str) -> dict[str, Truth]:
    """For each condition: whether it holds, and the reason and message if not."""
    over = current in ("Succeeded", "Failed")
    unready = [one.name for one in containers if not one.ready and (one.sidecar or not one.init)]
    if over:
        ready = (False, "PodCompleted" if current == "Succeeded" else "PodFailed", "")
    else:
        ready = (not unready, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    return {
        "PodReadyToStartContainers": (not over and not known.unmounted, "", ""),
        "Initialized": (True, "PodCompleted", "") if current == "Succeeded" else _initialized(containers),
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": (True, "", ""),
    }


def _initialized(containers: list[Container]) -> Truth:
    begun = any(one.begun for one in containers if not one.init)
    waiting = [] if begun else [one.name for one in containers if one.init and not one.complete]
    return not waiting, "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(waiting)}]"


def _past_gates(pod: Object, ready: Truth) -> Truth:
    """Ready only if the conditions that the pod's readiness gates name hold, too."""
    given = {one["type"]: one["status"] for one in (pod.get("status") or {}).get("conditions") or ()}
    said = []
    for gate in pod["spec"].get("readinessGates") or ():
        kind = gate["conditionType"]
        if kind not in given:
            said.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif given[kind] != "True":
            said.append(f'the status of pod readiness gate "{kind}" is not "True", but {given[kind]}')
    return (False, "ReadinessGatesNotReady", ", ".join(said)) if said and ready[0] else ready


def _conditions(old: list[Object], truths: dict[str, Truth], generation: int | None, now: str) -> list[Object]:
    before = {one["type"]: one for one in old}
    own = [_condition(kind, truth, before.get(kind), generation, now) for kind, truth in truths.items()]
    return own + [one for one in old if one["type"] not in truths]


def _condition(kind: str, truth: Truth, before: Object | None, generation: int | None, now: str) -> Object:
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
