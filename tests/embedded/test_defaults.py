"""What the API server fills in where a manifest is silent; given values always win."""

from __future__ import annotations

import pytest

from kjnb.embedded.api import defaults


def spec_of(**spec):
    return defaults.job({"spec": {"template": {"spec": {}}, **spec}})["spec"]


def container(**more):
    return defaults.container({"name": "main", "image": "busybox:1", **more})


def test_a_job_runs_one_pod_unless_it_says_how_many():
    assert (spec_of()["completions"], spec_of()["parallelism"]) == (1, 1)
    assert "completions" not in spec_of(parallelism=2)
    assert spec_of(completions=5)["parallelism"] == 1


def test_a_limit_per_index_takes_the_place_of_the_other_limit():
    assert spec_of()["backoffLimit"] == 6
    assert spec_of(backoffLimitPerIndex=1)["backoffLimit"] == 2**31 - 1
    assert spec_of(backoffLimitPerIndex=1, backoffLimit=3)["backoffLimit"] == 3


def test_a_failure_policy_waits_for_the_failed_and_expects_true_conditions():
    on_codes = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}
    on_condition = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    spec = spec_of(podFailurePolicy={"rules": [on_codes, on_condition]})
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["podFailurePolicy"]["rules"] == [
        on_codes,
        {"action": "Ignore", "onPodConditions": [{"status": "True", "type": "DisruptionTarget"}]},
    ]
    assert spec_of(podFailurePolicy={})["podFailurePolicy"]["rules"] is None
    assert spec_of()["podReplacementPolicy"] == "TerminatingOrFailed"


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("busybox", "Always"),
        ("busybox:latest", "Always"),
        ("busybox:1", "IfNotPresent"),
        ("host:5000/busybox", "Always"),
        ("host:5000/busybox@sha256:aa", "IfNotPresent"),
        ("local:///usr/bin/python3", "IfNotPresent"),
    ],
)
def test_an_image_is_pulled_always_when_its_tag_may_move(image, policy):
    assert defaults.pull_policy(image) == policy


def test_parts_of_a_container():
    probed = container(readinessProbe={"periodSeconds": 3}, ports=[{"containerPort": 80}])
    assert probed["readinessProbe"] == {
        "timeoutSeconds": 1, "periodSeconds": 3, "successThreshold": 1, "failureThreshold": 3,
    }  # fmt: skip
    assert probed["ports"] == [{"protocol": "TCP", "containerPort": 80}]
    assert "ports" not in container()


def test_sources_of_variables():
    given = [
        {"name": "A", "value": "x"},
        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
    ]
    plain, field, amount = container(env=given)["env"]
    assert plain == given[0]
    assert field["valueFrom"]["fieldRef"] == {"apiVersion": "v1", "fieldPath": "metadata.name"}
    assert amount["valueFrom"]["resourceFieldRef"] == {"divisor": "0", "resource": "limits.cpu"}


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({"name": "v"}, {"name": "v", "emptyDir": {}}),
        ({"name": "v", "emptyDir": {"medium": "Memory"}}, {"name": "v", "emptyDir": {"medium": "Memory"}}),
        ({"name": "v", "hostPath": {"path": "/x"}}, {"name": "v", "hostPath": {"path": "/x", "type": ""}}),
        (
            {"name": "v", "secret": {"secretName": "s"}},
            {"name": "v", "secret": {"secretName": "s", "defaultMode": 420}},
        ),
    ],
)
def test_volumes(given, filled):
    assert defaults.volume(given) == filled


def pod(*resources, **spec):
    containers = [{"name": f"c{n}", "image": "a:1", "resources": one} for n, one in enumerate(resources)]
    return defaults.pod({"spec": {"containers": containers, **spec}})


def test_a_pod_gets_what_admission_adds():
    spec = pod({"limits": {"cpu": "1", "memory": "1Gi"}}, serviceAccountName="me")["spec"]
    assert spec["serviceAccount"] == "me"
    assert spec["containers"][0]["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert [one["key"] for one in spec["tolerations"]] == [
        "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable",
    ]  # fmt: skip
    mine = [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}]
    assert len(pod({}, tolerations=mine)["spec"]["tolerations"]) == 2


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"limits": {"ephemeral-storage": "1"}}], "BestEffort"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
    ],
)
def test_quality_of_service(resources, expected):
    assert pod(*resources)["status"] == {"phase": "Pending", "qosClass": expected}


def test_init_containers_and_volumes_are_filled_in_too():
    spec = pod({}, initContainers=[{"name": "i", "image": "a"}], volumes=[{"name": "v"}])["spec"]
    assert spec["initContainers"][0]["imagePullPolicy"] == "Always"
    assert spec["volumes"] == [{"name": "v", "emptyDir": {}}]


def test_small_kinds():
    made = defaults.namespace({"metadata": {"name": "team", "labels": {"a": "b"}}})
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team", "a": "b"}
    assert made["status"] == {"phase": "Active"}
    secret = defaults.secret({"stringData": {"k": "value"}, "data": {"k": "b2xk", "l": "bA=="}})
    assert secret == {"type": "Opaque", "data": {"k": "dmFsdWU=", "l": "bA=="}}
    assert defaults.secret({"type": "mine"}) == {"type": "mine"}
