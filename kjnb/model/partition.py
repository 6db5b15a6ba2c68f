"""Which rows belong to which completion index: by count, by rows, or by key with groups kept whole.

A plan is only positions; the frame is sliced when a partition is asked for, so planning a run copies no data.
"""

from __future__ import annotations

import difflib
import heapq
import html
import operator
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from kjnb.errors import DataError
from kjnb.model.quantity import size_text

MOST_KEYS = 1_000
SAMPLE = 1_000
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Plan:
    """Rows by completion index: index i has the row positions `order[bounds[i]:bounds[i+1]]` (`order` None: as is).

    `by` names the key columns; `members[i]` are the keys in partition i, and `keys[i]` is the one key where every
    partition has just one (a scalar, or a tuple for several columns). `notes` are sentences worth showing.
    """

    completions: int
    kind: Literal["count", "rows", "key"]
    by: tuple[Hashable, ...]
    order: Positions | None
    bounds: Positions
    keys: tuple[Any, ...] | None = None
    members: tuple[tuple[Any, ...], ...] | None = None
    notes: tuple[str, ...] = ()

    def positions(self, index: int) -> slice | Positions:
        """The row positions of one partition, as `iloc` takes them."""
        first, last = int(self.bounds[index]), int(self.bounds[index + 1])
        return slice(first, last) if self.order is None else self.order[first:last]

    @property
    def sizes(self) -> Positions:
        """Rows of each partition."""
        return np.diff(self.bounds)


@dataclass(frozen=True, eq=False, repr=False)
class Partitions(Sequence[pd.DataFrame]):
    """A frame and its plan; `partitions[i]` is what `df.iloc[…]` gives, made when asked for."""

    frame: pd.DataFrame
    plan: Plan
    name: str = ""
    row_bytes: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "row_bytes", frame_bytes(self.frame) / max(1, len(self.frame)))

    def __len__(self) -> int:
        return self.plan.completions

    def __getitem__(self, index: Any) -> Any:
        number = operator.index(index)
        if not -len(self) <= number < len(self):
            raise IndexError(f"partition {number} of {len(self)}")
        return self.frame.iloc[self.plan.positions(number % len(self))]

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return (self[i] for i in range(len(self)))

    @property
    def total_bytes(self) -> int:
        """What the frame takes in memory, object columns estimated from a sample."""
        return round(self.row_bytes * len(self.frame))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth saying about the plan, a sentence each."""
        return self.plan.notes

    def table(self) -> pd.DataFrame:
        """One row an index: `index`, then `key` or `first` and `last` row label, `rows`, `bytes` (estimated)."""
        sizes = self.plan.sizes
        columns: dict[str, Any] = {"index": np.arange(len(self))}
        if self.plan.members is not None:
            columns["key"] = pd.Series(key_column(self.plan), dtype=object)
        else:
            columns["first"] = self.frame.index.take(self.plan.bounds[:-1])
            columns["last"] = self.frame.index.take(self.plan.bounds[1:] - 1)
        columns["rows"] = sizes
        columns["bytes"] = np.round(sizes * self.row_bytes).astype(np.int64)
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        return f"Partitions({describe(self)})"

    def _repr_html_(self) -> str:
        notes = "".join(f"<br>{html.escape(note)}" for note in self.notes)
        rows = self.table().to_html(index=False, escape=True, max_rows=10)
        return f"<div><b>{html.escape(describe(self))}</b>{notes}{rows}</div>"


def describe(parts: Partitions) -> str:
    """A plan in one line: "16 partitions by carrier, 4,100-58,665 rows each, 40 MB"."""
    sizes = parts.plan.sizes
    low, high = int(sizes.min()), int(sizes.max())
    each = f"{low:,}" if low == high else f"{low:,}-{high:,}"
    by = f" by {', '.join(map(str, parts.plan.by))}" if parts.plan.by else ""
    word = "partition" if len(parts) == 1 else "partitions"
    return f"{len(parts):,} {word}{by}, {each} rows each, {size_text(parts.total_bytes)}"


def key_column(plan: Plan) -> list[Any]:
    """What the table says of each partition's keys: the key itself, or the first few of those packed together."""
    if plan.keys is not None:
        return list(plan.keys)
    return [members_text(keys) for keys in plan.members or ()]


def members_text(keys: tuple[Any, ...], most: int = 3) -> str:
    """Packed keys for people: "AA, B6, DL + 4 more"."""
    shown = ", ".join(str(key) for key in keys[:most])
    return shown if len(keys) <= most else f"{shown} + {len(keys) - most:,} more"


