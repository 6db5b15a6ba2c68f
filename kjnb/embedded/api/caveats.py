"""PURE: what is stored and yet wants a word of warning, in Kubernetes' words: the caller sees it in a header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kjnb.embedded.api.validation import meta

Object = dict[str, Any]
MANY_INDEXES, MANY_AT_ONCE = 100_000, 10_000


def of_new(plural: str, obj: Object) -> list[str]:
    """The warnings for a new object."""
    if plural == "jobs":
        return [*_name(obj), *_spec(obj["spec"]), *_pod(obj["spec"]["template"], "spec.template.")]
    return [*_name(obj), *_pod(obj, "")] if plural == "pods" else []


def of_update(plural: str, new: Object, old: Object) -> list[str]:
    """The warnings for a new state, where something changed that is warned of."""
    if plural == "jobs" and new.get("spec") != old.get("spec"):
        return [*_spec(new["spec"]), *_pod(new["spec"]["template"], "spec.template.")]
    return []


def _name(obj: Object) -> Iterator[str]:
    if said := meta.dns_label(obj["metadata"].get("name", "")):
        words = "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; "
        if "spec" in obj and "template" not in obj["spec"]:
            words = "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; "
        yield f"{words}a DNS label is recommended: [{', '.join(said)}]"


def _spec(spec: Object) -> Iterator[str]:
    many = (spec.get("completions") or 0) > MANY_INDEXES and spec.get("parallelism", 0) > MANY_AT_ONCE
    if spec.get("completionMode") == "Indexed" and many:
        yield (
            "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "
            "Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        )


def _pod(holder: Object, field: str) -> Iterator[str]:
    spec = holder.get("spec") or {}
    for kind in ("containers", "initContainers"):
        for place, one in enumerate(spec.get(kind) or []):
            yield from _hidden(one, f"{field}spec.{kind}[{place}]")
    secrets: set[str] = set()
    for place, one in enumerate(spec.get("imagePullSecrets") or []):
        if one.get("name") in secrets:
            yield f'{field}spec.imagePullSecrets[{place}].name: duplicate name "{one["name"]}"'
        secrets.add(one.get("name", ""))
    if field and spec.get("terminationGracePeriodSeconds", 0) < 0:
        words = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{field}spec.terminationGracePeriodSeconds: {words}"


def _hidden(one: Object, field: str) -> Iterator[str]:
    seen: set[str] = set()
    for place, variable in enumerate(one.get("env") or []):
        name = variable.get("name", "")
        if name in seen:
            said = f'hides previous definition of "{name}", which may be dropped when using apply'
            yield f"{field}.env[{place}]: {said}"
        seen.add(name)
