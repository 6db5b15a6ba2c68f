"""The Job controller's function: a Job and pods in, a plan out."""

import pytest

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.controllers.backoff import Record
from kjnb.embedded.controllers.job_controller import Plan, sync
from kjnb.embedded.controllers.job_pods import FAILURES, IGNORED, index_of
from tests.embedded.job_words import NOW, job, numbered, pods

LONG_AGO = stamp(NOW - 1000)


def plan(a_job, words="", *, now=NOW, base=10.0, record=None) -> Plan:
    known = pods(words) if isinstance(words, str) else words
    return sync(a_job, known, now, names=numbered(), base=base, record=record or Record())


def created(a_plan):
    return [index_of(pod) for pod in a_plan.create]


def names(some_pods):
    return [pod["metadata"]["name"] for pod in some_pods]


def conditions(a_plan):
    return [(c["type"], c["status"], c["reason"]) for c in a_plan.status.get("conditions", [])]


def stored(a_job, a_plan):
    """The Job once the plan's status is stored."""
    return {**a_job, "status": a_plan.status}


# -- creating


def test_a_new_job_starts_its_lowest_indexes():
    first = plan(job(5, 2))
    assert created(first) == [0, 1]
    assert first.status == {
        "active": 2, "ready": 0, "terminating": 0, "startTime": stamp(NOW), "uncountedTerminatedPods": {}
    }  # fmt: skip
    assert first.events[0] == ("Normal", "SuccessfulCreate", "Created pod: job-0-00000")
    assert first.requeue_after is None


