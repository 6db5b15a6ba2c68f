"""A pod on its node as pure steps: what starts next, what an end brings, when it is over, and what its status says."""

from __future__ import annotations

import pytest

from kjnb.embedded.node import lifecycle
from kjnb.embedded.node.pod_status import status

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"
BASE = 10.0


def a_pod(*names, policy="Never", init=(), **status):
    spec = {"restartPolicy": policy, "containers": [{"name": name, "image": "a:1"} for name in names or ("main",)]}
    if init:
        spec["initContainers"] = [{"name": name, "image": "a:1"} for name in init]
    return {"metadata": {"name": "p", "uid": "u"}, "spec": spec, "status": status}


def begun(*names, **more):
    return lifecycle.begin(a_pod(*names, **more), NOW)


def to_start(life):
    return [one.name for one in lifecycle.to_start(life)]


def start(life, name):
    one = next(one for one in life.containers if one.name == name)
    one.id = lifecycle.process_id(life, one)
    one.state = {"running": {"startedAt": NOW}}
    return one


def end(life, name, code=0):
    one = next(one for one in life.containers if one.name == name)
    told = {"code": code, "reason": "", "message": ""}
    return lifecycle.ended(life, one, lifecycle.termination(told, NOW, LATER, one.id), BASE)


def shown(life):
    return status(life.obj, life.containers, life.known, LATER)


def conditions(life):
    return {one["type"]: one["status"] for one in shown(life)["conditions"]}


def test_all_containers_start_at_once_and_init_containers_one_by_one():
    assert to_start(begun("a", "b")) == ["a", "b"]
    life = begun("a", init=("first", "second"))
    assert to_start(life) == ["first"]
    start(life, "first")
    assert to_start(life) == []
    assert end(life, "first") is None
    assert to_start(life) == ["second"]
    start(life, "second")
    end(life, "second")
    assert to_start(life) == ["a"]


def test_what_was_asked_for_or_waits_is_not_started_again():
    life = begun("a", "b")
    for one in life.containers:
        one.id = lifecycle.process_id(life, one)
    life.asked.add(life.containers[0].id)
    life.waiting.add("b")
    assert to_start(life) == []
    assert life.alive() == [life.containers[0]]
    life.stopping = True
    life.asked.clear()
    life.waiting.clear()
    assert to_start(life) == []


@pytest.mark.parametrize(("codes", "phase"), [((0, 0), "Succeeded"), ((0, 3), "Failed")])
def test_a_pod_is_over_when_its_last_container_is(codes, phase):
    life = begun("a", "b")
    start(life, "a"), start(life, "b")
    assert shown(life)["phase"] == "Running"
    end(life, "a", codes[0])
    assert not lifecycle.settle(life)
    end(life, "b", codes[1])
    assert lifecycle.settle(life)
    assert shown(life)["phase"] == phase
    reasons = {one["type"]: one.get("reason") for one in shown(life)["conditions"]}
    assert reasons["Ready"] == ("PodCompleted" if phase == "Succeeded" else "PodFailed")
    assert to_start(life) == []


