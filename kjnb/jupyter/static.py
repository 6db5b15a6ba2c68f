"""The output that needs no JavaScript: text and a picture, true as of its time whenever the notebook is saved.

It has a display of its own, never one bundle with the widget: a page prefers the widget and, the kernel gone, finds no
model for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from IPython.display import DisplayHandle

from kjnb.jupyter import frontend
from kjnb.model.state import RunState
from kjnb.view import text
from kjnb.view.timeline import Timeline

EAGER_FOR, EAGER, PATIENT = 60.0, 1.0, 10.0  # seconds


# A page that opens the notebook when the kernel is gone has nothing to show for the widget: its place stays empty then.
NO_ORPHAN = """<style>
.jp-OutputArea:has(.kjnb-static) > .jp-OutputArea-child > .lm-Panel:not(:has(*)) { display: none }
</style>"""


def due(shown: float, updated: float, now: float) -> bool:
    """Whether a new picture is due: about each second in the first minute, then each ten."""
    return now - updated >= (EAGER if now - shown < EAGER_FOR else PATIENT)


def bundle(state: RunState, timeline: Timeline, as_of: str, labels: Sequence[str] | None = None) -> dict[str, str]:
    """The MIME bundle: a line of text, and HTML with a picture. `as_of` is a time of day, or "" at the end."""
    page = NO_ORPHAN + text.html(state, timeline, as_of, labels)
    return {"text/plain": text.plain(state, timeline, as_of, labels), "text/html": page}


class StaticOutput:
    """The static output of one view; in a terminal, one line when it begins and one when it is over."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._said = ""

    def show(self, data: dict[str, str]) -> None:
        """Show it for the first time, or in place of what stands there."""
        if data["text/html"] == self._said:
            return
        self._said = data["text/html"]
        if frontend.kernel() is None:
            print(data["text/plain"])  # noqa: T201 - a terminal has only text
        elif self._handle is None:
            self._handle = DisplayHandle()
            self._handle.display(data, raw=True)
        else:
            self._handle.update(data, raw=True)
