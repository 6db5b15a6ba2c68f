"""What comes out of a part and of a result has the values, dtypes and element types of what went in."""

import datetime
import decimal
import uuid
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kjnb.errors import DataError
from kjnb.model.partition import partition
from kjnb.stage import parts
from kjnb.worker import attempt as worker
from kjnb.worker import codec
from kjnb.worker.layout import Layout

N = 12
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
EAST = datetime.timezone(datetime.timedelta(hours=5, minutes=30))


def cycle(*values):
    return [values[i % len(values)] for i in range(N)]


def objects(*values):
    held = np.empty(N, dtype=object)
    for i, value in enumerate(cycle(*values)):
        held[i] = value
    return pd.Series(held, dtype=object)


def arrow(kind, *values):
    return pd.Series(pd.array(cycle(*values), dtype=pd.ArrowDtype(kind)))


TIMES = pd.date_range("2024-03-30 22:00", periods=N, freq="37min")
COLUMNS = {
    **{kind: pd.Series(np.arange(N).astype(kind)) for kind in ("int8", "int16", "int32", "int64")},
    **{kind: pd.Series(np.arange(N).astype(kind)) for kind in ("uint8", "uint16", "uint32", "uint64")},
    "int64 extremes": pd.Series(cycle(np.iinfo("i8").min, np.iinfo("i8").max), dtype="int64"),
    **{kind: pd.Series(cycle(1.5, np.nan, -0.0, np.inf), dtype=kind) for kind in ("float16", "float32", "float64")},
    "bool": pd.Series(cycle(True, False, False)),
    "big-endian": pd.Series(np.arange(N).astype(">i4")),
    "longdouble": pd.Series(np.arange(N).astype("longdouble")),
    "complex": pd.Series(cycle(1 + 2j, complex("nan"))),
    **{kind: pd.Series(cycle(1, pd.NA, 3), dtype=kind) for kind in ("Int8", "Int64", "UInt16", "Float32", "Float64")},
    "boolean": pd.Series(cycle(True, pd.NA, False), dtype="boolean"),
    "str": pd.Series(cycle("a", "bé", None, ""), dtype="str"),
    "string[python]": pd.Series(cycle("a", pd.NA, "日本"), dtype="string[python]"),
    "string[pyarrow]": pd.Series(cycle("a", pd.NA, ""), dtype="string[pyarrow]"),
    "object text": objects("a", "b", ""),
    "object text with None": objects("a", None, "c"),
    "object text with NaN": objects("a", float("nan"), "c"),
    "object text with None and NaN": objects("a", None, float("nan")),
    "lone surrogates": objects("a", "\ud800"),
    "np.str_": objects(np.str_("a"), "b"),
    "category": pd.Series(pd.Categorical(cycle("b", "a", None), categories=["b", "a", "unused"])),
    "ordered category": pd.Series(pd.Categorical(cycle("lo", "hi"), categories=["lo", "mid", "hi"], ordered=True)),
    "category of ints": pd.Series(pd.Categorical(cycle(3, 1, 2))),
    "category of dates": pd.Series(pd.Categorical(cycle(datetime.date(2024, 1, 2), datetime.date(2020, 1, 1)))),
    "category of times": pd.Series(pd.Categorical(TIMES)),
    "category of intervals": pd.Series(pd.cut(np.arange(N), [0, 3, 12])),
    **{f"datetime64[{unit}]": pd.Series(TIMES).astype(f"M8[{unit}]") for unit in ("s", "ms", "us", "ns")},
    "datetime64 with NaT": pd.Series(cycle(pd.Timestamp("2024-01-01"), pd.NaT)),
    "zoneinfo": pd.Series(TIMES.tz_localize("UTC").tz_convert(BERLIN)),
    "fixed offset": pd.Series(TIMES.tz_localize(EAST)),
    "utc with NaT": pd.Series(cycle(pd.Timestamp("2024-01-01", tz="UTC"), pd.NaT)),
    "timedelta": pd.Series(pd.to_timedelta(cycle(1, None, 3), unit="h")),
    "period": pd.Series(pd.PeriodIndex(cycle("2024-01", "NaT", "2020-02"), freq="M")),
    "interval": pd.Series(pd.interval_range(0, N)),
    "sparse": pd.Series(pd.arrays.SparseArray(cycle(0, 0, 1))),
    "date": objects(datetime.date(2024, 2, 29), None),
    "time": objects(datetime.time(1, 2, 3, 4), datetime.time(5)),
    "datetime objects": objects(datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 1, tzinfo=BERLIN)),
    "Decimal": objects(decimal.Decimal("1.10"), decimal.Decimal(2)),
    "bytes": objects(b"a\0b", b"", None),
    "uuid": objects(uuid.UUID(int=7)),
    "lists": objects([1, "a"], [], None),
    "tuples": objects((1, 2), ()),
    "sets": objects({1, 2}, frozenset("ab")),
    "dicts": objects({"a": 1}, {2: [3]}),
    "arrays": objects(np.arange(3), np.array(["x"])),
    "mixed": objects(1, "a", 2.5, None, pd.NA, pd.NaT, True, np.int8(3)),
    "object ints": objects(1, 2),
    "object floats": objects(1.5, float("nan")),
    "all None": objects(None),
    "all NaN": pd.Series([np.nan] * N),
    "arrow int": arrow(pa.int32(), 1, None, 3),
    "arrow text": arrow(pa.string(), "a", None),
    "arrow decimal": arrow(pa.decimal128(10, 2), decimal.Decimal("1.10"), None),
    "arrow list": arrow(pa.list_(pa.int64()), [1, 2], None),
    "arrow struct": arrow(pa.struct([("a", pa.int64())]), {"a": 1}),
    "arrow dictionary": arrow(pa.dictionary(pa.int8(), pa.string()), "a", "b"),
    "arrow timestamp": arrow(pa.timestamp("us", "Europe/Berlin"), pd.Timestamp("2024-01-01", tz="UTC")),
}


