"""Two requests that are posted to a pod: to leave its node, and to be put on one."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api import answers, deletion, schema
from kjnb.embedded.api.resources import BY_PLURAL
from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.api.verbs import Api, deletion_options, preconditions

Object = dict[str, Any]
PODS = BY_PLURAL["pods"]
SUCCESS: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
KINDS = {"eviction": ("Eviction", ("policy/v1", "policy/v1beta1")), "binding": ("Binding", ("v1",))}


def posted(api: Api, namespace: str, name: str, subresource: str, body: Any, dry_run: bool) -> Object:
    """Evict or bind that pod."""
    kind, versions = KINDS[subresource]
    given = schema.posted(body, kind, versions)
    meta = given.get("metadata") or {}
    for part, wanted in (("name", name), ("namespace", namespace)):
        if meta.get(part, wanted) != wanted:
            raise answers.bad_request(f"{part} in URL does not match {part} in {kind} object")
    pod = api.get(PODS, namespace, name)
    return (evict if subresource == "eviction" else bind)(api, pod, given, dry_run)


def evict(api: Api, pod: Object, eviction: Object, dry_run: bool) -> Object:
    """Say why the pod goes, then delete it; there are no disruption budgets that could forbid it."""
    options = eviction.get("deleteOptions") or {}
    grace, propagation = deletion_options(options)
    preconditions(PODS, pod, options)
    if dry_run or "All" in (options.get("dryRun") or []):
        return SUCCESS
    at = api.clock()
    pod = api.store.update("pods", {**pod, "status": evicted(pod.get("status") or {}, stamp(at.timestamp()))})
    deletion.request_deletion(api.store, "pods", pod, grace=grace, propagation=propagation, now=at)
    return SUCCESS


def evicted(status: Object, when: str) -> Object:
    """The status with the condition that tells an eviction from the pod's own failure."""
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": when,
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    known = status.get("conditions") or []
    if any(one["type"] == "DisruptionTarget" and one["status"] == "True" for one in known):
        return status
    return {**status, "conditions": [*(one for one in known if one["type"] != "DisruptionTarget"), condition]}


def bind(api: Api, pod: Object, binding: Object, dry_run: bool) -> Object:
    """Put a pod that has no node on one, as a scheduler of the caller's own does."""
    name, target = pod["metadata"]["name"], binding.get("target")
    node = (target or {}).get("name")
    if not node:
        error = answers.FieldError("target.name", "FieldValueRequired", "Required value")
        raise answers.invalid("Binding", "", name, [error])
    at = pod["spec"].get("nodeName")
    if at or pod["metadata"].get("deletionTimestamp"):
        why = (
            f'pod {name} is already assigned to node "{at}"'
            if at
            else f"pod {name} is being deleted, cannot be assigned to a host"
        )
        raise answers.conflict("pods/binding", "", name, why)
    if not dry_run:
        condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None,
                     "lastTransitionTime": stamp(api.clock().timestamp())}  # fmt: skip
        status = pod.get("status") or {}
        others = [one for one in status.get("conditions") or [] if one["type"] != "PodScheduled"]
        spec = {**pod["spec"], "nodeName": node}
        api.store.update("pods", {**pod, "spec": spec, "status": {**status, "conditions": [*others, condition]}})
    return SUCCESS
