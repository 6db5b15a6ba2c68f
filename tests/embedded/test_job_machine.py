"""Controller, scheduler, garbage and store against random ends, crashes at any write, and all that users do."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kjnb.embedded.api.deletion import request_deletion
from kjnb.embedded.controllers.job_pods import active, deleting, tracked, uid
from tests.embedded.job_words import job
from tests.embedded.ledger import IGNORED_CODE, Ledger
from tests.embedded.simulation import Simulation
from tests.rounds import rounds

INDEXED_ONLY = ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy")
SUCCESS = [
    {"succeededCount": 1},
    {"succeededCount": 3},
    {"succeededIndexes": "0,2"},
    {"succeededIndexes": "1-4", "succeededCount": 2},
]
BUDGETS = st.fixed_dictionaries(
    {"completionMode": st.sampled_from(["Indexed", "Indexed", "NonIndexed"])},
    optional={
        "backoffLimit": st.integers(0, 6),
        "backoffLimitPerIndex": st.integers(0, 2),
        "maxFailedIndexes": st.integers(0, 3),
        "podReplacementPolicy": st.sampled_from(["Failed", "TerminatingOrFailed"]),
        "successPolicy": st.sampled_from(SUCCESS).map(lambda rule: {"rules": [rule]}),
        "ignore": st.just(True),
        "restart": st.just("OnFailure"),
        "activeDeadlineSeconds": st.sampled_from([3, 30]),
    },
)


def lawful(budget):
    """The budget as the API server would take it."""
    if budget["completionMode"] == "NonIndexed":
        budget = {key: value for key, value in budget.items() if key not in INDEXED_ONLY}
    if "backoffLimitPerIndex" in budget:
        budget = {"backoffLimit": 2**31 - 1, **budget}
    else:
        budget = {key: value for key, value in budget.items() if key != "maxFailedIndexes"}
    if budget.pop("ignore", False) and "restart" not in budget:
        rules = [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [IGNORED_CODE]}}]
        budget |= {"podFailurePolicy": {"rules": rules}, "podReplacementPolicy": "Failed"}
    return budget


class JobMachine(RuleBasedStateMachine):
    """A Job of up to eight completions, with indexes or without, or a work queue."""

    @initialize(completions=st.integers(1, 8), parallelism=st.integers(0, 9), budget=BUDGETS, queue=st.booleans())
    def begin(self, completions, parallelism, budget, queue):
        self.simulation = Simulation(base=1.0)
        self.budget = lawful(dict(budget))
        if queue and self.budget["completionMode"] == "NonIndexed":
            completions = None
        self.deleted = ""
        self.simulation.seen = []
        self.ledger = Ledger()
        self.simulation.store.create("jobs", job(completions, parallelism, **self.budget))

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

    @rule(place=st.integers(0, 20))
    def restart_in_place(self, place):
        alive = [pod for pod in self.simulation.pods() if pod["status"]["phase"] == "Pending" and on_node(pod)]
        if alive and "restart" in self.budget:
            pod = alive[place % len(alive)]
            [known] = pod["status"].get("containerStatuses") or [{"name": "worker", "restartCount": 0, "state": {}}]
            again = {**known, "restartCount": known["restartCount"] + 1}
            self.simulation.store.update("pods", {**pod, "status": {**pod["status"], "containerStatuses": [again]}})

    @rule(parallelism=st.integers(0, 9))
    def scale(self, parallelism):
        self.patch(parallelism=parallelism)

    @rule(completions=st.integers(1, 10))
    def scale_completions(self, completions):
        if self.budget["completionMode"] == "Indexed":
            self.patch(completions=completions, parallelism=completions)

    @rule(suspend=st.booleans())
    def suspend(self, suspend):
        self.patch(suspend=suspend)

    @rule(writes=st.integers(0, 12))
    def crash(self, writes):
        self.simulation.crash(writes)
        # it may have died between asking pods to stop and saying that the Job fails, and may think otherwise now
        self.ledger.outside |= {uid(pod) for pod in self.simulation.pods() if deleting(pod) and tracked(pod)}

    @precondition(lambda self: not self.deleted)
    @rule(mode=st.sampled_from(["Background", "Foreground", "Orphan", None]), sure=st.integers(0, 5))
    def delete_the_job(self, mode, sure):
        if sure == 0:
            self.deleted = mode or "Orphan"
            now = datetime.fromtimestamp(self.simulation.now, UTC)
            found = self.simulation.job()
            request_deletion(self.simulation.store, "jobs", found, grace=None, propagation=mode, now=now)

    def patch(self, **spec):
        found = self.simulation.job()
        if found is not None:
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
        assert self.status().get("active", 0) <= 10

    def teardown(self):
        if not hasattr(self, "simulation"):
            return
        self.patch(parallelism=9, suspend=False)
        for _ in range(2000):
            self.simulation.step(0.5)
            self.simulation.run_all(lambda pod: self.stopped(pod) or "Succeeded")
            if self.over():
                break
        else:
            raise AssertionError(f"no end in 1,000 seconds: {self.simulation.job()}")
        for _ in range(5):
            self.simulation.step(0.5)
        assert not any(tracked(pod) for pod in self.simulation.pods())
        self.simulation.commit()
        self.every_pod_is_counted_once()
        self.check_deleted() if self.deleted else self.check_finished()

    def over(self):
        if self.deleted:
            return self.simulation.job() is None and (self.deleted == "Orphan" or not self.simulation.pods())
        return self.simulation.condition("Complete") or self.simulation.condition("Failed")

    def check_deleted(self):
        assert self.deleted == "Orphan" or self.simulation.pods() == []
        assert not any("ownerReferences" in pod["metadata"] for pod in self.simulation.pods())

    def check_finished(self):
        assert not any(active(pod) for pod in self.simulation.pods())
        status = self.status()
        assert status["uncountedTerminatedPods"] == {}
        assert status.get("failed", 0) == len(self.ledger.counted["failed"])
        assert "active" not in status
        assert (status["terminating"], status["ready"]) == (0, 0)
        if self.simulation.condition("Failed"):
            assert "completionTime" not in status
            return
        by_policy = status["conditions"][-1]["reason"] == "SuccessPolicy"
        assert status["succeeded"] >= (1 if by_policy else self.ledger.wanted_then)

    def status(self):
        return (self.simulation.job() or {}).get("status") or {}


def on_node(pod):
    return bool(pod["spec"].get("nodeName"))


JobMachine.TestCase.settings = settings(
    max_examples=rounds(250, 5_000),
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TestJobMachine = JobMachine.TestCase
