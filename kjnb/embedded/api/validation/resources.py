"""What containers ask for and may use: names of resources, amounts, requests beside their limits."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api import quantity
from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.errors import forbidden, required, wrong

Object = dict[str, Any]
OF_CONTAINERS = ("cpu", "memory", "ephemeral-storage")
COUNTED = (
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims",
    "services.nodeports", "services.loadbalancers",
)  # fmt: skip
STANDARD = (
    *OF_CONTAINERS, *COUNTED, "storage", "requests.cpu", "requests.memory", "requests.storage",
    "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
)  # fmt: skip
HUGE = "hugepages-"


def resources(given: Object, field: str) -> list[FieldError]:
    """Known resources, no amount negative, requests not above their limits."""
    limits, requests = given.get("limits") or {}, given.get("requests") or {}
    found: list[FieldError] = []
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            at = f"{field}.{kind}[{name}]"
            found += resource_name(name, at) + resource_amount(name, amount, at)
    for name, amount in requests.items():
        if name in limits:
            found += against_limit(name, amount, limits[name], f"{field}.requests")
        elif not may_overcommit(name):
            found.append(required(f"{field}.limits", "Limit must be set for non overcommitable resources"))
    names = {*limits, *requests}
    if any(name.startswith(HUGE) for name in names) and not names & {"cpu", "memory"}:
        found.append(forbidden(field, "HugePages require cpu or memory"))
    return found


def against_limit(name: str, amount: str, limit: str, field: str) -> list[FieldError]:
    """A request and its limit."""
    asked, most = quantity.parse(amount), quantity.parse(limit)
    if not may_overcommit(name) and asked != most:
        return [wrong(field, amount, f"must be equal to {name} limit of {limit}")]
    if asked > most:
        return [wrong(field, amount, f"must be less than or equal to {name} limit of {limit}")]
    return []


def is_native(name: str) -> bool:
    """A resource of Kubernetes' own."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """A resource of somebody else's, which a quota can name, too."""
    return not is_native(name) and not name.startswith("requests.") and not meta.qualified_name(f"requests.{name}")


def may_overcommit(name: str) -> bool:
    """The node may promise more of it than it has."""
    return is_native(name) and not name.startswith(HUGE)


def resource_name(name: str, field: str) -> list[FieldError]:
    """A resource's name: of any kind, and one that containers can have."""
    found = [wrong(field, name, words) for words in meta.qualified_name(name)]
    if "/" not in name:
        huge = name.startswith((HUGE, f"requests.{HUGE}"))
        if not found and name not in STANDARD and not huge:
            found.append(wrong(field, name, "must be a standard resource type or fully qualified"))
        if name not in OF_CONTAINERS and not name.startswith(HUGE):
            found.append(wrong(field, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        found.append(wrong(field, name, "doesn't follow extended resource name standard"))
    return found


def resource_amount(name: str, amount: str, field: str) -> list[FieldError]:
    """An amount, whole where things are counted."""
    size = quantity.parse(amount)
    found = [wrong(field, amount, "must be greater than or equal to 0")] if size < 0 else []
    if (name in COUNTED or is_extended(name)) and size % 1:
        found.append(wrong(field, amount, "must be an integer"))
    return found
