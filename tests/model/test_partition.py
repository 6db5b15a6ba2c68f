import numpy as np
import pandas as pd
import pandas.testing as pdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjnb.errors import DataError
from kjnb.model.partition import describe, partition


def frame(rows=10, **columns):
    return pd.DataFrame({"n": range(rows), **columns})


@given(st.integers(1, 200), st.integers(1, 200))
def test_by_count_is_contiguous_and_even(rows, partitions):
    if partitions > rows:
        with pytest.raises(DataError, match="more than the frame's"):
            partition(frame(rows), partitions)
        return
    parts = partition(frame(rows), partitions)
    sizes = parts.plan.sizes
    assert len(parts) == partitions
    assert sizes.max() - sizes.min() <= 1
    pdt.assert_frame_equal(pd.concat(list(parts)), parts.frame)


@given(st.integers(1, 50), st.integers(1, 60))
def test_by_rows_fills_all_but_the_last(rows, each):
    parts = partition(frame(rows), rows=each)
    assert parts.plan.sizes[:-1].tolist() == [each] * (len(parts) - 1)
    assert parts.plan.sizes.sum() == rows


def test_a_partition_is_what_iloc_gives():
    df = frame(10, k=list("abcabcabca"))
    parts = partition(df, 3)
    pdt.assert_frame_equal(parts[1], df.iloc[3:6], check_index_type="equiv")
    assert type(parts[1].index) is type(df.iloc[3:6].index)
    pdt.assert_frame_equal(parts[-1], df.iloc[6:])
    with pytest.raises(IndexError, match="partition 3 of 3"):
        parts[3]


def test_by_key_keeps_groups_whole_in_their_order():
    df = frame(9, k=list("babcabcab"))
    parts = partition(df, by="k")
    assert parts.plan.keys == ("a", "b", "c")
    for key, part in zip(parts.plan.keys, parts, strict=True):
        pdt.assert_frame_equal(part, df[df.k == key])
    assert parts.table()["key"].tolist() == ["a", "b", "c"]
    assert parts.notes == ()


def test_missing_keys_are_one_group_and_said():
    df = frame(6, k=["x", None, "y", np.nan, "x", None])
    parts = partition(df, by="k")
    assert parts.plan.sizes.tolist() == [2, 1, 3]
    assert parts.notes == ("3 rows miss a key in k: kept as a group of their own",)
    one = partition(frame(2, k=["x", None]), by="k")
    assert one.notes == ("1 row misses a key in k: kept as a group of their own",)


def test_several_key_columns():
    df = frame(6, a=["x", "x", "y", "y", None, "x"], b=[1, 2, 1, 1, 1, None])
    parts = partition(df, by=["a", "b"])
    assert parts.plan.keys[:3] == (("x", 1.0), ("x", 2.0), ("x", parts.plan.keys[2][1]))
    assert parts.plan.sizes.sum() == 6
    assert parts.notes == ("2 rows miss a key in a, b: kept as 2 groups of their own",)


def test_only_observed_categories_are_groups():
    df = frame(4, k=pd.Categorical(["b", "a", "b", "a"], categories=["c", "b", "a"]))
    assert partition(df, by="k").plan.keys == ("b", "a")


def test_keys_that_do_not_sort_stand_as_they_appear():
    df = frame(4, k=pd.Series([1, "a", (2,), 1], dtype=object))
    assert set(partition(df, by="k").plan.keys) == {1, "a", (2,)}


def test_packed_groups_stay_whole_and_even():
    keys = ["a"] * 50 + ["b"] * 30 + ["c"] * 20 + ["d"] * 5 + ["e"] * 1
    df = frame(106, k=keys).sample(frac=1, random_state=1)
    parts = partition(df, 2, by="k")
    assert parts.plan.keys is None
    assert sorted(parts.plan.sizes.tolist()) == [51, 55]
    homes = [set(part.k) for part in parts]
    assert homes[0].isdisjoint(homes[1])
    assert all(part.index.tolist() == [i for i in df.index if i in set(part.index)] for part in parts)
    assert partition(df, 5, by="k").plan.keys is not None
    assert "d + " not in parts.table()["key"][0]
    assert partition(df, 1, by="k").table()["key"].tolist() == ["a, b, c + 2 more"]


