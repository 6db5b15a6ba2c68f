"""All parts of a run in one Arrow stream, written without copying the frame part by part.

`parts.arrow` is an ordinary Arrow stream with a record batch a part, each a slice of one batch over the frame's own
memory. `offsets.bin` says where each lies, so that a pod reads its own entry and maps its own bytes. Columns that
Arrow cannot hold lie pickled, a piece a part, in `pickled.bin`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import pickle
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from kjnb.errors import DataError
from kjnb.model.fingerprint import digest as digest_value
from kjnb.model.partition import Partitions
from kjnb.worker import codec
from kjnb.worker.layout import FORMAT, Layout

T = TypeVar("T")


class HashSink:
    """A file for Arrow to write to that keeps only the digest of what was written."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.closed = False

    def write(self, data: Any) -> int:
        """Hash instead of keeping."""
        self.hash.update(data)
        return len(data)

    def writable(self) -> bool:
        """Yes."""
        return True

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""
        self.closed = True


def encode(parts: Partitions) -> codec.Encoded:
    """The frame as it travels, rows in the plan's order."""
    frame, order = parts.frame, parts.plan.order
    if type(frame) is not pd.DataFrame:
        raise DataError(
            f"the data is a {type(frame).__name__}, not a pandas DataFrame", fix="give pandas.DataFrame(data)"
        )
    encoded = codec.encode_frame(frame)
    return encoded if order is None else _taken(encoded, parts, order)


def _taken(encoded: codec.Encoded, parts: Partitions, order: Any) -> codec.Encoded:
    """Rows by key: one take for the whole frame; a counted index is taken in the pod, as pandas would."""
    index, meta = parts.frame.index, dict(encoded.meta)
    places = pa.array(order)
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="kjnb-take") as pool:  # Arrow takes one column at a time
        columns = list(pool.map(lambda column: column.take(places), encoded.batch.columns))
    batch = pa.RecordBatch.from_arrays(columns, schema=encoded.batch.schema)
    about = meta["index"]
    if about["kind"] == "range":
        positions = pa.array(np.ascontiguousarray(order, dtype=np.int64))
        batch = batch.add_column(0, "position", positions)
        meta |= {"index": about | {"kind": "taken"}, "ways": [{"way": "raw", "dtype": "<i8"}, *meta["ways"]]}
    if about.get("freq"):  # whether rows picked from a regular index are regular again, only pandas knows
        batch = batch.remove_column(0)
        meta |= {"index": about | {"freq": None}, "ways": [{"way": "pickle"}, *meta["ways"][1:]]}
        return codec.Encoded(meta, batch, [index, *encoded.pickled], ["the index", *encoded.names])
    return codec.Encoded(meta, batch, encoded.pickled, encoded.names)


def digest(parts: Partitions) -> str:
    """The parts by content: values, dtypes, names, index and plan; the same in every kernel."""
    return _digest(parts, codec.encode_frame(parts.frame))


def _digest(parts: Partitions, encoded: codec.Encoded) -> str:
    sink = HashSink()
    for field, column in zip(encoded.batch.schema, encoded.batch.columns, strict=True):
        _hash_column(sink, field, column)
    about = json.dumps(encoded.meta, sort_keys=True, default=str).encode()
    sink.hash.update(about)
    for values in encoded.pickled:
        sink.hash.update(str(values.dtype).encode() + digest_value(list(values)).encode())
    plan = parts.plan
    sink.hash.update(np.ascontiguousarray(plan.bounds, dtype="<i8").tobytes())
    if plan.order is not None:
        sink.hash.update(np.ascontiguousarray(plan.order, dtype="<i8").tobytes())
    return sink.hash.hexdigest()[:32]


def _hash_column(sink: HashSink, field: pa.Field, column: pa.Array) -> None:
    """A column by type, nulls and what is not null: the bytes behind a null say nothing, and are anything."""
    if column.null_count:
        sink.hash.update(np.packbits(column.is_null().to_numpy(zero_copy_only=False)).tobytes())
        column = column.drop_null()
    batch = pa.RecordBatch.from_arrays([column], schema=pa.schema([field]))
    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), batch.schema) as writer:
        writer.write_batch(batch)


def notes(encoded: codec.Encoded) -> list[str]:
    """What is worth a line: which columns travel by pickle."""
    if not encoded.names:
        return []
    plural = "columns" if len(encoded.names) > 1 else "column"
    return [f"{plural} {', '.join(encoded.names)} travel by pickle: Arrow cannot hold them, or would change them"]


def write(parts: Partitions, layout: Layout) -> list[str]:
    """Write all parts; returns what is worth a line. A column that cannot be carried at all is a DataError."""
    encoded = encode(parts)
    bounds = [int(b) for b in parts.plan.bounds]
    metadata = {codec.META: json.dumps(encoded.meta).encode()}
    batch = encoded.batch.replace_schema_metadata(metadata)
    layout.parts.parent.mkdir(parents=True, exist_ok=True)
    entries = np.zeros((len(bounds), 6), dtype="<u8")
    entries[1:, 0], entries[1:, 1] = bounds[:-1], np.diff(bounds)
    spans = aside(layout.parts, lambda path: _write_batches(path, batch, bounds))
    entries[1:, 2], entries[1:, 3] = spans[:-1], np.diff(spans)
    entries[0] = [FORMAT, len(bounds) - 1, 0, spans[0], spans[-1], 0]
    if encoded.pickled:
        try:
            spans = aside(layout.pickled, lambda path: _write_pickled(path, encoded, parts))
        except (TypeError, AttributeError, RecursionError, pickle.PicklingError):
            _refuse_unpicklable(encoded)
            raise
        entries[1:, 4], entries[1:, 5] = spans[:-1], np.diff(spans)
        entries[0, 5] = spans[-1]
    aside(layout.offsets, lambda path: path.write_bytes(entries.tobytes()))
    return notes(encoded)


def _write_batches(path: Path, batch: pa.RecordBatch, bounds: list[int]) -> list[int]:
    """The stream; returns where each batch begins, and where the last ends."""
    spans = [batch.schema.serialize().size]
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as writer:
        for first, last in itertools.pairwise(bounds):
            writer.write_batch(batch.slice(first, last - first))
            spans.append(sink.tell())
    return spans


def _write_pickled(path: Path, encoded: codec.Encoded, parts: Partitions) -> list[int]:
    spans = [0]
    with open(path, "wb") as file:
        for index in range(len(parts)):
            rows = parts.plan.positions(index)
            pieces = [values[rows] if isinstance(rows, slice) else values.take(rows) for values in encoded.pickled]
            file.write(codec.pickle_bytes(pieces))
            spans.append(file.tell())
    return spans


def _refuse_unpicklable(encoded: codec.Encoded) -> None:
    for name, values in zip(encoded.names, encoded.pickled, strict=True):
        try:
            codec.pickle_bytes(values)
        except Exception as error:
            raise DataError(
                f"column {name!r} cannot be carried to the pods: {error} (row {_first_bad(values)})",
                fix=f"leave it out, for example df.drop(columns=[{name!r}]), or put there what pickle can hold",
            ) from error


def _first_bad(values: Any) -> int:
    for row, value in enumerate(values):
        try:
            codec.pickle_bytes(value)
        except Exception:  # noqa: BLE001 - whatever an object's own pickling raises
            return row
    return 0


def aside(path: Path, write_to: Callable[[Path], T]) -> T:
    """Write beside and rename, so that a reader sees the whole file or none."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")  # of this thread of this process on this machine
    try:
        given = write_to(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return given
