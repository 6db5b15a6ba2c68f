"""What is left of a run that was stopped or deleted while it ran, and of one whose cluster is gone."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pandas as pd
import pytest

import kjnb
from kjnb.model.state import State
from kjnb.run import registry
from tests.homes import environment, own_home
from tests.waiting import eventually

FRAME = pd.DataFrame({"x": range(8)})


def forever(part, index):
    import time

    print("begun", index, flush=True)
    while index:
        time.sleep(0.05)
    return index


def running(name, cluster, indexes=2):
    """A run whose index 0 is done and whose others never end."""
    run = kjnb.launch(
        forever, FRAME, partitions=indexes, parallelism=2, cpu="100m", memory="128Mi", name=name, cluster=cluster
    )
    eventually(lambda: run.state.counts[State.SUCCEEDED] == 1 and "begun 1" in run.logs(1))
    return run


def test_deleted_while_it_runs_the_stage_tells_the_rest(cluster):
    run = running("deleted-running", cluster)
    assert run.delete() == (0, 0, True)
    assert "kept" in repr(run.delete())
    eventually(lambda: not cluster.list("pods", "kjnb.dev/run=deleted-running")["items"])
    again = kjnb.attach("deleted-running", cluster=cluster)
    assert again.cluster is None
    assert again.state.outcome == "stopped"
    assert again.result(partial=True).tolist() == [0]
    row = again.failures.iloc[0]
    assert (row["index"], row["attempts"], row["log_tail"]) == (1, 1, "begun 1")
    assert "stopped" in row["error"]
    assert again.logs(1) == "begun 1\n"
    with pytest.raises(kjnb.RunFailed, match="stopped"):
        again.result(timeout=60)
    with pytest.raises(kjnb.UsageError, match="no Job"):
        again.stop()


def test_deleted_with_results_while_it_runs_nothing_comes_back(cluster):
    run = running("deleted-whole", cluster)
    gone = run.delete(results=True)
    assert (gone.results, gone.kept) == (1, False)
    assert "1 results" in repr(gone)
    eventually(lambda: not cluster.list("pods", "kjnb.dev/run=deleted-whole")["items"])
    beside = run.stage.root.parent
    assert [path.name for path in beside.iterdir() if "deleted-whole" in path.name] == []
    empty = kjnb.launch(len, FRAME, partitions=2, name="deleted-whole", parallelism=1, cluster=cluster)
    assert empty.result(timeout=60).tolist() == [4, 4], "the name is free again"


def test_the_name_of_two_runs_is_refused_with_both_named(cluster, tmp_path):
    run = kjnb.launch(len, FRAME, partitions=2, name="two-places", cluster=cluster)
    run.wait(timeout=60).delete()
    there = tmp_path / "elsewhere" / "two-places"
    shutil.copytree(run.stage.root, there)
    entry = next(registry.entries("two-places"))
    registry.enter(entry._replace(context="another", stage=str(there)))
    with pytest.raises(kjnb.RunNotFound, match="2 runs") as unclear:
        kjnb.attach("two-places", cluster=cluster)
    assert set(unclear.value.candidates) == {
        f"{cluster.context}/{cluster.namespace}/two-places",
        f"another/{cluster.namespace}/two-places",
    }
    for name in (*unclear.value.candidates, str(there)):
        assert kjnb.attach(name).result(timeout=60).tolist() == [4, 4]


CODE = """
import kjnb, pandas as pd
run = kjnb.attach("outlived")
print(run.state.outcome, run.result(partial=True).tolist(), run.failures["error"].tolist(), repr(run.logs(1)))
path = kjnb.report(run, "{path}")
"""


def test_after_the_cluster_was_stopped_the_stage_tells_all(tmp_path):
    """A cluster of this test's own is stopped, and another client reads result, failures, logs and report."""

    def client(code):
        command = [sys.executable, "-c", code]
        told = subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=100)
        assert told.returncode == 0, told.stderr
        return told.stdout

    launch = """
import kjnb, pandas as pd
def pick(part, index):
    print("here", index)
    return index if index != 1 else part["nothing"]
kjnb.launch(pick, pd.DataFrame({"x": range(6)}), partitions=3, name="outlived").wait(timeout=60)
"""
    with own_home(tmp_path / "home") as home:
        client(launch)
        subprocess.run([sys.executable, "-m", "kjnb", "cluster", "stop"], env=environment(home), check=True, timeout=60)
        told = client(CODE.format(path=tmp_path / "out.html"))
        assert "failed [0, 2] [\"KeyError: 'nothing'\"]" in told
        assert "here 1" in told
        assert (tmp_path / "out.html").stat().st_size > 10_000
