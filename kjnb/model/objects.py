"""Reading objects of the API that may lack anything: what is missing, or of another kind, reads as empty."""

from __future__ import annotations

from datetime import datetime
from typing import Any

Json = dict[str, Any]


def dig(value: Any, *path: str) -> Any:
    """What lies under these keys, one in another; None where there is nothing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: Any, *path: str) -> str:
    """A text; "" for what is none."""
    found = dig(value, *path)
    return found if isinstance(found, str) else ""


def whole(value: Any, *path: str) -> int | None:
    """A whole number, told as one or as text; None for what is none."""
    found = dig(value, *path)
    if isinstance(found, str) and found.isascii() and found.isdigit():
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def count(value: Any, *path: str) -> int:
    """A whole number, 0 for what is none."""
    return whole(value, *path) or 0


def mapping(value: Any, *path: str) -> Json:
    """An object; {} for what is none."""
    found = dig(value, *path)
    return found if isinstance(found, dict) else {}


def words(value: Any, *path: str) -> dict[str, str]:
    """An object whose values are texts or numbers, as texts: labels, quantities."""
    return {str(key): str(one) for key, one in mapping(value, *path).items() if isinstance(one, str | int | float)}


def items(value: Any, *path: str) -> list[Json]:
    """The objects in a list; [] for what is none."""
    found = dig(value, *path)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def moment(value: Any, *path: str) -> float | None:
    """A time of the API as seconds since the epoch; None for what is none. The year 1970 stands for "not known"."""
    try:
        told = datetime.fromisoformat(text(value, *path))
    except ValueError:
        return None
    seconds = told.timestamp() if told.tzinfo else 0.0
    return seconds if seconds > 0 else None
