"""Readers of a setting's value: what a user gives, as text or as a Python value, to what JobSpec holds.

Each raises UsageError in one line that names the setting, what was given and the fix.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from kjnb.errors import UsageError
from kjnb.model.quantity import cpu_quantity, memory_quantity, parse_quantity

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(\d+)([smhd]?)")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ERROR_TYPE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
LEAST_MEMORY = 64 * 2**20
OURS = "JOB_COMPLETION_INDEX"


class Asked(NamedTuple):
    """One setting as it was given: its name, its value, the bounds, and where environment variables are looked up."""

    name: str
    value: Any
    low: int
    high: int
    environ: Mapping[str, str]

    def refuse(self, need: str, fix: str) -> UsageError:
        """The error: what it must be, what was given, what to say instead."""
        return UsageError(f"{self.name} must be {need}, {self.value!r} was given", fix=f"say {self.name}={fix}")


def read_count(asked: Asked) -> int:
    """A whole number within the field's bounds, as int or as decimal text."""
    number = whole(asked.value)
    low, high = asked.low, asked.high
    if number is None or not low <= number <= high:
        upper = f" to {high:,}" if high < 2**31 - 1 else " or more"
        raise asked.refuse(f"a whole number, {low}{upper}", str(max(low, 4) if number is None else low))
    return number


def whole(value: object) -> int | None:
    """An int, or None where the value is not a whole number (a bool is not)."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"[+-]?[0-9]+", value.strip()) else None
    try:
        return None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def read_duration(asked: Asked) -> int:
    """Seconds, as a number or as "90s", "10m", "2h", "7d"."""
    match = DURATION.fullmatch(asked.value.strip()) if isinstance(asked.value, str) else None
    seconds = int(match[1]) * UNITS[match[2]] if match else whole(asked.value)
    if seconds is None or not asked.low <= seconds <= asked.high:
        raise asked.refuse(f"{asked.low} or more seconds, or like 90s, 10m, 2h", "600")
    return seconds


def read_cpu(asked: Asked) -> str:
    """Cores as a quantity, to the thousandth."""
    cores = number_of(asked.value)
    if cores is None or not 0.001 <= cores <= 100_000:
        raise asked.refuse("cores, like 2, 0.5 or 500m", "'500m'")
    return cpu_quantity(cores)


def read_memory(asked: Asked) -> str:
    """Bytes as a quantity, in whole MiB; less than any Python needs is taken for a missing suffix."""
    size = number_of(asked.value)
    if size is None or not LEAST_MEMORY <= size < 2**60:
        raise asked.refuse("64Mi or more, like 512Mi or 2Gi", "'512Mi'")
    return memory_quantity(size)


def number_of(value: object) -> float | None:
    """The number of a quantity given as text, int or float; None if it is none."""
    if isinstance(value, bool):
        return None
    try:
        return float(parse_quantity(value if isinstance(value, str) else repr(float(value))))  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None


def read_text(asked: Asked) -> str:
    """One line of text without spaces at its ends."""
    if not isinstance(asked.value, str) or not asked.value.strip() or not asked.value.isprintable():
        raise asked.refuse("text", "'…'")
    return asked.value.strip()


def read_names(asked: Asked) -> tuple[str, ...]:
    """Error types by name, as a list of names or classes, or as text with commas."""
    items = asked.value.split(",") if isinstance(asked.value, str) else items_of(asked.value)
    names = [item.__name__ if isinstance(item, type) else str(item).strip() for item in items]
    for item in names:
        if not ERROR_TYPE.fullmatch(item):
            raise asked.refuse("names of error types", "'KeyError,OSError'")
    return tuple(dict.fromkeys(names))


def items_of(value: object) -> list[Any]:
    """What to go through: the items of a list, or the one value."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]


def read_paths(asked: Asked) -> tuple[str, ...]:
    """Paths as text, one or several."""
    paths = [item.__fspath__() if hasattr(item, "__fspath__") else item for item in items_of(asked.value)]
    if not all(isinstance(path, str) and path for path in paths):
        raise asked.refuse("a path or a list of paths", "['data.csv']")
    return tuple(dict.fromkeys(paths))


def read_env(asked: Asked) -> tuple[tuple[str, str], ...]:
    """Variables by name, from a dict, from pairs, or from "NAME=VALUE" and "NAME"; the last of a name wins."""
    items = list(asked.value.items()) if isinstance(asked.value, Mapping) else items_of(asked.value)
    pairs = dict(env_pair(asked, item) for item in items)
    return tuple(sorted(pairs.items()))


def env_pair(asked: Asked, item: Any) -> tuple[str, str]:
    """One variable: a pair, "NAME=VALUE", or "NAME" whose value is taken from the environment."""
    if isinstance(item, str):
        key, given, text = item.partition("=")
        if not given and key not in asked.environ:
            raise UsageError(f"{asked.name}: {key!r} is not set here", fix=f"say {key}=VALUE")
        item = (key, text if given else asked.environ[key])
    if not (isinstance(item, tuple | list) and len(item) == 2 and NAME.fullmatch(str(item[0]))):
        raise asked._replace(value=item).refuse("NAME=VALUE", "{'NAME': 'value'}")
    key, text = str(item[0]), str(item[1])
    if key == OURS or key.startswith("KJNB_"):
        raise UsageError(f"{asked.name}: {key} is set by kjnb itself", fix="choose another name")
    return key, text


READERS: dict[str, Callable[[Asked], Any]] = {
    "count": read_count,
    "duration": read_duration,
    "cpu": read_cpu,
    "memory": read_memory,
    "text": read_text,
    "names": read_names,
    "paths": read_paths,
    "env": read_env,
}
