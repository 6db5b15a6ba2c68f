"""The attempts of each index, kept small: one that succeeded at once is a few numbers, only the others are records.

Everything here is joined, not appended: the same facts in another order, twice, or in other batches give the same.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from kjnb.model.facts import AttemptSeen, PodSeen

BUCKET = 64
LONGEST_MESSAGE = 500


class Phase(IntEnum):
    """How far an attempt came; WAITING is a pod without a node, STOPPED one that was taken away before its end."""

    WAITING = 1
    STARTING = 2
    RUNNING = 3
    STOPPED = 4
    FAILED = 5
    SUCCEEDED = 6


class State(IntEnum):
    """The state of an index. LOST: its Job counted it as succeeded, and the stage has no result."""

    QUEUED = 0
    STARTING = 1
    RUNNING = 2
    RETRYING = 3
    SUCCEEDED = 4
    FAILED = 5
    LOST = 6


class Attempt(NamedTuple):
    """One try at an index, from its pod and its own account. `order` sorts the attempts of an index by time.

    `job` is the number of its Job in the run, -1 while only its account is known. NaN is an unknown time.
    """

    key: int
    uid: str = ""
    job: int = -1
    rv: int = -1
    phase: Phase = Phase.WAITING
    created: float = float("nan")
    started: float = float("nan")
    finished: float = float("nan")
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    node: str = ""
    pod: str = ""
    gone: bool = False
    account: AttemptSeen | None = None

    @property
    def order(self) -> tuple[float, float, int]:
        """Attempts in the order they were made: by the pod's creation, else by the account's start."""
        if self.created == self.created:
            return (self.created, 0.0, self.key)
        start = known(self.account.start if self.account else None)
        return (start if start == start else 0.0, 1.0, self.key)

    @property
    def settled(self) -> Phase:
        """The phase, with the account's word where the pod's is not yet in."""
        told = self.account.outcome if self.account else ""
        if self.phase in (Phase.SUCCEEDED, Phase.FAILED) or not told:
            return self.phase
        return {"failed": Phase.FAILED, "terminated": Phase.STOPPED}.get(told, Phase.SUCCEEDED)


Attempts = tuple[Attempt, ...]  # at one index


def slim(one: Attempt) -> Attempt:
    """An attempt that succeeded, as what is kept of it: its times, its node and its place among the others."""
    node = one.node or (one.account.node if one.account else "")
    told = one.account and AttemptSeen(-1, "", "succeeded", known(one.account.start), known(one.account.end))
    return one._replace(uid="", reason="", message="", exit_code=None, node=node, pod="", account=told)


def key_of(uid: str) -> int:
    """63 bits of a uid: enough to tell the attempts of one index apart, in eight bytes."""
    return int.from_bytes(hashlib.blake2b(uid.encode(), digest_size=8).digest()) >> 1


@lru_cache(10_000)
def node_key(name: str) -> int:
    """32 bits of a node's name, 0 for none: a run has few nodes, so their names are kept once, by this."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest()) if name else 0


def from_pod(fact: PodSeen, job: int, key: int) -> Attempt:
    """What a pod tells about its attempt."""
    return Attempt(
        key=key,
        uid=fact.uid,
        job=job,
        rv=fact.rv,
        phase=phase_of(fact),
        created=fact.created,
        started=known(fact.started),
        finished=known(fact.finished),
        reason=sys.intern(fact.reason),
        message=fact.message[:LONGEST_MESSAGE],
        exit_code=fact.exit_code,
        node=sys.intern(fact.node),
        pod=fact.name,
        gone=fact.gone,
    )


def phase_of(fact: PodSeen) -> Phase:
    """A pod's phase in our words."""
    if fact.phase == "Succeeded":
        return Phase.SUCCEEDED
    if fact.phase == "Failed":
        return Phase.STOPPED if fact.deleting and fact.exit_code in (None, 137, 143) else Phase.FAILED
    if fact.gone:
        return Phase.STOPPED
    if fact.phase == "Running":
        return Phase.RUNNING
    return Phase.STARTING if fact.node else Phase.WAITING


def known(value: float | None) -> float:
    """A time, NaN where there is none."""
    return float("nan") if value is None else value


def joined(one: Attempt, other: Attempt) -> Attempt:
    """Two pieces of news of one pod: the later one, with what only the earlier one knew. The account stays."""
    late, early = (other, one) if other.rv > one.rv or (other.rv == one.rv and other.gone) else (one, other)
    own_end = early.phase >= Phase.FAILED and late.phase < Phase.FAILED
    return late._replace(
        account=one.account or other.account,
        phase=early.phase if own_end else late.phase,
        started=late.started if late.started == late.started else early.started,
        finished=late.finished if late.finished == late.finished else early.finished,
    )


class Shelf(tuple[dict[int, Attempts], ...]):
    """Attempts by index in small dicts, so that a change copies one small dict and the row of references, never all."""

    __slots__ = ()

    @classmethod
    def of(cls, size: int) -> Shelf:
        """An empty shelf for indexes 0…size-1."""
        return cls({} for _ in range(-(-size // BUCKET)))

    def at(self, index: int) -> Attempts | None:
        """The attempts at an index, or None."""
        return self[index // BUCKET].get(index)

    def pairs(self) -> Iterator[tuple[int, Attempts]]:
        """Every index that has attempts here, ascending, with them."""
        for bucket in self:
            if bucket:
                yield from sorted(bucket.items())


class ShelfDraft:
    """Changes to a shelf: buckets are copied on their first change, the shelf itself is left as it was."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.changed: dict[int, dict[int, Attempts]] = {}

    def at(self, index: int) -> Attempts | None:
        """The attempts at an index as the draft has them, or None."""
        place = index // BUCKET
        return self.changed.get(place, self.shelf[place]).get(index)

    def put(self, index: int, attempts: Attempts | None) -> None:
        """Set the attempts at an index; None takes them away."""
        place = index // BUCKET
        bucket = self.changed.get(place)
        if bucket is None:
            bucket = self.changed[place] = dict(self.shelf[place])
        if attempts is None:
            bucket.pop(index, None)
        else:
            bucket[index] = attempts

    def done(self) -> Shelf:
        """The shelf with the changes."""
        if not self.changed:
            return self.shelf
        return Shelf(self.changed.get(place, bucket) for place, bucket in enumerate(self.shelf))
