"""Whether a cluster kept what it was asked: old or restricted ones drop fields they do not know, with a yes.

A Job that lost its `backoffLimitPerIndex` on the way would run, and be another Job than the one that was launched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kjnb.model.quantity import parse_quantity

SINCE = {
    "backoffLimitPerIndex": "1.29",
    "maxFailedIndexes": "1.29",
    "podFailurePolicy": "1.26",
    "podReplacementPolicy": "1.29",
    "completionMode": "1.22",
    "suspend": "1.22",
    "successPolicy": "1.31",
}
FLOOR = "1.29"


def dropped(asked: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of what `asked` has and `kept` has not; more in `kept` (defaults) is fine."""
    if _empty(asked):
        return
    if isinstance(asked, dict):
        has = kept if isinstance(kept, dict) else {}
        for key, value in asked.items():
            yield from dropped(value, has.get(key), f"{path}.{key}" if path else key)
    elif isinstance(asked, list):
        has_items = kept if isinstance(kept, list) else []
        for i, value in enumerate(asked):
            yield from dropped(value, has_items[i] if i < len(has_items) else None, f"{path}[{i}]")
    elif asked != kept and not _same_quantity(asked, kept):
        yield path


def since(path: str) -> str:
    """Say which Kubernetes has a field; the version this package needs for those not listed."""
    parts = path.replace("[", ".").split(".")
    return next((SINCE[p] for p in parts if p in SINCE), FLOOR)


def too_old(git_version: str) -> bool:
    """Whether a server's version, as "v1.28.9", is below the floor."""
    found = re.match(r"v?(\d+)\.(\d+)", git_version)
    return found is not None and (int(found[1]), int(found[2])) < tuple(map(int, FLOOR.split(".")))


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, dict | list | str) and not value)


def _same_quantity(asked: Any, kept: Any) -> bool:
    """Servers write quantities their own way: "0.5" comes back as "500m"."""
    try:
        return parse_quantity(str(asked)) == parse_quantity(str(kept))
    except ValueError:
        return False
