"""Whether and when a container starts again, and how a duration is written; when probes' outcomes count."""

from __future__ import annotations

import pytest

from kjnb.embedded.node import probes, restarts


def rules(operator, *values, policy="Never"):
    codes = {"operator": operator, "values": list(values)}
    return {"restartPolicy": policy, "restartPolicyRules": [{"action": "Restart", "exitCodes": codes}]}


@pytest.mark.parametrize(
    ("container", "policy", "code", "again"),
    [
        (rules("In", 42), "Never", 42, True),
        (rules("In", 42), "Never", 1, False),
        (rules("NotIn", 42), "Never", 1, True),
        (rules("NotIn", 42), "Always", 42, False),
        (rules("In", 42, policy="OnFailure"), "Never", 1, True),
        ({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Other"}]}, "Always", 1, False),
        ({"restartPolicy": "Always"}, "Never", 0, True),
        ({"restartPolicy": "OnFailure"}, "Always", 0, False),
        ({"restartPolicy": "Never"}, "OnFailure", 1, False),
        ({}, "OnFailure", 1, True),
    ],
)
def test_a_containers_own_policy_comes_before_the_pods(container, policy, code, again):
    assert restarts.wanted(container, False, policy, code) is again


def test_init_containers():
    assert not restarts.wanted({}, True, "Always", 0)
    assert restarts.wanted({}, True, "Always", 1)
    assert not restarts.wanted(rules("In", 0), True, "Always", 0)
    assert restarts.wanted({"restartPolicy": "Always"}, True, "Never", 0)
    assert [restarts.is_sidecar({"restartPolicy": "Always"}, init) for init in (True, False)] == [True, False]


def test_who_is_ended_for_its_health_starts_again_unless_it_never_does():
    assert [restarts.wanted({}, False, policy, 0, True) for policy in ("Never", "OnFailure")] == [False, True]


def test_the_back_off_doubles_to_its_limit():
    assert [restarts.delay(step, 1.0) for step in (0, 1, 2, 5, 6, 1000)] == [0, 1, 2, 16, 30, 30]
    assert [restarts.is_forgotten(ran, 10.0) for ran in (600.0, 600.1)] == [False, True]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0s"),
        (0.1, "100ms"),
        (1.5, "1.5s"),
        (10, "10s"),
        (80, "1m20s"),
        (300, "5m0s"),
        (3661, "1h1m1s"),
        (60.5, "1m0.5s"),
    ],
)
def test_durations_as_go_writes_them(seconds, said):
    assert restarts.go_duration(seconds) == said


def test_a_probe_counts_outcomes_in_a_row():
    tally = probes.Tally({"failureThreshold": 2, "successThreshold": 3})
    outcomes = [False, False, False, True, True, False, True, True, True, True]
    told = [None, False, False, None, None, None, None, None, True, True]
    assert [tally.count(outcome) for outcome in outcomes] == told
    plain = probes.Tally({})
    assert [plain.count(outcome) for outcome in (True, False, False, False)] == [True, None, None, False]


def test_what_a_probe_leaves_out():
    assert (probes.Tally({}).delay, probes.Tally({}).period, probes.Tally({}).timeout) == (0, 10, 1)
    asked = probes.Tally({"initialDelaySeconds": 3, "periodSeconds": 2, "timeoutSeconds": 4})
    assert (asked.delay, asked.period, asked.timeout) == (3, 2, 4)
    assert probes.of({"readinessProbe": {"exec": {}}}, "readiness") == {"exec": {}}
    assert probes.of({}, "liveness") is None
