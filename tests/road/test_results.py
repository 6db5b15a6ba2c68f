"""What comes back through a cluster is what the same function gives here, part by part."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import kjnb


@pytest.fixture
def flights() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "carrier": rng.choice(["AA", "B6", "DL", "UA", "WN"], 400),
            "delay": rng.normal(10, 30, 400).round(1),
            "day": pd.Timestamp("2013-01-01") + pd.to_timedelta(rng.integers(0, 365, 400), unit="D"),
            "seats": pd.array(rng.integers(50, 300, 400), dtype="Int64"),
        },
        index=pd.Index(range(1000, 1400), name="flight"),
    )


def local(fn, parts):
    return [fn(parts[i]) for i in range(len(parts))]


def test_frames_are_concatenated_in_index_order(flights, cluster):
    parts = kjnb.partition(flights, 5)
    fn = lambda part: part.assign(late=part["delay"] > 15)  # noqa: E731
    run = kjnb.launch(fn, parts, cluster=cluster)
    pd.testing.assert_frame_equal(run.result(timeout=60), pd.concat(local(fn, parts)))


def test_dicts_give_a_row_a_key(flights, cluster):
    run = kjnb.launch(
        lambda part: {"n": len(part), "mean": part["delay"].mean()}, flights, by="carrier", cluster=cluster
    )
    expected = flights.groupby("carrier")["delay"].agg(n="size", mean="mean")
    result = run.result(timeout=60)
    assert list(result.columns) == ["n", "mean"]
    np.testing.assert_allclose(result.loc[expected.index, "mean"], expected["mean"])
    assert result.loc[expected.index, "n"].tolist() == expected["n"].tolist()


def test_scalars_give_a_series(flights, cluster):
    run = kjnb.launch(lambda part, index, completions: len(part) * 10 + index, flights, partitions=4, cluster=cluster)
    result = run.result(timeout=60)
    assert isinstance(result, pd.Series)
    assert result.tolist() == [1000, 1001, 1002, 1003]


def test_series_of_one_index_give_a_row_each(flights, cluster):
    parts = kjnb.partition(flights, 3)
    run = kjnb.launch(lambda part: part[["delay"]].describe()["delay"], parts, cluster=cluster)
    result = run.result(timeout=60)
    assert result.shape == (3, 8)
    assert result["count"].sum() == 400


def test_nothing_everywhere_gives_nothing(flights, cluster):
    run = kjnb.launch(lambda part: None, flights, partitions=2, cluster=cluster)
    assert run.result(timeout=60) is None


def test_constants_and_closures_travel(flights, cluster):
    limit = 15
    run = kjnb.launch(
        lambda part, factor: int((part["delay"] > limit).sum()) * factor,
        flights,
        partitions=2,
        args={"factor": 1000},
        cluster=cluster,
    )
    assert run.result(timeout=60).sum() == int((flights["delay"] > 15).sum()) * 1000


def test_a_hundred_indexes_draw_different_numbers_and_the_same_again(cluster):
    frame = pd.DataFrame({"x": range(1000)})

    def draw(part):
        import numpy

        return {"number": numpy.random.rand(), "row": int(part.sample(1)["x"].iloc[0] % 10)}

    first = kjnb.launch(draw, frame, partitions=100, seed=5, name="draws-a", cluster=cluster).result(timeout=120)
    again = kjnb.launch(draw, frame, partitions=100, seed=5, name="draws-b", cluster=cluster).result(timeout=120)
    other = kjnb.launch(draw, frame, partitions=100, seed=6, name="draws-c", cluster=cluster).result(timeout=120)
    assert first["number"].nunique() == 100
    assert first["row"].nunique() > 1
    pd.testing.assert_frame_equal(first, again)
    assert not set(first["number"]) & set(other["number"])


def test_forked_and_started_pods_draw_alike(cluster):
    """A pod that sets TZ cannot be forked from a warm process: it is started whole, and must not differ."""

    def draw(part):
        import os
        import pathlib
        import random

        parent = pathlib.Path(f"/proc/{os.getppid()}/cmdline").read_text()
        return {"one": np.random.rand(), "two": random.random(), "row": part.sample(1)["x"].iloc[0], "parent": parent}

    frame = pd.DataFrame({"x": range(100)})
    forked, started = (
        kjnb.launch(draw, frame, partitions=4, seed=5, env=env, cluster=cluster).result(timeout=60)
        for env in ({}, {"TZ": "UTC"})
    )
    if cluster.target == "local":
        assert "zygote" in forked["parent"].iloc[0]
        assert "zygote" not in started["parent"].iloc[0]
    pd.testing.assert_frame_equal(forked.drop(columns="parent"), started.drop(columns="parent"))
    assert forked["one"].nunique() == 4


def test_unset_numbers_are_chosen_and_said(flights, cluster):
    run = kjnb.launch(len, flights, name="chosen", cluster=cluster)
    assert run.result(timeout=60).sum() == 400
    assert run.notes[0].startswith("launched chosen: ")
    assert any(note.endswith(" (chosen)") and " at a time" in note for note in run.notes)
    assert any(note.startswith("travels: ") for note in run.notes)
    assert run.spec.parallelism
    assert run.spec.memory
