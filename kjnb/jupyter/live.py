"""The live widget: words and buttons, the chart, failures. It is drawn from a state and keeps none of the run's.

What it does keep is what somebody looks at: a block of the map, a group of failures, one index. Only traits are set,
from the monitor's one thread; nothing here asks a cluster or waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets

from kjnb.jupyter.figure import QuietFigure
from kjnb.jupyter.panel import Asked, Bottom, Top
from kjnb.model.state import Failure, RunState
from kjnb.run.peek import Peek
from kjnb.view import chart, controls, failing, plain, words
from kjnb.view.mosaic import Window, whole
from kjnb.view.timeline import Timeline
from kjnb.view.words import short_paths


def unheard(_: Asked) -> None:
    """For a view that nobody presses a button of."""


WHOLE = 3  # redraws that tell a page everything, after it has opened the chart


class LiveView:
    """The widgets of one view, found in a page by class: kjnb-monitor, kjnb-line, kjnb-chart, kjnb-failures.

    `ask` hears what a page asks, as {"do": word, …}, in whatever thread the message comes in.
    """

    def __init__(
        self,
        state: RunState,
        timeline: Timeline,
        labels: Sequence[str] | None = None,
        ask: Callable[[Asked], None] = unheard,
    ) -> None:
        self._labels = labels
        self._whole = self._window = whole(state.completions)
        self._named = chart.names(self._window, labels)
        self._group, self._shown, self._last_lines = "", failing.PAGE_OF_ROWS, dict[str, str]()
        self.refused: dict[str, str] = {}
        self.room: int | None = None
        self.gone = False
        self.figure: Any = QuietFigure(*self._draft(state, timeline))
        self.figure.data[0].on_click(lambda _, points, __: clicked(points, ask))
        self.top = Top(ask, role="top", name=state.name)
        self.bottom = Bottom(ask, role="bottom", name=state.name)
        self._chart = ipywidgets.VBox([self.figure], _dom_classes=["kjnb-chart"])
        self.box = ipywidgets.VBox([self.top, self._chart, self.bottom], _dom_classes=["kjnb-monitor"])
        self._told_whole = 0
        self.say(state, timeline)

    @property
    def is_read(self) -> bool:
        """Whether somebody has opened something in it that would be taken from before their eyes."""
        return bool(self._group or self.bottom.detail)

    def draw(self, state: RunState, timeline: Timeline, why: str = "", cause: str = "") -> None:
        """Show another state: one message for the chart, and only what differs.

        `why` is what keeps the run, in a few words for the line; `cause` a sentence of its own below it.
        """
        self.figure.draw(*self._draft(state, timeline))
        self.say(state, timeline, why, cause)

    def _draft(self, state: RunState, timeline: Timeline) -> chart.Drawn:
        return chart.draw(state, timeline, self._window, self._named, self._labels)

    def say(self, state: RunState, timeline: Timeline, why: str = "", cause: str = "") -> None:
        """The words alone: they move with the time, too."""
        slider = controls.slider(state, self.refused, self.room, gone=self.gone)
        buttons = controls.buttons(state, self.refused, gone=self.gone)
        self.top.tell(
            line=words.line(state, timeline, why),
            why=cause,
            hint=self._hint(),
            inside=self._window != self._whole,
            controls={"buttons": [one._asdict() for one in buttons], "slider": slider._asdict()},
        )
        self.bottom.tell(groups=self._groups(timeline), opened=self._opened(state))
        self._fit()

    def _hint(self) -> str:
        if self._window != self._whole:
            return f"indexes {self._window.first:,} to {self._window.last - 1:,}"
        if self._whole.step == 1:
            return ""
        return f"a cell is {self._whole.step:,} indexes, in the colour of the worst of them: click one to look inside"

    def _groups(self, timeline: Timeline) -> dict[str, Any]:
        told = failing.groups(timeline, self._labels)
        return {"groups": told, "more": failing.more_groups(timeline), "first": failing.first_traceback(timeline)}

    def _opened(self, state: RunState) -> dict[str, Any]:
        found = failing.members(state, self._group) if self._group else []
        if not found:
            return {}
        rows = failing.rows(state, self._group, self._labels, self._last_lines, self._shown)
        return {"group": self._group, "rows": rows, "more": max(0, len(found) - self._shown)}

    def _fit(self) -> None:
        """A chart is first drawn before it stands in the page, too narrow or too wide; the next message fits it.

        Until its script is loaded, some moments after that, a page hears no change: it is told the whole then.
        """
        if self.figure._view_count and self._told_whole < WHOLE:
            self._told_whole += 1
            self.figure.tell()

    # ---- what somebody looks at

    def indexes_at(self, row: int, column: int) -> range:
        """The indexes of the cell of the map at a place; none where there is no cell."""
        cell = self._window.cell(row, column)
        return range(0) if cell is None else self._window.of(cell)

    def zoom(self, indexes: range | None) -> None:
        """Show the map of these indexes only, or of all; `draw` shows it."""
        self._window = self._whole if indexes is None else Window(indexes.start, indexes.stop)
        self._named = chart.names(self._window, self._labels)

    def open(self, group: str) -> None:
        """Open a group of failures, or with "" none."""
        self._group, self._shown = group, failing.PAGE_OF_ROWS

    def more(self) -> None:
        """Show more indexes of the opened group."""
        self._shown += failing.PAGE_OF_ROWS

    def unread(self, state: RunState) -> list[Failure]:
        """The indexes shown of the opened group whose last line has to be read from a log."""
        shown = failing.members(state, self._group)[: self._shown] if self._group else []
        return [one for one in shown if one.uid and not one.error and one.uid not in self._last_lines]

    def read(self, last_lines: Mapping[str, bytes]) -> None:
        """Take in the last lines of logs, by the attempts' uids."""
        self._last_lines |= {uid: plain.log_text(line) for uid, line in last_lines.items()}

    def look(self, state: RunState, now: float, found: Peek | None) -> None:
        """Show one index with the end of its log; None closes it."""
        self.bottom.tell(detail={} if found is None else self._detail(state, now, found))

    def _detail(self, state: RunState, now: float, found: Peek) -> dict[str, Any]:
        log = plain.log_text(found.log) if found.log else ""
        traceback = short_paths(plain.log_text(found.traceback.encode("utf-8", "replace")))
        empty = "" if log or traceback else "it has printed nothing"
        return {
            "index": found.index,
            "number": found.number,
            "count": found.attempts,
            "title": failing.title(state, found.index, self._labels),
            "attempts": failing.attempts(state, found.index, now),
            "traceback": traceback.rstrip(),
            "log": "" if log.strip() == traceback.strip() else log,
            "note": f"no log: {found.trouble}" if found.trouble else empty,
        }

    # ---- the widget itself

    def answer(self, sentence: str) -> None:
        """Say what came of a press."""
        self.top.tell(answer=sentence)

    def heard(self, asked: Asked) -> None:
        """Tell the page that a press was heard."""
        for part in (self.top, self.bottom):
            part.tell(heard=str(asked.get("id", "")))

    def busy(self, is_busy: bool) -> None:
        """Tell pages whether the kernel computes and cannot hear them."""
        for part in (self.top, self.bottom):
            part.tell(busy=is_busy)

    def trouble(self, sentence: str) -> None:
        """A line about the view itself; what stands below it stays as it was."""
        self.top.tell(why=sentence)

    def bundle(self) -> dict[str, Any]:
        """What displays the widget, and nothing else beside it."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}

    def close(self) -> None:
        """Take the widgets away, in the page too."""
        for widget in (self.box, self._chart, self.figure, self.top, self.bottom):
            widget.close()


def clicked(points: Any, ask: Callable[[Asked], None]) -> None:
    """Hand on a click on the map, as the row and column of its cell."""
    if points.xs and points.ys:
        ask({"do": "cell", "row": round(points.ys[0]), "column": round(points.xs[0])})
