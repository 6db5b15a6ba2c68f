"""The chart's time: completed and failed with the expected end, and a bar an attempt, over one axis of seconds."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kjnb.model.state import RunState, State
from kjnb.view.gantt import STATE_OF, Lane, words
from kjnb.view.theme import COLOURS, LINE, faded
from kjnb.view.timeline import Curve, Timeline
from kjnb.view.words import duration_text

UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
STEPS = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800,
    604800,
)  # fmt: skip
LANE, MOST_HEIGHT = 14, 220  # pixels
LONGEST_TICK = 8


class Clock(NamedTuple):
    """The axis of time: its length in seconds, the step of its ticks, and the unit it is told in."""

    start: float
    span: float
    step: float
    unit: str
    size: int

    def told(self, times: Any) -> Any:
        """Epoch seconds on this axis."""
        return ((np.asarray(times, dtype=np.float64) - self.start) / self.size).astype(np.float32)


def clock(timeline: Timeline) -> Clock:
    """The axis for what has been and, while a run goes on, for as much of what may come."""
    elapsed = timeline.elapsed or 0.0
    ahead = min(timeline.band[1], elapsed) if timeline.band else 0.0
    span = max(0.5, elapsed + ahead)
    step = next((one for one in STEPS if span / one <= 8), STEPS[-1])
    unit, size = next((unit for unit in UNITS if step >= unit[1]), UNITS[-1])
    start = timeline.completed.times[0] if timeline.begun is None else timeline.begun
    return Clock(float(start), span, step, unit, size)


def curves(state: RunState, timeline: Timeline, axis: Clock) -> list[dict[str, Any]]:
    """The expected end, completed and failed."""
    return [
        expected(state, timeline, axis),
        line(timeline.completed, axis, "completed", COLOURS[State.SUCCEEDED], "solid"),
        line(timeline.failures, axis, "failed", COLOURS[State.FAILED], "dot"),
    ]


def line(curve: Curve, axis: Clock, name: str, colour: str, dash: str) -> dict[str, Any]:
    """A count over time, as steps."""
    return {
        "type": "scatter",
        "x": axis.told(curve.times),
        "y": curve.counts.astype(np.uint32),
        "mode": "lines",
        "line": {"shape": "hv", "color": colour, "width": 2, "dash": dash},
        "name": name,
        "hovertemplate": f"%{{y:,}} {name} after %{{x:.3~g}} {axis.unit}<extra></extra>",
        "legend": "legend2",
        "xaxis": "x2",
        "yaxis": "y2",
    }


def expected(state: RunState, timeline: Timeline, axis: Clock) -> dict[str, Any]:
    """The fan from now to where the run may end, eight times of ten; no points where nothing is known."""
    low, high = timeline.band or (0.0, 0.0)
    total = state.completions - timeline.failed - state.counts[State.LOST]
    times = [timeline.now, timeline.now + low, timeline.now + high, timeline.now]
    counts = [timeline.done, total, total, timeline.done]
    shown = len(times) if timeline.band else 0
    soon, late = duration_text(round(low)), duration_text(round(high))
    said = f"end expected in {soon if soon == late else f'{soon} to {late}'}" if timeline.band else ""
    return {
        "type": "scatter",
        "x": axis.told(times[:shown]),
        "y": np.asarray(counts[:shown], dtype=np.uint32),
        "mode": "lines",
        "fill": "toself",
        "fillcolor": faded(State.SUCCEEDED, 0.18),
        "line": {"color": faded(State.SUCCEEDED, 0.5), "width": 1},
        "name": said,
        "showlegend": bool(shown),
        "hoverinfo": "skip",
        "legend": "legend2",
        "xaxis": "x2",
        "yaxis": "y2",
    }


def attempts(lanes: Sequence[Lane], axis: Clock, labels: Sequence[str] | None = None) -> dict[str, Any]:
    """A bar an attempt, the lanes from above; those that take far longer than others have a line around them."""
    found = [(number, bar) for number, lane in enumerate(lanes) for bar in lane.bars]
    starts = np.array([bar.start for _, bar in found])
    ends = np.array([bar.end for _, bar in found])
    sliver = axis.span / 500  # between two bars, and the least that can be seen
    long = np.maximum(ends - starts - sliver, np.maximum(0.7 * (ends - starts), sliver))
    return {
        "type": "bar",
        "orientation": "h",
        "base": axis.told(starts),
        "x": (long / axis.size).astype(np.float32),
        "y": np.array([number for number, _ in found], dtype=np.uint16),
        "width": 0.84,
        "marker": {
            "color": np.array([STATE_OF[bar.phase] for _, bar in found], dtype=np.uint8),
            "colorscale": [
                (edge / len(State), COLOURS[one]) for one in State for edge in (int(one), int(one) + 1)
            ],
            "cmin": -0.5,
            "cmax": len(State) - 0.5,
            "line": {"width": np.array([2 * bar.is_far for _, bar in found], dtype=np.uint8), "color": "#f0e442"},
        },
        "text": [words(bar, labels) for _, bar in found],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
        "name": "attempts",
        "xaxis": "x3",
        "yaxis": "y3",
    }  # fmt: skip


def time_axis(axis: Clock, anchor: str, *, is_lowest: bool) -> dict[str, Any]:
    """Time since the start, with round numbers in the unit that fits; its words stand below the lowest part only."""
    steps = [number * axis.step for number in range(int(axis.span / axis.step + 1e-9) + 1)]
    values = [round(seconds, 1) / axis.size for seconds in steps]
    return {
        "range": [0, axis.span / axis.size * 1.01],
        "anchor": anchor,
        "tickvals": values,
        "ticktext": [f"{value:g} {axis.unit}" for value in values],
        "showticklabels": is_lowest,
        "ticklabelstandoff": 6,
        "title": {"text": "since the start" if is_lowest else "", "standoff": 6, "font": {"size": 12}},
        "gridcolor": LINE,
        "zeroline": False,
        "fixedrange": True,
    }


def count_axis(state: RunState, bottom: float, top: float) -> dict[str, Any]:
    """From nothing to all indexes, in whole numbers."""
    return {
        "range": [0, state.completions * 1.05],
        "domain": [bottom, top],
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


def lanes_height(lanes: Sequence[Lane]) -> int:
    """Pixels for the lanes: a few are easy to point at, many become thin."""
    return min(MOST_HEIGHT, max(2, len(lanes)) * LANE) if lanes else 0


def lanes_axis(lanes: Sequence[Lane], top: float) -> dict[str, Any]:
    """The lanes from above, with the node's name beside its first one where there are several nodes."""
    firsts = [number for number, lane in enumerate(lanes) if not number or lanes[number - 1].node != lane.node]
    shown = firsts if len(firsts) > 1 else []
    title = "nodes" if shown else "pods"
    return {
        "range": [max(2, len(lanes)) - 0.5, -0.5],
        "domain": [0, top] if lanes else [0, 0.001],
        "anchor": "x3",
        "visible": bool(lanes),
        "tickvals": shown,
        "ticktext": [html.escape(short(lanes[number].node), quote=False) for number in shown],
        "title": {"text": "" if len(firsts) > 1 else title, "standoff": 20, "font": {"size": 12}},
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }


def short(node: str) -> str:
    """A node's name beside the axis: its end tells nodes apart."""
    return node if len(node) <= LONGEST_TICK else f"…{node[1 - LONGEST_TICK :]}"
