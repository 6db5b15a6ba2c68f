"""Reading a log in pieces: where its last lines begin, what is new in it, and the time in front of each line.

A log may be larger than the memory: no more than a block of it is held, and others have their turn between blocks.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from kjnb.embedded.api.timestamps import micro_stamp
from kjnb.embedded.log_bounds import after_hole
from kjnb.embedded.log_times import LogTimes

BLOCK = 128 * 1024


class Reader:
    """One log, opened once, and a place in it."""

    def __init__(self, path: Path) -> None:
        self.file: BinaryIO = path.open("rb", buffering=0)
        self.times = LogTimes(path)
        self.place = 0

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    async def seek(self, tail: int | None, since: float | None) -> None:
        """Go to the first whole line that is there, or the last `tail`, and past what was written before `since`."""
        if first := after_hole(self.file, 0):
            self.place = await _line_from(self.file, first)
        if tail is not None:
            self.place = await _start_of_tail(self.file, tail, self.place)
        if since is not None:
            seen = os.fstat(self.file.fileno())
            self.times.refresh()
            place = self.times.place_since(since, seen.st_mtime, seen.st_size)
            if place > self.place:
                self.place = await _line_from(self.file, place)

    def has_news(self) -> bool:
        """Whether there is more to read."""
        return os.fstat(self.file.fileno()).st_size > self.place

    def read(self) -> bytes:
        """The next block; b"" at the end, for now. A log that is bounded meanwhile is read on where it goes on."""
        start = -1
        while start != (start := after_hole(self.file, max(start, self.place))):
            self.file.seek(start)
            block = self.file.read(BLOCK)
        self.place = start + len(block)
        return block


async def _start_of_tail(file: BinaryIO, tail: int, first: int) -> int:
    """Where the last `tail` lines begin, none before `first`; a last line without its end counts as one."""
    place = end = file.seek(0, os.SEEK_END)
    if tail == 0:
        return end
    while place > first:
        size = min(BLOCK, place - first)
        place -= size
        file.seek(place)
        block = file.read(size)
        if place + size == end:
            block = block.removesuffix(b"\n")  # the end of the last line, not the beginning of another
        ends = block.count(b"\n")
        if ends >= tail:
            return place + len(block) - len(block.split(b"\n", ends - tail + 1)[-1])
        tail -= ends
        await asyncio.sleep(0)
    return first


async def _line_from(file: BinaryIO, place: int) -> int:
    """Where the first line begins that begins there or later."""
    file.seek(place - 1)
    while block := file.read(BLOCK):
        at = block.find(b"\n")
        if at >= 0:
            return file.tell() - len(block) + at + 1
        await asyncio.sleep(0)
    return file.tell()


class Stamper:
    """Puts the time in front of each line, wherever the blocks cut them."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._inside = False  # in the middle of a line

    def stamp(self, block: bytes) -> bytes:
        """The block that the reader has just read, with times."""
        reader = self.reader
        reader.times.refresh()
        changed = os.fstat(reader.file.fileno()).st_mtime
        return b"".join(self._lines(block, reader.place - len(block), changed))

    def _lines(self, block: bytes, place: int, changed: float) -> Iterator[bytes]:
        last, prefix = -1.0, b""
        for line in io.BytesIO(block):
            if not self._inside:
                at = self.reader.times.of(place, changed)
                if at != last:
                    last, prefix = at, micro_stamp(at).replace("Z", "000Z ").encode()
                yield prefix
            yield line
            self._inside = not line.endswith(b"\n")
            place += len(line)
