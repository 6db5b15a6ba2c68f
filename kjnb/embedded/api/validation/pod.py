"""PodSpec: what a pod's spec or a template may not say, whoever runs it; its parts have modules of their own."""

from __future__ import annotations

import ipaddress
from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.containers import containers, ports_on_host
from kjnb.embedded.api.validation.errors import duplicate, forbidden, required, unsupported, wrong
from kjnb.embedded.api.validation.placement import placement
from kjnb.embedded.api.validation.resources import against_limit, resources
from kjnb.embedded.api.validation.security import pod_context
from kjnb.embedded.api.validation.volumes import volumes

Object = dict[str, Any]
DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
PREEMPTIONS = ("Never", "PreemptLowerPriority")
SYSTEMS = ("linux", "windows")
RESTARTS = ("Always", "OnFailure", "Never")
OF_PODS = ("cpu", "memory")
MOST_NAMESERVERS, MOST_SEARCHED, MOST_SEARCHED_CHARACTERS = 3, 32, 2048


def pod_spec(spec: Object, field: str, *, of_pod: bool = False) -> list[FieldError]:
    """A pod's spec, defaults filled in; a template's, unless it is `of_pod`."""
    known, found = volumes(spec.get("volumes") or [], f"{field}.volumes")
    found += containers(spec, field, known) + devices(spec.get("resourceClaims") or [], f"{field}.resourceClaims")
    if spec.get("hostNetwork"):
        found += ports_on_host(spec.get("containers") or [], f"{field}.containers", filled=of_pod)
    found += placement(spec, field) + pod_context(spec, field) + named(spec, field) + chosen(spec, field)
    found += gates(spec, field) + hosts(spec, field) + dns(spec, field) + whole(spec, field)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        found.append(wrong(f"{field}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive"))
    return found


def whole(spec: Object, field: str) -> list[FieldError]:
    """What the pod costs besides, and its resources as a whole: of a few kinds, requests not above limits."""
    found = resources({"limits": spec.get("overhead")}, f"{field}.overhead")
    given, at = spec.get("resources"), f"{field}.resources"
    if given is None:
        return found
    if given.get("claims"):
        found.append(forbidden(f"{at}.claims", "claims cannot be set for Resources at pod-level"))
    for kind in ("limits", "requests"):
        names = [name for name in given.get(kind) or {} if not (name in OF_PODS or name.startswith("hugepages-"))]
        found += [unsupported(f"{at}.{kind}[{name}]", name, OF_PODS) for name in names]
    requests, limits = given.get("requests") or {}, given.get("limits") or {}
    for name, amount in requests.items():
        if name in limits:
            found += against_limit(name, amount, limits[name], f"{at}.requests")
    return found


def devices(given: list[Object], field: str) -> list[FieldError]:
    """Claims of devices: a name each, and either a claim or a template of one."""
    found: list[FieldError] = []
    seen: set[str] = set()
    parts = ("resourceClaimName", "resourceClaimTemplateName")
    for place, one in enumerate(given):
        at, name = f"{field}[{place}]", one.get("name", "")
        if not name:
            found.append(required(f"{at}.name"))
        elif name in seen:
            found.append(duplicate(f"{at}.name", name))
        else:
            found += [wrong(f"{at}.name", name, words) for words in meta.dns_label(name)]
        seen.add(name)
        told = [part for part in parts if part in one]
        if len(told) != 1:
            found.append(wrong(at, one, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
        found += [wrong(f"{at}.{part}", one[part], words) for part in told for words in meta.dns_subdomain(one[part])]
    return found


def named(spec: Object, field: str) -> list[FieldError]:
    """Names of this pod and of what it belongs to."""
    found: list[FieldError] = []
    for name in ("hostname", "subdomain"):
        if spec.get(name):
            found += [wrong(f"{field}.{name}", spec[name], words) for words in meta.dns_label(spec[name])]
    for name in ("serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"):
        if spec.get(name) or (name == "runtimeClassName" and name in spec):
            found += [wrong(f"{field}.{name}", spec[name], words) for words in meta.dns_subdomain(spec[name])]
    return found


def chosen(spec: Object, field: str) -> list[FieldError]:
    """Words out of a few."""
    found = []
    if spec.get("restartPolicy", "Always") not in RESTARTS:
        found.append(unsupported(f"{field}.restartPolicy", spec["restartPolicy"], RESTARTS))
    if spec.get("dnsPolicy") not in DNS_POLICIES:
        found.append(unsupported(f"{field}.dnsPolicy", spec.get("dnsPolicy"), DNS_POLICIES))
    preemption = spec.get("preemptionPolicy")
    if preemption not in (None, *PREEMPTIONS):
        at = f"{field}.preemptionPolicy"
        found.append(unsupported(at, preemption, PREEMPTIONS) if preemption else required(at))
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
        for number, name in enumerate(one.get("hostnames") or []):
            found += [wrong(f"{at}.hostnames[{number}]", name, words) for words in meta.dns_subdomain(name)]
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
    given, at = spec.get("dnsConfig"), f"{field}.dnsConfig"
    if spec.get("dnsPolicy") == "None" and given is None:
        return [required(at, "must provide `dnsConfig` when `dnsPolicy` is None")]
    servers = (given or {}).get("nameservers") or []
    if spec.get("dnsPolicy") == "None" and not servers:
        return [required(f"{at}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")]
    found: list[FieldError] = []
    if len(servers) > MOST_NAMESERVERS:
        found.append(wrong(f"{at}.nameservers", servers, f"must not have more than {MOST_NAMESERVERS} nameservers"))
    for place, one in enumerate(servers):
        found += address(one, f"{at}.nameservers[{place}]")
    for place, one in enumerate((given or {}).get("options") or []):
        if not one.get("name"):
            found.append(required(f"{at}.options[{place}]", "must not be empty"))
    return found + searches((given or {}).get("searches") or [], f"{at}.searches")


def searches(given: list[str], field: str) -> list[FieldError]:
    """Domains in which names are looked for: a few, and each a subdomain that may have underscores."""
    found: list[FieldError] = []
    if len(given) > MOST_SEARCHED:
        found.append(wrong(field, given, f"must not have more than {MOST_SEARCHED} search paths"))
    if len(" ".join(given)) > MOST_SEARCHED_CHARACTERS:
        found.append(wrong(field, given, f"must not have more than {MOST_SEARCHED_CHARACTERS} characters"))
    for place, one in enumerate(given):
        plain = one.removesuffix(".").replace("_", "a") if one != "." else "a"
        found += [wrong(f"{field}[{place}]", one, words) for words in meta.dns_subdomain(plain)]
    return found
