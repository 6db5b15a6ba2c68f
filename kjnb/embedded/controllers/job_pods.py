"""What the Job controller reads from a pod, and the names it writes on one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kjnb.embedded.api.timestamps import seconds

Object = dict[str, Any]

TRACKING = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
BUILT_IN = "kubernetes.io/job-controller"
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"


def uid(obj: Object) -> str:
    """The object's uid."""
    found: str = obj["metadata"]["uid"]
    return found


def phase(pod: Object) -> str:
    """Pending, Running, Succeeded or Failed."""
    found: str = pod.get("status", {}).get("phase", "Pending")
    return found


def terminal(pod: Object) -> bool:
    """Whether its containers are over for good."""
    return phase(pod) in ("Succeeded", "Failed")


def deleting(obj: Object) -> bool:
    """Whether somebody asked for its deletion."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def active(pod: Object) -> bool:
    """Neither over nor on its way out."""
    return not terminal(pod) and not deleting(pod)


def terminating(pod: Object) -> bool:
    """On its way out, not there yet."""
    return deleting(pod) and not terminal(pod)


def tracked(pod: Object) -> bool:
    """Whether it still carries the Job's finalizer: not counted yet, or not known to be."""
    return TRACKING in (pod["metadata"].get("finalizers") or ())


def failed(pod: Object, only_when_over: bool) -> bool:
    """Whether it counts as a failure; a pod on its way out does, unless the Job replaces only what has failed."""
    now = phase(pod)
    return now == "Failed" or (deleting(pod) and now != "Succeeded" and not only_when_over)


def ready(pod: Object) -> bool:
    """Whether its Ready condition is True."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def ready_since(pod: Object) -> float | None:
    """When it became ready; None while it is not."""
    conditions = pod.get("status", {}).get("conditions") or ()
    found = next((c for c in conditions if c["type"] == "Ready" and c["status"] == "True"), None)
    return None if found is None else seconds(found["lastTransitionTime"])


def index_of(pod: Object) -> int | None:
    """Its completion index; None where there is none, or one that is no number."""
    found = (pod["metadata"].get("annotations") or {}).get(INDEX, "")
    return int(found) if found.isascii() and found.isdigit() else None


def noted(pod: Object, annotation: str) -> int:
    """The count that an annotation holds; 0 without it."""
    found = (pod["metadata"].get("annotations") or {}).get(annotation, "")
    return int(found) if found.isascii() and found.isdigit() else 0


def container_statuses(pod: Object) -> Iterator[Object]:
    """The statuses of its containers and init containers."""
    status = pod.get("status", {})
    yield from status.get("containerStatuses") or ()
    yield from status.get("initContainerStatuses") or ()


def restarts(pod: Object) -> int:
    """How often its containers were started again."""
    return sum(status.get("restartCount", 0) for status in container_statuses(pod))


def left_alone(job: Object) -> bool:
    """Whether a controller from elsewhere looks after the Job."""
    return bool(job["spec"].get("managedBy", BUILT_IN) != BUILT_IN)


def controller_of(obj: Object) -> Object | None:
    """The owner reference of the object's controller."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def untracked(pod: Object) -> Object:
    """The pod without the Job's finalizer."""
    meta = pod["metadata"]
    left = [name for name in meta.get("finalizers") or () if name != TRACKING]
    kept = {key: value for key, value in meta.items() if key != "finalizers"}
    return {**pod, "metadata": {**kept, "finalizers": left} if left else kept}
