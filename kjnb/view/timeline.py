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
WAVES = 3
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
    end = now if ended is None else ended
    succeeded = ends(state, State.SUCCEEDED, begun, end)
    failed = ends(state, State.FAILED, begun, end)
    done, given_up = state.counts[State.SUCCEEDED], state.counts[State.FAILED]
    typical = typical_duration(state)
    rate = throughput(succeeded, begun, end, typical or 0.0, over=state.over)
    return Timeline(
        now=now,
        begun=begun,
        ended=ended,
        done=done,
        running=state.counts[State.RUNNING],
        failed=given_up,
        throughput=rate,
        eta=time_left(state, now, rate if len(succeeded) >= ENOUGH else None, typical),
        completed=curve(succeeded, done, begun, end),
        failures=curve(failed, given_up, begun, end),
        groups=tuple(state.groups),
    )


def ends(state: RunState, of: State, begun: float | None, end: float) -> Floats:
    """When the indexes in a state ended, ascending, none after `end`; unknown times are left out.

    Clusters tell whole seconds: those that ended within one are spread over the part of it that the run saw, so that
    the curve rises as it may have, and not in jumps.
    """
    times = np.sort(state.finished[(state.states == of) & ~np.isnan(state.finished)])
    whole, first, count = np.unique(times[times == np.floor(times)], return_index=True, return_counts=True)
    rank = np.arange(count.sum()) - np.repeat(first, count)
    low = np.maximum(whole, whole if begun is None else begun)
    high = np.maximum(low, np.minimum(whole + 1, end))
    times[times == np.floor(times)] = np.repeat(low, count) + (rank + 0.5) * np.repeat((high - low) / count, count)
    return np.sort(np.minimum(times, end))


def curve(times: Floats, total: int, begun: float | None, end: float) -> Curve:
    """The count over time, with at most MOST_POINTS steps; those of which no time is told yet ended just now."""
    start = end if begun is None else begun
    counts = np.arange(1, len(times) + 1)
    if len(times) > MOST_POINTS:
        kept = np.unique(np.linspace(0, len(times) - 1, MOST_POINTS).astype(np.int64))
        times, counts = times[kept], counts[kept]
    return Curve(
        np.concatenate(([start], np.maximum(times, start), [max(end, start)])),
        np.concatenate(([0], counts, [total])).astype(np.int64),
    )


def typical_duration(state: RunState) -> float | None:
    """Seconds an index that succeeded took, on average."""
    durations = (state.finished - state.started)[state.states == State.SUCCEEDED]
    known = durations[~np.isnan(durations)]
    return float(np.mean(known)) if len(known) else None


def throughput(succeeded: Floats, begun: float | None, end: float, typical: float, *, over: bool) -> float | None:
    """Completed indexes a second: over the whole run, or of late.

    Of late is the last quarter, ten seconds at least, and three times as long as an index takes: indexes that start
    together end together, and between two such waves nothing stands still.
    """
    if begun is None or not len(succeeded) or end <= begun:
        return None
    window = end - begun if over else min(end - begun, max(RECENT_LEAST, RECENT_SHARE * (end - begun), WAVES * typical))
    recent = int(np.count_nonzero(succeeded >= end - window))
    return recent / window if recent else None


def time_left(state: RunState, now: float, rate: float | None, typical: float | None) -> float | None:
    """Seconds until nothing is left: at the recent rate, else from durations and parallelism.

    Never less than the last index to start still needs, if it takes as long as the others, or as those that run now.
    """
    if state.over or state.suspended or typical is None:
        return None
    counts = state.counts
    left = state.completions - counts[State.SUCCEEDED] - counts[State.FAILED] - counts[State.LOST]
    slots = max(1, min(left, state.parallelism or counts[State.RUNNING]))
    started = state.started[(state.states == State.RUNNING) & ~np.isnan(state.started)]
    ages = np.maximum(0.0, now - started)
    pace = max(typical, float(np.mean(ages))) if len(ages) else typical
    guess = left / rate if rate else pace * -(-left // slots)
    return max(guess, typical - float(np.min(ages)) if left == len(ages) > 0 else typical)
