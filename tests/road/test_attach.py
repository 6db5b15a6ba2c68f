"""A run outlives whoever launched it, and is found again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import pandas as pd
import pytest

import kjnb
from kjnb.stage.folder import Stage
from tests.waiting import eventually

FRAME = pd.DataFrame({"key": list("aabbccdd"), "x": range(8)})


def test_a_second_launch_attaches(cluster):
    def total(part):
        return int(part["x"].sum())

    first = kjnb.launch(total, FRAME, partitions=2, cluster=cluster)
    assert first.result(timeout=60).tolist() == [6, 22]
    second = kjnb.launch(total, FRAME.copy(), partitions=2, cluster=cluster)
    assert second.name == first.name
    assert "attached" in " ".join(second.notes)
    assert second.result(timeout=60).tolist() == [6, 22]
    assert [j["metadata"]["uid"] for j in second.manifests()] == [j["metadata"]["uid"] for j in first.manifests()]


def test_another_function_is_another_run(cluster):
    first = kjnb.launch(lambda part: 1, FRAME, partitions=2, cluster=cluster)
    second = kjnb.launch(lambda part: 2, FRAME, partitions=2, cluster=cluster)
    assert first.name != second.name
    assert second.result(timeout=60).tolist() == [2, 2]


def test_a_taken_name_is_refused_unless_replaced(cluster):
    first = kjnb.launch(lambda part: 1, FRAME, partitions=2, name="taken", cluster=cluster)
    first.wait(timeout=60)
    with pytest.raises(kjnb.NameTaken, match="--replace"):
        kjnb.launch(lambda part: 2, FRAME, partitions=2, name="taken", cluster=cluster)
    second = kjnb.launch(lambda part: 2, FRAME, partitions=2, name="taken", replace=True, cluster=cluster)
    assert second.result(timeout=60).tolist() == [2, 2]
    assert Stage.at(f"{second.stage.root}~1").committed() == [0, 1]


def test_fresh_runs_again_with_the_old_results_aside(cluster):
    fn = lambda part: len(part)  # noqa: E731
    first = kjnb.launch(fn, FRAME, partitions=2, name="again", cluster=cluster)
    first.wait(timeout=60)
    second = kjnb.launch(fn, FRAME, partitions=2, name="again", fresh=True, cluster=cluster)
    assert second.facts["launch"] != first.facts["launch"]
    assert second.result(timeout=60).tolist() == [4, 4]
    assert Stage.at(f"{second.stage.root}~1").committed() == [0, 1]


def test_attach_by_every_name(cluster):
    run = kjnb.launch(lambda part: len(part), FRAME, partitions=2, name="many-names", cluster=cluster)
    run.wait(timeout=60)
    for name in ("many-names", f"{cluster.context}/{cluster.namespace}/many-names", str(run.stage.root)):
        assert kjnb.attach(name).result(timeout=60).tolist() == [4, 4]
    with pytest.raises(kjnb.RunNotFound):
        kjnb.attach("no-such-run")


def test_the_stage_alone_is_enough(cluster):
    run = kjnb.launch(lambda part: len(part), FRAME, partitions=2, name="stage-alone", cluster=cluster)
    run.wait(timeout=60)
    run.delete()
    assert not cluster.list("jobs", "kjnb.dev/run=stage-alone")["items"]
    eventually(lambda: not cluster.list("pods", "kjnb.dev/run=stage-alone")["items"])
    again = kjnb.attach("stage-alone")
    assert again.cluster is None
    assert again.state.outcome == "succeeded"
    assert again.result(timeout=60).tolist() == [4, 4]
    assert again.index_table()["rows"].tolist() == [4, 4]


def test_delete_with_results_takes_everything(cluster):
    run = kjnb.launch(lambda part: len(part), FRAME, partitions=2, name="all-gone", cluster=cluster)
    run.wait(timeout=60)
    gone = run.delete(results=True)
    assert gone.results == 2
    assert gone.bytes > 0
    assert not os.path.exists(run.stage.root)
    with pytest.raises(kjnb.RunNotFound):
        kjnb.attach("all-gone")


def test_stop_keeps_what_is_done(cluster, tmp_path):
    def slow(part, index):
        import time

        print("begun", flush=True)
        while index:
            time.sleep(0.05)
        return index

    run = kjnb.launch(
        slow, FRAME, partitions=3, parallelism=2, cpu="100m", memory="128Mi", name="stopped", cluster=cluster
    )
    eventually(lambda: run.state.counts[4] == 1 and run.state.counts[2] >= 1)
    run.stop()
    run.wait(timeout=60)
    assert run.state.outcome == "stopped"
    assert run.result(partial=True).tolist() == [0]
    assert "begun" in run.logs(0)
    assert cluster.list("jobs", "kjnb.dev/run=stopped")["items"], "the Job's record stays"
    eventually(lambda: not [p for p in cluster.list("pods", "kjnb.dev/run=stopped")["items"] if running(p)])
    with pytest.raises(kjnb.RunFailed, match="stopped"):
        run.result(timeout=60)
    assert kjnb.attach("stopped").state.outcome == "stopped"


def running(pod):
    return pod["status"]["phase"] in ("Pending", "Running")


def test_runs_lists_yours(cluster):
    run = kjnb.launch(lambda part: len(part), FRAME, partitions=2, name="listed", cluster=cluster)
    run.wait(timeout=60)
    row = kjnb.runs(cluster=cluster).set_index("name").loc["listed"]
    assert (row["state"], row["done"], row["indexes"]) == ("succeeded", 2, 2)


CLIENT = """
import os, sys, time
import pandas as pd
import kjnb

