"""A pod's volumes: one source each, and what the source needs; and where containers mount them."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api import quantity
from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.environment import field_reference, resource_reference
from kjnb.embedded.api.validation.errors import duplicate, forbidden, missing, required, unsupported, wrong

Object = dict[str, Any]
HOST_PATHS = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
VOLUME_FIELDS = (
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
)  # fmt: skip
TEN_MINUTES = 600


def volumes(given: list[Object], field: str) -> list[FieldError]:
    """Every volume has a name that is a DNS label, and no other's, and one source."""
    found: list[FieldError] = []
    seen: set[str] = set()
    for place, one in enumerate(given):
        at, name = f"{field}[{place}]", one.get("name", "")
        found += source({kind: inner for kind, inner in one.items() if kind != "name"}, at)
        if not name:
            found.append(required(f"{at}.name"))
            continue
        found += [wrong(f"{at}.name", name, words) for words in meta.dns_label(name)]
        if name in seen:
            found.append(duplicate(f"{at}.name", name))
        seen.add(name)
    return found


def source(told: Object, field: str) -> list[FieldError]:
    """Where the content comes from: one place."""
    if not told:
        return [required(field, "must specify a volume type")]
    found = [forbidden(f"{field}.{kind}", "may not specify more than 1 volume type") for kind in list(told)[1:]]
    kind = next(iter(told))
    check = SOURCES.get(kind)
    return (check(told[kind], f"{field}.{kind}") if check else []) + found


def empty_dir(given: Object, field: str) -> list[FieldError]:
    """A folder of the pod's own."""
    size = given.get("sizeLimit")
    if size is not None and quantity.parse(size) < 0:
        return [forbidden(f"{field}.sizeLimit", "SizeLimit field must be a valid resource quantity")]
    return []


def host_path(given: Object, field: str) -> list[FieldError]:
    """A path of the node."""
    path, kind = given.get("path", ""), given.get("type", "")
    if not path:
        return [required(f"{field}.path")]
    found = [wrong(f"{field}.path", path, "must not contain '..'")] if ".." in path.split("/") else []
    return found if kind in HOST_PATHS else [*found, unsupported(f"{field}.type", kind, HOST_PATHS)]


def secret(given: Object, field: str) -> list[FieldError]:
    """A Secret's entries as files."""
    found = [] if given.get("secretName") else [required(f"{field}.secretName")]
    return found + files(given, field)


def configmap(given: Object, field: str) -> list[FieldError]:
    """A ConfigMap's entries as files; in a projected volume either."""
    found = [] if given.get("name") else [required(f"{field}.name")]
    return found + files(given, field)


def files(given: Object, field: str) -> list[FieldError]:
    """Modes, and the paths that keys are given."""
    found = mode(given.get("defaultMode"), f"{field}.defaultMode")
    for place, item in enumerate(given.get("items") or []):
        at = f"{field}.items[{place}]"
        if not item.get("key"):
            found.append(required(f"{at}.key"))
        found += file_path(item.get("path", ""), f"{at}.path") + mode(item.get("mode"), f"{at}.mode")
    return found


def mode(given: int | None, field: str) -> list[FieldError]:
    """The permissions of a file."""
    if given is None or 0 <= given <= 0o777:
        return []
    return [wrong(field, given, "must be a number between 0 and 0777 (octal), both inclusive")]


def file_path(path: str, field: str) -> list[FieldError]:
    """A file's place in its volume."""
    if not path:
        return [required(field)]
    if path.startswith("..") and not path.startswith("../"):
        return [wrong(field, path, "must not start with '..'")]
    return inside(path, field)


def claim(given: Object, field: str) -> list[FieldError]:
    """A claim by its name."""
    return [] if given.get("claimName") else [required(f"{field}.claimName")]


def downward(given: Object, field: str) -> list[FieldError]:
    """Fields of the pod as files."""
    found = mode(given.get("defaultMode"), f"{field}.defaultMode")
    for place, item in enumerate(given.get("items") or []):
        found += downward_file(item, f"{field}.items[{place}]")
    return found


