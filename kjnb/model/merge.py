"""Kubernetes' strategic merge patch for pod templates, so that a platform team's template works here as in kubectl.

Maps are merged key by key, null deletes; lists whose items have an identity are merged by it, all others replaced;
`$patch: replace` and `$patch: delete` do what they do there.
"""

from __future__ import annotations

from typing import Any

MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "resourceClaims": "name",
    "schedulingGates": "name",
}
DIRECTIVE = "$patch"


def strategic_merge(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A new dict: `base` with `patch` applied; neither is changed."""
    if patch.get(DIRECTIVE) == "replace":
        return without_directive(patch)
    merged = dict(base)
    for name, value in patch.items():
        if value is None or (isinstance(value, dict) and value.get(DIRECTIVE) == "delete"):
            merged.pop(name, None)
        elif isinstance(value, dict):
            old = merged.get(name)
            merged[name] = strategic_merge(old if isinstance(old, dict) else {}, value)
        elif isinstance(value, list) and name in MERGE_KEYS:
            merged[name] = merge_lists(merged.get(name) or [], value, MERGE_KEYS[name])
        else:
            merged[name] = value
    return merged


def merge_lists(base: list[Any], patch: list[Any], key: str) -> list[Any]:
    """Items with the same `key` merged in place, deleted ones left out, new ones at the end."""
    if any(item.get(DIRECTIVE) == "replace" for item in patch):
        return [without_directive(item) for item in patch if set(item) != {DIRECTIVE}]
    merged = {item[key]: item for item in base}
    for item in patch:
        if item.get(DIRECTIVE) == "delete":
            merged.pop(item[key], None)
        else:
            merged[item[key]] = strategic_merge(merged.get(item[key], {}), item)
    return list(merged.values())


def without_directive(item: dict[str, Any]) -> dict[str, Any]:
    """The item less its `$patch`."""
    return {name: value for name, value in item.items() if name != DIRECTIVE}
