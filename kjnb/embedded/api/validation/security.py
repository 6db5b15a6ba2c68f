"""Security contexts of pods and containers."""

from __future__ import annotations

import re
from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation.errors import duplicate, forbidden, required, too_long, unsupported, wrong
from kjnb.embedded.api.validation.paths import inside

Object = dict[str, Any]
LARGEST_ID = 2**31 - 1
PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
LONGEST_FILE = 4095
SYSCTL = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?")
NETWORK, MESSAGES = ("net.",), ("kernel.sem", "kernel.shm", "kernel.msg", "fs.mqueue.")


def pod_context(spec: Object, field: str) -> list[FieldError]:
    """What holds for all containers of a pod."""
    given, at = spec.get("securityContext") or {}, f"{field}.securityContext"
    found = identities(given, at, ("fsGroup", "runAsUser", "runAsGroup"))
    for place, group in enumerate(given.get("supplementalGroups") or []):
        found += identity(group, f"{at}.supplementalGroups[{place}]")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        words = "ShareProcessNamespace and HostPID cannot both be enabled"
        found.append(wrong(f"{at}.shareProcessNamespace", True, words))
    choices = {"fsGroupChangePolicy": ("Always", "OnRootMismatch"), "supplementalGroupsPolicy": ("Merge", "Strict")}
    for name, known in choices.items():
        if given.get(name) not in (None, *known):
            found.append(unsupported(f"{at}.{name}", given[name], known))
    found += sysctls(given.get("sysctls") or [], f"{at}.sysctls", spec) + profiles(given, at)
    return found + (users_of_its_own(spec, field) if spec.get("hostUsers") is False else [])


def users_of_its_own(spec: Object, field: str) -> list[FieldError]:
    """A pod whose users are not the host's has no other namespace of the host either."""
    names = {"hostNetwork": "hostNetwork", "hostPID": "HostPID", "hostIPC": "HostIPC"}
    words = "when `pod.Spec.HostUsers` is false"
    return [forbidden(f"{field}.{said}", words) for name, said in names.items() if spec.get(name)]


def sysctls(given: list[Object], field: str, spec: Object) -> list[FieldError]:
    """Names of kernel parameters, each once, and none of the host's own namespaces."""
    found, seen = [], set()
    for place, one in enumerate(given):
        at, name = f"{field}[{place}].name", one.get("name", "")
        if not name:
            found.append(required(at))
        elif len(name) > 253 or not SYSCTL.fullmatch(name):
            found.append(wrong(at, name, f"must have at most 253 characters and match regex {SYSCTL.pattern}"))
        elif name in seen:
            found.append(duplicate(at, name))
        seen.add(name)
        dotted = name.replace("/", ".")
        for host, begins in (("hostNetwork", NETWORK), ("hostIPC", MESSAGES)):
            if spec.get(host) and dotted.startswith(begins):
                found.append(wrong(at, name, f"may not be specified when '{host}' is true"))
    return found


def container_context(one: Object, field: str, *, of_host: bool) -> list[FieldError]:
    """What holds for one container, whose users are the host's or not."""
    given, field = one.get("securityContext") or {}, f"{field}.securityContext"
    found = identities(given, field, ("runAsUser", "runAsGroup"))
    if given.get("procMount") not in (None, "Default", "Unmasked"):
        found.append(unsupported(f"{field}.procMount", given["procMount"], ("Default", "Unmasked")))
    if of_host and given.get("procMount") == "Unmasked":
        found.append(wrong(f"{field}.procMount", "Unmasked", "`hostUsers` must be false to use `Unmasked`"))
    added = (given.get("capabilities") or {}).get("add") or []
    if given.get("allowPrivilegeEscalation") is False:
        if given.get("privileged"):
            words = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            found.append(wrong(field, given, words))
        if "CAP_SYS_ADMIN" in added:
            words = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            found.append(wrong(field, given, words))
    return found + profiles(given, field)


def identities(given: Object, field: str, names: tuple[str, ...]) -> list[FieldError]:
    """Users and groups by number."""
    return [error for name in names for error in identity(given.get(name, 0), f"{field}.{name}")]


def identity(number: int, field: str) -> list[FieldError]:
    """One of them."""
    if 0 <= number <= LARGEST_ID:
        return []
    return [wrong(field, number, f"must be between 0 and {LARGEST_ID}, inclusive")]


def profiles(given: Object, field: str) -> list[FieldError]:
    """seccomp and AppArmor."""
    found = []
    for name in ("seccompProfile", "appArmorProfile"):
        if name in given:
            found += profile(given[name], f"{field}.{name}", name)
    return found


def profile(given: Object, field: str, name: str) -> list[FieldError]:
    """A profile's type, and its file where it has one."""
    kind, file, at = given.get("type", ""), given.get("localhostProfile"), f"{field}.localhostProfile"
    found = []
    if not kind:
        found.append(required(f"{field}.type", f"type is required when {name} is set"))
    elif kind not in PROFILES:
        found.append(unsupported(f"{field}.type", kind, PROFILES))
    if kind == "Localhost":
        return found + profile_file(file, at, name)
    if file is not None and (kind in PROFILES or name == "seccompProfile"):
        found.append(wrong(at, file, "can only be set when type is Localhost"))
    return found


def profile_file(file: str | None, field: str, name: str) -> list[FieldError]:
    """A profile of the node's own: a path, for AppArmor a name."""
    if file is None or (file == "" and name == "appArmorProfile"):
        return [required(field, "must be set when type is Localhost")]
    if name == "seccompProfile":
        return inside(file, field)
    found = [wrong(field, file, "must not be padded with whitespace")] if file.strip() != file else []
    return found + ([too_long(field, LONGEST_FILE)] if len(file) > LONGEST_FILE else [])
