"""What a run looks like now: `reduce(state, batch)` folds facts into a RunState.

Facts may come twice, late, and in any batches; a re-list tells what vanished meanwhile. All names that the rest of
kjnb needs are here.
"""

from __future__ import annotations

from collections.abc import Iterable

from kjnb.model.attempts import Attempt, Phase, State
from kjnb.model.facts import AttemptSeen, CommitSeen, Fact, JobSeen, PodSeen, Relisted, ResultLost, attempt_seen
from kjnb.model.failures import Failure, Group
from kjnb.model.folding import Draft
from kjnb.model.runstate import RunState, job_over, settle

__all__ = [
    "Attempt",
    "AttemptSeen",
    "CommitSeen",
    "Fact",
    "Failure",
    "Group",
    "JobSeen",
    "Phase",
    "PodSeen",
    "Relisted",
    "ResultLost",
    "RunState",
    "State",
    "attempt_seen",
    "job_over",
    "reduce",
]


def reduce(state: RunState, batch: Iterable[Fact]) -> RunState:
    """The state after a batch of facts; the same object if they tell nothing new."""
    draft = Draft(state)
    for fact in batch:
        draft.take(fact)
    return settle(draft.done()) if draft.changed else state
