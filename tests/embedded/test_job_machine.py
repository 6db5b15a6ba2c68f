"""Controller, scheduler and store against random ends, crashes at any write, scaling and suspension at once."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kjnb.embedded.api.deletion import request_deletion
from kjnb.embedded.controllers.job_pods import active, deleting, tracked, uid
from tests.embedded.job_words import job
from tests.embedded.ledger import IGNORED_CODE, Ledger
from tests.embedded.simulation import Simulation
from tests.rounds import rounds


class JobMachine(RuleBasedStateMachine):
    """A Job of up to eight completions, with indexes or without, or a work queue."""

    @initialize(
        completions=st.integers(1, 8),
        parallelism=st.integers(0, 9),
        per_index=st.sampled_from([None, 0, 1, 2]),
        limit=st.integers(0, 6),
        indexed=st.booleans(),
        ignore=st.booleans(),
        enough=st.sampled_from([None, None, 1, 3]),
        queue=st.booleans(),
    )
    def begin(self, completions, parallelism, per_index, limit, indexed, ignore, enough, queue):
        self.simulation = Simulation(base=1.0)
        budget = {"backoffLimitPerIndex": per_index} if indexed and per_index is not None else {"backoffLimit": limit}
        budget["completionMode"] = "Indexed" if indexed else "NonIndexed"
        if ignore:
            rules = [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [IGNORED_CODE]}}]
            budget |= {"podFailurePolicy": {"rules": rules}, "podReplacementPolicy": "Failed"}
        if indexed and enough and enough <= completions:
            budget["successPolicy"] = {"rules": [{"succeededCount": enough}]}
        self.completions = completions
        self.enough = enough if "successPolicy" in budget else completions
        if queue and not indexed:
            completions, self.enough = None, 1
        self.simulation.seen = []
        self.ledger = Ledger()
        self.simulation.store.create("jobs", job(completions, parallelism, **budget))

    @rule(turns=st.integers(1, 5), tick=st.sampled_from([0.01, 0.3, 5.0]))
    def turn(self, turns, tick):
        for _ in range(turns):
            self.simulation.step(tick)
            self.simulation.run_all(self.stopped)

    @rule(place=st.integers(0, 20), outcome=st.sampled_from(["Succeeded", "Succeeded", "Failed", "Ignored"]))
    def end(self, place, outcome):
        alive = [pod for pod in self.simulation.pods() if pod["status"]["phase"] == "Pending" and on_node(pod)]
        if alive:
            phase, code = ("Failed", IGNORED_CODE) if outcome == "Ignored" else (outcome, 1)
            self.simulation.end(alive[place % len(alive)], phase, code)

    @rule(place=st.integers(0, 20))
    def delete_from_outside(self, place):
        alive = [pod for pod in self.simulation.pods() if pod["status"]["phase"] == "Pending"]
        if alive:
            pod = alive[place % len(alive)]
            now = datetime.fromtimestamp(self.simulation.now, UTC)
            self.ledger.outside |= set() if deleting(pod) else {uid(pod)}
            request_deletion(self.simulation.store, "pods", pod, grace=1, propagation=None, now=now)

    @rule(parallelism=st.integers(0, 9))
    def scale(self, parallelism):
        self.patch(parallelism=parallelism)

    @rule(suspend=st.booleans())
    def suspend(self, suspend):
        self.patch(suspend=suspend)

    @rule(writes=st.integers(0, 12))
    def crash(self, writes):
        self.simulation.crash(writes)

    def patch(self, **spec):
        found = self.simulation.job()
        self.simulation.store.update("jobs", {**found, "spec": {**found["spec"], **spec}})

    @staticmethod
    def stopped(pod):
        return "Failed" if pod["metadata"].get("deletionTimestamp") else None

    @invariant()
    def every_pod_is_counted_once(self):
        for event in self.simulation.seen:
            self.ledger.take(event)
        self.simulation.seen.clear()

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
        assert not any(tracked(pod) or active(pod) for pod in self.simulation.pods())
        self.simulation.commit()
        self.every_pod_is_counted_once()
        status = self.status()
        assert status["uncountedTerminatedPods"] == {}
        assert status.get("failed", 0) == len(self.ledger.counted["failed"])
        assert "active" not in status
        assert status["terminating"] == 0
        if self.simulation.condition("Complete"):
            assert status["succeeded"] >= self.enough
        else:
            assert status["failed"] >= 1

    def status(self):
        return self.simulation.job().get("status") or {}


def on_node(pod):
    return bool(pod["spec"].get("nodeName"))


JobMachine.TestCase.settings = settings(
    max_examples=rounds(300, 3_000),
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TestJobMachine = JobMachine.TestCase
