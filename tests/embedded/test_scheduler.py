from fractions import Fraction

import pytest

from kjnb.embedded.controllers.scheduler import amount, assign, capacity_of, demand, gated, refusal, requests, total
from tests.embedded.simulation import Simulation

NODE = {
    "metadata": {"name": "node", "labels": {"disk": "ssd"}},
    "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": 3}},
}
CAPACITY = capacity_of(NODE)
HOPELESS = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
BUSY = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."


def pod(name="p", *, init=(), node_selector=None, overhead=None, limits=None, **asked):
    resources = {"requests": asked, "limits": limits} if limits else {"requests": asked}
    spec = {"containers": [{"name": "c", "resources": resources}, {"name": "d"}]}
    spec |= {"initContainers": [{"name": "i", "resources": {"requests": one}} for one in init]} if init else {}
    spec |= {"nodeSelector": node_selector} if node_selector else {}
    spec |= {"overhead": overhead} if overhead else {}
    return {"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec, "status": {}}


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", Fraction(1, 2)), ("64Mi", 64 * 2**20), ("1Gi", 2**30), ("1e3", 1000), ("12E2", 1200), ("1k", 1000)],
)
def test_quantities(text, number):
    assert amount(text) == number


def test_requests_are_the_sum_or_the_largest_init_container():
    asked = dict(requests(pod(cpu="500m", init=({"cpu": "2"}, {"memory": "1Ki"}), overhead={"memory": "1Ki"})))
    assert asked == {"cpu": 2, "memory": 2048, "pods": 1}
    assert dict(requests(pod(limits={"cpu": "1", "memory": "5"}, cpu="250m"))) == {
        "cpu": amount("250m"),
        "memory": 5,
        "pods": 1,
    }


def queues(*pods):
    found = {}
    for one in pods:
        found.setdefault(demand(one), []).append(one)
    return found


def test_pods_are_placed_in_order_until_one_does_not_fit():
    some = [pod(str(number), cpu="800m") for number in range(4)]
    result = assign(queues(*some, pod("small", cpu="100m")), {}, CAPACITY)
    assert [p["metadata"]["name"] for p in result.bound] == ["0", "1", "small"]
    [said] = result.refused.values()
    assert said == f"0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, {BUSY}"


def test_running_pods_take_their_share():
    used = total([requests(pod(cpu="1500m"))])
    assert assign(queues(pod(cpu="1")), used, CAPACITY).bound == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"cpu": "1000"}, f"1 Insufficient cpu. no new claims to deallocate, {HOPELESS}"),
        ({"nvidia.com/gpu": "1"}, f"1 Insufficient nvidia.com/gpu. no new claims to deallocate, {HOPELESS}"),
        (
            {"cpu": "9", "memory": "9Gi"},
            f"1 Insufficient cpu, 1 Insufficient memory. no new claims to deallocate, {HOPELESS}",
        ),
        (
            {"node_selector": {"disk": "nvme"}},
            f"1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, {HOPELESS}",
        ),
    ],
)
def test_refusals_in_kubernetes_words(asked, words):
    assert refusal(demand(pod(**asked)), {}, CAPACITY) == f"0/1 nodes are available: {words}"


def test_too_many_pods():
    assert "1 Too many pods." in refusal(demand(pod()), {"pods": Fraction(3)}, CAPACITY)


def test_what_fits():
    assert refusal(demand(pod(node_selector={"disk": "ssd"})), {}, CAPACITY) == ""
    assert refusal(demand(pod(**{"ephemeral-storage": "1Gi", "nvidia.com/gpu": "0"})), {}, CAPACITY) == ""


def test_without_a_node():
    assert refusal(demand(pod()), {}, None) == "no nodes available to schedule pods"
    assert capacity_of({"metadata": {"name": "n"}}).amounts == {}


def test_gates():
    assert gated({"spec": {"schedulingGates": [{"name": "g"}]}})
    assert not gated(pod())


# -- the loop


def condition(found):
    return next(c for c in found["status"]["conditions"] if c["type"] == "PodScheduled")


@pytest.fixture
def cluster():
    return Simulation()


def stored(cluster, name, **asked):
    return cluster.store.create("pods", pod(name, **asked))


def test_a_pod_is_bound_with_its_condition_and_event(cluster):
    stored(cluster, "p", cpu="1")
    cluster.step()
    found = cluster.store.get("pods", "default", "p")
    assert found["spec"]["nodeName"] == "node"
    assert condition(found)["status"] == "True"
    [event] = cluster.store.list("events")
    assert event["message"] == "Successfully assigned default/p to node"


def test_a_pod_waits_until_another_one_ends(cluster):
    stored(cluster, "a", cpu="60")
    cluster.step()
    stored(cluster, "b", cpu="60")
    cluster.step()
    waiting = condition(cluster.store.get("pods", "default", "b"))
    assert (waiting["status"], waiting["reason"]) == ("False", "Unschedulable")
    assert any(event["reason"] == "FailedScheduling" for event in cluster.store.list("events"))
    found = cluster.store.get("pods", "default", "a")
    cluster.store.update("pods", {**found, "status": {**found["status"], "phase": "Succeeded"}})
    cluster.step()
    after = condition(cluster.store.get("pods", "default", "b"))
    assert after["status"] == "True"
    assert "message" not in after


def test_a_gated_pod_is_held_back(cluster):
    one = pod("p")
    one["spec"]["schedulingGates"] = [{"name": "g"}]
    found = cluster.store.create("pods", one)
    cluster.step()
    found = cluster.store.get("pods", "default", "p")
    assert condition(found)["reason"] == "SchedulingGated"
    cluster.step()
    free = {key: value for key, value in found["spec"].items() if key != "schedulingGates"}
    cluster.store.update("pods", {**found, "spec": free})
    cluster.step()
    assert condition(cluster.store.get("pods", "default", "p"))["status"] == "True"


def test_a_pod_that_goes_before_it_is_placed_is_forgotten(cluster):
    stored(cluster, "huge", cpu="1000")
    stored(cluster, "huge-too", cpu="1000")
    cluster.step()
    cluster.store.remove("pods", "default", "huge")
    found = cluster.store.get("pods", "default", "huge-too")
    meta = {**found["metadata"], "deletionTimestamp": "2027-01-01T00:00:00Z", "finalizers": ["held"]}
    cluster.store.update("pods", {**found, "metadata": meta})
    node = cluster.store.get("nodes", None, "node")
    cluster.store.update("nodes", {**node, "status": {"allocatable": {"cpu": "9000", "pods": "9"}}})
    cluster.step()
    assert "nodeName" not in cluster.store.get("pods", "default", "huge-too")["spec"]


def test_a_restart_knows_what_runs(cluster):
    stored(cluster, "a", cpu="60")
    cluster.step()
    cluster.commit()
    cluster.start()
    stored(cluster, "b", cpu="60")
    cluster.step()
    assert "nodeName" not in cluster.store.get("pods", "default", "b")["spec"]
