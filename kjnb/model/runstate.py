"""The value that facts fold into: a frozen RunState on packed arrays, and what follows from the facts in it.

The Job's own status is the truth about what is completed and failed; pods and the workers' accounts add what it does
not say: what runs, since when, how often it was tried, and why it failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kjnb.model.attempts import Attempt, Phase, Shelf, State
from kjnb.model.facts import AttemptSeen, JobSeen
from kjnb.model.failures import Failure, Group, failures_of, groups_of
from kjnb.model.indexes import parse_intervals, run_index

Flags = npt.NDArray[np.bool_]
TERMINAL = ("Complete", "Failed")
TELLING = ("Failed", "FailureTarget", "Complete", "SuccessCriteriaMet", "Suspended")
PACKED = np.dtype(
    [
        ("key", np.int64),
        ("rv", np.int64),
        ("node", np.uint32),
        ("job", np.int16),
        ("phase", np.uint8),
        ("gone", np.bool_),
        ("told", np.bool_),
        ("created", np.float64),
        ("started", np.float64),
        ("finished", np.float64),
        ("start", np.float64),
        ("end", np.float64),
    ]
)


@dataclass(frozen=True, eq=False, repr=False)
class RunState:
    """A run at one moment. Arrays have one element an index of the run and are never changed in place.

    `states` holds State values, `tries` counts attempts through all Jobs, `started` and `finished` are epoch seconds
    of the attempt that counts (the one that succeeded, else the latest), NaN where unknown. `outcome` is "" until the
    run is `over`, then "succeeded", "failed" or "stopped". `launched` is when its client began to launch it, if known.
    """

    name: str
    completions: int
    jobs: Mapping[str, tuple[int, ...] | None]
    seen: Mapping[str, JobSeen]
    states: npt.NDArray[np.uint8]
    tries: npt.NDArray[np.uint16]
    started: npt.NDArray[np.float64]
    finished: npt.NDArray[np.float64]
    over: bool
    outcome: str
    suspended: bool
    reason: str
    message: str
    phases: npt.NDArray[np.uint8]
    homes: npt.NDArray[np.int16]
    committed: Flags
    lost: Flags
    done: Flags
    refused: Flags
    packed: npt.NDArray[Any]
    shelf: Shelf
    firsts: Mapping[str, AttemptSeen]
    nodes: Mapping[int, str]
    launched: float | None = None

    @classmethod
    def new(
        cls,
        name: str,
        completions: int,
        index_maps: Mapping[str, tuple[int, ...] | None],
        launched: float | None = None,
    ) -> RunState:
        """A run of which nothing is known yet.

        `index_maps` names its Jobs in the order of their making: None where completion index and the run's index are
        the same, else the run's index of each completion index.
        """
        flags = np.zeros(completions, dtype=np.bool_)
        nothing = np.full(completions, np.nan)
        packed = np.zeros(completions, dtype=PACKED)
        return cls(
            name=name,
            completions=completions,
            jobs=dict(index_maps),
            seen={},
            states=np.zeros(completions, dtype=np.uint8),
            tries=np.zeros(completions, dtype=np.uint16),
            started=nothing,
            finished=nothing,
            over=False,
            outcome="",
            suspended=False,
            reason="",
            message="",
            phases=np.zeros(completions, dtype=np.uint8),
            homes=np.full(completions, -1, dtype=np.int16),
            committed=flags,
            lost=flags,
            done=flags,
            refused=flags,
            packed=packed,
            shelf=Shelf.of(completions),
            firsts={},
            nodes={},
            launched=launched,
        )

    def index_of(self, job: str, index: int) -> int:
        """The run's index of a Job's completion index; -1 if the run has none such."""
        return run_index(self.jobs, self.completions, job, index)

    def retried(self, index_maps: Mapping[str, tuple[int, ...] | None]) -> RunState:
        """The same run with further Jobs: what their indexes had of results is to be told anew."""
        committed, lost = self.committed.copy(), self.lost.copy()
        for name in index_maps.keys() - self.jobs.keys():
            where = np.asarray(index_maps[name], dtype=np.int64)
            committed[where] = lost[where] = False
        return settle(replace(self, jobs=dict(index_maps), committed=committed, lost=lost))

    @cached_property
    def counts(self) -> dict[State, int]:
        """How many indexes are in each state; all states are there, and they sum to `completions`."""
        found = np.bincount(self.states, minlength=len(State))
        return {state: int(found[state]) for state in State}

    @property
    def parallelism(self) -> int:
        """How many indexes the Jobs that are not over may run at once."""
        return sum(fact.parallelism for fact in self.seen.values() if not job_over(fact))

    @cached_property
    def failures(self) -> list[Failure]:
        """Every index that failed and has not succeeded since, with its last failed attempt, by index."""
        return failures_of(self.shelf, self.states, self.tries)

    @cached_property
    def groups(self) -> list[Group]:
        """The failures by what went wrong, the largest group first."""
        return groups_of(self.failures, self.firsts)

    @property
    def first(self) -> float | None:
        """When the run's first Job or attempt started.

        Clusters tell whole seconds; if the launch began within that second, its own moment is nearer to the truth.
        """
        times = [fact.started for fact in self.seen.values() if fact.started is not None]
        told = least([*times, np.fmin.reduce(self.started, initial=np.nan)])
        is_within = told is not None and self.launched is not None and told <= self.launched < told + 1
        return self.launched if is_within else told

    @property
    def last(self) -> float | None:
        """When the last attempt ended, or the last Job."""
        times = [-fact.ended for fact in self.seen.values() if fact.ended is not None]
        found = least([*times, -np.fmax.reduce(self.finished, initial=np.nan)])
        return None if found is None else -found

    def attempts(self, index: int) -> tuple[Attempt, ...]:
        """What is known of the attempts at an index, first to last; of one that succeeded at once times and node."""
        return sorted_attempts(self.shelf.at(index) or unpacked(self.packed[index], self.nodes))

    def __repr__(self) -> str:
        told = ", ".join(f"{count:,} {state.name.lower()}" for state, count in self.counts.items() if count)
        return f"RunState({self.name!r}: {told}{', over: ' + self.outcome if self.over else ''})"


def least(times: list[Any]) -> float | None:
    """The smallest of the numbers that are known."""
    known = [float(time) for time in times if time == time]
    return min(known, default=None)


def sorted_attempts(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Attempts by the time they were made."""
    return tuple(sorted(attempts, key=lambda attempt: attempt.order))


