"""A retry is a further Job of the same run, over what has no result; everything else is over the union of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

import kjnb
from kjnb.model.state import State
from kjnb.report import Page
from kjnb.stage.folder import Stage
from tests.waiting import eventually

FRAME = pd.DataFrame({"x": range(16)})
SMALL = {"cpu": "100m", "memory": "128Mi", "backoff_limit_per_index": 0}


def failing(gate, bad=(1, 3)):
    """A function that fails at some indexes until a file is there."""
    path, bad = str(gate), tuple(bad)

    def total(part, index, completions):
        import os

        print("index", index, "of", completions, os.environ["JOB_COMPLETION_INDEX"])
        if index in bad and not os.path.exists(path):
            raise OSError("not yet")
        return {"sum": int(part["x"].sum()), "memory": os.environ.get("MEMORY", "")}

    return total


def launched(cluster, gate, name, **more):
    run = kjnb.launch(failing(gate), FRAME, partitions=4, name=name, cluster=cluster, **SMALL | more)
    run.wait(timeout=60)
    return run


def test_what_failed_is_run_again(cluster, tmp_path):
    gate = tmp_path / "gate"
    run = launched(cluster, gate, "tried-again")
    with pytest.raises(kjnb.RunFailed, match=r"run\.retry\(\) runs what failed again"):
        run.result(timeout=60)
    gate.touch()
    assert run.retry() is run
    assert run.result(timeout=60)["sum"].tolist() == [6, 22, 38, 54]
    assert run.state.outcome == "succeeded"
    assert run.state.tries.tolist() == [1, 2, 1, 2]
    assert run.failures.empty
    assert [len(run.state.attempts(index)) for index in range(4)] == [1, 2, 1, 2]
    jobs = run.manifests()
    assert [job["metadata"]["name"] for job in jobs] == ["tried-again", "tried-again-r1"]
    assert [job["spec"]["completions"] for job in jobs] == [4, 2]
    assert "index 3 of 4 3" in run.logs(3)
    assert "not yet" in run.logs(3, 0)
    assert run.part(3)["x"].tolist() == [12, 13, 14, 15]


def test_another_client_and_the_stage_alone_tell_the_same(cluster, tmp_path):
    gate = tmp_path / "gate"
    run = launched(cluster, gate, "told-alike")
    gate.touch()
    run.retry()
    run.wait(timeout=60)
    again = kjnb.attach("told-alike")
    assert again.state.tries.tolist() == [1, 2, 1, 2]
    row = kjnb.runs(cluster=cluster).set_index("name").loc["told-alike"]
    assert (row["state"], row["done"], row["indexes"]) == ("succeeded", 4, 4)
    run.delete()
    assert not cluster.list("jobs", "kjnb.dev/run=told-alike")["items"]
    alone = kjnb.attach("told-alike")
    assert alone.cluster is None
    assert alone.state.tries.tolist() == [1, 2, 1, 2]
    assert alone.state.outcome == "succeeded"
    assert alone.result()["sum"].tolist() == [6, 22, 38, 54]
    assert "not yet" in alone.logs(1, 0)
    page = Page(run.stage.root)
    assert "4 of 4 done" in page.outcome().data
    assert "told-alike-r1 (" in page.facts().data
    assert len(page.attempts) == 6


def test_it_fails_again_and_again(cluster, tmp_path):
    gate = tmp_path / "gate"
    run = launched(cluster, gate, "again-and-again")
    run.retry(memory="256Mi", env={"MEMORY": "more"})
    run.wait(timeout=60)
    assert run.state.outcome == "failed"
    assert run.failures["index"].tolist() == [1, 3]
    assert run.failures["attempts"].tolist() == [2, 2], "attempts are counted through"
    gate.touch()
    run.retry([3], parallelism=1)
    run.wait(timeout=60)
    assert run.state.outcome == "failed"
    assert run.state.counts[State.FAILED] == 1
    run.retry(env={"OTHER": "x"})
    assert run.result(timeout=60)["memory"].tolist() == ["", "more", "", "more"]
    assert run.state.tries.tolist() == [1, 3, 1, 3]
    jobs = run.manifests()
    assert [job["metadata"]["name"][-3:] for job in jobs] == ["ain", "-r1", "-r2", "-r3"]
    limits = [job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] for job in jobs]
    assert limits == ["128Mi", "256Mi", "256Mi", "256Mi"], "a retry goes on from the settings of the one before"


def test_nothing_to_retry_says_so(cluster, tmp_path, capsys):
    gate = tmp_path / "gate"
    gate.touch()
    run = launched(cluster, gate, "all-there")
    capsys.readouterr()
    assert run.retry() is run
    assert "all-there has all 4 results: there is nothing to retry" in capsys.readouterr().out
    assert len(run.manifests()) == 1


def test_what_cannot_be_retried_is_refused(cluster, tmp_path):
    run = launched(cluster, tmp_path / "gate", "refused")
    for call, says in (
        (lambda: run.retry([0]), "index 0 of refused has its result"),
        (lambda: run.retry([0, 2]), "indexes 0, 2 of refused have their results"),
        (lambda: run.retry([4]), "no index 4"),
        (lambda: run.retry([True]), "no index True"),
        (lambda: run.retry("x"), "no index 'x'"),
        (lambda: run.retry([]), "no index was named"),
        (lambda: run.retry(seed=1), "seed cannot change"),
        (lambda: run.retry(files=["x"]), "files cannot change"),
        (lambda: run.retry(memroy="1Gi"), "did you mean memory"),
        (lambda: run.retry(memory="much"), "memory"),
    ):
        with pytest.raises(kjnb.UsageError) as caught:
            call()
        assert says in str(caught.value)
        assert caught.value.fix
    assert len(run.manifests()) == 1


def test_while_the_run_goes_on_what_failed_for_good_is_retried(cluster, tmp_path):
    gate, slow = tmp_path / "gate", str(tmp_path / "slow")
    fails = failing(gate, bad=(0,))

    def mixed(part, index, completions):
        import os
        import time

        while index == 1 and not os.path.exists(slow):
            time.sleep(0.05)
        return fails(part, index, completions)

    run = kjnb.launch(mixed, FRAME, partitions=2, name="goes-on", cluster=cluster, **SMALL)
    eventually(lambda: run.state.counts[State.FAILED] == 1 and run.state.counts[State.RUNNING] == 1)
    with pytest.raises(kjnb.UsageError, match="index 1 of goes-on is still being tried"):
        run.retry([1])
    other = kjnb.attach("goes-on")
    assert other.state.counts[State.FAILED] == 1
    gate.touch()
    run.retry()
    eventually(lambda: run.state.counts[State.SUCCEEDED] == 1)
    eventually(lambda: other.state.counts[State.SUCCEEDED] == 1, within=60)
    assert not run.state.over
    run.retry()
    assert len(run.manifests()) == 2, "what is left is still being tried"
    run.scale(3)
    assert run.suspend().running == 1
    eventually(lambda: run.state.suspended)
    open(slow, "w").close()
    run.resume()
    assert run.result(timeout=60)["sum"].tolist() == [28, 92]
    assert other.wait(timeout=60).state.outcome == "succeeded"
    assert other.state.tries[0] == 2


def test_after_a_stop(cluster, tmp_path):
    gate = str(tmp_path / "gate")

    def slow(part, index):
        import os
        import time

        while index and not os.path.exists(gate):
            time.sleep(0.05)
        return index

    run = kjnb.launch(slow, FRAME, partitions=3, parallelism=2, name="went-on", cluster=cluster, **SMALL)
    eventually(lambda: run.state.counts[State.SUCCEEDED] == 1 and run.state.counts[State.RUNNING] >= 1)
    run.stop()
    open(gate, "w").close()
    run.retry()
    assert run.result(timeout=60).tolist() == [0, 1, 2]
    assert kjnb.attach("went-on").state.outcome == "succeeded"
    with pytest.raises(kjnb.UsageError, match="it succeeded"):
        run.suspend()


def test_a_stopped_retry_is_stopped(cluster, tmp_path):
    run = launched(cluster, tmp_path / "gate", "stopped-twice")
    run.retry(parallelism=1)
    run.stop()
    run.wait(timeout=60)
    assert run.state.outcome in ("stopped", "failed")
    assert run.retry(env={"A": "b"}).wait(timeout=60).state.outcome == "failed", "the stop is of the past"


@pytest.mark.parametrize("way", ["run", "attach", "launch", "behind"])
def test_a_run_whose_jobs_are_gone(cluster, tmp_path, way):
    """The stage is enough: the further Job is the first one there again."""
    gate, name = tmp_path / "gate", f"jobless-{way}"
    run = launched(cluster, gate, name)
    gate.touch()
    if way == "behind":
        cluster.delete("jobs", name)
        run = kjnb.attach(name)
        run.retry()
    else:
        run.delete()
        if way == "launch":
            run = kjnb.launch(failing(gate), FRAME, partitions=4, name=name, cluster=cluster, **SMALL)
            assert "which was over with 2 of 4 results: retrying indexes 1, 3" in " ".join(run.notes)
        else:
            run = run if way == "run" else kjnb.attach(name)
            run.retry()
    assert run.result(timeout=60)["sum"].tolist() == [6, 22, 38, 54]
    assert [job["metadata"]["name"] for job in run.manifests()] == [f"{name}-r1"]
    again = kjnb.attach(name)
    assert again.cluster is not None
    assert again.state.outcome == "succeeded"
    assert kjnb.runs(cluster=cluster).set_index("name").loc[name, "state"] == "succeeded"
    again.delete(results=True)
    with pytest.raises(kjnb.RunNotFound):
        kjnb.attach(name)


def test_the_same_launch_retries_what_is_missing(cluster, tmp_path):
    gate = tmp_path / "gate"
    run = launched(cluster, gate, "launched-again")
    gate.touch()
    again = kjnb.launch(failing(gate), FRAME, partitions=4, name="launched-again", cluster=cluster, **SMALL)
    (note,) = again.notes
    assert "retrying indexes 1, 3 of launched-again as launched-again-r1; fresh=True (--fresh)" in note
    assert again.result(timeout=60)["sum"].tolist() == [6, 22, 38, 54]
    third = kjnb.launch(failing(gate), FRAME, partitions=4, name="launched-again", cluster=cluster, **SMALL)
    assert "has all 4 results already" in third.notes[0]
    assert third.facts["launch"] == run.facts["launch"]
    fresh = kjnb.launch(failing(gate), FRAME, partitions=4, name="launched-again", fresh=True, cluster=cluster, **SMALL)
    assert fresh.result(timeout=60)["sum"].tolist() == [6, 22, 38, 54]
    assert [job["metadata"]["name"] for job in fresh.manifests()] == ["launched-again"]
    aside = kjnb.attach(f"{fresh.stage.root}~1")
    with pytest.raises(kjnb.UsageError, match="set aside"):
        aside.retry()


def test_a_result_that_was_lost_is_made_again(cluster, tmp_path):
    gate = tmp_path / "gate"
    gate.touch()
    run = launched(cluster, gate, "lost-one")
    run.stage.root.joinpath("commits", "00002").unlink()
    assert kjnb.attach("lost-one").state.counts[State.LOST] == 1
    result = run.stage.root / "results" / run.stage.commit(1)["result"]
    result.write_bytes(result.read_bytes()[:-1])
    with pytest.raises(kjnb.StageError, match=r"run\.retry\(\[1\]\)"):
        run.result(timeout=60, partial=True)
    again = kjnb.attach("lost-one")
    again.retry()
    assert again.result(timeout=60)["sum"].tolist() == [6, 22, 38, 54]
    assert again.state.tries.tolist() == [1, 2, 2, 1]
    whole = run.stage.root / "results" / run.stage.commit(0)["result"]
    whole.write_bytes(bytes(whole.stat().st_size))
    run.retry([0])
    assert run.result(timeout=60)["sum"].tolist() == [6, 22, 38, 54]


CLIENT = """
import sys, json, kjnb
run = kjnb.attach("at-once")
print("ready", flush=True)
sys.stdin.readline()
run.retry()
print(json.dumps({"sums": run.result(timeout=90)["sum"].tolist(), "tries": run.state.tries.tolist()}))
"""


def test_two_clients_at_once(cluster, tmp_path):
    """One of them makes the Job, the other finds nothing left to do and follows it."""
    gate = tmp_path / "gate"
    launched(cluster, gate, "at-once")
    gate.touch()
    command = [sys.executable, "-c", CLIENT]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    clients = [subprocess.Popen(command, text=True, env=os.environ, **pipes) for _ in range(3)]
    for client in clients:
        assert client.stdout.readline() == "ready\n"
    for client in clients:
        client.stdin.write("go\n")
        client.stdin.flush()
    for client in clients:
        out, err = client.communicate(timeout=120)
        assert client.returncode == 0, err
        told = json.loads(out.splitlines()[-1])
        assert told == {"sums": [6, 22, 38, 54], "tries": [1, 2, 1, 2]}
    assert sorted(j["metadata"]["name"] for j in cluster.list("jobs", "kjnb.dev/run=at-once")["items"]) == [
        "at-once",
        "at-once-r1",
    ]


def test_the_errors_to_try_again_can_be_named_anew(cluster, tmp_path):
    flag = str(tmp_path / "tried")

    def fatal(part):
        import os

        if not os.path.exists(flag + "2"):
            open(flag + ("2" if os.path.exists(flag) else ""), "w").close()
            raise KeyError("nothing")
        return len(part)

    run = kjnb.launch(fatal, FRAME, partitions=1, name="named-anew", cluster=cluster, **SMALL)
    run.wait(timeout=60)
    assert run.failures["exit_code"].tolist() == [88]
    run.retry(retry_on="KeyError", backoff_limit_per_index=2)
    assert run.result(timeout=60).tolist() == [16]
    assert run.state.tries.tolist() == [3]


def test_somebody_elses_run_is_theirs_to_retry(cluster, tmp_path):
    run = launched(cluster, tmp_path / "gate", "somebody-elses")
    facts = run.stage.facts()
    run.stage.save_facts({**facts, "owner": "somebody"})
    with pytest.raises(kjnb.UsageError, match="a run of somebody"):
        run.retry()
    assert Stage.at(run.stage.root).facts()["jobs"] == facts["jobs"]
