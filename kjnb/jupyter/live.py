"""The live widget: a line of words, the chart, failures by group. It is drawn from a state and keeps none of its own.

Only traits are set, from the monitor's one thread; nothing here asks a cluster or waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets

from kjnb.jupyter.figure import QuietFigure
from kjnb.model.state import RunState
from kjnb.view import chart, text, theme
from kjnb.view.mosaic import whole
from kjnb.view.timeline import Timeline

# As long as this widget stands in a page, the static output beside it is its heading only: one picture is enough.
ONE_PICTURE = f"""<style>
.kjnb-monitor {{ max-width: {theme.WIDTH}px }}
.jp-OutputArea:has(.kjnb-monitor) .kjnb-static > :not(:first-child, :last-child) {{ display: none !important }}
</style>"""


class LiveView:
    """The widgets of one view, found in a page by class: kjnb-monitor, kjnb-line, kjnb-chart, kjnb-failures."""

    def __init__(self, state: RunState, timeline: Timeline, labels: Sequence[str] | None = None) -> None:
        self._labels = labels
        self._window = whole(state.completions)
        self._named = chart.names(self._window, labels)
        self.figure: Any = QuietFigure(*self._draft(state, timeline))
        self.line = _classed(ipywidgets.HTML(), "kjnb-line")
        self.failures = _classed(ipywidgets.HTML(), "kjnb-failures")
        self._chart = _classed(ipywidgets.VBox([self.figure]), "kjnb-chart")
        self.box = _classed(ipywidgets.VBox([self.line, self._chart, self.failures]), "kjnb-monitor")
        self.box._view_count = 0  # the page now counts the views it has open
        self._was_open = self._fitted = False
        self.say(state, timeline)

    @property
    def hidden(self) -> bool:
        """Whether the page had it open and has closed it."""
        self._was_open = self._was_open or bool(self.box._view_count)
        return self._was_open and not self.box._view_count

    def draw(self, state: RunState, timeline: Timeline) -> None:
        """Show another state: one message for the chart, and only what differs."""
        self.figure.draw(*self._draft(state, timeline))
        self.say(state, timeline)

    def _draft(self, state: RunState, timeline: Timeline) -> chart.Drawn:
        return chart.draw(state, timeline, self._window, self._named, self._labels)

    def say(self, state: RunState, timeline: Timeline) -> None:
        """The words alone: they move with the time, too."""
        self.line.value = ONE_PICTURE + text.line_html(state, timeline)
        self.failures.value = text.failures_html(state, timeline, self._labels)
        self._fit()

    def _fit(self) -> None:
        """A chart is first drawn before it stands in the page, too narrow or too wide; the next message fits it."""
        if self.figure._view_count and not self._fitted:
            self._fitted = True
            self.figure.fit()

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
