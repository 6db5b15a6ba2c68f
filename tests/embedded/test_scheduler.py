from fractions import Fraction

import pytest

from kjnb.embedded.controllers.scheduler import amount, assign, capacity_of, demand, gated, refusal, requests, total
from tests.embedded.simulation import NODE as NODE_OF_SIMULATION
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


def test_sidecars_run_beside_everything_that_begins_after_them():
    one = pod(cpu="1")
    side = {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "2"}}}
    first, later = ({"name": "f", "resources": {"requests": {"cpu": n}}} for n in ("3", "4"))
    one["spec"]["initContainers"] = [first, side, later]
    assert dict(requests(one))["cpu"] == 6  # the sidecar and the last beginner
    one["spec"]["initContainers"] = [side]
    assert dict(requests(one))["cpu"] == 3
    assert dict(requests({"spec": {**one["spec"], "resources": {"requests": {"cpu": "9"}}}}))["cpu"] == 9


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


def test_what_the_node_has_no_claim_or_port_for():
    one = pod()
    one["spec"]["volumes"] = [{"name": "e", "emptyDir": {}}, {"name": "d", "persistentVolumeClaim": {"claimName": "c"}}]
    words = '0/1 nodes are available: persistentvolumeclaim "c" not found. not found'
    assert refusal(demand(one), {}, CAPACITY) == words
    web = pod()
    web["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80}]
    result = assign(queues(web, web), {}, CAPACITY)
    assert len(result.bound) == 1
    [said] = result.refused.values()
    busy = "1 node(s) didn't have free ports for the requested pod ports. no new claims to deallocate"
    assert said == f"0/1 nodes are available: {busy}, {BUSY}"


def test_the_higher_priority_is_placed_first():
    low, high = pod("low", cpu="2"), pod("high", cpu="2")
    high["spec"]["priority"] = 2_000_000_000
    assert assign(queues(low, high), {}, CAPACITY).bound == [high]


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


def test_a_pod_of_another_scheduler_is_not_placed(cluster):
    one = pod("p")
    one["spec"]["schedulerName"] = "mine"
    cluster.store.create("pods", one)
    cluster.step()
    found = cluster.store.get("pods", "default", "p")
    assert "nodeName" not in found["spec"]
    assert "conditions" not in found["status"]


def test_a_pod_that_names_its_node_takes_room_there_only(cluster):
    for name, node in (("here", "node"), ("elsewhere", "moon")):
        one = pod(name, cpu="40")
        one["spec"]["nodeName"] = node
        cluster.store.create("pods", one)
    stored(cluster, "small", cpu="24")
    stored(cluster, "large", cpu="25")
    cluster.step()
    assert cluster.store.get("pods", "default", "small")["spec"]["nodeName"] == "node"
    assert "nodeName" not in cluster.store.get("pods", "default", "large")["spec"]
    assert [event["reason"] for event in cluster.store.list("events")] == ["FailedScheduling", "Scheduled"]


def test_a_port_is_free_again_when_its_pod_ends(cluster):
    for name in ("a", "b"):
        one = pod(name)
        one["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80}]
        cluster.store.create("pods", one)
        cluster.step()
    assert "free ports" in condition(cluster.store.get("pods", "default", "b"))["message"]
    cluster.end(cluster.store.get("pods", "default", "a"), "Succeeded")
    cluster.step()
    assert cluster.store.get("pods", "default", "b")["spec"]["nodeName"] == "node"


def test_a_cordoned_node_takes_nobody_until_it_is_uncordoned(cluster):
    stored(cluster, "before", cpu="1")
    cluster.step()
    node = cluster.store.get("nodes", None, "node")
    node = cluster.store.update("nodes", {**node, "spec": {"unschedulable": True}})
    stored(cluster, "p", cpu="1")
    cluster.step()
    said = "0/1 nodes are available: 1 node(s) were unschedulable. no new claims to deallocate, "
    assert condition(cluster.store.get("pods", "default", "p"))["message"] == said + HOPELESS
    cluster.store.update("nodes", {**node, "spec": {}})
    cluster.step()
    assert cluster.store.get("pods", "default", "p")["spec"]["nodeName"] == "node"


def test_a_pod_that_waits_is_told_again_when_the_node_changes(cluster):
    stored(cluster, "p", cpu="1000", memory="1")
    cluster.step()
    node = cluster.store.get("nodes", None, "node")
    cluster.store.update("nodes", {**node, "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}})
    cluster.step()
    assert "1 node(s) had untolerated taint(s)." in condition(cluster.store.get("pods", "default", "p"))["message"]


def test_pods_are_taken_in_when_the_node_appears(cluster):
    cluster.store.remove("nodes", None, "node")
    cluster.step()
    one = pod("a", cpu="60")
    one["spec"]["nodeName"] = "node"
    cluster.store.create("pods", one)
    stored(cluster, "b", cpu="60")
    cluster.step()
    assert condition(cluster.store.get("pods", "default", "b"))["message"] == "no nodes available to schedule pods"
    cluster.store.create("nodes", NODE_OF_SIMULATION)
    cluster.step()
    assert "Insufficient cpu" in condition(cluster.store.get("pods", "default", "b"))["message"]


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
