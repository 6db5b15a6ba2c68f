"""A client killed between any two steps of a retry leaves one further Job that can be finished, or none."""

from __future__ import annotations

import os
import subprocess
import sys

import pandas as pd
import pytest

import kjnb
from tests.waiting import eventually

FRAME = pd.DataFrame({"x": range(8)})
CLIENT = """
import os, sys
import kjnb
from kjnb.run.retry import retry

kind, name, left = sys.argv[1], sys.argv[2], [int(sys.argv[3])]


def step():
    left[0] -= 1
    if left[0] < 0:
        os._exit(9)


class Counted:
    \"\"\"Passes everything on, and ends this process before the call that is one too many.\"\"\"

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, what):
        found = getattr(self.inner, what)
        if not callable(found):
            return found
        return lambda *a, **k: (step(), found(*a, **k))[1]


replace = os.replace


def counted_replace(*names):
    step()
    replace(*names)


run = kjnb.attach(name)
stage, cluster = run.stage, run.cluster
if kind == "calls":
    stage, cluster = Counted(stage), Counted(cluster)
else:
    os.replace = counted_replace
print(retry(stage, cluster, None, {}))
"""


def killed(kind: str, name: str, step: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CLIENT, kind, name, str(step)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=os.environ)


def failing(gate):
    path = str(gate)

    def total(part, index):
        import os

        if index and not os.path.exists(path):
            raise OSError("not yet")
        return int(part["x"].sum())

    return total


@pytest.mark.parametrize("kind", ["calls", "files"])
@pytest.mark.timeout(300)
def test_killed_at_every_step(cluster, kind, tmp_path):
    steps = 0
    while True:
        name, gate = f"cut-{kind}-{steps}", tmp_path / str(steps)

        def launch(name=name, gate=gate):
            return kjnb.launch(failing(gate), FRAME, partitions=2, backoff_limit_per_index=0, name=name)

        launch().wait(timeout=60)
        gate.touch()
        ended = killed(kind, name, steps)
        if ended.returncode == 0:
            break
        assert ended.returncode == 9, ended.stderr
        again = kjnb.attach(name) if steps % 3 else launch()
        if steps % 3 == 1:
            assert again.stage.committed() == [0] or again.stage.facts()["jobs"][1:]
        check_one_retry(cluster, again.retry())
        steps += 1
    assert steps >= (8 if kind == "calls" else 2), "the client was killed at every one of its steps"
    check_one_retry(cluster, kjnb.attach(name))


def check_one_retry(cluster, run) -> None:
    assert run.result(timeout=60).tolist() == [6, 22]
    assert run.state.tries.tolist() == [1, 2]
    jobs = {job["metadata"]["name"]: job for job in cluster.list("jobs", f"kjnb.dev/run={run.name}")["items"]}
    assert jobs.keys() == {run.name, f"{run.name}-r1"}
    assert [job["uid"] for job in run.stage.facts()["jobs"]] == [job["metadata"]["uid"] for job in jobs.values()]
    done = jobs[f"{run.name}-r1"]["metadata"]["name"]
    eventually(lambda: (cluster.get("jobs", done)["status"].get("conditions") or [{}])[-1].get("type") == "Complete")
    pods = cluster.list("pods", f"kjnb.dev/run={run.name}")["items"]
    assert len(pods) == 3
