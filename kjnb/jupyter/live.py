"""The live widget: a line of words, the chart, failures by group. It is drawn from a state and keeps none of its own.

Only traits are set, from the monitor's one thread; nothing here asks a cluster or waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from kjnb.model.state import RunState
from kjnb.view import chart, text, theme
from kjnb.view.timeline import Timeline

# As long as this widget stands in a page, the static output beside it is its heading only: one picture is enough.
ONE_PICTURE = f"""<style>
.kjnb-monitor {{ max-width: {theme.WIDTH}px }}
.jp-OutputArea:has(.kjnb-monitor) .kjnb-static > :not(:first-child, :last-child) {{ display: none !important }}
</style>"""

BY_CELL = ("z", "text", "customdata")


class LiveView:
    """The widgets of one view, found in a page by class: kjnb-monitor, kjnb-line, kjnb-chart, kjnb-failures."""

    def __init__(self, state: RunState, timeline: Timeline, labels: Sequence[str] | None = None) -> None:
        self._labels = labels
        self._named: Any = np.array(chart.names(state.completions, labels), dtype=object)
        self._drawn = self._draft(state, timeline)
        self.figure: Any = go.FigureWidget(data=self._drawn[0], layout=self._drawn[1])
        self.figure._config = {"responsive": True, "displayModeBar": False}
        self.figure.layout.autosize = True  # every message that touches the layout fits it to the cell
        self.line = _classed(ipywidgets.HTML(), "kjnb-line")
        self.failures = _classed(ipywidgets.HTML(), "kjnb-failures")
        self._chart = _classed(ipywidgets.VBox([self.figure]), "kjnb-chart")
        self.box = _classed(ipywidgets.VBox([self.line, self._chart, self.failures]), "kjnb-monitor")
        self.box._view_count = 0  # the page now counts the views it has open
        self._was_open = False
        self.say(state, timeline)

    @property
    def hidden(self) -> bool:
        """Whether the page had it open and has closed it."""
        self._was_open = self._was_open or bool(self.box._view_count)
        return self._was_open and not self.box._view_count

    def draw(self, state: RunState, timeline: Timeline) -> None:
        """Show another state: one message for the chart, and only what differs."""
        old_data, old_layout = self._drawn
        data, layout = self._drawn = self._draft(state, timeline)
        with self.figure.batch_update():
            for shown, before, after in zip(self.figure.data, old_data, data, strict=True):
                shown.update(_changed(before, after), overwrite=True)
            self.figure.layout.update(_changed(old_layout, layout))
        self.say(state, timeline)

    def _draft(self, state: RunState, timeline: Timeline) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        traces = chart.traces(state, timeline, self._named)
        for name in BY_CELL:  # plotly takes an array as it is, and looks at each element of a list
            traces[0][name] = np.asarray(traces[0][name], dtype=object)
        return traces, chart.layout(state, timeline)

    def say(self, state: RunState, timeline: Timeline) -> None:
        """The words alone: they move with the time, too."""
        self.line.value = ONE_PICTURE + text.line_html(state, timeline)
        self.failures.value = text.failures_html(state, timeline, self._labels)
        self._fit()

    def _fit(self) -> None:
        """A chart is first drawn before it stands in the page, too narrow or too wide; the next message fits it."""
        if self.figure._view_count and self.figure.layout.meta is None:
            self.figure.layout.meta = "fitted"

    def trouble(self, sentence: str) -> None:
        """A line about the view itself; what stands below it stays as it was."""
        self.line.value = ONE_PICTURE + text.escaped(sentence)

    def bundle(self) -> dict[str, Any]:
        """What displays the widget, and nothing else beside it."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}

    def close(self) -> None:
        """Take the widgets away, in the page too."""
        for widget in (self.box, self._chart, self.figure, self.line, self.failures):
            widget.close()


def _classed(widget: Any, name: str) -> Any:
    return widget.add_class(name)


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The entries that are not as they were."""
    return {key: value for key, value in after.items() if not same(before.get(key), value)}


def same(one: Any, other: Any) -> bool:
    """Equality of values that may be arrays."""
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return one is not None and np.array_equal(np.asarray(one), np.asarray(other))
    return bool(one == other)
