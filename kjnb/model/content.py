"""Arrays, frames and Arrow data as plain parts that a fingerprint is made of: values and types, not memory.

Two arrays with other strides, two columns with other chunks, or with other bytes behind their nulls are the same.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd

Parts = tuple[Any, ...]


def parts_of(value: Any) -> Parts | None:
    """What a value of numpy, pandas or Arrow consists of; None if it is of another kind."""
    if type(value) is np.ndarray:
        return array_parts(value)
    if isinstance(value, np.generic) and not isinstance(value, np.void | np.object_):
        return (value.dtype.str, value.tobytes())
    if isinstance(value, np.dtype):
        return (repr(value),)
    if isinstance(value, pd.DataFrame):
        columns = [value.iloc[:, place].array for place in range(value.shape[1])]
        return (value.index, value.columns, columns, value.attrs)
    if isinstance(value, pd.Series):
        return (value.name, value.index, value.array, value.attrs)
    if isinstance(value, pd.Index):
        return index_parts(value)
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return extension_parts(value)
    return arrow_parts(value) if str(type(value).__module__).partition(".")[0] == "pyarrow" else None


def array_parts(value: Any) -> Parts:
    """An array by type, shape and values in C order; objects item by item."""
    if value.dtype.hasobject:
        return (repr(value.dtype), value.shape, value.tolist())
    return (repr(value.dtype), value.shape, np.ascontiguousarray(value).tobytes())


def index_parts(value: Any) -> Parts:
    """An index by names and values; a range by its bounds, several levels one by one."""
    names = list(value.names)
    if isinstance(value, pd.RangeIndex):
        return (names, value.start, value.stop, value.step)
    if isinstance(value, pd.MultiIndex):
        return (names, [value.get_level_values(level) for level in range(value.nlevels)])
    return (names, repr(getattr(value, "freq", None)), value.array)


def extension_parts(value: Any) -> Parts:
    """A column of pandas' own types, through numpy or Arrow where one of them holds it, else item by item."""
    kind = repr(value.dtype)
    if isinstance(value, pd.Categorical):
        return (value.ordered, value.categories, value.codes)
    if isinstance(value, pd.arrays.NumpyExtensionArray):
        return (kind, value.to_numpy())
    if hasattr(value, "__arrow_array__"):
        import pyarrow as pa

        return (kind, pa.array(value))
    return (kind, list(value))


def arrow_parts(value: Any) -> Parts | None:
    """Arrow's arrays and tables by schema and values."""
    pa = sys.modules["pyarrow"]
    if isinstance(value, pa.Table | pa.RecordBatch):
        return (value.schema.to_string(show_schema_metadata=True, truncate_metadata=False), *value.columns)
    if isinstance(value, pa.ChunkedArray):
        return arrow_array_parts(pa, pa.concat_arrays(value.chunks) if value.num_chunks else pa.array([], value.type))
    if isinstance(value, pa.Array):
        return arrow_array_parts(pa, value)
    if isinstance(value, pa.Scalar):
        return (str(value.type), value.as_py())
    return (str(value),) if isinstance(value, pa.DataType | pa.Field | pa.Schema) else None


def arrow_array_parts(pa: Any, value: Any) -> Parts:
    """An Arrow array by type, nulls and what is not null, free of offsets, padding and bytes behind nulls."""
    kind, nulls = str(value.type), np.packbits(value.is_null().to_numpy(zero_copy_only=False)).tobytes()
    valid = value.drop_null()
    types = pa.types
    if types.is_boolean(value.type) or types.is_integer(value.type) or types.is_floating(value.type):
        return (kind, len(value), nulls, valid.to_numpy(zero_copy_only=False))
    if types.is_timestamp(value.type) or types.is_duration(value.type):
        return (kind, len(value), nulls, valid.cast(pa.int64()).to_numpy(zero_copy_only=False))
    if types.is_string(value.type) or types.is_large_string(value.type) or types.is_binary(value.type):
        fresh = valid.cast(pa.large_binary()).take(pa.array(np.arange(len(valid))))
        _, offsets, data = fresh.buffers()
        ends = np.frombuffer(offsets, dtype=np.int64, count=len(fresh) + 1) if len(fresh) else np.zeros(1, np.int64)
        return (kind, len(value), nulls, ends, bytes(data)[: int(ends[-1])] if data else b"")
    return (kind, len(value), nulls, valid.to_pylist())
