"""Containers: names, images, ports, resources, when they are started again."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api import quantity
from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import handlers, meta, security
from kjnb.embedded.api.validation.environment import environment
from kjnb.embedded.api.validation.errors import duplicate, forbidden, missing, required, unsupported, wrong
from kjnb.embedded.api.validation.volumes import mounts

Object = dict[str, Any]
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
MESSAGE_POLICIES = ("FallbackToLogsOnError", "File")
PROTOCOLS = ("SCTP", "TCP", "UDP")
RESTARTS = ("Always", "Never", "OnFailure")
ACTIONS = ("Restart", "RestartAllContainers")
STANDARD = ("cpu", "memory", "ephemeral-storage")


def containers(spec: Object, field: str) -> list[FieldError]:
    """All containers of a pod; no two have one name."""
    known = {one.get("name") for one in spec.get("volumes") or []}
    every: set[str] = set()
    found = [] if spec.get("containers") else [required(f"{field}.containers")]
    for kind in ("containers", "initContainers"):
        for place, one in enumerate(spec.get(kind) or []):
            at, name = f"{field}.{kind}[{place}]", one.get("name", "")
            found += container(one, at, known)
            if name and name in every:
                found.append(duplicate(f"{at}.name", name))
            every.add(name)
            found += init_only(one, at) if kind == "initContainers" else handlers.probes(one, at)
    found += host_ports(spec.get("containers") or [], f"{field}.containers", bool(spec.get("hostNetwork")))
    return found + claims(spec, field)


def container(one: Object, field: str, known: set[Any]) -> list[FieldError]:
    """One container, init or not."""
    name = one.get("name", "")
    found = [wrong(f"{field}.name", name, words) for words in meta.dns_label(name)] if name else []
    if not name:
        found.append(required(f"{field}.name"))
    if not one.get("image"):
        found.append(required(f"{field}.image"))
    elif one["image"].strip() != one["image"]:
        found.append(wrong(f"{field}.image", one["image"], "must not have leading or trailing whitespace"))
    for part, allowed in (("imagePullPolicy", PULL_POLICIES), ("terminationMessagePolicy", MESSAGE_POLICIES)):
        if one[part] not in allowed:
            found.append(unsupported(f"{field}.{part}", one[part], allowed))
    found += ports(one.get("ports") or [], f"{field}.ports") + environment(one, field)
    found += resources(one.get("resources") or {}, f"{field}.resources")
    privileged = bool((one.get("securityContext") or {}).get("privileged"))
    found += mounts(one.get("volumeMounts") or [], f"{field}.volumeMounts", known, privileged)
    return found + restarts(one, field) + security.container_context(one, field)


def init_only(one: Object, field: str) -> list[FieldError]:
    """An init container has probes and hooks only when it goes on running beside the others."""
    if one.get("restartPolicy") == "Always":
        return handlers.probes(one, field)
    words = "may not be set for init containers without restartPolicy=Always"
    told = [kind for kind in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe") if kind in one]
    return [forbidden(f"{field}.{kind}", words) for kind in told]


def restarts(one: Object, field: str) -> list[FieldError]:
    """A container's own restart policy, and its rules by exit code."""
    policy, rules = one.get("restartPolicy"), one.get("restartPolicyRules") or []
    found = []
    if policy is not None and policy not in RESTARTS:
        found.append(unsupported(f"{field}.restartPolicy", policy, RESTARTS))
    if rules and policy is None:
        words = "must specify restartPolicy when restart rules are used"
        found.append(required(f"{field}.restartPolicy", words))
    if len(rules) > 20:
        found.append(
            FieldError(f"{field}.restartPolicyRules", "FieldValueTooLong", "Too long: must have at most 20 items")
        )
    for place, rule in enumerate(rules):
        found += restart_rule(rule, f"{field}.restartPolicyRules[{place}]")
    return found


