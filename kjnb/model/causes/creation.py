"""Pods that the API server refuses to create: quota, policies, and things of the namespace that are not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kjnb.model.causes.remedy import WAITS, Scene, amount
from kjnb.model.findings import Cause
from kjnb.model.quantity import cpu_quantity, memory_quantity

HEAD = re.compile(r'^Error creating: (?:pods "[^"]*" is forbidden: )?')
QUOTA = re.compile(r"exceeded quota: ([^,]+), (requested: .*)", re.DOTALL)
UNTOLD = re.compile(r"failed quota: ([^:]+): must specify (.*)", re.DOTALL)
SECURITY = re.compile(r'violates PodSecurity "([^":]+)[^"]*": (.*)', re.DOTALL)
ACCOUNT = re.compile(r'serviceaccount "([^"]+)" not found')
PRIORITY = re.compile(r"no PriorityClass with name (\S+) was found")
WEBHOOK = re.compile(r'admission webhook "([^"]+)" denied the request:? ?(.*)', re.DOTALL)
BOUND = re.compile(r"(maximum|minimum) (cpu|memory) usage per (?:Container|Pod) is ([^,]+), but (.*)", re.DOTALL)
PARTS = re.compile(r"(requested|used|limited): (.*?)(?=, (?:used|limited): |$)", re.DOTALL)
QUANTITIES: dict[str, Callable[[float], str]] = {
    "cpu": cpu_quantity,
    "memory": lambda size: memory_quantity(max(1, size - 2**20 + 1)),  # rounded down
}
OTHER = "use another namespace: kjnb.use(CONTEXT, namespace='NAME')"
TEMPLATE = "the pod template of this cluster (ConfigMap kjnb-defaults)"


class Refusal(NamedTuple):
    """A pod that was refused: the API server's words, what fixes depend on, and how many pods there are already."""

    said: str
    scene: Scene
    active: int


def cause(message: str, scene: Scene, active: int) -> Cause:
    """Why no pod was created, from the message of a FailedCreate event; `active` pods there are already."""
    said = HEAD.sub("", message)
    told = (rule(Refusal(said, scene, active)) for rule in (quota, security, account, priority, webhook, bound))
    refused = "the API server refuses its pods"
    fix = "mend what is named here, or ask the cluster's owner; it is tried again by itself"
    return next((one for one in told if one), Cause("refused", refused, fix, refused, said))


def quota(one: Refusal) -> Cause | None:
    """The namespace's quota has no room."""
    full, untold = QUOTA.search(one.said), UNTOLD.search(one.said)
    if full:
        fewer = f", or run.scale({one.active}) to ask for no more at a time" if one.active else ""
        less = smaller(full[2])
        each = f"; to ask for less each: {one.scene.again(*less)}" if less else ""
        return Cause(
            "quota",
            f"the quota {full[1]} of {one.scene.where} has no room for more pods",
            f"{WAITS} when others end{fewer}{each}",
            f"quota {full[1]} is used up",
            full[2],
        )
    if untold:
        return Cause(
            "quota",
            f"the quota {untold[1]} of {one.scene.where} wants every container to say {untold[2]}",
            f"kjnb says cpu and memory of its own container; the others are in {TEMPLATE}",
            f"quota {untold[1]} wants {untold[2]}",
        )
    return None


def smaller(told: str) -> list[str]:
    """The changes with which one more pod has room in a quota; none if it is no matter of cpu and memory alone."""
    sums = {name: dict(re.findall(r"([^=,\s]+)=([^,\s]+)", part)) for name, part in PARTS.findall(told)}
    asked, used, most = (sums.get(name, {}) for name in ("requested", "used", "limited"))
    found: dict[str, float] = {}
    for resource in asked:
        left = amount(most.get(resource, "0")) - amount(used.get(resource, "0"))
        kind = resource.rpartition(".")[2]
        if amount(asked[resource]) > left:
            found[kind] = min(left, found.get(kind, left))
    if any(kind not in QUANTITIES or left <= 0 for kind, left in found.items()):
        return []
    return [f"{kind}='{QUANTITIES[kind](left)}'" for kind, left in found.items()]


def security(one: Refusal) -> Cause | None:
    """The namespace enforces a Pod Security Standard that the pods do not meet."""
    found = SECURITY.search(one.said)
    if not found:
        return None
    return Cause(
        "pod-security",
        f"{one.scene.where} enforces the Pod Security Standard {found[1]!r}, which its pods do not meet",
        f"{OTHER}, or have {TEMPLATE} set what is named here",
        f"refused by the Pod Security Standard {found[1]!r}",
        found[2],
    )


def account(one: Refusal) -> Cause | None:
    """The service account of the pods is not there."""
    found = ACCOUNT.search(one.said)
    if not found:
        return None
    return Cause(
        "service-account",
        f"the service account {found[1]} does not exist in {one.scene.where}",
        f"create it: kubectl create serviceaccount {found[1]}, or take it out of {TEMPLATE}; {WAITS} then",
        f"the service account {found[1]} does not exist",
    )


def priority(one: Refusal) -> Cause | None:
    """The priority class of the pods is not there."""
    found = PRIORITY.search(one.said)
    if not found:
        return None
    return Cause(
        "priority-class",
        f"the cluster has no priority class {found[1]}",
        f"name one that `kubectl get priorityclasses` lists; it comes from {TEMPLATE}",
        f"there is no priority class {found[1]}",
    )


def webhook(one: Refusal) -> Cause | None:
    """A policy of the cluster refuses the pods."""
    found = WEBHOOK.search(one.said)
    if not found:
        return None
    return Cause(
        "admission",
        f"the cluster's policy {found[1]} refuses its pods",
        f"change what it names, or ask the cluster's owner; else {OTHER}",
        f"refused by the policy {found[1]}",
        found[2],
    )


def bound(one: Refusal) -> Cause | None:
    """A LimitRange of the namespace has other bounds."""
    found = BOUND.search(one.said)
    if not found:
        return None
    kind, resource, limit = found[1], found[2], found[3]
    change = f"{resource}='{limit}'"
    return Cause(
        "limit-range",
        f"a pod of {one.scene.where} has a {kind} of {limit} {'CPU' if resource == 'cpu' else 'memory'}",
        f"ask for that: {one.scene.again(change)}",
        f"the namespace's {kind} of {resource} is {limit}",
        one.said,
    )


def latest(messages: Sequence[str]) -> str:
    """The last message: what was refused before may be allowed by now."""
    return messages[-1] if messages else ""
