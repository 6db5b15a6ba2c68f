"""Which pods nobody needs any more, as kube-controller-manager's podgc has it: too many finished ones, and lost ones.

Never one that still carries its Job's finalizer: it is not counted yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.controllers.job_pods import Object, terminal, tracked

THRESHOLD = 12_500  # finished pods that stay, as in Kubernetes
QUARANTINE = 40.0  # seconds that a node may be away before its pods are lost


def collectable(pod: Object) -> bool:
    """Whether the pod is over and counted."""
    return terminal(pod) and not tracked(pod)


def surplus(pods: Iterable[Object], number: int) -> list[Object]:
    """That many of these finished pods: evicted ones first, then the oldest."""
    return nsmallest(number, pods, key=_rank)


def _rank(pod: Object) -> tuple[bool, str, str]:
    meta = pod["metadata"]
    return pod["status"].get("reason") != "Evicted", meta["creationTimestamp"], meta["name"]


def lost(pod: Object, now: float) -> Object:
    """A pod whose node is no more: it failed, and its Job may say that this does not count."""
    if terminal(pod):
        return pod
    said: Object = {"type": "DisruptionTarget", "status": "True", "lastProbeTime": None}
    said |= {"lastTransitionTime": stamp(now), "reason": "DeletionByPodGC", "message": "PodGC: node no longer exists"}
    status = pod.get("status") or {}
    others = [one for one in status.get("conditions") or () if one["type"] != said["type"]]
    return {**pod, "status": {**status, "phase": "Failed", "conditions": [*others, said]}}
