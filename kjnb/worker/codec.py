"""How frames and plain values travel, exactly: what comes out has the values, dtypes and element types of what went in.

A column travels as an Arrow array over its own memory where that is exact (numbers, times, categories, text, nullable
and Arrow types), else it is pickled and travels beside the others. What is not data (names, dtypes, categories) is
JSON, so that an Arrow result is read without unpickling anything; where JSON cannot say it, the reader needs to trust
the writer. This file is copied into the stage next to the worker and imports nothing of kjnb.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import pickle
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

INDEX: Any = pd.Index  # its types know only indexes of literal kinds
META = b"kjnb"
PICKLED = b"kjnb.pickled"
MOST_PICKLED = 1 << 30  # an Arrow schema holds its metadata in one 2 GB message


class NotPlainError(TypeError):
    """A value that JSON cannot say exactly."""


class UntrustedError(Exception):
    """Something here is pickled, and its writer is not trusted."""


# ---------------------------------------------------------------- plain values: JSON with a tag where JSON has no word


_TAGGED: dict[type, tuple[str, Callable[[Any], Any]]] = {
    tuple: ("tuple", lambda v: list(v)),
    bytes: ("bytes", lambda v: base64.b64encode(v).decode()),
    complex: ("complex", lambda v: [v.real, v.imag]),
    decimal.Decimal: ("Decimal", str),
    uuid.UUID: ("UUID", str),
    datetime.date: ("date", lambda v: v.isoformat()),
    datetime.timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    type(pd.NaT): ("NaT", lambda _: None),
    type(pd.NA): ("NA", lambda _: None),
    pd.Timedelta: ("Timedelta", lambda v: [v._value, v.unit]),
    pd.Interval: ("Interval", lambda v: [v.left, v.right, v.closed]),
}
_UNTAGGED: dict[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "bytes": base64.b64decode,
    "complex": lambda v: complex(*v),
    "Decimal": decimal.Decimal,
    "UUID": uuid.UUID,
    "date": datetime.date.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda v: datetime.timedelta(*v),
    "NaT": lambda _: pd.NaT,
    "NA": lambda _: pd.NA,
    "Timedelta": lambda v: pd.Timedelta(np.int64(v[0]).view(f"m8[{v[1]}]")),
    "Timestamp": lambda v: _timestamp(*v),
    "Interval": lambda v: pd.Interval(*v),
    "numpy": lambda v: np.frombuffer(bytes.fromhex(v[1]), dtype=v[0])[0],
    "dict": lambda v: dict(map(tuple, v)),
    "str": lambda v: pd.StringDtype(v[0], na_value=np.nan if v[1] else pd.NA),
    "dtype": pd.api.types.pandas_dtype,
    "Range": lambda v: pd.RangeIndex(v[0], v[1], v[2], name=v[3]),
    "Index": lambda v: pd.Index(v[0], dtype=v[1], name=v[2]),
    "MultiIndex": lambda v: pd.MultiIndex(levels=v[0], codes=v[1], names=v[2], verify_integrity=False),
}


def _timestamp(value: int, unit: str, zone: str | None) -> pd.Timestamp:
    naive = pd.Timestamp(np.int64(value).view(f"M8[{unit}]"))
    return naive.tz_localize("UTC").tz_convert(zone) if zone else naive


def plain(value: Any, *, pickled: bool = False) -> Any:
    """`value` as JSON knows it, tagged where JSON has no word; with `pickled` what has no tag either is pickled."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [plain(v, pickled=pickled) for v in value]
    if kind is dict and all(type(k) is str for k in value) and "$" not in value:
        return {k: plain(v, pickled=pickled) for k, v in value.items()}
    try:
        tag, content = _tagged(value, kind)
    except NotPlainError:
        if not pickled:
            raise
        return {"$": "pickle", "v": base64.b64encode(pickle_bytes(value)).decode()}
    return {"$": tag, "v": plain(content, pickled=pickled)}


def _tagged(value: Any, kind: type) -> tuple[str, Any]:
    if kind in _TAGGED:
        tag, write = _TAGGED[kind]
        return tag, write(value)
    if kind is dict:
        return "dict", [[k, v] for k, v in value.items()]
    if kind is pd.Timestamp and value.fold == 0:
        zone = None if value.tz is None else _zone_name(value)
        return "Timestamp", [value._value, value.unit, zone]
    if kind in (datetime.datetime, datetime.time) and value.tzinfo is None and value.fold == 0:
        return kind.__name__, value.isoformat()
    if isinstance(value, np.generic) and value.dtype.kind in "biufcmM" and kind is value.dtype.type:
        return "numpy", [value.dtype.str, value.tobytes().hex()]
    if isinstance(value, pd.api.extensions.ExtensionDtype | np.dtype):
        return _tagged_dtype(value)
    if isinstance(value, pd.Index):
        return _tagged_index(value)
    raise NotPlainError(f"{kind.__name__} has no exact form in JSON")


