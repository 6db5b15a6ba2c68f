"""The chart's map: a heatmap of cells, marks on those that need a look, and a legend that counts."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kjnb.model.state import RunState, State
from kjnb.view.mosaic import LEVELS, Cells, Window, cells
from kjnb.view.picture import cell_words
from kjnb.view.theme import COLOURS, FAINT, FAINTEST, SHOWN, counted, faded, word
from kjnb.view.timeline import Timeline

Words = npt.NDArray[np.object_]
MOST_TOLD = 500  # cells whose failure is told where the mouse points, and marks on the map
MARKED_FROM = 14.0  # columns of a map are at least so many pixels wide where marks are drawn
AXES = {"xaxis": "x", "yaxis": "y"}
SQUARES = {"scaleanchor": "y", "constrain": "domain", "constraintoward": "left"}


def traces(state: RunState, timeline: Timeline, window: Window, named: Words) -> list[dict[str, Any]]:
    """The map, the marks of failed and of straggling cells, and an entry of the legend for each state."""
    shown = cells(state, window)
    failed = np.flatnonzero(shown.worst == State.FAILED)
    late = [(index - window.first) // window.step for index in timeline.stragglers if index in inside(window)]
    return [
        heatmap(state, shown, named),
        marks(window, failed, "x-thin", 6),
        marks(window, np.asarray(late, dtype=np.int64), "circle-open", 9),
        *(legend_mark(state, one) for one in SHOWN),
    ]


def inside(window: Window) -> range:
    """The indexes a map shows."""
    return range(window.first, window.last)


def names(window: Window, labels: Sequence[str] | None) -> Words:
    """What each cell is called, for as long as the run lives: "index 7 · LGA", "indexes 700-799 · LGA … SFO"."""
    return np.array([name(window.of(cell), labels) for cell in range(window.cells)], dtype=object)


def name(indexes: range, labels: Sequence[str] | None) -> str:
    """What one cell is called."""
    first, last = indexes.start, indexes.stop - 1
    told = [labels[index] for index in dict.fromkeys((first, last)) if labels[index]] if labels else []
    what = f"index {first}" if first == last else f"indexes {first}-{last}"
    return " · ".join([what, *([html.escape(" … ".join(told), quote=False)] if told else [])])


def heatmap(state: RunState, shown: Cells, named: Words) -> dict[str, Any]:
    """The map: one cell an index or a block of them, row by row from the top left, as packed columns x, y, z."""
    window = shown.window
    places = np.arange(window.cells, dtype=np.uint16)
    gap = 2 if window.width <= 50 else 1 if window.width <= 125 else 0
    return {
        "type": "heatmap",
        "x": places % window.width,
        "y": places // window.width,
        "z": shown.codes,
        "text": named,
        "customdata": told(state, shown),
        "hovertemplate": template(window),
        "hoverongaps": False,
        "colorscale": colour_scale(),
        "zmin": -0.5,
        "zmax": len(State) * LEVELS - 0.5,
        "showscale": False,
        "xgap": gap,
        "ygap": gap,
        **AXES,
        "name": "",
    }


def template(window: Window) -> str:
    """What stands where the mouse points: the cell's name, and its state in words or its counts."""
    if window.step == 1:
        return "%{text} · %{customdata}<extra></extra>"
    return f"%{{text}} · of {window.step} done, running, failed: %{{customdata}}<extra></extra>"


def told(state: RunState, shown: Cells) -> Words:
    """What each cell says beside its name: words of an index, three short numbers of a block."""
    if shown.window.step == 1:
        return np.array(hover_words(state, shown.window), dtype=object)
    counts = shown.counts[:, [State.SUCCEEDED, State.RUNNING, State.FAILED]].tolist()
    return np.array([f"{done}, {running}, {failed}" for done, running, failed in counts], dtype=object)


def hover_words(state: RunState, window: Window) -> list[str]:
    """What each index of a map says beside its name: "failed · attempt 2 · KeyError: 'carier', line 2"."""
    plain = [word(one, over=state.over) for one in State]
    words = [plain[number] for number in state.states[window.first : window.last].tolist()]
    for place in np.flatnonzero(state.tries[window.first : window.last] > 1).tolist():
        words[place] = " · ".join(cell_words(state, window.first + place, None)[1:])
    here = [failure for failure in state.failures if failure.index in inside(window)]
    for failure in here[:MOST_TOLD]:
        said = cell_words(state, failure.index, None, failure.group)[1:]
        words[failure.index - window.first] = html.escape(" · ".join(said), quote=False)
    return words


def colour_scale() -> list[tuple[float, str]]:
    """Each state's colour over its own stretch of the scale: the fuller, the more of a block is done."""
    step, full = 1 / len(State), (LEVELS - 1) / LEVELS
    scale: list[tuple[float, str]] = []
    for one in State:
        pale, rich = shades(one)
        scale += [(one * step, pale), ((one + full) * step, rich)]
        scale += [((one + full) * step, COLOURS[one]), (min(1.0, (one + 1) * step), COLOURS[one])]
    return scale


def shades(one: State) -> tuple[str, str]:
    """The colours of a block: while hardly anything else in it is done, and when nearly all is."""
    if one == State.QUEUED:
        return faded(State.SUCCEEDED, 0.15), faded(State.SUCCEEDED, 0.75)
    return faded(one, FAINT.get(one, FAINTEST)), COLOURS[one]


def marks(window: Window, found: npt.NDArray[np.int64], symbol: str, size: int) -> dict[str, Any]:
    """Marks on cells, so that they are found without colour; none where cells are too small for them."""
    shown = found[:MOST_TOLD] if window.width * MARKED_FROM <= 900 else found[:0]
    return {
        "type": "scatter",
        "x": (shown % window.width).astype(np.uint16),
        "y": (shown // window.width).astype(np.uint16),
        "mode": "markers",
        "marker": {"symbol": symbol, "size": size, "color": "#fff", "line": {"width": 1.6, "color": "#fff"}},
        "name": "",
        "showlegend": False,
        "hoverinfo": "skip",
        **AXES,
    }


def legend_mark(state: RunState, one: State) -> dict[str, Any]:
    """A legend entry that says the count; hidden while no index is in that state."""
    count = state.counts[one]
    return {
        "type": "scatter",
        "x": [None],
        "y": [None],
        "mode": "markers",
        "marker": {"symbol": "square", "size": 11, "color": COLOURS[one]},
        "name": counted(count, one, over=state.over),
        "showlegend": count > 0,
        "hoverinfo": "skip",
        **AXES,
    }


def across(window: Window) -> dict[str, Any]:
    """The map's columns; its cells are squares."""
    return {"range": [-0.5, window.width - 0.5], "visible": False, "fixedrange": True, **SQUARES}


def down(window: Window, bottom: float) -> dict[str, Any]:
    """The first index of some rows stands at the left of the map."""
    shown = list(range(0, window.rows, max(1, -(-window.rows // 8))))
    return {
        "range": [window.rows - 0.5, -0.5],
        "domain": [bottom, 1],
        "constrain": "domain",
        "constraintoward": "top",
        "tickvals": shown,
        "ticktext": [f"{window.first + row * window.width * window.step:,}" for row in shown],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }
