"""The loops on a real event loop and store; and what the Job loop does beside syncing."""

import asyncio
import itertools
import time

import pytest

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.controllers.job_pods import TRACKING, tracked
from kjnb.embedded.controllers.loops import start_loops
from kjnb.embedded.controllers.pod_template import owner_reference
from kjnb.embedded.store.store import Store
from tests.embedded.job_words import NOW, job, numbered, pods
from tests.embedded.simulation import NODE, Simulation


def bare(name, **labels):
    [pod] = pods(f"Running/uid={name}/free")
    meta = {key: value for key, value in pod["metadata"].items() if key not in ("ownerReferences", "resourceVersion")}
    return {**pod, "metadata": {**meta, "labels": labels}}


def test_a_job_runs_to_its_end_on_a_real_event_loop():
    async def scene():
        uids = itertools.count()
        store = Store(None, clock=time.time, new_uid=lambda: f"u{next(uids)}")
        store.create("nodes", NODE)
        tasks = start_loops(store, clock=time.time, names=numbered(), backoff_base=0.05)
        watch = store.watch("pods")
        store.create("jobs", job(6, 2))
        bad = {"kind": "Job", "metadata": {"name": "bad", "namespace": "default"}, "spec": {"completions": "x"}}
        store.create("jobs", bad)
        async for batch in watch:
            for event in batch:
                found = store.get("pods", "default", event.obj["metadata"]["name"])
                if found and found["spec"].get("nodeName") and found["status"]["phase"] == "Pending":
                    store.update("pods", {**found, "status": {**found["status"], "phase": "Succeeded"}})
            if store.get("jobs", "default", "job")["status"].get("completionTime"):
                break
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return store.get("jobs", "default", "job")["status"]

    status = asyncio.run(asyncio.wait_for(scene(), 30))
    assert (status["completedIndexes"], status["succeeded"]) == ("0-5", 6)


def test_an_orphan_that_matches_is_adopted_and_one_that_does_not_is_let_go():
    cluster = Simulation()
    cluster.store.create("jobs", job(3, 3, completionMode="NonIndexed"))
    cluster.step()
    cluster.store.create("pods", bare("mine", **{"batch.kubernetes.io/controller-uid": "job-uid"}))
    other = bare("other", app="x")
    cluster.store.create("pods", {**other, "metadata": {**other["metadata"], "finalizers": [TRACKING]}})
    cluster.step()
    mine = cluster.store.get("pods", "default", "mine")
    assert mine["metadata"]["ownerReferences"] == [owner_reference(cluster.job())]
    assert tracked(mine)
    assert not tracked(cluster.store.get("pods", "default", "other"))


def test_a_job_with_its_own_selector_adopts_what_was_there_before():
    cluster = Simulation()
    cluster.store.create("pods", bare("old", app="x"))
    cluster.step()
    cluster.store.create(
        "jobs", job(2, 1, completionMode="NonIndexed", manualSelector=True, selector={"matchLabels": {"app": "x"}})
    )
    cluster.step()
    assert tracked(cluster.store.get("pods", "default", "old"))


def test_pods_of_a_job_that_is_gone_are_held_by_nothing():
    cluster = Simulation()
    cluster.store.create("jobs", job(2, 2))
    cluster.step()
    cluster.step()
    cluster.store.remove("jobs", "default", "job")
    cluster.step()
    assert [pod for pod in cluster.pods() if tracked(pod)] == []
    late = pods("Succeeded/uid=late")[0]
    cluster.store.create("pods", late)
    cluster.step()
    assert not tracked(cluster.store.get("pods", "default", "late") or {"metadata": {}})


def test_a_finished_job_goes_when_its_time_is_over():
    cluster = Simulation()
    cluster.store.create("jobs", job(2, 2, ttlSecondsAfterFinished=5))
    cluster.until(lambda: cluster.condition("Complete"), kubelet=lambda pod: "Succeeded")
    ended = cluster.now
    cluster.until(lambda: cluster.job() is None, tick=0.5)
    assert 4.5 <= cluster.now - ended <= 7
    assert cluster.pods() == []


def test_a_job_that_another_controller_finished_goes_when_its_time_is_over():
    cluster = Simulation()
    cluster.store.create("jobs", job(2, 2, ttlSecondsAfterFinished=5, managedBy="example.com/other"))
    cluster.until(lambda: cluster.now > NOW + 20, tick=0.5)
    assert cluster.job()["status"] == {}
    done = {"type": "Complete", "status": "True", "lastTransitionTime": stamp(cluster.now)}
    cluster.store.update("jobs", {**cluster.job(), "status": {"conditions": [done]}})
    ended = cluster.now
    cluster.until(lambda: cluster.job() is None, tick=0.5)
    assert 4 <= cluster.now - ended <= 7


def test_a_busy_job_stores_its_status_a_few_times_a_second():
    cluster = Simulation()
    cluster.store.create("jobs", job(400, 2))
    cluster.until(lambda: cluster.condition("Complete"), kubelet=lambda pod: "Succeeded")
    assert cluster.counts["jobs MODIFIED"] <= 5 * (cluster.now - NOW) + 5


def test_the_second_of_two_pods_with_one_name_is_made_by_the_next_sync():
    cluster = Simulation()
    cluster.store.create("pods", {**bare("job-0-00000"), "metadata": {"name": "job-0-00000", "namespace": "default"}})
    cluster.store.create("jobs", job(1, 1))
    cluster.until(lambda: cluster.condition("Complete"), kubelet=lambda pod: "Succeeded")
    assert cluster.job()["status"]["succeeded"] == 1


def failing_with_one_pod_left():
    """A Job that has just failed for good, with another pod on the node."""
    cluster = Simulation()
    cluster.store.create("jobs", job(2, 2, completionMode="NonIndexed", backoffLimit=0))
    cluster.until(lambda: sum("nodeName" in pod["spec"] for pod in cluster.pods()) == 2)
    cluster.end(cluster.pods()[0], "Failed")
    return cluster


@pytest.mark.parametrize("writes", range(6))
def test_what_succeeds_before_the_failing_job_asked_it_to_stop_counts_as_a_success(writes):
    cluster = failing_with_one_pod_left()
    cluster.crash(writes)
    left = cluster.pods()[-1]
    asked = bool(left["metadata"].get("deletionTimestamp"))
    noted = left["metadata"]["uid"] in cluster.job()["status"]["uncountedTerminatedPods"].get("failed", [])
    assert asked or not noted
    cluster.end(left, "Succeeded")
    cluster.until(lambda: cluster.condition("Failed"), tick=0.5)
    status = cluster.job()["status"]
    assert (status.get("succeeded", 0), status["failed"]) == ((0, 2) if writes >= 2 else (1, 1))
    assert not any(tracked(pod) for pod in cluster.pods())
