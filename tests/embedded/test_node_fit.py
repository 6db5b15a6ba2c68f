"""Which nodes a pod may go to."""

import pytest

from kjnb.embedded.controllers.node_fit import collide, host_ports, nature_of, objection

LABELS = {"disk": "ssd", "cores": "8", "zone": "a"}
AFFINITY = "node(s) didn't match Pod's node affinity/selector"
TAINTS = "node(s) had untolerated taint(s)"


def node(*taints, **spec):
    return nature_of({"metadata": {"name": "n", "labels": LABELS}, "spec": {"taints": list(taints), **spec}})


def term(key, operator, *values, field="matchExpressions"):
    return {field: [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


def attracted(*terms):
    required = {"nodeSelectorTerms": list(terms)}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        ({}, True),
        ({"nodeSelector": {"disk": "ssd"}}, True),
        ({"nodeSelector": {"disk": "ssd", "gpu": "yes"}}, False),
        ({"affinity": {"podAntiAffinity": {}}}, True),
        (attracted(term("disk", "In", "nvme", "ssd")), True),
        (attracted(term("disk", "In", "nvme")), False),
        (attracted(term("gpu", "In", "yes")), False),
        (attracted(term("disk", "NotIn", "ssd")), False),
        (attracted(term("gpu", "NotIn", "yes")), True),
        (attracted(term("disk", "Exists")), True),
        (attracted(term("gpu", "Exists")), False),
        (attracted(term("disk", "DoesNotExist")), False),
        (attracted(term("gpu", "DoesNotExist")), True),
        (attracted(term("cores", "Gt", "7")), True),
        (attracted(term("cores", "Gt", "8")), False),
        (attracted(term("cores", "Lt", "9")), True),
        (attracted(term("cores", "Lt", "8")), False),
        (attracted(term("disk", "Gt", "1")), False),
        (attracted(term("gpu", "Gt", "1")), False),
        (attracted(term("metadata.name", "In", "n", field="matchFields")), True),
        (attracted(term("metadata.name", "In", "m", field="matchFields")), False),
        (attracted(term("gpu", "Exists"), term("disk", "Exists")), True),  # one of the terms is enough
        (attracted({**term("disk", "Exists"), **term("metadata.name", "In", "m", field="matchFields")}), False),
        (attracted({}), False),
    ],
)
def test_selectors(spec, fits):
    assert objection(spec, node()) == ("" if fits else AFFINITY)


DEDICATED = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("toleration", "helps"),
    [
        ({"key": "dedicated", "value": "gpu"}, True),
        ({"key": "dedicated", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}, True),
        ({"key": "dedicated", "operator": "Equal", "value": "cpu"}, False),
        ({"key": "dedicated", "operator": "Exists"}, True),
        ({"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"operator": "Exists"}, True),
        ({"value": "gpu"}, False),
    ],
)
def test_taints(toleration, helps):
    assert objection({"tolerations": [toleration]}, node(DEDICATED)) == ("" if helps else TAINTS)


def test_soft_taints_keep_nobody_away():
    assert objection({}, node({"key": "slow", "effect": "PreferNoSchedule"})) == ""
    assert objection({}, node({"key": "down", "effect": "NoExecute"})) == TAINTS


def test_a_cordoned_node():
    assert objection({}, node(unschedulable=True)) == "node(s) were unschedulable"
    tolerant = {"tolerations": [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]}
    assert objection(tolerant, node(unschedulable=True)) == ""


def test_a_node_that_says_nothing():
    assert objection({}, nature_of({"metadata": {"name": "n"}})) == ""


def ports(*wanted):
    return host_ports({"containers": [{"ports": [{"containerPort": 1, **port} for port in wanted]}, {}]})


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, True),
        ({"hostPort": 80}, {"hostPort": 81}, False),
        ({"hostPort": 80}, {"hostPort": 80, "protocol": "UDP"}, False),
        ({"hostPort": 80}, {"hostPort": 80, "hostIP": "10.0.0.1"}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.2"}, {"hostPort": 80, "hostIP": "10.0.0.1"}, False),
        ({}, {}, False),
    ],
)
def test_host_ports(one, other, clash):
    assert collide(ports(one), ports(other)) is clash
