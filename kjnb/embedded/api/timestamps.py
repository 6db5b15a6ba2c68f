"""Times as the API writes them, to the second and in UTC, and as the rules count them: seconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(now: float) -> str:
    """2026-01-31T12:00:00Z."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(now: float) -> str:
    """2026-01-31T12:00:00.000000Z."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(text: str) -> float:
    """Seconds since the epoch of either form."""
    return datetime.fromisoformat(text).timestamp()
