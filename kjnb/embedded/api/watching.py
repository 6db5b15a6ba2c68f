"""One HTTP watch: committed batches → bytes of JSON lines, filtered by the selector, with bookmarks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from kjnb.embedded.api import answers, collections, selectors
from kjnb.embedded.api.list_options import ListOptions
from kjnb.embedded.api.representation import Form
from kjnb.embedded.api.resources import Resource
from kjnb.embedded.store.store import Batch, Event, Expired, Store, Watch

Object = dict[str, Any]
ENCODE = msgspec.json.Encoder().encode
BOOKMARK_SECONDS = 30.0
WATCH_SECONDS = 1800.0
LAG = 20_000  # events that a slow reader may be behind before it must list again
GATHER = 0.05  # seconds from one chunk to the next: a chunk costs as much as ten events, here and in the client
LARGEST = 1 << 20  # bytes that are gathered
END_OF_LIST = {"k8s.io/initial-events-end": "true"}


class Asked(NamedTuple):
    """What a watch wants: of whom, which, from where, in what form, for how long."""

    resource: Resource
    namespace: str | None
    test: selectors.Test | None
    key: tuple[str, ...]  # what decides over the bytes, as text: equal ones share them
    since: int | None
    initial: bool  # begin with what is there
    form: Form
    bookmarks: bool
    mark_end: bool  # a bookmark ends the initial events
    seconds: float

    @classmethod
    def of(
        cls, resource: Resource, namespace: str | None, test: selectors.Test | None, form: Form, options: ListOptions
    ) -> Asked:
        """From the options of a request. Without a version, or from 0, a watch begins with what is there."""
        begins = options.version in ("", "0")
        initial = begins if options.initial is None else options.initial
        key = resource.group, form.kind, form.version, namespace or "", options.labels, options.fields
        return cls(
            resource, namespace, test, key, None if begins else int(options.version), initial, form, options.bookmarks,
            bool(options.initial) and options.bookmarks,
            float(options.seconds if options.seconds > 0 else WATCH_SECONDS),
        )  # fmt: skip


class Stream:
    """The bytes of one watch; iterate over `chunks`, `close` it when the client has gone."""

    def __init__(self, store: Store, asked: Asked, clock: Callable[[], datetime]) -> None:
        self.store, self.asked, self.clock = store, asked, clock
        self.columns = True  # a Table names its columns once
        self.start: list[Object] = []
        since = asked.since
        if asked.initial:
            labels, plural = selectors.needed_labels(asked.test), asked.resource.plural
            found = store.labelled(plural, asked.namespace, labels) if labels else store.list(plural, asked.namespace)
            self.start = [obj for obj in found if asked.test is None or asked.test(obj)]
            since = store.resource_version
        try:
            self.watch: Watch = store.watch(asked.resource.plural, since, limit=LAG)
        except Expired as error:
            raise answers.expired(str(error)) from None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Joined lines until the time is over; what comes quickly after a chunk is gathered for the next."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.asked.seconds
        await self.store.committed()
        first = b"".join(self._line("ADDED", obj) for obj in self.start)
        if self.asked.mark_end:
            first += self._bookmark(END_OF_LIST)
        yield first
        while (left := end - loop.time()) > 0:
            try:
                chunk = await self._next(min(left, BOOKMARK_SECONDS))
            except StopAsyncIteration:
                return
            except Expired as error:
                yield ENCODE({"type": "ERROR", "object": answers.expired(str(error)).status}) + b"\n"
                return
            except TimeoutError:
                if self.asked.bookmarks and self.watch.idle:
                    yield self._bookmark({})
                continue
            if chunk:
                sent = loop.time()
                yield chunk
                await asyncio.sleep(sent + GATHER - loop.time())

    async def _next(self, seconds: float) -> bytes:
        """What was committed and not sent yet, when there is something. TimeoutError, StopAsyncIteration, Expired."""
        async with asyncio.timeout(seconds):
            chunk = self._chunk(await anext(self.watch))
        if self.watch.idle:
            return chunk
        gathered, size = [chunk], len(chunk)
        while not self.watch.idle and size < LARGEST:
            gathered.append(self._chunk(await anext(self.watch)))
            size += len(gathered[-1])
        return b"".join(gathered)

    def close(self) -> None:
        """Nobody reads any more."""
        self.watch.close()

    def _chunk(self, batch: Batch) -> bytes:
        if self.asked.form.table:  # its cells hold ages
            return b"".join(self._lines(batch))
        if self.asked.key not in batch.chunks:
            batch.chunks[self.asked.key] = b"".join(self._lines(batch))
        return batch.chunks[self.asked.key]

    def _lines(self, batch: Batch) -> list[bytes]:
        namespace, test = self.asked.namespace, self.asked.test
        lines = []
        for event in batch:
            if namespace is not None and event.obj["metadata"].get("namespace") != namespace:
                continue
            kind = event.type if test is None else selectors.seen_as(event.type, event.obj, event.old, test)
            if kind is not None:
                lines.append(self._event_line(kind, event))
        return lines

    def _event_line(self, kind: str, event: Event) -> bytes:
        if self.asked.form.kind or self.asked.resource.shown:
            return self._line(kind, event.obj)
        return b'{"type":"' + kind.encode() + b'","object":' + event.encoded + b"}\n"

    def _line(self, kind: str, obj: Object) -> bytes:
        row, form = self.asked.resource, self.asked.form
        if form.table:
            meta = {"resourceVersion": obj["metadata"]["resourceVersion"]}
            obj = collections.table(row, [obj], meta, form, self.clock(), head=self.columns)
            self.columns = False
        else:
            obj = collections.single(row, obj, form, self.clock())
        return ENCODE({"type": kind, "object": obj}) + b"\n"

    def _bookmark(self, annotations: Object) -> bytes:
        version = str(max(self.store.committed_version, self.watch.since))
        meta = {"resourceVersion": version, **({"annotations": annotations} if annotations else {})}
        row, form = self.asked.resource, self.asked.form
        about = {"kind": row.kind, "apiVersion": row.api_version, "metadata": meta}
        shown = collections.single(row, about, form, self.clock()) if form.kind == "PartialObjectMetadata" else about
        return ENCODE({"type": "BOOKMARK", "object": shown}) + b"\n"