def frame_bytes(frame: pd.DataFrame) -> int:
    """Bytes of a frame in memory; of object columns a sample is measured, so that this is quick for any frame."""
    total = int(frame.index.memory_usage())
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        total += int(column.memory_usage(index=False))
        if column.dtype == object and len(column):
            sample = column.iloc[:: max(1, len(column) // SAMPLE)]
            deep = sample.memory_usage(index=False, deep=True) - sample.memory_usage(index=False)
            total += round(deep * len(column) / len(sample))
    return total


def partition(
    df: pd.DataFrame,
    partitions: int | None = None,
    *,
    rows: int | None = None,
    by: Hashable | Sequence[Hashable] | None = None,
    name: str = "",
) -> Partitions:
    """Plan the completion indexes of a frame: `partitions` of equal size, of `rows` each, or `by` key columns.

    By key, groups stay whole: one partition a key, or packed into `partitions`, largest first. Rows keep their
    order. Raises DataError, naming the field, what was given and what to do.
    """
    check_frame(df)
    if partitions is not None:
        partitions = whole_number("partitions", partitions)
    if rows is not None:
        rows = whole_number("rows", rows)
    given = [field for field, value in (("partitions", partitions), ("rows", rows), ("by", by)) if value is not None]
    if rows is not None and len(given) > 1:
        other = next(field for field in given if field != "rows")
        raise DataError(f"rows={rows} and {other} were both given", fix=f"say rows or {other}, not both")
    if by is not None:
        return Partitions(df, plan_by_key(df, key_columns(df, by), partitions), name)
    if rows is not None:
        return Partitions(df, plan_by_rows(len(df), rows), name)
    if partitions is None:
        raise DataError("no way to partition was given", fix='say partitions=8, rows=10_000 or by="column"')
    return Partitions(df, plan_by_count(len(df), partitions), name)


def check_frame(df: object) -> None:
    """Refuse what is not a DataFrame, or is an empty one."""
    if not isinstance(df, pd.DataFrame):
        kind = f"{type(df).__module__}.{type(df).__qualname__}".removeprefix("builtins.")
        if isinstance(df, pd.Series):
            fix = "use series.to_frame()"
        else:
            fix = "use df.to_pandas()" if hasattr(df, "to_pandas") else "make one with pandas.DataFrame(…)"
        raise DataError(f"data: a pandas DataFrame is needed, a {kind} was given", fix=fix)
    if not len(df):
        raise DataError("data: the frame has no rows, so there is nothing to partition", fix="check how it was made")


def whole_number(field: str, value: object) -> int:
    """`value` as an int of at least 1; bools, fractions and text are refused."""
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < 1:
        raise DataError(f"{field} must be a whole number of at least 1, {value!r} was given", fix=f"say {field}=8")
    return number


def plan_by_count(n_rows: int, partitions: int) -> Plan:
    """`partitions` contiguous ranges of rows whose sizes differ by at most one."""
    if partitions > n_rows:
        raise DataError(
            f"partitions={partitions:,} is more than the frame's {n_rows:,} rows",
            fix=f"say partitions={n_rows} or fewer",
        )
    bounds = np.arange(partitions + 1, dtype=np.int64) * n_rows // partitions
    return Plan(partitions, "count", (), None, bounds)


def plan_by_rows(n_rows: int, rows: int) -> Plan:
    """Contiguous ranges of `rows` rows; the last has what is left."""
    bounds = np.append(np.arange(0, n_rows, rows, dtype=np.int64), n_rows)
    return Plan(len(bounds) - 1, "rows", (), None, bounds)


def key_columns(df: pd.DataFrame, by: Hashable | Sequence[Hashable]) -> tuple[Hashable, ...]:
    """The key columns, each checked to exist once; a tuple that is itself a column's name is that column."""
    is_name = isinstance(by, str) or (isinstance(by, tuple) and by in df.columns)
    names: tuple[Hashable, ...] = tuple(by) if isinstance(by, Sequence) and not is_name else (by,)
    if not names:
        raise DataError("by: no key column was given", fix='say by="column"')
    for name in names:
        if not isinstance(name, Hashable) or callable(name):
            what = f"by: a key is a column's name, a {type(name).__name__} was given"
            raise DataError(what, fix='make it a column first: df.assign(key=…), by="key"')
        check_column(df, name)
    if len(set(names)) < len(names):
        raise DataError(f"by: a column is named twice in {list(names)!r}", fix="name each key column once")
    return names


def check_column(df: pd.DataFrame, name: Hashable) -> None:
    """Refuse a key column that is not there (the nearest name is suggested) or is there twice."""
    columns: list[Hashable] = list(df.columns)
    if columns.count(name) == 1:
        return
    if name in columns:
        raise DataError(f"by: the frame has several columns named {name!r}", fix="rename them: df.columns = […]")
    if name in df.index.names:
        raise DataError(f"by: {name!r} is a level of the index, not a column", fix="use df.reset_index()")
    near = difflib.get_close_matches(str(name), [str(c) for c in columns], n=1, cutoff=0.5)
    if near:
        fix = f"did you mean {near[0]!r}?"
    else:
        fix = f"its columns are {', '.join(map(str, columns[:12]))}" + (", …" if len(columns) > 12 else "")
    raise DataError(f"by: the frame has no column {name!r}", fix=fix)


def plan_by_key(df: pd.DataFrame, by: tuple[Hashable, ...], partitions: int | None) -> Plan:
    """One partition a key, or the groups packed into `partitions`; rows stay in their order."""
    codes, keys = group_codes(df, by)
    notes = missing_note(df, by, codes)
    if partitions is None:
        check_keys(by, len(keys), len(df))
        return key_plan(by, codes, np.arange(len(keys)), [(key,) for key in keys], notes, tuple(keys))
    if partitions > len(keys):
        raise DataError(
            f"partitions={partitions:,} is more than the {len(keys):,} keys of {by_text(by)}; groups are kept whole",
            fix=f"say partitions={len(keys)} or fewer, or leave it out for one partition a key",
        )
    homes = pack(np.bincount(codes, minlength=len(keys)), partitions)
    members = [tuple(keys[k] for k in np.flatnonzero(homes == home)) for home in range(partitions)]
    single = tuple(m[0] for m in members) if len(keys) == partitions else None
    return key_plan(by, codes, homes, members, notes, single)


def key_plan(
    by: tuple[Hashable, ...],
    codes: Positions,
    homes: Positions,
    members: list[tuple[Any, ...]],
    notes: tuple[str, ...],
    keys: tuple[Any, ...] | None,
) -> Plan:
    """The plan that puts every row of group g into partition `homes[g]`."""
    narrow = np.min_scalar_type(len(members))  # numpy sorts 16 bits by counting, ten times as fast
    home = homes.astype(narrow)[codes]
    order = np.argsort(home, kind="stable").astype(np.int64)
    bounds = np.concatenate(([0], np.cumsum(np.bincount(home, minlength=len(members))))).astype(np.int64)
    return Plan(len(members), "key", by, order, bounds, keys, tuple(members), notes)


def group_codes(df: pd.DataFrame, by: tuple[Hashable, ...]) -> tuple[Positions, list[Any]]:
    """The number of each row's group, and the groups' keys in sorted order (of appearance, if they do not sort)."""
    try:
        codes = group_numbers(df, by, sort=True)
    except TypeError:
        try:
            codes = group_numbers(df, by, sort=False)
        except TypeError as error:
            raise DataError(
                f"by: the values of {by_text(by)} cannot be keys: {error}",
                fix="make a key column of text or numbers, for example df.assign(key=df.column.astype(str))",
            ) from None
    first = np.empty(int(codes.max()) + 1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # the last one written, the first row, stays
    columns = [list(df[name].iloc[first]) for name in by]
    return codes, columns[0] if len(by) == 1 else list(zip(*columns, strict=True))


def group_numbers(df: pd.DataFrame, by: tuple[Hashable, ...], *, sort: bool) -> Positions:
    """Each row's group as 0…groups-1; missing keys are a group, unused categories are none."""
    grouped = df.groupby([df[name] for name in by], dropna=False, observed=True, sort=sort)
    return np.asarray(grouped.ngroup(), dtype=np.int64)


def missing_note(df: pd.DataFrame, by: tuple[Hashable, ...], codes: Positions) -> tuple[str, ...]:
    """What to say of rows that miss a key: how many there are, and that they are kept."""
    missing = df[list(by)].isna().any(axis=1).to_numpy()
    if not missing.any():
        return ()
    count, groups = int(missing.sum()), len(np.unique(codes[missing]))
    kept = "a group of their own" if groups == 1 else f"{groups:,} groups of their own"
    return (f"{count:,} {'row misses' if count == 1 else 'rows miss'} a key in {by_text(by)}: kept as {kept}",)


def check_keys(by: tuple[Hashable, ...], keys: int, n_rows: int) -> None:
    """Refuse one partition a key where that would be more than MOST_KEYS pods."""
    if keys > MOST_KEYS:
        column = repr(by[0]) if len(by) == 1 else repr(list(by))
        raise DataError(
            f"by={column} has {keys:,} keys, and one partition a key is for at most {MOST_KEYS:,}",
            fix=f"pack whole groups together: partitions={min(100, n_rows)}, by={column}",
        )


def by_text(by: tuple[Hashable, ...]) -> str:
    """Key columns for a sentence."""
    return ", ".join(map(str, by))


def pack(sizes: npt.NDArray[np.int64], partitions: int) -> Positions:
    """The partition of each group: largest group first, each into the emptiest partition so far."""
    heap = [(0, home) for home in range(partitions)]
    homes = np.zeros(len(sizes), dtype=np.int64)
    for group in np.argsort(-sizes, kind="stable"):
        filled, home = heapq.heappop(heap)
        homes[group] = home
        heapq.heappush(heap, (filled + int(sizes[group]), home))
    return homes
