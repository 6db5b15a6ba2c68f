"""Where containers mount the pod's volumes, and which they use as devices.

Some of what is wrong with a mount the server says of all mounts together: those fields have no number.
"""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation.errors import forbidden, missing, required, unsupported, wrong
from kjnb.embedded.api.validation.paths import inside, no_way_up

Object = dict[str, Any]
Known = dict[str, Object]
PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
RECURSIONS = ("Disabled", "Enabled", "IfPossible")


def uses(one: Object, field: str, known: Known) -> list[FieldError]:
    """Mounts and devices of a container; `known` are the pod's volumes with nothing wrong."""
    mounted, devices = one.get("volumeMounts") or [], one.get("volumeDevices") or []
    privileged = bool((one.get("securityContext") or {}).get("privileged"))
    found = mounts(mounted, f"{field}.volumeMounts", known, {d.get("name"): d.get("devicePath") for d in devices})
    for mount in mounted:
        found += mount_options(mount, f"{field}.volumeMounts", privileged)
    places = {m.get("name"): m.get("mountPath") for m in mounted}
    return found + block_devices(devices, f"{field}.volumeDevices", known, places)


def mounts(given: list[Object], field: str, known: Known, devices: Object) -> list[FieldError]:
    """Every mount names a volume of the pod and a place of its own."""
    found: list[FieldError] = []
    places: set[str] = set()
    for number, mount in enumerate(given):
        at, name, path = f"{field}[{number}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            found.append(required(f"{at}.name"))
        if name not in known:
            found.append(missing(f"{at}.name", name))
        if not path:
            found.append(required(f"{at}.mountPath"))
        if path in places:
            found.append(wrong(f"{at}.mountPath", path, "must be unique"))
        places.add(path)
        if name in devices:
            found.append(wrong(f"{at}.name", name, "must not already exist in volumeDevices"))
        if path in devices.values():
            found.append(wrong(f"{at}.mountPath", path, "must not already exist as a path in volumeDevices"))
        if mount.get("subPath") and mount.get("subPathExpr"):
            words = "subPathExpr and subPath are mutually exclusive"
            found.append(wrong(f"{at}.subPathExpr", mount["subPathExpr"], words))
    return found


def mount_options(mount: Object, field: str, privileged: bool) -> list[FieldError]:
    """A part of a volume only, and what other mounts are seen."""
    found = []
    for kind in ("subPath", "subPathExpr"):
        found += inside(mount.get(kind, ""), f"{field}.{kind}")
    spread = mount.get("mountPropagation", "None")
    if spread not in PROPAGATIONS:
        found.append(unsupported(f"{field}.mountPropagation", spread, PROPAGATIONS))
    if spread == "Bidirectional" and not privileged:
        words = "Bidirectional mount propagation is available only to privileged containers"
        found.append(forbidden(f"{field}.mountPropagation", words))
    return found + recursion(mount, f"{field}.recursiveReadOnly")


def recursion(mount: Object, field: str) -> list[FieldError]:
    """Mounts below a mount are as read-only as it is, if it is and stands alone."""
    given = mount.get("recursiveReadOnly", "Disabled")
    if given not in RECURSIONS:
        return [unsupported(field, given, RECURSIONS)]
    if given == "Disabled":
        return []
    found = [] if mount.get("readOnly") else [forbidden(field, "may only be specified when readOnly is true")]
    if mount.get("mountPropagation", "None") != "None":
        found.append(forbidden(field, "may only be specified when mountPropagation is None or not specified"))
    return found


def block_devices(given: list[Object], field: str, known: Known, places: Object) -> list[FieldError]:
    """Every device names a claim of the pod and a place of its own."""
    found: list[FieldError] = []
    names: set[str] = set()
    paths: set[str] = set()
    for number, device in enumerate(given):
        at, name, path = f"{field}[{number}]", device.get("name", ""), device.get("devicePath", "")
        found += device_name(name, f"{at}.name", known, name in names, name in places)
        if not path:
            found.append(required(f"{at}.devicePath"))
        if path in paths:
            found.append(wrong(f"{at}.devicePath", path, "must be unique"))
        if no_way_up(path, field):
            found.append(wrong(f"{at}.devicePath", path, "can not contain backsteps ('..')"))
        else:
            paths.add(path)
        if path in places.values():
            found.append(wrong(f"{at}.devicePath", path, "must not already exist as a path in volumeMounts"))
        names |= {name} - {""}
    return found


def device_name(name: str, field: str, known: Known, again: bool, mounted: bool) -> list[FieldError]:
    """The claim that a device is of."""
    found = [] if name else [required(field)]
    if again:
        found.append(wrong(field, name, "must be unique"))
    if name not in known:
        found.append(missing(field, name))
    elif not known[name].keys() & {"persistentVolumeClaim", "ephemeral"}:
        words = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        found.append(wrong(field, name, words))
    return [*found, wrong(field, name, "must not already exist in volumeMounts")] if mounted else found