def restart_rule(rule: Object, field: str) -> list[FieldError]:
    """Exit codes that a container is started again for."""
    codes = rule.get("exitCodes")
    found = [] if rule.get("action") in ACTIONS else [unsupported(f"{field}.action", rule.get("action", ""), ACTIONS)]
    if codes is None:
        return [*found, required(f"{field}.exitCodes", "must be specified")]
    if codes.get("operator") not in ("In", "NotIn"):
        found.append(unsupported(f"{field}.exitCodes.operator", codes.get("operator", ""), ("In", "NotIn")))
    if len(codes.get("values") or []) > 255:
        found.append(
            FieldError(f"{field}.exitCodes.values", "FieldValueTooLong", "Too long: must have at most 255 items")
        )
    return found


def ports(given: list[Object], field: str) -> list[FieldError]:
    """Numbers, names and protocols of ports."""
    found: list[FieldError] = []
    names: set[str] = set()
    for place, one in enumerate(given):
        at, name, number = f"{field}[{place}]", one.get("name", ""), one.get("containerPort", 0)
        if name:
            said = handlers.port_name(name)
            found += [wrong(f"{at}.name", name, words) for words in said]
            if not said and name in names:
                found.append(duplicate(f"{at}.name", name))
            names.add(name)
        if not number:
            found.append(required(f"{at}.containerPort"))
        else:
            found += handlers.port(number, f"{at}.containerPort")
        if one.get("hostPort", 0):
            found += handlers.port(one["hostPort"], f"{at}.hostPort")
        if one.get("protocol", "TCP") not in PROTOCOLS:
            found.append(unsupported(f"{at}.protocol", one["protocol"], PROTOCOLS))
    return found


def host_ports(given: list[Object], field: str, on_host: bool) -> list[FieldError]:
    """No two ports of the node are the same; on the host's network they are the container's."""
    found: list[FieldError] = []
    taken: set[tuple[str, str, int]] = set()
    for place, one in enumerate(given):
        for number, port in enumerate(one.get("ports") or []):
            at, outer = f"{field}[{place}].ports[{number}]", port.get("hostPort", 0)
            if on_host and outer != port.get("containerPort", 0):
                words = "must match `containerPort` when `hostNetwork` is true"
                found.append(wrong(f"{at}.hostPort", outer, words))
            mark = port.get("protocol", "TCP"), port.get("hostIP", ""), outer
            if outer and mark in taken:
                found.append(duplicate(f"{at}.hostPort", "/".join(map(str, mark))))
            taken.add(mark)
    return found


def resources(given: Object, field: str) -> list[FieldError]:
    """Known resources, no amount negative, requests not above their limits."""
    limits, requests = given.get("limits") or {}, given.get("requests") or {}
    found: list[FieldError] = []
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            found += resource_amount(name, amount, f"{field}.{kind}[{name}]")
    for name, amount in requests.items():
        if name in limits:
            found += against_limit(name, amount, limits[name], f"{field}.requests")
        elif not may_overcommit(name):
            found.append(required(f"{field}.limits", "Limit must be set for non overcommitable resources"))
    names = {*limits, *requests}
    if any(name.startswith("hugepages-") for name in names) and not names & {"cpu", "memory"}:
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


def may_overcommit(name: str) -> bool:
    """The node may promise more of it than it has."""
    return "/" not in name and not name.startswith("hugepages-")


def resource_amount(name: str, amount: str, field: str) -> list[FieldError]:
    """One resource's name and amount."""
    found = [wrong(field, name, words) for words in meta.qualified_name(name)]
    if not found and "/" not in name and name not in STANDARD and not name.startswith("hugepages-"):
        found.append(wrong(field, name, "must be a standard resource for containers"))
    size = quantity.parse(amount)
    if size < 0:
        found.append(wrong(field, amount, "must be greater than or equal to 0"))
    if "/" in name and size % 1:
        found.append(wrong(field, amount, "must be an integer"))
    return found


def claims(spec: Object, field: str) -> list[FieldError]:
    """Devices that containers name are among the pod's."""
    known = {one.get("name") for one in spec.get("resourceClaims") or []}
    found = []
    for kind in ("containers", "initContainers"):
        for place, one in enumerate(spec.get(kind) or []):
            for number, claim in enumerate((one.get("resources") or {}).get("claims") or []):
                at, name = f"{field}.{kind}[{place}].resources.claims[{number}].name", claim.get("name", "")
                if not name:
                    found.append(required(at))
                elif name not in known:
                    found.append(missing(at, name))
    return found
