"""A pod on its node as pure steps: what starts next, what an end brings, when it is over, and what its status says."""

from __future__ import annotations

import pytest

from kjnb.embedded.node import lifecycle
from kjnb.embedded.node.pod_status import status

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"
BASE = 10.0


def a_pod(*names, policy="Never", init=(), sidecars=(), more=None, **status):
    """`init` are names in order; those in `sidecars` run beside the rest."""
    extra = more or {}
    containers = [{"name": name, "image": "a:1", **extra.get(name, {})} for name in names or ("main",)]
    spec = {"restartPolicy": policy, "containers": containers}
    if init:
        beside = {"restartPolicy": "Always"}
        spec["initContainers"] = [
            {"name": name, "image": "a:1", **(beside if name in sidecars else {}), **extra.get(name, {})}
            for name in init
        ]
    return {"metadata": {"name": "p", "uid": "u"}, "spec": spec, "status": status}


def begun(*names, **more):
    return lifecycle.begin(a_pod(*names, **more), NOW)


def to_start(life):
    return [one.name for one in lifecycle.to_start(life)]


def to_stop(life):
    return [one.name for one in lifecycle.to_stop(life)]


def named(life, name):
    return next(one for one in life.containers if one.name == name)


def start(life, name, healthy=True):
    one = named(life, name)
    one.id = lifecycle.process_id(life, one)
    life.waiting.discard(name)
    lifecycle.started(life, one, NOW)
    one.started = one.ready = healthy and (one.sidecar or not one.init)
    return one


def end(life, name, code=0, at=LATER):
    one = named(life, name)
    told = {"code": code, "reason": "", "message": ""}
    return lifecycle.ended(life, one, lifecycle.termination(told, NOW, at, one.id), BASE)


def shown(life):
    return status(life.obj, life.containers, life.known, LATER)


def conditions(life):
    return {one["type"]: one["status"] for one in shown(life)["conditions"]}


def reason(life, kind):
    return next(one for one in shown(life)["conditions"] if one["type"] == kind).get("reason")


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
    lifecycle.stop(life, 5.0)
    life.asked.clear()
    life.waiting.clear()
    assert to_start(life) == []


@pytest.mark.parametrize(("codes", "phase"), [((0, 0), "Succeeded"), ((0, 3), "Failed")])
def test_a_pod_is_over_when_its_last_container_is(codes, phase):
    life = begun("a", "b")
    start(life, "a")
    assert shown(life)["phase"] == "Pending"
    start(life, "b")
    assert shown(life)["phase"] == "Running"
    end(life, "a", codes[0])
    assert not lifecycle.settle(life)
    end(life, "b", codes[1])
    assert lifecycle.settle(life)
    assert shown(life)["phase"] == phase
    assert reason(life, "Ready") == ("PodCompleted" if phase == "Succeeded" else "PodFailed")
    assert to_start(life) == []


