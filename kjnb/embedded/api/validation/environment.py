"""Environment variables: their names, their values, and what of the pod and of other objects they may be taken from."""

from __future__ import annotations

import re
from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.core import entry_key
from kjnb.embedded.api.validation.errors import required, unsupported, wrong

Object = dict[str, Any]
VARIABLE_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP",
    "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
KNOWN_FIELDS = (*VARIABLE_FIELDS, "metadata.annotations", "metadata.labels", "spec.restartPolicy", "status.phase")
SUBSCRIPT = re.compile(r"^(.*)\['(.*)'\]$", re.DOTALL)
SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
AMOUNTS = tuple(f"{kind}.{what}" for kind in ("limits", "requests") for what in ("cpu", "ephemeral-storage", "memory"))
CORES = ("1m", "1")
BYTES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
NAME_WORDS = "a valid environment variable name must consist only of printable ASCII characters other than '='"
ONE_ONLY = "may not have more than one field specified at a time"


def environment(one: Object, field: str) -> list[FieldError]:
    """`env` and `envFrom` of a container."""
    found: list[FieldError] = []
    for place, variable in enumerate(one.get("env") or []):
        found += env_var(variable, f"{field}.env[{place}]")
    for place, given in enumerate(one.get("envFrom") or []):
        found += env_from(given, f"{field}.envFrom", place)
    return found


def is_name(text: str) -> bool:
    """The text can name a variable."""
    return text.isascii() and text.isprintable() and "=" not in text


def env_var(variable: Object, field: str) -> list[FieldError]:
    """A variable: a name, and a value or one source of it."""
    name, source = variable.get("name", ""), variable.get("valueFrom")
    found = [] if name else [required(f"{field}.name")]
    if not is_name(name):
        found.append(wrong(f"{field}.name", name, NAME_WORDS))
    if source is None:
        return found
    told, field = [kind for kind in SOURCES if kind in source], f"{field}.valueFrom"
    if not told:
        words = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        found.append(wrong(field, "", words))
    if variable.get("value"):
        found.append(wrong(field, "", "may not be specified when `value` is not empty"))
    elif len(told) > 1:
        found.append(wrong(field, "", ONE_ONLY))
    return found + [error for kind in told for error in env_source(kind, source[kind], f"{field}.{kind}")]


def env_source(kind: str, given: Object, field: str) -> list[FieldError]:
    """One source of a value."""
    if kind == "fieldRef":
        return field_reference(given.get("fieldPath", ""), f"{field}.fieldPath", VARIABLE_FIELDS)
    if kind == "resourceFieldRef":
        return resource_reference(given, field, of_volume=False)
    if kind == "fileKeyRef":
        return [required(f"{field}.{part}") for part in ("volumeName", "path", "key") if not given.get(part)]
    name, key = given.get("name", ""), given.get("key", "")
    found = [wrong(f"{field}.name", name, words) for words in meta.dns_subdomain(name)]
    return found + (entry_key(key, f"{field}.key") if key else [required(f"{field}.key")])


def env_from(given: Object, field: str, place: int) -> list[FieldError]:
    """All entries of a ConfigMap or a Secret as variables; what is wrong with the choice is said of the whole list."""
    prefix, told = given.get("prefix", ""), [kind for kind in ("configMapRef", "secretRef") if kind in given]
    found = [] if is_name(prefix) else [wrong(f"{field}[{place}].prefix", prefix, NAME_WORDS)]
    for kind in told:
        name, at = given[kind].get("name", ""), f"{field}[{place}].{kind}.name"
        found += [wrong(at, name, words) for words in meta.dns_prefix(name)] if name else [required(at)]
    if not told:
        found.append(wrong(field, "", "must specify one of: `configMapRef` or `secretRef`"))
    return [*found, wrong(field, "", ONE_ONLY)] if len(told) > 1 else found


def field_reference(path: str, field: str, known: tuple[str, ...]) -> list[FieldError]:
    """A field of the pod; single labels and annotations by their key."""
    if not path:
        return [required(field)]
    if subscript := SUBSCRIPT.match(path):
        owner, key = subscript.groups()
        if owner not in ("metadata.labels", "metadata.annotations"):
            return [wrong(field, path, f"error converting fieldPath: field label does not support subscript: {path}")]
        lowered = key.lower() if owner == "metadata.annotations" else key
        return [wrong(field.rpartition(".")[0], key, words) for words in meta.qualified_name(lowered)]
    if path not in KNOWN_FIELDS:
        return [wrong(field, path, f"error converting fieldPath: field label not supported: {path}")]
    return [] if path in known else [unsupported(field, path, known)]


def resource_reference(given: Object, field: str, *, of_volume: bool) -> list[FieldError]:
    """A limit or a request of a container, in units of a divisor."""
    name, divisor = given.get("resource", ""), given.get("divisor", "0")
    found = []
    if of_volume and not given.get("containerName"):
        found.append(required(f"{field}.containerName"))
    elif not name:
        found.append(required(f"{field}.resource"))
    elif name not in AMOUNTS and not name.startswith(("limits.hugepages-", "requests.hugepages-")):
        found.append(unsupported(f"{field}.resource", name, AMOUNTS))
    return found + ([] if fits(name, divisor) else [wrong(f"{field}.divisor", name, "not a divisor of this resource")])


def fits(name: str, divisor: str) -> bool:
    """A resource may be given in these units; of one that nobody knows, only that is said."""
    known = name in AMOUNTS or name.startswith(("limits.hugepages-", "requests.hugepages-"))
    return not known or divisor == "0" or divisor in (CORES if name.endswith(".cpu") else BYTES)
