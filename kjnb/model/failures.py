"""Why indexes failed: one record an index, and groups of those that failed alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kjnb.model.attempts import Attempt, Phase, Shelf, State
from kjnb.model.facts import AttemptSeen

UNSEEN = "failed, and nothing was seen of its attempts"


class Failure(NamedTuple):
    """An index that failed: its last failed attempt. `final` says that the Job gave it up, else it may still succeed.

    `group` is what it has in common with others; `error` and `message` are the exception's, "" where the pod ended
    without one, and then `reason` and `exit_code` are the pod's.
    """

    index: int  # type: ignore[assignment]
    attempts: int
    group: str
    reason: str
    exit_code: int | None
    error: str
    message: str
    uid: str
    pod: str
    node: str
    finished: float
    rows: int | None
    final: bool


class Group(NamedTuple):
    """Failures alike: "KeyError: 'carier', line 2", their indexes, and the first traceback that arrived."""

    group: str
    indexes: tuple[int, ...]
    message: str
    traceback: str


def failures_of(shelf: Shelf, states: npt.NDArray[np.uint8], tries: npt.NDArray[np.uint16]) -> list[Failure]:
    """Every index that failed and has not succeeded since, ascending: from its attempts, its state and its tries."""
    records = dict(shelf.pairs())
    refused = set(np.flatnonzero(states == State.FAILED).tolist())
    tried = np.fromiter(records, dtype=np.int64, count=len(records))
    unfinished = tried[~np.isin(states[tried], (State.SUCCEEDED, State.LOST))].tolist()
    found = []
    for index in sorted(refused.union(unfinished)):
        failed = [one for one in records.get(index, ()) if one.settled is Phase.FAILED]
        if failed or index in refused:
            last = failed[0] if len(failed) == 1 else max(failed, key=lambda one: one.order, default=None)
            found.append(failure(index, int(tries[index]), last, final=index in refused))
    return found


def failure(index: int, tries: int, last: Attempt | None, *, final: bool) -> Failure:
    """The record of one index, from its last failed attempt if one was seen."""
    if last is None:
        return Failure(index, tries, UNSEEN, "", None, "", "", "", "", "", float("nan"), None, final)
    told = last.account
    return Failure(
        index=index,
        attempts=tries,
        group=group_name(last),
        reason=last.reason,
        exit_code=last.exit_code if last.exit_code is not None or told is None else told.exit_code,
        error=told.error_type if told else "",
        message=told.message if told and told.message else last.message,
        uid=last.uid,
        pod=last.pod,
        node=last.node or (told.node if told else ""),
        finished=told.end if told and told.end is not None else last.finished,
        rows=told.rows if told else None,
        final=final,
    )


def group_name(attempt: Attempt) -> str:
    """What a failed attempt has in common with others: the exception and its line, else how the pod ended."""
    if attempt.account and attempt.account.group:
        return attempt.account.group
    code = "" if attempt.exit_code is None else f"exit code {attempt.exit_code}"
    if attempt.reason in ("", "Error"):
        return code or "failed without a reason"
    return f"{attempt.reason}, {code}" if code else attempt.reason


def groups_of(failures: Iterable[Failure], firsts: Mapping[str, AttemptSeen]) -> list[Group]:
    """Failures by group, the largest first, then by first index."""
    indexes: dict[str, list[Failure]] = {}
    for one in failures:
        indexes.setdefault(one.group, []).append(one)
    groups = [group_of(name, alike, firsts.get(name)) for name, alike in indexes.items()]
    return sorted(groups, key=lambda group: (-len(group.indexes), group.indexes))


def group_of(name: str, alike: list[Failure], first: AttemptSeen | None) -> Group:
    """One group of failures, with the message and traceback of the first of its kind."""
    message = first.message if first else alike[0].message
    return Group(name, tuple(one.index for one in alike), message, first.traceback if first else "")
