"""Which pods a node takes that somebody else than the scheduler put on it."""

import pytest

from kjnb.embedded.controllers.node_admission import rejection

HAS = {"cpu": "2", "memory": "1Gi", "pods": "3", "example.com/gpu": "1"}
TAINT = {"key": "gone", "effect": "NoExecute"}
TOLERATION = {"key": "gone", "operator": "Exists"}
PORT = {"containerPort": 80, "hostPort": 80}


def node(**spec):
    labels = {"kubernetes.io/os": "linux", "disk": "ssd"}
    return {"metadata": {"name": "here", "labels": labels}, "spec": spec, "status": {"allocatable": HAS}}


def pod(*, requests=None, ports=(), labels=None, **spec):
    container = {"name": "c", "resources": {"requests": requests or {}}, "ports": list(ports)}
    return {"metadata": {"name": "p", "labels": labels or {}}, "spec": {"containers": [container], **spec}}


def short(resource, requested, used, capacity):
    words = f"Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
    return (f"OutOf{resource}", words)


def test_what_fits_is_taken():
    wants = {"cpu": "500m", "memory": "512Mi"}
    assert rejection(pod(requests=wants), [pod(requests=wants)], node()) is None


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ({"cpu": "100"}, short("cpu", 100_000, 500, 2000)),
        ({"cpu": "100", "memory": "2Gi"}, short("cpu", 100_000, 500, 2000)),  # the first of several
        ({"memory": "2Gi"}, short("memory", 2 << 30, 0, 1 << 30)),
        ({"example.com/gpu": "2"}, short("example.com/gpu", 2, 0, 1)),
        ({"example.com/unheard-of": "2"}, None),  # no node counts it
    ],
)
def test_what_is_too_much_is_refused_with_the_numbers(requests, expected):
    assert rejection(pod(requests=requests), [pod(requests={"cpu": "0.5"})], node()) == expected


def test_one_pod_too_many():
    assert rejection(pod(), [pod()] * 3, node()) == short("pods", 1, 3, 3)


def test_a_node_that_the_pod_does_not_choose():
    why = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
    assert rejection(pod(nodeSelector={"disk": "tape"}), [], node()) == ("NodeAffinity", why)
    assert rejection(pod(nodeSelector={"disk": "ssd"}), [], node()) is None


def test_a_port_that_is_taken():
    why = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
    assert rejection(pod(ports=[PORT]), [pod(ports=[PORT])], node()) == ("NodePorts", why)
    assert rejection(pod(ports=[PORT]), [pod()], node()) is None


def test_only_a_taint_that_ends_pods_keeps_one_out():
    why = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate"
    assert rejection(pod(), [], node(taints=[TAINT])) == ("TaintToleration", why)
    assert rejection(pod(tolerations=[TOLERATION]), [], node(taints=[TAINT])) is None
    assert rejection(pod(), [], node(taints=[{**TAINT, "effect": "NoSchedule"}], unschedulable=True)) is None


def test_a_pod_of_another_system():
    assert rejection(pod(os={"name": "linux"}), [], node()) is None
    assert rejection(pod(os={"name": "windows"}), [], node()).reason == "PodOSNotSupported"
    labels = {"kubernetes.io/os": "windows"}
    assert rejection(pod(labels=labels), [], node()).reason == "PodOSSelectorNodeLabelDoesNotMatch"
