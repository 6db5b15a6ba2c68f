"""Lives that Kubernetes' own tests do not ask for: several rules at once, deletion in every way, what is refused."""

from __future__ import annotations

from tests.conformance.upstream.space import (
    INDEX,
    PAUSE,
    Object,
    Space,
    a_job,
    conditions,
    is_ready,
    life,
    on_exit,
    reasons,
    waiting,
)

TRACKING = "batch.kubernetes.io/job-tracking"


def events(space: Space) -> list[Object]:
    """What was recorded of the Job, in order."""
    found = space.ask("GET", f"{space.core}/events")["items"]
    ours = [event for event in found if event["involvedObject"]["kind"] == "Job"]
    return sorted(ours, key=lambda event: int(event["metadata"]["resourceVersion"]))


def said(space: Space) -> list[str]:
    return [event["reason"] for event in events(space)]


@life
def orphaned_pods_run_on_without_a_job(space: Space) -> None:
    space.create(waiting(completions=2))
    space.running(2)
    space.delete(f"{space.jobs}/job", propagationPolicy="Orphan")
    space.wait(lambda: space.call("GET", f"{space.jobs}/job")[0] == 404)
    space.wait(lambda: not any(TRACKING in (pod["metadata"].get("finalizers") or []) for pod in space.pods()))
    left = space.pods(at_work=True)
    assert len(left) == 2
    assert all(is_ready(pod) and not pod["metadata"].get("ownerReferences") for pod in left)


@life
def a_selector_of_its_own_takes_what_is_there(space: Space) -> None:
    pod = {
        "metadata": {"name": "before", "labels": {"app": "mine"}},
        "spec": {"containers": [{"name": "c", "image": PAUSE}]},
    }
    space.ask("POST", f"{space.core}/pods", {"apiVersion": "v1", "kind": "Pod", **pod})
    job = waiting(completions=2, manualSelector=True, selector={"matchLabels": {"app": "mine"}})
    job["spec"]["template"]["metadata"]["labels"] = {"app": "mine", "batch.kubernetes.io/job-name": "job"}
    uid = space.create(job)["metadata"]["uid"]
    space.until(active=2)
    taken = space.ask("GET", f"{space.core}/pods/before")["metadata"]
    assert [owner["uid"] for owner in taken["ownerReferences"]] == [uid]
    assert TRACKING in taken["finalizers"]
    assert len(space.pods()) == 1


@life
def restarts_in_place_count_against_the_limit(space: Space) -> None:
    space.create(a_job("exit 3", pod={"restartPolicy": "OnFailure"}, parallelism=1, completions=1, backoffLimit=2))
    status = space.ended("Failed")
    assert reasons(status)[-1] == ("Failed", "BackoffLimitExceeded")
    assert status["failed"] == 1
    assert space.pods(at_work=True) == []


@life
def a_limit_per_index_with_a_policy_and_a_most(space: Space) -> None:
    script = "case $JOB_COMPLETION_INDEX in 0) exit 0 ;; 1) exit 42 ;; 2) exit 1 ;; *) sleep 1000 ;; esac"
    more = {"backoffLimit": None, "backoffLimitPerIndex": 1, "maxFailedIndexes": 1, "completions": 5, "parallelism": 5}
    space.create(a_job(script, completionMode="Indexed", podFailurePolicy=on_exit("FailIndex", 42), **more))
    status = space.ended("Failed")
    assert (status["completedIndexes"], status["failedIndexes"]) == ("0", "1,2")
    assert reasons(status)[-1] == ("Failed", "MaxFailedIndexesExceeded")
    tries = [pod["metadata"]["annotations"][INDEX] for pod in space.pods()]
    assert (tries.count("1"), tries.count("2")) == (1, 2)
    assert status["failed"] == 5  # one, two, and the two that were stopped


@life
def no_deadline_runs_while_a_job_is_suspended(space: Space) -> None:
    space.create(waiting(suspend=True, activeDeadlineSeconds=1))
    space.wait(lambda: conditions(space.status()) == ["Suspended"])
    assert "startTime" not in space.status()
    watch = {"watch": "1", "timeoutSeconds": "2"}
    space.call("GET", f"{space.core}/pods", query=watch)  # two seconds, longer than the deadline
    assert conditions(space.status()) == ["Suspended"]
    space.suspend(False)
    status = space.ended("Failed")
    assert reasons(status)[-1] == ("Failed", "DeadlineExceeded")
    kept = dict.fromkeys(said(space))
    assert list(kept) == ["Suspended", "SuccessfulCreate", "Resumed", "SuccessfulDelete", "DeadlineExceeded"]


