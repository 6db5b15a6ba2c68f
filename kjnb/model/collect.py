"""Results of the indexes as one value: pure, in index order, dtypes, categories and index intact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from kjnb.worker import codec

KINDS = {"frame": "a DataFrame", "series": "a Series", "dict": "a dict", "none": "None", "value": "a plain value"}


def combine(values: Sequence[Any], indexes: Sequence[int], labels: pd.Index) -> Any:
    """One value of all results.

    Frames are concatenated; dicts give a row each; Series a row each if all have the same index, else they are
    concatenated; other values make a Series; None everywhere gives None. A mixture is a TypeError. Rows of dicts,
    values and Series are called by `labels`.
    """
    if not values:
        return None
    kinds = [kind_of(value) for value in values]
    _refuse_mixture(kinds, values, indexes)
    if kinds[0] == "none":
        return None
    if kinds[0] == "frame":
        return concat_frames(list(values))
    if kinds[0] == "series":
        return combine_series(list(values), labels)
    if kinds[0] == "dict":
        return pd.DataFrame.from_records(list(values), index=labels)
    return series_of(values, labels)


def kind_of(value: Any) -> str:
    """What a result is, among the KINDS that combine."""
    if isinstance(value, pd.DataFrame):
        return "frame"
    if isinstance(value, pd.Series):
        return "series"
    if isinstance(value, dict):
        return "dict"
    return "none" if value is None else "value"


def _refuse_mixture(kinds: list[str], values: Sequence[Any], indexes: Sequence[int]) -> None:
    usual = Counter(kinds).most_common(1)[0][0]
    odd = next((n for n, kind in enumerate(kinds) if kind != usual), None)
    if odd is not None:
        what = (
            KINDS[kinds[odd]]
            if kinds[odd] in ("none", "dict")
            else f"{KINDS[kinds[odd]]} ({type(values[odd]).__name__})"
        )
        raise TypeError(
            f"index {indexes[odd]} returned {what}, most others {KINDS[usual]}: they make no single table\n"
            "  -> return the same kind everywhere, or take run.results(), a dict by index"
        )


def series_of(values: Sequence[Any], labels: pd.Index) -> pd.Series[Any]:
    """Plain values as a Series; what is no number, text or time stays the object it is."""
    plain = all(pd.api.types.is_scalar(value) for value in values)
    if plain:
        return pd.Series(list(values), index=labels)
    whole = pd.Series([None] * len(values), index=labels, dtype=object)
    for n, value in enumerate(values):
        whole.iat[n] = value
    return whole


def combine_series(series: list[pd.Series[Any]], labels: pd.Index) -> Any:
    """A row each if all have the same index, else one long Series."""
    first = series[0].index
    if not (first.is_unique and all(one.index.equals(first) for one in series)):
        return pd.concat(with_same_categories(series))
    width = len(first)
    whole = pd.concat([one.reset_index(drop=True) for one in with_same_categories(series)], ignore_index=True)
    columns = {n: whole.iloc[n::width].array for n in range(width)}
    frame = pd.DataFrame(columns, index=labels, copy=False)
    frame.columns = first
    return frame.infer_objects() if whole.dtype == object else frame


def concat_frames(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Frames one after the other; empty ones do not change the dtypes of the others."""
    full = [frame for frame in frames if len(frame)]
    kept = full if full and all(frame.columns.equals(full[0].columns) for frame in frames) else frames
    if not all(frame.columns.is_unique for frame in kept):
        return pd.concat(kept)
    return pd.concat(_same_categories_by_column(kept))


def _same_categories_by_column(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    for name in frames[0].columns:
        dtypes = [frame[name].dtype if name in frame.columns else None for frame in frames]
        if any(dtype != dtypes[0] for dtype in dtypes) and all(isinstance(d, pd.CategoricalDtype) for d in dtypes):
            united = with_same_categories([frame[name] for frame in frames])
            frames = [_with(frame, name, one) for frame, one in zip(frames, united, strict=True)]
    return frames


def _with(frame: pd.DataFrame, name: Any, column: pd.Series[Any]) -> pd.DataFrame:
    copy = frame.copy(deep=False)
    copy[name] = column
    return copy


def with_same_categories(series: list[pd.Series[Any]]) -> list[pd.Series[Any]]:
    """Categorical Series with the union of their categories, so that they stay categorical together."""
    dtypes: list[Any] = [one.dtype for one in series]
    if not all(isinstance(dtype, pd.CategoricalDtype) for dtype in dtypes) or all(d == dtypes[0] for d in dtypes):
        return series
    if any(dtype.ordered for dtype in dtypes):
        return series  # two orders have no union
    categories = dtypes[0].categories
    for dtype in dtypes[1:]:
        categories = categories.append(dtype.categories.difference(categories, sort=False))
    return [one.cat.set_categories(categories) for one in series]


# ---------------------------------------------------------------- many small Arrow results at once


def combine_tables(contents: list[bytes], *, trust: bool) -> pd.DataFrame | None:
    """Frames of the same shape as one, columns joined in Arrow; None where pandas has to look at each."""
    tables = [codec.read_table(content) for content in contents]
    return _joined(tables, trust=trust) if _alike(tables) else None


def _alike(tables: list[tuple[dict[str, Any], pa.RecordBatch, bytes]]) -> bool:
    """Frames whose columns, attrs and ways of travelling are the same, and none of them by pickle."""
    meta, first, _ = tables[0]
    plain = "series" not in meta and all(way["way"] != "pickle" for way in meta["ways"])
    return plain and all(
        all(about[what] == meta[what] for what in ("ways", "columns", "attrs")) and batch.schema.equals(first.schema)
        for about, batch, _ in tables
    )


def _joined(tables: list[tuple[dict[str, Any], pa.RecordBatch, bytes]], *, trust: bool) -> pd.DataFrame:
    meta = tables[0][0]
    labels = codec.unplain(meta["columns"], trust=trust)
    width = len(meta["ways"]) - len(labels)
    columns = [
        codec.decode_column(how, pa.chunked_array([batch.column(n) for _, batch, _ in tables]), trust=trust)
        for n, how in enumerate(meta["ways"][width:], start=width)
    ]
    indexes = [codec.decode_index(about, batch, width, trust=trust) for about, batch, _ in tables]
    index = indexes[0].append(indexes[1:]) if len(indexes) > 1 else indexes[0]
    frame: pd.DataFrame = codec.build_frame(meta, columns, index, labels, trust=trust)
    return frame
