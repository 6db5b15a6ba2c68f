"""Notes when the logs of running containers grew, by looking at their size now and then, and bounds them.

A log that is quiet is looked at ever more seldom, down to twice a second; many logs are looked at more seldom than
few, so that looking never costs more than about a hundredth of a processor. A container that ends before the first
look costs nothing: the log's own last change says enough.
"""

from __future__ import annotations

import os
from pathlib import Path

from kjnb.embedded import log_bounds, log_times

LOOK_EVERY = 0.05  # seconds
LOOK_AT_LEAST_EVERY = 0.5
PATIENCE_FOR_EACH = 0.0005  # seconds between two looks, for each log
MANY_NOTES = 65_536  # a megabyte; from then on a note a second is enough
NEVER = float("inf")


class _Log:
    __slots__ = ("changed", "dropped", "due", "notes", "path", "size")

    def __init__(self, path: Path, now: float) -> None:
        self.path = path
        self.size = 0
        self.notes = self.dropped = 0
        self.changed = now
        self.due = now + LOOK_EVERY

    def look(self, now: float, many: int) -> None:
        """Note growth, and say when to look again."""
        seen = os.stat(self.path)
        if seen.st_size > self.size:
            log_times.note(self.path, seen.st_size, seen.st_mtime)
            self.size, self.changed = seen.st_size, now
            self.notes += 1
            self.dropped = log_bounds.bounded(self.path, self.dropped, seen.st_size)
        pause = 1.0 if self.notes > many else min((now - self.changed) / 8, LOOK_AT_LEAST_EVERY)
        self.due = now + max(LOOK_EVERY, pause)


class Growth:
    """The logs that are watched. `now` is a clock that never goes back."""

    def __init__(self, many: int = MANY_NOTES) -> None:
        self._logs: dict[str, _Log] = {}
        self._many = many
        self._due = NEVER

    def follow(self, name: str, log: str, now: float) -> None:
        """A container that writes to that log has begun."""
        self._logs[name] = _Log(Path(log), now)
        self._due = min(self._due, now + LOOK_EVERY)

    def forget(self, name: str) -> None:
        """It has ended."""
        self._logs.pop(name, None)
        if not self._logs:
            self._due = NEVER

    def patience(self, now: float) -> float:
        """Seconds until something is to be looked at."""
        return max(0.0, self._due - now)

    def look(self, now: float) -> None:
        """Look at the logs whose time has come."""
        if now < self._due:
            return
        for name, log in list(self._logs.items()):
            if log.due <= now:
                try:
                    log.look(now, self._many)
                except OSError:  # removed, or the disk is full: the log's own last change must do
                    del self._logs[name]
        pause = now + max(LOOK_EVERY, PATIENCE_FOR_EACH * len(self._logs))
        self._due = max(pause, min((log.due for log in self._logs.values()), default=NEVER))
