"""What the API server makes of an object before it is checked and stored: who may set what, and what it adds itself."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api.resources import Resource

Object = dict[str, Any]
SERVER_SET = ("uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp",
              "deletionGracePeriodSeconds", "managedFields", "selfLink")  # fmt: skip
KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
GENERATED_PREFIX = 58


def new_object(resource: Resource, obj: Object, uid: str) -> Object:
    """A new object as the server stores it, defaults filled in: nothing in it that is the server's to say."""
    meta = {name: value for name, value in obj["metadata"].items() if name not in SERVER_SET}
    obj = {**obj, "metadata": {**meta, "uid": uid}}
    if resource.plural in ("jobs", "pods"):
        obj.pop("status", None)
        obj["spec"] = obj.get("spec") or {}
    if resource.plural == "namespaces":
        obj = {name: value for name, value in obj.items() if name not in ("spec", "status")}
    obj = resource.default(obj)
    return new_job(obj) if resource.plural == "jobs" else obj


def new_job(job: Object) -> Object:
    """A selector by the Job's own uid, generation 1."""
    return {**job, "spec": with_selector(job), "metadata": {**job["metadata"], "generation": 1}, "status": {}}


def labelled(resource: Resource, obj: Object) -> Object:
    """A Job without labels has its template's; called when all is checked, so that nothing is refused twice."""
    if resource.plural != "jobs" or obj["metadata"].get("labels"):
        return obj
    labels = (obj["spec"]["template"].get("metadata") or {}).get("labels")
    return {**obj, "metadata": {**obj["metadata"], "labels": dict(labels)}} if labels else obj


def with_selector(job: Object) -> Object:
    """The spec with the generated selector and template labels, unless the Job brings its own."""
    spec: Object = job["spec"]
    if spec.get("manualSelector"):
        return spec
    uid, name = job["metadata"]["uid"], job["metadata"].get("name", "")
    ours = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    template = spec["template"]
    marks = template.get("metadata") or {}
    marks = {**marks, "labels": {**ours, **(marks.get("labels") or {})}}
    selector = spec.get("selector") or {}
    matched = {"batch.kubernetes.io/controller-uid": uid, **(selector.get("matchLabels") or {})}
    return {**spec, "selector": {**selector, "matchLabels": matched}, "template": {**template, "metadata": marks}}


def new_state(resource: Resource, new: Object, old: Object, subresource: str | None) -> Object:
    """What an update may become: through `/status` only the status changes, else everything but the status."""
    meta = {
        name: value for name, value in new["metadata"].items() if name not in SERVER_SET or name == "resourceVersion"
    }
    meta |= {name: old["metadata"][name] for name in KEPT if name in old["metadata"]}
    new = {**new, "metadata": meta}
    if subresource == "status":
        return of_status(resource, new, old)
    if resource.plural == "namespaces":
        new = carried(resource.default(new), old, "status")
        return new if subresource == "finalize" else carried(new, old, "spec")
    if resource.subresources:
        new = carried(new, old, "status")
    new = resource.default(new)
    if "generation" in meta and new.get("spec") != old.get("spec"):
        new = {**new, "metadata": {**new["metadata"], "generation": meta["generation"] + 1}}
    return new


def of_status(resource: Resource, new: Object, old: Object) -> Object:
    """The status is new, and labels and annotations may be; nothing else, a pod's owners included."""
    meta = new["metadata"]
    if resource.plural == "pods":
        meta = carried(meta, old["metadata"], "ownerReferences")
    return {**old, "metadata": meta, "status": new.get("status") or {}}


def carried(new: Object, old: Object, part: str) -> Object:
    """The new object with that part of the old one."""
    kept = {name: value for name, value in new.items() if name != part}
    return {**kept, part: old[part]} if part in old else kept


def generated_name(prefix: str, draw: Any) -> str:
    """`prefix` and five random letters; `draw(letters)` picks one."""
    return prefix[:GENERATED_PREFIX] + "".join(draw(SUFFIX_LETTERS) for _ in range(5))
