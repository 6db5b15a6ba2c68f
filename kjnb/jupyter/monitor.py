"""The view under a cell: it looks at a run's state four times a second and draws when there is something new.

It owns no state and asks no cluster: close the page, end the kernel, and the run goes on. Two outputs stand beside each
other: the live widget, where a page can run one, and the static output, which is always true as of its time.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from IPython.display import DisplayHandle

from kjnb import phrases
from kjnb.jupyter import frontend, static
from kjnb.jupyter.attending import Attending
from kjnb.model.findings import Finding, Rank, short
from kjnb.model.state import RunState, State
from kjnb.run.diagnosing import Diagnosing
from kjnb.run.handle import Run, the_run
from kjnb.view.timeline import Timeline, timeline

LOOK = 0.25  # seconds between looks at the state
A_SECOND = 4  # redraws at most
SHARE = 4  # times as long as it drew it rests: a map of 100,000 cells must not take the kernel from the user
IDLE, STEP = 1.0, 0.005  # seconds, or a part of the time axis, after which the chart moves though nothing happened
NOTHING = {"text/plain": ""}


class Monitor:
    """A shown view of one run. `close()` ends it early; it ends by itself when the run is over.

    A view that is opened when the run is over already, or in which somebody has opened a log, stays if not all
    succeeded: it is there to look why, and to retry.
    """

    def __init__(self, run: Run, *, clock: Callable[[], float] = time.time) -> None:
        self.run = run
        self.over = threading.Event()
        self.live: Any = None
        self._clock = clock
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._draws: deque[float] = deque([float("-inf")] * A_SECOND, maxlen=A_SECOND)
        self._drawn: RunState | None = None
        self._static = static.StaticOutput()
        self._place: Any = None
        self._context: contextvars.Context | None = None
        self._attending = Attending(run, self._wake.set, hears=frontend.hears_while_busy())
        self._computing: frontend.Computing | None = None
        self._diagnosing: Diagnosing | None = None
        self._was_over = self._is_last = False
        self._why = ("", "")
        self._shown = self._updated = self._drawn_at = clock()

    def _ipython_display_(self) -> None:
        """It is shown already; standing last in a cell it is not shown twice."""

    def show(self) -> Monitor:
        """Display both outputs under the current cell, and keep them true from a thread of its own."""
        settled, state = self.run.follower.settled, self.run.state
        self._was_over = settled
        if frontend.runs_widgets() and not (settled and state.outcome == "succeeded"):
            self._open(state)
        self._picture(state, settled)
        if settled and self.live is None:
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

        self._diagnosing = Diagnosing.of(self.run)
        self._context = frontend.widget_context()
        line, labels = self._timeline(state), self.run.labels
        self.live = self._attending.live = self._context.run(LiveView, state, line, labels, self._attending.ask)
        self._place = DisplayHandle()
        self._place.display(self.live.bundle(), raw=True)
        self._drawn = state
        self._attending.learn_room()
        if not frontend.hears_while_busy():
            self._computing = frontend.Computing(self._compute)
            self._compute(True)

    def _compute(self, is_busy: bool) -> None:
        """A cell began or ended, in a kernel that hears no page meanwhile."""
        with self._lock:
            if self.live is not None and self._context is not None:
                self._context.run(self.live.busy, is_busy)

    def _follow(self) -> None:
        rested = pause = LOOK
        while not self.over.is_set():
            self._wake.wait(pause)
            self._wake.clear()
            begun = time.monotonic()
            try:
                self._attend()
                if begun >= rested or self._may_draw(begun):
                    self._tick()
                    spent = time.monotonic() - begun
                    rested = begun + max(LOOK, SHARE * spent)
            except Exception as error:  # noqa: BLE001 - a view that fails says so, tries again, and never ends a run
                self._complain(error)
            pause = max(0.0, rested - time.monotonic())

    def _attend(self) -> None:
        with self._lock:
            if self._context is not None and self.live is not None:
                self._context.run(self._attending.work)

    def _may_draw(self, now: float) -> bool:
        """Whether something was opened that is to be drawn at once, and there were not too many redraws of late."""
        return self._attending.is_stale and now - self._draws[0] >= 1.0

    def _tick(self, *, force: bool = False) -> None:
        with self._lock:
            if self.over.is_set():
                return
            # a Job's end may be heard before its last pods' ends: only what is settled is the last picture
            settled, state, now = self.run.follower.settled, self.run.state, self._clock()
            if not (settled and self._is_last) and (settled or force or static.due(self._shown, self._updated, now)):
                self._picture(state, settled)
                self._updated = now
            self._is_last = settled
            self._live(state)
            if settled and not self._stays(state):
                self._end()

    def _stays(self, state: RunState) -> bool:
        """Whether the widget outlives the run: it is all that tells of the end, or somebody looks why it failed."""
        if self.live is None or self._attending.was_loaded_again:
            return self.live is not None
        return state.outcome != "succeeded" and (self._was_over or self.live.is_read)

    def _live(self, state: RunState) -> None:
        if self.live is None or self._context is None or not self._attending.is_seen:
            return
        now, line = self._clock(), self._timeline(state)
        is_old = not state.over and now - self._drawn_at >= max(IDLE, STEP * (line.elapsed or 0.0))
        is_due = state is not self._drawn or self._attending.is_stale or is_old
        found = self._diagnosing.look(state) if self._diagnosing else ()
        why = short(found), self._cause(found, state)
        if is_due or why != self._why:
            self._context.run(self.live.draw if is_due else self.live.say, state, line, *why)
            self._why = why
        if is_due:
            self._drawn, self._drawn_at, self._attending.is_stale = state, now, False
            self._draws.append(time.monotonic())

    def _cause(self, found: tuple[Finding, ...], state: RunState) -> str:
        """What stands below the line: that nothing is heard from the cluster, else what keeps the run and the fix."""
        trouble = self.run.follower.trouble
        if trouble is not None:
            return f"{trouble.what}. What is shown may be old; trying again."
        grave = next((one for one in found if one.rank in (Rank.STUCK, Rank.WAITING) and holds(one, state)), None)
        if grave is None:
            return ""
        fix = phrases.spoken(grave.fix, "%kjob", self.run.name)
        return f"{grave.what}\n→ {fix}" if fix else grave.what

    def _picture(self, state: RunState, settled: bool) -> None:
        as_of = "" if settled else time.strftime("%H:%M:%S", time.localtime(self._clock()))
        self._static.show(static.bundle(state, self._timeline(state), as_of, self.run.labels))

    def _end(self) -> None:
        self.over.set()
        self._wake.set()
        if self._computing is not None:
            self._computing.close()
        if self.live is not None and self._context is not None:
            self._context.run(self.live.close)
            self._place.update(NOTHING, raw=True)
            self.live = self._attending.live = None

    def _complain(self, error: Exception) -> None:
        with self._lock:
            if self.live is not None and self._context is not None:
                sentence = f"The view of {self.run.name} failed and will try again: {error}"
                self._context.run(self.live.trouble, sentence)

    def _timeline(self, state: RunState) -> Timeline:
        return timeline(state, self.run.now())


def holds(finding: Finding, state: RunState) -> bool:
    """Whether what was looked up a moment ago may still be so: it is not suspended any more, or its indexes ended."""
    if finding.code == "suspended":
        return state.suspended
    ended = (State.SUCCEEDED, State.FAILED, State.LOST)
    return not finding.indexes or any(state.states[index] not in ended for index in finding.indexes)


def monitor(run: Run) -> Monitor:
    """Show `run` under this cell, live until it ends. The cell is over at once; the run needs no view to go on."""
    return Monitor(the_run(run)).show()
