"""Sets of completion indexes as the API writes them ("0,2-5"), read fast, and written short for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def parse_intervals(text: str | None, size: int) -> npt.NDArray[np.bool_]:
    """Which of 0…size-1 the API's text names, as one flag an index; indexes beyond `size` are left out.

    ValueError if the text is not such a list.
    """
    edges = np.zeros(size + 1, dtype=np.int32)
    if text:
        pairs = intervals(text)
        first = np.array([a for a, _ in pairs], dtype=np.int64)
        last = np.array([b for _, b in pairs], dtype=np.int64)
        np.add.at(edges, np.minimum(first, size), 1)
        np.add.at(edges, np.minimum(last + 1, size), -1)
    return np.cumsum(edges[:size]) > 0


def intervals(text: str | None) -> list[tuple[int, int]]:
    """First and last of each interval that the API's text names; ValueError if it is not such a list."""
    pairs = (part.partition("-") for part in text.split(",")) if text else ()
    return [(int(a), int(b) if dash else int(a)) for a, dash, b in pairs]


def ranges(indexes: npt.ArrayLike) -> list[tuple[int, int]]:
    """Ascending runs of neighbours: [0, 1, 2, 7] -> [(0, 2), (7, 7)]."""
    values = np.unique(np.asarray(indexes, dtype=np.int64))
    if not len(values):
        return []
    cuts = np.flatnonzero(np.diff(values) != 1)
    firsts = values[np.concatenate(([0], cuts + 1))]
    lasts = values[np.concatenate((cuts, [len(values) - 1]))]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def interval_text(indexes: npt.ArrayLike) -> str:
    """Indexes as the API writes them: "0-15,20"; `parse_intervals` reads it."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges(indexes))


Maps = dict[str, tuple[int, ...] | None]


def index_maps(jobs: Iterable[Mapping[str, Any]], completions: int) -> Maps:
    """The run's index of each Job's completion indexes, from what run.json says of it; None where both are one."""
    told = {str(job["name"]): job.get("indexes") for job in jobs}
    return {
        name: None if text is None else tuple(np.flatnonzero(parse_intervals(text, completions)).tolist())
        for name, text in told.items()
    }


def run_index(maps: Mapping[str, tuple[int, ...] | None], completions: int, job: str, index: int) -> int:
    """The run's index of a Job's completion index; -1 if the run has none such."""
    if job not in maps:
        return -1
    known = maps[job]
    if not 0 <= index < (completions if known is None else len(known)):
        return -1
    return index if known is None else known[index]


def index_text(indexes: npt.ArrayLike, most: int = 6) -> str:
    """Indexes for people: "0-15, 20", and from `most` ranges on "0-2, 5, … (41 in all)"."""
    found = ranges(indexes)
    shown = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found[:most])
    if len(found) <= most:
        return shown
    return f"{shown}, … ({sum(b - a + 1 for a, b in found):,} in all)"


def indexes_text(indexes: npt.ArrayLike, most: int = 6) -> str:
    """As `index_text`, with the word before it: "index 7", "indexes 0-15"."""
    word = "index" if np.unique(np.asarray(indexes)).size == 1 else "indexes"
    return f"{word} {index_text(indexes, most)}"
