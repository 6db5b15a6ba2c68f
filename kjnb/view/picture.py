"""The static picture: an SVG of bar and map that needs no JavaScript, no font and no network.

A run of very many indexes is drawn in blocks, so that the file stays small.
It has no words but tooltips: a picture is as wide as its place allows, and words in it would shrink with it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from kjnb.model.state import RunState, State
from kjnb.view import words as say
from kjnb.view.mosaic import LEVELS, Cells, cells, whole
from kjnb.view.theme import COLOURS, FAINT, FAINTEST, LARGEST_CELL, SHOWN, WIDTH, faded, word
from kjnb.view.timeline import Timeline

BAR_HEIGHT = 10
MAP_TOP = 18
MOST_TITLES = 300
TROUBLE = (State.FAILED, State.RETRYING)


def svg(state: RunState, timeline: Timeline, labels: Sequence[str] | None = None) -> str:
    """The picture of a run; `labels` name its indexes ("carrier AA") in the tooltips of cells in trouble."""
    shown = cells(state, whole(state.completions))
    window = shown.window
    size = min(LARGEST_CELL, WIDTH / window.width)
    height = round(MAP_TOP + size * window.rows + 2)
    title = html.escape(say.static_line(state, timeline))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="100%"',
        f'style="max-width:{WIDTH}px;display:block" role="img" aria-label="{title}">',
        bar(state, size * window.width),
        paths(shown, size, MAP_TOP),
        titles(state, size, MAP_TOP, window.width, labels) if window.step == 1 else block_titles(shown, size, MAP_TOP),
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


def paths(shown: Cells, size: float, top: float) -> str:
    """The map, one path a state and shade."""
    gap = 1.0 if size >= 5 else 0.0
    drawn = []
    for code in np.unique(shown.codes).tolist():
        steps = "".join(
            f"M{column * size:.2f} {top + row * size:.2f}h{size - gap:.2f}v{size - gap:.2f}h-{size - gap:.2f}z"
            for row, column in (
                divmod(cell, shown.window.width) for cell in np.flatnonzero(shown.codes == code).tolist()
            )
        )
        drawn.append(f'<path fill="{shade(*divmod(code, LEVELS))}" d="{steps}"/>')
    return "\n".join(drawn)


def shade(state: int, level: int) -> str:
    """The colour of a cell: that of its worst state, the fuller the more of its indexes are done."""
    one = State(state)
    if level == LEVELS - 1:
        return COLOURS[one]
    share = level / (LEVELS - 1)
    if one == State.QUEUED:
        return faded(State.SUCCEEDED, round(0.15 + 0.6 * share, 2))
    faint = FAINT.get(one, FAINTEST)
    return faded(one, round(faint + (1 - faint) * share, 2))


def block_titles(shown: Cells, size: float, top: float) -> str:
    """Crosses and tooltips on the blocks in which something failed."""
    drawn = []
    for cell in np.flatnonzero(shown.worst == State.FAILED)[:MOST_TITLES].tolist():
        row, column = divmod(cell, shown.window.width)
        indexes, counts = shown.window.of(cell), shown.counts[cell]
        done, failed = int(counts[State.SUCCEEDED]), int(counts[State.FAILED])
        told = f"indexes {indexes.start}-{indexes.stop - 1} · {done} of {len(indexes)} done, {failed} failed"
        drawn.append(marked(column * size, top + row * size, size, told, is_crossed=True))
    return "".join(drawn)


def titles(state: RunState, size: float, top: float, width: int, labels: Sequence[str] | None) -> str:
    """Crosses and tooltips on the cells in trouble, so that they are found without colour."""
    drawn = []
    groups = {one.index: one.group for one in state.failures[:MOST_TITLES]}
    for index, group in groups.items():
        row, column = divmod(index, width)
        x, y = column * size, top + row * size
        told = " · ".join(cell_words(state, index, labels, group))
        drawn.append(marked(x, y, size, told, is_crossed=state.states[index] in TROUBLE))
    return "".join(drawn)


def marked(x: float, y: float, size: float, told: str, *, is_crossed: bool) -> str:
    """A tooltip over a cell, and a cross in it."""
    box = f'<rect x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}" fill="transparent"/>'
    return f"<g><title>{html.escape(told)}</title>{box}{cross(x, y, size) if is_crossed else ''}</g>"


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