@life
def a_time_to_live_of_nothing(space: Space) -> None:
    space.create(a_job("exit 0", ttlSecondsAfterFinished=0))
    space.wait(lambda: space.call("GET", f"{space.jobs}/job")[0] == 404)
    space.wait(lambda: not space.pods())


@life
def nothing_wanted_is_complete_and_no_parallelism_waits(space: Space) -> None:
    empty = a_job("exit 0", completions=0)
    idle = a_job("exit 0", parallelism=0)
    idle["metadata"] = {"name": "idle"}
    space.create(empty)
    space.create(idle)
    assert reasons(space.ended("Complete"))[-1] == ("Complete", "CompletionsReached")
    status = space.wait(lambda: space.job("idle").get("status"))
    assert conditions(status) == []
    space.patch(f"{space.jobs}/idle", {"spec": {"parallelism": 2}})
    space.wait(lambda: "Complete" in conditions(space.job("idle")["status"]))


@life
def pods_of_a_missing_service_account_are_refused(space: Space) -> None:
    space.create(a_job("exit 0", pod={"serviceAccountName": "nobody"}, completions=1))
    [event] = space.wait(lambda: [event for event in events(space) if event["reason"] == "FailedCreate"])
    words = f'is forbidden: error looking up service account {space.name}/nobody: serviceaccount "nobody" not found'
    assert event["message"] == f'Error creating: pods "job-" {words}'
    assert not space.status().get("active")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody"}}
    space.ask("POST", f"{space.core}/serviceaccounts", account)
    space.ended("Complete")


@life
def fewer_completions_forget_the_failed_ones_above(space: Space) -> None:
    script = "case $JOB_COMPLETION_INDEX in 0) sleep 1000 ;; 1) exit 0 ;; *) exit 1 ;; esac"
    more = {"backoffLimit": None, "backoffLimitPerIndex": 0, "completions": 4, "parallelism": 4}
    space.create(a_job(script, completionMode="Indexed", **more))
    space.until(failedIndexes="2,3", completedIndexes="1")
    space.patch(f"{space.jobs}/job", {"spec": {"completions": 2, "parallelism": 2}})
    status = space.wait(lambda: found if (found := space.status()).get("failedIndexes") == "" else None)
    assert (status["completedIndexes"], status["active"], status["failed"]) == ("1", 1, 2)
    space.patch(f"{space.jobs}/job", {"spec": {"completions": 3, "parallelism": 3}})
    assert space.until(failedIndexes="2", failed=3)["completedIndexes"] == "1"


@life
def what_no_node_has_is_said(space: Space) -> None:
    needs = [{"matchExpressions": [{"key": "gpu", "operator": "Exists"}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": needs}}
    space.create(a_job("exit 0", pod={"affinity": {"nodeAffinity": required}}, parallelism=1))

    def told() -> Object | None:
        found = [
            c for pod in space.pods() for c in pod["status"].get("conditions") or [] if c["type"] == "PodScheduled"
        ]
        return next((c for c in found if c["status"] == "False"), None)

    condition = space.wait(told)
    assert condition["reason"] == "Unschedulable"
    assert "node(s) didn't match Pod's node affinity/selector" in condition["message"]
    space.until(active=1, ready=None)


@life
def a_node_named_by_hand_takes_only_what_fits(space: Space) -> None:
    name = space.ask("GET", "/api/v1/nodes")["items"][0]["metadata"]["name"]
    wants = {"resources": {"requests": {"cpu": "5000"}}}
    space.create(a_job("exit 0", pod={"nodeName": name}, container=wants, completions=1, backoffLimit=0))
    status = space.ended("Failed")
    assert reasons(status)[-1] == ("Failed", "BackoffLimitExceeded")
    [pod] = space.pods()
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "OutOfcpu")
    assert pod["status"]["message"].startswith("Pod was rejected: Node didn't have enough resource: cpu, ")
