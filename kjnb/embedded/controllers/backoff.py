"""How long a Job waits before it replaces a failed pod: base, twice that, four times, … at most 60 times base.

One clock a Job, reset by a success; or, with backoffLimitPerIndex, one an index, kept in its pods' annotations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kjnb.embedded.api.timestamps import seconds
from kjnb.embedded.controllers.job_pods import FAILURES, IGNORED, Object, container_statuses, noted

CAP = 60  # times base: Kubernetes' ten minutes over its ten seconds


class Record(NamedTuple):
    """Failures since the Job's last success, and when the last of them ended (seconds since the epoch)."""

    failures: int = 0
    last: float = 0.0


def delay(base: float, failures: int) -> float:
    """Seconds to wait after that many failures in a row."""
    if failures < 1:
        return 0.0
    return float(min(base * 2 ** min(failures - 1, 10), base * CAP))


def finished_at(pod: Object, now: float) -> float:
    """When the pod's last container ended, else when its deletion was asked for, else `now`."""
    ends = [_terminated(status).get("finishedAt") for status in container_statuses(pod)]
    known = [end for end in ends if end]
    if known:
        return seconds(max(known))
    asked = pod["metadata"].get("deletionTimestamp")
    return min(seconds(asked), now) if asked else now


def _terminated(status: Object) -> Object:
    found: Object = status.get("state", {}).get("terminated") or {}
    return found


def after(record: Record, succeeded: Iterable[Object], failed: Iterable[Object], now: float) -> Record:
    """The record once these pods have ended, too."""
    ends = [(finished_at(pod, now), False) for pod in succeeded] + [(finished_at(pod, now), True) for pod in failed]
    for end, bad in sorted(ends):
        record = Record(record.failures + 1, end) if bad else Record()
    return record


def remaining(record: Record, base: float, now: float) -> float:
    """Seconds until the Job may create pods again."""
    return max(0.0, record.last + delay(base, record.failures) - now)


def remaining_for_index(pod: Object, base: float, now: float) -> float:
    """Seconds until the index of this failed pod may be tried again; ignored failures count here, too."""
    failures = noted(pod, FAILURES) + noted(pod, IGNORED) + 1
    return max(0.0, finished_at(pod, now) + delay(base, failures) - now)
