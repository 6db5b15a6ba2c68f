"""PodSpec: what a pod's spec or a template may not say, whoever runs it; its parts have modules of their own."""

from __future__ import annotations

import ipaddress
from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.containers import containers
from kjnb.embedded.api.validation.errors import duplicate, required, unsupported, wrong
from kjnb.embedded.api.validation.placement import placement
from kjnb.embedded.api.validation.security import pod_context
from kjnb.embedded.api.validation.volumes import volumes

Object = dict[str, Any]
DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
PREEMPTIONS = ("Never", "PreemptLowerPriority")
SYSTEMS = ("linux", "windows")
MOST_NAMESERVERS, MOST_SEARCHED = 3, 32


def pod_spec(spec: Object, field: str) -> list[FieldError]:
    """A pod's spec, defaults filled in."""
    found = volumes(spec.get("volumes") or [], f"{field}.volumes") + containers(spec, field)
    found += placement(spec, field) + pod_context(spec, field) + named(spec, field) + chosen(spec, field)
    found += gates(spec, field) + hosts(spec, field) + dns(spec, field)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        found.append(wrong(f"{field}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive"))
    for place, one in enumerate(spec.get("imagePullSecrets") or []):
        if not one.get("name"):
            found.append(required(f"{field}.imagePullSecrets[{place}].name"))
    return found


def named(spec: Object, field: str) -> list[FieldError]:
    """Names of this pod and of what it belongs to."""
    found: list[FieldError] = []
    for name in ("hostname", "subdomain"):
        if spec.get(name):
            found += [wrong(f"{field}.{name}", spec[name], words) for words in meta.dns_label(spec[name])]
    for name in ("serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"):
        if spec.get(name):
            found += [wrong(f"{field}.{name}", spec[name], words) for words in meta.dns_subdomain(spec[name])]
    return found


def chosen(spec: Object, field: str) -> list[FieldError]:
    """Words out of a few."""
    found = []
    if spec.get("dnsPolicy") not in DNS_POLICIES:
        found.append(unsupported(f"{field}.dnsPolicy", spec.get("dnsPolicy"), DNS_POLICIES))
    if spec.get("preemptionPolicy") not in (None, *PREEMPTIONS):
        found.append(unsupported(f"{field}.preemptionPolicy", spec["preemptionPolicy"], PREEMPTIONS))
    system = spec.get("os")
    if system is not None and not system.get("name"):
        found.append(required(f"{field}.os.name", "cannot be empty"))
    elif system is not None and system["name"] not in SYSTEMS:
        found.append(unsupported(f"{field}.os", system["name"], SYSTEMS))
    return found


def gates(spec: Object, field: str) -> list[FieldError]:
    """What must be so before a pod is scheduled, or ready."""
    found: list[FieldError] = []
    seen: set[str] = set()
    for place, one in enumerate(spec.get("schedulingGates") or []):
        at, name = f"{field}.schedulingGates[{place}]", one.get("name", "")
        found += [wrong(at, name, words) for words in meta.qualified_name(name)]
        if name in seen:
            found.append(duplicate(at, name))
        seen.add(name)
    for place, one in enumerate(spec.get("readinessGates") or []):
        at, name = f"{field}.readinessGates[{place}].conditionType", one.get("conditionType", "")
        found += [wrong(at, name, words) for words in meta.qualified_name(name)]
    return found


def hosts(spec: Object, field: str) -> list[FieldError]:
    """Lines of the pod's hosts file."""
    found: list[FieldError] = []
    for place, one in enumerate(spec.get("hostAliases") or []):
        at = f"{field}.hostAliases[{place}]"
        found += address(one.get("ip", ""), f"{at}.ip")
        for name in one.get("hostnames") or []:
            found += [wrong(f"{at}.hostnames", name, words) for words in meta.dns_subdomain(name)]
    return found


def address(text: str, field: str) -> list[FieldError]:
    """An IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return [wrong(field, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
    return []


def dns(spec: Object, field: str) -> list[FieldError]:
    """Name servers and search paths of the pod's own."""
    given, at = spec.get("dnsConfig") or {}, f"{field}.dnsConfig"
    servers, searched = given.get("nameservers") or [], given.get("searches") or []
    found: list[FieldError] = []
    if spec.get("dnsPolicy") == "None" and "dnsConfig" not in spec:
        found.append(required(at, "must provide `dnsConfig` when `dnsPolicy` is None"))
    elif spec.get("dnsPolicy") == "None" and not servers:
        found.append(required(f"{at}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None"))
    if len(servers) > MOST_NAMESERVERS:
        found.append(wrong(f"{at}.nameservers", servers, f"must not have more than {MOST_NAMESERVERS} nameservers"))
    for place, one in enumerate(servers):
        found += address(one, f"{at}.nameservers[{place}]")
    if len(searched) > MOST_SEARCHED:
        found.append(wrong(f"{at}.searches", searched, f"must not have more than {MOST_SEARCHED} search paths"))
    for place, one in enumerate(given.get("options") or []):
        if not one.get("name"):
            found.append(required(f"{at}.options[{place}]", "must not be empty"))
    return found
