"""One attempt, looked at from a view: the end of its log and its traceback, never more than a screen can show.

It may take as long as the cluster takes to answer: a view calls it in a thread of its own.
"""

from __future__ import annotations

from typing import NamedTuple

from kjnb.errors import ClusterError
from kjnb.model.state import Attempt, Failure, Phase
from kjnb.run import history
from kjnb.run.handle import Run

MOST_LINES = 201  # one more than is shown, so that it can be said that there are more
MOST_BYTES = 256 * 1024
LAST_LINES, LAST_BYTES = 1, 4 * 1024


class Peek(NamedTuple):
    """What there is of an attempt: its number from 0, of so many; the end of its log, its traceback.

    `trouble` says why there is no log, "" if there is one.
    """

    index: int  # type: ignore[assignment]  # the API's word is worth more than tuple.index
    number: int
    attempts: int
    log: bytes
    traceback: str
    trouble: str = ""


def peek(run: Run, index: int, number: int = -1) -> Peek:
    """Look at an attempt at an index; `number` counts from 0, -1 is the last that has begun."""
    tried = begun(run, index)
    if not tried:
        return Peek(index, 0, 0, b"", "", "no attempt has begun yet")
    number = number if 0 <= number < len(tried) else len(tried) - 1
    uid, pod = tried[number]
    told = run.stage.attempt(index, uid) or {}
    traceback = str((told.get("error") or {}).get("traceback") or "")
    try:
        log, trouble = end_of_log(run, index, uid, pod, MOST_LINES, MOST_BYTES), ""
    except ClusterError as error:
        log, trouble = b"", error.what
    return Peek(index, number, len(tried), log, traceback, trouble)


def begun(run: Run, index: int) -> list[tuple[str, str]]:
    """The uid and the pod of each attempt that has begun, oldest first."""
    known = run.state.attempts(index)
    if known and all(one.uid for one in known):
        return [(one.uid, name_of(one)) for one in known if one.settled > Phase.STARTING]
    return [(one.uid, one.pod) for one in history.tried(run.stage, run.cluster, run.facts, index)]


def name_of(one: Attempt) -> str:
    """The name of an attempt's pod."""
    return one.pod or (one.account.pod if one.account else "")


def end_of_log(run: Run, index: int, uid: str, pod: str, lines: int, most: int) -> bytes:
    """The end of a log: the kept one, else the pod's; nothing where neither is left. ClusterError for a refusal."""
    kept = run.stage.log_end(index, uid, most)
    if kept is not None:
        return kept
    if run.cluster is None or not pod:
        return b""
    return run.cluster.log(pod, lines, most)


def last_lines(run: Run, failures: list[Failure]) -> dict[str, bytes]:
    """The last line of each of these attempts' logs, by uid; of those whose log cannot be read, nothing."""
    found: dict[str, bytes] = {}
    for one in failures:
        try:
            found[one.uid] = end_of_log(run, one.index, one.uid, one.pod, LAST_LINES, LAST_BYTES)
        except ClusterError:
            continue
    return found
