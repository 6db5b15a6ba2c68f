"""Probes and lifecycle hooks: what is called, how often, and on which port."""

from __future__ import annotations

import re
from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation.errors import at_least_zero, forbidden, required, unsupported, wrong

Object = dict[str, Any]
KINDS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
HEADER = re.compile(r"[-A-Za-z0-9]+")
PORT_NAME = re.compile(r"[-a-z0-9]+")


def probes(one: Object, field: str, grace: int) -> list[FieldError]:
    """The three probes and the hooks of a container that is given so many seconds to end."""
    found = []
    for kind in ("postStart", "preStop"):
        if kind in (one.get("lifecycle") or {}):
            found += handler(one["lifecycle"][kind], f"{field}.lifecycle.{kind}", grace)
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if kind in one:
            found += probe(one[kind], kind, f"{field}.{kind}")
    return found


def probe(given: Object, kind: str, field: str) -> list[FieldError]:
    """One probe."""
    found = handler(given, field)
    for name in NUMBERS:
        found += at_least_zero(given.get(name), f"{field}.{name}")
    grace, successes = given.get("terminationGracePeriodSeconds"), given.get("successThreshold", 1)
    if grace is not None and grace <= 0:
        found.append(wrong(f"{field}.terminationGracePeriodSeconds", grace, "must be greater than 0"))
    if kind == "readinessProbe":
        if grace is not None:
            words = "must not be set for readinessProbes"
            found.append(wrong(f"{field}.terminationGracePeriodSeconds", grace, words))
    elif successes != 1:
        found.append(wrong(f"{field}.successThreshold", successes, "must be 1"))
    return found


def handler(given: Object, field: str, grace: int = 0) -> list[FieldError]:
    """What is called: exactly one of the kinds."""
    told = [kind for kind in KINDS if kind in given]
    if not told:
        return [required(field, "must specify a handler type")]
    found = [forbidden(f"{field}.{kind}", "may not specify more than 1 handler type") for kind in told[1:]]
    first, inner = given[told[0]], f"{field}.{told[0]}"
    if told[0] == "exec" and not first.get("command"):
        found.append(required(f"{inner}.command"))
    if told[0] == "httpGet":
        found += http(first, inner)
    if told[0] in ("tcpSocket", "grpc"):
        found += port(first.get("port", 0), f"{inner}.port")
    if told[0] == "sleep" and not 0 <= first.get("seconds", 0) <= grace:
        words = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        found.append(wrong(inner, first.get("seconds", 0), words))
    return found


def http(given: Object, field: str) -> list[FieldError]:
    """A request over HTTP."""
    found = [] if given.get("path", "/") else [required(f"{field}.path")]
    found += port(given.get("port", 0), f"{field}.port")
    if given.get("scheme", "HTTP") not in ("HTTP", "HTTPS"):
        found.append(unsupported(f"{field}.scheme", given["scheme"], ("HTTP", "HTTPS")))
    names = [header.get("name", "") for header in given.get("httpHeaders") or []]
    words = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name')"
    return found + [wrong(f"{field}.httpHeaders", name, words) for name in names if not HEADER.fullmatch(name)]


def port(given: int | str, field: str) -> list[FieldError]:
    """A port by number or by name."""
    if isinstance(given, str):
        return [wrong(field, given, words) for words in port_name(given)]
    return [] if 1 <= given <= 65535 else [wrong(field, given, "must be between 1 and 65535, inclusive")]


def port_name(name: str) -> list[str]:
    """What keeps a text from being a port's name."""
    said = ["must be no more than 15 characters long"] if len(name) > 15 else []
    if not PORT_NAME.fullmatch(name):
        said.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", name):
        said.append("must contain at least one letter (a-z)")
    if "--" in name:
        said.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        said.append("must not begin or end with a hyphen")
    return said
