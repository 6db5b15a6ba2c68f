"""Which pending pods may go to the node now, and what is said of those that may not.

Pods that ask for the same stand in one queue, in the order they came: once one does not fit, none behind it is looked
at, so the cost of a look does not grow with the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from kjnb.embedded.api.quantity import parse
from kjnb.embedded.controllers.job_pods import Object

Amounts = tuple[tuple[str, Fraction], ...]  # what is asked for or there, by resource, in order of name
ZERO = Fraction(0)
GATED = "Scheduling is blocked due to non-empty scheduling gates"
UNLIMITED = ("ephemeral-storage",)  # where the node does not say how much it has


class Demand(NamedTuple):
    """What a pod needs of a node; equal demands are answered alike."""

    amounts: Amounts
    selector: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Capacity:
    """The node: its name, labels and what pods may have of it together."""

    name: str
    amounts: Mapping[str, Fraction]
    labels: Mapping[str, str]


class Assignment(NamedTuple):
    """Pods that go to the node, and why those of some demands cannot now."""

    bound: list[Object]
    refused: dict[Demand, str]


@lru_cache(maxsize=4096)
def amount(text: str) -> Fraction:
    """A quantity as a number."""
    return parse(text)


def capacity_of(node: Object) -> Capacity:
    """What a Node object offers."""
    status = node.get("status", {})
    given = status.get("allocatable") or status.get("capacity") or {}
    labels = node["metadata"].get("labels") or {}
    return Capacity(node["metadata"]["name"], {name: amount(str(value)) for name, value in given.items()}, labels)


def requests(pod: Object) -> Amounts:
    """cpu, memory and others that the pod asks for: its containers' sum, or what one init container needs alone."""
    spec = pod["spec"]
    asked: dict[str, Fraction] = {"pods": Fraction(1)}
    for container in spec.get("containers") or ():
        for name, value in _requests(container).items():
            asked[name] = asked.get(name, ZERO) + value
    for container in spec.get("initContainers") or ():
        for name, value in _requests(container).items():
            asked[name] = max(asked.get(name, ZERO), value)
    for name, value in (spec.get("overhead") or {}).items():
        asked[name] = asked.get(name, ZERO) + amount(str(value))
    return tuple(sorted(asked.items()))


def _requests(container: Object) -> dict[str, Fraction]:
    resources = container.get("resources") or {}
    found = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: amount(str(value)) for name, value in found.items()}


def demand(pod: Object) -> Demand:
    """What the pod needs of a node."""
    selector = pod["spec"].get("nodeSelector") or {}
    return Demand(requests(pod), tuple(sorted(selector.items())))


def gated(pod: Object) -> bool:
    """Whether somebody still holds the pod back from being scheduled."""
    return bool(pod["spec"].get("schedulingGates"))


def assign(
    queues: Mapping[Demand, Iterable[Object]], used: Mapping[str, Fraction], capacity: Capacity | None
) -> Assignment:
    """Place pending pods, queued by demand, beside what running ones use; a queue ends where one does not fit."""
    taken = dict(used)
    result = Assignment([], {})
    for wanted, queue in queues.items():
        for pod in queue:
            message = refusal(wanted, taken, capacity)
            if message:
                result.refused[wanted] = message
                break
            taken = total([tuple(taken.items()), wanted.amounts])
            result.bound.append(pod)
    return result


def total(amounts: Iterable[Amounts]) -> dict[str, Fraction]:
    """The sum of several, by resource."""
    found: dict[str, Fraction] = {}
    for some in amounts:
        for name, value in some:
            found[name] = found.get(name, ZERO) + value
    return found


def refusal(wanted: Demand, used: Mapping[str, Fraction], capacity: Capacity | None) -> str:
    """Why a pod with this demand cannot be placed, in Kubernetes' words; empty when it can."""
    if capacity is None:
        return "no nodes available to schedule pods"
    if any(capacity.labels.get(key) != value for key, value in wanted.selector):
        return _message(["node(s) didn't match Pod's node affinity/selector"], hopeless=True)
    short = [(name, value) for name, value in wanted.amounts if not _fits(name, value, used, capacity)]
    if not short:
        return ""
    hopeless = any(value > capacity.amounts.get(name, ZERO) for name, value in short)
    return _message([_shortage(name) for name, _ in short], hopeless=hopeless)


def _fits(name: str, value: Fraction, used: Mapping[str, Fraction], capacity: Capacity) -> bool:
    if not value or (name in UNLIMITED and name not in capacity.amounts):
        return True
    return used.get(name, ZERO) + value <= capacity.amounts.get(name, ZERO)


def _shortage(resource: str) -> str:
    return "Too many pods" if resource == "pods" else f"Insufficient {resource}"


def _message(causes: list[str], *, hopeless: bool) -> str:
    said = ", ".join(f"1 {cause}" for cause in sorted(causes))
    help_ = "Preemption is not helpful for scheduling" if hopeless else "No preemption victims found for incoming pod"
    first = f"0/1 nodes are available: {said}. no new claims to deallocate, "
    return f"{first}preemption: 0/1 nodes are available: 1 {help_}."
