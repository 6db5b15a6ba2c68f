"""Lives in which two rules of Jobs meet: what of both is left to see, and in which order it was said."""

from __future__ import annotations

from tests.conformance.upstream.further import TRACKING, said
from tests.conformance.upstream.space import (
    INDEX,
    Object,
    Space,
    a_job,
    conditions,
    life,
    on_exit,
    reasons,
    waiting,
)

IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"
SLOW_TO_STOP = "trap 'sleep 2; exit 3' TERM; sleep 1000 & wait"
PER_INDEX = {"completionMode": "Indexed", "backoffLimit": None}


def by_index(cases: str, otherwise: str = "sleep 1000") -> str:
    """A script that does something else for some indexes."""
    return f"case $JOB_COMPLETION_INDEX in {cases} ;; *) {otherwise} ;; esac"


def events_about(space: Space, name: str) -> list[Object]:
    found = space.ask("GET", f"{space.core}/events")["items"]
    return [event for event in found if event["involvedObject"]["name"] == name]


@life
def a_deadline_begins_anew_when_a_job_is_resumed(space: Space) -> None:
    space.create(waiting(activeDeadlineSeconds=6, parallelism=1, completions=1))
    space.running(1)
    space.suspend(True)
    status = space.wait(lambda: found if conditions(found := space.status()) == ["Suspended"] else None)
    assert "startTime" not in status
    before = space.job()["metadata"]["creationTimestamp"]
    space.call("GET", f"{space.core}/pods", query={"watch": "1", "timeoutSeconds": "6"})
    space.suspend(False)
    space.running(1)  # though the deadline is over, counted from its birth
    status = space.ended("Failed")
    assert status["startTime"] > before
    assert reasons(status)[-1] == ("Failed", "DeadlineExceeded")
    assert next((c["type"], c["status"]) for c in status["conditions"]) == ("Suspended", "False")
    assert status["failed"] == 1  # the pod that the deadline ended, not the one that was suspended


@life
def suspended_pods_that_stop_slowly_are_terminating_and_never_failed(space: Space) -> None:
    more = {"podReplacementPolicy": "Failed", "pod": {"terminationGracePeriodSeconds": 20}}
    space.create(a_job(SLOW_TO_STOP, completionMode="Indexed", completions=2, **more))
    space.running(2)
    space.suspend(True)
    status = space.until(terminating=2, active=None, ready=None)
    assert conditions(status) == ["Suspended"]
    assert not any(TRACKING in (pod["metadata"].get("finalizers") or []) for pod in space.pods())
    status = space.until(terminating=None)
    assert "failed" not in status
    space.suspend(False)
    space.running(2)


@life
def enough_successes_outweigh_a_failed_index(space: Space) -> None:
    script = by_index("0) exit 1 ;; 2|3) sleep 2")
    policy = {"rules": [{"succeededIndexes": "2,3"}]}
    space.create(a_job(script, **PER_INDEX, backoffLimitPerIndex=0, successPolicy=policy, parallelism=4))
    status = space.ended("Complete")
    assert reasons(status) == [("SuccessCriteriaMet", "SuccessPolicy"), ("Complete", "SuccessPolicy")]
    assert (status["completedIndexes"], status["failedIndexes"], status["failed"]) == ("2,3", "0", 1)


@life
def no_failed_index_is_allowed(space: Space) -> None:
    script = by_index("0) exit 1")
    space.create(a_job(script, **PER_INDEX, backoffLimitPerIndex=1, maxFailedIndexes=0, completions=3, parallelism=3))
    status = space.ended("Failed")
    assert reasons(status)[-1] == ("Failed", "MaxFailedIndexesExceeded")
    assert (status["failedIndexes"], status["failed"]) == ("0", 4)  # two tries, and two that were stopped


@life
def an_ignored_failure_is_noted_and_not_counted(space: Space) -> None:
    source = {"fieldRef": {"fieldPath": f"metadata.annotations['{IGNORED}']"}}
    env = {"env": [{"name": "IGNORED", "valueFrom": source}]}
    script = 'if [ "$IGNORED" = 2 ] ; then exit 0 ; fi ; exit 7'
    policy = on_exit("Ignore", 7)
    more = {"backoffLimitPerIndex": 0, "podFailurePolicy": policy, "completions": 1, "parallelism": 1}
    space.create(a_job(script, container=env, **PER_INDEX, **more))
    status = space.ended("Complete")
    assert "failed" not in status
    tries = [pod["metadata"]["annotations"] for pod in space.pods()]
    assert sorted(one.get(IGNORED, "") for one in tries) == ["", "1", "2"]
    assert {one["batch.kubernetes.io/job-index-failure-count"] for one in tries} == {"0"}


