"""Every stuck or failed state that a real cluster showed becomes a sentence with its fix; odd objects never raise."""

from __future__ import annotations

import json
import pathlib
import re
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kjnb.model.diagnosis import Seen, diagnose, read_pod, short
from kjnb.model.objects import items
from tests.model.facts import job, pod, run

STUCK = sorted((pathlib.Path(__file__).parent / "stuck").glob("*.json"))
CODES = {  # the finding that must be among those of a state
    "back-off-limit": "backoff-limit",
    "command-not-found": "command-not-found",
    "configmap-key-missing": "configmap-missing",
    "configmap-volume-missing": "configmap-missing",
    "crash-loop": "restarts",
    "evicted": "disrupted",
    "failing-terminating": "terminating",
    "image-name-invalid": "image-name",
    "index-failed": "indexes-failed",
    "init-container-failed": "init-container",
    "node-port-conflict": "host-port",
    "preempted": "disrupted",
    "priority-class-missing": "priority-class",
    "quota-exceeded": "quota",
    "run-as-root-refused": "runs-as-root",
    "scheduling-gated": "scheduling-gate",
    "service-account-missing": "service-account",
    "unschedulable-gpu": "unschedulable-nvidia.com/gpu",
}


def stuck(path):
    """The state as it was read, and a moment after it was."""
    said = path.read_text()
    state = json.loads(said)
    past = re.sub(r'"deletionTimestamp": "[^"]*"', "", said)
    times = re.findall(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", past)
    seen = Seen([state["job"]], [read_pod(pod) for pod in state["pods"]], state["events"])
    return state["about"], seen, max(datetime.fromisoformat(time).timestamp() for time in times) + 1


def by_name(name):
    return next(path for path in STUCK if path.stem == name)


def test_what_is_said_of_each_state(golden):
    blocks = []
    for path in STUCK:
        about, seen, now = stuck(path)
        found = diagnose(None, seen, now)
        lines = "\n".join(f"{one.rank.name.lower()}: {one}" for one in found)
        blocks.append(f"# {path.stem}: {about}\n{lines}\nin a word: {short(found)}")
    golden("diagnosis.txt", "\n\n".join(blocks) + "\n")


@pytest.mark.parametrize("path", STUCK, ids=lambda path: path.stem)
def test_each_state_has_its_own_finding(path):
    _, seen, now = stuck(path)
    found = diagnose(None, seen, now)
    assert CODES.get(path.stem, path.stem) in [one.code for one in found]
    assert all(one.fix and one.what for one in found)


def test_there_are_34_states():
    assert len(STUCK) == 34


NOT_KNOWN = {"unexplained", "no-pods", "not-stopping", "back-off", "unschedulable-cpu"}


@pytest.mark.parametrize("rights", ["no events", "no Jobs", "no pods"])
@pytest.mark.parametrize("path", STUCK, ids=lambda path: path.stem)
def test_who_may_read_less_hears_less(path, rights):
    """Nothing is made up: what is said with fewer rights is said with all, or is said to be not known."""
    _, seen, now = stuck(path)
    fewer = {"no Jobs": {"jobs": ()}, "no pods": {"pods": ()}}.get(rights, {})
    whole = {one.code for one in diagnose(None, seen, now)}
    told = diagnose(None, seen._replace(events=None, **fewer), now + 60)
    assert {one.code for one in told} <= whole | NOT_KNOWN
    if rights == "no events":
        assert told


def places(value, path=()):
    """Every place in an object, however deep."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def changed(value, path, new):
    """The object with something else in that place."""
    copy = dict(value) if isinstance(value, dict) else list(value)
    key, *rest = path
    if rest:
        copy[key] = changed(copy[key], rest, new)
    elif new is GONE and isinstance(copy, dict):
        copy.pop(key, None)
    else:
        copy[key] = None if new is GONE else new
    return copy


GONE = object()
OBJECTS = [json.loads(path.read_text()) for path in STUCK]
ODD = st.sampled_from([GONE, None, "", "odd", 0, -1, 1.5, True, [], {}, [None], ["x"], {"x": None}, "2026-13", "١"])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(OBJECTS), st.data())
def test_odd_objects_never_raise(state, data):
    odd = {kind: state[kind] for kind in ("job", "pods", "events")}
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.sampled_from([path for path in places(odd) if path] or [("job",)]))
        odd = changed(odd, where, data.draw(ODD))
    pods = [read_pod(pod) for pod in items(odd, "pods")]
    jobs = [odd["job"]] if isinstance(odd.get("job"), dict) else []
    events = items(odd, "events")
    for told in (diagnose(None, Seen(jobs, pods, events), 2e9), diagnose(STATE, Seen(jobs, pods, None), 0.0)):
        assert all(isinstance(one.what, str) and one.what for one in told)
        assert isinstance(short(told), str)


STATE = run(4, pod(0, "Failed"), pod(1, "Running"), job("2", "0", name="j"), jobs={"j": None})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["metadata", "spec", "status", "state"]), inner)
        ),
    )
)
def test_what_is_no_pod_reads_as_one(thing):
    assert read_pod({"metadata": thing, "spec": thing, "status": thing}).boxes == ()
