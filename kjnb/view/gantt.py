"""The timeline of a run: one bar an attempt, in lanes by node, as they ran beside each other.

Only for runs of moderate size: more bars than a screen has pixels tell nothing that the map does not.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from kjnb.model.state import Attempt, Phase, RunState, State
from kjnb.view.words import duration_text

MOST_BARS = 400
MOST_LANES = 40
STATE_OF = {
    Phase.STARTING: State.STARTING,
    Phase.RUNNING: State.RUNNING,
    Phase.STOPPED: State.RETRYING,
    Phase.FAILED: State.FAILED,
    Phase.SUCCEEDED: State.SUCCEEDED,
}
SAID = {Phase.STOPPED: "stopped"}


class Bar(NamedTuple):
    """One attempt: `number` counts those of its index from 1; times are epoch seconds, `end` is now while it runs."""

    index: int  # type: ignore[assignment]  # the API's word is worth more than tuple.index
    number: int
    phase: Phase
    node: str
    start: float
    end: float
    is_far: bool


class Lane(NamedTuple):
    """Bars that do not overlap, on one node."""

    node: str
    bars: tuple[Bar, ...]


def lanes(state: RunState, now: float, far: float | None) -> tuple[Lane, ...]:
    """The timeline's lanes from the top; none at all if there are too many attempts or too many at once."""
    if int(state.tries.sum(dtype="int64")) > MOST_BARS:
        return ()
    by_node: dict[str, list[Bar]] = {}
    for bar in bars(state, now, far):
        by_node.setdefault(bar.node, []).append(bar)
    found = [Lane(node, tuple(lane)) for node in sorted(by_node) for lane in side_by_side(by_node[node])]
    return tuple(found) if len(found) <= MOST_LANES else ()


def bars(state: RunState, now: float, far: float | None) -> Iterator[Bar]:
    """A bar for every attempt that came as far as a node."""
    for index in state.tries.nonzero()[0].tolist():
        attempts = state.attempts(index)
        for number, one in enumerate(attempts, 1):
            start, end = span(one, now)
            if one.settled != Phase.WAITING and not math.isnan(start):
                is_far = far is not None and end - start > far
                yield Bar(index, number, one.settled, node_of(one), start, end, is_far)


def span(one: Attempt, now: float) -> tuple[float, float]:
    """When an attempt ran: by its own account, else by its pod; one that was taken away has no length we know."""
    told = one.account
    starts = [told.start if told else None, one.started, one.created]
    start = next((time for time in starts if time is not None and time == time), math.nan)
    ends = [told.end if told else None, one.finished, now if one.settled < Phase.STOPPED else start]
    end = next((time for time in ends if time is not None and time == time), start)
    return start, max(start, end)


def node_of(one: Attempt) -> str:
    """The node an attempt ran on, as its pod or its account says."""
    return one.node or (one.account.node if one.account else "")


def side_by_side(found: Iterable[Bar]) -> list[list[Bar]]:
    """Bars in as few lanes as they need, the first free lane for each."""
    made: list[list[Bar]] = []
    for bar in sorted(found, key=lambda bar: (bar.start, bar.index, bar.number)):
        lane = next((lane for lane in made if lane[-1].end <= bar.start), None)
        if lane is None:
            made.append([bar])
        else:
            lane.append(bar)
    return made


def words(bar: Bar, labels: Sequence[str] | None) -> str:
    """What a bar says: "index 7 · LGA · attempt 2 · failed after 3.2 s · node-1"."""
    label = labels[bar.index] if labels else ""
    what = SAID.get(bar.phase) or STATE_OF[bar.phase].name.lower()
    took = f"{what} after {duration_text(bar.end - bar.start)}" if bar.phase > Phase.STOPPED else what
    parts = [f"index {bar.index}", label, f"attempt {bar.number}" if bar.number > 1 else "", took]
    parts += ["much longer than others" if bar.is_far else "", bar.node]
    return html.escape(" · ".join(part for part in parts if part), quote=False)
