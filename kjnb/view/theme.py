"""Colours, words and the shape of the map: the same in the live chart, the static picture and the report.

The colours are those of Okabe and Ito, told apart with any kind of colour vision; wherever they stand, a word or a
number says the same. Greys are half transparent, so that one picture serves light and dark pages.
"""

from __future__ import annotations

import math

from kjnb.model.state import RunState, State

COLOURS = {
    State.QUEUED: "rgba(128,136,148,0.28)",
    State.STARTING: "#9fd0f0",
    State.RUNNING: "#0072b2",
    State.RETRYING: "#e69f00",
    State.SUCCEEDED: "#009e73",
    State.FAILED: "#d55e00",
    State.LOST: "#cc79a7",
}
FAINT = {State.FAILED: 0.7, State.LOST: 0.7, State.RETRYING: 0.6}  # of a block of which nothing else is done
FAINTEST = 0.45
INK = "#737b87"
LINE = "rgba(128,136,148,0.25)"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
WIDTH = 900  # of a picture, in pixels
LARGEST_CELL = 26.0
ONE_ROW = 40
COLUMNS = (40, 50, 60, 80, 100, 125, 150, 200, 250, 300, 400, 500)
SHOWN = (
    State.SUCCEEDED,
    State.RUNNING,
    State.STARTING,
    State.RETRYING,
    State.FAILED,
    State.LOST,
    State.QUEUED,
)


def faded(state: State, alpha: float) -> str:
    """A state's colour, half transparent: over any page it is paler."""
    red, green, blue = bytes.fromhex(COLOURS[state][1:])
    return f"rgba({red},{green},{blue},{alpha})"


def word(state: State, *, over: bool) -> str:
    """The state of an index in a word; what is still queued when the run is over was not run."""
    if state == State.LOST:
        return "result lost"
    return "not run" if over and state == State.QUEUED else state.name.lower()


def counted(count: int, state: State, *, over: bool) -> str:
    """So many indexes in a state: "38 succeeded", "3 results lost"."""
    plural = "s" if state == State.LOST and count != 1 else ""
    return f"{count:,} {f'result{plural} lost' if state == State.LOST else word(state, over=over)}"


def columns(completions: int) -> int:
    """How many indexes stand in a row of the map: all of a few, else a round number, about four times the rows."""
    if completions <= ONE_ROW:
        return completions
    wanted = 2 * math.sqrt(completions)
    return next((number for number in COLUMNS if number >= wanted), COLUMNS[-1])


def legend(state: RunState) -> list[tuple[State, str]]:
    """The states that some index is in, each as "38 succeeded"."""
    counts = state.counts
    return [(one, counted(counts[one], one, over=state.over)) for one in SHOWN if counts[one]]
