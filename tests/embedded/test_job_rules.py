"""Several rules at once: what one Job does when more than one of its fields has something to say."""

from __future__ import annotations

import pytest

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.controllers.backoff import Record
from kjnb.embedded.controllers.job_controller import Plan, sync, without_pods
from kjnb.embedded.controllers.job_pods import FAILURES, IGNORED, index_of
from tests.embedded.job_words import NOW, job, numbered, pods

LONG_AGO = stamp(NOW - 1000)
STARTED = {"startTime": LONG_AGO}


def plan(a_job, words="", *, now=NOW, record=None) -> Plan:
    known = pods(words) if isinstance(words, str) else words
    return sync(a_job, known, now, names=numbered(), base=10.0, record=record or Record())


def created(a_plan):
    return [index_of(pod) for pod in a_plan.create]


def names(some_pods):
    return [pod["metadata"]["name"] for pod in some_pods]


def reasons(a_plan):
    return [(c["type"], c["reason"]) for c in (a_plan.status or {}).get("conditions", []) if c["status"] == "True"]


def after(a_job, a_plan, **spec):
    """The Job with the plan's status, and its spec changed."""
    return {**a_job, "status": a_plan.status, "spec": {**a_job["spec"], **spec}}


def on_exit(action, *codes):
    return {"action": action, "onExitCodes": {"operator": "In", "values": list(codes)}}


def policy(*rules):
    return {"podFailurePolicy": {"rules": list(rules)}, "podReplacementPolicy": "Failed"}


# -- limits per index


def test_ignored_failures_of_an_index_cost_no_try_but_time():
    a_job = job(2, 2, backoffLimitPerIndex=0, status=STARTED, **policy(on_exit("Ignore", 7)))
    first = plan(a_job, "0:Failed/exit=7/failures=0/ignored=2/at=-39/uid=a 1:Running")
    assert (created(first), first.status["failedIndexes"]) == ([], "")
    assert first.requeue_after == 1  # two ignored ones and this one: 40 s
    again = plan(a_job, "0:Failed/exit=7/failures=0/ignored=2/at=-40/uid=a 1:Running")
    assert created(again) == [0]
    notes = again.create[0]["metadata"]["annotations"]
    assert (notes[FAILURES], notes[IGNORED]) == ("0", "3")


def test_fail_index_and_the_most_failed_indexes():
    limits = {"backoffLimitPerIndex": 3, "maxFailedIndexes": 1}
    a_job = job(6, 3, status=STARTED, **limits, **policy(on_exit("FailIndex", 9), on_exit("Count", 1)))
    first = plan(a_job, "0:Failed/exit=9/failures=0/uid=a 1:Failed/exit=1/failures=2/at=-1/uid=b 2:Running")
    assert (first.status["failedIndexes"], reasons(first)) == ("0", [])
    assert created(first) == [3]  # 1 waits for its own clock, 3 does not
    done = plan(after(a_job, first), "1:Failed/exit=1/failures=3/uid=b 2:Running 3:Running")
    assert done.status["failedIndexes"] == "0,1"
    assert reasons(done) == [("FailureTarget", "MaxFailedIndexesExceeded")]
    assert names(done.stop) == ["pod-1", "pod-2"]


def test_most_failed_indexes_comes_before_failed_indexes():
    a_job = job(2, 2, backoffLimitPerIndex=0, maxFailedIndexes=0, status=STARTED)
    assert reasons(plan(a_job, "0:Failed 1:Succeeded")) == [("FailureTarget", "MaxFailedIndexesExceeded")]


def test_a_job_that_fails_by_its_policy_says_so_whatever_else_is_over():
    a_job = job(2, 2, backoffLimit=0, activeDeadlineSeconds=1, status=STARTED, **policy(on_exit("FailJob", 3)))
    assert reasons(plan(a_job, "0:Failed/exit=1 1:Failed/exit=3")) == [("FailureTarget", "PodFailurePolicy")]
    assert reasons(plan(a_job, "0:Failed/exit=1 1:Running")) == [("FailureTarget", "BackoffLimitExceeded")]
    assert reasons(plan(a_job, "0:Running 1:Running")) == [("FailureTarget", "DeadlineExceeded")]


