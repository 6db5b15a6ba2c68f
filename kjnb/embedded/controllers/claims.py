"""Which pods a Job takes for its own: those its selector matches, adopted when they have no controller, let go when
their labels match no longer."""

from __future__ import annotations

from collections.abc import Mapping

from kjnb.embedded.controllers.conditions import holding
from kjnb.embedded.controllers.job_pods import TRACKING, Object, controller_of, deleting, left_alone, uid, untracked
from kjnb.embedded.controllers.pod_template import owner_reference


def selects(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector matches; one that says nothing matches nothing here."""
    wanted, tests = (selector or {}).get("matchLabels") or {}, (selector or {}).get("matchExpressions") or ()
    if not wanted and not tests:
        return False
    return all(labels.get(key) == value for key, value in wanted.items()) and all(_passes(one, labels) for one in tests)


def _passes(test: Object, labels: Mapping[str, str]) -> bool:
    key, values = test["key"], test.get("values") or ()
    answers = {
        "In": key in labels and labels[key] in values,
        "NotIn": key not in labels or labels[key] not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return answers[test["operator"]]


def matches(job: Object, pod: Object) -> bool:
    """Whether the Job's selector matches the pod."""
    return selects(job["spec"].get("selector"), pod["metadata"].get("labels") or {})


def at_work(job: Object) -> bool:
    """Whether our controller looks after the Job's pods: not at its end, not on its way out, not another one's."""
    over = holding((job.get("status") or {}).get("conditions") or (), "Complete", "Failed")
    return not over and not deleting(job) and not left_alone(job)


def may_adopt(job: Object, pod: Object) -> bool:
    """Whether the Job takes the pod, which is over or not, for its own."""
    return controller_of(pod) is None and not deleting(pod) and at_work(job) and matches(job, pod)


def must_release(job: Object, pod: Object) -> bool:
    """Whether a pod that the Job controls has nothing to do with it any more."""
    return at_work(job) and not matches(job, pod)


def adopted(pod: Object, job: Object) -> Object:
    """The pod under the Job's control."""
    meta = pod["metadata"]
    owners = [*(meta.get("ownerReferences") or ()), owner_reference(job)]
    held = [*(name for name in meta.get("finalizers") or () if name != TRACKING), TRACKING]
    return {**pod, "metadata": {**meta, "ownerReferences": owners, "finalizers": held}}


def released(pod: Object, job: Object) -> Object:
    """The pod as the Job leaves it to itself."""
    free = untracked(pod)
    meta = {name: value for name, value in free["metadata"].items() if name != "ownerReferences"}
    left = [owner for owner in free["metadata"].get("ownerReferences") or () if owner["uid"] != uid(job)]
    return {**free, "metadata": {**meta, "ownerReferences": left} if left else meta}
