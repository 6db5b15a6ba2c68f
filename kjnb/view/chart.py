"""The live chart as a plotly figure: the map of indexes, completed and failed over time, and a bar an attempt.

The list of traces is the same whatever the state, so that a shown figure is brought up to date trace by trace, and
numbers stand in packed arrays, which go to a page as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kjnb.model.state import RunState
from kjnb.view import chart_map, chart_time
from kjnb.view.chart_map import Words, names
from kjnb.view.gantt import Lane, lanes
from kjnb.view.mosaic import Window, whole
from kjnb.view.theme import FONT, INK, LARGEST_CELL, WIDTH
from kjnb.view.timeline import Timeline

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Drawn", "draw", "figure", "names"]

LEFT, RIGHT = 56, 16
TOP, BETWEEN, BOTTOM, LINES, ABOVE_LANES = 42, 40, 48, 150, 18
QUIET_LEGEND = {"itemclick": False, "itemdoubleclick": False, "bgcolor": "rgba(0,0,0,0)"}


class Drawn(NamedTuple):
    """A figure as plain values: its traces, always the same ones in the same order, and its layout."""

    traces: list[dict[str, Any]]
    layout: dict[str, Any]


def figure(
    state: RunState, timeline: Timeline, labels: Sequence[str] | None = None, *, width: int = WIDTH
) -> go.Figure:
    """The figure of a run; `labels` name its indexes where the mouse points, `width` is that of its place in pixels.

    Traces: the map, marks on it, one legend entry for each State, the expected end, completed, failed, attempts.
    """
    import plotly.graph_objects as go

    window = whole(state.completions)
    drawn = draw(state, timeline, window, names(window, labels), labels, width=width)
    return go.Figure(data=drawn.traces, layout=drawn.layout)


def draw(
    state: RunState,
    timeline: Timeline,
    window: Window,
    named: Words,
    labels: Sequence[str] | None = None,
    *,
    width: int = WIDTH,
) -> Drawn:
    """The figure of a run with the map of `window`, whose cells are called as `named` says."""
    clock = chart_time.clock(timeline)
    beside = lanes(state, timeline.now if timeline.ended is None else timeline.ended, timeline.far)
    traces = [
        *chart_map.traces(state, timeline, window, named),
        *chart_time.curves(state, timeline, clock),
        chart_time.attempts(beside, clock, labels),
    ]
    return Drawn(traces, layout(state, clock, window, beside, width))


def layout(
    state: RunState, clock: chart_time.Clock, window: Window, beside: Sequence[Lane], place: int = WIDTH
) -> dict[str, Any]:
    """Map above, lines and attempts below, each as high as it needs in a place so wide; no colours behind them.

    A place that is narrower makes the map smaller: its cells stay squares.
    """
    map_height = window.rows * min(LARGEST_CELL, (place - LEFT - RIGHT) / window.width)
    lanes_height = chart_time.lanes_height(beside)
    below = lanes_height + (ABOVE_LANES if beside else 0)
    inner = map_height + BETWEEN + LINES + below
    top_of_lines, bottom_of_lines = (LINES + below) / inner, below / inner
    return {
        "autosize": True,  # as wide as its place
        "height": round(TOP + inner + BOTTOM),
        "margin": {"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": INK},
        "hovermode": "closest",
        "dragmode": False,
        "barmode": "overlay",
        "xaxis": chart_map.across(window),
        "yaxis": chart_map.down(window, top_of_lines + BETWEEN / inner),
        "xaxis2": chart_time.time_axis(clock, "y2", is_lowest=not beside),
        "yaxis2": chart_time.count_axis(state, bottom_of_lines, top_of_lines),
        "xaxis3": chart_time.time_axis(clock, "y3", is_lowest=bool(beside)) | {"visible": bool(beside)},
        "yaxis3": chart_time.lanes_axis(beside, lanes_height / inner),
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "xanchor": "left", **QUIET_LEGEND},
        "legend2": {
            "orientation": "h", "x": 0, "y": top_of_lines, "yanchor": "bottom", "xanchor": "left", **QUIET_LEGEND
        },
    }  # fmt: skip
