"""What is done to Jobs while they live."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

from tests.conformance.upstream.space import PAUSE, Space, a_job, conditions, life, waiting

Object = dict[str, Any]


def suspended(status: Object) -> list[str]:
    """The status of the Suspended condition, if it is there."""
    return [c["status"] for c in status.get("conditions") or [] if c["type"] == "Suspended"]


@life
def a_job_created_suspended_makes_no_pods_before_it_is_resumed(space: Space) -> None:
    space.create(a_job("exit 0", suspend=True))
    space.wait(lambda: suspended(space.status()) == ["True"])
    watch = {"watch": "1", "timeoutSeconds": "2"}
    space.call("GET", f"{space.core}/pods", query=watch)  # two seconds in which pods might come
    assert space.pods() == []
    space.suspend(False)
    status = space.ended("Complete")
    assert suspended(status) == ["False"]
    assert status["succeeded"] == 4


@life
def suspending_deletes_the_pods(space: Space) -> None:
    space.create(waiting())
    space.running(2)
    space.suspend(True)
    space.wait(lambda: suspended(space.status()) == ["True"])
    assert not space.status().get("active")
    space.wait(lambda: not space.pods())
    assert "failed" not in space.status()


@life
def the_number_of_ready_pods_is_kept(space: Space) -> None:
    space.create(waiting(suspend=True))
    space.wait(lambda: suspended(space.status()) == ["True"])
    assert space.status()["ready"] == 0
    space.suspend(False)
    space.until(ready=2, active=2)
    space.suspend(True)
    space.until(ready=None, active=None)


@life
def orphans_are_adopted_and_strangers_released(space: Space) -> None:
    created = space.create(waiting())
    [pod, _] = space.running(2)
    path = f"{space.core}/pods/{pod['metadata']['name']}"
    space.change(lambda found: found["metadata"].pop("ownerReferences"), path)

    def adopted() -> bool:
        owners = space.ask("GET", path)["metadata"].get("ownerReferences") or []
        return [owner["uid"] for owner in owners if owner.get("controller")] == [created["metadata"]["uid"]]

    space.wait(adopted)
    space.change(lambda found: found["metadata"].update(labels={}), path)
    space.wait(lambda: not space.ask("GET", path)["metadata"].get("ownerReferences"))
    assert "batch.kubernetes.io/job-tracking" not in (space.ask("GET", path)["metadata"].get("finalizers") or [])
    space.wait(lambda: len(space.pods(at_work=True)) == 2)
    assert "failed" not in space.status()


@life
def a_status_can_be_written_from_outside(space: Space) -> None:
    space.create(waiting())
    space.running(2)
    path = f"{space.jobs}/job/status"
    now = "2026-01-01T00:00:00Z"
    marked = {"type": "CustomConditionType", "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
    body = {"metadata": {"annotations": {"patched": "true"}}, "status": {"conditions": [marked]}}
    patched = space.patch(path, body)
    assert patched["metadata"]["annotations"]["patched"] == "true"

    def say_more(found: Object) -> None:
        found["status"]["conditions"].append({**marked, "type": "AnotherConditionType"})

    updated = space.change(say_more, path)
    assert conditions(updated["status"]) == ["CustomConditionType", "AnotherConditionType"]
    seen = space.ask("GET", path)
    assert "CustomConditionType" in conditions(seen["status"])
    space.suspend(True)
    space.until(active=None)
    assert "CustomConditionType" in conditions(space.status())


@life
def a_job_from_its_birth_to_its_end(space: Space) -> None:
    mark = f"life={space.name}"
    first = space.ask("GET", space.jobs, query={"labelSelector": mark})["metadata"]["resourceVersion"]
    assert int(first) > 0
    job = a_job("exit 0", suspend=True)
    job["metadata"]["labels"] = {"life": space.name}
    space.create(job)
    text = {"spec": {"template": {"metadata": {"labels": {"patched": "yes"}}}}}
    space.wait(lambda: suspended(space.status()) == ["True"])
    assert space.patch(f"{space.jobs}/job", text, "strategic")["spec"]["template"]["metadata"]["labels"]["job"] == "job"
    space.change(lambda found: found["metadata"].setdefault("annotations", {}).update(updated="true"))
    space.suspend(False)
    space.ended("Complete")
    everywhere = space.ask("GET", "/apis/batch/v1/jobs", query={"labelSelector": mark})["items"]
    assert [found["metadata"]["annotations"]["updated"] for found in everywhere] == ["true"]
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    space.ask("DELETE", space.jobs, options, query={"labelSelector": mark})
    space.wait(lambda: not space.ask("GET", space.jobs, query={"labelSelector": mark})["items"])
    assert watched(space, first, mark)[0] == "ADDED"
    assert watched(space, first, mark)[-1] == "DELETED"


def watched(space: Space, since: str, mark: str) -> list[str]:
    """What a watch from that version on says happened to the marked Jobs."""
    query = {"watch": "1", "timeoutSeconds": "1", "resourceVersion": since, "labelSelector": mark}
    path = f"{space.server.url}{space.jobs}?{urllib.parse.urlencode(query)}"
    headers = {"Accept": "application/json", **space.server.headers}
    answer = space.server.http.request("GET", path, headers=headers, timeout=60)
    return [json.loads(line)["type"] for line in answer.data.splitlines() if line]


def with_memory(amount: str) -> Object:
    return {"image": PAUSE, "resources": {"requests": {"cpu": "10m", "memory": amount}}}


def ask_for(space: Space, amount: str) -> None:
    def edit(job: Object) -> None:
        [container] = job["spec"]["template"]["spec"]["containers"]
        container["resources"] = {"requests": {"cpu": "20m", "memory": amount}}

    space.change(edit)


def asked_for(pods: list[Object]) -> list[str]:
    return [pod["spec"]["containers"][0]["resources"]["requests"]["memory"] for pod in pods]


@life
def a_suspended_job_can_be_given_other_resources(space: Space) -> None:
    space.create(a_job(None, container=with_memory("16Mi"), suspend=True, parallelism=1, completions=1))
    space.wait(lambda: suspended(space.status()) == ["True"])
    ask_for(space, "24Mi")
    space.suspend(False)
    assert asked_for(space.running(1)) == ["24Mi"]


@life
def a_job_that_ran_can_be_suspended_and_given_other_resources(space: Space) -> None:
    space.create(a_job(None, container=with_memory("16Mi"), parallelism=1, completions=1))
    space.running(1)
    code, refused = space.call("PUT", f"{space.jobs}/job", changed_while_running(space.job()))
    assert (code, refused["reason"]) in ((422, "Invalid"), (409, "Conflict"))
    space.suspend(True)
    space.until(active=None)
    space.wait(lambda: suspended(space.status()) == ["True"])
    ask_for(space, "24Mi")
    space.suspend(False)
    assert asked_for(space.running(1)) == ["24Mi"]


def changed_while_running(job: Object) -> Object:
    [container] = job["spec"]["template"]["spec"]["containers"]
    container["resources"] = {"requests": {"memory": "32Mi"}}
    return job
