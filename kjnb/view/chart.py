"""The live chart as a plotly figure: the map of indexes, and completed and failed over time.

The list of traces is the same whatever the state, so that a shown figure is brought up to date trace by trace.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kjnb.model.state import RunState, State
from kjnb.view.picture import cell_words
from kjnb.view.theme import COLOURS, FONT, INK, LARGEST_CELL, LINE, SHOWN, WIDTH, columns, counted, word
from kjnb.view.timeline import Curve, Timeline
from kjnb.view.words import duration_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

LEFT, RIGHT = 56, 16
TOP, BETWEEN, BOTTOM, LINES = 42, 40, 48, 150
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
STEPS = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    21600,
    43200,
    86400,
    172800,
    604800,
)
Words = list[list[str]]


def figure(
    state: RunState, timeline: Timeline, labels: Sequence[str] | None = None, *, width: int = WIDTH
) -> go.Figure:
    """The figure of a run; `labels` name its indexes where the mouse points, `width` is that of its place in pixels.

    Traces: the map, one legend entry for each State, completed, failed.
    """
    import plotly.graph_objects as go

    drawn = traces(state, timeline, names(state.completions, labels))
    return go.Figure(data=drawn, layout=layout(state, timeline, width))


def traces(state: RunState, timeline: Timeline, named: Words) -> list[dict[str, Any]]:
    """The figure's traces as plain values, always the same ones; `named` are the names of the cells."""
    return [
        heatmap(state, named),
        *(legend_mark(state, one) for one in SHOWN),
        line(timeline, timeline.completed, "completed", COLOURS[State.SUCCEEDED], "solid"),
        line(timeline, timeline.failures, "failed", COLOURS[State.FAILED], "dot"),
    ]


def names(completions: int, labels: Sequence[str] | None) -> Words:
    """What each cell is called, for as long as the run lives: "index 7 · LGA"."""
    told = labels or [""] * completions
    words = [f"index {i}" + (f" · {html.escape(label, quote=False)}" if label else "") for i, label in enumerate(told)]
    return shaped(words, "")


def heatmap(state: RunState, named: Words) -> dict[str, Any]:
    """The map: one cell an index, row by row from the top left."""
    width = columns(state.completions)
    return {
        "type": "heatmap",
        "z": shaped(state.states.tolist(), None),
        "customdata": named,
        "text": shaped(hover_words(state), ""),
        "hovertemplate": "%{customdata} · %{text}<extra></extra>",
        "hoverongaps": False,
        "colorscale": colour_scale(),
        "zmin": -0.5,
        "zmax": len(State) - 0.5,
        "showscale": False,
        "xgap": gap(width),
        "ygap": gap(width),
        "xaxis": "x",
        "yaxis": "y",
        "name": "",
    }


def gap(width: int) -> int:
    """Pixels between cells; none where cells are too small for it."""
    return 2 if width <= 50 else 1 if width <= 125 else 0


def shaped(values: list[Any], nothing: Any) -> list[list[Any]]:
    """One value a cell, row by row; `nothing` where there is no index, in JSON's words: a message cannot hold a NaN."""
    width = columns(len(values))
    filled = values + [nothing] * (-len(values) % width)
    return [filled[first : first + width] for first in range(0, len(filled), width)]


def hover_words(state: RunState) -> list[str]:
    """What each cell says beside its name: "failed · attempt 2 · KeyError: 'carier', line 2"."""
    plain = [word(one, over=state.over) for one in State]
    words = [plain[number] for number in state.states.tolist()]
    for index in np.flatnonzero(state.tries > 1).tolist():
        words[index] = " · ".join(cell_words(state, index, None)[1:])
    for failure in state.failures:
        told = cell_words(state, failure.index, None, failure.group)[1:]
        words[failure.index] = html.escape(" · ".join(told), quote=False)
    return words


def colour_scale() -> list[tuple[float, str]]:
    """Each state's colour over its own stretch of the scale, so that nothing is in between."""
    step = 1 / len(State)
    return [(edge, COLOURS[one]) for one in State for edge in (one * step, min(1.0, (one + 1) * step))]


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
        "xaxis": "x",
        "yaxis": "y",
    }


