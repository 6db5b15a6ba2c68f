"""The cluster's one mutable state: every object, one resourceVersion, what changed since.

Server, controller, scheduler and kubelet all write here and nowhere else. Objects are immutable once stored: a writer
builds new dicts along the path it changes and shares the rest. A write is visible to readers of this process at once;
it is announced (watches, `committed`) only after the group commit that made it durable, some milliseconds later.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kjnb.embedded.database import Database

Object = dict[str, Any]
Objects = list[Object]
Owned = list[tuple[str, Object]]
Key = tuple[str, str, str]  # resource, namespace ("" for cluster scope), name
ENCODE = msgspec.json.Encoder().encode


class StoreError(Exception):
    """A write or a watch that the store refuses; `resource` and `name` say of what."""

    def __init__(self, resource: str, name: str = "", message: str = "") -> None:
        super().__init__(message or f'{resource} "{name}"')
        self.resource = resource
        self.name = name


class AlreadyExists(StoreError):  # noqa: N818
    """An object of that name is there."""


class NotFound(StoreError):  # noqa: N818
    """No object of that name."""


class Conflict(StoreError):  # noqa: N818
    """The object changed since the version that the writer read."""


class Expired(StoreError):  # noqa: N818
    """The history that was asked for is gone: list again."""


class EventFields(NamedTuple):
    """What happened to one object: `type` is ADDED, MODIFIED or DELETED; `old` is what was stored before."""

    type: str
    resource: str
    obj: Object
    old: Object | None
    rv: int


class Event(EventFields):
    """One change; its JSON is made once and shared by every watcher and the database."""

    @cached_property
    def encoded(self) -> bytes:
        """The object as JSON."""
        return ENCODE(self.obj)


class Batch(list[Event]):
    """The events of one resource in one commit; `chunks` lets watchers of the same selector share their bytes."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__(events)
        self.chunks: dict[object, bytes] = {}


class Watch:
    """An async iterator of batches in order of version; `close` ends it. With a `limit`, a reader that lags expires."""

    def __init__(self, store: Store, resource: str, since: int, limit: int | None) -> None:
        self.resource = resource
        self.since = since
        self._store = store
        self._limit = limit
        self._batches: deque[Batch] = deque()
        self._waiting = 0
        self._wake = asyncio.Event()
        self._closed = self._expired = False

    def offer(self, batch: Batch) -> None:
        """Queue a committed batch; called by the store."""
        if batch[-1].rv <= self.since or self._closed:
            return
        if batch[0].rv <= self.since:
            batch = Batch([event for event in batch if event.rv > self.since])
        self._waiting += len(batch)
        if self._limit is not None and self._waiting > self._limit:
            self._expired = True
            self._batches.clear()
        self._batches.append(batch)
        self._wake.set()

    @property
    def idle(self) -> bool:
        """Nothing is queued."""
        return not self._batches

    def close(self) -> None:
        """End the iteration; what is queued is dropped."""
        self._closed = True
        self._store.forget(self)
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        while not self._batches:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        if self._closed:
            raise StopAsyncIteration
        if self._expired:
            raise Expired(self.resource, message="the watch fell too far behind")
        batch = self._batches.popleft()
        self._waiting -= len(batch)
        return batch


