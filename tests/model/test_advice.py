"""What is unwise in a spec or a manifest is said with its reason and its fix; what is wise is not."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjnb.grammar import Parser
from kjnb.model.advice import Level, advise, advise_manifest
from kjnb.model.manifest import Site, manifest
from kjnb.model.options import add_arguments, spec_fields
from kjnb.model.spec import JobSpec

GIB = 2**30
WISE = {"cpu": "500m", "memory": "512Mi", "parallelism": 4}


def codes(completions=8, allocatable=(4.0, 8 * GIB), sizes=None, **said):
    known = {name: said.pop(name) for name in ("node", "part_bytes") if name in said}
    spec = JobSpec.checked(**{**WISE, **said})
    return [one.code for one in advise(spec, completions, allocatable, sizes, **known)]


def test_a_wise_run_hears_nothing():
    assert codes(sizes=[10] * 8, part_bytes=1000, node=(2.0, 4 * GIB), image="r/worker:1.2") == []
    assert codes(allocatable=None) == []


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"cpu": "8", "parallelism": 1}, "node-too-small"),
        ({"cpu": "3", "parallelism": 1, "node": (2.0, 4 * GIB)}, "node-too-small"),
        ({"memory": "16Gi", "parallelism": 1}, "node-too-small"),
        ({"parallelism": 40, "completions": 100}, "parallelism-over-room"),
        ({"parallelism": 12, "completions": 10}, "few-partitions"),
        ({"completions": 10_001}, "many-pods"),
        ({"completions": 60_000, "max_failed_indexes": 5}, "many-pods"),
        ({"sizes": [1, 1, 1, 100]}, "skewed"),
        ({"sizes": [5, 5, 0, 5]}, "empty-partitions"),
        ({"memory": "512Mi", "part_bytes": GIB}, "little-memory"),
        ({"timeout": 700_000}, "timeout-over-deadline"),
        ({"timeout": 400_000}, "deadline-too-short"),
        ({"ttl_seconds_after_finished": 0}, "ttl-before-collection"),
        ({"ttl_seconds_after_finished": 60}, "ttl-before-collection"),
        ({"backoff_limit_per_index": 0}, "no-retry"),
        ({"backoff_limit_per_index": 10}, "many-retries"),
        ({"completions": 1000}, "no-end-of-failures"),
        ({"image": "registry:5000/worker"}, "image-without-version"),
        ({"image": "worker:latest"}, "image-without-version"),
        ({"env": {"DB_PASSWORD": "x"}}, "secret-in-plain-sight"),
    ],
)
def test_each_rule(said, code):
    assert code in codes(**said)


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ({"parallelism": 16}, Level.NOTE),
        ({"parallelism": 17}, Level.WARNING),
        ({"parallelism": 8}, None),
    ],
)
def test_more_at_a_time_than_there_is_room(said, level):
    told = advise(JobSpec.checked(**{**WISE, **said}), 100, (4.0, 8 * GIB))
    assert next((one.level for one in told if one.code == "parallelism-over-room"), None) == level


@pytest.mark.parametrize(
    "said", [{"image": "w@sha256:0"}, {"image": "local:///bin/python"}, {"image": "w:1"}, {"env": {"HOME": "/x"}}]
)
def test_what_looks_like_it_and_is_not(said):
    assert codes(**said) == []


def test_sizes_that_say_nothing():
    assert codes(sizes=[]) == codes(sizes=[3]) == codes(sizes=[0, 0]) == []
    assert codes(sizes=[1, 1, 1, 100], parallelism=1) == []


def test_warnings_come_first_and_are_sentences():
    spec = JobSpec.checked(cpu="8", memory="16Gi", parallelism=40, backoff_limit_per_index=0)
    told = advise(spec, 100, (4.0, 8 * GIB))
    assert [one.level for one in told] == sorted(one.level for one in told)
    assert str(told[0]) == (
        "no pod can start: the cluster has no room for 8 CPU (all of it is 4); ask for less: cpu='4'"
    )
    assert told[0].flag == "--cpu 4"
    assert told[1].flag == "--memory 6553Mi" or told[1].flag.startswith("--memory ")


def test_a_change_can_be_typed_and_is_better():
    """Every flag that is advised is one that a line takes, and its rule has then nothing more to say."""
    said = {"backoff_limit_per_index": 9, "timeout": 700_000, "ttl_seconds_after_finished": 0}
    poor = JobSpec.checked(cpu="8", memory="16Gi", parallelism=200, **said)
    for one in advise(poor, 100, (4.0, 8 * GIB)):
        if one.change:
            parser = Parser("x")
            add_arguments(parser)
            typed = spec_fields(parser.read(shlex.split(one.flag)))
            better = JobSpec.checked(**{**poor.as_dict(), **typed})
            again = advise(better, 100, (4.0, 8 * GIB))
            assert (one.code, one.reason) not in [(other.code, other.reason) for other in again]


def test_a_plain_manifest_hears_of_what_kubernetes_does_not_give():
    job = {"spec": {"completions": 5, "completionMode": "Indexed", "template": {"spec": {"containers": [{}]}}}}
    told = {one.code for one in advise_manifest(job)}
    assert told == {"no-requests", "no-limit", "global-backoff-limit", "disruptions-count", "no-deadline"}


def test_restarts_in_place():
    job = {"spec": {"parallelism": 3, "template": {"spec": {"restartPolicy": "OnFailure", "containers": []}}}}
    told = {one.code for one in advise_manifest(job)}
    assert "restarts-in-place" in told
    assert "global-backoff-limit" not in told
    assert "disruptions-count" not in told


def test_pods_that_are_not_indexes_share_a_budget_by_right():
    assert "global-backoff-limit" not in {one.code for one in advise_manifest({"spec": {"completions": 5}})}


def test_results_that_go_with_the_pods():
    job = {"spec": {"ttlSecondsAfterFinished": 60}}
    found = next(one for one in advise_manifest(job) if one.code == "ttl-before-collection")
    assert found.level == Level.WARNING
    assert "results and logs" in found.reason


def test_our_own_manifest_is_wise():
    spec = JobSpec.checked(**WISE, image="r/worker:1.2")
    job = manifest(spec, name="r", run="r", launch="l", owner="o", completions=8, stage="/s", site=Site())
    assert advise_manifest(job, (4.0, 8 * GIB)) == []


def test_requests_follow_from_limits():
    box = {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
    job = {"spec": {"template": {"spec": {"containers": [box]}}}}
    told = {one.code for one in advise_manifest(job)}
    assert not told & {"no-requests", "no-limit"}
    assert "node-too-small" in {one.code for one in advise_manifest(job, node=(0.5, 2 * GIB))}


KEYS = st.sampled_from(["completions", "resources", "limits", "requests", "cpu", "memory"])
PLAIN = st.none() | st.booleans() | st.integers(-5, 2**40) | st.text(max_size=5)
ODD = st.recursive(
    PLAIN | st.sampled_from(["1Gi", "500m", "Indexed"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


@given(ODD, ODD, ODD, ODD)
def test_odd_manifests_never_raise(completions, boxes, policy, pod):
    spec = {"completions": completions, "podFailurePolicy": policy, "backoffLimit": policy}
    for template in (pod, {"spec": {"containers": boxes}}, {"spec": {"containers": [{"resources": boxes}]}}):
        assert isinstance(advise_manifest({"spec": {**spec, "template": template}}, (2.0, GIB)), list)
    assert isinstance(advise_manifest({"spec": pod}), list)
