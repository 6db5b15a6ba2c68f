"""How a run went and how it goes: counts over time, throughput, and when it may be done.

`now` is given, never read: the same state and the same moment give the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kjnb.model.state import Group, RunState, State

MOST_POINTS = 400
RECENT_SHARE = 0.25
RECENT_LEAST = 10.0
ENOUGH = 5
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """A count that grows: from `times[i]` on (epoch seconds) it is `counts[i]`."""

    times: Floats
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Timeline:
    """What the pictures are drawn from. Times are epoch seconds; None is unknown, never a guess.

    `throughput` is completed indexes a second: of late while the run goes on, of the whole when it is over. `eta` is
    the seconds that are left.
    """

    now: float
    begun: float | None
    ended: float | None
    done: int
    running: int
    failed: int
    throughput: float | None
    eta: float | None
    completed: Curve
    failures: Curve
    groups: tuple[Group, ...]

    @property
    def elapsed(self) -> float | None:
        """Seconds since the start, up to the end or now."""
        return None if self.begun is None else max(0.0, (self.now if self.ended is None else self.ended) - self.begun)


def timeline(state: RunState, now: float) -> Timeline:
    """The timeline of a run at `now` (epoch seconds)."""
    begun = state.first
    ended = (state.last or now) if state.over else None
    succeeded = np.sort(state.finished[(state.states == State.SUCCEEDED) & ~np.isnan(state.finished)])
    failed = np.sort(state.finished[(state.states == State.FAILED) & ~np.isnan(state.finished)])
    done, given_up = state.counts[State.SUCCEEDED], state.counts[State.FAILED]
    end = now if ended is None else ended
    rate = throughput(succeeded, begun, end, over=state.over)
    return Timeline(
        now=now,
        begun=begun,
        ended=ended,
        done=done,
        running=state.counts[State.RUNNING],
        failed=given_up,
        throughput=rate,
        eta=time_left(state, succeeded, rate),
        completed=curve(succeeded, done, begun, end),
        failures=curve(failed, given_up, begun, end),
        groups=tuple(state.groups),
    )


def curve(times: Floats, total: int, begun: float | None, end: float) -> Curve:
    """The count over time, with at most MOST_POINTS steps; those whose time is unknown count from the start."""
    start = end if begun is None else begun
    before = total - len(times)
    counts = before + np.arange(1, len(times) + 1)
    if len(times) > MOST_POINTS:
        kept = np.unique(np.linspace(0, len(times) - 1, MOST_POINTS).astype(np.int64))
        times, counts = times[kept], counts[kept]
    return Curve(
        np.concatenate(([start], np.maximum(times, start), [max(end, start)])),
        np.concatenate(([before], counts, [total])).astype(np.int64),
    )


def throughput(succeeded: Floats, begun: float | None, end: float, *, over: bool) -> float | None:
    """Completed indexes a second, over the whole run or over its last quarter (ten seconds at least)."""
    if begun is None or not len(succeeded) or end <= begun:
        return None
    window = end - begun if over else min(end - begun, max(RECENT_LEAST, RECENT_SHARE * (end - begun)))
    recent = int(np.count_nonzero(succeeded > end - window))
    return recent / window if recent else None


def time_left(state: RunState, succeeded: Floats, rate: float | None) -> float | None:
    """Seconds until nothing is left: at the recent rate, else from durations and parallelism."""
    ended = state.counts[State.SUCCEEDED] + state.counts[State.FAILED] + state.counts[State.LOST]
    left = state.completions - ended
    if state.over or state.suspended or not len(succeeded):
        return None
    if rate and len(succeeded) >= ENOUGH:
        return left / rate
    durations = (state.finished - state.started)[state.states == State.SUCCEEDED]
    known = durations[~np.isnan(durations)]
    slots = max(1, min(left, state.parallelism or state.counts[State.RUNNING]))
    return float(np.mean(known)) * -(-left // slots) if len(known) else None
