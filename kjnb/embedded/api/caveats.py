"""PURE: what is stored and yet wants a word of warning, in Kubernetes' words: the caller sees it in a header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kjnb.embedded.api import quantity
from kjnb.embedded.api.validation import meta

Object = dict[str, Any]
MANY_INDEXES, MANY_AT_ONCE = 100_000, 10_000
KINDS = ("initContainers", "containers")
NOBODY = "a null labelSelector results in matching no pod"
OLD_LABELS = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}
OLD_VOLUMES = {
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}


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
            "spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "
            "Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        )


def _pod(holder: Object, field: str) -> Iterator[str]:
    spec, at = holder.get("spec") or {}, f"{field}spec"
    yield from _places(spec, at)
    yield from _volumes(spec.get("volumes") or [], f"{at}.volumes")
    yield from _twice(spec.get("hostAliases") or [], "ip", f"{at}.hostAliases")
    yield from _twice(spec.get("imagePullSecrets") or [], "name", f"{at}.imagePullSecrets")
    for place, one in enumerate(spec.get("imagePullSecrets") or []):
        if not one.get("name"):
            yield f'{at}.imagePullSecrets[{place}].name: invalid empty name ""'
    every = [(f"{at}.{kind}[{place}]", one) for kind in KINDS for place, one in enumerate(spec.get(kind) or [])]
    for where, one in every:
        yield from _fractions(one.get("resources") or {}, f"{where}.resources")
        yield from _hidden(one, where)
    yield from _ports(every)
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        yield f"{at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
    yield from _unselected(spec.get("affinity") or {}, f"{at}.affinity")


def _places(spec: Object, field: str) -> Iterator[str]:
    for key in spec.get("nodeSelector") or {}:
        if newer := OLD_LABELS.get(key):
            yield f'{field}.nodeSelector[{key}]: deprecated since v1.14; use "{newer}" instead'
    for place, one in enumerate(spec.get("topologySpreadConstraints") or []):
        at, key = f"{field}.topologySpreadConstraints[{place}]", one.get("topologyKey", "")
        if newer := OLD_LABELS.get(key):
            yield f'{at}.topologyKey: {key} is deprecated since v1.14; use "{newer}" instead'
        if "labelSelector" not in one:
            yield f"{at}.labelSelector: {NOBODY}"


def _unselected(affinity: Object, field: str) -> Iterator[str]:
    for kind in ("podAffinity", "podAntiAffinity"):
        for how, inner in (("required", ""), ("preferred", "podAffinityTerm")):
            name = f"{how}DuringSchedulingIgnoredDuringExecution"
            for place, one in enumerate((affinity.get(kind) or {}).get(name) or []):
                term, at = (one.get(inner) or {}, f"{inner}.") if inner else (one, "")
                if "labelSelector" not in term:
                    yield f"{field}.{kind}.{name}[{place}].{at}labelSelector: {NOBODY}"


def _volumes(given: list[Object], field: str) -> Iterator[str]:
    for place, one in enumerate(given):
        for kind, words in OLD_VOLUMES.items():
            if kind in one:
                yield f"{field}[{place}].{kind}: {words}"


def _twice(given: list[Object], part: str, field: str) -> Iterator[str]:
    seen: set[str] = set()
    for place, one in enumerate(given):
        if one.get(part, "") in seen:
            yield f'{field}[{place}].{part}: duplicate {part} "{one.get(part, "")}"'
        seen.add(one.get(part, ""))


def _fractions(resources: Object, field: str) -> Iterator[str]:
    for name in ("memory", "ephemeral-storage"):
        for kind in ("limits", "requests"):
            amount = (resources.get(kind) or {}).get(name)
            if amount is not None and quantity.parse(amount) * 1000 // 1 % 1000:
                yield f'{field}.{kind}[{name}]: fractional byte value "{amount}" is invalid, must be an integer'


def _hidden(one: Object, field: str) -> Iterator[str]:
    """A later value that names the earlier one adds to it; any other hides it."""
    seen: set[str] = set()
    for place, variable in enumerate(one.get("env") or []):
        name, value = variable.get("name", ""), variable.get("value", "")
        adds = f"$({name})" in value and value != f"$({name})" and "valueFrom" not in variable
        if name in seen and not adds:
            said = f'hides previous definition of "{name}", which may be dropped when using apply'
            yield f"{field}.env[{place}]: {said}"
        seen.add(name)


def _ports(every: list[tuple[str, Object]]) -> Iterator[str]:
    known: dict[tuple[Any, ...], list[tuple[str, Any, Any]]] = {}
    for where, one in every:
        for place, port in enumerate(one.get("ports") or []):
            at, host, outer = f"{where}.ports[{place}]", port.get("hostIP", ""), port.get("hostPort", 0)
            others = known.setdefault((port.get("containerPort"), port.get("protocol", "TCP")), [])
            for other, its_host, its_outer in others:
                if (host, outer) == (its_host, its_outer):
                    yield f"{at}: duplicate port definition with {other}"
                elif not outer or not its_outer:
                    yield f"{at}: overlapping port definition with {other}"
                elif outer == its_outer and bool(host) != bool(its_host):
                    yield f"{at}: dangerously ambiguous port definition with {other}"
            others.append((at, host, outer))