def frame_of(name):
    return pd.DataFrame({"x": COLUMNS[name], "n": range(N)})


def same_element(one, other):
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    elif isinstance(one, pd.Timestamp):
        assert (one.unit, one.tz, one) == (other.unit, other.tz, other) or (pd.isna(one) and pd.isna(other))
    elif isinstance(one, set | frozenset):
        assert one == other  # their words come in any order
    else:
        assert one is other or repr(one) == repr(other)


def same_column(one, other):
    assert one.dtype == other.dtype
    assert type(one.dtype) is type(other.dtype)
    assert type(one.array) is type(other.array)
    if isinstance(one.dtype, pd.CategoricalDtype):
        assert one.cat.categories.dtype == other.cat.categories.dtype
        pd.testing.assert_index_equal(one.cat.categories, other.cat.categories)
    for left, right in zip(one, other, strict=True):
        same_element(left, right)


def same_index(one, other):
    assert type(one) is type(other)
    assert one.dtype == other.dtype
    assert one.identical(other)
    assert getattr(one, "freq", None) == getattr(other, "freq", None)
    assert list(map(type, one)) == list(map(type, other))


def same(one, other):
    same_index(one.index, other.index)
    same_index(one.columns, other.columns)
    assert one.attrs == other.attrs
    for position in range(one.shape[1]):
        same_column(one.iloc[:, position], other.iloc[:, position])


def through_parts(tmp_path, planned):
    layout = Layout(tmp_path)
    notes = parts.write(planned, layout)
    return notes, [worker.read_part(layout, index) for index in range(len(planned))]


def check_parts(tmp_path, planned):
    notes, read = through_parts(tmp_path, planned)
    for index, part in enumerate(read):
        same(part, planned[index])
    return notes


@pytest.mark.parametrize("name", COLUMNS)
def test_column_goes_through_a_part_by_count(tmp_path, name):
    check_parts(tmp_path, partition(frame_of(name), 5))


@pytest.mark.parametrize("name", sorted(COLUMNS.keys() - {"big-endian"}))  # pandas itself cannot pick rows of those
def test_column_goes_through_a_part_by_key(tmp_path, name):
    check_parts(tmp_path, partition(frame_of(name).assign(key=cycle(*"caba")), by="key"))


