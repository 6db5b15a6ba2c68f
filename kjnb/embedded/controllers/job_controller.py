"""What the Job controller does next: one Job, its pods and the time in, a plan out.

`sync` is a pure function; the loop that calls it writes the plan through the store, in the plan's order, and may be
stopped between any two steps: the next sync, from what is stored then, comes to the same end. A Job's end takes two
syncs: FailureTarget or SuccessCriteriaMet is stored first; Failed or Complete follows when no pod is left to stop or
to be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from kjnb.embedded.api.timestamps import seconds, stamp
from kjnb.embedded.controllers import conditions
from kjnb.embedded.controllers.backoff import Record, after
from kjnb.embedded.controllers.failure_policy import match
from kjnb.embedded.controllers.indexes import total
from kjnb.embedded.controllers.job_counting import Counting, count
from kjnb.embedded.controllers.job_pods import Object, ready, restarts, terminal, tracked, uid
from kjnb.embedded.controllers.job_scale import AT_ONCE, Scale, last_tries, scale
from kjnb.embedded.controllers.job_view import View
from kjnb.embedded.controllers.pod_template import Mould
from kjnb.embedded.controllers.success_policy import met

Event = tuple[str, str, str]  # type, reason, message
NO_FAILURES = Record()


@dataclass(frozen=True)
class Plan:
    """What to write, in this order; pods to release lose the Job's finalizer, also those to delete.

    Pods to stop are asked to before the status says that they failed, and keep the finalizer until it is stored: what
    nobody asked to stop is never counted as a failure.
    """

    create: tuple[Object, ...] = ()
    stop: tuple[Object, ...] = ()
    status: Object | None = None
    release: tuple[Object, ...] = ()
    delete: tuple[Object, ...] = ()
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None  # seconds; 0: at once
    record: Record = NO_FAILURES  # the back-off's clock, to be given to the next sync
    expired: bool = False  # its time to live after its end is over: delete the Job


@dataclass(frozen=True)
class Verdict:
    """That a Job has come to its end, and why; `kind` is FailureTarget or SuccessCriteriaMet."""

    kind: str
    reason: str
    message: str

    @property
    def ending(self) -> str:
        """As `job_counting.count` wants it."""
        return "failed" if self.kind == "FailureTarget" else "succeeded"


def sync(
    job: Object,
    pods: Iterable[Object],
    now: float,
    *,
    names: Callable[[], str],
    base: float,
    record: Record = NO_FAILURES,
) -> Plan:
    """The plan for a Job and its pods that matter, those not over or still carrying the Job's finalizer.

    `now` is in seconds since the epoch, `names` gives five random characters for a new pod's name, `base` is the first
    back-off in seconds, `record` what the last plan for this Job returned.
    """
    view = View(job, tuple(pods))
    if end := conditions.holding(view.status.get("conditions") or (), "Complete", "Failed"):
        return _after_end(view, end, now)
    if view.left_alone:
        return Plan(record=record)
    verdict = judge(view, now)
    if verdict:
        return _ending(view, verdict, now)
    known = after(record, view.new_successes, view.new_failed)
    step = Scale() if view.leaving else scale(view, known, base, now)
    return _going_on(view, step, record, names, now)


def judge(view: View, now: float) -> Verdict | None:
    """Whether the Job has come to its end; of several reasons the first one in Kubernetes' order."""
    decided = conditions.holding(view.status.get("conditions") or (), *conditions.TERMINAL)
    if decided:
        return Verdict(decided["type"], decided["reason"], decided["message"])
    for pod in view.failed:
        found = match(view.policy, pod)
        if found.action == "FailJob":
            return Verdict("FailureTarget", "PodFailurePolicy", found.message)
    if _over_limit(view):
        return Verdict("FailureTarget", *conditions.BACKOFF_LIMIT)
    left = time_left(view, now)
    if left is not None and left <= 0:
        return Verdict("FailureTarget", *conditions.DEADLINE)
    return _by_indexes(view) or _completed(view)


def _by_indexes(view: View) -> Verdict | None:
    if not view.indexed:
        return None
    lost, completions = total(view.failed_indexes), view.completions or 0
    allowed = view.spec.get("maxFailedIndexes")
    if allowed is not None and lost > allowed:
        return Verdict("FailureTarget", *conditions.MAX_FAILED)
    if lost and lost + view.successes >= completions:
        return Verdict("FailureTarget", *conditions.FAILED_INDEXES)
    message = met(view.spec.get("successPolicy"), view.completed, completions)
    return Verdict("SuccessCriteriaMet", "SuccessPolicy", message) if message else None


def _over_limit(view: View) -> bool:
    limit = int(view.spec.get("backoffLimit", 6))
    counted = sum(match(view.policy, pod).counts for pod in view.new_failed)
    if int(view.status.get("failed", 0)) + len(view.noted["failed"]) + counted > limit:
        return True
    if view.spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    return sum(restarts(pod) for pod in view.pods if not terminal(pod)) >= max(1, limit)


def time_left(view: View, now: float) -> float | None:
    """Seconds to the Job's deadline; None where no clock runs."""
    deadline, start = view.spec.get("activeDeadlineSeconds"), view.status.get("startTime")
    if deadline is None or start is None or view.suspended:
        return None
    return float(seconds(start) + deadline - now)


def _completed(view: View) -> Verdict | None:
    """Whether all that was wanted has succeeded and nothing runs any more."""
    enough = view.successes > 0 if view.completions is None else view.successes >= view.completions
    return Verdict("SuccessCriteriaMet", *conditions.COMPLETIONS) if enough and not view.active else None


