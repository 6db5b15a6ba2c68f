"""Whether a run looks as if something were wrong: from its state alone, so that a run that goes well asks nothing."""

from __future__ import annotations

import numpy as np

from kjnb.model.state import RunState, State

IDLE_SECONDS = 5.0  # nothing runs for so long though something could
FEWER_SECONDS = 10.0  # less runs than may, and nothing changed


def looks_stuck(state: RunState, now: float) -> bool:
    """Whether it is worth to ask the cluster why: something failed, it is suspended, or nothing moves for seconds.

    `now` is on the clock of the state's times.
    """
    counts = state.counts
    if state.over:
        return state.outcome == "failed"
    if state.suspended or counts[State.FAILED] or counts[State.RETRYING] or counts[State.LOST]:
        return True
    waiting = counts[State.QUEUED] + counts[State.STARTING]
    if not waiting or counts[State.RUNNING] >= state.parallelism > 0:
        return False
    since = last_move(state)
    return since is not None and now - since > (FEWER_SECONDS if counts[State.RUNNING] else IDLE_SECONDS)


def last_move(state: RunState) -> float | None:
    """When something last began or ended: a Job, an attempt; else when the run was launched."""
    times = [fact.started for fact in state.seen.values() if fact.started is not None]
    times += [float(np.fmax.reduce(array, initial=np.nan)) for array in (state.started, state.finished)]
    known = [time for time in times if time == time]
    return max(known, default=state.launched)
