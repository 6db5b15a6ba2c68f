"""Results of the indexes become one value; dtypes, categories, index and missing values stay."""

import datetime

import numpy as np
import pandas as pd
import pytest

from kjnb.model.collect import combine, combine_tables
from kjnb.worker import codec


def labels(n):
    return pd.Index(range(n), name="index")


def collected(*values):
    return combine(values, range(len(values)), labels(len(values)))


def tables(*frames):
    return combine_tables([codec.encode_result(frame)[1] for frame in frames], trust=True)


CATEGORIES = pd.DataFrame({"c": pd.Categorical(["a", "b"]), "n": [1, 2]})
PAIRS = {
    "plain": (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), pd.DataFrame({"a": [3], "b": ["y"]})),
    "index goes on": (pd.DataFrame({"a": range(4)}).iloc[:2], pd.DataFrame({"a": range(4)}).iloc[2:]),
    "same categories": (CATEGORIES, CATEGORIES),
    "times": (pd.DataFrame({"t": pd.date_range("2024", periods=2, tz="Europe/Berlin")}),) * 2,
    "multi": (pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["x", "y"])),)
    * 3,
    "nullable": (pd.DataFrame({"a": pd.array([1, None], dtype="Int8")}),) * 2,
    "objects": (pd.DataFrame({"a": pd.Series(["x", None], dtype=object)}),) * 2,
    "index by text": (pd.DataFrame({"a": [1]}, index=["x"]), pd.DataFrame({"a": [2]}, index=["y"])),
    "with an empty one": (pd.DataFrame({"a": [1], "b": ["x"]}), pd.DataFrame({"a": [1], "b": ["x"]}).iloc[:0]),
}


@pytest.mark.parametrize("name", PAIRS)
def test_joining_in_arrow_is_what_pandas_gives(name):
    frames = PAIRS[name]
    fast, slow = tables(*frames), collected(*frames)
    pd.testing.assert_frame_equal(slow, pd.concat(frames))
    if fast is not None:
        pd.testing.assert_frame_equal(fast, slow)
        assert type(fast.index) is type(slow.index)


def test_most_runs_are_joined_in_arrow():
    assert all(tables(*PAIRS[name]) is not None for name in ("plain", "index goes on", "same categories", "times"))


@pytest.mark.parametrize(
    "frames",
    [
        [pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.5]})],
        [pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})],
        [pd.DataFrame({"a": [{1}]}), pd.DataFrame({"a": [{2}]})],
        [pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, index=["x"])],
    ],
)
def test_other_runs_are_left_to_pandas(frames):
    assert tables(*frames) is None


def test_categories_are_united():
    whole = collected(pd.DataFrame({"c": pd.Categorical(["a"])}), pd.DataFrame({"c": pd.Categorical(["b", None])}))
    assert whole.c.dtype == pd.CategoricalDtype(["a", "b"])
    assert whole.c.isna().tolist() == [False, False, True]


def test_empty_frames_do_not_change_dtypes():
    empty = pd.DataFrame({"a": pd.Series([], dtype=object), "b": pd.Series([], dtype=object)})
    whole = collected(empty, pd.DataFrame({"a": [1], "b": ["x"]}), empty)
    assert whole.dtypes.astype(str).tolist() == ["int64", "str"]
    assert len(collected(empty, empty)) == 0


def test_dicts_are_rows():
    whole = collected({"a": 1, "b": "x"}, {"a": 2, "c": None})
    assert whole.columns.tolist() == ["a", "b", "c"]
    assert whole.index.equals(labels(2))
    assert whole.a.dtype == "int64"


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([1, 2], "int64"), ([1.5, np.nan], "float64"), (["a", "b"], "str"), ([pd.Timestamp("2024"), pd.NaT], "datetime64"),
     ([[1], [2, 3]], "object"), ([(1, 2), (3, 4)], "object"), ([np.float32(1), np.float32(2)], "float"),
     ([datetime.date(2024, 1, 1)] * 2, "object"), ([{1}, {2}], "object"), ([np.arange(2)] * 2, "object")],
)  # fmt: skip
def test_values_are_a_series(values, dtype):
    whole = collected(*values)
    assert str(whole.dtype).startswith(dtype)
    assert whole.index.equals(labels(2))
    assert repr(whole.tolist()[1]) in (repr(values[1]), repr(float(values[1]) if dtype == "float" else None))


def test_series_with_one_index_are_rows():
    one = pd.Series({"mean": 1.5, "who": "a"})
    whole = collected(one, pd.Series({"mean": 2.5, "who": "b"}))
    assert whole.dtypes.astype(str).to_dict() == {"mean": "float64", "who": "str"}
    assert whole.who.tolist() == ["a", "b"]
    assert whole.index.equals(labels(2))


def test_series_with_other_indexes_are_one_series():
    parts = pd.Series(range(4), name="n").iloc[:2], pd.Series(range(4), name="n").iloc[2:]
    pd.testing.assert_series_equal(collected(*parts), pd.Series(range(4), name="n"))


def test_categorical_series_are_united():
    whole = collected(pd.Series(pd.Categorical(["a"]), index=[0]), pd.Series(pd.Categorical(["b"]), index=[1]))
    assert whole.dtype == pd.CategoricalDtype(["a", "b"])


def test_nothing_gives_none():
    assert collected(None, None) is None
    assert collected() is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([pd.DataFrame({"a": [1]})] * 3 + [None], "index 3 returned None, most others a DataFrame"),
        ([5, {"a": 1}, {"a": 2}], r"index 0 returned a plain value \(int\), most others a dict"),
        ([1, 2, pd.Series([1])], r"index 2 returned a Series"),
    ],
)
def test_a_mixture_names_the_first_odd_index(values, said):
    with pytest.raises(TypeError, match=said + r"[\s\S]*run\.results\(\)"):
        collected(*values)


def test_columns_of_the_same_name_stand_side_by_side():
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    pd.testing.assert_frame_equal(collected(twice, twice), pd.concat([twice, twice]))


def test_categories_are_united_whatever_the_column_is_called():
    frames = [pd.DataFrame({7: pd.Categorical([word])}) for word in ("a", "b")]
    together = collected(*frames)
    assert together[7].dtype == pd.CategoricalDtype(["a", "b"])
    assert together[7].tolist() == ["a", "b"]


def test_two_orders_have_no_union():
    frames = [pd.DataFrame({"c": pd.Categorical([word], ordered=True)}) for word in ("a", "b")]
    pd.testing.assert_frame_equal(collected(*frames), pd.concat(frames))


def test_series_are_not_joined_as_frames():
    contents = [codec.encode_result(pd.Series([1, 2], name="s"))[1]] * 2
    assert combine_tables(contents, trust=True) is None
