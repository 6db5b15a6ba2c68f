"""Every stuck or failed state that a real cluster showed becomes a sentence with its fix; odd objects never raise."""

from __future__ import annotations

import json
import pathlib
import re
from datetime import datetime

import pytest

from kjnb.model.diagnosis import Seen, diagnose, read_pod, short

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
