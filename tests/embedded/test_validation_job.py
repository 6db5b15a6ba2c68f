"""What the API server refuses of a Job, field by field; the words are held by the conformance scenarios."""

from __future__ import annotations

import pytest

from kjnb.embedded.api import strategy
from kjnb.embedded.api.validation import job, policies
from tests.embedded.refusals import GONE, a_job, a_new_job, changed, refused, said

JOB = a_job()
PER_INDEX = a_job(backoffLimitPerIndex=1)
MANY = a_job(backoffLimitPerIndex=1, completions=200_000, maxFailedIndexes=10, parallelism=10)
CODES = {"operator": "In", "values": [1, 2]}
ON_CODES = {"action": "FailJob", "onExitCodes": CODES}
ON_CONDITION = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
WITH_POLICY = a_job(podFailurePolicy={"rules": [ON_CODES, ON_CONDITION]})
RULES = "spec.podFailurePolicy.rules"
WITH_SUCCESS = a_job(successPolicy={"rules": [{"succeededIndexes": "0,1-2", "succeededCount": 2}]})
SUCCESS = "spec.successPolicy.rules"
POD = "spec.template.spec"


@pytest.mark.parametrize(
    ("obj", "path", "value", "expected"),
    [
        (JOB, "metadata.name", "", [("metadata.name", "Required"), ("metadata.name", "Invalid")]),
        (JOB, "metadata.name", "Upper", [("metadata.name", "Invalid")] * 2),  # as a name, and as a pod's host name
        (JOB, "metadata.name", "a" * 62, [("metadata.name", "Invalid")]),
        (JOB, "spec.parallelism", -1, [("spec.parallelism", "Invalid")]),
        (JOB, "spec.backoffLimit", -1, [("spec.backoffLimit", "Invalid")]),
        (JOB, "spec.completionMode", "Sorted", [("spec.completionMode", "NotSupported")]),
        (JOB, "spec.completions", GONE, [("spec.completions", "Required")]),
        (JOB, "spec.parallelism", 100_001, [("spec.parallelism", "Invalid")]),
        (PER_INDEX, "spec.completionMode", "NonIndexed", [("spec.backoffLimitPerIndex", "Invalid")]),
        (JOB, "spec.maxFailedIndexes", 1, [("spec.backoffLimitPerIndex", "Required")]),
        (
            a_job(completionMode="NonIndexed"),
            "spec.maxFailedIndexes",
            1,
            [("spec.backoffLimitPerIndex", "Required"), ("spec.maxFailedIndexes", "Invalid")],
        ),
        (PER_INDEX, "spec.completionMode", "Sorted", [("spec.completionMode", "NotSupported")]),
        (PER_INDEX, "spec.maxFailedIndexes", 4, [("spec.maxFailedIndexes", "Invalid")]),
        (MANY, "spec.maxFailedIndexes", 100_001, [("spec.maxFailedIndexes", "Invalid")] * 2),
        (MANY, "spec.maxFailedIndexes", 10_001, [("spec.maxFailedIndexes", "Invalid")]),
        (MANY, "spec.maxFailedIndexes", GONE, [("spec.maxFailedIndexes", "Required")]),
        (MANY, "spec.parallelism", 10_001, [("spec.parallelism", "Invalid")]),
        (JOB, "spec.podReplacementPolicy", "Never", [("spec.podReplacementPolicy", "NotSupported")]),
        (
            WITH_POLICY,
            "spec.podReplacementPolicy",
            "TerminatingOrFailed",
            [("spec.podReplacementPolicy", "NotSupported")],
        ),
        (JOB, "spec.managedBy", "nobody", [("spec.managedBy", "Invalid")]),
        (JOB, "spec.managedBy", f"a.b/{'x' * 60}", [("spec.managedBy", "TooLong")]),
        (JOB, "spec.managedBy", "", [("spec.managedBy", "Required")]),
        (JOB, "spec.managedBy", "A_b/c d", [("spec.managedBy", "Invalid")] * 2),
        (JOB, "spec.managedBy", "kubernetes.io/job-controller", []),
        (JOB, f"{POD}.ephemeralContainers", [{"name": "e"}], [(f"{POD}.ephemeralContainers", "Forbidden")]),
        (JOB, "spec.template.metadata", {"labels": {"a b": "c"}}, [("spec.template.labels", "Invalid")]),
        (JOB, f"{POD}.restartPolicy", "Always", [(f"{POD}.restartPolicy", "Required")]),
        (JOB, f"{POD}.restartPolicy", "Sometimes", [(f"{POD}.restartPolicy", "NotSupported")] * 2),
        (WITH_POLICY, f"{POD}.restartPolicy", "OnFailure", [(f"{POD}.restartPolicy", "Invalid")]),
    ],
)
def test_a_job_is_refused_for_its_spec(obj, path, value, expected):
    assert refused(job.job, obj, path, value) == expected


