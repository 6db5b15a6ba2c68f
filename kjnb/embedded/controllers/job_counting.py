"""How terminated pods become numbers, each exactly once, wherever a crash comes.

A pod's uid is first noted in the status (uncountedTerminatedPods); then its finalizer goes; then, and only then, a
counter takes its place in the status. Indexes that succeeded need no note: being in completedIndexes is the note.
A stop between any two of these steps leaves what the next sync needs to go on from there.
"""

from __future__ import annotations

from typing import NamedTuple

from kjnb.embedded.controllers.failure_policy import match
from kjnb.embedded.controllers.indexes import text, total
from kjnb.embedded.controllers.job_pods import Object, tracked, uid
from kjnb.embedded.controllers.job_view import View

NOTED_AT_ONCE = 500  # uids in the status at a time


class Counting(NamedTuple):
    """The numbers of the next status, the pods whose finalizer may go once it is stored, and those new in it."""

    numbers: Object
    release: tuple[Object, ...]
    succeeded: tuple[Object, ...]  # what the back-off's clock has not seen
    failed: tuple[Object, ...]


def count(view: View, keep: frozenset[str], ending: str) -> Counting:
    """Count what has ended; `ending` is "failed", "succeeded" or "", `keep` the uids of pods not to be counted yet."""
    new_failed = [pod for pod in _new_failed(view, ending) if uid(pod) not in keep]
    counted = [pod for pod in new_failed if match(view.policy, pod).counts]
    room = NOTED_AT_ONCE - sum(len(_still(view, kind)) for kind in view.noted)
    later = {uid(pod) for pod in counted[max(0, room) :]}
    noted = [uid(pod) for pod in counted[: max(0, room)]]
    new_succeeded = [] if view.indexed else view.new_succeeded[: max(0, room - len(noted))]
    later |= set() if view.indexed else {uid(pod) for pod in view.new_succeeded} - {uid(pod) for pod in new_succeeded}
    numbers = _numbers(view, [uid(pod) for pod in new_succeeded], noted)
    release = tuple(pod for pod in _ended(view, ending) if uid(pod) not in later and uid(pod) not in keep)
    gone = tuple(pod for pod in new_failed if uid(pod) not in later)
    fresh = view.new_successes if view.indexed else new_succeeded
    return Counting(numbers, release, tuple(fresh), gone)


def _new_failed(view: View, ending: str) -> list[Object]:
    """A Job that fails counts all its pods as failed, also those that still stop."""
    if ending != "failed":
        return view.new_failed
    known = {*view.noted["failed"], *(uid(pod) for pod in view.succeeded)}
    return [pod for pod in view.pods if tracked(pod) and uid(pod) not in known and view.valid(pod)]


def _ended(view: View, ending: str) -> list[Object]:
    if ending or view.leaving:
        return [pod for pod in view.pods if tracked(pod)]
    return [*view.succeeded, *view.failed]


def _still(view: View, kind: str) -> list[str]:
    """Noted uids whose pods still carry the finalizer."""
    present = {uid(pod) for pod in view.pods if tracked(pod)} if view.noted[kind] else set()
    return [name for name in view.noted[kind] if name in present]


def _numbers(view: View, new_succeeded: list[str], new_failed: list[str]) -> Object:
    """succeeded, failed, the indexes and the notes; zero counts are left out, as the API does."""
    still = {"succeeded": _still(view, "succeeded"), "failed": _still(view, "failed")}
    done = {kind: len(view.noted[kind]) - len(still[kind]) for kind in still}
    numbers: Object = {kind: int(view.status.get(kind, 0)) + done[kind] for kind in done}
    notes = {"succeeded": still["succeeded"] + new_succeeded, "failed": still["failed"] + new_failed}
    numbers["uncountedTerminatedPods"] = {kind: names for kind, names in notes.items() if names}
    if view.indexed:
        numbers["succeeded"] = total(view.completed)
        numbers["completedIndexes"] = text(view.completed)
    numbers = {key: value for key, value in numbers.items() if value not in (0, "")}
    if view.limit_per_index is not None:
        numbers["failedIndexes"] = text(view.failed_indexes)
    return numbers