def test_the_shape_of_an_indexed_pod():
    pod = plan(job(5, 2, backoffLimitPerIndex=1)).create[1]
    meta = pod["metadata"]
    assert (meta["name"], meta["generateName"]) == ("job-1-00001", "job-1-")
    assert meta["annotations"] == {
        "batch.kubernetes.io/job-completion-index": "1", "batch.kubernetes.io/job-index-failure-count": "0"
    }  # fmt: skip
    assert meta["labels"]["batch.kubernetes.io/job-completion-index"] == "1"
    assert meta["finalizers"] == ["batch.kubernetes.io/job-tracking"]
    assert meta["ownerReferences"][0]["controller"]
    assert meta["ownerReferences"][0]["blockOwnerDeletion"]
    assert pod["spec"]["hostname"] == "job-1"
    assert pod["spec"]["containers"][0]["env"][0]["name"] == "JOB_COMPLETION_INDEX"
    assert pod["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


def test_pods_without_indexes():
    first = plan(job(2, 5, completionMode="NonIndexed"))
    assert created(first) == [None, None]
    meta = first.create[0]["metadata"]
    assert meta["name"] == "job-00000"
    assert "annotations" not in meta
    assert "hostname" not in first.create[0]["spec"]


def test_what_succeeded_or_runs_is_not_started_again():
    a_job = job(5, 3, status={"startTime": LONG_AGO, "completedIndexes": "0", "succeeded": 1})
    assert created(plan(a_job, "1:Running 2:Succeeded")) == [3, 4]


def test_at_most_five_hundred_pods_at_once():
    first = plan(job(2000, 2000))
    assert len(first.create) == 500
    assert first.requeue_after == 0


def test_a_work_queue_keeps_its_parallelism_until_the_first_success():
    queue = job(None, 3, completionMode="NonIndexed")
    assert len(plan(queue).create) == 3
    done = plan(queue, "Succeeded/uid=a Running Running")
    assert done.create == ()
    assert done.status["active"] == 2
    over = plan(stored(queue, done), "Succeeded/uid=a/free")
    assert conditions(over) == [("SuccessCriteriaMet", "True", "CompletionsReached")]
    assert over.status["succeeded"] == 1


def test_parallelism_zero_pauses():
    idle = plan(job(2, 0))
    assert idle.create == ()
    assert idle.status["startTime"] == stamp(NOW)


def test_a_job_of_another_controller_is_left_alone():
    assert plan(job(managedBy="example.com/other")) == Plan()


def test_a_job_that_is_being_deleted_starts_nothing_and_holds_nothing():
    leaving = job(3, 3, meta={"deletionTimestamp": LONG_AGO})
    done = plan(leaving, "0:Running 1:Failed")
    assert done.create == ()
    assert names(done.release) == ["pod-0", "pod-1"]


# -- deleting


def test_fewer_at_once_deletes_the_youngest_of_those_that_lose_least():
    a_job = job(5, 2)
    done = plan(a_job, "0:Running/ready 1:Running/ready 2:Running 3:Pending 4:Pending/unbound")
    assert names(done.delete) == ["pod-4", "pod-3", "pod-2"]
    assert names(done.release) == names(done.delete)
    assert done.status["active"] == 2
    assert done.status["ready"] == 2
    assert done.status["terminating"] == 2
    assert done.events[0] == ("Normal", "SuccessfulDelete", "Deleted pod: pod-4")
    assert "failed" not in done.status


def test_pods_of_one_index_too_many_go_and_so_do_those_of_finished_ones():
    done = plan(
        job(4, 4, backoffLimitPerIndex=0), "0:Running 0:Running 1:Succeeded 1:Running 2:Failed 2:Running 9:Running"
    )
    assert names(done.delete) == ["pod-1", "pod-3", "pod-5", "pod-6"]


def test_a_pod_that_lost_the_finalizer_is_deleted_without_another_release():
    done = plan(job(4, 0), "0:Running/free")
    assert names(done.delete) == ["pod-0"]
    assert done.release == ()


def test_fewer_completions_drop_the_high_indexes():
    a_job = job(2, 2, status={"startTime": LONG_AGO, "completedIndexes": "1,3", "succeeded": 2})
    done = plan(a_job, "0:Running 2:Running")
    assert names(done.delete) == ["pod-1"]
    assert (done.status["completedIndexes"], done.status["succeeded"]) == ("1", 1)


# -- counting


def test_indexed_successes_are_counted_at_once():
    done = plan(job(3, 3), "0:Succeeded 1:Running 2:Succeeded")
    assert (done.status["completedIndexes"], done.status["succeeded"], done.status["active"]) == ("0,2", 2, 1)
    assert names(done.release) == ["pod-0", "pod-2"]


def test_other_ends_are_noted_released_and_only_then_counted():
    a_job = job(4, 2, completionMode="NonIndexed", status={"startTime": LONG_AGO, "failed": 1})
    first = plan(a_job, "Succeeded/uid=a Failed/uid=b Running", now=NOW)
    assert first.status["uncountedTerminatedPods"] == {"succeeded": ["a"], "failed": ["b"]}
    assert first.status["failed"] == 1
    assert "succeeded" not in first.status
    assert names(first.release) == ["a", "b"]
    assert first.requeue_after == 0
    # stopped after one of the two finalizers went
    second = plan(stored(a_job, first), "Failed/uid=b Running")
    assert second.status["succeeded"] == 1
    assert second.status["failed"] == 1
    assert second.status["uncountedTerminatedPods"] == {"failed": ["b"]}
    third = plan(stored(a_job, second), "Running")
    assert (third.status["succeeded"], third.status["failed"]) == (1, 2)
    assert third.status["uncountedTerminatedPods"] == {}


def test_a_pod_that_succeeds_after_its_deletion_was_counted_is_not_counted_twice():
    noted = {"startTime": LONG_AGO, "uncountedTerminatedPods": {"failed": ["a"]}}
    done = plan(job(2, 1, completionMode="NonIndexed", status=noted), "Succeeded/deleting/uid=a Running")
    assert done.status["uncountedTerminatedPods"] == {"failed": ["a"]}
    assert names(done.release) == ["a"]


def test_at_most_five_hundred_are_noted_at_once():
    queue = job(None, 1, completionMode="NonIndexed", backoffLimit=9999)
    first = plan(queue, " ".join(["Succeeded"] * 300 + ["Failed"] * 400 + ["Running"]))
    noted = first.status["uncountedTerminatedPods"]
    assert (len(noted["failed"]), len(noted["succeeded"])) == (400, 100)
    assert len(first.release) == 500


def test_a_pod_deleted_from_outside_is_a_failure_and_replaced():
    a_job = job(2, 2, status={"startTime": LONG_AGO})
    done = plan(a_job, "0:Running/uid=a 1:Running/deleting/uid=b", now=NOW + 60)
    assert done.status["uncountedTerminatedPods"] == {"failed": ["b"]}
    assert created(done) == [1]
    assert done.status["terminating"] == 1


def test_with_policy_failed_a_pod_on_its_way_out_holds_its_place():
    a_job = job(2, 2, podReplacementPolicy="Failed", status={"startTime": LONG_AGO})
    done = plan(a_job, "0:Running 1:Running/deleting")
    assert (created(done), done.release, done.status["terminating"]) == ([], (), 1)
    assert created(
        plan({**a_job, "spec": {**a_job["spec"], "parallelism": 3, "completions": 3}}, "1:Running/deleting")
    ) == [0, 2]


def test_ends_of_indexes_that_nobody_asked_for_do_not_count():
    done = plan(job(2, 2), "7:Succeeded 8:Failed x:Failed")
    assert names(done.release) == ["pod-0", "pod-1", "pod-2"]
    assert done.status["uncountedTerminatedPods"] == {}
    assert "succeeded" not in done.status


# -- back-off


def test_the_clock_of_the_whole_job_holds_all_creation():
    a_job = job(4, 4)
    waiting = plan(a_job, "0:Failed/at=-3/uid=a 1:Running 2:Running")
    assert waiting.create == ()
    assert waiting.requeue_after == 0
    assert "active" not in waiting.status
    assert waiting.record == Record(1, NOW - 3)
    later = plan(stored(a_job, waiting), "1:Running 2:Running", record=waiting.record)
    assert later.requeue_after == 7
    assert created(later) == []
    assert created(plan(stored(a_job, later), "1:Running 2:Running", now=NOW + 7, record=waiting.record)) == [0, 3]


def test_each_index_has_its_own_clock_and_keeps_its_failed_pod_until_it_is_replaced():
    a_job = job(3, 3, backoffLimitPerIndex=2, status={"startTime": LONG_AGO})
    waiting = plan(a_job, "0:Failed/at=-3/failures=1/uid=a 1:Failed/at=-10/failures=0/uid=b 2:Running")
    assert created(waiting) == [1]
    assert waiting.requeue_after == 0
    assert waiting.create[0]["metadata"]["annotations"][FAILURES] == "1"
    assert names(waiting.release) == ["b"]
    assert waiting.status["active"] == 2
    left = plan(stored(a_job, waiting), "0:Failed/at=-3/failures=1/uid=a 1:Running 2:Running")
    assert left.requeue_after == 17
    assert left.release == ()
    assert left.status["failed"] == 1
    assert left.status["failedIndexes"] == ""


def test_the_last_of_several_tries_of_an_index_holds_its_counts():
    rules = {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [9]}}]}
    a_job = job(1, 1, backoffLimitPerIndex=5, podFailurePolicy=rules)
    done = plan(a_job, "0:Failed/failures=2/ignored=1/exit=9/uid=b 0:Failed/failures=1/uid=a")
    notes = done.create[0]["metadata"]["annotations"]
    assert (notes[FAILURES], notes[IGNORED]) == ("2", "2")
    assert done.status["uncountedTerminatedPods"] == {"failed": ["a"]}
    assert names(done.release) == ["b", "a"]


