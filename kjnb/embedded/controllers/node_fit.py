"""Whether a node is one that a pod may go to, whatever room it has: labels, affinity, taints, host ports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from kjnb.embedded.controllers.job_pods import Object

Port = tuple[str, str, int]  # host address, protocol, number
CORDONED = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
NOT_CHOSEN = "node(s) didn't match Pod's node affinity/selector"
NO_PORT = "node(s) didn't have free ports for the requested pod ports"
ANYWHERE = "0.0.0.0"  # noqa: S104 - what a hostPort without hostIP means


class Nature(NamedTuple):
    """What of a node a pod may insist on."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Object, ...] = ()
    unschedulable: bool = False


def nature_of(node: Object) -> Nature:
    """What a Node object is like."""
    meta, spec = node["metadata"], node.get("spec") or {}
    taints = tuple(spec.get("taints") or ())
    return Nature(meta["name"], meta.get("labels") or {}, taints, bool(spec.get("unschedulable")))


def objection(spec: Object, nature: Nature) -> str:
    """Why a pod with that spec can never run on that node as it is; empty when it can."""
    tolerations = spec.get("tolerations") or ()
    if nature.unschedulable and not _tolerated(CORDONED, tolerations):
        return "node(s) were unschedulable"
    if not tolerates(spec, nature, "NoSchedule", "NoExecute"):
        return "node(s) had untolerated taint(s)"
    return "" if is_chosen(spec, nature) else NOT_CHOSEN


def tolerates(spec: Object, nature: Nature, *effects: str) -> bool:
    """Whether a pod with that spec bears all the node's taints of these effects."""
    tolerations = spec.get("tolerations") or ()
    return all(_tolerated(taint, tolerations) for taint in nature.taints if taint.get("effect") in effects)


def is_chosen(spec: Object, nature: Nature) -> bool:
    """Whether the node is one that the pod's selector and affinity name."""
    wanted = spec.get("nodeSelector") or {}
    return all(nature.labels.get(key) == value for key, value in wanted.items()) and _attracted(spec, nature)


def _tolerated(taint: Object, tolerations: Iterable[Object]) -> bool:
    return any(_tolerates(one, taint) for one in tolerations)


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    exists = toleration.get("operator") == "Exists"
    if not toleration.get("key"):
        return exists
    same = (toleration.get("value") or "") == (taint.get("value") or "")
    return bool(toleration["key"] == taint["key"] and (exists or same))


def _attracted(spec: Object, nature: Nature) -> bool:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    needed = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return needed is None or any(_term(one, nature) for one in needed.get("nodeSelectorTerms") or ())


def _term(term: Object, nature: Nature) -> bool:
    by_label, by_field = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not by_label and not by_field:  # a term that says nothing matches nothing
        return False
    fields = {"metadata.name": nature.name}
    return all(_holds(one, nature.labels) for one in by_label) and all(_holds(one, fields) for one in by_field)


def _holds(test: Object, values: Mapping[str, str]) -> bool:
    operator, key, wanted = test["operator"], test["key"], list(test.get("values") or ())
    found = values.get(key)
    if operator in ("DoesNotExist", "NotIn"):
        return found is None or (operator == "NotIn" and found not in wanted)
    if found is None:
        return False
    if operator in ("Gt", "Lt"):
        return _compares(found, operator, wanted[0])
    return operator == "Exists" or found in wanted


def _compares(found: str, operator: str, bound: str) -> bool:
    try:
        left, right = int(found), int(bound)
    except ValueError:
        return False
    return left > right if operator == "Gt" else left < right


def host_ports(spec: Object) -> frozenset[Port]:
    """The ports of the node that the pod wants for itself."""
    ports = [port for one in spec.get("containers") or () for port in one.get("ports") or () if port.get("hostPort")]
    return frozenset((port.get("hostIP") or ANYWHERE, port.get("protocol", "TCP"), port["hostPort"]) for port in ports)


def collide(some: Set[Port], others: Iterable[Port]) -> bool:
    """Whether two of these are one port of the node."""
    return any(_same(one, other) for other in others for one in some)


def _same(one: Port, other: Port) -> bool:
    (host, *rest), (other_host, *other_rest) = one, other
    return rest == other_rest and (host == other_host or ANYWHERE in (host, other_host))