def slow(part, index):
    import os, time
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.05)
    return index

import sys
frame = pd.DataFrame({"x": range(8)})
gate = sys.argv[1]
def slow(part, index):
    import os, time
    while index and not os.path.exists(gate):
        time.sleep(0.05)
    return index
run = kjnb.launch(slow, frame, partitions=4, parallelism=2, cpu="100m", memory="128Mi", name="survivor")
print("launched", flush=True)
run.wait()
"""


def test_a_run_survives_its_client(cluster, home, tmp_path):
    gate = tmp_path / "gate"
    client = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CLIENT), str(gate)], stdout=subprocess.PIPE, env=os.environ, text=True
    )
    with client:
        lines = iter(client.stdout.readline, "")
        assert any(line.startswith("launched") for line in lines)
        os.kill(client.pid, signal.SIGKILL)
    gate.touch()
    code = "import kjnb, json; print(json.dumps(kjnb.attach('survivor').result(timeout=60).tolist()))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert json.loads(told.stdout.splitlines()[-1]) == [0, 1, 2, 3]


def test_ctrl_c_looks_away_and_the_run_goes_on(cluster, home, tmp_path):
    gate = tmp_path / "gate"
    code = CLIENT.replace('"survivor"', '"looked-away"')
    client = subprocess.Popen(
        [sys.executable, "-c", code, str(gate)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ,
        text=True,
    )
    with client:
        lines = iter(client.stdout.readline, "")
        assert any(line.startswith("launched\n") for line in lines)
        eventually(lambda: len(Stage.at(kjnb.attach("looked-away").stage.root).committed()) >= 1)
        client.send_signal(signal.SIGINT)
        said = client.stderr.read()
    assert "KeyboardInterrupt" in said
    assert "kjnb.attach('looked-away')" in said
    gate.touch()
    assert kjnb.attach("looked-away").result(timeout=60).tolist() == [0, 1, 2, 3]


def test_a_run_is_followed_through_a_restart_of_the_server(cluster, home, tmp_path):
    from kjnb import embedded

    gate = tmp_path / "gate"
    code = f"import os, time\nwhile index and not os.path.exists({str(gate)!r}):\n    time.sleep(0.05)\nindex"
    from kjnb.model.spec import JobSpec
    from kjnb.run.launch import plan, submit
    from kjnb.task.task import Task

    spec = JobSpec.checked(parallelism=2, cpu="100m", memory="128Mi")
    task = Task.cell(code, {}, frame_name="FRAME")
    run = submit(spec, task, plan(FRAME, cluster, spec, partitions=4), cluster, name="restarted")
    eventually(lambda: run.state.counts[4] >= 1)
    embedded.stop(home, keep_pods=True)
    embedded.start(home, backoff_base=0.1)
    gate.touch()
    assert run.result(timeout=90).tolist() == [0, 1, 2, 3]
    eventually(lambda: run.state.over and run.state.tries.all())  # a result may be there before its pod was heard of
    assert run.state.tries.tolist() == [1, 1, 1, 1]


def test_a_running_run_read_by_its_path_is_not_called_over(cluster, tmp_path):
    gate = tmp_path / "gate"

    def slow(part, index):
        import os
        import time

        while index and not os.path.exists(gate):
            time.sleep(0.05)
        return index

    gate = str(gate)
    run = kjnb.launch(slow, FRAME, partitions=2, cpu="100m", memory="128Mi", name="by-path", cluster=cluster)
    try:
        eventually(lambda: run.state.counts[4] == 1)
        seen = kjnb.attach(str(run.stage.root))
        assert not seen.state.over
        assert seen.result(partial=True).tolist() == [0]
    finally:
        open(gate, "w").close()
    run.wait(timeout=60)
