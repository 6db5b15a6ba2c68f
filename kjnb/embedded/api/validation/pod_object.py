"""core/v1 Pod as an object of its own: its spec, and the little of it that may change."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta, placement, pod
from kjnb.embedded.api.validation.errors import forbidden, required, wrong

Object = dict[str, Any]
MAY_CHANGE = ("activeDeadlineSeconds", "tolerations", "schedulingGates")
OTHERS = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_object(obj: Object) -> list[FieldError]:
    """A new pod, defaults filled in."""
    spec, found = obj["spec"], lasting(obj)
    if spec.get("ephemeralContainers"):
        found.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        words = "cannot be set until all schedulingGates have been cleared"
        found.append(forbidden("spec.nodeName", words))
    return found


def lasting(obj: Object) -> list[FieldError]:
    """What holds for a pod at any time."""
    found = meta.metadata(obj["metadata"]) + pod.pod_spec(obj["spec"], "spec", of_pod=True)
    for kind in ("containers", "initContainers"):
        found += images(obj["spec"].get(kind) or [], f"spec.{kind}")
    return found


def images(given: list[Object], field: str) -> list[FieldError]:
    """A pod's images stand alone in their words."""
    pairs = [(place, one.get("image", "")) for place, one in enumerate(given)]
    words = "must not have leading or trailing whitespace"
    return [wrong(f"{field}[{place}].image", name, words) for place, name in pairs if name.strip() != name]


def pod_update(new: Object, old: Object) -> list[FieldError]:
    """Only images may change, and some fields in one direction: nobody is promised more time, or other nodes."""
    found, spec, was = meta.metadata_update(new["metadata"], old["metadata"]), new["spec"], old["spec"]
    found += lasting(new)
    for kind in ("containers", "initContainers"):
        some = spec.get(kind) or []
        if len(some) != len(was.get(kind) or []):
            return [*found, forbidden(f"spec.{kind}", "pod updates may not add or remove containers")]
        found += [required(f"spec.{kind}[{place}].image") for place, one in enumerate(some) if not one.get("image")]
        found += images(some, f"spec.{kind}")
    late = deadline(spec.get("activeDeadlineSeconds"), was.get("activeDeadlineSeconds"))
    if late and "activeDeadlineSeconds" in spec:
        return found + late
    found += late + tolerated(spec, was) + new_gates(spec, was) + other_nodes(spec, was)
    return found if fixed(spec, was) == fixed(was, was) else [*found, forbidden("spec", OTHERS)]


def tolerated(new: Object, old: Object) -> list[FieldError]:
    """Tolerations are only added; those that are there may last longer or shorter."""
    now = [without_seconds(one) for one in new.get("tolerations") or []]
    if any(without_seconds(one) not in now for one in old.get("tolerations") or []):
        words = "existing toleration can not be modified except its tolerationSeconds"
        return [forbidden("spec.tolerations", words)]
    return placement.tolerations(new, "spec")


def without_seconds(toleration: Object) -> Object:
    """The toleration less how long it lasts."""
    return {name: value for name, value in toleration.items() if name != "tolerationSeconds"}


def other_nodes(new: Object, old: Object) -> list[FieldError]:
    """A pod that is not yet on its way may be bound to fewer nodes, not to others."""
    wanted, before = new.get("nodeSelector") or {}, old.get("nodeSelector") or {}
    if not old.get("schedulingGates") or before.items() <= wanted.items():
        return []
    return [wrong("spec.nodeSelector", wanted, "only additions to spec.nodeSelector are allowed (no mutations)")]


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
    known = [gate.get("name") for gate in old.get("schedulingGates") or []]
    given = {gate.get("name", ""): place for place, gate in enumerate(new.get("schedulingGates") or [])}
    words = "only deletion is allowed, but found new scheduling gate"
    added = [(place, name) for name, place in given.items() if name not in known]
    return [forbidden(f"spec.schedulingGates[{place}].name", f"{words} '{name}'") for place, name in added]


def fixed(spec: Object, old: Object) -> Object:
    """The spec less what may change from the old one."""
    kept = {name: value for name, value in spec.items() if name not in MAY_CHANGE}
    for kind in ("containers", "initContainers"):
        if kind in kept:
            kept[kind] = [{name: value for name, value in one.items() if name != "image"} for one in kept[kind]]
    if old.get("terminationGracePeriodSeconds", 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        kept["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
    if old.get("schedulingGates"):
        kept.pop("nodeSelector", None)
    return kept
