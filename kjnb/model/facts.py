"""What can be known of a run, as plain values: each is a fact about one object at one moment, never an order.

Times are seconds since the epoch; `rv` is the object's resourceVersion, by which old news is told from new.
"""

from __future__ import annotations

from typing import NamedTuple


class PodSeen(NamedTuple):
    """A pod as the API server told it; `gone` when it was deleted. `index` is the completion index in its own Job."""

    job: str
    uid: str
    name: str
    index: int  # type: ignore[assignment]  # the API's word is worth more than tuple.index
    phase: str
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    node: str = ""
    deleting: bool = False
    gone: bool = False
    rv: int = 0


class JobSeen(NamedTuple):
    """A Job as the API server told it; `completed` and `failed` are its own interval texts.

    `conditions` are (type, status, reason, message); `failures` counts pods, so no chart is drawn from it.
    """

    name: str
    uid: str
    rv: int = 0
    completed: str = ""
    failed: str = ""
    active: int = 0
    ready: int = 0
    succeeded: int = 0
    failures: int = 0
    terminating: int = 0
    suspended: bool = False
    parallelism: int = 1
    started: float | None = None
    ended: float | None = None
    conditions: tuple[tuple[str, str, str, str], ...] = ()
    gone: bool = False


class Relisted(NamedTuple):
    """A whole list of "pods" or "jobs" was read: what it does not name is gone. `job` None means of all Jobs."""

    kind: str
    job: str | None
    uids: frozenset[str]


class AttemptSeen(NamedTuple):
    """The worker's own account of one attempt; `index` is the run's. `outcome`: succeeded, failed,
    superseded (another attempt's result counts) or terminated (asked to stop).
    """

    index: int  # type: ignore[assignment]  # the API's word is worth more than tuple.index
    uid: str
    outcome: str
    start: float | None = None
    end: float | None = None
    error_type: str = ""
    group: str = ""
    message: str = ""
    traceback: str = ""
    exit_code: int | None = None
    rows: int | None = None
    max_rss_bytes: int | None = None
    pod: str = ""
    node: str = ""


class CommitSeen(NamedTuple):
    """The result of an index of the run is in the stage."""

    index: int  # type: ignore[assignment]  # the API's word is worth more than tuple.index


class ResultLost(NamedTuple):
    """The stage was read after the index succeeded, and has no result for it."""

    index: int  # type: ignore[assignment]  # the API's word is worth more than tuple.index


Fact = PodSeen | JobSeen | Relisted | AttemptSeen | CommitSeen | ResultLost


def attempt_seen(account: dict[str, object]) -> AttemptSeen:
    """The fact in a worker's account (`attempts/00007-<uid>.json`); what is missing there stays unset."""
    error = account.get("error")
    told = error if isinstance(error, dict) else {}
    usage = account.get("usage")
    used = usage if isinstance(usage, dict) else {}
    return AttemptSeen(
        index=int(str(account["index"])),
        uid=str(account["attempt"]),
        outcome=str(account["outcome"]),
        start=number(account.get("start")),
        end=number(account.get("end")),
        error_type=str(told.get("type") or ""),
        group=str(told.get("group") or told.get("type") or ""),
        message=str(told.get("message") or ""),
        traceback=str(told.get("traceback") or ""),
        exit_code=whole(account.get("exit_code")),
        rows=whole(account.get("rows")),
        max_rss_bytes=whole(used.get("max_rss_bytes")),
        pod=str(account.get("pod") or ""),
        node=str(account.get("node") or ""),
    )


def number(value: object) -> float | None:
    """A float, or None for what is no number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def whole(value: object) -> int | None:
    """An int, or None for what is no number."""
    found = number(value)
    return None if found is None else int(found)
