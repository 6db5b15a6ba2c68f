"""What a delete request does to an object: gone at once, or marked and left to those who must act first.

Pods on a node are given their grace period, objects with finalizers wait for them; the garbage collector acts on the
`orphan` and `foregroundDeletion` finalizers, the kubelet on a pod's deletionTimestamp.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from kjnb.embedded.api import namespaces
from kjnb.embedded.api.resources import BY_PLURAL
from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.store.store import Store

Object = dict[str, Any]
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
FINALIZER_OF = {"Foreground": FOREGROUND, "Orphan": ORPHAN, "Background": None}


def request_deletion(
    store: Store,
    resource: str,
    obj: Object,
    *,
    grace: int | None,
    propagation: str | None,
    now: datetime,
) -> tuple[Object, bool]:
    """(the object as it is after the request, whether it is gone). Asked again, a pod's grace can only shrink."""
    meta = obj["metadata"]
    if resource == "namespaces" and (namespaces.held(obj) or not meta.get("deletionTimestamp")):
        return store.update(resource, namespaces.terminating(obj, now.timestamp())), False
    seconds = grace_of(resource, obj, grace)
    finalizers = with_propagation(resource, meta.get("finalizers") or [], propagation)
    if meta.get("deletionTimestamp"):
        seconds = min(seconds, meta.get("deletionGracePeriodSeconds", 0))
    if not seconds and not finalizers:
        gone = store.remove(resource, meta.get("namespace"), meta["name"])
        return gone or obj, True
    return store.update(resource, {**obj, "metadata": marked(meta, finalizers, seconds, now)}), False


def marked(meta: Object, finalizers: list[str], seconds: int, now: datetime) -> Object:
    """The metadata of an object that is being deleted."""
    kept = {name: value for name, value in meta.items() if name != "finalizers"}
    if finalizers:
        kept["finalizers"] = finalizers
    if meta.get("deletionTimestamp") and meta.get("deletionGracePeriodSeconds") == seconds:
        return kept
    ends = now + timedelta(seconds=seconds)
    return {**kept, "deletionTimestamp": stamp(ends.timestamp()), "deletionGracePeriodSeconds": seconds}


def grace_of(resource: str, obj: Object, asked: int | None) -> int:
    """Seconds that a pod on a node is given; everything else is given none."""
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    if resource != "pods" or not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    own = spec.get("terminationGracePeriodSeconds", 30)
    seconds = int(own if asked is None else asked)
    return 1 if seconds < 0 else seconds


def with_propagation(resource: str, finalizers: list[str], propagation: str | None) -> list[str]:
    """The finalizers that make the garbage collector orphan the dependents, or delete them first."""
    if propagation is None:
        if ORPHAN in finalizers or FOREGROUND in finalizers:
            return finalizers
        row = BY_PLURAL.get(resource)
        propagation = row.default_propagation if row else "Background"
    wanted = FINALIZER_OF[propagation]
    kept = [one for one in finalizers if one not in (FOREGROUND, ORPHAN)]
    return [*kept, wanted] if wanted else kept