def test_the_table_by_position_has_labels_rows_and_bytes():
    df = frame(10, s=["text"] * 10).set_index(pd.Index(list("abcdefghij"), name="label"))
    table = partition(df, 3).table()
    assert table.columns.tolist() == ["index", "first", "last", "rows", "bytes"]
    assert table[["first", "last"]].values.tolist() == [["a", "c"], ["d", "f"], ["g", "j"]]
    assert table["rows"].tolist() == [3, 3, 4]
    assert abs(table["bytes"].sum() - partition(df, 3).total_bytes) < 10


def test_object_columns_are_measured_by_a_sample():
    df = pd.DataFrame({"o": pd.Series([["x" * 100]] * 5000, dtype=object)})
    assert partition(df, 2).total_bytes > 5000 * 50
    assert partition(pd.DataFrame(index=range(3)), 2).total_bytes > 0


def test_representations_are_short_and_escaped():
    df = frame(4, k=["<b>", "<b>", "&", "&"])
    parts = partition(df, by="k", name="df")
    assert repr(parts).startswith("Partitions(2 partitions by k, 2 rows each, ")
    assert "<b>&" not in parts._repr_html_()
    assert "&lt;b&gt;" in parts._repr_html_()
    assert describe(partition(frame(3), 1)).startswith("1 partition, 3 rows each")
    assert "1-2 rows each" in describe(partition(frame(3), 2))


class Foreign:
    def to_pandas(self):
        raise AssertionError("only its presence counts")


BAD = [
    (frame(0), {"partitions": 1}, "data: the frame has no rows"),
    (frame(3)["n"], {"partitions": 1}, "to_frame"),
    ([1, 2], {"partitions": 1}, "a list was given"),
    (Foreign(), {"partitions": 1}, "to_pandas"),
    (frame(3), {"partitions": 4}, "partitions=4 is more than the frame's 3 rows"),
    (frame(3), {"partitions": 0}, "partitions must be a whole number of at least 1, 0 was given"),
    (frame(3), {"partitions": -2}, "-2 was given"),
    (frame(3), {"partitions": 1.5}, "1.5 was given"),
    (frame(3), {"partitions": True}, "True was given"),
    (frame(3), {"partitions": np.True_}, "was given"),
    (frame(3), {"partitions": "8"}, "'8' was given"),
    (frame(3), {"rows": 0}, "rows must be"),
    (frame(3), {}, "no way to partition"),
    (frame(3), {"rows": 2, "by": "n"}, "rows=2 and by were both given"),
    (frame(3), {"rows": 2, "partitions": 2}, "say rows or partitions, not both"),
    (frame(3, carrier=1), {"by": "carier"}, "did you mean 'carrier'"),
    (frame(3), {"by": "zzz"}, "its columns are n"),
    (pd.DataFrame([range(15)]), {"by": "zzz"}, "11, …"),
    (frame(3), {"by": []}, "no key column"),
    (frame(3), {"by": ["n", "n"]}, "named twice"),
    (frame(3).rename_axis("i"), {"by": "i"}, "reset_index"),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), {"by": "a"}, "several columns named 'a'"),
    (frame(3, o=[[1], [2], [1]]), {"by": "o"}, "cannot be keys"),
    (frame(3), {"by": "n", "partitions": 9}, "partitions=9 is more than the 3 keys of n"),
    (frame(4000), {"by": "n"}, "pack whole groups together: partitions=100, by='n'"),
    (frame(4000, m=1), {"by": ["n", "m"]}, r"by=['n', 'm']"),
]


@pytest.mark.parametrize(("data", "how", "words"), BAD, ids=[words[:30] for _, _, words in BAD])
def test_bad_input_names_field_given_and_fix(data, how, words):
    with pytest.raises(DataError) as caught:
        partition(data, **how)
    assert words in str(caught.value)
    assert caught.value.fix


def test_a_tuple_that_names_a_column_is_that_column():
    df = pd.DataFrame({("a", "b"): [1, 2, 1]})
    assert partition(df, by=("a", "b")).plan.keys == (1, 2)


def test_numpy_integers_count():
    assert len(partition(frame(10), np.int64(3))) == 3


@pytest.mark.parametrize(("key", "kind"), [(lambda row: row, "function"), (len, "builtin_function_or_method")])
def test_a_key_that_is_no_name_is_refused(key, kind):
    for by in (key, ["k", key]):
        with pytest.raises(DataError, match=f"by: a key is a column's name, a {kind} was given"):
            partition(frame(3).assign(k=1), by=by)
