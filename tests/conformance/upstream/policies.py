"""What Jobs make of failures and of successes."""

from __future__ import annotations

import json
import urllib.parse

from tests.conformance.upstream.space import (
    DATA,
    FAIL_ONCE,
    FAIL_ONCE_EACH,
    ODD_FAILS,
    Space,
    a_job,
    conditions,
    life,
    on_exit,
    on_one_node,
    reasons,
    waiting,
)

FAILURES = "batch.kubernetes.io/job-index-failure-count"


@life
def an_exit_code_fails_the_whole_job(space: Space) -> None:
    space.create(a_job(FAIL_ONCE, pod=on_one_node(space), container=DATA, podFailurePolicy=on_exit("FailJob", 1)))
    status = space.ended("Failed")
    assert reasons(status) == [("FailureTarget", "PodFailurePolicy"), ("Failed", "PodFailurePolicy")]
    assert "failed with exit code 1 matching FailJob rule at index 0" in status["conditions"][-1]["message"]


@life
def an_exit_code_is_ignored(space: Space) -> None:
    policy = on_exit("Ignore", 1)
    more = {"completionMode": "Indexed", "backoffLimit": 0, "podFailurePolicy": policy, "completions": 2}
    space.create(a_job(FAIL_ONCE_EACH, pod=on_one_node(space), container=DATA, **more))
    status = space.ended("Complete")
    assert "failed" not in status
    assert space.phases() == ["Failed", "Failed", "Succeeded", "Succeeded"]


@life
def a_disruption_is_ignored(space: Space) -> None:
    seen = "/data/seen-$JOB_COMPLETION_INDEX"
    script = f"if [[ -r {seen} ]] ; then exit 0 ; fi ; touch {seen} ; sleep 1000000"
    probe = {"exec": {"command": ["/bin/sh", "-c", f"test -r {seen}"]}, "periodSeconds": 1}
    rules = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
    more = {"completionMode": "Indexed", "backoffLimit": 0, "completions": 3, "parallelism": 3}
    pod = {**on_one_node(space), "terminationGracePeriodSeconds": 1}
    container = {**DATA, "readinessProbe": probe}
    space.create(a_job(script, pod=pod, container=container, podFailurePolicy={"rules": rules}, **more))
    space.until(ready=3)
    for found in space.pods():
        meta = {"name": found["metadata"]["name"], "namespace": space.name}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
        options = {"deleteOptions": {"gracePeriodSeconds": 1}}
        space.ask("POST", f"{space.core}/pods/{meta['name']}/eviction", {**eviction, **options})
    status = space.ended("Complete")
    assert "failed" not in status


@life
def terminating_pods_are_replaced_only_when_they_have_failed(space: Space) -> None:
    script = "trap 'sleep 5; exit 1' TERM ; while true ; do sleep 0.1 ; done"
    pod = {"terminationGracePeriodSeconds": 30}
    more = {"parallelism": 1, "completions": 1, "podReplacementPolicy": "Failed"}
    space.create(a_job(script, pod=pod, **more))
    [first] = space.running(1)
    space.delete(f"{space.core}/pods/{first['metadata']['name']}", gracePeriodSeconds=30)
    status = space.until(terminating=1)
    assert "active" not in status
    assert "failed" not in status
    assert len(space.pods()) == 1
    status = space.until(failed=1, active=1)
    assert status["terminating"] == 0


@life
def all_successes_meet_the_policy(space: Space) -> None:
    policy = {"rules": [{"succeededIndexes": "0-1"}]}
    space.create(a_job(None, completionMode="Indexed", parallelism=2, completions=2, successPolicy=policy))
    status = space.ended("Complete")
    assert reasons(status) == [("SuccessCriteriaMet", "SuccessPolicy"), ("Complete", "SuccessPolicy")]
    assert status["completedIndexes"] == "0,1"


FIRST_SUCCEEDS = "if [ $JOB_COMPLETION_INDEX = 0 ] ; then exit 0 ; fi ; sleep 1000000"


