"""What the server keeps of runs that are over does not grow with their number, nor with their size.

Counted, not timed: the bytes of every Python object that can be reached from store and loops after a run of 4,200
indexes and after 1,300 more, when finished pods and Events are collected as they are by default, only earlier: 500
pods, 100 Events, 50 events of history.
"""

from __future__ import annotations

import gc
import json
import sys
import types
from typing import Any

import pytest

from kjnb.embedded.controllers.loops import EVENTS_EVERY, GarbageLoop
from kjnb.embedded.controllers.pod_garbage_loop import EVERY, PodGarbageLoop
from kjnb.embedded.store.history import History
from tests.embedded.job_words import job
from tests.embedded.simulation import Simulation

FIRST, SECOND = 4_200, 1_300  # more than the series of Events that are remembered
PODS, EVENTS, HISTORY = 500, 100, 50
BYTES_A_POD = 4_000  # of Python objects: what its Job gave it is held once
PARTS = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.FrameType)


class Collecting(Simulation):
    """One that collects finished pods, too."""

    def start(self) -> None:
        super().start()
        clock = lambda: self.now  # noqa: E731
        self.garbage = GarbageLoop(self.store, clock=clock, monotonic=clock, kept_events=EVENTS)
        self.collector = PodGarbageLoop(self.store, clock=clock, monotonic=clock, threshold=PODS)
        for loop in (self.garbage, self.collector):
            loop.load()

    def commit(self) -> list:
        events = super().commit()
        for event in events:
            if event.resource in ("pods", "nodes"):
                self.collector.observe(event)
        self.collector.run_due()
        return events


def reachable(*roots: Any) -> int:
    """Bytes of the Python objects that these hold, each counted once; not of code."""
    seen, total, level = set(), 0, list(roots)
    while level:
        one = level.pop()
        if id(one) in seen or isinstance(one, PARTS):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        level += gc.get_referents(one)
    return total


def play(here: Collecting, name: str, completions: int) -> int:
    """A Job to its end; the bytes that are held then."""
    text = json.dumps(job(completions, 100, meta={"name": name}, backoffLimitPerIndex=1))
    here.store.create("jobs", json.loads(text.replace("job-uid", f"{name}-uid")))
    ends = lambda pod: "Succeeded" if pod["status"]["phase"] == "Pending" else None  # noqa: E731
    over = lambda: here.store.get("jobs", "default", name)["status"].get("completionTime")  # noqa: E731
    here.until(over, kubelet=ends)
    here.step(tick=2 * max(EVERY, EVENTS_EVERY))
    here.step()  # what had piled up goes
    here.commit()
    return reachable(here.store, here.jobs, here.scheduler, here.garbage, here.collector)


@pytest.fixture(scope="module")
def played():
    here = Collecting()
    here.store._history = History(HISTORY, here.store.resource_version)
    return here, play(here, "first", FIRST), play(here, "second", SECOND)


def test_more_runs_are_held_in_the_same_memory(played):
    _, before, after = played
    print(f"{before / 2**20:.1f} MB, {after / 2**20:.1f} MB")
    assert after < 1.03 * before


def test_finished_pods_are_collected_and_each_that_stays_is_small(played):
    here, _, _ = played
    left = here.store.count("pods")
    assert left == PODS
    assert here.store.count("events") < EVENTS + 10  # the newest were written since
    size = reachable(here.store._objects["pods"]) / left
    print(f"{size:.0f} bytes a pod")
    assert size < BYTES_A_POD
