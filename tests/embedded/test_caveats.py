"""What is stored and yet warned of."""

from __future__ import annotations

import pytest

from kjnb.embedded.api import caveats
from tests.embedded.refusals import a_job, a_pod, changed

ENV = [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}]
POD = "spec.template.spec"


@pytest.mark.parametrize(
    ("path", "value", "begins"),
    [
        ("metadata.name", "a", None),
        ("metadata.name", "a.b", "metadata.name: this is used in Pod names and hostnames"),
        (f"{POD}.containers.0.env", ENV, f'{POD}.containers[0].env[2]: hides previous definition of "A"'),
        (f"{POD}.imagePullSecrets", [{"name": "s"}, {"name": "s"}], f"{POD}.imagePullSecrets[1].name: duplicate name"),
        (f"{POD}.terminationGracePeriodSeconds", -1, f"{POD}.terminationGracePeriodSeconds: must be >= 0"),
    ],
)
def test_a_job_is_warned_of(path, value, begins):
    said = caveats.of_new("jobs", changed(a_job(), path, value))
    assert (len(said), said[0].startswith(begins)) == (1, True) if begins else said == []


def test_many_indexes_at_once():
    job = a_job(completions=100_001, parallelism=10_001)
    assert caveats.of_new("jobs", job)[0].startswith("In Indexed Jobs with a number of completions higher than 10^5")
    assert caveats.of_update("jobs", job, a_job()) == caveats.of_new("jobs", job)
    assert caveats.of_update("jobs", job, job) == []
    assert caveats.of_update("pods", a_pod(), {}) == []


def test_pods_and_what_nobody_warns_of():
    pod = changed(a_pod(), "metadata.name", "a.b")
    assert "the Pod's hostname" in caveats.of_new("pods", pod)[0]
    assert caveats.of_new("configmaps", {"metadata": {"name": "a.b"}}) == []