def test_an_index_that_fails_while_another_waits_keeps_both_clocks():
    a_job = job(2, 2, backoffLimitPerIndex=5, status=STARTED)
    held = plan(a_job, "0:Failed/failures=0/at=-2/uid=a 1:Failed/failures=1/at=-2/uid=b")
    assert (created(held), held.requeue_after, held.release) == ([], 8, ())
    assert "active" not in held.status
    later = plan(after(a_job, held), "0:Failed/failures=0/at=-2/uid=a 1:Failed/failures=1/at=-2/uid=b", now=NOW + 8)
    assert created(later) == [0]


def test_ready_pods_are_still_counted_as_active_while_others_wait():
    words = "0:Failed/failures=0/at=-2/uid=a 1:Running/ready 2:Running"
    held = plan(job(3, 3, backoffLimitPerIndex=5, status=STARTED), words)
    assert (held.status["active"], held.status["ready"]) == (2, 1)
    whole = plan(job(3, 3, status=STARTED), words)
    assert (whole.status["active"], whole.status["ready"]) == (2, 1)
    assert created(whole) == []


# -- success policies


def test_a_success_policy_with_failing_indexes():
    rules = {"rules": [{"succeededIndexes": "0-3", "succeededCount": 2}]}
    a_job = job(5, 5, backoffLimitPerIndex=0, successPolicy=rules, status=STARTED)
    one = plan(a_job, "0:Failed/uid=a 1:Succeeded 2:Running 3:Running 4:Succeeded")
    assert reasons(one) == []
    done = plan(after(a_job, one), "2:Succeeded 3:Running/uid=r")
    assert reasons(done) == [("SuccessCriteriaMet", "SuccessPolicy")]
    assert (done.status["failedIndexes"], done.status["completedIndexes"]) == ("0", "1,2,4")
    assert names(done.delete) == ["r"]
    over = plan(after(a_job, done))
    assert reasons(over)[-1] == ("Complete", "SuccessPolicy")


def test_failed_indexes_come_before_the_success_policy():
    rules = {"rules": [{"succeededCount": 1}]}
    a_job = job(2, 2, backoffLimitPerIndex=0, successPolicy=rules, status=STARTED)
    assert reasons(plan(a_job, "0:Failed 1:Succeeded")) == [("FailureTarget", "FailedIndexes")]


def test_what_fails_before_the_policy_is_met_is_counted_and_what_is_stopped_by_it_is_not():
    rules = {"rules": [{"succeededIndexes": "1"}]}
    a_job = job(3, 3, successPolicy=rules, status=STARTED)
    done = plan(a_job, "0:Failed/uid=a 1:Succeeded 2:Running/uid=b")
    assert done.status["uncountedTerminatedPods"] == {"failed": ["a"]}
    over = plan(after(a_job, done), "2:Failed/free/uid=b")
    assert (over.status["failed"], reasons(over)[-1]) == (1, ("Complete", "SuccessPolicy"))


def test_a_job_that_meets_its_policy_waits_for_what_stops():
    rules = {"rules": [{"succeededCount": 1}]}
    a_job = job(2, 2, successPolicy=rules, status=STARTED)
    done = plan(a_job, "0:Succeeded 1:Running/uid=b")
    assert done.status["terminating"] == 1
    waits = plan(after(a_job, done), "1:Running/deleting/free/uid=b")
    assert [kind for kind, _ in reasons(waits)] == ["SuccessCriteriaMet"]
    assert waits.status["terminating"] == 1


# -- elastic completions


def test_fewer_completions_forget_the_indexes_above():
    status = {**STARTED, "completedIndexes": "0,3", "succeeded": 2, "failedIndexes": "1,4", "failed": 2}
    a_job = job(3, 3, backoffLimitPerIndex=0, status=status)
    less = plan(a_job, "2:Running 4:Running/uid=x")
    assert names(less.delete) == ["x"]
    assert (less.status["completedIndexes"], less.status["failedIndexes"], less.status["failed"]) == ("0", "1", 2)
    done = plan(after(a_job, less), "2:Succeeded")
    assert reasons(done) == [("FailureTarget", "FailedIndexes")]


def test_fewer_completions_can_complete_a_job():
    status = {**STARTED, "completedIndexes": "0-2", "succeeded": 3}
    done = plan(job(2, 2, status=status), "4:Running/uid=x")
    assert names(done.delete) == ["x"]
    assert reasons(plan(after(job(2, 2), done))) == [("SuccessCriteriaMet", "CompletionsReached")]


