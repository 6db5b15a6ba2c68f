"""Keeps the volumes of running pods true to the ConfigMaps, Secrets and pods that they show, soon after a change.

A mount of a subPath stays as it was when its container began, as on every kubelet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kjnb.embedded.store.store import Store

Object = dict[str, Any]
KINDS = {"configmaps": ("configMap", "name"), "secrets": ("secret", "secretName")}


async def follow(
    store: Store, resource: str, since: int, pods: Callable[[], Iterable[Object]], refresh: Callable[[Object], object]
) -> None:
    """Refresh whoever shows an object of that resource when it changes, and all at first; never ends."""
    for pod in list(pods()):
        if names(pod, resource):
            refresh(pod)
    async for batch in store.watch(resource, since):
        met = [event.obj["metadata"] for event in batch if event.type != "DELETED"]
        changed = {(meta.get("namespace"), meta["name"]) for meta in met}
        for pod in list(pods()):
            space = pod["metadata"].get("namespace")
            if any((space, name) in changed for name in names(pod, resource)):
                refresh(pod)


def names(pod: Object, resource: str) -> set[str]:
    """The objects of that resource whose content the pod's volumes show."""
    kind, key = KINDS[resource]
    found = set()
    for volume in pod["spec"].get("volumes") or ():
        if kind in volume:
            found.add(volume[kind].get(key) or "")
        for source in (volume.get("projected") or {}).get("sources") or ():
            if kind in source:
                found.add(source[kind].get("name") or "")
    return found


def shows_itself(old: Object, new: Object) -> bool:
    """Whether labels or annotations changed that a pod's own volumes may show."""
    parts = ("labels", "annotations")
    if all(old["metadata"].get(part) == new["metadata"].get(part) for part in parts):
        return False
    volumes = new["spec"].get("volumes") or ()
    return any("downwardAPI" in volume or "projected" in volume for volume in volumes)