# -- the end


def test_completion_takes_two_steps():
    a_job = job(2, 2, status={"startTime": LONG_AGO, "active": 2})
    first = plan(a_job, "0:Succeeded 1:Succeeded")
    assert conditions(first) == [("SuccessCriteriaMet", "True", "CompletionsReached")]
    assert first.status["completedIndexes"] == "0,1"
    assert first.requeue_after == 0
    assert first.events == ()
    second = plan(stored(a_job, first))
    assert conditions(second)[1] == ("Complete", "True", "CompletionsReached")
    assert second.status["conditions"][1]["message"] == "Reached expected number of succeeded pods"
    assert second.status["completionTime"] == stamp(NOW)
    assert second.events == (("Normal", "Completed", "Job completed"),)
    assert "active" not in second.status
    assert second.status["ready"] == 0
    assert plan(stored(a_job, second)) == Plan()


def test_zero_completions_are_complete():
    assert conditions(plan(job(0, 1, completionMode="NonIndexed"))) == [
        ("SuccessCriteriaMet", "True", "CompletionsReached")
    ]


def test_one_failure_more_than_the_limit_ends_the_job_and_its_pods():
    a_job = job(3, 3, backoffLimit=0, status={"startTime": LONG_AGO})
    first = plan(a_job, "0:Failed/uid=a 1:Running/uid=b 2:Running/uid=c/unbound")
    assert conditions(first) == [("FailureTarget", "True", "BackoffLimitExceeded")]
    assert first.status["uncountedTerminatedPods"] == {"failed": ["a", "b", "c"]}
    assert (names(first.stop), first.delete) == (["b", "c"], ())
    assert names(first.release) == ["a", "b", "c"]
    assert first.status["terminating"] == 1
    assert "active" not in first.status
    second = plan(stored(a_job, first), "1:Running/uid=b/free/deleting")
    assert second.status["failed"] == 3
    assert second.status["terminating"] == 1
    assert len(conditions(second)) == 1
    assert second.requeue_after is None
    third = plan(stored(a_job, second))
    assert conditions(third)[1] == ("Failed", "True", "BackoffLimitExceeded")
    assert third.events == (("Warning", "BackoffLimitExceeded", "Job has reached the specified backoff limit"),)
    assert "completionTime" not in third.status


