"""A run is suspended, resumed and scaled by patches alone, and says in a sentence why it cannot be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import kjnb
from kjnb.model.state import State
from kjnb.run.handle import Run
from tests.waiting import eventually

FRAME = pd.DataFrame({"x": range(16)})
SMALL = {"cpu": "100m", "memory": "128Mi"}


def gated(gate: Path):
    """A function that waits for a file; index 0 does not."""
    path = str(gate)

    def wait(part, index):
        import os
        import time

        while index and not os.path.exists(path):
            time.sleep(0.05)
        return index

    return wait


@pytest.fixture
def run(cluster, tmp_path, request) -> Iterator[Run]:
    name = request.node.name.replace("_", "-")[5:30].strip("-")
    gate = tmp_path / "gate"
    made = kjnb.launch(gated(gate), FRAME, partitions=4, parallelism=2, name=name, cluster=cluster, **SMALL)
    eventually(lambda: made.state.counts[State.SUCCEEDED] == 1 and made.state.counts[State.RUNNING] == 2)
    yield made
    gate.touch()


def active(run: Run) -> list[str]:
    pods = run.cluster.list("pods", f"kjnb.dev/run={run.name}")["items"]
    return [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]


def test_suspended_and_resumed(run, tmp_path):
    done = run.suspend()
    assert done.running == 2
    assert "2 running indexes start again from zero" in repr(done)
    eventually(lambda: run.state.suspended and not active(run))
    assert "suspended" in run.status_text()
    assert " left" not in run.status_text(), "nothing says when a suspended run will be done"
    assert not run.state.over
    assert run.suspend().running == 0, "a second time changes nothing"
    tmp_path.joinpath("gate").touch()
    assert run.resume() is run
    assert run.result(timeout=60).tolist() == [0, 1, 2, 3]


def test_resumed_by_another_client(run, tmp_path):
    run.suspend()
    eventually(lambda: run.state.suspended)
    tmp_path.joinpath("gate").touch()
    kjnb.attach(run.name).resume()
    assert run.result(timeout=60).tolist() == [0, 1, 2, 3]


def test_scaled_up_and_down(run):
    assert run.scale(3) is run
    eventually(lambda: len(active(run)) == 3)
    eventually(lambda: run.state.parallelism == 3)
    run.scale(1)
    eventually(lambda: len(active(run)) == 1)


def test_what_is_no_parallelism_is_refused_with_the_bounds(run):
    for wrong in (0, -1, 1.5, "many", True, 1_000_000, None):
        with pytest.raises(kjnb.UsageError, match="parallelism") as caught:
            run.scale(wrong)
        assert caught.value.fix
    assert run.manifests()[0]["spec"]["parallelism"] == 2


def test_a_run_that_is_over_says_so(run, tmp_path):
    tmp_path.joinpath("gate").touch()
    run.wait(timeout=60)
    for verb in (run.suspend, run.resume, lambda: run.scale(3)):
        with pytest.raises(kjnb.UsageError, match="is over \\(it succeeded\\)"):
            verb()


def test_a_run_that_was_deleted_says_so(run):
    other = kjnb.attach(run.name)
    run.delete()
    for verb in (run.suspend, other.suspend, other.resume, lambda: other.scale(3)):
        with pytest.raises(kjnb.UsageError, match="has no Job any more"):
            verb()


def test_what_kueue_manages_is_left_to_it(run):
    run.cluster.patch("jobs", run.name, {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "team-a"}}})
    for verb in (run.suspend, run.resume, lambda: run.scale(3)):
        with pytest.raises(kjnb.UsageError, match="queue team-a of Kueue"):
            verb()
    assert run.manifests()[0]["spec"]["parallelism"] == 2


def test_a_suspended_run_can_be_stopped(run):
    run.suspend()
    eventually(lambda: run.state.suspended and not active(run))
    run.stop()
    run.wait(timeout=60)
    assert run.state.outcome == "stopped"
    assert run.result(partial=True).tolist() == [0]


def test_a_suspended_run_has_no_time_left(run):
    from kjnb.view.timeline import timeline

    run.suspend()
    eventually(lambda: run.state.suspended)
    assert timeline(run.state, time.time()).eta is None