@life
def one_index_meets_the_policy(space: Space) -> None:
    policy = {"rules": [{"succeededIndexes": "0"}]}
    more = {"completionMode": "Indexed", "parallelism": 2, "completions": 5, "successPolicy": policy}
    space.create(a_job(FIRST_SUCCEEDS, **more))
    status = space.ended("Complete")
    assert status["conditions"][-1]["message"] == "Matched rules at index 0"
    assert (status["completedIndexes"], status["terminating"], status["ready"]) == ("0", 0, 0)


@life
def a_number_of_successes_meets_the_policy(space: Space) -> None:
    policy = {"rules": [{"succeededCount": 1}]}
    more = {"completionMode": "Indexed", "parallelism": 2, "completions": 5, "successPolicy": policy}
    space.create(a_job(FIRST_SUCCEEDS, **more))
    status = space.ended("Complete")
    assert status["completedIndexes"] == "0"
    assert space.pods(at_work=True) == []


@life
def every_index_is_tried_though_some_fail(space: Space) -> None:
    space.create(a_job(ODD_FAILS, completionMode="Indexed", backoffLimit=None, backoffLimitPerIndex=1))
    status = space.ended("Failed")
    assert (status["failedIndexes"], status["completedIndexes"]) == ("1,3", "0,2")
    assert (status["failed"], status["succeeded"]) == (4, 2)
    assert reasons(status) == [("FailureTarget", "FailedIndexes"), ("Failed", "FailedIndexes")]


@life
def too_many_failed_indexes_end_the_job(space: Space) -> None:
    more = {"backoffLimit": None, "backoffLimitPerIndex": 0, "maxFailedIndexes": 0, "parallelism": 1}
    space.create(a_job("exit 1", completionMode="Indexed", **more))
    status = space.ended("Failed")
    assert status["failedIndexes"] == "0"
    assert "completedIndexes" not in status
    assert reasons(status)[-1] == ("Failed", "MaxFailedIndexesExceeded")


@life
def each_try_of_an_index_knows_how_many_failed_before(space: Space) -> None:
    more = {"backoffLimit": None, "backoffLimitPerIndex": 2, "parallelism": 1, "completions": 1}
    space.create(a_job("exit 1", completionMode="Indexed", **more))
    query = {"watch": "1", "resourceVersion": "0", "timeoutSeconds": "100", "labelSelector": "job=job"}
    path = f"{space.server.url}{space.core}/pods?{urllib.parse.urlencode(query)}"
    headers = {"Accept": "application/json", **space.server.headers}
    answer = space.server.http.request("GET", path, headers=headers, preload_content=False, timeout=100)
    counts: list[str] = []
    rest = b""
    for chunk in answer.stream(None):
        *lines, rest = (rest + chunk).split(b"\n")
        counts += [told["object"]["metadata"]["annotations"][FAILURES] for told in map(json.loads, lines)]
        if "2" in counts:
            break
    answer.close()
    assert list(dict.fromkeys(counts)) == ["0", "1", "2"]
    space.ended("Failed")


@life
def an_exit_code_fails_an_index(space: Space) -> None:
    more = {"backoffLimit": None, "backoffLimitPerIndex": 1, "podFailurePolicy": on_exit("FailIndex", 1)}
    space.create(a_job(ODD_FAILS, completionMode="Indexed", **more))
    status = space.ended("Failed")
    assert (status["failedIndexes"], status["completedIndexes"], status["failed"]) == ("1,3", "0,2", 2)


@life
def a_container_that_restarts_itself_does_not_fail_the_pod(space: Space) -> None:
    policy = on_exit("FailJob", 1)
    container = {**DATA, "restartPolicy": "OnFailure"}
    more = {"parallelism": 1, "completions": 1, "podFailurePolicy": policy}
    space.create(a_job(FAIL_ONCE, pod=on_one_node(space), container=container, **more))
    status = space.ended("Complete")
    assert "failed" not in status
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in space.pods()] == [1]


@life
def a_job_of_another_controller_is_left_alone(space: Space) -> None:
    space.create(waiting(managedBy="example.com/custom-job-controller"))
    watch = {"watch": "1", "timeoutSeconds": "3", "fieldSelector": "metadata.name=job"}
    space.call("GET", space.jobs, query=watch)  # three seconds in which something might be done
    assert not space.status()
    assert conditions(space.status()) == []
    assert space.pods() == []
