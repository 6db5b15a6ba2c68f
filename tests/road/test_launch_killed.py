"""A client killed between any two steps of a launch leaves one run that can be finished, or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kjnb.run.found import stage_root
from tests.waiting import eventually

CLIENT = '''
import importlib, json, os, sys
import pandas as pd
import kjnb
from kjnb.model.spec import JobSpec
from kjnb.stage.folder import Stage
from kjnb.task.task import Task

module, wanted = (importlib.import_module(f"kjnb.run.{name}") for name in ("launch", "wanted"))
verb, name, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
left = [last]


def step():
    left[0] -= 1
    if left[0] < 0:
        os._exit(9)


class Counted:
    """Passes everything on, and ends this process before the call that is one too many."""

    def __init__(self, inner):
        self.__dict__["inner"] = inner

    def __getattr__(self, what):
        found = getattr(self.inner, what)
        if not callable(found):
            return found
        return lambda *a, **k: (step(), found(*a, **k))[1]


class Stages:
    at = staticmethod(lambda root: Counted(Stage.at(root)))


replace = os.replace


def counted_replace(*names):
    step()
    replace(*names)


def total(part):
    return int(part["x"].sum())


frame = pd.DataFrame({"x": range(8)})
cluster = kjnb.connect()
if verb == "attach":
    try:
        kjnb.attach(name)
        print("attached")
    except kjnb.RunNotFound as error:
        print("removed", error)
elif verb == "launch":
    run = kjnb.launch(total, frame, partitions=2, name=name)
    print(json.dumps({"result": run.result(timeout=60).tolist(), "launch": run.facts["launch"]}))
else:
    wanted.Stage, module.registry = Stages, Counted(module.registry)
    if verb == "files":
        os.replace = counted_replace
        wanted.Stage = Stage
    parts = module.plan(frame, cluster, JobSpec(), partitions=2)
    module.submit(JobSpec(), Task.function(total), parts, Counted(cluster) if verb == "calls" else cluster, name=name)
    print("complete")
'''


def client(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CLIENT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=os.environ)


@pytest.mark.parametrize(("kind", "stride"), [("calls", 1), ("files", 3)])
@pytest.mark.timeout(300)
def test_killed_at_every_step(cluster, kind, stride):
    steps = 0
    while True:
        name = f"killed-{kind}-{steps}"
        ended = client(kind, name, steps)
        if ended.returncode == 0:
            break
        assert ended.returncode == 9, ended.stderr
        if steps % 2:
            assert client("attach", name, 0).returncode == 0
        again = client("launch", name, 0)
        assert again.returncode == 0, again.stderr
        check_one_run(cluster, name, json.loads(again.stdout.splitlines()[-1]))
        steps += stride
    assert steps >= 6, "the client was killed at every one of its steps"
    assert "complete" in ended.stdout


def check_one_run(cluster, name: str, told: dict) -> None:
    assert told["result"] == [6, 22]
    jobs = cluster.list("jobs", f"kjnb.dev/run={name}")["items"]
    assert [j["metadata"]["annotations"]["kjnb.dev/launch"] for j in jobs] == [told["launch"]]
    eventually(lambda: "Complete" in [c["type"] for c in cluster.get("jobs", name)["status"].get("conditions") or []])
    pods = cluster.list("pods", f"kjnb.dev/run={name}")["items"]
    assert {p["metadata"]["labels"]["kjnb.dev/launch"] for p in pods} <= {told["launch"]}
    assert cluster.list("configmaps", f"kjnb.dev/run={name}")["items"] == []
    assert [p.name for p in Path(stage_root(cluster)).iterdir() if p.name.startswith(f"{name}")] == [name]


def test_a_lost_reply_is_settled_by_the_launch_id(cluster):
    """The Job was created and its answer never came: the launch goes on with its own Job, not with another."""
    code = CLIENT.replace(
        "class Stages:",
        "class Losing(Counted):\n"
        "    def create(self, *a, **k):\n"
        "        self.inner.create(*a, **k)\n"
        "        raise kjnb.Unreachable('the reply is lost')\n\n\nclass Stages:",
    ).replace("Counted(cluster) if verb", "Losing(cluster) if verb")
    command = [sys.executable, "-c", code, "calls", "lost-reply", "1000"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, env=os.environ)
    assert ended.returncode == 0, ended.stderr
    again = client("launch", "lost-reply", 0)
    check_one_run(cluster, "lost-reply", json.loads(again.stdout.splitlines()[-1]))