def line(timeline: Timeline, curve: Curve, name: str, colour: str, dash: str) -> dict[str, Any]:
    """A count over the seconds since the start, as steps."""
    start = curve.times[0] if timeline.begun is None else timeline.begun
    seconds = curve.times - start
    return {
        "type": "scatter",
        "x": seconds,
        "y": curve.counts,
        "mode": "lines",
        "line": {"shape": "hv", "color": colour, "width": 2, "dash": dash},
        "name": name,
        "text": [duration_text(float(value)) for value in seconds],
        "hovertemplate": f"%{{y:,}} {name} after %{{text}}<extra></extra>",
        "legend": "legend2",
        "xaxis": "x2",
        "yaxis": "y2",
    }


def layout(state: RunState, timeline: Timeline, place: int = WIDTH) -> dict[str, Any]:
    """Map above, lines below, each as high as it needs in a place so wide; no colours of its own behind them.

    A place that is narrower makes the map smaller: its cells stay squares.
    """
    width = columns(state.completions)
    rows = -(-state.completions // width)
    map_height = rows * min(LARGEST_CELL, (place - LEFT - RIGHT) / width)
    inner = map_height + BETWEEN + LINES
    lines_top = LINES / inner
    return {
        "height": round(TOP + inner + BOTTOM),
        "margin": {"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": INK},
        "hovermode": "closest",
        "dragmode": False,
        "xaxis": {"range": [-0.5, width - 0.5], "visible": False, "fixedrange": True, **SQUARES},
        "yaxis": map_axis(rows, width, lines_top + BETWEEN / inner),
        "xaxis2": time_axis(timeline),
        "yaxis2": count_axis(state, lines_top),
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "xanchor": "left", **QUIET_LEGEND},
        "legend2": {"orientation": "h", "x": 0, "y": lines_top, "yanchor": "bottom", "xanchor": "left", **QUIET_LEGEND},
    }


SQUARES = {"scaleanchor": "y", "constrain": "domain", "constraintoward": "left"}
QUIET_LEGEND = {"itemclick": False, "itemdoubleclick": False, "bgcolor": "rgba(0,0,0,0)"}


def map_axis(rows: int, width: int, bottom: float) -> dict[str, Any]:
    """The first index of some rows stands at the left of the map."""
    shown = list(range(0, rows, max(1, -(-rows // 8))))
    return {
        "range": [rows - 0.5, -0.5],
        "domain": [bottom, 1],
        "constrain": "domain",
        "constraintoward": "top",
        "tickvals": shown,
        "ticktext": [f"{row * width:,}" for row in shown],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }


def time_axis(timeline: Timeline) -> dict[str, Any]:
    """Seconds since the start, with round numbers in the unit that fits."""
    span = max(0.5, timeline.elapsed or 0.0)
    step = next((one for one in STEPS if span / one <= 8), STEPS[-1])
    values = [round(number * step, 1) for number in range(int(span / step + 1e-9) + 1)]
    return {
        "range": [0, span * 1.01],
        "anchor": "y2",
        "tickvals": values,
        "ticktext": [tick_text(value, step) for value in values],
        "ticklabelstandoff": 6,
        "title": {"text": "since the start", "standoff": 6, "font": {"size": 12}},
        "gridcolor": LINE,
        "zeroline": False,
        "fixedrange": True,
    }


def tick_text(seconds: float, step: float) -> str:
    """A moment in the unit of the step: "0.2 s", "30 s", "5 min", "2 h", "3 d"."""
    unit, size = next((unit for unit in UNITS if step >= unit[1]), UNITS[-1])
    return f"{seconds / size:g} {unit}"


def count_axis(state: RunState, top: float) -> dict[str, Any]:
    """From nothing to all indexes, in whole numbers."""
    return {
        "range": [0, state.completions * 1.05],
        "domain": [0, top],
        "anchor": "x2",
        "title": {"text": "indexes", "standoff": 4, "font": {"size": 12}},
        "ticklabelstandoff": 4,
        "tickformat": ",d",
        "nticks": 5,
        "dtick": 1 if state.completions <= 4 else None,
        "gridcolor": LINE,
        "zeroline": False,
        "fixedrange": True,
        "rangemode": "tozero",
    }