def test_what_is_deleted_makes_room_at_once():
    less = plan(job(1, 1, status=STARTED), "2:Pending/unbound")
    assert (created(less), less.requeue_after) == ([], 0)
    assert created(plan(after(job(1, 1), less))) == [0]


def test_more_completions_start_what_is_new():
    status = {**STARTED, "completedIndexes": "0,1", "succeeded": 2}
    assert created(plan(job(5, 5, status=status), "2:Running")) == [3, 4]


def test_a_failure_above_the_completions_is_let_go_uncounted():
    done = plan(job(1, 1, backoffLimit=0, status=STARTED), "0:Running 2:Failed/uid=x")
    assert (names(done.release), reasons(done)) == (["x"], [])


# -- suspension


def test_suspended_in_its_back_off():
    a_job = job(2, 2, status=STARTED)
    failed = plan(a_job, "0:Failed/at=-1/uid=a 1:Running")
    down = plan(after(a_job, failed, suspend=True), "1:Running/uid=b", record=failed.record)
    assert (names(down.delete), down.status["failed"]) == (["b"], 1)
    assert "startTime" not in down.status
    up = plan(after(a_job, down, suspend=False), "", now=NOW + 4, record=down.record)
    assert (created(up), up.requeue_after) == ([], 5)
    assert up.status["startTime"] == stamp(NOW + 4)
    assert created(plan(after(a_job, up), "", now=NOW + 9, record=up.record)) == [0, 1]


def test_no_deadline_while_suspended_and_a_new_one_after():
    a_job = job(1, 1, activeDeadlineSeconds=5, status=STARTED)
    down = plan(after(a_job, Plan(status=STARTED), suspend=True), "0:Running")
    assert reasons(down) == [("Suspended", "JobSuspended")]
    assert down.requeue_after is None
    later = plan(after(a_job, down, suspend=False), "", now=NOW + 100)
    assert (created(later), later.requeue_after) == ([0], 5)
    over = plan(after(a_job, later), "0:Running", now=NOW + 105)
    assert reasons(over) == [("FailureTarget", "DeadlineExceeded")]


def test_what_succeeded_before_completes_a_suspended_job():
    status = {**STARTED, "completedIndexes": "0", "succeeded": 1}
    done = plan(job(2, 2, suspend=True, status=status), "1:Succeeded")
    assert reasons(done) == [("SuccessCriteriaMet", "CompletionsReached")]


def test_a_suspended_job_still_fails_by_its_limit():
    done = plan(job(2, 2, suspend=True, backoffLimit=0, status=STARTED), "0:Failed 1:Running")
    assert reasons(done) == [("FailureTarget", "BackoffLimitExceeded")]


def test_suspended_failures_of_an_index_keep_their_pod():
    a_job = job(1, 1, backoffLimitPerIndex=2, suspend=True, status=STARTED)
    down = plan(a_job, "0:Failed/failures=1/at=-30/uid=a")
    assert down.release == ()
    up = plan(after(a_job, down, suspend=False), "0:Failed/failures=1/at=-30/uid=a")
    assert up.create[0]["metadata"]["annotations"][FAILURES] == "2"


# -- replacement


def test_with_policy_failed_the_deadline_does_not_wait_for_what_stops():
    a_job = job(1, 1, podReplacementPolicy="Failed", activeDeadlineSeconds=5, status=STARTED)
    done = plan(a_job, "0:Running/deleting/uid=a")
    assert reasons(done) == [("FailureTarget", "DeadlineExceeded")]
    assert done.status["uncountedTerminatedPods"] == {"failed": ["a"]}
    waits = plan(after(a_job, done), "0:Running/deleting/free/uid=a")
    assert [kind for kind, _ in reasons(waits)] == ["FailureTarget"]
    over = plan(after(a_job, waits), "0:Failed/free/uid=a")
    assert (reasons(over)[-1], over.status["failed"]) == (("Failed", "DeadlineExceeded"), 1)


def test_with_policy_failed_what_stops_takes_a_place_of_the_parallelism():
    a_job = job(5, 2, podReplacementPolicy="Failed", status=STARTED)
    assert created(plan(a_job, "0:Running 1:Running/deleting")) == []
    assert created(plan(job(5, 2, status=STARTED), "0:Running 1:Running/deleting", now=NOW + 60)) == [1]