def _zone_name(value: pd.Timestamp) -> str:
    name = str(value.tz)
    again = value.tz_convert(name) if name else None  # the same instant: pytz has a zone for each of its offsets
    if again is None or type(again.tz) is not type(value.tz) or again.tz != value.tz:
        raise NotPlainError(f"the time zone {value.tz!r} has no name")
    return name


def _tagged_dtype(dtype: Any) -> tuple[str, Any]:
    if type(dtype) is pd.StringDtype:
        return "str", [dtype.storage, dtype.na_value is not pd.NA]
    name = dtype.str if isinstance(dtype, np.dtype) and dtype.kind != "O" else str(dtype)  # none reads '|O'
    try:
        again = pd.api.types.pandas_dtype(name)
    except (TypeError, ValueError):
        again = None
    same_zone = type(getattr(again, "tz", None)) is type(getattr(dtype, "tz", None))
    if again is None or again != dtype or type(again) is not type(dtype) or not same_zone:
        raise NotPlainError(f"the dtype {dtype!r} has no name")
    return "dtype", name


def _tagged_index(index: pd.Index) -> tuple[str, Any]:
    if type(index) is pd.RangeIndex:
        return "Range", [index.start, index.stop, index.step, index.name]
    if type(index) is pd.MultiIndex:
        return "MultiIndex", [list(index.levels), [codes.tolist() for codes in index.codes], list(index.names)]
    if type(index) in (pd.CategoricalIndex, pd.PeriodIndex) or getattr(index, "freq", None) is not None:
        raise NotPlainError(f"a {type(index).__name__} is not plain")
    values = index.to_numpy() if isinstance(index.dtype, np.dtype) else index.array
    content = [list(values), index.dtype, index.name]
    if values.dtype.kind in "biuf":
        content[0] = values.tolist()
    again = INDEX(content[0], dtype=index.dtype, name=index.name)
    if not (again.identical(index) and list(map(type, again)) == list(map(type, index))):
        raise NotPlainError("this index is not made again from its values")
    return "Index", content


def unplain(value: Any, *, trust: bool = False) -> Any:
    """The value that `plain` was given; pickled pieces are an UntrustedError without `trust`."""
    if type(value) is list:
        return [unplain(v, trust=trust) for v in value]
    if type(value) is not dict:
        return value
    if "$" not in value:
        return {k: unplain(v, trust=trust) for k, v in value.items()}
    if value["$"] == "pickle":
        return load_pickle(base64.b64decode(value["v"]), trust=trust)
    return _UNTAGGED[value["$"]](unplain(value["v"], trust=trust))


def pickle_bytes(value: Any) -> bytes:
    """By value what a pod could not import, as cloudpickle does."""
    import cloudpickle

    content: bytes = cloudpickle.dumps(value, protocol=5)
    return content


def load_pickle(content: Any, *, trust: bool) -> Any:
    """Unpickle, if the writer is trusted."""
    if not trust:
        raise UntrustedError("it holds pickled values")
    return pickle.loads(content)


# ---------------------------------------------------------------- columns


class Encoded:
    """A frame ready to travel: what is not data, one Arrow array a column, and what goes by pickle.

    `pickled` are columns, as pandas arrays of all rows, in the order of their positions in the batch; `names` are
    theirs, for people.
    """

    def __init__(self, meta: dict[str, Any], batch: pa.RecordBatch, pickled: list[Any], names: list[str]) -> None:
        self.meta, self.batch, self.pickled, self.names = meta, batch, pickled, names


def _raw(values: np.ndarray[Any, Any]) -> pa.Array:
    """An Arrow array over the memory of a numpy array: no copy, no null, every bit kept."""
    kind = values.dtype.kind
    if kind == "b":
        values = values.view(np.uint8)
    arrow = pa.from_numpy_dtype(values.dtype)
    memory = np.ascontiguousarray(values).view(np.int64) if kind in "mM" else np.ascontiguousarray(values)
    return pa.Array.from_buffers(arrow, len(values), [None, pa.py_buffer(memory)])


