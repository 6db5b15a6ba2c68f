"""Which pending pods may go to the node now, and what is said of those that may not.

Pods that ask for the same stand in one queue, in the order they came: once one does not fit, none behind it is looked
at, so the cost of a look does not grow with the queue. Queues of a higher priority are looked at first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from kjnb.embedded.api.quantity import parse
from kjnb.embedded.controllers.job_pods import Object
from kjnb.embedded.controllers.node_fit import NO_PORT, Nature, Port, collide, host_ports, nature_of, objection

Amounts = tuple[tuple[str, Fraction], ...]  # what is asked for or there, by resource, in order of name
ZERO = Fraction(0)
GATED = "Scheduling is blocked due to non-empty scheduling gates"
TRAITS = ("nodeSelector", "affinity", "tolerations")
UNLIMITED = ("ephemeral-storage",)  # where the node does not say how much it has


class Demand(NamedTuple):
    """What a pod needs of a node; equal demands are answered alike."""

    amounts: Amounts
    priority: int = 0
    traits: str = ""  # what of its spec decides which nodes it may go to, as JSON
    ports: frozenset[Port] = frozenset()
    claims: tuple[str, ...] = ()  # of persistent volumes, none of which is here

    @property
    def spec(self) -> Object:
        """The traits, read."""
        return _read(self.traits)


@dataclass(frozen=True)
class Capacity:
    """The node: what it is like and what pods may have of it together."""

    nature: Nature
    amounts: Mapping[str, Fraction]

    @property
    def name(self) -> str:
        """The node's name."""
        return self.nature.name


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
    return Capacity(nature_of(node), {name: amount(str(value)) for name, value in given.items()})


def requests(pod: Object) -> Amounts:
    """cpu, memory and others that the pod asks for: what runs side by side, or what its beginning needs at most."""
    spec = pod["spec"]
    asked: dict[str, Fraction] = {"pods": Fraction(1)}
    for container in spec.get("containers") or ():
        _add(asked, _requests(container))
    beside: dict[str, Fraction] = {}  # sidecars so far
    most: dict[str, Fraction] = {}
    for container in spec.get("initContainers") or ():
        alone = dict(beside)
        _add(alone, _requests(container))
        if container.get("restartPolicy") == "Always":
            beside = alone
        most = {name: max(most.get(name, ZERO), alone.get(name, ZERO)) for name in {*most, *alone}}
    _add(asked, beside)
    asked |= {name: max(value, asked.get(name, ZERO)) for name, value in most.items()}
    asked |= _requests(spec)
    _add(asked, {name: amount(str(value)) for name, value in (spec.get("overhead") or {}).items()})
    return tuple(sorted(asked.items()))


def _add(asked: dict[str, Fraction], more: Mapping[str, Fraction]) -> None:
    for name, value in more.items():
        asked[name] = asked.get(name, ZERO) + value


def _requests(container: Object) -> dict[str, Fraction]:
    resources = container.get("resources") or {}
    found = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: amount(str(value)) for name, value in found.items()}


def demand(pod: Object) -> Demand:
    """What the pod needs of a node."""
    spec = pod["spec"]
    traits = {name: spec[name] for name in TRAITS if spec.get(name)}
    volumes = [one.get("persistentVolumeClaim") for one in spec.get("volumes") or ()]
    claims = tuple(claim["claimName"] for claim in volumes if claim)
    return Demand(requests(pod), int(spec.get("priority") or 0), _written(traits), host_ports(spec), claims)


def _written(traits: Object) -> str:
    return json.dumps(traits, sort_keys=True) if traits else ""


@lru_cache(maxsize=256)
def _read(traits: str) -> Object:
    found: Object = json.loads(traits) if traits else {}
    return found


def gated(pod: Object) -> bool:
    """Whether somebody still holds the pod back from being scheduled."""
    return bool(pod["spec"].get("schedulingGates"))


def ours(pod: Object) -> bool:
    """Whether the default scheduler places the pod."""
    return bool(pod["spec"].get("schedulerName", "default-scheduler") == "default-scheduler")


def assign(
    queues: Mapping[Demand, Iterable[Object]],
    used: Mapping[str, Fraction],
    capacity: Capacity | None,
    ports: Iterable[Port] = (),
) -> Assignment:
    """Place pending pods, queued by demand, beside what running ones use; a queue ends where one does not fit."""
    taken, busy = dict(used), set(ports)
    result = Assignment([], {})
    for wanted in sorted(queues, key=lambda one: -one.priority):
        for pod in queues[wanted]:
            message = refusal(wanted, taken, capacity, busy)
            if message:
                result.refused[wanted] = message
                break
            taken = total([tuple(taken.items()), wanted.amounts])
            busy |= wanted.ports
            result.bound.append(pod)
    return result


def total(amounts: Iterable[Amounts]) -> dict[str, Fraction]:
    """The sum of several, by resource."""
    found: dict[str, Fraction] = {}
    for some in amounts:
        for name, value in some:
            found[name] = found.get(name, ZERO) + value
    return found


def refusal(wanted: Demand, used: Mapping[str, Fraction], capacity: Capacity | None, ports: Iterable[Port] = ()) -> str:
    """Why a pod with this demand cannot be placed, in Kubernetes' words; empty when it can."""
    if capacity is None:
        return "no nodes available to schedule pods"
    if wanted.claims:
        return f'0/1 nodes are available: persistentvolumeclaim "{wanted.claims[0]}" not found. not found'
    if never := objection(wanted.spec, capacity.nature):
        return _message([never], hopeless=True)
    if wanted.ports and collide(wanted.ports, ports):
        return _message([NO_PORT], hopeless=False)
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
