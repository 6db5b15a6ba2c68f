"""What an index is called: from the index table as `Run.index_table` gives it."""

import pandas as pd

from kjnb.model.partition import partition
from kjnb.view.labels import labels, named

FRAME = pd.DataFrame({"k": ["AA", "B6", "AA", None], "j": [1, 2, 1, 2], "t": pd.date_range("2013-01-01", periods=4)})


def test_keys_are_labels():
    assert labels(partition(FRAME, by="k").table()) == ["AA", "B6", "nan"]
    assert labels(partition(FRAME.dropna(), by=["k", "j"]).table()) == ["AA, 1", "B6, 2"]
    assert labels(partition(FRAME.dropna(), by="k", partitions=1).table()) == ["AA, B6"]


def test_rows_are_labels():
    assert labels(partition(FRAME, rows=3).table()) == ["rows 0 – 2", "row 3"]
    assert labels(partition(FRAME.set_index("t"), rows=3).table())[1] == "row 2013-01-04 00:00:00"


def test_a_long_label_is_cut():
    (told,) = labels(partition(pd.DataFrame({"k": ["x" * 500]}), by="k").table())
    assert len(told) == 60
    assert told.endswith("…")


def test_a_few_indexes_are_named_and_many_counted():
    names = ["AA", "B6", "", "DL", "UA"]
    assert named([1], names) == "index 1 (B6)"
    assert named([3, 0], names) == "indexes 0 (AA), 3 (DL)"
    assert named([0, 2], names) == "indexes 0 (AA), 2"
    assert named([2], names) == "index 2"
    assert named(range(5), names) == "indexes 0-4"
    assert named([1], None) == "index 1"
