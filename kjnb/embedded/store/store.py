"""The cluster's one mutable state: every object, one resourceVersion, what changed since.

Server, controller, scheduler and kubelet all write here and nowhere else. Objects are immutable once stored: a writer
builds new dicts along the path it changes and shares the rest. A write is visible to readers of this process at once;
it is announced (watches, `committed`) only after the group commit that made it durable, some milliseconds later.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kjnb.embedded.store.database import Database
from kjnb.embedded.store.history import ENCODE, Batch, Event, Expired, History, StoreError, Watch
from kjnb.embedded.store.lookup import Key, Lookup

__all__ = [
    "ENCODE", "AlreadyExists", "Batch", "Conflict", "Event", "Expired", "NotFound", "Store", "StoreError", "Watch",
]  # fmt: skip
Object = dict[str, Any]
Objects = list[Object]
Owned = list[tuple[str, Object]]


class AlreadyExists(StoreError):  # noqa: N818
    """An object of that name is there."""


class NotFound(StoreError):  # noqa: N818
    """No object of that name."""


class Conflict(StoreError):  # noqa: N818
    """The object changed since the version that the writer read."""


class Store:
    """See the module; `path` None keeps everything in memory only.

    The first write after a quiet time is committed `window` seconds later, a busy store commits each `spacing` seconds:
    what a commit, and waking everybody for it, costs is then shared by more writes.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], datetime | float],
        new_uid: Callable[[], str],
        window: float = 0.001,
        spacing: float = 0.008,
        history: int = 10_000,
    ) -> None:
        self._clock = clock
        self._new_uid = new_uid
        self._window = window
        self._spacing = spacing
        self._flushed = -spacing  # when, by the loop's clock
        self._objects: dict[str, dict[str, dict[str, Object]]] = {}
        self._lookup = Lookup()
        self._watches: dict[str, list[Watch]] = {}
        self._pending: list[Event] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._database = Database(path) if path is not None else None
        self.trouble = ""  # why the last commit failed
        self._rv = self._committed_rv = self._load()
        self._history = History(history, self._rv)

    def _load(self) -> int:
        if self._database is None:
            return 1
        gc.disable()  # nothing of what is read is garbage
        version, rows = self._database.load()
        gc.enable()
        for (resource, namespace, name), obj in rows:
            self._objects.setdefault(resource, {}).setdefault(namespace, {})[name] = obj
            self._lookup.change((resource, namespace, name), None, obj)
        return max(version, 1)

    # -- reading

    @property
    def resource_version(self) -> int:
        """The version of the last write."""
        return self._rv

    @property
    def committed_version(self) -> int:
        """The version up to which everything is durable and announced."""
        return self._committed_rv

    def get(self, resource: str, namespace: str | None, name: str) -> Object | None:
        """The object, or None."""
        return self._objects.get(resource, {}).get(namespace or "", {}).get(name)

    def list(self, resource: str, namespace: str | None = None) -> Objects:
        """All objects of a namespace, or of all of them, by namespace and name."""
        spaces = self._objects.get(resource, {})
        chosen = [namespace] if namespace is not None else sorted(spaces)
        found: Objects = []
        for space in chosen:
            names = spaces.get(space or "", {})
            found += [names[name] for name in sorted(names)]
        return found

    def oldest_first(self, resource: str, namespace: str | None = None) -> Objects:
        """All objects in order of their creation; those of before the last start come first, by name."""
        spaces = self._objects.get(resource, {})
        chosen = [namespace] if namespace is not None else list(spaces)
        return [obj for space in chosen for obj in spaces.get(space or "", {}).values()]

    def at(self, resource: str, namespace: str | None, version: int) -> Objects:
        """All objects as they were at that version, by namespace and name. Expired."""
        self._history.require(resource, version)
        found = {_place(obj): obj for obj in self.list(resource, namespace)}
        pending = [event for event in self._pending if event.resource == resource]
        for event in (*reversed(pending), *self._history.backwards(resource)):
            if event.rv <= version:
                break
            if event.old is None:
                found.pop(_place(event.obj), None)
            elif namespace is None or namespace == _place(event.obj)[0]:
                found[_place(event.obj)] = event.old
        return [found[place] for place in sorted(found)]

    def owned(self, owner_uid: str) -> Owned:
        """(resource, object) of everything whose ownerReferences name that uid."""
        return [
            (resource, self._objects[resource][space][name]) for resource, space, name in self._lookup.owned(owner_uid)
        ]

    def labelled(self, resource: str, namespace: str | None, labels: Mapping[str, str]) -> Objects:
        """Objects that may have all these labels, and those that do among them; by namespace and name.

        It costs what the rarest of the labels costs, whatever else there is.
        """
        found = [key[1:] for key in self._lookup.labelled(resource, labels) if namespace in (None, key[1])]
        return [self._objects[resource][space][name] for space, name in sorted(found)]

    def count(self, resource: str) -> int:
        """How many there are."""
        return sum(map(len, self._objects.get(resource, {}).values()))

    # -- writing

    def create(self, resource: str, obj: Object) -> Object:
        """Store a new object; sets uid, creationTimestamp and resourceVersion. AlreadyExists."""
        meta = obj["metadata"]
        key = (resource, meta.get("namespace") or "", meta["name"])
        if self.get(*key) is not None:
            raise AlreadyExists(resource, meta["name"])
        given = {"uid": meta.get("uid") or self._new_uid(), "creationTimestamp": self._now()}
        return self._put(key, "ADDED", {**obj, "metadata": {**meta, **given}}, None)

    def update(self, resource: str, obj: Object) -> Object:
        """Store a new state of an object. Conflict, NotFound; equal states are no write.

        An object marked for deletion, with no finalizers and no grace period left, is gone after it.
        """
        meta = obj["metadata"]
        key = (resource, meta.get("namespace") or "", meta["name"])
        old = self.get(*key)
        if old is None:
            raise NotFound(resource, meta["name"])
        was = old["metadata"]
        if meta.get("resourceVersion", was["resourceVersion"]) != was["resourceVersion"]:
            raise Conflict(resource, meta["name"])
        if meta.get("uid", was["uid"]) != was["uid"]:
            raise Conflict(resource, meta["name"])
        kept = {name: was[name] for name in ("uid", "creationTimestamp", "resourceVersion")}
        if any(meta.get(name) != value for name, value in kept.items()):
            meta = {**meta, **kept}
            obj = {**obj, "metadata": meta}
        if meta.get("deletionTimestamp") and not is_held(resource, obj):
            return self._put(key, "DELETED", obj, old)
        if obj == old:
            return old
        return self._put(key, "MODIFIED", obj, old)

    def remove(self, resource: str, namespace: str | None, name: str) -> Object | None:
        """The object is gone now, whatever its finalizers say; None when it was not there."""
        old = self.get(resource, namespace, name)
        return None if old is None else self._put((resource, namespace or "", name), "DELETED", old, old)

    def _put(self, key: Key, kind: str, obj: Object, old: Object | None) -> Object:
        resource, namespace, name = key
        self._rv += 1
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self._rv)}}
        names = self._objects.setdefault(resource, {}).setdefault(namespace, {})
        if kind == "DELETED":
            del names[name]
        else:
            names[name] = obj
        self._lookup.change(key, old, obj if kind != "DELETED" else None)
        self._pending.append(Event(kind, resource, obj, old, self._rv))
        if self._timer is None:
            self._schedule()
        return obj

    def _now(self) -> str:
        now = self._clock()
        moment = now if isinstance(now, datetime) else datetime.fromtimestamp(now, UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    # -- committing

    async def committed(self) -> None:
        """Return when all writes made so far are durable."""
        if not self._pending:
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.append(waiter)
        if self._timer is None:
            self._schedule()
        await waiter

    def _schedule(self, retry: float = 0.0) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # written before the loop runs: the first `committed` flushes
            return
        due = max(loop.time() + (retry or self._window), self._flushed + self._spacing)
        self._timer = loop.call_at(due, self._flush_in_time)

    def _flush_in_time(self) -> None:
        self.flush()
        self._flushed = asyncio.get_running_loop().time()

    def flush(self) -> None:
        """Make pending writes durable and announce them; on a full disk they stay pending and are tried again."""
        self._timer = None
        pending, waiters = self._pending, self._waiters
        if not pending:
            return
        self._waiters = []
        try:
            self._write(pending)
        except OSError as error:
            self.trouble = str(error)
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
            self._schedule(retry=1.0)
            return
        self._pending, self.trouble = [], ""
        self._committed_rv = pending[-1].rv
        self._announce(pending)
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _write(self, pending: Sequence[Event]) -> None:
        if self._database is None:
            return
        changes = latest(pending)
        if self._database.lost:
            self._database.renew()
            changes = {key: ENCODE(obj) for key, obj in self._everything()}
        self._database.write(pending[-1].rv, changes)

    def _everything(self) -> Iterator[tuple[Key, Object]]:
        for resource, spaces in self._objects.items():
            for space, names in spaces.items():
                for name, obj in names.items():
                    yield (resource, space, name), obj

    def _announce(self, events: Sequence[Event]) -> None:
        by_resource: dict[str, list[Event]] = {}
        for event in events:
            by_resource.setdefault(event.resource, []).append(event)
        for resource, some in by_resource.items():
            batch = Batch(some)
            self._history.add(resource, batch)
            for watch in tuple(self._watches.get(resource, ())):
                watch.offer(batch)

    # -- watching

    def watch(self, resource: str, since: int | None = None, *, limit: int | None = None) -> Watch:
        """Batches of the resource's events with a version above `since` (None: from now on). Expired."""
        since = self._rv if since is None else since
        missed = self._history.since(resource, since)
        watch = Watch(resource, since, limit, self.forget)
        if missed:
            watch.offer(Batch(missed))
        self._watches.setdefault(resource, []).append(watch)
        return watch

    def forget(self, watch: Watch) -> None:
        """Stop announcing to that watch."""
        watches = self._watches.get(watch.resource, [])
        if watch in watches:
            watches.remove(watch)

    def compact(self) -> None:
        """Forget all history: watches from before now are Expired."""
        self.flush()
        self._history.forget(self._rv)

    def close(self) -> None:
        """Commit what is pending, end all watches, close the file."""
        self.flush()
        for watches in list(self._watches.values()):
            for watch in tuple(watches):
                watch.close()
        if self._database is not None:
            self._database.close()


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def is_held(resource: str, obj: Object) -> bool:
    """Somebody must act, or time must pass, before an object that is marked for deletion may go."""
    meta = obj["metadata"]
    if meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return True
    return resource == "namespaces" and bool((obj.get("spec") or {}).get("finalizers"))


def latest(events: Sequence[Event]) -> dict[Key, bytes | None]:
    """The last state of every object that the events touch; None when it is gone."""
    final: dict[Key, Event] = {}
    for event in events:
        meta = event.obj["metadata"]
        final[(event.resource, meta.get("namespace") or "", meta["name"])] = event
    return {key: None if event.type == "DELETED" else event.encoded for key, event in final.items()}
