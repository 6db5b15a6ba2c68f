"""What an index stands for, in a word or two: its key, or the rows it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kjnb.model.indexes import indexes_text
from kjnb.model.state import Group

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 60
MOST_NAMED = 3


def labels(table: pd.DataFrame) -> list[str]:
    """A label an index from a run's index table: "LGA", "EWR, UA", "rows 0 – 99"; cut where it is long."""
    told = keys(table["key"]) if "key" in table else spans(table["first"], table["last"])
    return [text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in told]


def keys(column: Any) -> Iterator[str]:
    """Keys as text; of several columns with commas."""
    for key in column:
        yield ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def spans(firsts: Any, lasts: Any) -> Iterator[str]:
    """First and last row label as text."""
    for first, last in zip(firsts, lasts, strict=True):
        yield f"row {first}" if first == last else f"rows {first} – {last}"


def named(indexes: Sequence[int], labels: Sequence[str] | None) -> str:
    """Indexes for people, a few with their labels: "index 51 (LGA)", "indexes 3 (AA), 51 (LGA)", "indexes 0-15"."""
    if not labels or len(indexes) > MOST_NAMED or not any(labels[index] for index in indexes):
        return indexes_text(indexes)
    told = ", ".join(f"{index} ({labels[index]})" if labels[index] else str(index) for index in sorted(indexes))
    return f"{'index' if len(indexes) == 1 else 'indexes'} {told}"


def group_text(group: Group, labels: Sequence[str] | None) -> str:
    """A group of failures in one line: "KeyError: 'carier', line 2: index 51 (LGA)"."""
    return f"{group.group}: {named(group.indexes, labels)}"
