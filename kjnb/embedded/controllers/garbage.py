"""What becomes of objects whose owners go: deleted with them, before them, or left behind without them.

An object with several owners loses only the reference to the one that is gone, and goes with the last. All is found
through the store's index of owners: no scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from kjnb.embedded.api.deletion import FOREGROUND, ORPHAN, request_deletion
from kjnb.embedded.controllers.job_pods import Object, deleting, terminal, uid
from kjnb.embedded.store.store import Event, Store

RESOURCE_OF = {
    "Job": "jobs",
    "Pod": "pods",
    "ConfigMap": "configmaps",
    "Secret": "secrets",
    "Namespace": "namespaces",
    "Node": "nodes",
}


class Garbage:
    """Follows owners and dependents in the store; `collect` takes committed events."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self, batch: Iterable[Event], now: float) -> None:
        """Act on what happened to some objects."""
        waiting: dict[str, tuple[str, Object]] = {}
        for event in batch:
            if event.type == "DELETED":
                self._owner_gone(event.obj, now)
                waiting.update(self._blocked_owners(event.obj))
                continue
            current = self._current(event.resource, event.obj)
            if current is not None and event.type == "ADDED":
                self._absent_owners(event.resource, current, now)
            if current is not None and deleting(current):
                self._fail_unplaced(event.resource, current)
                waiting[uid(current)] = (event.resource, current)
        for resource, owner in waiting.values():
            if (current := self._current(resource, owner)) is not None:
                self._leave(resource, current, now)

    def sweep(self, resources: Iterable[str], now: float) -> None:
        """Look at everything once: what happened while nobody watched."""
        for resource in resources:
            for obj in self._store.list(resource):
                self._absent_owners(resource, obj, now)
                current = self._current(resource, obj)
                if current is not None and deleting(current):
                    self._fail_unplaced(resource, current)
                    current = self._current(resource, current)
                if current is not None and deleting(current):
                    self._leave(resource, current, now)

    def _fail_unplaced(self, resource: str, obj: Object) -> None:
        """A pod that is deleted before it had a node has no kubelet to say that it is over."""
        if resource == "pods" and not obj["spec"].get("nodeName") and not terminal(obj):
            self._store.update(resource, {**obj, "status": {**obj.get("status", {}), "phase": "Failed"}})

    def _current(self, resource: str, obj: Object) -> Object | None:
        found = self._store.get(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        return found if found is not None and uid(found) == uid(obj) else None

    def _owner_gone(self, owner: Object, now: float) -> None:
        for resource, dependent in self._store.owned(uid(owner)):
            self._drop(resource, dependent, uid(owner), now)

    def _drop(self, resource: str, dependent: Object, gone: str, now: float) -> None:
        """Without that owner: deleted if it was the last one, else one reference shorter."""
        left = [owner for owner in dependent["metadata"]["ownerReferences"] if owner["uid"] != gone]
        if any(self._owner_lives(dependent, owner) for owner in left):
            self._store.update(resource, with_owners(dependent, left))
        elif not deleting(dependent):
            self._delete(resource, dependent, now)

    def _owner(self, dependent: Object, owner: Object) -> Object | None:
        resource = RESOURCE_OF[owner["kind"]]
        namespace = None if resource in ("namespaces", "nodes") else dependent["metadata"].get("namespace")
        found = self._store.get(resource, namespace, owner["name"])
        return found if found is not None and uid(found) == owner["uid"] else None

    def _owner_lives(self, dependent: Object, owner: Object, *, also_leaving: bool = False) -> bool:
        if owner["kind"] not in RESOURCE_OF:  # of a kind that is not served: nobody can say that it is gone
            return True
        found = self._owner(dependent, owner)
        return found is not None and (also_leaving or not deleting(found))

    def _delete(self, resource: str, obj: Object, now: float) -> None:
        when = datetime.fromtimestamp(now, UTC)
        request_deletion(self._store, resource, obj, grace=None, propagation="Background", now=when)

    def _absent_owners(self, resource: str, obj: Object, now: float) -> None:
        """An object made for an owner that is no more goes, too."""
        owners = obj["metadata"].get("ownerReferences") or ()
        exists = (self._owner_lives(obj, owner, also_leaving=True) for owner in owners)
        if owners and not deleting(obj) and not any(exists):
            self._delete(resource, obj, now)

    def _leave(self, resource: str, owner: Object, now: float) -> None:
        """An owner that waits for its dependents to be orphaned, or to be gone."""
        finalizers = owner["metadata"].get("finalizers") or ()
        if ORPHAN in finalizers:
            for kind, dependent in self._store.owned(uid(owner)):
                left = [one for one in dependent["metadata"]["ownerReferences"] if one["uid"] != uid(owner)]
                self._store.update(kind, with_owners(dependent, left))
            self._release(resource, owner, ORPHAN)
        elif FOREGROUND in finalizers:
            for kind, dependent in self._store.owned(uid(owner)):
                if not deleting(dependent):
                    self._drop(kind, dependent, uid(owner), now)
            if not any(blocks(dependent, uid(owner)) for _, dependent in self._store.owned(uid(owner))):
                self._release(resource, owner, FOREGROUND)

    def _release(self, resource: str, obj: Object, finalizer: str) -> None:
        meta = obj["metadata"]
        left = [name for name in meta.get("finalizers") or () if name != finalizer]
        self._store.update(resource, {**obj, "metadata": {**meta, "finalizers": left}})

    def _blocked_owners(self, gone: Object) -> Iterator[tuple[str, tuple[str, Object]]]:
        """Owners on their way out that may have waited for this dependent, by uid."""
        for owner in gone["metadata"].get("ownerReferences") or ():
            found = self._owner(gone, owner) if owner["kind"] in RESOURCE_OF else None
            if found is not None and deleting(found):
                yield owner["uid"], (RESOURCE_OF[owner["kind"]], found)


def with_owners(obj: Object, owners: list[Object]) -> Object:
    """The object with these owner references."""
    kept = {key: value for key, value in obj["metadata"].items() if key != "ownerReferences"}
    return {**obj, "metadata": {**kept, "ownerReferences": owners} if owners else kept}


def blocks(dependent: Object, owner_uid: str) -> bool:
    """Whether the owner must wait until this dependent is gone."""
    owners = dependent["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] == owner_uid and owner.get("blockOwnerDeletion") for owner in owners)
