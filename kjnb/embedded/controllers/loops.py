"""The cluster's loops: each wakes on committed events of the store, or when time has come, and writes through it.

An error is logged and survived: one bad object must not stop the others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from kjnb.embedded.controllers.garbage import RESOURCE_OF, Garbage
from kjnb.embedded.controllers.job_loop import JobLoop
from kjnb.embedded.controllers.namespaces import FOLLOWED, NamespaceLoop
from kjnb.embedded.controllers.pod_garbage import THRESHOLD
from kjnb.embedded.controllers.pod_garbage_loop import PodGarbageLoop
from kjnb.embedded.controllers.scheduler_loop import SchedulerLoop
from kjnb.embedded.events import KEPT_EVENTS, outdated
from kjnb.embedded.store.store import Event, Store, Watch

EVENTS_EVERY = 60.0
EVENTS_AT_ONCE = 2_500  # beyond those that are kept: to find the oldest costs a look at all
log = logging.getLogger(__name__)


class Loop(Protocol):
    """What can be driven: told of events, then asked to do what is due."""

    def load(self) -> None:
        """Take in what the store holds."""

    def observe(self, event: Event) -> None:
        """Take in one committed event."""

    def run_due(self) -> float | None:
        """Do what is due; seconds until something is, None if only an event can bring it."""


class GarbageLoop:
    """Collects dependents batch by batch, and old Events now and then."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        kept_events: int = KEPT_EVENTS,
    ) -> None:
        self._store = store
        self._kept_events = kept_events
        self._clock = clock
        self._monotonic = monotonic
        self._garbage = Garbage(store)
        self._batch: list[Event] = []
        self._events_due = 0.0

    def load(self) -> None:
        """Look at everything once."""
        self._garbage.sweep(RESOURCE_OF.values(), self._clock())

    def observe(self, event: Event) -> None:
        """Take in one committed event."""
        self._batch.append(event)

    def run_due(self) -> float | None:
        """Collect."""
        batch, self._batch = self._batch, []
        self._garbage.collect(batch, self._clock())
        now = self._monotonic()
        if now >= self._events_due or self._store.count("events") >= self._kept_events + EVENTS_AT_ONCE:
            self._events_due = now + EVENTS_EVERY
            for event in outdated(self._store.list("events"), self._clock(), most=self._kept_events):
                self._store.remove("events", event["metadata"]["namespace"], event["metadata"]["name"])
        return self._events_due - now


def start_loops(
    store: Store,
    *,
    clock: Callable[[], datetime | float],
    names: Callable[[], str],
    backoff_base: float,
    monotonic: Callable[[], float] = time.monotonic,
    authority: str = "",
    finished_pods: int = THRESHOLD,
) -> list[asyncio.Task[None]]:
    """Start all loops on the running event loop; cancel the tasks to end them.

    `names` gives the five random characters of a new pod's name; `backoff_base` is a Job's first back-off in seconds;
    of pods that are over and counted the latest `finished_pods` are kept.
    """

    def now() -> float:
        moment = clock()
        return moment.timestamp() if isinstance(moment, datetime) else moment

    jobs = JobLoop(store, clock=now, monotonic=monotonic, names=names, backoff_base=backoff_base)
    scheduler = SchedulerLoop(store, clock=now)
    garbage = GarbageLoop(store, clock=now, monotonic=monotonic)
    pod_garbage = PodGarbageLoop(store, clock=now, monotonic=monotonic, threshold=finished_pods)
    return [
        *drive(store, jobs, ("jobs", "pods")),
        *drive(store, scheduler, ("pods", "nodes")),
        *drive(store, garbage, tuple(RESOURCE_OF.values())),
        *drive(store, pod_garbage, ("pods", "nodes")),
        *drive(store, NamespaceLoop(store, clock=now, authority=authority), FOLLOWED),
    ]


def drive(store: Store, loop: Loop, resources: Sequence[str]) -> list[asyncio.Task[None]]:
    """Tasks that follow the store for a loop; what is there already is taken in before this returns."""
    wake = asyncio.Event()
    watches = [store.watch(resource) for resource in resources]
    loop.load()
    name = type(loop).__name__
    tasks = [asyncio.create_task(_follow(watch, loop, wake), name=f"{name} {watch.resource}") for watch in watches]
    return [*tasks, asyncio.create_task(_turn(loop, wake), name=name)]


async def _follow(watch: Watch, loop: Loop, wake: asyncio.Event) -> None:
    async for batch in watch:
        for event in batch:
            try:
                loop.observe(event)
            except Exception:
                log.exception("%s of %s could not be taken in", event.type, event.resource)
        wake.set()


async def _turn(loop: Loop, wake: asyncio.Event) -> None:
    while True:
        wake.clear()
        try:
            delay = loop.run_due()
        except Exception:
            log.exception("%s failed; trying again", type(loop).__name__)
            delay = 1.0
        timer = None if delay is None else asyncio.get_running_loop().call_later(delay, wake.set)
        await wake.wait()
        if timer is not None:
            timer.cancel()
