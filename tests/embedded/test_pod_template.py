"""Pods as the controller and the API server's defaults make them."""

import pytest

from kjnb.embedded.api import defaults
from kjnb.embedded.controllers.pod_template import Mould, Place, name_prefix, with_index
from tests.embedded.job_words import job, numbered


def admitted(**spec):
    return defaults.pod({"spec": spec})["spec"]


def container(**resources):
    return {"name": "c", "image": "i", "resources": resources}


@pytest.mark.parametrize(
    ("containers", "quality"),
    [
        ([container()], "BestEffort"),
        ([{"name": "c"}], "BestEffort"),
        ([container(requests={"nvidia.com/gpu": "1"})], "BestEffort"),
        ([container(requests={"cpu": "1"})], "Burstable"),
        ([container(limits={"cpu": "1", "memory": "1Gi"}, requests={"cpu": "1", "memory": "1Gi"})], "Guaranteed"),
        ([container(limits={"cpu": "1", "memory": "1Gi"}, requests={"cpu": "1", "memory": "1Mi"})], "Burstable"),
        ([container(limits={"cpu": "1"}, requests={"cpu": "1"})], "Burstable"),
    ],
)
def test_quality_of_service(containers, quality):
    assert defaults.qos_class({"containers": containers}) == quality


def test_requests_are_defaulted_from_limits():
    made = admitted(containers=[container(limits={"cpu": "1", "memory": "1Gi"}, requests={"cpu": "1m"})])
    assert made["containers"][0]["resources"]["requests"] == {"cpu": "1m", "memory": "1Gi"}
    assert "env" not in made["containers"][0]


def test_the_index_variable_reaches_every_container_that_does_not_set_it():
    own = {"name": "JOB_COMPLETION_INDEX", "value": "mine"}
    given = {"initContainers": [container()], "containers": [{**container(), "env": [own]}]}
    made = with_index(given)
    assert made["initContainers"][0]["env"][0]["valueFrom"]["fieldRef"]["fieldPath"].endswith("completion-index']")
    assert made["containers"][0]["env"] == [own]


def test_what_admission_adds():
    made = admitted(containers=[container()])
    assert made["serviceAccountName"] == made["serviceAccount"] == "default"
    assert len(made["tolerations"]) == 2
    assert made["priority"] == 0
    urgent = admitted(containers=[container()], priorityClassName="system-node-critical")
    assert urgent["priority"] == 2_000_001_000
    own = {"key": "node.kubernetes.io/not-ready", "operator": "Exists"}
    made = admitted(containers=[container()], serviceAccountName="me", tolerations=[own])
    assert made["serviceAccount"] == "me"
    assert [t["key"] for t in made["tolerations"]] == ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]


def test_a_long_name_is_cut_before_its_index():
    assert name_prefix("j" * 63, 12) == "j" * 54 + "-12-"
    made = Mould(job(1, 1, meta={"name": "j" * 63}), numbered()).pod(Place())["metadata"]
    assert (made["generateName"], made["name"]) == ("j" * 63 + "-", "j" * 58 + "00000")


def test_labels_and_annotations_of_the_template_are_kept():
    a_job = job(1, 1)
    a_job["spec"]["template"] = {**a_job["spec"]["template"], "metadata": {"annotations": {"a": "b"}}}
    mould = Mould(a_job, numbered())
    assert mould.pod(Place(0)).get("metadata")["annotations"]["a"] == "b"
    assert mould.pod(Place(1))["spec"]["containers"] is mould.pod(Place(2))["spec"]["containers"]
