"""The list of conditions in a Job's status."""

from __future__ import annotations

from collections.abc import Iterable

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.controllers.job_pods import Object

BACKOFF_LIMIT = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
MAX_FAILED = ("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes")
FAILED_INDEXES = ("FailedIndexes", "Job has failed indexes")
COMPLETIONS = ("CompletionsReached", "Reached expected number of succeeded pods")
TERMINAL = {"FailureTarget": "Failed", "SuccessCriteriaMet": "Complete"}


def condition(kind: str, status: str, reason: str, message: str, now: float) -> Object:
    """One condition, as of now."""
    when = stamp(now)
    return {
        "type": kind,
        "status": status,
        "lastProbeTime": when,
        "lastTransitionTime": when,
        "reason": reason,
        "message": message,
    }


def holding(conditions: Iterable[Object], *kinds: str) -> Object | None:
    """The first condition of one of these types that is True."""
    return next((c for c in conditions if c["type"] in kinds and c["status"] == "True"), None)


def with_status(
    conditions: list[Object], kind: str, status: str, reason: str, message: str, now: float
) -> list[Object]:
    """The list with that condition saying that; the very same list where it did, or was absent and is False."""
    old = next((c for c in conditions if c["type"] == kind), None)
    if old is None and status == "False":
        return conditions
    if old is not None and (old["status"], old.get("reason"), old.get("message")) == (status, reason, message):
        return conditions
    new = condition(kind, status, reason, message, now)
    return [new if c is old else c for c in conditions] if old else [*conditions, new]
