"""One batch of facts taken into a RunState: arrays are copied once a batch at most, records a small dict at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from kjnb.model.attempts import (
    LONGEST_MESSAGE,
    Attempt,
    Phase,
    ShelfDraft,
    from_pod,
    joined,
    key_of,
    known,
    node_key,
    slim,
)
from kjnb.model.facts import AttemptSeen, CommitSeen, Fact, JobSeen, PodSeen, Relisted, ResultLost
from kjnb.model.runstate import RunState, sorted_attempts, unpacked

MOST_FIRSTS = 200
LONGEST_TRACEBACK = 8_000


class Draft:
    """A state while facts are taken in. `changed` tells whether any of them was news."""

    def __init__(self, state: RunState) -> None:
        self.state = state
        self.changed = False
        self.shelf = ShelfDraft(state.shelf)
        self.copies: dict[str, Any] = {}
        self.seen = dict(state.seen)
        self.numbers = {name: number for number, name in enumerate(state.jobs)}
        self.firsts = state.firsts
        self.nodes = state.nodes
        self.takers: dict[type, Callable[[Any], None]] = {
            PodSeen: self.pod,
            JobSeen: self.job,
            Relisted: self.relisted,
            AttemptSeen: self.account,
            CommitSeen: self.commit,
            ResultLost: self.result_lost,
        }

    def take(self, fact: Fact) -> None:
        """Take in one fact of any kind."""
        self.takers[type(fact)](fact)

    def array(self, name: str) -> Any:
        """The draft's own copy of one of the state's arrays."""
        if name not in self.copies:
            self.copies[name] = getattr(self.state, name).copy()
        return self.copies[name]

    def done(self) -> RunState:
        """The state with all that was taken in; what follows from it is not yet settled."""
        kept = replace(self.state, **self.copies, seen=self.seen, shelf=self.shelf.done())
        return replace(kept, firsts=self.firsts, nodes=self.nodes)

    def attempts(self, index: int) -> tuple[Attempt, ...]:
        """The attempts at an index as the draft has them."""
        found = self.shelf.at(index)
        row = self.copies.get("packed", self.state.packed)[index]
        return unpacked(row, self.nodes) if found is None else found

    def pod(self, fact: PodSeen) -> None:
        """A pod is one attempt: join it with what is known of the same uid."""
        index = self.state.index_of(fact.job, fact.index)
        if index < 0:
            return
        self.meet(fact.node)
        key = key_of(fact.uid)
        news = from_pod(fact, self.numbers[fact.job], key)
        self.put(index, news, lambda old: joined(old, news))

    def account(self, fact: AttemptSeen) -> None:
        """A worker's account belongs to the attempt of its uid, whether or not its pod was ever seen."""
        if not 0 <= fact.index < self.state.completions:
            return
        kept = fact._replace(
            traceback="",
            message=fact.message[:LONGEST_MESSAGE],
            group=sys.intern(fact.group),
            node=sys.intern(fact.node),
        )
        self.meet(fact.node)
        if fact.outcome == "failed":
            self.first_of_group(fact)
        fresh = Attempt(key=key_of(fact.uid), uid=fact.uid, account=kept)
        self.put(fact.index, fresh, lambda old: old._replace(account=kept))

    def first_of_group(self, fact: AttemptSeen) -> None:
        """Keep one traceback a group: that of the attempt which ended first."""
        old = self.firsts.get(fact.group)
        if old is None and len(self.firsts) >= MOST_FIRSTS:
            return
        if old is None or (known(fact.end), fact.index, fact.uid) < (known(old.end), old.index, old.uid):
            kept = fact._replace(traceback=fact.traceback[-LONGEST_TRACEBACK:])
            self.firsts = {**self.firsts, fact.group: kept}
            self.changed = True

    def put(self, index: int, fresh: Attempt, merge: Callable[[Attempt], Attempt]) -> None:
        """Add an attempt to an index, or merge it with what is known of it."""
        attempts = self.attempts(index)
        old = next((one for one in attempts if one.key == fresh.key), None)
        full = fresh if old is None else merge(old)
        new = slim(full) if full.settled == Phase.SUCCEEDED else full
        if old is not None and same(old, new):
            return
        self.replace(index, (*(one for one in attempts if one is not old), new))

    def replace(self, index: int, attempts: tuple[Attempt, ...]) -> None:
        """Set the attempts of an index: packed if one succeeded at once, else as records; and what follows."""
        self.changed = True
        single = attempts[0] if len(attempts) == 1 and attempts[0].settled == Phase.SUCCEEDED else None
        if single is not None:
            self.pack(index, single)
        elif self.shelf.at(index) is None and self.attempts(index):
            self.array("packed")[index]["key"] = 0
        self.shelf.put(index, None if single is not None else attempts)
        self.summarise(index, attempts)

    def pack(self, index: int, one: Attempt) -> None:
        """Write an attempt that succeeded as numbers."""
        told = one.account
        start, end = (told.start, told.end) if told else (np.nan, np.nan)
        row = (one.key, one.rv, node_key(one.node), one.job, one.phase, one.gone, told is not None)
        self.array("packed")[index] = (*row, one.created, one.started, one.finished, start, end)

    def meet(self, name: str) -> None:
        """Remember a node's name, once."""
        if name and node_key(name) not in self.nodes:
            self.nodes = {**self.nodes, node_key(name): name}

    def summarise(self, index: int, attempts: tuple[Attempt, ...]) -> None:
        """What an index shows of its attempts in its latest Job: the first that succeeded, else the latest."""
        job = max(one.job for one in attempts)
        ordered = sorted_attempts(one for one in attempts if one.job in (job, -1))
        shown = next((one for one in ordered if one.settled == Phase.SUCCEEDED), ordered[-1])
        told = shown.account
        self.array("tries")[index] = len(attempts)
        self.array("phases")[index] = shown.settled
        self.array("homes")[index] = shown.job
        self.array("started")[index] = first_known(told.start if told else None, shown.started)
        self.array("finished")[index] = first_known(told.end if told else None, shown.finished)

    def job(self, fact: JobSeen) -> None:
        """A Job's later word replaces the one before."""
        old = self.seen.get(fact.name)
        is_news = old is None or fact.rv > old.rv or (fact.rv == old.rv and fact.gone and not old.gone)
        if fact.name in self.numbers and is_news:
            self.seen[fact.name] = fact
            self.changed = True

    def relisted(self, fact: Relisted) -> None:
        """What a whole list does not name is gone."""
        names = [name for name in self.numbers if fact.job in (None, name)]
        if fact.kind == "jobs":
            for name in names:
                old = self.seen.get(name) or JobSeen(name, "", rv=-1)
                if old.uid not in fact.uids and not old.gone:
                    self.seen[name] = old._replace(gone=True)
                    self.changed = True
            return
        numbers = {self.numbers[name] for name in names}
        for index in np.flatnonzero(self.copies.get("tries", self.state.tries)).tolist():
            self.vanish(index, fact.uids, numbers)

    def vanish(self, index: int, uids: frozenset[str], numbers: set[int]) -> None:
        """Mark the attempts at an index that had not ended and whose pods are no more."""
        attempts = self.shelf.at(index) or ()
        kept = [
            one._replace(phase=Phase.STOPPED, gone=True)
            if one.settled < Phase.STOPPED and one.job in numbers and one.uid not in uids
            else one
            for one in attempts
        ]
        if any(new is not old for new, old in zip(kept, attempts, strict=True)):
            self.replace(index, tuple(kept))

    def commit(self, fact: CommitSeen) -> None:
        """A result is there."""
        self.flag("committed", fact.index)

    def result_lost(self, fact: ResultLost) -> None:
        """A result is not there, although its index succeeded."""
        self.flag("lost", fact.index)

    def flag(self, name: str, index: int) -> None:
        """Set one flag of an index."""
        if 0 <= index < self.state.completions and not self.copies.get(name, getattr(self.state, name))[index]:
            self.array(name)[index] = True
            self.changed = True


def first_known(time: float | None, otherwise: float) -> float:
    """A time if it is known, else the other."""
    return otherwise if time is None or time != time else time


def same(one: Attempt, other: Attempt) -> bool:
    """Equality for which NaN is equal to itself."""
    return all(a is b or a == b or (a != a and b != b) for a, b in zip(one, other, strict=True))
