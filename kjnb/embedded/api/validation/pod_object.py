"""core/v1 Pod as an object of its own: its spec, and the little of it that may change."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta, pod
from kjnb.embedded.api.validation.errors import forbidden, unsupported, wrong

Object = dict[str, Any]
RESTARTS = ("Always", "OnFailure", "Never")
MAY_CHANGE = ("activeDeadlineSeconds", "tolerations", "schedulingGates")


def pod_object(obj: Object) -> list[FieldError]:
    """A new pod, defaults filled in."""
    found = meta.metadata(obj["metadata"]) + pod.pod_spec(obj["spec"], "spec")
    if obj["spec"]["restartPolicy"] not in RESTARTS:
        found.append(unsupported("spec.restartPolicy", obj["spec"]["restartPolicy"], RESTARTS))
    return found


def pod_update(new: Object, old: Object) -> list[FieldError]:
    """Only images may change, and some fields in one direction: nobody is promised more time, or other nodes."""
    found = meta.metadata_update(new["metadata"], old["metadata"]) + pod.pod_spec(new["spec"], "spec")
    found += deadline(new["spec"].get("activeDeadlineSeconds"), old["spec"].get("activeDeadlineSeconds"))
    found += new_gates(new["spec"], old["spec"])
    if fixed(new["spec"], old["spec"]) != fixed(old["spec"], old["spec"]):
        words = (
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        )
        found.append(forbidden("spec", words))
    return found


def deadline(new: int | None, old: int | None) -> list[FieldError]:
    """A deadline may be set, and come earlier."""
    field = "spec.activeDeadlineSeconds"
    if old is not None and new is None:
        return [wrong(field, None, "must not update from a positive integer to nil value")]
    if old is not None and new is not None and new > old:
        return [wrong(field, new, "must be less than or equal to previous value")]
    return []


def new_gates(new: Object, old: Object) -> list[FieldError]:
    """Gates are only taken away."""
    known = [gate["name"] for gate in old.get("schedulingGates") or []]
    added = [name for gate in new.get("schedulingGates") or [] if (name := gate.get("name", "")) not in known]
    words = "only deletion is allowed, but found new scheduling gate"
    return [forbidden("spec.schedulingGates", f"{words} '{name}'") for name in added]


def fixed(spec: Object, old: Object) -> Object:
    """The spec less what may change from the old one."""
    kept = {name: value for name, value in spec.items() if name not in MAY_CHANGE}
    for kind in ("containers", "initContainers"):
        if kind in kept:
            kept[kind] = [{name: value for name, value in one.items() if name != "image"} for one in kept[kind]]
    tolerated = spec.get("tolerations") or []
    kept["tolerations"] = [one for one in old.get("tolerations") or [] if one in tolerated]
    if old.get("terminationGracePeriodSeconds", 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        kept["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
    if old.get("schedulingGates"):  # not yet on its way: it may be bound to fewer nodes
        wanted, before = spec.get("nodeSelector") or {}, old.get("nodeSelector") or {}
        kept["nodeSelector"] = before if before.items() <= wanted.items() else wanted
    return kept