def test_more_running_pods_than_can_be_deleted_at_once():
    a_job = job(600, 600, activeDeadlineSeconds=1, status={"startTime": LONG_AGO})
    first = plan(a_job, " ".join(f"{i}:Running" for i in range(600)))
    assert len(first.stop) == 500
    assert first.status["active"] == 100
    assert first.requeue_after == 0


@pytest.mark.parametrize(("limit", "restarts", "ends"), [(0, 1, True), (6, 5, False), (6, 6, True)])
def test_restarts_in_place_count_against_the_limit(limit, restarts, ends):
    a_job = job(1, 1, backoffLimit=limit, restart="OnFailure")
    done = plan(a_job, pods("0:Running", restarts=restarts))
    assert (conditions(done) == [("FailureTarget", "True", "BackoffLimitExceeded")]) is ends


def test_the_deadline_counts_from_the_start():
    a_job = job(1, 1, activeDeadlineSeconds=5, status={"startTime": stamp(NOW - 3)})
    assert plan(a_job, "0:Running").requeue_after == 2
    assert plan(job(1, 1, activeDeadlineSeconds=5)).requeue_after == 5
    assert conditions(plan(a_job, "0:Running", now=NOW + 2)) == [("FailureTarget", "True", "DeadlineExceeded")]


def test_fail_job_says_which_container_did_it():
    rules = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]}
    done = plan(job(2, 2, podFailurePolicy=rules), "0:Failed/exit=42/uid=a 1:Running")
    said = "Container worker for pod default/a failed with exit code 42 matching FailJob rule at index 0"
    assert done.status["conditions"][0]["message"] == said
    assert conditions(done) == [("FailureTarget", "True", "PodFailurePolicy")]


def test_ignored_failures_are_replaced_and_not_counted():
    rules = {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [42]}}]}
    a_job = job(2, 2, backoffLimit=0, podFailurePolicy=rules)
    done = plan(a_job, "0:Failed/exit=42/uid=a 1:Running")
    assert created(done) == [0]
    assert names(done.release) == ["a"]
    assert done.status["uncountedTerminatedPods"] == {}
    assert "failed" not in done.status


def test_a_failed_index_ends_only_itself():
    a_job = job(3, 3, backoffLimitPerIndex=0)
    done = plan(a_job, "0:Failed 1:Running 2:Succeeded")
    assert (done.status["failedIndexes"], done.status["completedIndexes"]) == ("0", "2")
    assert done.create == ()
    assert "conditions" not in done.status
    over = plan(a_job, "0:Failed 1:Succeeded 2:Succeeded")
    assert conditions(over) == [("FailureTarget", "True", "FailedIndexes")]


def test_an_index_is_never_both_completed_and_failed():
    failed_before = job(2, 2, backoffLimitPerIndex=0, status={"failedIndexes": "0"})
    assert "completedIndexes" not in plan(failed_before, "0:Succeeded 1:Running").status
    both = plan(job(2, 2, backoffLimitPerIndex=0), "0:Succeeded 0:Failed 1:Running").status
    assert (both["completedIndexes"], both["failedIndexes"]) == ("0", "")


def test_failed_indexes_are_not_started_again():
    status = {"startTime": LONG_AGO, "failedIndexes": "0,2", "completedIndexes": "1"}
    assert created(plan(job(5, 2, backoffLimitPerIndex=0, status=status))) == [3, 4]


def test_too_many_failed_indexes_end_the_job():
    a_job = job(5, 5, backoffLimitPerIndex=0, maxFailedIndexes=1)
    assert "conditions" not in plan(a_job, "0:Failed 2:Running").status
    assert conditions(plan(a_job, "0:Failed 1:Failed 2:Running")) == [
        ("FailureTarget", "True", "MaxFailedIndexesExceeded")
    ]


