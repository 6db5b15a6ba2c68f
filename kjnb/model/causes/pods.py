"""Why one pod does not go on: the first of all rules that has something to say, and an honest word where none has."""

from __future__ import annotations

from kjnb.model.causes import ended, images, scheduling, setup
from kjnb.model.causes.remedy import Scene
from kjnb.model.causes.told import Told
from kjnb.model.failures import Failure
from kjnb.model.findings import Cause, Rank
from kjnb.model.podfacts import ENDED, Pod

START_SECONDS = 5.0  # a pod that starts for less is not worth a word
STOP_SECONDS = 10.0  # after its grace a pod is gone, or its node is
BUSY = ("", "ContainerCreating", "PodInitializing")


def cause(pod: Pod, scene: Scene, told: Told, now: float, failure: Failure | None = None) -> Cause | None:
    """Why the pod does not go on, or why it failed; None if it goes well."""
    if pod.phase in ENDED or pod.held("DisruptionTarget"):
        return ended.cause(pod, scene, failure)
    if pod.deleting is not None:
        return stopping(pod, now)
    return scheduling.cause(pod, scene, told.claims) or containers(pod, scene, told) or slow(pod, told, now)


def containers(pod: Pod, scene: Scene, told: Told) -> Cause | None:
    """The first container that cannot be made or started, then what keeps the volumes away."""
    pulls = told.pulls.get(pod.name, [])
    for box in pod.boxes:
        found = (
            images.cause(box, pulls, scene)
            or setup.config(pod, box, scene)
            or setup.container(box, scene)
            or setup.restarting(box)
        )
        if found:
            return found
    waits = pod.phase == "Pending" and all(one.waiting is None or one.waiting.reason in BUSY for one in pod.boxes)
    return setup.mount(told.mounts.get(pod.name, []), scene) if waits else None


def stopping(pod: Pod, now: float) -> Cause | None:
    """A pod that is asked to stop and has not stopped long after its time."""
    if pod.deleting is None or now - pod.deleting < STOP_SECONDS:
        return None
    return Cause(
        "not-stopping",
        "it should have stopped long ago: its node may not answer",
        "wait for the node, or have its owner look; `kubectl delete pod POD --force` gives it up",
        "a pod does not stop",
    )


def slow(pod: Pod, told: Told, now: float) -> Cause | None:
    """A pod that is neither running nor explained."""
    age = None if pod.created is None else now - pod.created
    if pod.phase == "Running" or (pod.phase == "Pending" and age is not None and age < START_SECONDS):
        return None
    reasons = [box.waiting.reason for box in pod.boxes if box.waiting and box.waiting.reason]
    message = pod.message or next((box.waiting.message for box in pod.boxes if box.waiting and box.waiting.message), "")
    state = pod.reason or next(iter(reasons), "")
    if pod.phase == "Unknown":
        said = "its node does not answer"
    else:
        since = "" if age is None else f" after {round(age)} s"
        said = f"not running yet{since}{f' ({state})' if state else ''}"
    known = "" if told.readable else "its events, which may say why, cannot be read with your rights"
    return Cause(
        "unexplained",
        said,
        "kubectl describe pod POD tells all that is known; wait, or ask the cluster's owner",
        f"pods not running yet{f' ({state})' if state else ''}",
        message or known,
        Rank.WAITING,
    )
