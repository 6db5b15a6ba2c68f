"""PURE: what a namespace that is on its way out means: for itself, and for what is still to be made in it."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api import answers
from kjnb.embedded.api.timestamps import stamp

Object = dict[str, Any]
KEPT = ("default", "kube-system", "kube-public", "kube-node-lease")
FINALIZER = "kubernetes"


def refuse_content(home: Object | None, namespace: str, plural: str, group: str, name: str) -> None:
    """Nothing is made in a namespace that is not there, or that is leaving. 404, 403."""
    if home is None:
        raise answers.not_found("namespaces", "", namespace)
    if not home["metadata"].get("deletionTimestamp"):
        return
    words = f"unable to create new content in namespace {namespace} because it is being terminated"
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    details = {**answers.details_of(plural, group, name), "causes": [cause]}
    raise answers.forbidden(f'{answers.qualified(plural, group)} "{name}" is forbidden: {words}', details)


def terminating(namespace: Object, when: float) -> Object:
    """The namespace, on its way out."""
    meta = {"deletionTimestamp": stamp(when), **namespace["metadata"]}
    return {**namespace, "metadata": meta, "status": {**(namespace.get("status") or {}), "phase": "Terminating"}}


def held(namespace: Object) -> bool:
    """Somebody must act before the namespace may go."""
    spec = namespace.get("spec") or {}
    return bool(spec.get("finalizers") or namespace["metadata"].get("finalizers"))


def conditions(left: dict[str, int], finalizers: dict[str, int], old: list[Object], when: str) -> list[Object]:
    """How far the removal of the content has come: kinds and finalizers that are left, with their numbers."""
    said = ", ".join(f"{plural} has {count} resource instances" for plural, count in sorted(left.items()))
    held_by = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(finalizers.items()))
    told = [
        ("NamespaceDeletionDiscoveryFailure", False, "ResourcesDiscovered", "All resources successfully discovered"),
        ("NamespaceDeletionGroupVersionParsingFailure", False, "ParsedGroupVersions",
         "All legacy kube types successfully parsed"),
        ("NamespaceDeletionContentFailure", False, "ContentDeleted",
         "All content successfully deleted, may be waiting on finalization"),
        ("NamespaceContentRemaining", bool(left), "SomeResourcesRemain" if left else "ContentRemoved",
         f"Some resources are remaining: {said}" if left else "All content successfully removed"),
        ("NamespaceFinalizersRemaining", bool(finalizers),
         "SomeFinalizersRemain" if finalizers else "ContentHasNoFinalizers",
         f"Some content in the namespace has finalizers remaining: {held_by}" if finalizers
         else "All content-preserving finalizers finished"),
    ]  # fmt: skip
    before = {(one["type"], one["status"]): one.get("lastTransitionTime") for one in old}
    return [
        {
            "type": kind,
            "status": str(true),
            "lastTransitionTime": before.get((kind, str(true))) or when,
            "reason": reason,
            "message": message,
        }
        for kind, true, reason, message in told
    ]
