"""How much of a container's log stays: at least the last `KEPT` bytes, at most about twice as many.

A real node begins a new file when a log has grown to 10 MiB, and only the newest file is read. Here a container writes
straight into its log, which cannot be exchanged under it: its beginning is given back to the disk as a hole, and every
place in it stays where it was, for those who read it meanwhile and for the notes of its times.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import BinaryIO

KEPT = 10 << 20  # bytes
STEP = 1 << 20  # where holes end: at the end of a block, whatever a file system's blocks are
KEEP_SIZE_AND_PUNCH = 1 | 2
FALLOCATE = getattr(ctypes.CDLL(None), "fallocate", None)
SEEK_DATA = getattr(os, "SEEK_DATA", None)


def bounded(log: Path, dropped: int, size: int, kept: int = KEPT) -> int:
    """Drop the beginning of a log of that size if it is too long; how many bytes at its beginning are gone now.

    On a file system without holes nothing is dropped, and nobody hears of it.
    """
    if size - dropped <= 2 * kept:
        return dropped
    cut = (size - kept) // STEP * STEP
    with log.open("r+b") as file:
        _punch(file.fileno(), dropped, cut)
    return cut


def _punch(file: int, start: int, end: int) -> None:
    if FALLOCATE is not None:
        FALLOCATE(file, KEEP_SIZE_AND_PUNCH, ctypes.c_longlong(start), ctypes.c_longlong(end - start))


def after_hole(file: BinaryIO, place: int) -> int:
    """That place, or where the hole ends that it is in; the file has no buffer, and its place is any afterwards."""
    if SEEK_DATA is None:
        return place
    try:
        return max(place, os.lseek(file.fileno(), place, SEEK_DATA))
    except OSError as error:  # ENXIO: there is nothing from there on
        return max(place, os.fstat(file.fileno()).st_size) if error.errno == errno.ENXIO else place