def unpacked(row: Any, nodes: Mapping[int, str]) -> tuple[Attempt, ...]:
    """The one attempt that a row of packed numbers stands for, or none."""
    if not row["key"]:
        return ()
    account = AttemptSeen(-1, "", "succeeded", float(row["start"]), float(row["end"])) if row["told"] else None
    return (
        Attempt(
            key=int(row["key"]),
            rv=int(row["rv"]),
            job=int(row["job"]),
            phase=Phase(int(row["phase"])),
            gone=bool(row["gone"]),
            created=float(row["created"]),
            started=float(row["started"]),
            finished=float(row["finished"]),
            node=nodes.get(int(row["node"]), ""),
            account=account,
        ),
    )


def job_over(fact: JobSeen) -> bool:
    """Whether nothing more comes of a Job: it is complete, failed, or gone."""
    return fact.gone or ended_itself(fact)


def ended_itself(fact: JobSeen) -> bool:
    """Whether a Job came to its end as the cluster tells it: complete or failed."""
    return any(kind in TERMINAL and status == "True" for kind, status, _, _ in fact.conditions)


def settle(state: RunState) -> RunState:
    """The state with what follows from its facts: the state of each index, and whether the run is over."""
    done, refused = told_by_jobs(state)
    states = states_of(state, done, refused)
    succeeded = bool((states == State.SUCCEEDED).all())
    known = [state.seen[name] for name in state.jobs if name in state.seen]
    over = succeeded or (bool(known) and len(known) == len(state.jobs) and all(map(job_over, known)))
    reason, message = telling_condition(telling(known)) if known else ("", "")
    going = [fact for fact in known if not job_over(fact)]
    return replace(
        state,
        states=states,
        done=done,
        refused=refused,
        over=over,
        outcome=outcome_of(known, succeeded=succeeded) if over else "",
        suspended=not over and bool(going) and all(fact.suspended for fact in going),
        reason=reason,
        message=message,
    )


