"""A pod's volumes: one source each, and what the source needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kjnb.embedded.api import quantity
from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.environment import field_reference, resource_reference
from kjnb.embedded.api.validation.errors import duplicate, forbidden, required, too_long, unsupported, wrong
from kjnb.embedded.api.validation.paths import file_path, no_way_up

Object = dict[str, Any]
Check = Callable[[Object, str], list[FieldError]]
HOST_PATHS = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
VOLUME_FIELDS = (
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
)  # fmt: skip
TEN_MINUTES = 600
LONGEST_DRIVER = 63
ORDER = (  # in which the server looks for a volume's source; the first is it, the others are too many
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi",
    "glusterfs", "persistentVolumeClaim", "rbd", "cephfs", "downwardAPI", "fc", "configMap", "azureFile",
    "vsphereVolume", "azureDisk", "projected", "csi", "ephemeral", "image",
)  # fmt: skip
MISSPELT = {"downwardAPI": "downwarAPI", "cephfs": "cephFS"}  # by the server itself, when they are too many


def volumes(given: list[Object], field: str) -> tuple[dict[str, Object], list[FieldError]]:
    """(the volumes with nothing wrong by name, what is wrong): each has a DNS label of its own, and one source."""
    found: list[FieldError] = []
    good: dict[str, Object] = {}
    for place, one in enumerate(given):
        at, name = f"{field}[{place}]", one.get("name", "")
        own = source({kind: inner for kind, inner in one.items() if kind != "name"}, at)
        own += [wrong(f"{at}.name", name, words) for words in meta.dns_label(name)] if name else []
        own += [] if name else [required(f"{at}.name")]
        if name in good:
            own.append(duplicate(f"{at}.name", name))
        if not own:
            good[name] = one
        found += own
    return good, found


def source(told: Object, field: str) -> list[FieldError]:
    """Where the content comes from: one place."""
    if not told:
        return [required(field, "must specify a volume type")]
    first, *others = sorted(told, key=ORDER.index)
    words = "may not specify more than 1 volume type"
    found = [forbidden(f"{field}.{MISSPELT.get(kind, kind)}", words) for kind in others]
    check = SOURCES.get(first)
    return (check(told[first], f"{field}.{first}") if check else []) + found


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
    found = no_way_up(path, f"{field}.path")
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
        found += needed_path(item, at) + mode(item.get("mode"), f"{at}.mode")
    return found


def needed_path(item: Object, field: str) -> list[FieldError]:
    """A file has a place."""
    path = item.get("path", "")
    return file_path(path, f"{field}.path") if path else [required(f"{field}.path")]


def mode(given: int | None, field: str) -> list[FieldError]:
    """The permissions of a file."""
    if given is None or 0 <= given <= 0o777:
        return []
    return [wrong(field, given, "must be a number between 0 and 0777 (octal), both inclusive")]


def needs(*parts: str) -> Check:
    """A source of which these parts must be told."""
    return lambda given, field: [required(f"{field}.{part}") for part in parts if not given.get(part)]


def nfs(given: Object, field: str) -> list[FieldError]:
    """A folder of another machine."""
    path = given.get("path", "")
    found = needs("server", "path")(given, field)
    return found if path.startswith("/") else [*found, wrong(f"{field}.path", path, "must be an absolute path")]


def csi(given: Object, field: str) -> list[FieldError]:
    """A volume of a driver, which a subdomain names."""
    name, at = given.get("driver", ""), f"{field}.driver"
    found = [] if name else [required(at)]
    if len(name) > LONGEST_DRIVER:
        found.append(too_long(at, LONGEST_DRIVER))
    return found + [wrong(at, name, words) for words in meta.dns_subdomain(name.lower())]


def downward(given: Object, field: str) -> list[FieldError]:
    """Fields of the pod as files; the server says of none of them which it is."""
    found = mode(given.get("defaultMode"), f"{field}.defaultMode")
    for item in given.get("items") or []:
        found += downward_file(item, field)
    return found


def downward_file(item: Object, field: str) -> list[FieldError]:
    """One field of the pod as a file."""
    found = needed_path(item, field)
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
    """Several sources in one folder, none in the place of another."""
    found = mode(given.get("defaultMode"), f"{field}.defaultMode")
    checks = {"configMap": configmap, "secret": configmap, "downwardAPI": downward}
    taken: set[str] = set()
    for place, one in enumerate(given.get("sources") or []):
        at = f"{field}.sources[{place}]"
        for kind in one:
            found += checks[kind](one[kind], f"{at}.{kind}") if kind in checks else []
        found += token(one["serviceAccountToken"], at, field) if "serviceAccountToken" in one else []
        for path in paths_of(one):
            if path in taken:
                found.append(wrong(field, path, "conflicting duplicate paths"))
            taken.add(path)
        if len(one) > 1:
            found.append(forbidden(at, "may not specify more than 1 volume type per source"))
    return found


def paths_of(one: Object) -> Iterator[str]:
    """The places that a projected source takes by name, but for a token's."""
    for kind in ("secret", "configMap", "downwardAPI"):
        items = (one.get(kind) or {}).get("items") or []
        yield from (item["path"] for item in items if item.get("path"))


def token(given: Object, source_field: str, field: str) -> list[FieldError]:
    """A service account's token as a file; the server says of its path as if it were the volume's."""
    seconds, at = given.get("expirationSeconds", TEN_MINUTES), f"{source_field}.serviceAccountToken.expirationSeconds"
    found = []
    if seconds < TEN_MINUTES:
        found.append(wrong(at, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > 2**32:
        found.append(wrong(at, seconds, "may not specify a duration larger than 2^32 seconds"))
    return found + needed_path(given, field)


SOURCES: dict[str, Check] = {
    "emptyDir": empty_dir, "hostPath": host_path, "secret": secret, "configMap": configmap, "downwardAPI": downward,
    "persistentVolumeClaim": needs("claimName"), "projected": projected, "nfs": nfs, "csi": csi,
    "ephemeral": needs("volumeClaimTemplate"),
}  # fmt: skip
