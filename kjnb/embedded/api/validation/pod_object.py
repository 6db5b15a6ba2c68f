"""core/v1 Pod as an object of its own: its spec, and the little of it that may change."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta, pod
from kjnb.embedded.api.validation.errors import forbidden, unsupported

Object = dict[str, Any]
RESTARTS = ("Always", "OnFailure", "Never")
MAY_CHANGE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")


def pod_object(obj: Object) -> list[FieldError]:
    """A new pod, defaults filled in."""
    found = meta.metadata(obj["metadata"]) + pod.pod_spec(obj["spec"], "spec")
    if obj["spec"]["restartPolicy"] not in RESTARTS:
        found.append(unsupported("spec.restartPolicy", obj["spec"]["restartPolicy"], RESTARTS))
    return found


def pod_update(new: Object, old: Object) -> list[FieldError]:
    """Only images, the deadline, tolerations and the grace period may change."""
    found = meta.metadata_update(new["metadata"], old["metadata"]) + pod.pod_spec(new["spec"], "spec")
    if fixed(new["spec"]) != fixed(old["spec"]):
        words = (
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        )
        found.append(forbidden("spec", words))
    return found


def fixed(spec: Object) -> Object:
    """The spec less what may change."""
    kept = {name: value for name, value in spec.items() if name not in MAY_CHANGE}
    for kind in ("containers", "initContainers"):
        if kind in kept:
            kept[kind] = [{name: value for name, value in one.items() if name != "image"} for one in kept[kind]]
    return kept
