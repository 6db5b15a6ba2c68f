"""A run whose pods are collected while it runs: nothing of it is lost, for who watches and for who comes later."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

import kjnb
from kjnb import embedded
from kjnb.cluster import decode
from kjnb.connect import Session
from kjnb.embedded.controllers.pod_garbage_loop import AT_ONCE, EVERY, PodGarbageLoop
from kjnb.embedded.store.store import ENCODE
from kjnb.model.facts import Relisted
from kjnb.model.state import RunState, State, reduce
from tests.embedded.job_words import job
from tests.embedded.simulation import Simulation
from tests.rounds import rounds
from tests.waiting import eventually

KEPT = 50
INDEXES = rounds(5_000, 20_000)


def succeed(pod: dict) -> str:
    return "Succeeded" if pod["status"]["phase"] == "Pending" else None


def play(completions: int) -> Simulation:
    """A whole run of which only some pods are left."""
    simulation = Simulation()
    simulation.seen = []
    clock = lambda: simulation.now  # noqa: E731
    garbage = PodGarbageLoop(simulation.store, clock=clock, monotonic=clock, threshold=KEPT)
    simulation.store.create("jobs", job(completions, 50, backoffLimitPerIndex=1))
    told = 0

    def complete() -> bool:
        nonlocal told
        for event in simulation.seen[told:]:
            if event.resource in ("pods", "nodes"):
                garbage.observe(event)
        told = len(simulation.seen)
        garbage.run_due()
        return simulation.condition("Complete")

    simulation.until(complete, kubelet=succeed)
    simulation.now += EVERY
    simulation.commit()
    complete()
    simulation.commit()
    return simulation


@pytest.fixture(scope="module")
def simulation():
    return play(INDEXES)


def test_only_the_latest_pods_are_left_and_the_job_counts_all(simulation):
    assert len(simulation.pods()) <= KEPT + AT_ONCE
    status = simulation.job()["status"]
    assert (status["succeeded"], status["completedIndexes"]) == (INDEXES, f"0-{INDEXES - 1}")


def test_who_watched_knows_every_attempt(simulation):
    state = RunState.new("job", INDEXES, {"job": None})
    facts = []
    for event in simulation.seen:
        if event.resource in ("pods", "jobs"):
            facts += decode.changed(event.resource, event.type, ENCODE(event.obj))[1]
    for start in range(0, len(facts), 5000):
        state = reduce(state, facts[start : start + 5000])
    assert state.counts[State.SUCCEEDED] == INDEXES
    assert {int(tries) for tries in state.tries} == {1}


def test_who_comes_later_knows_every_index(simulation):
    lists = ([simulation.job()], simulation.pods())
    raw = [ENCODE({"metadata": {"resourceVersion": "1"}, "items": found}) for found in lists]
    facts = [fact for kind, page in zip(("jobs", "pods"), raw, strict=True) for fact in decode.page(kind, page)[1]]
    left = frozenset(pod["metadata"]["uid"] for pod in simulation.pods())
    state = reduce(RunState.new("job", INDEXES, {"job": None}), [*facts, Relisted("pods", None, left)])
    assert state.counts[State.SUCCEEDED] == INDEXES


@pytest.fixture
def small(home, monkeypatch):
    """A cluster that keeps five finished pods."""
    monkeypatch.setenv("KJNB_HOME", str(home))
    command = [sys.executable, "-m", "kjnb.embedded", "--home", str(home), "--finished-pods", "5"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: embedded.status(home)["running"], within=60)
        yield Session().connect()
    finally:
        process.terminate()
        process.wait(60)


def test_a_real_run_keeps_its_results_attempts_and_what_failures_said(small):
    def say(part):
        print("index of", int(part["x"].iloc[0]))
        if int(part["x"].iloc[0]) == 1:
            raise NameError("one")
        return int(part["x"].sum())

    run = kjnb.launch(say, pd.DataFrame({"x": range(30)}), partitions=30, cluster=small)
    run.wait(timeout=120)
    eventually(lambda: len(small.list("pods")["items"]) <= 5, within=90)
    for again in (run, kjnb.attach(run.name, cluster=small)):
        eventually(lambda run=again: run.state.counts[State.SUCCEEDED] == 29, within=60)
        assert again.results(partial=True) == {index: index for index in (0, *range(2, 30))}
        [failure] = again.failures.to_dict("records")
        assert (failure["index"], failure["attempts"]) == (1, 1)
        assert "index of 1" in again.logs(1)
