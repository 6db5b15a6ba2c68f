"""What a diagnosis says: findings, each a sentence about some indexes and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

CLOCK = "back-off"  # the finding that says when it goes on
LONGEST_QUOTE = 400
SHORT = 90


class Rank(IntEnum):
    """What a finding means for the run: STUCK waits for a person, FAILED lost something, WAITING goes on by itself."""

    STUCK = 0
    FAILED = 1
    WAITING = 2
    NOTE = 3


class Cause(NamedTuple):
    """Why one thing does not go on: a sentence without its subject, the cluster's own words, and the fix.

    Things with the same `code` and `said` are one finding. `short` is what fits into a line; "" where the line of
    counts says it already.
    """

    code: str
    said: str
    fix: str
    short: str = ""
    quote: str = ""
    rank: Rank = Rank.STUCK


class Finding(NamedTuple):
    """One sentence and its fix. `indexes` are the run's, `pods` names; both are empty where the Job itself is meant."""

    code: str
    what: str
    fix: str
    short: str
    rank: Rank
    indexes: tuple[int, ...] = ()
    pods: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}\n  -> {self.fix}" if self.fix else self.what


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a run: `findings`, the most important first; `line` is how it stands, in words."""

    name: str
    line: str
    findings: tuple[Finding, ...]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __bool__(self) -> bool:
        return True

    def text(self, fix: Callable[[str], str] = str) -> str:
        """Lines to read; `fix` puts what to do into the words of a door."""
        told = [str(one._replace(fix=fix(one.fix))) for one in self.findings] or ["nothing is stuck"]
        return "\n".join([f"{self.name}: {self.line}", *told])

    def __repr__(self) -> str:
        return self.text()


def about(cause: Cause, who: str = "", *, indexes: Iterable[int] = (), pods: Iterable[str] = ()) -> Finding:
    """The finding that a cause is for somebody: "index 3 (pod x): no node has …"."""
    subject = f"{who}: " if who else ""
    quote = f" ({quoted(cause.quote)})" if cause.quote else ""
    return Finding(
        code=cause.code,
        what=f"{subject}{cause.said}{quote}",
        fix=cause.fix,
        short=cause.short,
        rank=cause.rank,
        indexes=tuple(sorted(set(indexes))),
        pods=tuple(pods),
    )


def quoted(message: str) -> str:
    """The cluster's words in one line, cut where they are long."""
    line = " ".join(message.split()).rstrip(". ")
    return line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1]}…"


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The most important first: by rank, then what concerns most indexes, then by the first of them."""
    return tuple(sorted(findings, key=lambda one: (one.rank, -len(one.indexes or one.pods), one.indexes, one.what)))


def short(findings: Iterable[Finding]) -> str:
    """Why a run does not go on, in a few words for its line; "" when there is nothing to say."""
    grave = [one for one in ordered(findings) if one.short and one.rank < Rank.NOTE]
    clock = next((one for one in grave[1:] if one.code == CLOCK), None)
    told = "; ".join(one.short for one in (*grave[:1], *([clock] if clock else [])))
    return told if len(told) <= SHORT else f"{told[: SHORT - 1]}…"
