"""Sets of completion indexes as the API writes them ("0,2-5"), read fast, and written short for people."""

from __future__ import annotations

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
