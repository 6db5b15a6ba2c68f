"""What cannot work is refused in a sentence, before anything is created."""

from __future__ import annotations

import threading

import pandas as pd
import pytest

import kjnb

FRAME = pd.DataFrame({"key": list("aabbccdd"), "x": range(8)})


def same(part):
    return part


BAD = {
    "empty frame": ({"data": FRAME.iloc[:0]}, "no rows"),
    "not a frame": ({"data": [1, 2]}, "DataFrame"),
    "more partitions than rows": ({"partitions": 9}, "partitions"),
    "no partitions": ({"partitions": 0}, "partitions"),
    "negative partitions": ({"partitions": -1}, "partitions"),
    "half a partition": ({"partitions": 2.5}, "partitions"),
    "no parallelism": ({"parallelism": 0}, "parallelism"),
    "half a parallelism": ({"parallelism": 1.5}, "parallelism"),
    "unknown key": ({"by": "kee"}, "kee"),
    "unknown setting": ({"paralelism": 2}, "parallelism"),
    "no DNS label": ({"name": "My Run"}, "DNS label"),
    "too long a name": ({"name": "x" * 62}, "characters"),
    "a column for a key": ({"by": FRAME.key}, "a Series was given"),
    "a function for a key": ({"by": len}, "a builtin_function_or_method was given"),
    "arguments in a list": ({"args": [1]}, "args must be a dict"),
    "an int for a name": ({"name": 5}, "say name='run-5'"),
    "a number for a name": ({"name": "42"}, "letter"),
    "bad memory": ({"memory": "lots"}, "memory"),
    "unknown argument": ({"args": {"nothing": 1}}, "nothing"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_with_nothing_left_behind(case, cluster, nothing_left):
    more, words = BAD[case]
    asked = {"data": FRAME, "cluster": cluster, **more}
    with pytest.raises(kjnb.UsageError) as refused:
        kjnb.launch(same, **asked)
    assert words in str(refused.value)
    assert refused.value.fix


def test_too_many_keys(cluster, nothing_left):
    frame = pd.DataFrame({"key": range(4000)})
    with pytest.raises(kjnb.DataError, match="4,000") as refused:
        kjnb.launch(same, frame, by="key", cluster=cluster)
    assert "partitions" in refused.value.fix


def test_what_cannot_be_pickled_is_named(cluster, nothing_left):
    lock = threading.Lock()

    def locked(part):
        with lock:
            return len(part)

    with pytest.raises(kjnb.TaskError, match="lock"):
        kjnb.launch(locked, FRAME, partitions=2, cluster=cluster)


def test_a_column_that_cannot_be_carried_is_named(cluster, nothing_left):
    frame = FRAME.assign(handle=[threading.Lock() for _ in range(8)])
    with pytest.raises(kjnb.DataError, match="handle"):
        kjnb.launch(same, frame, partitions=2, cluster=cluster)


def test_a_foreign_job_keeps_its_name(cluster):
    container = {"name": "c", "image": "x", "command": ["true"]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "foreign"},
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
    cluster.create("jobs", job)
    try:
        for replace in (False, True):
            with pytest.raises(kjnb.NameTaken, match="not a run"):
                kjnb.launch(same, FRAME, partitions=2, name="foreign", replace=replace, cluster=cluster)
        assert cluster.get("jobs", "foreign")
    finally:
        cluster.delete("jobs", "foreign")


def test_another_users_run_keeps_its_name(cluster, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    kjnb.launch(same, FRAME, partitions=2, name="adas", cluster=cluster).wait(timeout=60)
    monkeypatch.setenv("JUPYTERHUB_USER", "grace")
    with pytest.raises(kjnb.NameTaken, match="ada"):
        kjnb.launch(same, FRAME, partitions=2, name="adas", replace=True, cluster=cluster)
    assert "adas" not in set(kjnb.runs(cluster=cluster)["name"])
    assert "adas" in set(kjnb.runs(all=True, cluster=cluster)["name"])


def test_a_pod_that_no_node_can_hold_is_told(cluster):
    run = kjnb.launch(same, FRAME, partitions=1, cpu=5000, memory="900Ti", name="too-big", cluster=cluster)
    try:
        assert "no pod can start: the cluster has no room for 5000 CPU" in "\n".join(run.notes)
    finally:
        run.delete(results=True)
    gone = run.delete(results=True)
    assert (gone.results, gone.bytes) == (0, 0), "what is gone is not missed"


def test_a_name_with_a_slip_is_found(cluster):
    kjnb.launch(same, FRAME, partitions=1, name="slip-of-a-pen", cluster=cluster).wait(timeout=60)
    with pytest.raises(kjnb.RunNotFound, match="did you mean slip-of-a-pen"):
        kjnb.attach("slip-of-a-pne", cluster=cluster)


@pytest.mark.parametrize("door", [kjnb.monitor, kjnb.chart])
def test_a_name_is_no_run(door):
    with pytest.raises(kjnb.UsageError, match=r"kjnb.attach\('flights'\)"):
        door("flights")


def test_a_report_of_nothing_leaves_nothing(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("no-such-run", str(tmp_path)):
        with pytest.raises(kjnb.RunNotFound):
            kjnb.report(name)
    assert list(tmp_path.iterdir()) == []