def test_the_success_policy_ends_the_job_without_counting_the_rest():
    a_job = job(3, 3, successPolicy={"rules": [{"succeededIndexes": "0"}]})
    first = plan(a_job, "0:Succeeded/uid=a 1:Running/uid=b 2:Running/uid=c")
    assert conditions(first) == [("SuccessCriteriaMet", "True", "SuccessPolicy")]
    assert (first.stop, names(first.delete)) == ((), ["b", "c"])
    assert names(first.release) == ["a", "b", "c"]
    assert first.status["uncountedTerminatedPods"] == {}
    second = plan(stored(a_job, first))
    assert second.status["conditions"][1]["message"] == "Matched rules at index 0"
    assert "failed" not in second.status


@pytest.mark.parametrize("flags", ["unbound", "unbound/free"])
def test_no_job_is_complete_before_its_last_pod_was_stopped(flags):
    met = [{"type": "SuccessCriteriaMet", "status": "True", "reason": "SuccessPolicy", "message": "m"}]
    status = {"startTime": LONG_AGO, "completedIndexes": "0", "succeeded": 1, "conditions": met}
    a_job = job(3, 3, successPolicy={"rules": [{"succeededIndexes": "0"}]}, status=status)
    # stopped after the condition was stored and before the pod was deleted
    first = plan(a_job, f"1:Pending/{flags}")
    assert (names(first.delete), len(conditions(first)), first.requeue_after) == (["pod-0"], 1, 0)
    assert conditions(plan(stored(a_job, first)))[1][0] == "Complete"


def test_after_success_no_failure_rule_is_looked_at():
    met = [{"type": "SuccessCriteriaMet", "status": "True", "reason": "SuccessPolicy", "message": "m"}]
    a_job = job(3, 3, backoffLimit=0, status={"startTime": LONG_AGO, "conditions": met})
    assert conditions(plan(a_job, "1:Failed"))[0][0] == "SuccessCriteriaMet"


# -- suspend


def test_suspended_at_birth():
    done = plan(job(suspend=True))
    assert done.create == ()
    assert "startTime" not in done.status
    assert conditions(done) == [("Suspended", "True", "JobSuspended")]
    assert done.events == (("Normal", "Suspended", "Job suspended"),)
    assert plan(stored(job(suspend=True), done)).events == ()


def test_suspend_deletes_active_pods_that_do_not_count_and_resume_starts_the_clock_again():
    running = job(2, 2, suspend=True, activeDeadlineSeconds=5, status={"startTime": LONG_AGO, "active": 2})
    down = plan(running, "0:Running 1:Running/ready")
    assert names(down.delete) == names(down.release) == ["pod-0", "pod-1"]
    assert "startTime" not in down.status
    assert "failed" not in down.status
    assert down.status["ready"] == 0
    again = {**stored(running, down), "spec": {**running["spec"], "suspend": False}}
    up = plan(again)
    assert created(up) == [0, 1]
    assert up.status["startTime"] == stamp(NOW)
    assert conditions(up) == [("Suspended", "False", "JobResumed")]
    assert down.events[-1] == ("Normal", "Suspended", "Job suspended")
    assert up.events[-1] == ("Normal", "Resumed", "Job resumed")


def test_a_job_that_leaves_says_no_more_of_its_suspension():
    assert plan(job(suspend=True, meta={"deletionTimestamp": LONG_AGO})).events == ()


# -- after the end


def test_a_finished_job_lets_go_of_what_still_carries_its_finalizer():
    done = [{"type": "Complete", "status": "True", "lastTransitionTime": LONG_AGO}]
    assert names(plan(job(status={"conditions": done}), "0:Succeeded").release) == ["pod-0"]


def test_time_to_live_counts_from_the_end():
    failed = [{"type": "Failed", "status": "True", "lastTransitionTime": stamp(NOW - 3)}]
    a_job = job(ttlSecondsAfterFinished=5, status={"conditions": failed})
    assert plan(a_job) == Plan(requeue_after=2)
    assert plan(a_job, now=NOW + 2).expired
    complete = [{"type": "Complete", "status": "True", "lastTransitionTime": stamp(NOW)}]
    ended = {"conditions": complete, "completionTime": stamp(NOW - 5)}
    assert plan(job(ttlSecondsAfterFinished=5, status=ended)).requeue_after == 5
    theirs = job(ttlSecondsAfterFinished=5, status=ended, managedBy="example.com/other")
    left = plan(theirs, "0:Succeeded", now=NOW + 5)
    assert (left.expired, left.release) == (True, ())
    leaving = {"deletionTimestamp": LONG_AGO}
    assert not plan(job(ttlSecondsAfterFinished=5, status=ended, meta=leaving)).expired