@life
def an_eviction_may_fail_the_job(space: Space) -> None:
    rule = {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget"}]}
    space.create(a_job("sleep 1000", podFailurePolicy={"rules": [rule]}, completions=1, parallelism=1))
    [pod] = space.running(1)
    name = pod["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    space.ask("POST", f"{space.core}/pods/{name}/eviction", eviction)
    status = space.ended("Failed")
    words = f"Pod {space.name}/{name} has condition DisruptionTarget matching FailJob rule at index 0"
    assert reasons(status)[-1] == ("Failed", "PodFailurePolicy")
    assert status["conditions"][-1]["message"] == words


@life
def an_init_container_that_fails_fails_its_pod(space: Space) -> None:
    first = {"name": "first", "image": "busybox", "command": ["sh", "-c", "exit 9"]}
    rule = {"action": "FailJob", "onExitCodes": {"containerName": "first", "operator": "In", "values": [9]}}
    space.create(a_job("exit 0", pod={"initContainers": [first]}, podFailurePolicy={"rules": [rule]}, parallelism=1))
    status = space.ended("Failed")
    [pod] = space.pods()
    assert status["conditions"][-1]["message"] == (
        f"Container first for pod {space.name}/{pod['metadata']['name']} failed with exit code 9 "
        "matching FailJob rule at index 0"
    )
    assert pod["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    initialized = next(c for c in pod["status"]["conditions"] if c["type"] == "Initialized")
    assert (initialized["status"], initialized["reason"]) == ("False", "ContainersNotInitialized")


@life
def a_sidecar_neither_keeps_a_job_nor_fails_it(space: Space) -> None:
    beside = {"name": "beside", "image": "busybox", "restartPolicy": "Always"}
    beside["command"] = ["sh", "-c", "trap 'exit 4' TERM; sleep 1000 & wait"]
    space.create(a_job("sleep 1", pod={"initContainers": [beside]}, completions=1, parallelism=1, backoffLimit=0))
    status = space.ended("Complete")
    assert status["succeeded"] == 1
    [pod] = space.pods()
    assert pod["status"]["phase"] == "Succeeded"
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 4


@life
def a_pod_killed_by_hand_without_grace_is_replaced(space: Space) -> None:
    space.create(a_job(SLOW_TO_STOP, completionMode="Indexed", completions=2, backoffLimit=3))
    pods = space.running(2)
    first = next(pod["metadata"] for pod in pods if pod["metadata"]["annotations"][INDEX] == "0")
    space.delete(f"{space.core}/pods/{first['name']}", gracePeriodSeconds=0)
    status = space.until(failed=1, active=2, ready=2)
    assert not status["terminating"]
    assert first["uid"] not in {pod["metadata"]["uid"] for pod in space.pods()}


@life
def pods_for_others_to_place_wait(space: Space) -> None:
    space.create(a_job("exit 0", pod={"schedulerName": "mine"}, completions=1, parallelism=1))
    elsewhere = a_job("exit 0", pod={"nodeName": "nowhere"}, completions=1, parallelism=1)
    space.create({**elsewhere, "metadata": {"name": "elsewhere"}})
    space.until(active=1)
    space.wait(lambda: space.job("elsewhere")["status"].get("active") == 1)
    space.call("GET", f"{space.core}/pods", query={"watch": "1", "timeoutSeconds": "2"})
    for pod in space.pods() + space.pods(job="elsewhere"):
        assert pod["status"]["phase"] == "Pending"
        assert not {"conditions", "containerStatuses", "startTime"} & pod["status"].keys()
        assert events_about(space, pod["metadata"]["name"]) == []


@life
def a_finalizer_holds_a_job_that_was_deleted_with_its_pods(space: Space) -> None:
    job = waiting(completions=1, parallelism=1)
    job["metadata"]["finalizers"] = ["example.com/hold"]
    space.create(job)
    space.running(1)
    space.delete(f"{space.jobs}/job", propagationPolicy="Foreground")
    space.wait(lambda: not space.pods())
    found = space.wait(lambda: one if (one := space.job())["metadata"]["finalizers"] == ["example.com/hold"] else None)
    assert found["metadata"]["deletionTimestamp"]
    assert "SuccessfulCreate" in said(space)
    assert not space.pods()  # nobody takes their place; that the last one, told to stop, ended well may be counted
    space.patch(f"{space.jobs}/job", {"metadata": {"finalizers": None}})
    space.wait(lambda: space.call("GET", f"{space.jobs}/job")[0] == 404)


@life
def a_failing_job_waits_for_pods_that_stop_slowly(space: Space) -> None:
    script = by_index("1) sleep 2; exit 1", SLOW_TO_STOP)
    grace = {"terminationGracePeriodSeconds": 20}
    space.create(a_job(script, pod=grace, completionMode="Indexed", completions=3, parallelism=3, backoffLimit=0))
    status = space.until(terminating=2, active=None, failed=3)
    assert reasons(status) == [("FailureTarget", "BackoffLimitExceeded")]
    assert "BackoffLimitExceeded" not in said(space)
    status = space.ended("Failed")
    assert (status["failed"], status["terminating"]) == (3, 0)
    space.wait(lambda: said(space)[-1] == "BackoffLimitExceeded")
