"""Where objects are found without looking at all: by an owner's uid, by a label's value. Kept at every write."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str, str]  # resource, namespace, name
Keys = dict[Key, None]  # in order of their making


class Lookup:
    """See the module."""

    def __init__(self) -> None:
        self._owned: dict[str, Keys] = {}
        self._labelled: dict[tuple[str, str, str], Keys] = {}  # by resource, label, value

    def change(self, key: Key, old: Object | None, new: Object | None) -> None:
        """An object was written, or has gone (None)."""
        before, after = (obj["metadata"] if obj else {} for obj in (old, new))
        if before.get("ownerReferences") is not after.get("ownerReferences"):
            for owner in before.get("ownerReferences") or ():
                _drop(self._owned, owner["uid"], key)
            for owner in after.get("ownerReferences") or ():
                self._owned.setdefault(owner["uid"], {})[key] = None
        if before.get("labels") is not after.get("labels"):
            for label, value in (before.get("labels") or {}).items():
                _drop(self._labelled, (key[0], label, value), key)
            for label, value in (after.get("labels") or {}).items():
                self._labelled.setdefault((key[0], label, value), {})[key] = None

    def owned(self, owner_uid: str) -> Collection[Key]:
        """Everything whose ownerReferences name that uid."""
        return self._owned.get(owner_uid, {})

    def labelled(self, resource: str, labels: Mapping[str, str]) -> Collection[Key]:
        """Objects that have one of these labels, the rarest: no fewer than have all of them."""
        return min((self._labelled.get((resource, *pair), {}) for pair in labels.items()), key=len)


def _drop(index: dict[Any, Keys], place: object, key: Key) -> None:
    keys = index.get(place)
    if keys is not None:
        keys.pop(key, None)
        if not keys:
            del index[place]