def encode_column(values: pd.Series | pd.Index) -> tuple[dict[str, Any], pa.Array] | None:
    """How a column travels, and its Arrow array; None where Arrow cannot hold it or would change it."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return _encode_numpy(values, dtype)
    if type(dtype) is pd.CategoricalDtype:
        codes = values.array.codes
        categories = plain(dtype.categories, pickled=True)
        return {"way": "codes", "categories": categories, "ordered": bool(dtype.ordered)}, _raw(codes)
    if type(dtype) in (pd.DatetimeTZDtype, pd.PeriodDtype):
        ticks = pd.Index(values).asi8
        return {"way": "ticks", "dtype": plain(dtype, pickled=True)}, _raw(ticks)
    if type(dtype) is pd.ArrowDtype:
        return _encode_arrow(values, dtype)
    if type(dtype) is pd.StringDtype or type(dtype).__name__ in _MASKED:
        return _encode_extension(values, dtype)
    return None


_MASKED = {f"{sign}Int{bits}Dtype" for sign in ("", "U") for bits in (8, 16, 32, 64)}
_MASKED |= {"Float32Dtype", "Float64Dtype", "BooleanDtype"}


def _encode_numpy(values: pd.Series | pd.Index, dtype: np.dtype[Any]) -> tuple[dict[str, Any], pa.Array] | None:
    if dtype.kind == "O":
        return _encode_text(values.to_numpy())
    if dtype.kind in "biufmM" and dtype.isnative and dtype.itemsize <= 8:
        return {"way": "raw", "dtype": dtype.str}, _raw(values.to_numpy())
    return None


TEXT = {str: pa.large_string(), bytes: pa.large_binary(), datetime.date: pa.date32()}


def _encode_text(values: np.ndarray[Any, Any]) -> tuple[dict[str, Any], pa.Array] | None:
    """Objects of one type that Arrow gives back exactly, with one kind of missing value."""
    kinds = set(map(type, values))
    missing = kinds & {type(None), float}
    content = kinds - missing
    if len(content) > 1 or len(missing) == 2:
        return None
    arrow = TEXT.get(content.pop() if content else str)
    if arrow is None:
        return None
    nan = float in missing
    if nan and not np.array_equal(values != values, [type(v) is float for v in values]):
        return None
    try:
        array = pa.array(values, type=arrow, from_pandas=nan)
    except (pa.ArrowInvalid, UnicodeEncodeError):  # a lone surrogate
        return None
    return {"way": "objects", "nan": nan}, array


def _one(array: Any, arrow: pa.DataType | None = None) -> pa.Array:
    """One contiguous array of what may be several."""
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], type=arrow or array.type)
    return array


def _encode_extension(values: pd.Series | pd.Index, dtype: Any) -> tuple[dict[str, Any], pa.Array] | None:
    try:
        array = _one(values.array.__arrow_array__())
    except UnicodeEncodeError:
        return None
    return {"way": "extension", "dtype": plain(dtype)}, array


def _encode_arrow(values: pd.Series | pd.Index, dtype: pd.ArrowDtype) -> tuple[dict[str, Any], pa.Array] | None:
    if "dictionary" in str(dtype.pyarrow_dtype) or isinstance(dtype.pyarrow_dtype, pa.BaseExtensionType):
        return None  # dictionaries travel apart from their batch, so a part of the file would not stand alone
    return {"way": "arrow"}, _one(values.array.__arrow_array__(), dtype.pyarrow_dtype)


def decode_column(how: dict[str, Any], array: pa.Array | pa.ChunkedArray, *, trust: bool, memory: Any = None) -> Any:
    """The column again, as pandas takes it; numbers lie in `memory` (writable) where that is given."""
    way = how["way"]
    if way == "raw":
        return _numbers(_one(array), np.dtype(how["dtype"]), memory)
    if way == "codes":
        codes = _numbers(_one(array), None, memory)
        dtype = pd.CategoricalDtype(unplain(how["categories"], trust=trust), ordered=how["ordered"])
        return pd.Categorical.from_codes(codes, dtype=dtype, validate=False)
    if way == "ticks":
        return _from_ticks(_numbers(_one(array), np.dtype("i8"), memory), unplain(how["dtype"], trust=trust))
    if way == "extension":
        return unplain(how["dtype"]).__from_arrow__(array)
    if way == "arrow":
        arrow: Any = pd.ArrowDtype(array.type)
        return arrow.__from_arrow__(array)
    return _objects(array, how["nan"])


def _numbers(array: pa.Array, dtype: np.dtype[Any] | None, memory: Any) -> Any:
    dtype = dtype or np.dtype(array.type.to_pandas_dtype())
    buffer = array.buffers()[1]
    if not len(array) or buffer is None:
        return np.empty(0, dtype)
    if memory is None:
        return np.frombuffer(buffer, dtype, len(array), array.offset * dtype.itemsize).copy()
    start = buffer.address - memory.address
    return np.frombuffer(memory.writable, dtype, len(array), start + array.offset * dtype.itemsize)


def _from_ticks(ticks: Any, dtype: Any) -> Any:
    if type(dtype) is pd.PeriodDtype:
        return pd.arrays.PeriodArray(ticks, dtype=dtype)
    times = pd.DatetimeIndex(ticks.view(f"M8[{dtype.unit}]"), copy=False)
    return times.tz_localize("UTC").tz_convert(dtype.tz).array


def _objects(array: pa.Array | pa.ChunkedArray, nan: bool) -> Any:
    values = array.to_numpy() if isinstance(array, pa.ChunkedArray) else array.to_numpy(zero_copy_only=False)
    values = np.array(values, dtype=object)
    if pa.types.is_date32(array.type):
        values = np.fromiter(array.to_pylist(), dtype=object, count=len(array))
    if nan:
        values[pd.isna(values)] = np.nan
    return values


# ---------------------------------------------------------------- indexes


def _array(values: pd.Series | pd.Index) -> Any:
    return values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array


def _encode_index(index: pd.Index) -> tuple[dict[str, Any], list[tuple[dict[str, Any], pa.Array] | None], list[Any]]:
    """An index as what is not data and the columns it needs."""
    if type(index) is pd.RangeIndex:
        about = {
            "kind": "range",
            "range": [index.start, index.stop, index.step],
            "name": plain(index.name, pickled=True),
        }
        return about, [], []
    names = plain(list(index.names), pickled=True)
    if type(index) is pd.MultiIndex:
        levels = plain(list(index.levels), pickled=True)
        columns = [({"way": "raw", "dtype": codes.dtype.str}, _raw(np.asarray(codes))) for codes in index.codes]
        return {"kind": "multi", "names": names, "levels": levels}, [*columns], [*index.codes]
    freq = getattr(index, "freqstr", None) if not isinstance(index, pd.PeriodIndex) else None
    return {"kind": "one", "names": names, "freq": freq}, [encode_column(index)], [_array(index)]


def _decode_index(meta: dict[str, Any], columns: list[Any], *, trust: bool) -> pd.Index:
    about = meta["index"]
    if about["kind"] in ("range", "taken"):
        start, stop, step = about["range"]
        index = pd.RangeIndex(start, stop, step, name=unplain(about["name"], trust=trust))
        return index.take(columns[0]) if about["kind"] == "taken" else index[slice(*meta.get("span", (None,)))]
    names = unplain(about["names"], trust=trust)
    if about["kind"] == "multi":
        levels = unplain(about["levels"], trust=trust)
        return pd.MultiIndex(levels=levels, codes=columns, names=names, verify_integrity=False)
    values = columns[0]
    one: pd.Index = INDEX(values, dtype=values.dtype, name=names[0], copy=False)
    if about["freq"]:
        regular: Any = type(one)
        one = regular(one, freq=about["freq"])
    return one


def decode_index(meta: dict[str, Any], batch: pa.RecordBatch, width: int, *, trust: bool) -> pd.Index:
    """The index of a frame whose first `width` columns make it."""
    columns = [
        decode_column(how, batch.column(n), trust=trust) for n, how in zip(range(width), meta["ways"], strict=False)
    ]
    return _decode_index(meta, columns, trust=trust)


# ---------------------------------------------------------------- frames


def encode_frame(frame: pd.DataFrame) -> Encoded:
    """A frame as Arrow arrays over its own memory, and what travels by pickle."""
    about, hows, arrays = _encode_index(frame.index)
    hows, labels = list(hows), [f"the index {name!r}" for name in frame.index.names][: len(hows)]
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        hows.append(encode_column(column))
        arrays.append(_array(column))
        labels.append(str(frame.columns[position]))
    meta: dict[str, Any] = {
        "rows": len(frame),
        "index": about,
        "columns": plain(frame.columns, pickled=True),
        "attrs": plain(frame.attrs, pickled=True),
        "ways": [how[0] if how else {"way": "pickle"} for how in hows],
    }
    if not frame.flags.allows_duplicate_labels:
        meta["unique"] = True
    fields = [f"{n} {label}" for n, (label, how) in enumerate(zip(labels, hows, strict=True)) if how]
    batch = pa.RecordBatch.from_arrays([how[1] for how in hows if how], names=fields)
    left = [n for n, how in enumerate(hows) if how is None]
    return Encoded(meta, batch, [arrays[n] for n in left], [labels[n] for n in left])


def decode_frame(
    meta: dict[str, Any], batch: Any, pickled: Sequence[Any], *, trust: bool, memory: Any = None, made: Any = None
) -> Any:
    """The frame (or Series) again from its Arrow columns and the pickled ones; `made` may put it together faster."""
    arrow, other = iter(batch.columns), iter(pickled)
    columns = [
        next(other) if how["way"] == "pickle" else decode_column(how, next(arrow), trust=trust, memory=memory)
        for how in meta["ways"]
    ]
    labels = unplain(meta["columns"], trust=trust)
    index = _decode_index(meta, columns[: len(columns) - len(labels)], trust=trust)
    return build_frame(meta, columns[len(columns) - len(labels) :], index, labels, trust=trust, made=made)


def build_frame(
    meta: dict[str, Any], columns: list[Any], index: pd.Index, labels: pd.Index, *, trust: bool, made: Any = None
) -> Any:
    """A frame of finished columns, without a copy of any."""
    frame: Any = made(columns, index, labels) if made and not meta.get("series") else None
    if frame is None:
        frame = pd.DataFrame({n: _as_it_is(v, index) for n, v in enumerate(columns)}, index=index, copy=False)
        if meta.get("series"):
            frame = frame[0].rename(labels[0])
        else:
            frame.columns = labels
    frame.attrs = unplain(meta["attrs"], trust=trust)
    if meta.get("unique"):
        frame.flags.allows_duplicate_labels = False
    return frame


def _as_it_is(values: Any, index: pd.Index) -> Any:
    return pd.Series(values, index=index, dtype=values.dtype, copy=False) if values.dtype == object else values


# ---------------------------------------------------------------- results


def encode_result(value: Any) -> tuple[str, bytes | pa.Buffer]:
    """A result as its kind ("arrow", "json" or "pickle") and its bytes."""
    if type(value) in (pd.DataFrame, pd.Series):
        content = _encode_table(value)
        if content is not None:
            return "arrow", content
    else:
        try:
            return "json", json.dumps(plain(value)).encode()
        except (NotPlainError, RecursionError, UnicodeEncodeError):
            pass
    return "pickle", pickle_bytes(value)


def _encode_table(value: pd.DataFrame | pd.Series) -> pa.Buffer | None:
    frame = value.to_frame() if isinstance(value, pd.Series) else value
    if isinstance(value, pd.Series):
        frame.columns = pd.Index([value.name], dtype=object) if not isinstance(value.name, tuple) else frame.columns
    encoded = encode_frame(frame)
    if isinstance(value, pd.Series):
        encoded.meta["series"] = True
    metadata = {META: json.dumps(encoded.meta).encode()}
    if encoded.pickled:
        metadata[PICKLED] = pickle_bytes(encoded.pickled)
        if len(metadata[PICKLED]) > MOST_PICKLED:
            return None
    sink = pa.BufferOutputStream()
    batch = encoded.batch.replace_schema_metadata(metadata)
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def decode_result(kind: str, content: Any, *, trust: bool = False) -> Any:
    """What `encode_result` was given; an UntrustedError where that would unpickle."""
    if kind == "json":
        return unplain(json.loads(bytes(content)), trust=trust)
    if kind == "pickle":
        return load_pickle(content, trust=trust)
    meta, batch, pickled = read_table(content)
    return decode_frame(meta, batch, load_pickle(pickled, trust=trust) if pickled else (), trust=trust)


def read_table(content: Any) -> tuple[dict[str, Any], pa.RecordBatch, bytes]:
    """An Arrow result as it lies: what is not data, its batch, the pickled columns' bytes."""
    reader = pa.ipc.open_stream(pa.py_buffer(content))
    metadata = reader.schema.metadata
    return json.loads(metadata[META]), reader.read_next_batch(), metadata.get(PICKLED, b"")
