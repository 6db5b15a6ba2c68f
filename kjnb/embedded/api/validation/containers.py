"""Containers: names, images, ports, devices, when they are started again."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import handlers, meta, security
from kjnb.embedded.api.validation.environment import environment
from kjnb.embedded.api.validation.errors import duplicate, forbidden, missing, required, unsupported, wrong
from kjnb.embedded.api.validation.mounts import uses
from kjnb.embedded.api.validation.resources import resources

Object = dict[str, Any]
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
MESSAGE_POLICIES = ("FallbackToLogsOnError", "File")
PROTOCOLS = ("SCTP", "TCP", "UDP")
RESTARTS = ("Always", "Never", "OnFailure")
ACTIONS = ("Restart", "RestartAllContainers")


def containers(spec: Object, field: str, known: dict[str, Object]) -> list[FieldError]:
    """All containers of a pod; no two have one name. `known` are its volumes with nothing wrong."""
    regular = spec.get("containers") or []
    found = [] if regular else [required(f"{field}.containers")]
    every: set[str] = set()
    for place, one in enumerate(regular):
        at = f"{field}.containers[{place}]"
        found += container(one, at, known, spec) + named_once(one, at, every)
        every.add(one.get("name", ""))
        found += handlers.probes(one, at, spec["terminationGracePeriodSeconds"])
    found += host_ports(regular, f"{field}.containers")
    for place, one in enumerate(spec.get("initContainers") or []):
        at = f"{field}.initContainers[{place}]"
        found += container(one, at, known, spec) + named_once(one, at, every)
        every |= {one.get("name", "")} - {""}
        found += host_ports([one], f"{field}.initContainers") + init_only(one, at, spec)
    return found


def named_once(one: Object, field: str, every: set[str]) -> list[FieldError]:
    """A name that no container has that came before."""
    name = one.get("name", "")
    return [duplicate(f"{field}.name", name)] if name in every else []


def container(one: Object, field: str, known: dict[str, Object], spec: Object) -> list[FieldError]:
    """One container of a pod, init or not."""
    name = one.get("name", "")
    found = [wrong(f"{field}.name", name, words) for words in meta.dns_label(name)] if name else []
    if not name:
        found.append(required(f"{field}.name"))
    if not one.get("image"):
        found.append(required(f"{field}.image"))
    for part, allowed in (("imagePullPolicy", PULL_POLICIES), ("terminationMessagePolicy", MESSAGE_POLICIES)):
        if one[part] not in allowed:
            found.append(unsupported(f"{field}.{part}", one[part], allowed))
    found += ports(one.get("ports") or [], f"{field}.ports") + environment(one, field) + uses(one, field, known)
    found += resources(one.get("resources") or {}, f"{field}.resources")
    found += claims(one, f"{field}.resources.claims", {claim.get("name") for claim in spec.get("resourceClaims") or []})
    found += resizing(one.get("resizePolicy") or [], f"{field}.resizePolicy", spec.get("restartPolicy") == "Never")
    found += security.container_context(one, field, of_host=spec.get("hostUsers") is not False)
    return found + restarts(one, field)


def init_only(one: Object, field: str, spec: Object) -> list[FieldError]:
    """An init container has probes and hooks only when it goes on running beside the others."""
    if one.get("restartPolicy") == "Always":
        return handlers.probes(one, field, spec["terminationGracePeriodSeconds"])
    words = "may not be set for init containers without restartPolicy=Always"
    told = [kind for kind in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe") if kind in one]
    return [forbidden(f"{field}.{kind}", words) for kind in told]


def resizing(given: list[Object], field: str, never_again: bool) -> list[FieldError]:
    """What a change of a container's resources asks for, each resource once."""
    found: list[FieldError] = []
    seen: set[str] = set()
    for place, one in enumerate(given):
        name, policy = one.get("resourceName", ""), one.get("restartPolicy", "")
        if name in seen:
            found.append(duplicate(f"{field}[{place}]", name))
        seen.add(name)
        for value, allowed in ((name, ("cpu", "memory")), (policy, ("NotRequired", "RestartContainer"))):
            if value not in allowed:
                found.append(unsupported(field, value, allowed) if value else required(field))
        if never_again and policy != "NotRequired":
            found.append(wrong(field, policy, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
    return found


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


def host_ports(given: list[Object], field: str) -> list[FieldError]:
    """No two ports of the node are the same."""
    found: list[FieldError] = []
    taken: set[tuple[str, str, int]] = set()
    for place, one in enumerate(given):
        for number, port in enumerate(one.get("ports") or []):
            mark = port.get("protocol", "TCP"), port.get("hostIP", ""), port.get("hostPort", 0)
            if mark[2] and mark in taken:
                found.append(duplicate(f"{field}[{place}].ports[{number}].hostPort", "/".join(map(str, mark))))
            taken.add(mark)
    return found


def ports_on_host(given: list[Object], field: str, *, filled: bool) -> list[FieldError]:
    """On the host's network a container's ports are the host's; in a template they need not be `filled` in."""
    found: list[FieldError] = []
    words = "must match `containerPort` when `hostNetwork` is true"
    for place, one in enumerate(given):
        for number, port in enumerate(one.get("ports") or []):
            outer = port.get("hostPort", 0)
            if (filled or outer) and outer != port.get("containerPort", 0):
                found.append(wrong(f"{field}[{place}].ports[{number}].hostPort", outer, words))
    return found


def claims(one: Object, field: str, known: set[Any]) -> list[FieldError]:
    """Devices that a container names are among the pod's, each once."""
    found: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for place, claim in enumerate((one.get("resources") or {}).get("claims") or []):
        at, name, part = f"{field}[{place}]", claim.get("name", ""), claim.get("request", "")
        if not name:
            found.append(required(at))
            continue
        if (name, part) in seen or (name, "") in seen:
            found.append(duplicate(at, name))
        seen.add((name, part))
        if name not in known:
            found.append(missing(at, name))
    return found
