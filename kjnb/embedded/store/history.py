"""What happened lately, by resource: what a watch goes on from, bounded in number and bytes, so that it ends in 410.

An event's JSON is made once, for the database and all watchers; it is dropped again when the event is no longer among
the latest, and made anew for the seldom reader that is so far behind.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import msgspec

Object = dict[str, Any]
ENCODE = msgspec.json.Encoder().encode
MOST_BYTES = 32 * 1024 * 1024  # of JSON, by resource; what is kept of it in memory is about as much
ENCODED_BYTES = 6 * 1024 * 1024  # kept as JSON, too
UNKNOWN_SIZE = 2048  # an event that nobody needed as JSON


class StoreError(Exception):
    """A write or a watch that the store refuses; `resource` and `name` say of what."""

    def __init__(self, resource: str, name: str = "", message: str = "") -> None:
        super().__init__(message or f'{resource} "{name}"')
        self.resource = resource
        self.name = name


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

    @property
    def encoded(self) -> bytes:
        """The object as JSON."""
        known: bytes | None = self.__dict__.get("encoded")  # without cached_property's lock, which costs more
        if known is None:
            known = self.__dict__["encoded"] = ENCODE(self.obj)
        return known

    @cached_property
    def size(self) -> int:
        """About how many bytes it holds."""
        return len(self.encoded) if "encoded" in self.__dict__ else UNKNOWN_SIZE

    def shrink(self) -> None:
        """Forget the JSON."""
        self.__dict__.pop("encoded", None)


class Batch(list[Event]):
    """The events of one resource in one commit; `chunks` lets watchers of the same selector share their bytes."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__(events)
        self.chunks: dict[object, bytes] = {}

    @cached_property
    def size(self) -> int:
        """About how many bytes it holds."""
        return sum(event.size for event in self)


class Watch:
    """An async iterator of batches in order of version; `close` ends it. With a `limit`, a reader that lags expires."""

    def __init__(self, resource: str, since: int, limit: int | None, closed: Callable[[Watch], None]) -> None:
        self.resource = resource
        self.since = since
        self._limit = limit
        self._tell_closed = closed
        self._batches: deque[Batch] = deque()
        self._waiting = self._bytes = 0
        self._wake = asyncio.Event()
        self._closed = self._expired = False

    def offer(self, batch: Batch) -> None:
        """Queue a committed batch; called by the store."""
        if batch[-1].rv <= self.since or self._closed or self._expired:
            return
        if batch[0].rv <= self.since:
            batch = Batch([event for event in batch if event.rv > self.since])
        if self._limit is not None:
            self._waiting += len(batch)
            self._bytes += batch.size
            late = self._waiting > self._limit or (self._bytes > MOST_BYTES and bool(self._batches))
            self._expired = late
            if late:
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
        self._batches.clear()
        self._tell_closed(self)
        self._wake.set()

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Batch:
        while not self._batches and not self._closed:
            self._wake.clear()
            await self._wake.wait()
        if self._closed:
            raise StopAsyncIteration
        if self._expired:
            raise Expired(self.resource, message="the watch fell too far behind")
        batch = self._batches.popleft()
        if self._limit is not None:
            self._waiting -= len(batch)
            self._bytes -= batch.size
        return batch


class Past:
    """The latest events of one resource."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._encoded: deque[Event] = deque()  # the newest, whose JSON is kept
        self._encoded_bytes = 0

    def add(self, batch: Batch, most: int) -> int | None:
        """Take in what was committed; the version of the last event that had to go for it."""
        self._events += batch
        self._encoded += batch
        self._bytes += batch.size
        self._encoded_bytes += batch.size
        while self._encoded_bytes > ENCODED_BYTES and self._encoded:
            self._shrink_oldest()
        gone = None
        while len(self._events) > most or (self._bytes > MOST_BYTES and len(self._events) > 1):
            event = self._events.popleft()
            self._bytes -= event.size
            gone = event.rv
            if self._encoded and self._encoded[0] is event:
                self._shrink_oldest()
        return gone

    def _shrink_oldest(self) -> None:
        event = self._encoded.popleft()
        self._encoded_bytes -= event.size
        event.shrink()

    def since(self, version: int) -> list[Event]:
        """The events after that version."""
        return list(islice(self._events, bisect_right(self._events, version, key=lambda event: event.rv), None))

    def backwards(self) -> Iterator[Event]:
        """The newest first."""
        return reversed(self._events)


class History:
    """The past of every resource, `most` events each; it begins at `first`."""

    def __init__(self, most: int, first: int) -> None:
        self._most = most
        self._first = first
        self._past: dict[str, Past] = {}
        self._oldest: dict[str, int] = {}

    def add(self, resource: str, batch: Batch) -> None:
        """Take in what was committed."""
        gone = self._past.setdefault(resource, Past()).add(batch, self._most)
        if gone is not None:
            self._oldest[resource] = gone

    def since(self, resource: str, version: int) -> list[Event]:
        """What happened after that version. Expired."""
        self.require(resource, version)
        past = self._past.get(resource)
        return past.since(version) if past else []

    def backwards(self, resource: str) -> Iterator[Event]:
        """The newest first."""
        past = self._past.get(resource)
        return past.backwards() if past else iter(())

    def require(self, resource: str, version: int) -> None:
        """Expired, unless everything after that version is known."""
        oldest = self._oldest.get(resource, self._first)
        if version < oldest:
            raise Expired(resource, message=f"too old resource version: {version} ({oldest})")

    def forget(self, version: int) -> None:
        """Everything up to that version."""
        self._first = version
        self._past.clear()
        self._oldest.clear()
