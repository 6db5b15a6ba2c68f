"""What a Job says of itself: suspended, queued, over its budget or its time, failing while pods still stop."""

from __future__ import annotations

from kjnb.model.causes.remedy import Scene
from kjnb.model.findings import Cause, Rank
from kjnb.model.objects import Json, count, dig, items, text, whole

QUEUE = "kueue.x-k8s.io/queue-name"
FAILED = ("Failed", "FailureTarget")
LAUNCHER, LAUNCHED = "kjnb.dev/launcher", "kjnb.dev/launched"


def conditions(job: Json) -> dict[str, Json]:
    """The conditions that hold, by type."""
    return {text(one, "type"): one for one in items(job, "status", "conditions") if text(one, "status") == "True"}


def is_over(job: Json) -> bool:
    """Whether a Job has come to its end, or is bound for it."""
    return bool(conditions(job).keys() & {"Complete", "SuccessCriteriaMet", *FAILED})


def causes(job: Json, scene: Scene, left: float | None, *, stopped: bool = False) -> list[Cause]:
    """What the Job itself tells. `left`: seconds that its stopping pods may still take; `stopped`: by kjnb."""
    held = conditions(job)
    failed = next((held[kind] for kind in FAILED if kind in held), None)
    if failed is not None:
        told = [ended(job, text(failed, "reason"), text(failed, "message"), scene, stopped=stopped)]
        return [*told, *([stopping(job, left)] if "Failed" not in held else [])]
    if dig(job, "spec", "suspend") is True or "Suspended" in held:
        return [suspended(job, scene)]
    return []


def suspended(job: Json, scene: Scene) -> Cause:
    """No pod is to run: by its owner, by a queue, or because its launch was cut off."""
    queue = text(job, "metadata", "labels", QUEUE)
    if queue:
        return Cause(
            "queued",
            f"waiting in the queue {queue} (Kueue) to be admitted",
            f"it starts when the queue has room; kubectl get workloads in {scene.where} says where it stands",
            f"waiting in the queue {queue}",
            rank=Rank.WAITING,
        )
    notes = dig(job, "metadata", "annotations")
    if text(notes, LAUNCHER) and not text(notes, LAUNCHED):
        name = text(job, "metadata", "name")
        said = "its launch has not come to its end: the Job was made and not yet started"
        return Cause("launching", said, f"kjnb.attach({name!r}) finishes or removes it", "its launch was cut off")
    return Cause("suspended", "suspended: no pod of it runs until it is resumed", "run.resume()")


def stopping(job: Json, left: float | None) -> Cause:
    """The Job is bound to fail and waits for pods to stop."""
    pods = count(job, "status", "terminating")
    some = f"{pods} pod{'' if pods == 1 else 's'}" if pods else "its pods"
    within = f", which may take {max(0, round(left))} s more" if left is not None else ""
    return Cause(
        "terminating",
        f"it is bound to fail and waits for {some} to stop{within}",
        "nothing to do: it is over then",
        f"waiting for {some} to stop",
        rank=Rank.WAITING,
    )


def ended(job: Json, reason: str, message: str, scene: Scene, *, stopped: bool) -> Cause:
    """Why the Job has failed."""
    if stopped:
        said = "it was stopped; what it had done is kept"
        return Cause("stopped", said, f"{scene.again()} goes on with what is missing", rank=Rank.FAILED)
    rule = ENDS.get(reason)
    if rule is None:
        said = f"the Job has failed ({reason})" if reason else "the Job has failed, and does not say why"
        return Cause("job-failed", said, scene.again(), reason, message, Rank.FAILED)
    code, said, fix, short = rule(job, scene)
    return Cause(code, said, fix, short, message if reason == "PodFailurePolicy" else "", Rank.FAILED)


Words = tuple[str, str, str, str]  # code, sentence, fix, short


def deadline(job: Json, scene: Scene) -> Words:
    """The Job's own deadline passed."""
    limit = whole(job, "spec", "activeDeadlineSeconds")
    of = f" of {limit} s" if limit is not None else ""
    longer = f"active_deadline_seconds={2 * limit}" if limit else "active_deadline_seconds='7d'"
    said = f"the run took longer than its deadline{of}, waiting included, and its pods were stopped"
    return "job-deadline", said, f"give more time: {scene.again(longer)}", f"over the run's deadline{of}"


def budget(job: Json, scene: Scene) -> Words:
    """The Job's one budget for all failures is spent."""
    limit, failed = whole(job, "spec", "backoffLimit"), count(job, "status", "failed")
    of = "" if limit is None else f" of {limit} for all its pods together"
    pods = f"{failed} pod{'' if failed == 1 else 's'} failed"
    said = f"the Job gave up: {pods}, more than its backoff limit{of}"
    fix = f"mend what failed, then {scene.again()}; kjnb gives each index a budget of its own (backoff_limit_per_index)"
    return "backoff-limit", said, fix, f"{pods}, the budget is spent"


def indexes(job: Json, scene: Scene) -> Words:
    """Some indexes spent their own budget."""
    limit = whole(job, "spec", "backoffLimitPerIndex")
    tries = "" if limit is None else f", each tried {'once' if limit == 0 else f'up to {limit + 1} times'}"
    said = f"the Job is over, and some indexes have failed for good ({text(job, 'status', 'failedIndexes')}){tries}"
    more = f"backoff_limit_per_index={(limit or 0) + 2}"
    return "indexes-failed", said, f"mend what failed, then {scene.again()}; with more tries: {scene.again(more)}", ""


def too_many(job: Json, scene: Scene) -> Words:
    """More indexes failed than the run allows."""
    limit = whole(job, "spec", "maxFailedIndexes")
    said = f"the Job gave up: more than {'the allowed number of' if limit is None else limit} indexes failed"
    return "max-failed-indexes", f"{said} (max_failed_indexes)", f"mend what failed, then {scene.again()}", ""


def policy(_: Json, scene: Scene) -> Words:
    """A rule of the pod failure policy ended the Job."""
    said = "the Job gave up at once, by a rule of its failure policy"
    return "failure-policy", said, f"mend what failed, then {scene.again()}", ""


ENDS = {
    "DeadlineExceeded": deadline,
    "BackoffLimitExceeded": budget,
    "FailedIndexes": indexes,
    "MaxFailedIndexesExceeded": too_many,
    "PodFailurePolicy": policy,
}