def downward_file(item: Object, field: str) -> list[FieldError]:
    """One field of the pod as a file."""
    found = file_path(item.get("path", ""), f"{field}.path")
    if "fieldRef" in item:
        found += field_reference(item["fieldRef"].get("fieldPath", ""), f"{field}.fieldRef.fieldPath", VOLUME_FIELDS)
        if "resourceFieldRef" in item:
            words = "fieldRef and resourceFieldRef can not be specified simultaneously"
            found.append(wrong(field, "resource", words))
    elif "resourceFieldRef" in item:
        found += resource_reference(item["resourceFieldRef"], f"{field}.resourceFieldRef", of_volume=True)
    else:
        found.append(required(field, "one of fieldRef and resourceFieldRef is required"))
    return found + mode(item.get("mode"), f"{field}.mode")


def projected(given: Object, field: str) -> list[FieldError]:
    """Several sources in one folder."""
    found = mode(given.get("defaultMode"), f"{field}.defaultMode")
    checks = {"configMap": configmap, "secret": configmap, "downwardAPI": downward, "serviceAccountToken": token}
    for place, one in enumerate(given.get("sources") or []):
        at = f"{field}.sources[{place}]"
        for number, kind in enumerate(one):
            if number:
                found.append(forbidden(f"{at}.{kind}", "may not specify more than 1 volume type per source"))
            elif kind in checks:
                found += checks[kind](one[kind], f"{at}.{kind}")
        if not one:
            found.append(required(at, "must specify a volume source"))
    return found


def token(given: Object, field: str) -> list[FieldError]:
    """A service account's token as a file."""
    seconds, path = given.get("expirationSeconds", TEN_MINUTES), given.get("path", "")
    found = []
    if seconds < TEN_MINUTES:
        found.append(wrong(f"{field}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"))
    if seconds > 2**32:
        found.append(
            wrong(f"{field}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
        )
    return found + file_path(path, f"{field}.path")


SOURCES = {
    "emptyDir": empty_dir, "hostPath": host_path, "secret": secret, "configMap": configmap, "downwardAPI": downward,
    "persistentVolumeClaim": claim, "projected": projected,
}  # fmt: skip


def mounts(given: list[Object], field: str, known: set[Any], privileged: bool) -> list[FieldError]:
    """Every mount names a volume of the pod and a place of its own."""
    found: list[FieldError] = []
    places: set[str] = set()
    for number, mount in enumerate(given):
        at, name, path = f"{field}[{number}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            found.append(required(f"{at}.name"))
        elif name not in known:
            found.append(missing(f"{at}.name", name))
        if not path:
            found.append(required(f"{at}.mountPath"))
        elif path in places:
            found.append(wrong(f"{at}.mountPath", path, "must be unique"))
        places.add(path)
        found += mount_options(mount, at, privileged)
    return found


def mount_options(mount: Object, field: str, privileged: bool) -> list[FieldError]:
    """A part of a volume only, and what other mounts are seen."""
    found = []
    if mount.get("subPath") and mount.get("subPathExpr"):
        words = "subPathExpr and subPath are mutually exclusive"
        found.append(wrong(f"{field}.subPathExpr", mount["subPathExpr"], words))
    for kind in ("subPath", "subPathExpr"):
        found += inside(mount.get(kind, ""), f"{field}.{kind}")
    spread = mount.get("mountPropagation", "None")
    if spread not in PROPAGATIONS:
        found.append(unsupported(f"{field}.mountPropagation", spread, PROPAGATIONS))
    if spread == "Bidirectional" and not privileged:
        words = "Bidirectional mount propagation is available only to privileged containers"
        found.append(forbidden(f"{field}.mountPropagation", words))
    return found


def inside(path: str, field: str) -> list[FieldError]:
    """A path below its volume: relative, and never upwards."""
    if path.startswith("/"):
        return [wrong(field, path, "must be a relative path")]
    return [wrong(field, path, "must not contain '..'")] if ".." in path.split("/") else []
