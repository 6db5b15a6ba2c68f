"""Times as the API writes them, to the second and in UTC, and as the rules count them: seconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from math import floor

FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def stamp(now: float) -> str:
    """2026-01-31T12:00:00Z."""
    return _of_second(floor(now))


@lru_cache(maxsize=64)  # hundreds of objects are written in the same second
def _of_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(now: float) -> str:
    """2026-01-31T12:00:00.000000Z."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(text: str) -> float:
    """Seconds since the epoch of either form."""
    return datetime.fromisoformat(text).timestamp()


def canonical(text: str, *, micro: bool) -> str:
    """A time of RFC 3339 as the API server keeps it: in UTC, to the second or to the microsecond. ValueError."""
    if not FORM.fullmatch(text):
        raise ValueError(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse')
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'parsing time "{text}": {error}') from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ").zfill(27 if micro else 20)
