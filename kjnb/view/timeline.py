"""How a run went and how it goes: counts over time, throughput, and when it may be done.

`now` is given, never read: the same state and the same moment give the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kjnb.model.state import Group, RunState, State

MOST_POINTS = 150
RECENT_SHARE = 0.25
RECENT_LEAST = 10.0
WAVES = 3
ENOUGH = 5
MOST_DURATIONS = 2_000  # how long attempts take is known from so many of them
EIGHT_OF_TEN = 1.28  # standard deviations
FAR, FURTHER = 2.0, 3.0  # times the median; times the distance between the quartiles above the upper one
LEAST_FAR = 1.0  # seconds
LONGEST_RUN = 1e7  # seconds: nothing is drawn of what a clock tells from before
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
    the seconds that are left, `band` between which it lies eight times of ten. `stragglers` are the running indexes
    that take longer than `far` seconds, which hardly any other did.
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
    band: tuple[float, float] | None = None
    far: float | None = None
    stragglers: tuple[int, ...] = ()

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
    taken = durations(state)
    typical = float(np.mean(taken)) if len(taken) else None
    rate = throughput(succeeded, begun, end, typical or 0.0, over=state.over)
    eta = time_left(state, now, rate if len(succeeded) >= ENOUGH else None, typical)
    far = far_off(taken)
    return Timeline(
        now=now,
        begun=begun,
        ended=ended,
        done=done,
        running=state.counts[State.RUNNING],
        failed=given_up,
        throughput=rate,
        eta=eta,
        completed=curve(succeeded, done, begun, end),
        failures=curve(failed, given_up, begun, end),
        groups=tuple(state.groups),
        band=None if eta is None else band(state, eta, taken),
        far=far,
        stragglers=() if far is None or state.over else stragglers(state, now, far),
    )


def ends(state: RunState, of: State, begun: float | None, end: float) -> Floats:
    """When the indexes in a state ended, ascending, none after `end`; unknown times are left out.

    Clusters tell whole seconds: those that ended within one are spread over the part of it that the run saw, so that
    the curve rises as it may have, and not in jumps.
    """
    times = state.finished[state.states == of]
    times = times[~np.isnan(times)]
    is_whole = times == np.floor(times)
    told = spread(times[is_whole], begun, end)
    if not is_whole.all():
        told = np.sort(np.concatenate((times[~is_whole], told)))
    return np.minimum(told, end)


def spread(times: Floats, begun: float | None, end: float) -> Floats:
    """Whole seconds as moments within them, ascending."""
    if not len(times):
        return times
    first = np.floor(end - LONGEST_RUN if begun is None else min(begun, end))
    many = np.bincount((np.clip(times, first, max(first, end)) - first).astype(np.int64))
    seconds = np.flatnonzero(many)
    count, whole = many[seconds], seconds + first
    rank = np.arange(len(times)) - np.repeat(np.cumsum(count) - count, count)
    low = np.maximum(whole, whole if begun is None else begun)
    high = np.maximum(low, np.minimum(whole + 1, end))
    moments: Floats = np.repeat(low, count) + (rank + 0.5) * np.repeat((high - low) / count, count)
    return moments


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


def durations(state: RunState) -> Floats:
    """Seconds that indexes which succeeded took, ascending; of very many, of some of them."""
    done = np.flatnonzero(state.states == State.SUCCEEDED)
    some = done[:: -(-len(done) // MOST_DURATIONS) or 1]
    taken = state.finished[some] - state.started[some]
    return np.sort(taken[~np.isnan(taken)])


def far_off(taken: Floats) -> float | None:
    """The seconds that hardly any index takes; None while too few are known."""
    if len(taken) < ENOUGH:
        return None
    low, middle, high = (float(taken[round(share * (len(taken) - 1))]) for share in (0.25, 0.5, 0.75))
    return max(LEAST_FAR, FAR * middle, high + FURTHER * (high - low))


def stragglers(state: RunState, now: float, far: float) -> tuple[int, ...]:
    """The running indexes that have taken longer than `far` seconds, the longest first."""
    late = np.flatnonzero((state.states == State.RUNNING) & (now - state.started > far))
    return tuple(late[np.argsort(state.started[late], kind="stable")].tolist())


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
    left, slots = still_open(state)
    started = state.started[(state.states == State.RUNNING) & ~np.isnan(state.started)]
    ages = np.maximum(0.0, now - started)
    pace = max(typical, float(np.mean(ages))) if len(ages) else typical
    guess = left / rate if rate else pace * -(-left // slots)
    return max(guess, typical - float(np.min(ages)) if left == len(ages) > 0 else typical)


def still_open(state: RunState) -> tuple[int, int]:
    """How many indexes have not ended, and how many of them can run at once."""
    counts = state.counts
    left = state.completions - counts[State.SUCCEEDED] - counts[State.FAILED] - counts[State.LOST]
    return left, max(1, min(left, state.parallelism or counts[State.RUNNING]))


def band(state: RunState, eta: float, taken: Floats) -> tuple[float, float] | None:
    """Between how many seconds the rest may take, eight times of ten, as durations differ; None while few are known.

    What is left is a sum of durations, and their mean is known from those that have ended only; and an index that
    starts last may be one of the long ones.
    """
    if len(taken) < ENOUGH:
        return None
    left, slots = still_open(state)
    doubt = EIGHT_OF_TEN * float(np.std(taken)) * np.sqrt(left + left**2 / len(taken)) / slots
    last = max(0.0, float(taken[round(0.9 * (len(taken) - 1))] - np.mean(taken)))
    return max(0.0, eta - float(doubt)), eta + float(doubt) + last