def test_a_deleted_pod_that_succeeds_in_its_grace_counts_as_a_success():
    a_job = job(2, 2, podReplacementPolicy="Failed", status=STARTED)
    done = plan(a_job, "0:Succeeded/deleting 1:Running")
    assert (done.status["completedIndexes"], done.status["uncountedTerminatedPods"]) == ("0", {})


# -- restarts in place


@pytest.mark.parametrize(("words", "restarts", "ends"), [("0:Running 1:Running", 3, True), ("0:Running", 5, False)])
def test_restarts_of_all_pods_are_added_up(words, restarts, ends):
    a_job = job(2, 2, backoffLimit=6, restart="OnFailure", status=STARTED)
    done = plan(a_job, pods(words, restarts=restarts))
    assert reasons(done) == ([("FailureTarget", "BackoffLimitExceeded")] if ends else [])


def test_restarts_of_pods_that_stop_count_and_those_of_ended_ones_do_not():
    a_job = job(2, 2, backoffLimit=3, restart="OnFailure", status=STARTED)
    assert reasons(plan(a_job, pods("0:Running/deleting", restarts=3))) == [("FailureTarget", "BackoffLimitExceeded")]
    assert reasons(plan(a_job, pods("0:Succeeded", restarts=9))) == []


# -- small and empty Jobs


def test_no_parallelism_waits_and_no_completions_end():
    idle = plan(job(3, 0, status={**STARTED, "completedIndexes": "0", "succeeded": 1}), "1:Succeeded")
    assert (idle.status["completedIndexes"], reasons(idle), idle.create) == ("0,1", [], ())
    for mode in ("Indexed", "NonIndexed"):
        assert reasons(plan(job(0, 3, completionMode=mode))) == [("SuccessCriteriaMet", "CompletionsReached")]


def test_a_work_queue_of_no_parallelism_is_not_complete():
    assert reasons(plan(job(None, 0, completionMode="NonIndexed"))) == []


def test_more_successes_than_wanted_are_told():
    met = [{"type": "SuccessCriteriaMet", "status": "True", "reason": "CompletionsReached", "message": "m"}]
    status = {**STARTED, "succeeded": 3, "conditions": met}
    done = plan(job(2, 3, completionMode="NonIndexed", status=status))
    said = [reason for _, reason, _ in done.events]
    assert said == ["TooManySucceededPods", "Completed"]


def test_gone_at_once_after_the_end():
    done = [{"type": "Failed", "status": "True", "lastTransitionTime": stamp(NOW)}]
    assert plan(job(ttlSecondsAfterFinished=0, status={"conditions": done})).expired


def test_a_job_that_leaves_fails_no_more_pods_than_it_must():
    leaving = job(2, 2, backoffLimit=0, meta={"deletionTimestamp": LONG_AGO}, status=STARTED)
    done = plan(leaving, "0:Running/uid=a 1:Running/uid=b")
    assert (names(done.release), done.status["uncountedTerminatedPods"]) == (["a", "b"], {})
    assert done.status["active"] == 2


def test_of_two_pods_of_one_index_the_better_one_stays():
    words = "0:Pending/uid=young 0:Running/uid=running 0:Running/ready=9/uid=ready 0:Running/ready=50/uid=longer"
    done = plan(job(3, 3, status=STARTED), words)
    assert sorted(names(done.delete)) == ["ready", "running", "young"]


def test_pods_that_cannot_be_made_are_not_active():
    full = plan(job(5, 3, status=STARTED), "0:Running/ready")
    less = without_pods(full, 4)
    assert (less.create, less.status["active"], less.events, less.requeue_after) == ((), 1, (), 4)
    assert full.status["active"] == 3
    none = without_pods(plan(job(5, 3, activeDeadlineSeconds=2)), 4)
    assert "active" not in none.status
    assert none.requeue_after == 2


def test_a_condition_that_says_something_else_is_said_anew():
    old = {"type": "Suspended", "status": "True", "reason": "Other", "message": "m", "lastTransitionTime": LONG_AGO}
    done = plan(job(2, 2, suspend=True, status={"conditions": [old]}))
    assert reasons(done) == [("Suspended", "JobSuspended")]
    assert done.events == (("Normal", "Suspended", "Job suspended"),)
