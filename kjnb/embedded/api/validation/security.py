"""Security contexts of pods and containers."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation.errors import duplicate, required, unsupported, wrong

Object = dict[str, Any]
LARGEST_ID = 2**31 - 1
PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")


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
    return found + sysctls(given.get("sysctls") or [], f"{at}.sysctls") + profiles(given, at)


def sysctls(given: list[Object], field: str) -> list[FieldError]:
    """Names of kernel parameters, each once."""
    found, seen = [], set()
    for place, one in enumerate(given):
        name = one.get("name", "")
        if not name:
            found.append(required(f"{field}[{place}].name"))
        elif name in seen:
            found.append(duplicate(f"{field}[{place}].name", name))
        seen.add(name)
    return found


def container_context(one: Object, field: str) -> list[FieldError]:
    """What holds for one container."""
    given, field = one.get("securityContext") or {}, f"{field}.securityContext"
    found = identities(given, field, ("runAsUser", "runAsGroup"))
    if given.get("procMount") not in (None, "Default", "Unmasked"):
        found.append(unsupported(f"{field}.procMount", given["procMount"], ("Default", "Unmasked")))
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
        profile, at = given.get(name), f"{field}.{name}"
        if profile is None:
            continue
        kind, file = profile.get("type", ""), profile.get("localhostProfile")
        if not kind:
            found.append(required(f"{at}.type", "type is required when seccompProfile is set"))
        elif kind not in PROFILES:
            found.append(unsupported(f"{at}.type", kind, PROFILES))
        if kind == "Localhost" and not file:
            found.append(required(f"{at}.localhostProfile", "must be set when type is Localhost"))
        elif kind != "Localhost" and file is not None:
            found.append(wrong(f"{at}.localhostProfile", file, "can only be set when type is Localhost"))
    return found
