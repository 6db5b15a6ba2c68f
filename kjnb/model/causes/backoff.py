"""The pause before a failed pod is replaced, with its clock: ten seconds, twice that, … up to ten minutes.

One clock an index with backoffLimitPerIndex, else one a Job, which a success sets back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kjnb.model.objects import Json, dig, whole
from kjnb.model.podfacts import Pod, latest

BASE, CAP = 10.0, 60.0  # seconds, and times that at most: what Kubernetes has fixed


class Pause(NamedTuple):
    """One clock that runs: for these completion indexes (none: for the whole Job) the next try comes `left` s from now.

    `failures` were counted, `most` attempts there can be (None: that is not limited, or not known).
    """

    indexes: tuple[int, ...]
    left: float
    failures: int
    most: int | None


def delay(failures: int, base: float = BASE) -> float:
    """Seconds between the end of an attempt and the next one, after that many failures in a row."""
    return min(base * float(2 ** min(max(failures, 1) - 1, 10)), base * CAP)


def pauses(job: Json, pods: Sequence[Pod], now: float, base: float) -> list[Pause]:
    """The clocks that run in a Job that is not over; `pods` are its own. Only where the end of a pod is known."""
    if dig(job, "spec", "backoffLimitPerIndex") is not None:
        return of_indexes(job, pods, now, base)
    return of_job(job, pods, now, base)


def of_indexes(job: Json, pods: Sequence[Pod], now: float, base: float) -> list[Pause]:
    """One clock for each index whose latest pod has failed."""
    limit = whole(job, "spec", "backoffLimitPerIndex")
    found = []
    for pod in sorted((one for one in latest(pods) if one.index is not None), key=lambda one: one.index or 0):
        end, failures = pod.finished, pod.failures + 1
        if pod.phase == "Failed" and end is not None:
            most = None if limit is None else limit + 1
            found.append(Pause((pod.index or 0,), max(0.0, end + delay(failures, base) - now), failures, most))
    return found


def of_job(job: Json, pods: Sequence[Pod], now: float, base: float) -> list[Pause]:
    """The one clock of a Job: from the failures since its last success; none while a pod of it is active."""
    if any(pod.active for pod in pods):
        return []
    good = max((pod.finished or 0.0 for pod in pods if pod.phase == "Succeeded"), default=0.0)
    bad = [pod.finished for pod in pods if pod.phase == "Failed" and pod.finished and pod.finished > good]
    if not bad:
        return []
    limit = whole(job, "spec", "backoffLimit")
    most = None if limit is None else limit + 1
    return [Pause((), max(0.0, max(bad) + delay(len(bad), base) - now), len(bad), most)]


def clock(seconds: Sequence[float]) -> str:
    """When it goes on, in words: "now", "in 12 s", "in 3 to 40 s"."""
    first, last = round(min(seconds)), round(max(seconds))
    if last <= 0:
        return "now"
    return f"in {last} s" if first == last else f"in {first} to {last} s"
