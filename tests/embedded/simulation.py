"""A cluster without processes: the real store and loops, a clock that is turned by hand, pods that end when told."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.controllers.garbage import RESOURCE_OF
from kjnb.embedded.controllers.job_loop import JobLoop
from kjnb.embedded.controllers.loops import GarbageLoop
from kjnb.embedded.controllers.scheduler_loop import SchedulerLoop
from kjnb.embedded.store.store import ENCODE, Event, Object, Store
from tests.embedded.job_words import NOW, numbered

NODE = {
    "kind": "Node",
    "metadata": {"name": "node", "labels": {"kubernetes.io/hostname": "node"}},
    "status": {"allocatable": {"cpu": "64", "memory": "64Gi", "pods": "100000"}},
}


class Crash(BaseException):
    """The server stops here; no `except Exception` may survive it."""


class MortalStore(Store):
    """The real store in a server that dies once `writes_left` is used up."""

    writes_left = math.inf

    def create(self, resource: str, obj: Object) -> Object:
        self._live_on()
        return super().create(resource, obj)

    def update(self, resource: str, obj: Object) -> Object:
        self._live_on()
        return super().update(resource, obj)

    def remove(self, resource: str, namespace: str | None, name: str) -> Object | None:
        self._live_on()
        return super().remove(resource, namespace, name)

    def _live_on(self) -> None:
        if self.writes_left <= 0:
            raise Crash
        self.writes_left -= 1


class Simulation:
    """`step` commits, tells the loops, lets them act, and turns the clock by a tick."""

    def __init__(self, *, base: float = 10.0) -> None:
        self.now = NOW
        uids = itertools.count()
        self.store = MortalStore(None, clock=lambda: self.now, new_uid=lambda: f"uid-{next(uids)}")
        self.base = base
        self.names = numbered()
        self.counts: Counter[str] = Counter()
        self.seen: list[Event] | None = None
        self._watched = {name: self.store.watch(name) for name in (*RESOURCE_OF.values(), "events")}
        self.start()
        self.store.create("nodes", NODE)

    def start(self) -> None:
        """Start the loops anew, as after a crash: they know nothing but the store."""
        clock = lambda: self.now  # noqa: E731
        self.jobs = JobLoop(self.store, clock=clock, monotonic=clock, names=self.names, backoff_base=self.base)
        self.scheduler = SchedulerLoop(self.store, clock=clock)
        self.garbage = GarbageLoop(self.store, clock=clock, monotonic=clock)
        for loop in (self.jobs, self.scheduler, self.garbage):
            loop.load()

    def crash(self, writes: int, *, steps: int = 3, tick: float = 0.3) -> None:
        """The server dies after some more writes, or these steps, and starts again with what it had written."""
        self.store.writes_left = writes
        with contextlib.suppress(Crash):
            for _ in range(steps):
                self.step(tick)
        self.store.writes_left = math.inf
        self.commit()
        self.start()

    def commit(self) -> list[Event]:
        """Commit what is written; the events of it."""
        self.store.flush()
        events: list[Event] = []
        for watch in self._watched.values():
            while not watch.idle:
                events += _taken(watch)
        events.sort(key=lambda event: event.rv)
        for event in events:
            self.counts[f"{event.resource} {event.type}"] += 1
        if self.seen is not None:
            self.seen += events
        return events

    def step(self, tick: float = 0.01, *, kubelet: Callable[[dict], str | None] | None = None) -> None:
        """One turn: commit, tell, act; pods bound to the node become what `kubelet` says of each."""
        for event in self.commit():
            for loop, resources in (
                (self.jobs, ("jobs", "pods")),
                (self.scheduler, ("pods", "nodes")),
                (self.garbage, tuple(RESOURCE_OF.values())),
            ):
                if event.resource in resources:
                    loop.observe(event)
            if kubelet is not None and event.resource == "pods" and event.type != "DELETED":
                self._run(event.obj, kubelet)
        for loop in (self.jobs, self.scheduler, self.garbage):
            loop.run_due()
        self.now += tick

    def run_all(self, kubelet: Callable[[dict], str | None]) -> None:
        """A kubelet that starts looks at every pod."""
        for pod in self.pods():
            self._run(pod, kubelet)

    def _run(self, pod: dict, kubelet: Callable[[dict], str | None]) -> None:
        current = self.store.get("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
        if current is None or not current["spec"].get("nodeName"):
            return
        if current["status"]["phase"] in ("Succeeded", "Failed"):
            if current["metadata"].get("deletionGracePeriodSeconds"):
                self.end(current, current["status"]["phase"])
            return
        phase = kubelet(current)
        if phase is not None:
            self.end(current, phase)

    def end(self, pod: dict, phase: str, code: int = 1) -> None:
        """The pod's container ends (with that code, if not well); a pod that was asked to stop is past its grace."""
        code = 0 if phase == "Succeeded" else code
        terminated = {"exitCode": code, "finishedAt": stamp(self.now)}
        status = {**pod["status"], "phase": phase}
        if phase in ("Succeeded", "Failed"):
            status["containerStatuses"] = [{"name": "worker", "restartCount": 0, "state": {"terminated": terminated}}]
        meta = pod["metadata"]
        if meta.get("deletionTimestamp"):
            meta = {**meta, "deletionGracePeriodSeconds": 0}
        self.store.update("pods", {**pod, "metadata": meta, "status": status})

    def until(self, met: Callable[[], bool], *, kubelet=None, tick: float = 0.01, steps: int = 100_000) -> None:
        """Turn until `met`."""
        for _ in range(steps):
            if met():
                return
            self.step(tick, kubelet=kubelet)
        raise AssertionError(f"not met in {steps} steps: {self.job()}")

    def job(self, name: str = "job") -> dict[str, Any] | None:
        """The Job."""
        return self.store.get("jobs", "default", name)

    def condition(self, kind: str, name: str = "job") -> bool:
        """Whether the Job has that condition."""
        found = self.job(name)
        return any(
            c["type"] == kind and c["status"] == "True" for c in (found or {}).get("status", {}).get("conditions", [])
        )

    def pods(self) -> list[dict]:
        """All pods."""
        return self.store.list("pods", "default")


def _taken(watch) -> list[Event]:
    """The next batch of a watch that has one, without an event loop."""
    step = watch.__anext__()
    try:
        step.send(None)
    except StopIteration as done:
        return list(done.value)
    raise AssertionError("the watch had nothing")


def watch_lines(events: list[Event], resource: str) -> list[bytes]:
    """The events of a resource as a watch sends them: one JSON line each."""
    return [ENCODE({"type": event.type, "object": event.obj}) for event in events if event.resource == resource]
