"""Wakes the Job controller's pure function and writes its plans through the store.

It keeps, per Job, the pods that matter (not over, or still carrying the Job's finalizer), told by the store's events.
A sync reads Job and pods anew from the store and writes its plan without giving way in between: one snapshot, no
conflicts. Finished pods are never looked at again.

A quiet Job is synced at once; a busy one at most every `TICK`, and its status, when only counts changed, is stored at
most every `STATUS_EVERY`: until then the finalizers of the finished pods hold what is to be counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from kjnb.embedded.api.deletion import request_deletion
from kjnb.embedded.controllers.admission import refusal
from kjnb.embedded.controllers.backoff import Record
from kjnb.embedded.controllers.claims import adopted, may_adopt, must_release, released
from kjnb.embedded.controllers.job_controller import NO_FAILURES, Plan, sync, without_pods
from kjnb.embedded.controllers.job_pods import (
    Object,
    controller_of,
    deleting,
    phase,
    ready,
    restarts,
    terminal,
    tracked,
    uid,
    untracked,
)
from kjnb.embedded.events import Recorder
from kjnb.embedded.store.store import AlreadyExists, Event, Store

Key = tuple[str, str]  # namespace, name
Facts = tuple[str, bool, bool, bool, int]
TICK = 0.02
STATUS_EVERY = 0.2
RETRY = 1.0
MOST_RETRY = 60.0
IN_A_ROW = 4  # syncs of one Job before others get their turn
log = logging.getLogger(__name__)


class JobLoop:
    """See the module. `clock` gives seconds since the epoch, `monotonic` seconds that never jump."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        names: Callable[[], str],
        backoff_base: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._names = names
        self._base = backoff_base
        self._recorder = Recorder(store)
        self._pods: dict[str, dict[str, tuple[Key, Facts]]] = {}  # by Job uid, by pod uid
        self._records: dict[str, Record] = {}
        self._refused: dict[str, int] = {}  # by Job uid: how often in a row its pods were refused
        self._due: dict[Key, float] = {}
        self._synced: dict[Key, float] = {}  # when the next sync may come
        self._stored: dict[Key, float] = {}  # when the status was last stored
        self.looked_at = 0  # pods that all syncs together looked at

    def load(self) -> None:
        """Take in what the store holds."""
        for job in self._store.list("jobs"):
            self._due[_key(job)] = self._monotonic()
        for pod in self._store.list("pods"):
            self._see_pod(pod)

    def observe(self, event: Event) -> None:
        """Take in one committed event."""
        if event.resource == "pods":
            self._see_pod(event.obj)
        elif event.type == "DELETED":
            self._job_gone(event.obj)
        elif event.old is None or _asks_for_more(event.old, event.obj):
            self._wake(_key(event.obj))
            if event.old is None and event.obj["spec"].get("manualSelector"):
                for pod in self._store.list("pods", event.obj["metadata"]["namespace"]):
                    self._see_pod(pod)

    def run_due(self) -> float | None:
        """Sync what is due; seconds until the next sync is."""
        now = self._monotonic()
        for key in [key for key, due in self._due.items() if due <= now]:
            del self._due[key]
            self._sync_safely(key)
        return max(0.0, min(self._due.values()) - self._monotonic()) if self._due else None

    # -- what the store tells

    def _see_pod(self, pod: Object) -> None:
        current = self._store.get("pods", *_key(pod))
        if current is not None and uid(current) != uid(pod):
            current = None
        owner = controller_of(current or pod)
        if owner is None:
            self._see_orphan(current)
            return
        job = self._job(pod["metadata"]["namespace"], owner) if owner["kind"] == "Job" else None
        if job is None:
            self._strip(current if owner["kind"] == "Job" else None)
        elif current is not None and must_release(job, current):
            self._place(uid(job), uid(pod), None)
            self._store.update("pods", released(current, job))
            self._wake(_key(job))
        elif self._place(uid(job), uid(pod), current):
            self._wake(_key(job))

    def _job(self, namespace: str, owner: Object) -> Object | None:
        found = self._store.get("jobs", namespace, owner["name"])
        return found if found is not None and uid(found) == owner["uid"] else None

    def _place(self, job_uid: str, pod_uid: str, pod: Object | None) -> bool:
        """Keep the pod if it matters; whether anything that the controller looks at has changed."""
        pods = self._pods.setdefault(job_uid, {})
        known = pods.get(pod_uid)
        if pod is None or (terminal(pod) and not tracked(pod)):
            pods.pop(pod_uid, None)
            return known is not None
        facts = (phase(pod), ready(pod), deleting(pod), tracked(pod), restarts(pod))
        pods[pod_uid] = (_key(pod), facts)
        return known is None or known[1] != facts

    def _see_orphan(self, pod: Object | None) -> None:
        """A pod without a controller is adopted by the Job that selects it, else it is let go."""
        if pod is None:
            return
        for job in self._store.list("jobs", pod["metadata"]["namespace"]) if pod["metadata"].get("labels") else ():
            if may_adopt(job, pod):
                self._place(uid(job), uid(pod), self._store.update("pods", adopted(pod, job)))
                self._wake(_key(job))
                return
        self._strip(pod)

    def _strip(self, pod: Object | None) -> None:
        if pod is not None and tracked(pod):
            self._store.update("pods", untracked(pod))

    def _job_gone(self, job: Object) -> None:
        """Nobody will count its pods any more: nothing may hold them."""
        for key, _ in self._pods.pop(uid(job), {}).values():
            self._strip(self._store.get("pods", *key))
        self._records.pop(uid(job), None)
        self._refused.pop(uid(job), None)
        if self._store.get("jobs", *_key(job)) is None:
            for known in (self._due, self._synced, self._stored):
                known.pop(_key(job), None)

    # -- syncing

    def _wake(self, key: Key, at: float | None = None) -> None:
        due = max(self._monotonic() if at is None else at, self._synced.get(key, 0.0))
        self._due[key] = min(due, self._due.get(key, due))

    def _sync_safely(self, key: Key) -> None:
        started = self._monotonic()
        try:
            again = self._sync(key)
        except Exception:
            log.exception("the Job %s/%s could not be synced; trying again", *key)
            again = RETRY
        ended = self._monotonic()
        self._synced[key] = ended + max(TICK, ended - started)  # the server has others to serve
        if again is not None:
            self._wake(key, ended + again)

    def _sync(self, key: Key) -> float | None:
        """Sync until there is nothing to do at once; seconds until there may be."""
        for _ in range(IN_A_ROW):
            job = self._store.get("jobs", *key)
            if job is None:
                return None
            known = [self._store.get("pods", *place) for place, _ in self._pods.get(uid(job), {}).values()]
            pods = [pod for pod in known if pod is not None]
            self.looked_at += len(pods)
            now = self._clock()
            last = self._records.get(uid(job), NO_FAILURES)
            plan = sync(job, pods, now, names=self._names, base=self._base, record=last)
            plan = self._admitted(job, plan, now)
            made = self._create(job, plan, now)
            if wait := self._postponed(key, job, plan):
                return min(wait, plan.requeue_after or wait) if made else 0.0
            self._write(job, plan, now)
            if plan.requeue_after != 0 and made:
                return plan.requeue_after
        return 0.0

    def _admitted(self, job: Object, plan: Plan, now: float) -> Plan:
        """The plan, without its new pods where the API server would refuse them; it is tried again ever later."""
        namespace = self._store.get("namespaces", None, job["metadata"]["namespace"])
        ends = namespace is not None and deleting(namespace)
        why = refusal(plan.create[0], self._is_there) if plan.create else ""
        if not why and not (ends and plan.create):
            self._refused.pop(uid(job), None)
            return plan
        if not ends:
            self._recorder.record(job, "Warning", "FailedCreate", f"Error creating: {why}", now, "job-controller")
        times = self._refused[uid(job)] = self._refused.get(uid(job), -1) + 1
        return without_pods(plan, min(RETRY * 2**times, MOST_RETRY))

    def _is_there(self, resource: str, namespace: str, name: str) -> bool:
        return self._store.get(resource, namespace, name) is not None

    def _postponed(self, key: Key, job: Object, plan: Plan) -> float:
        """Seconds to wait with storing a status in which only counts differ; 0 to store it now."""
        old, new = job.get("status") or {}, plan.status
        if new is None or plan.stop or plan.delete or not (new.get("active") or plan.create):
            return 0.0
        if any(old.get(name) != new.get(name) for name in ("conditions", "startTime")):
            return 0.0
        return max(0.0, self._stored.get(key, -STATUS_EVERY) + STATUS_EVERY - self._monotonic())

    def _write(self, job: Object, plan: Plan, now: float) -> None:
        """The plan but for its new pods, which are there already."""
        for pod in plan.stop:
            self._delete(job, pod, now, release=False)
        if plan.status is not None:
            job = self._store.update("jobs", {**job, "status": plan.status})
            self._stored[_key(job)] = self._monotonic()
        doomed = {uid(pod) for pod in plan.delete}
        for pod in plan.release:
            if uid(pod) not in doomed:
                self._release(job, pod)
        for pod in plan.delete:
            self._delete(job, pod, now, release=True)
        for kind, reason, message in plan.events:
            if reason != "SuccessfulCreate":
                self._recorder.record(job, kind, reason, message, now, "job-controller")
        self._records[uid(job)] = plan.record
        if plan.expired:
            when = datetime.fromtimestamp(now, UTC)
            request_deletion(self._store, "jobs", job, grace=None, propagation="Foreground", now=when)

    def _create(self, job: Object, plan: Plan, now: float) -> bool:
        """Make the plan's pods; False if a name was taken: the next sync makes that pod with another."""
        taken = set()
        for pod in plan.create:
            try:
                made = self._store.create("pods", pod)
            except AlreadyExists:
                taken.add(f"Created pod: {pod['metadata']['name']}")
                continue
            self._place(uid(job), uid(made), made)
        for kind, reason, message in plan.events:
            if reason == "SuccessfulCreate" and message not in taken:
                self._recorder.record(job, kind, reason, message, now, "job-controller")
        return not taken

    def _release(self, job: Object, pod: Object) -> None:
        current = self._store.get("pods", *_key(pod))
        if current is not None and tracked(current):
            after = self._store.update("pods", untracked(current))
            gone = self._store.get("pods", *_key(pod)) is None
            self._place(uid(job), uid(pod), None if gone else after)

    def _delete(self, job: Object, pod: Object, now: float, *, release: bool) -> None:
        current = self._store.get("pods", *_key(pod))
        if current is None:
            return
        when = datetime.fromtimestamp(now, UTC)
        if release:  # in one write: a stop between two could leave one that runs and counts for nothing
            current = untracked(current)
        after, gone = request_deletion(self._store, "pods", current, grace=None, propagation="Background", now=when)
        self._place(uid(job), uid(pod), None if gone else after)


def _key(obj: Object) -> Key:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def _asks_for_more(old: Object, new: Object) -> bool:
    """Whether more changed than counts: others may write conditions, too."""
    said, says = ((job.get("status") or {}).get("conditions") for job in (old, new))
    return old["spec"] is not new["spec"] or deleting(old) != deleting(new) or (said is not says and said != says)
