"""PodSpec: containers, environment, resources, volumes. What a template may not say, whoever runs it."""

from __future__ import annotations

import re
from typing import Any

from kjnb.embedded.api import quantity
from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.errors import duplicate, missing, required, unsupported, wrong

Object = dict[str, Any]
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
MESSAGE_POLICIES = ("FallbackToLogsOnError", "File")
POD_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
SUBSCRIPT = re.compile(r"^(metadata\.(?:labels|annotations))\['(.*)'\]$")
SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def pod_spec(spec: Object, field: str) -> list[FieldError]:
    """A pod's spec, defaults filled in."""
    volumes = {one.get("name") for one in spec.get("volumes") or []}
    found = unique_names(spec.get("volumes") or [], f"{field}.volumes")
    every: set[str] = set()
    if not spec.get("containers"):
        found.append(required(f"{field}.containers"))
    for kind in ("containers", "initContainers"):
        for place, one in enumerate(spec.get(kind) or []):
            found += container(one, f"{field}.{kind}[{place}]", volumes, every)
    if spec.get("dnsPolicy") not in DNS_POLICIES:
        found.append(unsupported(f"{field}.dnsPolicy", spec.get("dnsPolicy"), DNS_POLICIES))
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        found.append(wrong(f"{field}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive"))
    for name in ("hostname", "subdomain"):
        if spec.get(name):
            found += [wrong(f"{field}.{name}", spec[name], words) for words in meta.dns_label(spec[name])]
    found += meta.labels(spec.get("nodeSelector") or {}, f"{field}.nodeSelector")
    return found


def unique_names(items: list[Object], field: str) -> list[FieldError]:
    """Every item has a name that is a DNS label, and no other's."""
    found, seen = [], set()
    for place, one in enumerate(items):
        found += named(one, f"{field}[{place}]")
        if one.get("name") and one["name"] in seen:
            found.append(duplicate(f"{field}[{place}].name", one["name"]))
        seen.add(one.get("name"))
    return found


def named(one: Object, field: str) -> list[FieldError]:
    """The name of a container or a volume."""
    name = one.get("name", "")
    if not name:
        return [required(f"{field}.name")]
    return [wrong(f"{field}.name", name, words) for words in meta.dns_label(name)]


def container(one: Object, field: str, volumes: set[Any], every: set[str]) -> list[FieldError]:
    """One container; `every` collects the names, which no two share."""
    name, found = one.get("name", ""), named(one, field)
    if name and name in every:
        found.append(duplicate(f"{field}.name", name))
    every.add(name)
    if not one.get("image"):
        found.append(required(f"{field}.image"))
    elif one["image"].strip() != one["image"]:
        found.append(wrong(f"{field}.image", one["image"], "must not have leading or trailing whitespace"))
    if one["imagePullPolicy"] not in PULL_POLICIES:
        found.append(unsupported(f"{field}.imagePullPolicy", one["imagePullPolicy"], PULL_POLICIES))
    if one["terminationMessagePolicy"] not in MESSAGE_POLICIES:
        found.append(
            unsupported(f"{field}.terminationMessagePolicy", one["terminationMessagePolicy"], MESSAGE_POLICIES)
        )
    for place, variable in enumerate(one.get("env") or []):
        found += env_var(variable, f"{field}.env[{place}]")
    found += resources(one.get("resources") or {}, f"{field}.resources")
    return found + mounts(one.get("volumeMounts") or [], f"{field}.volumeMounts", volumes)


def env_var(variable: Object, field: str) -> list[FieldError]:
    """A variable: a name, and a value or one source of it."""
    name, source = variable.get("name", ""), variable.get("valueFrom")
    found = [] if name else [required(f"{field}.name")]
    if name and ("=" in name or not name.isprintable()):
        found.append(
            wrong(
                f"{field}.name",
                name,
                "a valid environment variable name must consist only of printable ASCII characters other than '='",
            )
        )
    if source is None:
        return found
    told = [kind for kind in SOURCES if kind in source]
    field = f"{field}.valueFrom"
    if not told:
        found.append(
            wrong(field, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`")
        )
    if variable.get("value"):
        found.append(wrong(field, "", "may not be specified when `value` is not empty"))
    elif len(told) > 1:
        found.append(wrong(field, "", "may not have more than one field specified at a time"))
    if "fieldRef" in source:
        found += field_reference(source["fieldRef"].get("fieldPath", ""), f"{field}.fieldRef.fieldPath")
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in source and not source[kind].get("key"):
            found.append(required(f"{field}.{kind}.key"))
    return found


def field_reference(path: str, field: str) -> list[FieldError]:
    """A field of the pod that a variable may take its value from."""
    if not path:
        return [required(field)]
    subscript = SUBSCRIPT.match(path)
    if (subscript.group(1) if subscript else path) in POD_FIELDS:
        return []
    return [wrong(field, path, f"error converting fieldPath: field label not supported: {path}")]


def resources(given: Object, field: str) -> list[FieldError]:
    """Requests are not negative and not above their limits."""
    limits, requests, found = given.get("limits") or {}, given.get("requests") or {}, []
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            if quantity.parse(amount) < 0:
                found.append(wrong(f"{field}.{kind}[{name}]", amount, "must be greater than or equal to 0"))
    for name, amount in requests.items():
        if name in limits and quantity.parse(amount) > quantity.parse(limits[name]):
            found.append(
                wrong(f"{field}.requests", amount, f"must be less than or equal to {name} limit of {limits[name]}")
            )
    return found


def mounts(given: list[Object], field: str, volumes: set[Any]) -> list[FieldError]:
    """Every mount names a volume of the pod and a place of its own."""
    found, places = [], set()
    for number, mount in enumerate(given):
        place, name, path = f"{field}[{number}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            found.append(required(f"{place}.name"))
        elif name not in volumes:
            found.append(missing(f"{place}.name", name))
        if not path:
            found.append(required(f"{place}.mountPath"))
        elif path in places:
            found.append(wrong(f"{place}.mountPath", path, "must be unique"))
        places.add(path)
        if mount.get("subPath") and mount.get("subPathExpr"):
            found.append(
                wrong(f"{place}.subPathExpr", mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive")
            )
        for kind in ("subPath", "subPathExpr"):
            found += inside(mount.get(kind, ""), f"{place}.{kind}")
    return found


def inside(path: str, field: str) -> list[FieldError]:
    """A path below its volume: relative, and never upwards."""
    if path.startswith("/"):
        return [wrong(field, path, "must be a relative path")]
    return [wrong(field, path, "must not contain '..'")] if ".." in path.split("/") else []
