"""A Job's status that a client writes: what may follow what."""

import pytest

from kjnb.embedded.api.validation import job_status
from tests.embedded.refusals import a_job, said

START, END = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"


def a_status(*true, **fields):
    """A status with these conditions True."""
    return {"conditions": [{"type": kind, "status": "True"} for kind in true], **fields}


COMPLETE = a_status("SuccessCriteriaMet", "Complete", startTime=START, completionTime=END, succeeded=3)
FAILED = a_status("FailureTarget", "Failed", startTime=START, failed=1)


def with_status(status, **spec):
    return {**a_job(**spec), "status": status}


def seen(status, old=None, **spec):
    return said(job_status.status_update(with_status(status, **spec), with_status(old or {}, **spec)))


@pytest.mark.parametrize(
    "status",
    [
        {},
        COMPLETE,
        FAILED,
        a_status(active=2, ready=1, startTime=START),
        a_status("Suspended"),
        {"completedIndexes": "0,2", "uncountedTerminatedPods": {"succeeded": ["a"], "failed": None}},
    ],
)
def test_what_a_controller_writes(status):
    assert seen(status) == []
    assert seen(status, status) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"active": -1}, [("status.active", "Invalid")]),
        ({**COMPLETE, "active": 1}, [("status.active", "Invalid")]),
        ({**COMPLETE, "terminating": 1}, [("status.terminating", "Invalid")]),
        ({**COMPLETE, "startTime": None}, [("status.startTime", "Required")]),
        ({**COMPLETE, "completionTime": None}, [("status.completionTime", "Required")]),
        ({**COMPLETE, "completionTime": "2025-01-01T00:00:00Z"}, [("status.completionTime", "Invalid")]),
        ({**FAILED, "completionTime": END}, [("status.completionTime", "Invalid")]),
        ({**FAILED, "uncountedTerminatedPods": {"failed": ["a"]}}, [("status.uncountedTerminatedPods", "Invalid")]),
        (a_status("Failed", startTime=START), [("status.conditions", "Invalid")]),
        (a_status("Complete", startTime=START, completionTime=END), [("status.conditions", "Invalid")]),
        (a_status("SuccessCriteriaMet", "FailureTarget"), [("status.conditions", "Invalid")]),
        ({"ready": 1}, [("status.ready", "Invalid")]),
        ({"failedIndexes": ""}, [("status.failedIndexes", "Invalid")]),
        (
            {"uncountedTerminatedPods": {"succeeded": ["a", ""], "failed": ["a"]}},
            [
                ("status.uncountedTerminatedPods.succeeded[1]", "Invalid"),
                ("status.uncountedTerminatedPods.failed[0]", "Duplicate"),
            ],
        ),
    ],
)
def test_what_contradicts_itself(status, expected):
    assert seen(status) == expected


def test_complete_or_failed():
    both = {**COMPLETE, "conditions": COMPLETE["conditions"] + FAILED["conditions"]}
    assert seen(both) == [("status.conditions", "Invalid")] * 4


@pytest.mark.parametrize("text", ["3", "1,1", "2,1", "1-1", "2-1", "0-1-2", "x", "-1", "0,", "\u0663", "00000000001"])
def test_sets_of_indexes_that_cannot_be(text):
    assert seen({"completedIndexes": text}) == [("status.completedIndexes", "Invalid")]
    assert seen({"failedIndexes": text}, backoffLimitPerIndex=1) == [("status.failedIndexes", "Invalid")]


def test_indexes_of_whom():
    assert seen({"completedIndexes": "0-2"}) == []
    assert seen({"completedIndexes": "0"}, completionMode="NonIndexed") == [("status.completedIndexes", "Invalid")]
    status = {"completedIndexes": "0-1", "failedIndexes": "1-2"}
    assert seen(status, backoffLimitPerIndex=1) == [("status.failedIndexes", "Invalid")]
    apart = {"completedIndexes": "0-1", "failedIndexes": "2"}
    assert seen(apart, backoffLimitPerIndex=1) == []


def test_a_status_from_before_the_rule_can_still_be_written():
    old = {"completedIndexes": "0-9", "ready": 3}
    assert seen({**old, "active": 4}, old) == []


@pytest.mark.parametrize(
    ("status", "old", "expected"),
    [
        ({}, {"failed": 1}, [("status.failed", "Invalid")]),
        ({}, {"succeeded": 1}, []),
        ({"startTime": END}, {"startTime": START}, [("status.startTime", "Required")]),
        ({**COMPLETE, "completionTime": "2026-01-01T00:02:00Z"}, COMPLETE, [("status.completionTime", "Invalid")]),
        (a_status("FailureTarget", startTime=START, failed=1), FAILED, [("status.conditions", "Invalid")]),
    ],
)
def test_what_cannot_be_taken_back(status, old, expected):
    assert seen(status, old) == expected


def test_a_job_of_before_success_criteria_keeps_its_conditions():
    before = a_status("Complete", startTime=START, completionTime=END, succeeded=3)
    assert seen(COMPLETE, before) == [("status.conditions", "Invalid")]


def test_without_indexes_successes_stay_and_suspended_jobs_may_start_anew():
    assert seen({}, {"succeeded": 1}, completionMode="NonIndexed") == [("status.succeeded", "Invalid")]
    assert seen({}, {"startTime": START}, suspend=True) == []


def test_the_name_stays():
    new = with_status({})
    assert said(job_status.status_update({**new, "metadata": {"name": "b"}}, new)) == [("metadata.name", "Invalid")]