class Store:
    """See the module; `path` None keeps everything in memory only. `window` is the group commit's, in seconds."""

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], datetime | float],
        new_uid: Callable[[], str],
        window: float = 0.001,
        history: int = 20_000,
    ) -> None:
        self._clock = clock
        self._new_uid = new_uid
        self._window = window
        self._kept = history
        self._objects: dict[str, dict[str, dict[str, Object]]] = {}
        self._owned: dict[str, dict[Key, None]] = {}
        self._history: dict[str, list[Event]] = {}
        self._compacted: dict[str, int] = {}
        self._watches: dict[str, list[Watch]] = {}
        self._pending: list[Event] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._database = Database(path) if path is not None else None
        self._rv = self._committed_rv = self._load()
        self._first = self._rv

    def _load(self) -> int:
        if self._database is None:
            return 1
        version, rows = self._database.load()
        for (resource, namespace, name), obj in rows:
            self._objects.setdefault(resource, {}).setdefault(namespace, {})[name] = obj
            self._index((resource, namespace, name), None, obj)
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

    def owned(self, owner_uid: str) -> Owned:
        """(resource, object) of everything whose ownerReferences name that uid."""
        keys = self._owned.get(owner_uid, {})
        return [(resource, self._objects[resource][space][name]) for resource, space, name in keys]

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
        if meta.get("deletionTimestamp") and not meta.get("finalizers") and not meta.get("deletionGracePeriodSeconds"):
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
        self._index(key, old, obj if kind != "DELETED" else None)
        self._pending.append(Event(kind, resource, obj, old, self._rv))
        if self._timer is None:
            self._schedule(self._window)
        return obj

    def _index(self, key: Key, old: Object | None, new: Object | None) -> None:
        before = old["metadata"].get("ownerReferences") if old else None
        after = new["metadata"].get("ownerReferences") if new else None
        if before is after:
            return
        for owner in before or ():
            keys = self._owned.get(owner["uid"], {})
            keys.pop(key, None)
            if not keys:
                self._owned.pop(owner["uid"], None)
        for owner in after or ():
            self._owned.setdefault(owner["uid"], {})[key] = None

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
            self._schedule(0)
        await waiter

    def _schedule(self, delay: float) -> None:
        try:
            self._timer = asyncio.get_running_loop().call_later(delay, self.flush)
        except RuntimeError:  # written before the loop runs: the first `committed` flushes
            self._timer = None

    def flush(self) -> None:
        """Make pending writes durable and announce them; on a full disk they stay pending and are tried again."""
        self._timer = None
        pending, waiters = self._pending, self._waiters
        if not pending:
            return
        self._waiters = []
        try:
            if self._database is not None:
                self._database.write(pending[-1].rv, latest(pending))
        except OSError as error:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
            self._schedule(1.0)
            return
        self._pending = []
        self._committed_rv = pending[-1].rv
        self._announce(pending)
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _announce(self, events: Sequence[Event]) -> None:
        by_resource: dict[str, list[Event]] = {}
        for event in events:
            by_resource.setdefault(event.resource, []).append(event)
        for resource, some in by_resource.items():
            past = self._history.setdefault(resource, [])
            past += some
            if len(past) > 2 * self._kept:
                self._compacted[resource] = past[-self._kept - 1].rv
                del past[: -self._kept]
            batch = Batch(some)
            for watch in tuple(self._watches.get(resource, ())):
                watch.offer(batch)

    # -- watching

    def watch(self, resource: str, since: int | None = None, *, limit: int | None = None) -> Watch:
        """Batches of the resource's events with a version above `since` (None: from now on). Expired."""
        since = self._rv if since is None else since
        if since < self._compacted.get(resource, self._first):
            raise Expired(resource, message=f"too old resource version: {since} ({self._rv})")
        watch = Watch(self, resource, since, limit)
        past = self._history.get(resource, [])
        missed = past[bisect_right(past, since, key=lambda event: event.rv) :]
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
        self._first = self._rv
        self._compacted.clear()
        self._history.clear()

    def close(self) -> None:
        """Commit what is pending, end all watches, close the file."""
        self.flush()
        for watches in list(self._watches.values()):
            for watch in tuple(watches):
                watch.close()
        if self._database is not None:
            self._database.close()


def latest(events: list[Event]) -> dict[Key, bytes | None]:
    """The last state of every object that the events touch; None when it is gone."""
    final: dict[Key, Event] = {}
    for event in events:
        meta = event.obj["metadata"]
        final[(event.resource, meta.get("namespace") or "", meta["name"])] = event
    return {key: None if event.type == "DELETED" else event.encoded for key, event in final.items()}
