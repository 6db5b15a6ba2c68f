"""How Jobs come to their end."""

from __future__ import annotations

from tests.conformance.upstream.space import (
    DATA,
    FAIL_ONCE,
    INDEX,
    PAUSE,
    Space,
    a_job,
    conditions,
    life,
    on_one_node,
    reasons,
    waiting,
)

MET = [("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")]


@life
def tasks_that_succeed_complete_a_job(space: Space) -> None:
    space.create(a_job("exit 0"))
    status = space.ended("Complete")
    assert reasons(status) == MET
    assert status["succeeded"] == 4
    assert space.phases() == ["Succeeded"] * 4


@life
def tasks_that_fail_now_and_then_are_restarted_in_place(space: Space) -> None:
    volumes = [{"name": "data", "emptyDir": {}}]
    pod = {"restartPolicy": "OnFailure", "volumes": volumes}
    space.create(a_job(FAIL_ONCE, pod=pod, container={"volumeMounts": DATA["volumeMounts"]}))
    status = space.ended("Complete")
    assert "failed" not in status
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in space.pods()] == [1, 1, 1, 1]


@life
def tasks_that_fail_now_and_then_are_replaced(space: Space) -> None:
    space.create(a_job(FAIL_ONCE, pod=on_one_node(space), container=DATA, parallelism=1))
    status = space.ended("Complete")
    assert reasons(status) == MET
    assert (status["failed"], status["ready"], status["terminating"]) == (1, 0, 0)
    assert space.phases() == ["Failed"] + ["Succeeded"] * 4


@life
def the_deadline_ends_a_job(space: Space) -> None:
    space.create(waiting(activeDeadlineSeconds=1))
    status = space.ended("Failed")
    assert reasons(status) == [("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")]
    assert (status["ready"], status["terminating"]) == (0, 0)
    assert space.pods(at_work=True) == []


@life
def the_limit_of_failures_ends_a_job(space: Space) -> None:
    space.create(a_job("exit 1", parallelism=1, completions=1, backoffLimit=1))
    status = space.ended("Failed")
    assert reasons(status) == [("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]
    assert space.phases() == ["Failed", "Failed"]


@life
def ninety_pods_with_requests_run(space: Space) -> None:
    probe = {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "c", "image": PAUSE}]}}
    space.ask("POST", f"{space.core}/pods", {"apiVersion": "v1", "kind": "Pod", **probe})
    where = space.wait(lambda: space.ask("GET", f"{space.core}/pods/probe")["spec"].get("nodeName"))
    space.delete(f"{space.core}/pods/probe", gracePeriodSeconds=0)
    node = space.ask("GET", f"/api/v1/nodes/{where}")
    cpu = node["status"]["allocatable"]["cpu"]
    share = int(cpu) // 5 if cpu.isdigit() else 0
    resources = {"requests": {"cpu": str(share)}}
    pod = {"nodeSelector": {"kubernetes.io/hostname": node["metadata"]["labels"]["kubernetes.io/hostname"]}}
    space.create(a_job("exit 0", pod=pod, container={"resources": resources}, parallelism=90, completions=90))
    assert space.ended("Complete")["succeeded"] == 90


@life
def a_job_goes_a_while_after_its_end(space: Space) -> None:
    held = "example.com/held"
    job = a_job("exit $(( $RANDOM / 16384 ))", parallelism=1, completions=1, backoffLimit=1, ttlSecondsAfterFinished=3)
    job["metadata"]["finalizers"] = [held]
    space.create(job)
    space.wait(lambda: {"Complete", "Failed"} & set(conditions(space.status())))
    space.wait(lambda: "deletionTimestamp" in space.job()["metadata"])
    assert held in space.job()["metadata"]["finalizers"]

    def let_go(found: dict) -> None:
        found["metadata"]["finalizers"] = [one for one in found["metadata"]["finalizers"] if one != held]

    space.change(let_go)
    space.wait(lambda: space.call("GET", f"{space.jobs}/job")[0] == 404)


@life
def a_job_that_is_deleted_takes_its_pods_with_it(space: Space) -> None:
    space.create(waiting())
    space.running(2)
    space.delete(f"{space.jobs}/job", propagationPolicy="Background")
    space.wait(lambda: not space.pods())
    assert space.call("GET", f"{space.jobs}/job")[0] == 404


@life
def a_job_can_be_deleted(space: Space) -> None:
    space.create(waiting())
    space.wait(lambda: len(space.pods(at_work=True)) == 2)
    space.delete(f"{space.jobs}/job", propagationPolicy="Foreground")
    space.wait(lambda: space.call("GET", f"{space.jobs}/job")[0] == 404)
    assert space.pods() == []


@life
def indexed_pods_have_their_index_and_host_name(space: Space) -> None:
    space.create(a_job("exit 0", completionMode="Indexed"))
    assert space.ended("Complete")["completedIndexes"] == "0-3"
    pods = space.pods()
    assert sorted(pod["metadata"]["annotations"][INDEX] for pod in pods) == ["0", "1", "2", "3"]
    assert sorted(pod["spec"]["hostname"] for pod in pods) == [f"job-{index}" for index in range(4)]


@life
def indexed_pods_have_their_index_as_a_label(space: Space) -> None:
    space.create(a_job("exit 0", completionMode="Indexed"))
    space.ended("Complete")
    for index in range(4):
        found = space.ask("GET", f"{space.core}/pods", query={"labelSelector": f"{INDEX}={index}"})["items"]
        assert len(found) == 1
