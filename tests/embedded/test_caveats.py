"""What is stored and yet warned of."""

from __future__ import annotations

import pytest

from kjnb.embedded.api import caveats
from tests.embedded.refusals import a_job, a_pod, changed

ENV = [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}]
POD = "spec.template.spec"
R, P = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))


@pytest.mark.parametrize(
    ("path", "value", "begins"),
    [
        ("metadata.name", "a", None),
        ("metadata.name", "a.b", "metadata.name: this is used in Pod names and hostnames"),
        (f"{POD}.containers.0.env", ENV, f'{POD}.containers[0].env[2]: hides previous definition of "A"'),
        (f"{POD}.containers.0.env", [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}], None),
        (f"{POD}.containers.0.env", [{"name": "A"}, {"name": "A", "value": "$(A)"}], f"{POD}.containers[0].env[1]"),
        (
            f"{POD}.containers.0.resources",
            {"limits": {"memory": "100m"}},
            f'{POD}.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid',
        ),
        (f"{POD}.containers.0.resources", {"limits": {"memory": "1Gi", "cpu": "100m"}}, None),
        (f"{POD}.imagePullSecrets", [{}], f'{POD}.imagePullSecrets[0].name: invalid empty name ""'),
        (f"{POD}.hostAliases", [{"ip": "::1"}, {"ip": "::1"}], f'{POD}.hostAliases[1].ip: duplicate ip "::1"'),
        (f"{POD}.volumes", [{"name": "v", "rbd": {}}], f"{POD}.volumes[0].rbd: deprecated in v1.28"),
        (
            f"{POD}.nodeSelector",
            {"beta.kubernetes.io/os": "linux", "a": "b"},
            f"{POD}.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14",
        ),
        (
            f"{POD}.topologySpreadConstraints",
            [{"topologyKey": "a"}, {"topologyKey": "a", "labelSelector": {}}],
            f"{POD}.topologySpreadConstraints[0].labelSelector: a null labelSelector",
        ),
        (
            f"{POD}.topologySpreadConstraints",
            [{"topologyKey": "beta.kubernetes.io/arch", "labelSelector": {}}],
            f"{POD}.topologySpreadConstraints[0].topologyKey: beta.kubernetes.io/arch is deprecated",
        ),
        (
            f"{POD}.affinity",
            {"podAffinity": {R: [{"labelSelector": {}}, {}]}},
            f"{POD}.affinity.podAffinity.{R}[1].labelSelector: a null",
        ),
        (
            f"{POD}.affinity",
            {"podAntiAffinity": {P: [{}]}},
            f"{POD}.affinity.podAntiAffinity.{P}[0].podAffinityTerm.labelSelector: a null",
        ),
        (
            f"{POD}.containers.0.ports",
            [{"containerPort": 1}, {"containerPort": 1}],
            f"{POD}.containers[0].ports[1]: duplicate port definition with {POD}.containers[0].ports[0]",
        ),
        (
            f"{POD}.containers.0.ports",
            [{"containerPort": 1}, {"containerPort": 1, "hostPort": 2}],
            f"{POD}.containers[0].ports[1]: overlapping port",
        ),
        (
            f"{POD}.containers.0.ports",
            [{"containerPort": 1, "hostPort": 2}, {"containerPort": 1, "hostPort": 2, "hostIP": "::1"}],
            f"{POD}.containers[0].ports[1]: dangerously ambiguous",
        ),
        (f"{POD}.containers.0.ports", [{"containerPort": 1, "hostPort": 2}, {"containerPort": 1, "hostPort": 3}], None),
        (f"{POD}.imagePullSecrets", [{"name": "s"}, {"name": "s"}], f"{POD}.imagePullSecrets[1].name: duplicate name"),
        (f"{POD}.terminationGracePeriodSeconds", -1, f"{POD}.terminationGracePeriodSeconds: must be >= 0"),
    ],
)
def test_a_job_is_warned_of(path, value, begins):
    said = caveats.of_new("jobs", changed(a_job(), path, value))
    assert (len(said), said[0].startswith(begins)) == (1, True) if begins else said == []


def test_many_indexes_at_once():
    job = a_job(completions=100_001, parallelism=10_001)
    assert caveats.of_new("jobs", job)[0].startswith(
        "spec: In Indexed Jobs with a number of completions higher than 10^5"
    )
    assert caveats.of_update("jobs", job, a_job()) == caveats.of_new("jobs", job)
    assert caveats.of_update("jobs", job, job) == []
    assert caveats.of_update("pods", a_pod(), {}) == []


def test_pods_and_what_nobody_warns_of():
    pod = changed(a_pod(), "metadata.name", "a.b")
    assert "the Pod's hostname" in caveats.of_new("pods", pod)[0]
    assert caveats.of_new("configmaps", {"metadata": {"name": "a.b"}}) == []
