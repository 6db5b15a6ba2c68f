"""The static picture: an SVG of bar and map that needs no JavaScript, no font and no network.

Cells of one state that stand side by side are one rectangle of one path, so that 20,000 indexes stay a small file.
It has no words but tooltips: a picture is as wide as its place allows, and words in it would shrink with it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from kjnb.model.state import RunState, State
from kjnb.view import words as say
from kjnb.view.theme import COLOURS, LARGEST_CELL, SHOWN, WIDTH, cells, word
from kjnb.view.timeline import Timeline

BAR_HEIGHT = 10
MAP_TOP = 18
MOST_TITLES = 300
TROUBLE = (State.FAILED, State.RETRYING)


def svg(state: RunState, timeline: Timeline, labels: Sequence[str] | None = None) -> str:
    """The picture of a run; `labels` name its indexes ("carrier AA") in the tooltips of cells in trouble."""
    grid = cells(state)
    size = min(LARGEST_CELL, WIDTH / grid.shape[1])
    height = round(MAP_TOP + size * grid.shape[0] + 2)
    title = html.escape(say.static_line(state, timeline))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="100%"',
        f'style="max-width:{WIDTH}px;display:block" role="img" aria-label="{title}">',
        bar(state, size * grid.shape[1]),
        paths(grid, size, MAP_TOP),
        titles(state, size, MAP_TOP, grid.shape[1], labels),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def bar(state: RunState, whole: float) -> str:
    """One bar as wide as the map, a piece for each state."""
    pieces, left = [], 0.0
    for one in SHOWN:
        width = whole * state.counts[one] / state.completions
        if width:
            pieces.append(
                f'<rect x="{left:.2f}" y="0" width="{width:.2f}" height="{BAR_HEIGHT}" fill="{COLOURS[one]}"/>'
            )
        left += width
    return "".join(pieces)


def paths(grid: np.ndarray[tuple[int, int], np.dtype[np.float32]], size: float, top: float) -> str:
    """The map, one path a state."""
    gap = 1.0 if size >= 5 else 0.0
    drawn = []
    for one in State:
        runs = runs_of(grid == one, joined=not gap)
        if runs:
            height = size - gap
            steps = "".join(
                f"M{first * size:.2f} {top + row * size:.2f}h{(last - first) * size - gap:.2f}v{height:.2f}"
                f"h-{(last - first) * size - gap:.2f}z"
                for row, first, last in runs
            )
            drawn.append(f'<path fill="{COLOURS[one]}" d="{steps}"/>')
    return "\n".join(drawn)


def runs_of(flags: np.ndarray[tuple[int, int], np.dtype[np.bool_]], *, joined: bool) -> list[tuple[int, int, int]]:
    """Where flags are set: (row, first column, column after the last), neighbours in a row `joined` or not."""
    if not joined:
        return [(int(row), int(column), int(column) + 1) for row, column in np.argwhere(flags)]
    edges = np.diff(np.pad(flags, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    firsts, lasts = np.argwhere(edges == 1), np.argwhere(edges == -1)
    return [(int(a[0]), int(a[1]), int(b[1])) for a, b in zip(firsts, lasts, strict=True)]


def titles(state: RunState, size: float, top: float, width: int, labels: Sequence[str] | None) -> str:
    """Crosses and tooltips on the cells in trouble, so that they are found without colour."""
    drawn = []
    groups = {one.index: one.group for one in state.failures[:MOST_TITLES]}
    for index, group in groups.items():
        row, column = divmod(index, width)
        x, y = column * size, top + row * size
        told = " · ".join(cell_words(state, index, labels, group))
        mark = cross(x, y, size) if state.states[index] in TROUBLE else ""
        box = f'<rect x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}" fill="transparent"/>'
        drawn.append(f"<g><title>{html.escape(told)}</title>{box}{mark}</g>")
    return "".join(drawn)


def cross(x: float, y: float, size: float) -> str:
    """A white cross in a cell that is large enough for one."""
    if size < 8:
        return ""
    a, b = size * 0.3, size * 0.66
    lines = f"M{x + a:.1f} {y + a:.1f}L{x + b:.1f} {y + b:.1f}M{x + b:.1f} {y + a:.1f}L{x + a:.1f} {y + b:.1f}"
    return f'<path d="{lines}" stroke="#fff" stroke-width="1.6"/>'


def cell_words(state: RunState, index: int, labels: Sequence[str] | None, group: str = "") -> list[str]:
    """What is said of one index: "index 7", "carrier AA", "failed", "attempt 2", "KeyError: 'carier', line 2"."""
    tries = int(state.tries[index])
    words = [f"index {index}", labels[index] if labels else "", word(State(state.states[index]), over=state.over)]
    words += [f"attempt {tries}" if tries > 1 else "", group]
    return [one for one in words if one]