@pytest.mark.parametrize(
    "obj",
    [
        a_job(managedBy="acme.io/foo"),
        a_job(completionMode="NonIndexed"),
        changed(JOB, f"{POD}.restartPolicy", "OnFailure"),
    ],
)
def test_a_job_that_is_not_refused(obj):
    assert job.job(obj) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (f"{RULES}", [ON_CODES] * 21, [(RULES, "TooMany")]),
        (f"{RULES}.0.action", "Retry", [(f"{RULES}[0].action", "NotSupported")]),
        (f"{RULES}.0.action", GONE, [(f"{RULES}[0].action", "Required")]),
        (f"{RULES}.0.action", "FailIndex", [(f"{RULES}[0].action", "Invalid")]),
        (f"{RULES}.0.onExitCodes", GONE, [(f"{RULES}[0]", "Invalid")]),
        (f"{RULES}.1.onExitCodes", CODES, [(f"{RULES}[1]", "Invalid")]),
        (f"{RULES}.0.onExitCodes.operator", "Is", [(f"{RULES}[0].onExitCodes.operator", "NotSupported")]),
        (f"{RULES}.0.onExitCodes.operator", GONE, [(f"{RULES}[0].onExitCodes.operator", "Required")]),
        (f"{RULES}.0.onExitCodes.containerName", "other", [(f"{RULES}[0].onExitCodes.containerName", "Invalid")]),
        (f"{RULES}.0.onExitCodes.values", [], [(f"{RULES}[0].onExitCodes.values", "Invalid")]),
        (f"{RULES}.0.onExitCodes.values", [0], [(f"{RULES}[0].onExitCodes.values[0]", "Invalid")]),
        (f"{RULES}.0.onExitCodes.values", [1, 1], [(f"{RULES}[0].onExitCodes.values[1]", "Duplicate")]),
        (f"{RULES}.0.onExitCodes.values", [2, 1], [(f"{RULES}[0].onExitCodes.values", "Invalid")]),
        (f"{RULES}.0.onExitCodes.values", list(range(1, 257)), [(f"{RULES}[0].onExitCodes.values", "TooMany")]),
        (
            f"{RULES}.0.onExitCodes.values",
            [0, 0],
            [
                (f"{RULES}[0].onExitCodes.values[0]", "Invalid"),
                (f"{RULES}[0].onExitCodes.values[1]", "Invalid"),
                (f"{RULES}[0].onExitCodes.values[1]", "Duplicate"),
            ],
        ),
        (f"{RULES}.1.onPodConditions.0.type", GONE, [(f"{RULES}[1].onPodConditions[0].type", "Invalid")] * 2),
        (f"{RULES}.1.onPodConditions.0.type", "a b", [(f"{RULES}[1].onPodConditions[0].type", "Invalid")]),
        (f"{RULES}.1.onPodConditions.0.status", "", [(f"{RULES}[1].onPodConditions[0].status", "Required")]),
        (f"{RULES}.1.onPodConditions.0.status", "Maybe", [(f"{RULES}[1].onPodConditions[0].status", "NotSupported")]),
    ],
)
def test_a_failure_policy_is_refused(path, value, expected):
    assert refused(job.job, WITH_POLICY, path, value) == expected


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("spec.completionMode", "NonIndexed", [("spec.successPolicy", "Invalid")]),
        (SUCCESS, [], [(SUCCESS, "Required")]),
        (SUCCESS, [{"succeededCount": 1}] * 21, [(SUCCESS, "TooMany")]),
        (f"{SUCCESS}.0", {}, [(f"{SUCCESS}[0]", "Required")]),
        (f"{SUCCESS}.0", {"succeededCount": -1}, [(f"{SUCCESS}[0].succeededCount", "Invalid")]),
        (f"{SUCCESS}.0", {"succeededCount": 4}, [(f"{SUCCESS}[0].succeededCount", "Invalid")]),
        (f"{SUCCESS}.0.succeededIndexes", "0", [(f"{SUCCESS}[0].succeededCount", "Invalid")]),
        *(
            (
                f"{SUCCESS}.0.succeededIndexes",
                text,
                [(f"{SUCCESS}[0].succeededIndexes", "Invalid"), (f"{SUCCESS}[0].succeededCount", "Invalid")],
            )
            for text in ("0-1-2", "1,0", "2-1", "a", "3", "0-3", "0,,1")
        ),
        (
            f"{SUCCESS}.0",
            {"succeededIndexes": "0," * 40_000},
            [(f"{SUCCESS}[0].succeededIndexes", "TooLong"), (f"{SUCCESS}[0].succeededIndexes", "Invalid")],
        ),
    ],
)
def test_a_success_policy_is_refused(path, value, expected):
    assert refused(job.job, WITH_SUCCESS, path, value) == expected


@pytest.mark.parametrize(("text", "count"), [("", 0), ("0", 1), ("0,2", 2), ("0-4", 5), ("1-2,4", 3)])
def test_indexes_are_counted(text, count):
    assert policies.count_indexes(text, 5) == count


