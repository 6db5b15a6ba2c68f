"""What holds of the store at any moment: `broken(store)` names what does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kjnb.embedded.api import schema
from kjnb.embedded.api.resources import BY_PLURAL, Resource
from kjnb.embedded.store.store import Store

Object = dict[str, Any]
TRACKED = "batch.kubernetes.io/job-tracking"
COUNTS = ("active", "ready", "succeeded", "failed", "terminating")


def broken(store: Store) -> list[str]:
    """One line for each thing that does not hold."""
    found: list[str] = []
    uids: set[str] = set()
    for plural, resource in BY_PLURAL.items():
        for obj in store.list(plural):
            meta = obj["metadata"]
            where = f"{plural} {meta.get('namespace', '')}/{meta['name']}"
            found += [f"{where}: {words}" for words in of_object(store, resource, obj)]
            if meta["uid"] in uids:
                found.append(f"{where}: its uid is another's, too")
            uids.add(meta["uid"])
    return found + list(of_owners(store)) + list(of_jobs(store))


def of_object(store: Store, resource: Resource, obj: Object) -> Iterator[str]:
    """Its own document: place, versions, types, rules, defaults."""
    meta = obj["metadata"]
    if store.get(resource.plural, meta.get("namespace"), meta["name"]) is not obj:
        yield "it lies elsewhere than its name says"
    if not 0 < int(meta["resourceVersion"]) <= store.resource_version:
        yield f"its version {meta['resourceVersion']} is not the store's"
    if not (meta.get("uid") and meta.get("creationTimestamp")):
        yield "no uid, or no time of creation"
    if resource.namespaced and store.get("namespaces", None, meta["namespace"]) is None:
        yield "its namespace is gone"
    if meta.get("deletionTimestamp") and not (meta.get("finalizers") or meta.get("deletionGracePeriodSeconds")):
        yield "marked for deletion with nothing that it waits for"
    if (obj.get("kind"), obj.get("apiVersion")) != (resource.kind, resource.api_version):
        yield f"it says it is {obj.get('kind')} of {obj.get('apiVersion')}"
    yield from of_content(resource, obj)


def of_content(resource: Resource, obj: Object) -> Iterator[str]:
    """Types, rules and defaults."""
    try:
        _, unknown = schema.read(resource.kind, obj)
    except schema.Mismatch as error:
        yield f"wrong type: {error}"
        return
    if unknown:
        yield f"unknown fields {unknown}"
    for error in resource.check(obj) if obj["metadata"]["name"] and resource.plural != "nodes" else []:
        yield f"refused by its own rules: {error}"
    filled = resource.default(obj)
    if {**filled, "status": None} != {**obj, "status": None} and resource.plural != "namespaces":
        yield "defaults change it"


def of_owners(store: Store) -> Iterator[str]:
    """The index of owners says what the objects say."""
    told: dict[str, set[tuple[str, str, str]]] = {}
    for plural in BY_PLURAL:
        for obj in store.list(plural):
            meta = obj["metadata"]
            for owner in meta.get("ownerReferences") or ():
                told.setdefault(owner["uid"], set()).add((plural, meta.get("namespace") or "", meta["name"]))
    for uid, keys in told.items():
        kept = {(plural, o["metadata"].get("namespace") or "", o["metadata"]["name"]) for plural, o in store.owned(uid)}
        if kept != keys:
            yield f"the index of owner {uid} says {kept}, the objects {keys}"


def of_jobs(store: Store) -> Iterator[str]:
    """Counts are no less than nothing; a Job that came to its end says how, once."""
    for job in store.list("jobs"):
        status, name = job.get("status") or {}, job["metadata"]["name"]
        if any(status.get(count, 0) < 0 for count in COUNTS):
            yield f"job {name}: a count below zero: {status}"
        ended = [c["type"] for c in status.get("conditions") or [] if c["type"] in ("Complete", "Failed")]
        if len(ended) != len(set(ended)) or len(ended) > 1:
            yield f"job {name}: ended as {ended}"


def versions(store: Store) -> dict[str, tuple[str, int]]:
    """uid → (where, version) of every object: no version ever goes back."""
    return {
        obj["metadata"]["uid"]: (f"{plural} {obj['metadata']['name']}", int(obj["metadata"]["resourceVersion"]))
        for plural in BY_PLURAL
        for obj in store.list(plural)
    }


def went_back(before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]]) -> list[str]:
    """The objects whose version is lower than it was."""
    return [where for uid, (where, version) in after.items() if uid in before and version < before[uid][1]]
