"""The sizes of a plan's partitions as bars, and their skew in words. Beyond some hundreds a bar stands for a block."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kjnb.model.state import State
from kjnb.view.theme import COLOURS, FONT, INK, LINE

MOST_BARS = 200
HEIGHT = 190
SKEWED = 2.0  # times the mean: from here on the largest is worth a word
Sizes = npt.NDArray[np.int64]


class Bars(NamedTuple):
    """One bar an index or a block: the rows of its largest partition, where it begins, how wide it is, what it says."""

    heights: list[int]
    firsts: list[int]
    width: int
    words: list[str]


def bars(sizes: Sizes, labels: Sequence[str] | None = None) -> Bars:
    """At most MOST_BARS bars; `labels` name the partitions, for as long as each has a bar of its own."""
    width = max(1, -(-len(sizes) // MOST_BARS))
    firsts = list(range(0, len(sizes), width))
    blocks = [sizes[first : first + width] for first in firsts]
    return Bars(
        [int(block.max()) for block in blocks],
        firsts,
        width,
        [block_words(first, block, labels) for first, block in zip(firsts, blocks, strict=True)],
    )


def block_words(first: int, block: Sizes, labels: Sequence[str] | None) -> str:
    """What a bar says where the mouse points: "index 7 · LGA · 104,662 rows", "indexes 50-99 · 10-400 rows each"."""
    if len(block) == 1:
        name = f" · {html.escape(labels[first], quote=False)}" if labels and labels[first] else ""
        return f"index {first:,}{name} · {int(block[0]):,} row{'' if block[0] == 1 else 's'}"
    low, high = int(block.min()), int(block.max())
    return f"indexes {first:,}-{first + len(block) - 1:,} · {low:,}{'' if low == high else f'-{high:,}'} rows each"


def skew(sizes: Sizes) -> float:
    """How many times the mean the largest partition has; 1.0 where all are alike."""
    return float(sizes.max() / sizes.mean()) if len(sizes) and sizes.sum() else 1.0


def skew_words(sizes: Sizes) -> str:
    """The skew in a few words: "all alike", "the largest has 2.8 times the mean"."""
    times = skew(sizes)
    if times < 1.05:
        return "all of about the same size"
    return f"the largest has {times:.1f} times the mean"


def trace(sizes: Sizes, labels: Sequence[str] | None = None) -> dict[str, Any]:
    """The bars as plotly takes them; those far above the mean stand out, as do their numbers in the words."""
    drawn = bars(sizes, labels)
    mean = float(sizes.mean()) if len(sizes) else 0.0
    high = COLOURS[State.RETRYING]
    return {
        "x": [first + (drawn.width - 1) / 2 for first in drawn.firsts],
        "y": drawn.heights,
        "width": [drawn.width * 0.86] * len(drawn.firsts),
        "text": drawn.words,
        "marker": {
            "color": [high if rows > SKEWED * mean else COLOURS[State.RUNNING] for rows in drawn.heights],
            "line": {"width": 0},
        },
    }


def layout(sizes: Sizes) -> dict[str, Any]:
    """Indexes to the right, rows upwards, and a line at the mean."""
    mean = float(sizes.mean()) if len(sizes) else 0.0
    top = max(1, int(sizes.max(initial=0)))
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": mean, "y1": mean}
    return {
        "xaxis": {"range": [-0.6, max(1, len(sizes)) - 0.4], "dtick": whole_steps(len(sizes))},
        "yaxis": {"range": [0, top * 1.08], "dtick": whole_steps(top)},
        "shapes": [line | {"line": {"color": INK, "width": 1, "dash": "dot"}}],
    }


def whole_steps(most: int) -> int | None:
    """One a tick where plotly would put ticks at fractions; else as plotly likes."""
    return 1 if most <= 6 else None


def empty_layout() -> dict[str, Any]:
    """What of the layout never changes."""
    axis = {"gridcolor": LINE, "zeroline": False, "fixedrange": True, "tickformat": ",d"}
    title = {"standoff": 4, "font": {"size": 12}}
    return {
        "height": HEIGHT,
        "margin": {"l": 64, "r": 12, "t": 8, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": INK},
        "dragmode": False,
        "showlegend": False,
        "xaxis": {**axis, "showgrid": False, "title": {"text": "index", **title}},
        "yaxis": {**axis, "title": {"text": "rows", **title}, "nticks": 5},
    }