@pytest.mark.parametrize("name", COLUMNS)
def test_column_goes_through_a_result(name):
    frame = frame_of(name).iloc[3:9]
    kind, content = codec.encode_result(frame)
    assert kind == "arrow"
    same(codec.decode_result(kind, content, trust=True), frame)


@pytest.mark.parametrize("name", COLUMNS)
def test_series_goes_through_a_result(name):
    column = COLUMNS[name].iloc[2:7].rename("one")
    again = codec.decode_result(*codec.encode_result(column), trust=True)
    same_column(again, column)
    same_index(again.index, column.index)
    assert again.name == "one"


INDEXES = {
    "range": pd.RangeIndex(N),
    "range with step and name": pd.RangeIndex(5, 5 + 3 * N, 3, name="row"),
    "ints": pd.Index(np.arange(N)[::-1].copy(), name="n"),
    "floats": pd.Index(np.arange(N) / 3),
    "text": pd.Index(cycle(*"abc")),
    "object text": pd.Index(cycle("a", None), dtype=object),
    "mixed": pd.Index(cycle(1, "a", None), dtype=object),
    "bools": pd.Index(cycle(True, False)),
    "times with freq": TIMES,
    "times without freq": pd.DatetimeIndex(cycle("2024-01-01", "2020-01-01", None)),
    "zoned with freq": pd.date_range("2024-03-30", periods=N, freq="D", tz="Europe/Berlin"),
    "timedelta with freq": pd.timedelta_range("1h", periods=N, freq="30min"),
    "period": pd.period_range("2024", periods=N, freq="Q"),
    "interval": pd.interval_range(0, N),
    "category": pd.CategoricalIndex(cycle("b", "a"), categories=["a", "b", "c"], name="c"),
    "nullable": pd.Index(pd.array(cycle(1, None), dtype="Int64")),
    "multi": pd.MultiIndex.from_arrays([cycle(*"ab"), range(N), TIMES], names=["k", None, ("t", 1)]),
    "name is a tuple": pd.Index(range(5, 5 + N), name=("a", 1)),
}


@pytest.mark.parametrize("name", INDEXES)
def test_index_goes_through_parts_and_results(tmp_path, name):
    frame = pd.DataFrame({"x": range(N), "k": cycle(*"abca")})
    frame.index = INDEXES[name]
    check_parts(tmp_path / "count", partition(frame, 5))
    check_parts(tmp_path / "key", partition(frame, by="k"))
    same(codec.decode_result(*codec.encode_result(frame), trust=True), frame)


NAMES = {
    "duplicate": ["a", "a", "b"],
    "mixed": ["a", 1, None],
    "ints": [2, 0, 1],
    "range": pd.RangeIndex(3),
    "tuples": pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["up", None]),
    "times": pd.date_range("2024", periods=3),
    "named": pd.Index(["a", "b", "c"], name="what"),
    "categories": pd.CategoricalIndex(["x", "y", "z"]),
    "odd text": ["", " ", 'q"uo\nte\0'],
}


@pytest.mark.parametrize("name", NAMES)
def test_column_names_go_through(tmp_path, name):
    frame = pd.DataFrame(np.arange(3 * N, dtype="f8").reshape(N, 3))
    frame.columns = NAMES[name]
    frame.attrs = {"unit": "m", "seen": (1, {"deep": pd.Timestamp("2024")})}
    check_parts(tmp_path, partition(frame, 4))
    same(codec.decode_result(*codec.encode_result(frame), trust=True), frame)


@pytest.mark.parametrize(
    "frame", [pd.DataFrame(), pd.DataFrame(index=[3, 4]), pd.DataFrame({"a": []}), pd.DataFrame(columns=["a"])]
)
def test_empty_frames_are_results(frame):
    same(codec.decode_result(*codec.encode_result(frame)), frame)


def test_all_columns_pickled(tmp_path):
    notes = check_parts(tmp_path, partition(pd.DataFrame({"l": objects([1]), "d": objects({})}), 3))
    assert notes == ["columns l, d travel by pickle: Arrow cannot hold them, or would change them"]


