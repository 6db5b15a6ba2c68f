"""Waiting for a fact instead of for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(predicate: Callable[[], T], *, within: float = 30.0, every: float = 0.02) -> T:
    """Return the predicate's first true value; fail, naming its last value, when `within` seconds are over."""
    limit = time.monotonic() + within
    pause = threading.Event()
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError(f"not within {within} s; last seen: {value!r}")
        pause.wait(every)