SUSPENDED = a_job(suspend=True)
RUNNING = a_job() | {"status": {"startTime": "2026-01-01T00:00:00Z", "active": 1}}


@pytest.mark.parametrize(
    ("old", "path", "value", "expected"),
    [
        (RUNNING, "spec.parallelism", 2, []),
        (RUNNING, "metadata.name", "b", [("metadata.name", "Invalid")]),
        (RUNNING, "spec.completionMode", "NonIndexed", [("spec.completionMode", "Invalid")]),
        (RUNNING, "spec.completions", 5, [("spec.completions", "Invalid")]),
        (a_job(parallelism=5), "spec.completions", 5, []),
        (a_job(completionMode="NonIndexed"), "spec.completions", 5, [("spec.completions", "Invalid")]),
        (RUNNING, f"{POD}.containers.0.image", "other:1", [("spec.template", "Invalid")]),
        (RUNNING, f"{POD}.nodeSelector", {"a": "b"}, [("spec.template", "Invalid")]),
        (RUNNING, "spec.template.metadata", {"labels": {"a": "b"}}, [("spec.template", "Invalid")]),
        (SUSPENDED, f"{POD}.nodeSelector", {"a": "b"}, []),
        (SUSPENDED, f"{POD}.affinity", {"nodeAffinity": {}}, []),
        (SUSPENDED, f"{POD}.affinity", {"podAffinity": {}}, [("spec.template.spec", "Invalid")]),
        (RUNNING, "metadata.labels", {"a": "b c"}, [("metadata.labels", "Invalid")] * 2),
        (RUNNING, "metadata.finalizers", ["mine"], [("metadata.finalizers[0]", "Invalid")] * 2),
        (RUNNING, "spec.parallelism", -1, [("spec.parallelism", "Invalid")] * 2),
        (SUSPENDED, f"{POD}.containers.0.resources", {"limits": {"cpu": "1"}}, []),
        (SUSPENDED, f"{POD}.containers.0.image", "other:1", [("spec.template.spec", "Invalid")]),
    ],
)
def test_what_of_a_job_may_change(old, path, value, expected):
    assert said(job.job_update(changed(old, path, value), old)) == expected


def test_a_suspended_job_whose_pods_are_gone_may_be_sent_elsewhere():
    suspended = {"type": "Suspended", "status": "True"}
    old = SUSPENDED | {"status": {"startTime": "2026-01-01T00:00:00Z", "conditions": [suspended]}}
    assert job.may_reschedule(old)
    assert not job.may_reschedule(changed(old, "status.active", 1))
    assert not job.may_reschedule(changed(old, "status.conditions.0.status", "False"))


def own(**spec):
    """A Job as the server makes it of one without a selector."""
    job = a_new_job(**spec)
    job["metadata"]["uid"] = "u"
    return {**job, "spec": strategy.with_selector(job)}


LABELS = "spec.template.metadata.labels"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"selector": {"matchLabels": {"a": "b"}}}, [("spec.selector", "Invalid"), (LABELS, "Invalid")]),
        (
            {"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "x"}}},
            [("spec.selector", "Invalid"), (LABELS, "Invalid")],
        ),
        ({"manualSelector": True}, [("spec.selector", "Required"), (LABELS, "Invalid")]),
        ({"manualSelector": True, "selector": {"matchLabels": {"a": "b"}}}, [(LABELS, "Invalid")]),
        (
            {"manualSelector": True, "selector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}},
            [("spec.selector.matchExpressions[0].operator", "Invalid")],
        ),
        ({"selector": {"matchExpressions": [{"key": "job-name", "operator": "In", "values": ["a"]}]}}, []),
        (
            {"selector": {"matchExpressions": [{"key": "job-name", "operator": "NotIn", "values": ["a"]}]}},
            [("spec.selector", "Invalid"), (LABELS, "Invalid")],
        ),
        ({"selector": {"matchExpressions": [{"key": "job-name", "operator": "Exists"}]}}, []),
        ({"selector": {"matchExpressions": [{"key": "nobodys", "operator": "DoesNotExist"}]}}, []),
    ],
)
def test_a_selector_is_the_servers_or_fits(spec, expected):
    assert said(job.job(own(**spec))) == expected


@pytest.mark.parametrize("key", ["controller-uid", "batch.kubernetes.io/job-name"])
def test_labels_that_are_the_servers_cannot_be_others(key):
    made = own()
    made = changed(made, LABELS, {**made["spec"]["template"]["metadata"]["labels"], key: "x"})
    assert (f"{LABELS}[{key}]", "Invalid") in said(job.job(made))
    gone = {name: value for name, value in made["spec"]["template"]["metadata"]["labels"].items() if name != key}
    assert (f"{LABELS}[{key}]", "Required") in said(job.job(changed(made, LABELS, gone)))
    assert job.generated_selector(a_new_job()) == []