def test_a_flag_of_the_frame_goes_through():
    frame = frame_of("int8").set_flags(allows_duplicate_labels=False)
    assert codec.decode_result(*codec.encode_result(frame)).flags.allows_duplicate_labels is False


def test_parts_may_be_written_to_without_changing_the_stage(tmp_path):
    layout = Layout(tmp_path)
    parts.write(partition(frame_of("int64"), 3), layout)
    part = worker.read_part(layout, 1)
    part["x"].to_numpy(copy=False)
    part.loc[part.index[0], "x"] = 99
    part["n"] += 1
    assert part["x"].iloc[0] == 99
    same(worker.read_part(layout, 1), partition(frame_of("int64"), 3)[1])


def test_anybody_can_read_the_parts_with_arrow(tmp_path):
    parts.write(partition(frame_of("str"), 5), Layout(tmp_path))
    with pa.ipc.open_stream(Layout(tmp_path).parts) as reader:
        batches = list(reader)
    assert [batch.num_rows for batch in batches] == partition(frame_of("str"), 5).plan.sizes.tolist()


def test_torn_parts_are_noticed(tmp_path):
    layout = Layout(tmp_path)
    parts.write(partition(frame_of("str"), 5), layout)
    layout.parts.write_bytes(layout.parts.read_bytes()[:-40])
    with pytest.raises(worker.TornError, match="shorter"):
        worker.read_part(layout, 4)


def test_what_cannot_be_pickled_is_refused_by_column(tmp_path):
    frame = frame_of("int8").assign(good=objects([1]), bad=objects([1], (n for n in "ab")))
    with pytest.raises(DataError, match=r"column 'bad' cannot be carried .*\(row 1\)[\s\S]*drop\(columns=\['bad'\]\)"):
        parts.write(partition(frame, 2), Layout(tmp_path))


PLAIN = [
    None, True, 7, -1.5, float("inf"), "text", [1, [2]], {"a": 1}, {1: "x", (2, 3): None}, (1, "a"), b"\0\xff", 1 + 2j,
    np.float32(1.1), np.int8(-3), np.bool_(True), np.datetime64("2024-01-01"), np.timedelta64(3, "h"),
    pd.Timestamp("2024-01-01 01:02:03.000000004"), pd.Timestamp("2024-06-01", tz="Europe/Berlin").as_unit("s"),
    pd.Timestamp("2024-01-01", tz="UTC"), pd.Timedelta("3h"), pd.NaT, pd.NA, pd.Interval(1, 2, closed="left"),
    decimal.Decimal("1.10"), uuid.UUID(int=1), datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1, 2),
    datetime.time(3, 4, 5, 6), datetime.timedelta(days=-1, microseconds=3),
    {"$": "not a tag"}, [{"deep": (np.float64(2),)}],
    10**40, np.dtype("O"), np.dtype("int32"), pd.Int64Dtype(),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_are_json_and_come_back_exactly(value):
    kind, content = codec.encode_result(value)
    assert kind == "json"
    again = codec.decode_result(kind, content)
    assert repr(again) == repr(value)
    assert type(again) is type(value)


@pytest.mark.parametrize("value", [{1, 2}, np.arange(3), range(3), ValueError("x"), pd.Index([1])], ids=repr)
def test_other_values_are_pickled_and_need_trust(value):
    kind, content = codec.encode_result(value)
    if kind == "pickle":
        with pytest.raises(codec.UntrustedError):
            codec.decode_result(kind, content)
    assert repr(codec.decode_result(kind, content, trust=True)) == repr(value)


def test_a_pickled_column_needs_trust():
    kind, content = codec.encode_result(pd.DataFrame({"a": [{1}]}))
    with pytest.raises(codec.UntrustedError):
        codec.decode_result(kind, content)


def test_an_arrow_result_that_lies_about_itself_is_not_unpickled():
    planted = {"$": "pickle", "v": "gASVAAAA"}
    with pytest.raises(codec.UntrustedError):
        codec.unplain({"a": [planted]})
