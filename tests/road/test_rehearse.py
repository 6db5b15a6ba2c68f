"""What can be known before a run: one partition on the cluster, or nothing but the cluster's word."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

import kjnb
from kjnb.connect import Session
from kjnb.model.partition import partition
from kjnb.run.trial import memory_text, time_text

FRAME = pd.DataFrame({"key": list("aaaaabbc"), "x": range(8)})
SMALL = {"cpu": "100m", "memory": "256Mi"}


def told(part, index, completions):
    import os
    import random

    print("here")
    place = os.environ["HOME"] != ""
    return {"rows": len(part), "index": index, "of": completions, "drawn": random.random(), "place": place}


def test_a_trial_sees_what_the_whole_run_would_give_it(cluster):
    trial = kjnb.launch(told, FRAME, by="key", trial=1, seed=7, cluster=cluster, **SMALL)
    assert (trial.index, trial.value["rows"], trial.value["index"], trial.value["of"]) == (1, 2, 1, 3)
    assert trial.seconds > 0
    assert trial.peak > 2**20
    assert "index 1: " in repr(trial)
    assert "3 indexes at parallelism" in repr(trial)
    assert "256Mi" in repr(trial)
    assert trial.run.index_table()["key"].tolist() == ["b"]
    assert trial.run.debug(0)["of"] == 3
    run = kjnb.launch(told, FRAME, by="key", seed=7, cluster=cluster, **SMALL)
    assert run.name != trial.run.name
    whole = run.result(timeout=60)
    assert whole["drawn"].iloc[1] == trial.value["drawn"]
    assert whole["rows"].tolist() == [5, 2, 1]


def test_a_trial_is_of_the_largest_partition_and_of_each_but_once(cluster):
    first = kjnb.launch(told, FRAME, by="key", trial=True, name="tried", cluster=cluster, **SMALL)
    assert first.value["index"] == 0
    assert first.run.name.startswith("tried-trial-0-")
    assert kjnb.connect.__self__.last_run == first.run.name
    again = kjnb.launch(told, FRAME, by="key", trial=True, name="tried", cluster=cluster, **SMALL)
    assert again.run.facts["launch"] == first.run.facts["launch"]
    fresh = kjnb.launch(told, FRAME, by="key", trial=True, name="tried", fresh=True, cluster=cluster, **SMALL)
    assert fresh.run.facts["launch"] != first.run.facts["launch"]
    other = kjnb.launch(told, FRAME, partitions=4, trial=3, cluster=cluster, **SMALL)
    assert (other.value["rows"], other.value["index"], other.value["of"]) == (2, 3, 4)


def test_a_trial_that_cannot_be_or_fails(cluster):
    def bad(part):
        return part["nothing"]

    for index in (3, -1, "first", 1.5):
        with pytest.raises(kjnb.UsageError, match="the indexes are 0 to 2"):
            kjnb.launch(told, FRAME, by="key", trial=index, cluster=cluster, **SMALL)
    with pytest.raises(kjnb.UsageError, match="both given"):
        kjnb.launch(told, FRAME, by="key", trial=True, dry_run=True, cluster=cluster, **SMALL)
    with pytest.raises(kjnb.RunFailed, match="KeyError: 'nothing'"):
        kjnb.launch(bad, FRAME, by="key", trial=True, cluster=cluster, **SMALL)


def test_what_a_trial_says_of_the_whole():
    planned = partition(pd.DataFrame({"x": np.arange(120_000)}), 120)
    start = "by the rows, and what pods take to start"
    assert time_text(planned, 3, 12.0, 4) == f"120 indexes at parallelism 4: about 6 min {start}"
    assert time_text(planned, 3, 0.01, 4) == f"120 indexes at parallelism 4: less than a second {start}"
    skewed = partition(pd.DataFrame({"k": [0] * 90 + [1] * 10}), by="k")
    assert time_text(skewed, 1, 1.0, 8) == f"2 indexes at parallelism 8: about 9.0 s {start}"
    assert memory_text(210 * 2**20, "1Gi") == "memory='320Mi' would be enough, 1Gi are asked for: peak 210 MiB"
    assert memory_text(500 * 2**20, "512Mi") == "memory='768Mi' would be safer than 512Mi: peak 500 MiB"


@pytest.mark.usefixtures("nothing_left")
def test_a_dry_run_creates_nothing(cluster):
    dry = kjnb.launch(told, FRAME, by="key", dry_run=True, name="only-dry", cluster=cluster, **SMALL)
    assert dry.accepted
    assert dry.name == "only-dry"
    assert f"{cluster.context} accepts the Job" in dry.verdict
    assert any(note.startswith("travels: told") for note in dry.notes)
    assert "only-dry would be 3 partitions by key" in dry.notes[0]
    (job,) = yaml.safe_load_all(dry.yaml)
    assert (job["kind"], job["metadata"]["name"], job["spec"]["completions"]) == ("Job", "only-dry", 3)
    assert repr(dry) == repr(
        kjnb.launch(told, FRAME, by="key", dry_run=True, name="only-dry", cluster=cluster, **SMALL)
    )
    assert "nothing was created" in dry._repr_html_()
    wide = kjnb.launch(told, FRAME, by="key", dry_run=True, name="only-dry", parallelism=50, cluster=cluster, **SMALL)
    assert any("parallelism" in line for line in wide.advice)
    assert not set(wide.advice) & set(wide.notes)
    assert all(line in repr(wide) for line in wide.advice)


@pytest.mark.usefixtures("nothing_left")
def test_a_refusal_is_part_of_the_answer(cluster, tmp_path):
    nowhere = Session().use(cluster.target, namespace="no-such-namespace", stage=str(tmp_path), image="python")
    refused = kjnb.launch(told, FRAME, by="key", dry_run=True, name="refused-dry", cluster=nowhere, **SMALL)
    assert not refused.accepted
    assert refused.verdict[0].startswith("refused: ")
    assert "no-such-namespace" in refused.verdict[0]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(kjnb.UsageError, match="max_failed_indexes"):
        kjnb.launch(told, FRAME, by="key", dry_run=True, max_failed_indexes=9, cluster=cluster)


def test_a_dry_run_says_what_is_there_already(cluster):
    def first(part):
        return len(part)

    def fails(part):
        raise KeyError("x")

    run = kjnb.launch(first, FRAME, partitions=2, name="dry-known", cluster=cluster, **SMALL)
    run.wait(timeout=60)
    again = kjnb.launch(first, FRAME, partitions=2, name="dry-known", dry_run=True, cluster=cluster, **SMALL)
    assert again.accepted
    assert "attaches to it; it has all 2 results" in again.verdict[-1]
    other = kjnb.launch(fails, FRAME, partitions=2, name="dry-known", dry_run=True, cluster=cluster, **SMALL)
    assert not other.accepted
    assert "--replace" in other.verdict[-1]
    kjnb.launch(fails, FRAME, partitions=2, name="dry-failed", cluster=cluster, **SMALL).wait(timeout=60)
    failed = kjnb.launch(fails, FRAME, partitions=2, name="dry-failed", dry_run=True, cluster=cluster, **SMALL)
    assert "retries what it lacks; it is over with 0 of 2 results" in failed.verdict[-1]
