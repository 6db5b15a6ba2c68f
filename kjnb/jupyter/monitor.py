"""The view under a cell: it looks at a run's state four times a second and draws when there is something new.

It owns no state and asks no cluster: close the page, end the kernel, and the run goes on. Two outputs stand beside each
other: the live widget, where a page can run one, and the static output, which is always true as of its time.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any

from IPython.display import DisplayHandle

from kjnb.jupyter import frontend, static
from kjnb.model.state import RunState
from kjnb.run.handle import Run, the_run
from kjnb.view.timeline import Timeline, timeline

LOOK = 0.25  # seconds between looks at the state
SHARE = 4  # times as long as it drew it rests: a map of 100,000 cells must not take the kernel from the user
IDLE, STEP = 1.0, 0.005  # seconds, or a part of the time axis, after which the chart moves though nothing happened
NOTHING = {"text/plain": ""}


class Monitor:
    """A shown view of one run. `close()` ends it early; it ends by itself when the run is over."""

    def __init__(self, run: Run, *, clock: Callable[[], float] = time.time) -> None:
        self.run = run
        self.over = threading.Event()
        self.live: Any = None
        self._clock = clock
        self._lock = threading.Lock()
        self._drawn: RunState | None = None
        self._static = static.StaticOutput()
        self._place: Any = None
        self._context: contextvars.Context | None = None
        self._shown = self._updated = self._drawn_at = clock()

    def _ipython_display_(self) -> None:
        """It is shown already; standing last in a cell it is not shown twice."""

    def show(self) -> Monitor:
        """Display both outputs under the current cell, and keep them true from a thread of its own."""
        settled, state = self.run.follower.settled, self.run.state
        if frontend.runs_widgets() and not settled:
            self._open(state)
        self._picture(state, settled)
        if settled:
            self.over.set()
        elif frontend.kernel() is not None:
            threading.Thread(target=self._follow, name=f"kjnb-view-{self.run.name}", daemon=True).start()
        return self

    def finish(self) -> None:
        """Draw the last picture now, in the caller's thread: for a cell that waited for the run."""
        self._tick(force=True)

    def close(self) -> None:
        """Stop drawing and take the widget away; the static output stays."""
        with self._lock:
            self._end()

    def _open(self, state: RunState) -> None:
        from kjnb.jupyter.live import LiveView

        self._context = frontend.widget_context()
        self.live = self._context.run(LiveView, state, self._timeline(state), self.run.labels)
        self._place = DisplayHandle()
        self._place.display(self.live.bundle(), raw=True)
        self._drawn = state

    def _follow(self) -> None:
        pause = LOOK
        while not self.over.wait(pause):
            begun = time.perf_counter()
            try:
                self._tick()
            except Exception as error:  # noqa: BLE001 - a view that fails says so, tries again, and never ends a run
                self._complain(error)
            pause = max(LOOK, SHARE * (time.perf_counter() - begun))

    def _tick(self, *, force: bool = False) -> None:
        with self._lock:
            if self.over.is_set():
                return
            # a Job's end may be heard before its last pods' ends: only what is settled is the last picture
            settled, state, now = self.run.follower.settled, self.run.state, self._clock()
            if settled or force or static.due(self._shown, self._updated, now):
                self._picture(state, settled)
                self._updated = now
            self._live(state)
            if settled:
                self._end()

    def _live(self, state: RunState) -> None:
        if self.live is None or self._context is None or self.live.hidden:
            return
        now, line = self._clock(), self._timeline(state)
        is_due = state is not self._drawn or now - self._drawn_at >= max(IDLE, STEP * (line.elapsed or 0.0))
        self._context.run(self.live.draw if is_due else self.live.say, state, line)
        if is_due:
            self._drawn, self._drawn_at = state, now
        trouble = self.run.follower.trouble
        if trouble is not None:
            self._context.run(
                self.live.trouble, f"{state.name}: {trouble.what}. What is shown may be old; trying again."
            )

    def _picture(self, state: RunState, settled: bool) -> None:
        as_of = "" if settled else time.strftime("%H:%M:%S", time.localtime(self._clock()))
        self._static.show(static.bundle(state, self._timeline(state), as_of, self.run.labels))

    def _end(self) -> None:
        self.over.set()
        if self.live is not None and self._context is not None:
            self._context.run(self.live.close)
            self._place.update(NOTHING, raw=True)
            self.live = None

    def _complain(self, error: Exception) -> None:
        if self.live is not None and self._context is not None:
            self._context.run(self.live.trouble, f"The view of {self.run.name} failed and will try again: {error}")

    def _timeline(self, state: RunState) -> Timeline:
        return timeline(state, self.run.now())


def monitor(run: Run) -> Monitor:
    """Show `run` under this cell, live until it ends. The cell is over at once; the run needs no view to go on."""
    return Monitor(the_run(run)).show()
