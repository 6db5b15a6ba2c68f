"""Whether a node takes a pod that somebody but the scheduler put on it: what a kubelet asks before it runs one.

The scheduler has asked this and more of the pods that it placed itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from kjnb.embedded.controllers.job_pods import Object
from kjnb.embedded.controllers.node_fit import NO_PORT, NOT_CHOSEN, Nature, collide, host_ports, is_chosen, tolerates
from kjnb.embedded.controllers.scheduler import ZERO, capacity_of, requests, total

OS_LABEL = "kubernetes.io/os"
FIRST = ("pods", "cpu", "memory", "ephemeral-storage")  # the order in which they are looked at
UNTOLERATED = "node(s) had taints that the pod didn't tolerate"


class Rejection(NamedTuple):
    """Why a node does not take a pod, as in its status and its event."""

    reason: str
    message: str


def rejection(pod: Object, others: Iterable[Object], node: Object) -> Rejection | None:
    """Why the node does not take the pod beside these others, which it has taken; None when it does."""
    capacity, there = capacity_of(node), list(others)
    return (
        _other_system(pod, capacity.nature)
        or _too_much(pod, there, capacity.amounts)
        or _misplaced(pod, there, capacity.nature)
    )


def _other_system(pod: Object, nature: Nature) -> Rejection | None:
    here = nature.labels.get(OS_LABEL)
    if (pod["metadata"].get("labels") or {}).get(OS_LABEL, here) != here:
        words = f"Failed to admit pod as the `{OS_LABEL}` label doesn't match node label"
        return Rejection("PodOSSelectorNodeLabelDoesNotMatch", words)
    if (pod["spec"].get("os") or {}).get("name", here) != here:
        return Rejection("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    return None


def _too_much(pod: Object, others: list[Object], has: Mapping[str, Fraction]) -> Rejection | None:
    """The first resource of which there is not enough left; what the node does not count is not asked for."""
    wanted, used = dict(requests(pod)), total(requests(other) for other in others)
    for name in sorted(wanted.keys() & has.keys(), key=_turn):
        value, taken = wanted[name], used.get(name, ZERO)
        if value and taken + value > has[name]:
            numbers = (_number(name, amount) for amount in (value, taken, has[name]))
            words = "requested: {}, used: {}, capacity: {}".format(*numbers)
            return Rejection(f"OutOf{name}", f"Node didn't have enough resource: {name}, {words}")
    return None


def _turn(name: str) -> tuple[int, str]:
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def _number(name: str, amount: Fraction) -> int:
    """As the kubelet counts: thousandths of a cpu, bytes, pieces."""
    return ceil(amount * 1000 if name == "cpu" else amount)


def _misplaced(pod: Object, others: list[Object], nature: Nature) -> Rejection | None:
    ports = [port for other in others for port in host_ports(other["spec"])]
    if not is_chosen(pod["spec"], nature):
        return _failed("NodeAffinity", NOT_CHOSEN)
    if collide(host_ports(pod["spec"]), ports):
        return _failed("NodePorts", NO_PORT)
    return None if tolerates(pod["spec"], nature, "NoExecute") else _failed("TaintToleration", UNTOLERATED)


def _failed(predicate: str, why: str) -> Rejection:
    return Rejection(predicate, f"Predicate {predicate} failed: {why}")
