"""How many pods a Job should have now: which to create, for which indexes, and which to delete."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kjnb.embedded.api.timestamps import seconds
from kjnb.embedded.controllers.backoff import Record, remaining, remaining_for_index
from kjnb.embedded.controllers.failure_policy import next_counts
from kjnb.embedded.controllers.indexes import contains, first_missing, merged, total
from kjnb.embedded.controllers.job_pods import FAILURES, IGNORED, Object, index_of, noted, phase, ready_since, restarts
from kjnb.embedded.controllers.job_view import View
from kjnb.embedded.controllers.pod_template import Place

AT_ONCE = 500  # pods created or deleted in one sync


class Scale(NamedTuple):
    """Pods to make and to delete; with `wait`, seconds after which to look again, because of a back-off."""

    create: tuple[Place, ...] = ()
    delete: tuple[Object, ...] = ()
    wait: float | None = None

    @property
    def held(self) -> bool:
        """Nothing is created because of a back-off."""
        return self.wait is not None and not self.create


def scale(view: View, record: Record, base: float, now: float) -> Scale:
    """What brings the Job's pods to the number and the indexes that are wanted."""
    if view.suspended:
        return Scale(delete=tuple(view.active[:AT_ONCE]))
    surplus, kept = _unwanted(view)
    want = wanted(view)
    if surplus or len(kept) > want:
        more = sorted(kept, key=_worth)[: max(0, len(kept) - want)]
        return Scale(delete=tuple([*surplus, *more][:AT_ONCE]))
    missing = want - len(kept) - (len(view.terminating) if view.replaces_only_failed else 0)
    if missing <= 0:
        return Scale()
    missing = min(missing, AT_ONCE)
    if view.limit_per_index is not None:
        return _create_by_index(view, missing, base, now)
    wait = remaining(record, base, now)
    if wait > 0:
        return Scale(wait=wait)
    if not view.indexed:
        return Scale(create=(Place(),) * missing)
    return Scale(create=tuple(Place(index) for index in _pending(view, missing)))


def wanted(view: View) -> int:
    """How many pods should be active."""
    parallelism = int(view.spec.get("parallelism", 1))
    if view.completions is None:
        return len(view.active) if view.successes else parallelism
    left = view.completions - view.successes - total(view.failed_indexes)
    return max(0, min(parallelism, left))


def _unwanted(view: View) -> tuple[list[Object], list[Object]]:
    """(pods whose index is over, unknown or has a better pod, the other active pods)."""
    if not view.indexed:
        return [], view.active
    best: dict[int, Object] = {}
    surplus = []
    for pod in view.active:
        index = index_of(pod)
        if index is None or not view.valid(pod) or _is_over(view, index):
            surplus.append(pod)
        elif index not in best:
            best[index] = pod
        else:
            less, best[index] = sorted((best[index], pod), key=_worth)
            surplus.append(less)
    return surplus, list(best.values())


def _is_over(view: View, index: int) -> bool:
    return contains(view.completed, index) or contains(view.failed_indexes, index)


def _worth(pod: Object) -> tuple[bool, bool, bool, float, int, float]:
    """Those that lose least are deleted first: unassigned, pending, not or lately ready, often restarted, young."""
    age = -seconds(pod["metadata"]["creationTimestamp"])
    since = ready_since(pod)
    on_node, running = bool(pod["spec"].get("nodeName")), phase(pod) == "Running"
    return (on_node, running, since is not None, -(since or 0.0), -restarts(pod), age)


def _pending(view: View, count: int) -> list[int]:
    """The lowest indexes that have neither ended nor a pod."""
    holders: Iterable[Object] = view.active
    if view.replaces_only_failed:
        holders = [*view.active, *view.terminating]
    busy = {index_of(pod) for pod in holders}
    over = view.completed
    if view.failed_indexes:
        over = merged(over, (i for first, last in view.failed_indexes for i in range(first, last + 1)))
    return first_missing(over, count, view.completions or 0, {index for index in busy if index is not None})


def _create_by_index(view: View, missing: int, base: float, now: float) -> Scale:
    held = last_tries(view)
    create, waits = [], []
    for index in _pending(view, missing):
        pod = held.get(index)
        if pod is None:
            create.append(Place(index, 0))
            continue
        wait = remaining_for_index(pod, base, now)
        if wait > 0:
            waits.append(wait)
        else:
            create.append(Place(index, *next_counts(view.policy, pod)))
    return Scale(create=tuple(create), wait=min(waits, default=None))


def last_tries(view: View) -> dict[int, Object]:
    """The last failed pod of each index that waits for another: its annotations hold the index's counts."""
    busy = {index_of(pod) for pod in view.active}
    last: dict[int, Object] = {}
    for pod in view.failed:
        index = index_of(pod)
        if index is None or not view.valid(pod) or index in busy or _is_over(view, index):
            continue
        if index not in last or _tries(pod) >= _tries(last[index]):
            last[index] = pod
    return last


def _tries(pod: Object) -> int:
    return noted(pod, FAILURES) + noted(pod, IGNORED)
