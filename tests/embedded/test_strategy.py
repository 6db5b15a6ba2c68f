"""What the API server makes of an object before it is stored: nobody writes what is the server's to say."""

from __future__ import annotations

from kjnb.embedded.api import strategy
from kjnb.embedded.api.resources import BY_PLURAL, Resource
from tests.embedded.refusals import a_new_job as a_job

JOBS: Resource = BY_PLURAL["jobs"]
PODS, MAPS, SPACES = BY_PLURAL["pods"], BY_PLURAL["configmaps"], BY_PLURAL["namespaces"]


def stored(**more):
    job = {**a_job(), "metadata": {"name": "a", "uid": "mine", "generation": 9, "managedFields": []}, **more}
    return strategy.new_object(JOBS, job, "u")


def test_a_new_job_has_a_selector_of_its_own():
    job = stored(status={"succeeded": 7})
    assert job["metadata"] == {"name": "a", "uid": "u", "generation": 1}
    assert job["status"] == {}
    assert job["spec"]["selector"]["matchLabels"] == {"batch.kubernetes.io/controller-uid": "u"}
    assert job["spec"]["template"]["metadata"]["labels"]["job-name"] == "a"


def test_a_selector_of_ones_own_is_kept():
    mine = {"matchLabels": {"a": "b"}}
    spec = {**a_job()["spec"], "manualSelector": True, "selector": mine}
    assert strategy.new_object(JOBS, {"metadata": {"name": "a"}, "spec": spec}, "u")["spec"]["selector"] == mine


def test_a_job_without_labels_has_its_templates():
    job = strategy.labelled(JOBS, stored())
    assert job["metadata"]["labels"] == job["spec"]["template"]["metadata"]["labels"]
    labelled = {**job, "metadata": {**job["metadata"], "labels": {"mine": "x"}}}
    assert strategy.labelled(JOBS, labelled) is labelled
    assert strategy.labelled(MAPS, {"metadata": {}}) == {"metadata": {}}
    bare = {"metadata": {}, "spec": {"template": {}}}
    assert strategy.labelled(JOBS, bare) is bare


def test_an_update_leaves_the_status_and_counts_the_generation():
    old = {**stored(), "status": {"active": 1}}
    new = {**old, "spec": {**old["spec"], "parallelism": 2}, "status": {"active": 7}}
    made = strategy.new_state(
        JOBS, {**new, "metadata": {"name": "a", "uid": "other", "resourceVersion": "5"}}, old, None
    )
    assert made["status"] == {"active": 1}
    assert made["metadata"] == {"name": "a", "uid": "u", "generation": 2, "resourceVersion": "5"}
    assert strategy.new_state(JOBS, old, old, None)["metadata"]["generation"] == 1


def test_an_update_of_the_status_leaves_everything_else():
    old = stored()
    new = {**old, "spec": {}, "status": {"active": 7}, "metadata": {**old["metadata"], "resourceVersion": "5"}}
    made = strategy.new_state(JOBS, new, old, "status")
    assert (made["spec"], made["status"]) == (old["spec"], {"active": 7})
    assert made["metadata"]["resourceVersion"] == "5"
    assert "resourceVersion" not in strategy.new_state(JOBS, old, old, "status")["metadata"]


def test_kinds_without_a_status():
    old = {"metadata": {"name": "m", "uid": "u"}, "data": {"k": "v"}}
    assert strategy.new_state(MAPS, {"metadata": {"name": "m"}, "data": {}}, old, None)["data"] == {}
    space = {"metadata": {"name": "team"}, "status": {"phase": "Active"}}
    assert strategy.new_state(SPACES, {"metadata": {"name": "team"}}, space, None)["status"] == {"phase": "Active"}
    assert strategy.carried({"status": 1}, {}, "status") == {}


def test_a_configmap_is_stored_as_given():
    assert strategy.new_object(MAPS, {"metadata": {"name": "m"}, "data": {}}, "u")["metadata"] == {
        "name": "m",
        "uid": "u",
    }
    assert (MAPS.api_version, JOBS.api_version) == ("v1", "batch/v1")


def test_a_pod_without_a_spec_gets_one():
    pod = strategy.new_object(PODS, {"metadata": {"name": "p"}, "status": {"phase": "Running"}}, "u")
    assert pod["status"]["phase"] == "Pending"
    assert pod["spec"]["containers"] == []


def test_generated_names():
    assert strategy.generated_name("x" * 70, lambda letters: letters[0]) == "x" * 58 + "bbbbb"
