"""How long a Job waits before it replaces a failed pod: base, twice that, four times, … at most 60 times base.

One clock a Job, reset by a success; or, with backoffLimitPerIndex, one an index, kept in its pods' annotations.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from kjnb.embedded.api.timestamps import seconds
from kjnb.embedded.controllers.job_pods import FAILURES, IGNORED, Object, noted

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


def finished_at(pod: Object) -> float:
    """When all its containers were over, else since when it is not ready, else when it was asked to stop."""
    ends = [_ended(status) for status in _long_lived(pod)]
    if ends and all(ends):
        return seconds(max(ends))
    conditions = pod.get("status", {}).get("conditions") or ()
    unready = [c["lastTransitionTime"] for c in conditions if c["type"] == "Ready" and c["status"] == "False"]
    if unready:
        return seconds(unready[0])
    meta = pod["metadata"]
    if meta.get("deletionTimestamp"):
        return seconds(meta["deletionTimestamp"]) - int(meta.get("deletionGracePeriodSeconds") or 0)
    return seconds(meta["creationTimestamp"])


def _long_lived(pod: Object) -> list[Object]:
    """The statuses of its containers, and of its sidecars, which end after them."""
    spec, status = pod.get("spec", {}), pod.get("status", {})
    sidecars = {one["name"] for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"}
    others = [one for one in status.get("initContainerStatuses") or () if one["name"] in sidecars]
    return [*(status.get("containerStatuses") or ()), *others]


def _ended(status: Object) -> str:
    return (status.get("state", {}).get("terminated") or {}).get("finishedAt") or ""


def after(record: Record, succeeded: Collection[Object], failed: Collection[Object]) -> Record:
    """The record once these pods have ended, too; a failure in the second of a success came before it."""
    if not failed:
        return Record() if succeeded else record
    ends = [(finished_at(pod), True) for pod in succeeded] + [(finished_at(pod), False) for pod in failed]
    for end, good in sorted(ends):
        record = Record() if good else Record(record.failures + 1, end)
    return record


def remaining(record: Record, base: float, now: float) -> float:
    """Seconds until the Job may create pods again."""
    return max(0.0, record.last + delay(base, record.failures) - now)


def remaining_for_index(pod: Object, base: float, now: float) -> float:
    """Seconds until the index of this failed pod may be tried again; ignored failures count here, too."""
    failures = noted(pod, FAILURES) + noted(pod, IGNORED) + 1
    return max(0.0, finished_at(pod) + delay(base, failures) - now)