def test_a_failed_init_container_ends_the_pod():
    life = begun("a", init=("first",))
    assert shown(life)["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    start(life, "first")
    end(life, "first", 2)
    assert to_start(life) == []
    assert lifecycle.settle(life)
    assert shown(life)["phase"] == "Failed"
    assert shown(life)["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 2
    assert reason(life, "Initialized") == "ContainersNotInitialized"


def test_a_stopped_pod_is_over_whatever_it_still_had_to_do():
    life = begun("a", policy="Always")
    start(life, "a")
    lifecycle.stop(life, 3.0)
    assert to_stop(life) == ["a"]
    assert end(life, "a", 143) is None
    assert lifecycle.settle(life)
    life.known.reason, life.known.message = "DeadlineExceeded", "too long"
    assert (shown(life)["phase"], shown(life)["reason"]) == ("Failed", "DeadlineExceeded")


def test_a_pod_stopped_in_its_back_off_shows_its_last_end():
    life = begun("a", policy="Always")
    for _ in range(2):
        start(life, "a")
        end(life, "a", 7)
    lifecycle.stop(life, 3.0)
    assert lifecycle.settle(life)
    one = shown(life)["containerStatuses"][0]
    assert one["state"]["terminated"]["containerID"] == "process://u_a_1"
    assert one["lastState"]["terminated"]["containerID"] == "process://u_a_0"
    assert shown(life)["phase"] == "Failed"


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
    assert "terminated" in shown(life)["containerStatuses"][0]["state"]


def test_a_container_that_was_ended_for_its_health_starts_again_whatever_it_says():
    life = begun("a", policy="OnFailure")
    start(life, "a").condemned = True
    assert end(life, "a", 0) == 0.0
    assert to_start(life) == ["a"]
    start(life, "a")
    assert end(life, "a", 0) is None


def test_an_init_container_that_succeeded_is_not_run_again():
    life = begun("a", policy="Always", init=("first",))
    start(life, "first")
    assert end(life, "first", 1) == 0.0
    assert to_start(life) == ["first"]
    start(life, "first")
    assert end(life, "first") is None
    assert to_start(life) == ["a"]
    start(life, "a")
    end(life, "a", 1)
    assert to_start(life) == ["a"]


def test_restarts_back_off_and_double_to_a_limit():
    life = begun("a", policy="OnFailure")
    delays = []
    for _ in range(8):
        start(life, "a")
        delays.append(end(life, "a", 1))
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]
    one = shown(life)["containerStatuses"][0]
    assert one["restartCount"] == 7
    assert one["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": "back-off 5m0s restarting failed container=a pod=p_default(u)",
    }
    assert one["lastState"]["terminated"]["exitCode"] == 1
    assert shown(life)["phase"] == "Running"
    assert to_start(life) == []
    assert life.containers[0].id == "u_a_7"
    assert lifecycle.process_id(life, life.containers[0]) == "u_a_8"


def test_a_container_that_ran_for_long_backs_off_anew():
    life = begun("a", policy="OnFailure")
    for _ in range(3):
        start(life, "a")
        end(life, "a", 1)
    start(life, "a")
    assert end(life, "a", 1, at="2026-01-01T00:10:00Z") == 40
    start(life, "a")
    assert end(life, "a", 1, at="2026-01-01T00:10:01Z") == 0
    start(life, "a")
    assert end(life, "a", 1) == 10


def test_a_pod_is_taken_in_again_as_its_status_shows_it():
    life = begun("a", "b", init=("first",))
    for name in ("first", "a"):
        start(life, name)
    end(life, "first")
    told = shown(life)
    again = lifecycle.begin(a_pod("a", "b", init=("first",), **told), LATER)
    assert again.known.start_time == NOW
    assert [one.running for one in again.containers] == [False, True, False]
    assert (again.containers[1].started, again.containers[1].ready) == (True, True)
    assert again.container("u_a_0") is again.containers[1]
    assert again.container("u_x_0") is None
    assert again.spec == life.obj["spec"]
    assert status(again.obj, again.containers, again.known, LATER)["containerStatuses"] == told["containerStatuses"]


def test_a_crashing_pod_is_taken_in_again_where_it_was():
    life = begun("a", policy="OnFailure")
    for restarts in (0, 1):
        start(life, "a")
        end(life, "a", 1)
        again = lifecycle.begin(a_pod("a", policy="OnFailure", **shown(life)), LATER)
        one = again.containers[0]
        assert (one.restarts, one.exit_code, lifecycle.process_id(again, one)) == (
            restarts,
            None,
            f"u_a_{restarts + 1}",
        )
        assert to_start(again) == ["a"]
        assert not lifecycle.settle(again)


def test_sidecars_start_before_the_rest_and_are_waited_for():
    life = begun("a", init=("first", "beside", "second"), sidecars=("beside",))
    start(life, "first")
    end(life, "first")
    assert to_start(life) == ["beside"]
    start(life, "beside", healthy=False)
    assert to_start(life) == []
    assert conditions(life)["Initialized"] == "False"
    named(life, "beside").started = True
    assert to_start(life) == ["second"]
    start(life, "second")
    end(life, "second")
    assert to_start(life) == ["a"]
    start(life, "a")
    assert shown(life)["phase"] == "Running"
    assert conditions(life)["Initialized"] == "True"
    assert conditions(life)["Ready"] == "False"  # the sidecar is not ready
    named(life, "beside").ready = True
    assert conditions(life)["Ready"] == "True"
    assert shown(life)["initContainerStatuses"][1]["started"]


def test_a_sidecar_restarts_beside_the_rest():
    life = begun("a", init=("beside", "first"), sidecars=("beside",))
    start(life, "beside")
    start(life, "first")
    assert end(life, "beside", 0) == 0.0
    assert to_start(life) == ["beside"]
    start(life, "beside")
    end(life, "first")
    start(life, "a")
    assert end(life, "beside", 1) == 10.0
    assert to_start(life) == []
    life.waiting.clear()
    assert to_start(life) == ["beside"]
    assert conditions(life)["Initialized"] == "True"


def test_sidecars_end_after_the_rest_the_last_first_and_their_codes_do_not_count():
    life = begun("a", "b", init=("one", "two"), sidecars=("one", "two"))
    for name in ("one", "two", "a", "b"):
        start(life, name)
    end(life, "a")
    assert to_stop(life) == []
    end(life, "b")
    assert to_start(life) == []
    assert not lifecycle.settle(life)
    assert shown(life)["phase"] == "Running"
    assert to_stop(life) == ["two"]
    life.told.add(named(life, "two").id)
    assert to_stop(life) == []
    assert end(life, "two", 137) is None
    assert to_stop(life) == ["one"]
    assert end(life, "one", 1) is None
    assert lifecycle.settle(life)
    assert shown(life)["phase"] == "Succeeded"
    assert to_stop(life) == []


def test_a_stopped_pod_ends_its_sidecars_last():
    life = begun("a", init=("beside",), sidecars=("beside",))
    start(life, "beside"), start(life, "a")
    lifecycle.stop(life, 3.0)
    assert to_stop(life) == ["a"]
    end(life, "a")
    assert to_stop(life) == ["beside"]


def test_a_failed_init_container_ends_the_sidecars_before_it():
    life = begun("a", init=("beside", "first"), sidecars=("beside",))
    start(life, "beside"), start(life, "first")
    end(life, "first", 3)
    assert to_stop(life) == ["beside"]
    assert not lifecycle.settle(life)


def test_a_container_has_a_restart_policy_of_its_own():
    life = begun("a", "b", more={"a": {"restartPolicy": "OnFailure"}})
    start(life, "a"), start(life, "b")
    assert end(life, "b", 1) is None
    assert end(life, "a", 1) == 0.0
    assert shown(life)["phase"] == "Running"
    start(life, "a")
    end(life, "a")
    assert lifecycle.settle(life)
    assert shown(life)["phase"] == "Failed"


def test_one_container_may_start_all_anew():
    codes = {"operator": "In", "values": [88]}
    rule = {"restartPolicy": "Never", "restartPolicyRules": [{"action": "RestartAllContainers", "exitCodes": codes}]}
    life = begun("a", "b", init=("first", "beside"), sidecars=("beside",), more={"a": rule})
    start(life, "first")
    end(life, "first")
    for name in ("beside", "a", "b"):
        start(life, name)
    assert end(life, "a", 88) is None
    assert conditions(life)["AllContainersRestarting"] == "True"
    assert shown(life)["phase"] == "Running"
    assert to_start(life) == []
    assert to_stop(life) == ["beside", "b"]
    again = lifecycle.begin({**life.obj, "status": shown(life)}, LATER)
    assert to_stop(again) == ["beside", "b"]
    end(life, "b", 137)
    assert not lifecycle.settle(life)
    assert end(life, "beside", 137) is None
    assert not lifecycle.settle(life)
    assert to_start(life) == ["first"]
    assert shown(life)["phase"] == "Running"
    assert conditions(life)["AllContainersRestarting"] == "False"
    assert conditions(life)["Initialized"] == "False"
    assert shown(life)["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    start(life, "first")
    end(life, "first")
    for name in ("beside", "a", "b"):
        assert name in to_start(life)
        start(life, name)
    end(life, "a"), end(life, "b"), end(life, "beside")
    assert lifecycle.settle(life)
    assert shown(life)["phase"] == "Succeeded"
    assert [one["restartCount"] for one in shown(life)["containerStatuses"]] == [1, 1]


def test_a_pod_that_is_stopped_while_it_starts_anew_is_over():
    codes = {"operator": "In", "values": [88]}
    rule = {"restartPolicy": "Never", "restartPolicyRules": [{"action": "RestartAllContainers", "exitCodes": codes}]}
    life = begun("a", "b", more={"a": rule})
    start(life, "a"), start(life, "b")
    end(life, "a", 88)
    lifecycle.stop(life, 1.0)
    assert to_stop(life) == ["b"]
    assert end(life, "b", 88) is None
    assert lifecycle.settle(life)
    assert to_start(life) == []
    assert shown(life)["phase"] == "Failed"


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


def test_a_container_that_could_not_begin_backs_off_like_others():
    life = begun("a", policy="Always")
    delays = []
    for _ in range(2):
        one = named(life, "a")
        one.id = lifecycle.process_id(life, one)
        told = {"code": 128, "reason": "StartError", "message": "no such program"}
        delays.append(lifecycle.ended(life, one, lifecycle.termination(told, None, LATER, one.id), BASE))
    assert delays == [0, 10]


def test_conditions_of_a_pod_on_its_way():
    life = begun("a", "b", init=("first",))
    assert conditions(life)["Initialized"] == "False"
    assert conditions(life)["PodScheduled"] == "True"
    assert shown(life)["phase"] == "Pending"
    start(life, "first")
    assert shown(life)["initContainerStatuses"][0]["ready"] is False
    end(life, "first")
    assert shown(life)["initContainerStatuses"][0]["ready"] is True
    start(life, "a")
    assert conditions(life)["Initialized"] == "True"
    ready = next(one for one in shown(life)["conditions"] if one["type"] == "Ready")
    assert ready["message"] == "containers with unready status: [b]"
    start(life, "b")
    assert conditions(life)["Ready"] == conditions(life)["ContainersReady"] == "True"


def test_volumes_that_cannot_be_had_leave_a_pod_without_an_address():
    life = begun("a")
    life.known.unmounted = True
    assert conditions(life)["PodReadyToStartContainers"] == "False"
    assert "podIP" not in shown(life)
    start(life, "a")
    assert conditions(life)["PodReadyToStartContainers"] == "True"
    assert shown(life)["podIP"] == "127.0.0.1"


def test_readiness_gates():
    gates = [{"conditionType": kind} for kind in ("told", "untold", "held")]
    given = [{"type": "told", "status": "False"}, {"type": "held", "status": "True"}]
    life = begun("a", conditions=given)
    life.obj["spec"]["readinessGates"] = gates
    assert reason(life, "Ready") == "ContainersNotReady"
    start(life, "a")
    assert conditions(life)["ContainersReady"] == "True"
    ready = next(one for one in shown(life)["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ReadinessGatesNotReady")
    assert ready["message"] == (
        'the status of pod readiness gate "told" is not "True", but False, '
        'corresponding condition of pod readiness gate "untold" does not exist.'
    )


def test_what_a_container_was_given_is_shown():
    given = {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}}
    life = begun("a", more={"a": {"resources": given}})
    assert "resources" not in shown(life)["containerStatuses"][0]
    start(life, "a")
    one = shown(life)["containerStatuses"][0]
    assert (one["resources"], one["allocatedResources"], one["containerID"]) == (
        given,
        given["requests"],
        "process://u_a_0",
    )


def test_an_image_that_cannot_be_had_is_remembered():
    life = begun("a")
    one = named(life, "a")
    assert not one.pull_failed
    one.state = {"waiting": {"reason": "ErrImagePull"}}
    assert one.pull_failed


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