def test_a_failed_init_container_ends_the_pod():
    life = begun("a", init=("first",))
    assert shown(life)["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    start(life, "first")
    end(life, "first", 2)
    assert lifecycle.settle(life)
    assert shown(life)["phase"] == "Failed"
    assert shown(life)["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 2


def test_a_stopped_pod_is_over_whatever_it_still_had_to_do():
    life = begun("a", policy="Always")
    start(life, "a")
    life.stopping = True
    assert end(life, "a", 143) is None
    assert lifecycle.settle(life)
    life.known.reason, life.known.message = "DeadlineExceeded", "too long"
    assert (shown(life)["phase"], shown(life)["reason"]) == ("Failed", "DeadlineExceeded")


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [("Never", 1, False), ("OnFailure", 1, True), ("OnFailure", 0, False), ("Always", 0, True), ("Always", 1, True)],
)
def test_restart_policies(policy, code, again):
    life = begun("a", policy=policy)
    start(life, "a")
    end(life, "a", code)
    assert lifecycle.settle(life) is not again
    assert to_start(life) == (["a"] if again else [])


def test_an_init_container_that_succeeded_is_not_run_again():
    life = begun("a", policy="Always", init=("first",))
    start(life, "first")
    assert end(life, "first") is None
    assert to_start(life) == ["a"]


def test_restarts_back_off_and_double_to_a_limit():
    life = begun("a", policy="OnFailure")
    delays = []
    for _ in range(8):
        start(life, "a")
        delays.append(end(life, "a", 1))
        life.waiting.clear()
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]
    one = shown(life)["containerStatuses"][0]
    assert one["restartCount"] == 8
    assert one["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert one["lastState"]["terminated"]["exitCode"] == 1
    assert shown(life)["phase"] == "Running"
    assert life.containers[0].id == "u_a_7"
    assert lifecycle.process_id(life, life.containers[0]) == "u_a_8"


def test_a_pod_is_taken_in_again_as_its_status_shows_it():
    life = begun("a", "b", init=("first",))
    for name in ("first", "a"):
        start(life, name)
    end(life, "first")
    life.containers[1].restarts, life.containers[1].last = 2, {"terminated": {"exitCode": 1}}
    told = shown(life)
    again = lifecycle.begin(a_pod("a", "b", init=("first",), **told), LATER)
    assert again.known.start_time == NOW
    assert [one.running for one in again.containers] == [False, True, False]
    assert again.container("u_a_0") is again.containers[1]
    assert again.container("u_x_0") is None
    assert again.containers[1].restarts == 2
    assert again.spec == life.obj["spec"]
    assert status(again.obj, again.containers, again.known, LATER)["containerStatuses"] == told["containerStatuses"]


def test_an_end_that_nobody_timed_and_one_with_a_message():
    told = {"code": 137, "reason": "OOMKilled", "message": "too much"}
    assert lifecycle.termination(told, None, LATER, "x") == {
        "exitCode": 137,
        "reason": "OOMKilled",
        "message": "too much",
        "startedAt": "1970-01-01T00:00:00Z",
        "finishedAt": LATER,
        "containerID": "process://x",
    }
    plain = lifecycle.termination({"code": 1, "reason": ""}, NOW, LATER, "x")
    assert (plain["reason"], "message" in plain) == ("Error", False)


def test_conditions_of_a_pod_on_its_way():
    life = begun("a", "b", init=("first",))
    assert conditions(life)["Initialized"] == "False"
    assert conditions(life)["PodScheduled"] == "True"
    assert shown(life)["phase"] == "Pending"
    start(life, "first")
    end(life, "first")
    start(life, "a")
    assert conditions(life)["Initialized"] == "True"
    ready = next(one for one in shown(life)["conditions"] if one["type"] == "Ready")
    assert ready["message"] == "containers with unready status: [b]"
    start(life, "b")
    assert conditions(life)["Ready"] == conditions(life)["ContainersReady"] == "True"


def test_what_others_wrote_stays_and_a_condition_keeps_its_time():
    theirs = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": NOW}
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": NOW}
    pod = a_pod("main", qosClass="Burstable", conditions=[theirs, scheduled], hostIP="other")
    pod["metadata"]["generation"] = 3
    life = lifecycle.begin(pod, NOW)
    told = shown(life)
    times = {one["type"]: one["lastTransitionTime"] for one in told["conditions"]}
    assert times["PodScheduled"] == NOW
    assert times["Ready"] == LATER
    assert theirs in told["conditions"]
    assert (told["qosClass"], told["hostIP"], told["observedGeneration"]) == ("Burstable", "127.0.0.1", 3)
    assert all(one["observedGeneration"] == 3 for one in told["conditions"] if one is not theirs)