def outcome_of(known: list[JobSeen], *, succeeded: bool) -> str:
    """How a run that is over ended."""
    if succeeded:
        return "succeeded"
    return "failed" if ended_itself(known[-1]) else "stopped"


def telling(known: list[JobSeen]) -> JobSeen:
    """The Job that says most about how a run stands: its last one that is not complete, else the last."""
    is_open = [one for one in known if not any(c[0] == "Complete" and c[1] == "True" for c in one.conditions)]
    return (is_open or known)[-1]


def telling_condition(fact: JobSeen) -> tuple[str, str]:
    """Reason and message of the condition that says most about a Job."""
    held = {kind: (reason, message) for kind, status, reason, message in fact.conditions if status == "True"}
    return next((held[kind] for kind in TELLING if kind in held), ("", ""))


def told_by_jobs(state: RunState) -> tuple[Flags, Flags]:
    """Which indexes are completed and which have failed, as the latest Job of each says."""
    done = np.zeros(state.completions, dtype=np.bool_)
    refused = np.zeros(state.completions, dtype=np.bool_)
    for name, indexes in state.jobs.items():
        where = slice(None) if indexes is None else np.asarray(indexes, dtype=np.int64)
        size = state.completions if indexes is None else len(indexes)
        fact = state.seen.get(name)
        done[where] = parse_intervals(fact.completed if fact else "", size)
        refused[where] = parse_intervals(fact.failed if fact else "", size)
    return done, refused


def states_of(state: RunState, done: Flags, refused: Flags) -> npt.NDArray[np.uint8]:
    """The state of each index, the strongest word last: pods, then the Job, then the stage."""
    over, waiting, owner = job_flags(state)
    phases = np.where((state.homes >= 0) & (state.homes < owner), 0, state.phases)
    states = np.zeros(state.completions, dtype=np.uint8)
    states[(phases == Phase.WAITING) & (state.tries > 1)] = State.RETRYING
    states[phases == Phase.STARTING] = State.STARTING
    states[phases == Phase.RUNNING] = State.RUNNING
    states[(phases == Phase.STOPPED) & ~waiting] = State.RETRYING
    states[phases == Phase.FAILED] = State.RETRYING
    states[over] = State.QUEUED
    states[over & (phases == Phase.FAILED)] = State.FAILED
    states[refused] = State.FAILED
    states[(phases == Phase.SUCCEEDED) | done | state.committed] = State.SUCCEEDED
    states[state.lost & ~state.committed & (states == State.SUCCEEDED)] = State.LOST
    return states


def job_flags(state: RunState) -> tuple[Flags, Flags, npt.NDArray[np.int16]]:
    """For each index its latest Job's number, whether that is over, and whether it is suspended."""
    over = np.zeros(state.completions, dtype=np.bool_)
    waiting = np.zeros(state.completions, dtype=np.bool_)
    owner = np.zeros(state.completions, dtype=np.int16)
    for number, (name, indexes) in enumerate(state.jobs.items()):
        where = slice(None) if indexes is None else np.asarray(indexes, dtype=np.int64)
        fact = state.seen.get(name)
        over[where] = fact is not None and job_over(fact)
        waiting[where] = fact is not None and fact.suspended
        owner[where] = number
    return over, waiting, owner
