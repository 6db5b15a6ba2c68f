import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjnb.model.indexes import index_maps, index_text, indexes_text, interval_text, parse_intervals, ranges, run_index
from kjnb.model.quantity import cpu_quantity, memory_quantity, parse_quantity, size_text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", 0.5),
        ("2", 2),
        ("1.5", 1.5),
        (".5", 0.5),
        ("512Mi", 512 * 2**20),
        ("2G", 2e9),
        ("1e3", 1000),
        ("3k", 3000),
    ],
)
def test_quantities_are_read_as_kubernetes_does(text, number):
    assert float(parse_quantity(text)) == number


@pytest.mark.parametrize("text", ["", "x", "1mi", "-1", "1 Mi", "1KB", "٣", "1e", "1e9999"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        parse_quantity(text)


def test_quantities_are_written_short():
    assert [cpu_quantity(c) for c in (2, 0.5, 0.0001, 1.25)] == ["2", "500m", "1m", "1250m"]
    assert [memory_quantity(b) for b in (512 * 2**20, 2**30, 1, 2**30 + 1)] == ["512Mi", "1Gi", "1Mi", "1025Mi"]
    assert [size_text(b) for b in (812, 3_140_000, 24_400_000_000, 9.96e3, 5e15)] == [
        "812 B", "3.1 MB", "24 GB", "10 kB", "5,000 TB",
    ]  # fmt: skip


def test_intervals_of_the_api():
    assert np.flatnonzero(parse_intervals("0,2-5,7", 10)).tolist() == [0, 2, 3, 4, 5, 7]
    assert not parse_intervals(None, 3).any()
    assert not parse_intervals("", 3).any()
    assert np.flatnonzero(parse_intervals("1-2,5-8,9", 4)).tolist() == [1, 2]


@given(st.sets(st.integers(0, 60)))
def test_intervals_come_back(indexes):
    text = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges(sorted(indexes)))
    assert set(np.flatnonzero(parse_intervals(text, 61)).tolist()) == indexes


def test_indexes_for_people():
    assert index_text([]) == ""
    assert index_text([0, 1, 2, 7]) == "0-2, 7"
    assert index_text(range(0, 20, 2), most=3) == "0, 2, 4, … (10 in all)"
    assert indexes_text([7]) == "index 7"
    assert indexes_text(range(16)) == "indexes 0-15"


def test_what_is_written_as_intervals_is_read_back():
    assert interval_text([0, 1, 2, 7, 9, 10]) == "0-2,7,9-10"
    assert np.flatnonzero(parse_intervals("0-2,7,9-10", 20)).tolist() == [0, 1, 2, 7, 9, 10]


def test_a_retrys_completion_index_stands_for_an_index_of_the_run():
    maps = index_maps([{"name": "r", "indexes": None}, {"name": "r-r1", "indexes": "3,5-6"}], 8)
    assert maps == {"r": None, "r-r1": (3, 5, 6)}
    assert [run_index(maps, 8, "r-r1", index) for index in (-1, 0, 2, 3)] == [-1, 3, 6, -1]
    assert [run_index(maps, 8, "r", index) for index in (7, 8)] == [7, -1]
    assert run_index(maps, 8, "other", 0) == -1