def _ending(view: View, verdict: Verdict, now: float) -> Plan:
    doomed = tuple(view.active[:AT_ONCE])
    waiting = frozenset(uid(pod) for pod in view.active[AT_ONCE:])
    counting = count(view, waiting, verdict.ending)
    known = list(view.status.get("conditions") or ())
    decided = conditions.holding(known, verdict.kind) is not None
    status = _status(view, counting, active=len(waiting), ready=0, stopping=doomed, now=now)
    events = tuple(_deleted(pod) for pod in doomed)
    over = decided and not view.active and not status["terminating"] and not status["uncountedTerminatedPods"]
    if over:
        events += _last_words(view, verdict, status)
        if verdict.ending == "succeeded":
            status["completionTime"] = stamp(now)
    kind = conditions.TERMINAL[verdict.kind] if over else verdict.kind
    status["conditions"] = conditions.with_status(known, kind, "True", verdict.reason, verdict.message, now)
    again = over or not decided or bool(counting.release or view.active)
    stop, delete = (doomed, ()) if verdict.ending == "failed" else ((), doomed)
    return Plan((), stop, status, counting.release, delete, events, 0.0 if again else None)


def _last_words(view: View, verdict: Verdict, status: Object) -> tuple[Event, ...]:
    if verdict.ending == "failed":
        return (("Warning", verdict.reason, verdict.message),)
    completed = ("Normal", "Completed", "Job completed")
    if view.completions is None or status.get("succeeded", 0) <= view.completions:
        return (completed,)
    message = "Too many succeeded pods running after completion count reached"
    return (("Warning", "TooManySucceededPods", message), completed)


def _going_on(view: View, step: Scale, record: Record, names: Callable[[], str], now: float) -> Plan:
    made = {place.index for place in step.create}
    per_index = view.limit_per_index is not None and not view.leaving
    keep = {uid(pod) for index, pod in last_tries(view).items() if index not in made} if per_index else set()
    counting = count(view, frozenset(keep), "")
    mould = Mould(view.job, names) if step.create else None
    create = tuple(mould.pod(place) for place in step.create) if mould else ()
    doomed = {uid(pod) for pod in step.delete}
    staying = [pod for pod in view.active if uid(pod) not in doomed]
    are_ready = sum(map(ready, staying))
    # in its back-off Kubernetes' controller reports no active pods, and is refused if some of them are ready
    active = len(staying) + len(create) if are_ready or not step.held else 0
    status, told = _suspension(view, _status(view, counting, active, are_ready, step.delete, now), now)
    events = tuple(("Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}") for pod in create)
    events += tuple(_deleted(pod) for pod in step.delete) + told
    release = counting.release + tuple(pod for pod in step.delete if tracked(pod))
    known = after(record, counting.succeeded, counting.failed)
    more = counting.numbers["uncountedTerminatedPods"] or len(step.create) == AT_ONCE
    soon = 0.0 if more or (step.delete and not view.suspended) else None  # what was deleted may want a replacement
    deadline = time_left(View({**view.job, "status": status}, ()), now)
    waits = [wait for wait in (soon, step.wait, deadline) if wait is not None]
    return Plan(create, (), status, release, step.delete, events, min(waits, default=None), known)


def without_pods(plan: Plan, wait: float) -> Plan:
    """The plan where no pod can be made now; it is to be looked at again after `wait` seconds."""
    status = dict(plan.status or {})
    active = status.pop("active", 0) - len(plan.create)
    if active > 0:
        status["active"] = active
    events = tuple(event for event in plan.events if event[1] != "SuccessfulCreate")
    soon = wait if plan.requeue_after is None else min(wait, plan.requeue_after or wait)
    return replace(plan, create=(), status=status, events=events, requeue_after=soon)


def _deleted(pod: Object) -> Event:
    return ("Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")


def _status(
    view: View, counting: Counting, active: int, ready: int, stopping: tuple[Object, ...], now: float
) -> Object:
    """The next status; pods that are on a node need time to stop, others are gone at once."""
    old = view.status
    leaving = len(view.terminating) + sum(1 for pod in stopping if pod["spec"].get("nodeName"))
    status: Object = {**counting.numbers, "terminating": leaving, "ready": ready}
    status.setdefault("uncountedTerminatedPods", {})
    if active:
        status["active"] = active
    for key in ("conditions", "startTime", "completionTime"):
        if key in old:
            status[key] = old[key]
    if "startTime" not in status and not view.suspended:
        status["startTime"] = stamp(now)
    return status


def _suspension(view: View, status: Object, now: float) -> tuple[Object, tuple[Event, ...]]:
    """The status with its Suspended condition, and what there is to tell."""
    known = list(status.get("conditions") or ())
    if view.leaving:
        return status, ()
    if view.suspended:
        status.pop("startTime", None)
        said = conditions.with_status(known, "Suspended", "True", "JobSuspended", "Job suspended", now)
        event = ("Normal", "Suspended", "Job suspended")
    else:
        said = conditions.with_status(known, "Suspended", "False", "JobResumed", "Job resumed", now)
        event = ("Normal", "Resumed", "Job resumed")
    if said is known:
        return status, ()
    start = {} if view.suspended else {"startTime": stamp(now)}
    return {**status, "conditions": said, **start}, (event,)


def _after_end(view: View, end: Object, now: float) -> Plan:
    """A finished Job holds on to nothing, and goes when its time to live is over, whoever has brought it to its end."""
    release = () if view.left_alone else tuple(pod for pod in view.pods if tracked(pod))
    ttl = view.spec.get("ttlSecondsAfterFinished")
    if ttl is None or view.leaving:
        return Plan(release=release)
    left = seconds(end["lastTransitionTime"]) + ttl - now
    return Plan(release=release, requeue_after=max(0.0, left) or None, expired=left <= 0)
