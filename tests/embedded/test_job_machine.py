"""Controller, scheduler and store against random ends, crashes at any write, scaling and suspension at once."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kjnb.embedded.api.deletion import request_deletion
from kjnb.embedded.controllers.indexes import parse, total
from kjnb.embedded.controllers.job_pods import index_of, tracked, uid
from tests.embedded.job_words import job
from tests.embedded.simulation import Simulation
from tests.rounds import rounds


class Crash(BaseException):
    """The server stops here; no `except Exception` may survive it."""


class JobMachine(RuleBasedStateMachine):
    """An Indexed Job with up to eight indexes."""

    @initialize(
        completions=st.integers(1, 8),
        parallelism=st.integers(0, 9),
        per_index=st.sampled_from([None, 0, 1, 2]),
        limit=st.integers(0, 6),
        indexed=st.booleans(),
        ignore=st.booleans(),
    )
    def begin(self, completions, parallelism, per_index, limit, indexed, ignore):
        self.simulation = Simulation(base=1.0)
        budget = {"backoffLimitPerIndex": per_index} if indexed and per_index is not None else {"backoffLimit": limit}
        budget["completionMode"] = "Indexed" if indexed else "NonIndexed"
        if ignore:
            rules = [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [9]}}]
            budget |= {"podFailurePolicy": {"rules": rules}, "podReplacementPolicy": "Failed"}
        self.indexed = indexed
        self.completions = completions
        self.simulation.store.create("jobs", job(completions, parallelism, **budget))
        self.started: set[str] = set()
        self.successes = 0  # pods that ended well

    @rule(turns=st.integers(1, 5), tick=st.sampled_from([0.01, 0.3, 5.0]))
    def turn(self, turns, tick):
        for _ in range(turns):
            self.simulation.step(tick)
            self.simulation.run_all(self.stopped)

    @rule(place=st.integers(0, 20), outcome=st.sampled_from(["Succeeded", "Succeeded", "Failed"]))
    def end(self, place, outcome):
        alive = [pod for pod in self.simulation.pods() if pod["status"]["phase"] == "Pending" and on_node(pod)]
        if alive:
            pod = alive[place % len(alive)]
            self.successes += outcome == "Succeeded"
            self.simulation.end(pod, outcome)

    @rule(place=st.integers(0, 20))
    def delete_from_outside(self, place):
        alive = [pod for pod in self.simulation.pods() if pod["status"]["phase"] == "Pending"]
        if alive:
            pod = alive[place % len(alive)]
            now = datetime.fromtimestamp(self.simulation.now, UTC)
            request_deletion(self.simulation.store, "pods", pod, grace=1, propagation=None, now=now)

    @rule(parallelism=st.integers(0, 9))
    def scale(self, parallelism):
        self.patch(parallelism=parallelism)

    @rule(suspend=st.booleans())
    def suspend(self, suspend):
        self.patch(suspend=suspend)

    @rule(writes=st.integers(0, 12))
    def crash(self, writes):
        """The server dies after some more writes and starts again with what it had written."""
        store = self.simulation.store
        originals = {name: getattr(store, name) for name in ("create", "update", "remove")}
        left = [writes]

        def dying(name):
            def write(*given):
                if left[0] == 0:
                    raise Crash
                left[0] -= 1
                return originals[name](*given)

            return write

        try:
            for name in originals:
                setattr(store, name, dying(name))
            for _ in range(3):
                self.simulation.step(0.3)
        except Crash:
            pass
        finally:
            for name in originals:
                delattr(store, name)
        self.simulation.commit()
        self.simulation.start()

    def patch(self, **spec):
        found = self.simulation.job()
        self.simulation.store.update("jobs", {**found, "spec": {**found["spec"], **spec}})

    @staticmethod
    def stopped(pod):
        return "Failed" if pod["metadata"].get("deletionTimestamp") else None

    @invariant()
    def no_index_is_both_completed_and_failed(self):
        status = self.status()
        completed, failed = members(status.get("completedIndexes")), members(status.get("failedIndexes"))
        assert not completed & failed
        assert completed | failed <= set(range(self.completions))

    @invariant()
    def what_succeeded_is_not_started_again(self):
        done = members(self.status().get("completedIndexes"))
        for pod in self.simulation.pods():
            if uid(pod) not in self.started:
                self.started.add(uid(pod))
                assert index_of(pod) is None or index_of(pod) not in self.done_before, pod["metadata"]["name"]
        self.done_before = done

    done_before: frozenset[int] | set[int] = frozenset()

    @invariant()
    def counts_are_right(self):
        status = self.status()
        if self.indexed:
            assert status.get("succeeded", 0) == total(parse(status.get("completedIndexes", ""), self.completions))
        noted = status.get("uncountedTerminatedPods", {}).get("succeeded", [])
        if not self.indexed:
            over = [pod for pod in self.simulation.pods() if pod["status"]["phase"] == "Succeeded" and not tracked(pod)]
            assert len([pod for pod in over if not pod["metadata"].get("deletionTimestamp")]) <= status.get(
                "succeeded", 0
            ) + len(noted)
            assert status.get("succeeded", 0) <= self.successes

    @invariant()
    def active_pods_are_no_more_than_wanted(self):
        assert self.status().get("active", 0) <= max(9, self.completions)

    def teardown(self):
        if not hasattr(self, "simulation"):
            return
        self.patch(parallelism=9, suspend=False)
        for _ in range(2000):
            self.simulation.step(0.5)
            self.simulation.run_all(lambda pod: self.stopped(pod) or "Succeeded")
            if self.simulation.condition("Complete") or self.simulation.condition("Failed"):
                break
        else:
            raise AssertionError(f"no end in 1,000 seconds: {self.simulation.job()}")
        for _ in range(5):
            self.simulation.step(0.5)
        assert not any(tracked(pod) for pod in self.simulation.pods())
        status = self.status()
        assert status["uncountedTerminatedPods"] == {}
        assert "active" not in status
        assert status["terminating"] == 0
        if self.simulation.condition("Complete"):
            assert status["succeeded"] >= self.completions
        else:
            assert status["failed"] >= 1

    def status(self):
        return self.simulation.job().get("status") or {}


def on_node(pod):
    return bool(pod["spec"].get("nodeName"))


def members(text):
    return {i for first, last in parse(text or "", 1000) for i in range(first, last + 1)}


JobMachine.TestCase.settings = settings(
    max_examples=rounds(300, 3_000),
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TestJobMachine = JobMachine.TestCase
