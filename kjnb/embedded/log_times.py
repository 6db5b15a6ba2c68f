"""When the lines of a log were printed: records of (size of the log, time of its last change) in a file beside it.

A container writes straight into its log: no pipe that somebody must live to read, nothing to pay for a line. So who
watches over the containers notes now and then how far the log had come; a line is as old as the first note that
covers it, or else as the log's last change.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left, bisect_right
from pathlib import Path

RECORD = struct.Struct("<Qd")
SUFFIX = ".times"


def note(log: Path, size: int, at: float) -> None:
    """Note that the log had that size when it was changed last, at that time."""
    with open(log.with_suffix(SUFFIX), "ab", opener=_private) as file:
        file.write(RECORD.pack(size, at))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


class LogTimes:
    """The notes of one log, read as far as they have come."""

    def __init__(self, log: Path) -> None:
        self._path = log.with_suffix(SUFFIX)
        self._sizes: list[int] = []
        self._times: list[float] = []

    def refresh(self) -> None:
        """Read what was noted since; a note that is written just now is left for the next time."""
        try:
            with self._path.open("rb") as file:
                file.seek(len(self._sizes) * RECORD.size)
                data = file.read()
        except FileNotFoundError:
            return
        whole = len(data) - len(data) % RECORD.size
        for size, at in RECORD.iter_unpack(data[:whole]):
            self._sizes.append(size)
            self._times.append(at)

    def of(self, place: int, changed: float) -> float:
        """When the byte at `place` was written; `changed` is the log's last change."""
        at = bisect_right(self._sizes, place)
        return self._times[at] if at < len(self._times) else changed

    def place_since(self, moment: float, changed: float, size: int) -> int:
        """Where that begins which was written at that moment or later; `size` if nothing was."""
        first = bisect_left(self._times, moment)
        if first == len(self._times) and changed < moment:
            return size
        return self._sizes[first - 1] if first else 0
