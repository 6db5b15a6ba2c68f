"""What can be done to a run from its view: which buttons are there, what they ask before, and why they do not work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kjnb.model.state import RunState, State


class Button(NamedTuple):
    """One thing to do. `why` says why it cannot be done now, "" if it can; `asks` is asked once before, "" if nothing.

    `cli` is what does the same in a terminal.
    """

    do: str
    label: str
    cli: str
    why: str = ""
    asks: str = ""


class Slider(NamedTuple):
    """How many indexes run at the same time: from `least` to `most`; otherwise as a button."""

    value: int
    least: int
    most: int
    cli: str
    why: str = ""


def buttons(state: RunState, refused: Mapping[str, str], *, gone: bool = False) -> list[Button]:
    """The buttons, always four; `refused` are sentences of the cluster why something may not be done by this user.

    `gone` says that the run has no Job any more.
    """
    return [
        pause(state, refused, gone=gone),
        retry(state, refused),
        Button(
            "stop",
            "Stop",
            command(state, "stop"),
            why=going(state, "stop", refused, gone=gone),
            asks=f"End {state.name} now? What runs is given up; results stay, and a retry goes on from them.",
        ),
        Button(
            "delete",
            "Delete",
            command(state, "delete"),
            why=refused.get("delete", "its Jobs are gone" if gone else ""),
            asks=f"Delete the Jobs and pods of {state.name}? Results and logs stay in its folder.",
        ),
    ]


def command(state: RunState, verb: str) -> str:
    """What does the same in a terminal."""
    return f"kjnb {verb} {state.name}"


def going(state: RunState, do: str, refused: Mapping[str, str], *, gone: bool) -> str:
    """Why what needs a run that goes on cannot be done; "" if it can."""
    return refused.get(do, "its Jobs are gone" if gone else "the run is over" if state.over else "")


def pause(state: RunState, refused: Mapping[str, str], *, gone: bool) -> Button:
    """Pause, or resume what is paused."""
    if state.suspended:
        return Button("resume", "Resume", command(state, "resume"), going(state, "resume", refused, gone=gone))
    running = state.counts[State.RUNNING] + state.counts[State.STARTING]
    start = "1 running index starts" if running == 1 else f"{running:,} running indexes start"
    asks = f"Pause {state.name}? {start} again from zero when it is resumed." if running else ""
    return Button("suspend", "Pause", command(state, "suspend"), going(state, "suspend", refused, gone=gone), asks)


def retry(state: RunState, refused: Mapping[str, str]) -> Button:
    """Run again what has no result: while the run goes on what failed for good, after its end what is missing."""
    counts = state.counts
    missing = counts[State.FAILED] + counts[State.LOST] + (counts[State.QUEUED] if state.over else 0)
    why = refused.get("retry", "" if missing else "nothing has failed")
    label = f"Retry failed ({missing:,})" if missing else "Retry failed"
    return Button("retry", label, command(state, "retry"), why)


def slider(state: RunState, refused: Mapping[str, str], room: int | None = None, *, gone: bool = False) -> Slider:
    """The slider of parallelism: no more than there are indexes left, nor than the cluster has `room` for."""
    counts = state.counts
    left = state.completions - counts[State.SUCCEEDED] - counts[State.FAILED] - counts[State.LOST]
    value = max(1, state.parallelism)
    most = max(value, min(left, room or left))
    return Slider(value, 1, most, f"{command(state, 'scale')} N", going(state, "scale", refused, gone=gone))
