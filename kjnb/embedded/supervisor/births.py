"""The supervisor's memory on disk: who was born, who ended and how, what the server has taken note of.

Children append their own birth before they run anything, the supervisor an end before it tells anybody. Lines of JSON
in a file opened for appending: a line cut by a death is no line. It is emptied in place, because zygotes hold it
open; what still matters of it goes into a second file before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kjnb.embedded.supervisor.wire import Exited

LONG = 256 * 1024  # bytes: shorten it when there is a good moment
TOO_LONG = 16 * LONG  # make that moment


class Birth(NamedTuple):
    """A container's process, as it wrote itself down."""

    id: str
    pid: int
    ticks: int
    at: float


class Process(NamedTuple):
    """A supervisor, or a zygote of one."""

    pid: int
    ticks: int


class Past(NamedTuple):
    """What a journal says: ends that nobody has acknowledged, births without an end, and in which boot."""

    boot: str
    exited: dict[str, Exited]
    unended: list[Birth]


class Register:
    """The files, one open for appending; `fileno` is handed to children."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unwritten: list[dict[str, Any]] = []  # while the disk is full
        self.fileno = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = self.size
        self._torn = size > 0 and os.pread(self.fileno, 1, size - 1) != b"\n"

    def begin(self, boot: str) -> None:
        """Say in which boot what follows happened."""
        self._append({"boot": boot})

    def parent(self, process: Process) -> None:
        """Write down who may give birth, before it can."""
        self._append({"parent": process})

    def ended(self, exited: Exited) -> None:
        """Write an end, before anybody is told."""
        self._append({"ended": msgspec.to_builtins(exited)})

    def acknowledged(self, ids: list[str]) -> None:
        """The server has these ends in its store."""
        self._append({"acknowledged": ids})

    @property
    def size(self) -> int:
        """Bytes, of the file that grows."""
        return os.fstat(self.fileno).st_size

    def shorten(self, boot: str, parents: Iterable[Process], births: Iterable[Birth], ends: Iterable[Exited]) -> None:
        """Keep this and nothing else; only while no child can be about to write. OSError: everything is as it was."""
        records: list[dict[str, Any]] = [{"boot": boot}, *({"parent": one} for one in parents)]
        records += [{"born": birth.id, **birth._asdict()} for birth in births]
        records += [{"ended": msgspec.to_builtins(end)} for end in ends]
        kept = _kept(self._path)
        draft = kept.with_suffix(".new")
        draft.touch(0o600)
        draft.write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in records))
        draft.replace(kept)
        os.ftruncate(self.fileno, 0)
        self._unwritten.clear()

    def _append(self, record: dict[str, Any]) -> None:
        """Write it, and before it what a full disk did not take; a line that was torn is ended first."""
        self._unwritten.append(record)
        while self._unwritten:
            line = b"\n" * self._torn + json.dumps(self._unwritten[0]).encode() + b"\n"
            try:
                taken = os.write(self.fileno, line)
            except OSError:
                return
            self._torn = 0 < taken < len(line) or (self._torn and not taken)
            if taken < len(line):
                return
            self._unwritten.pop(0)


def _kept(path: Path) -> Path:
    return path.with_name(f"{path.name}.kept")


def read(path: Path) -> Past:
    """What an earlier supervisor left; nothing if there was none."""
    boot, births, exited, acknowledged = "", {}, {}, set[str]()
    for record in _records(path):
        if "boot" in record:
            boot = record["boot"]
        elif "born" in record:
            births[record["born"]] = Birth(record["born"], record["pid"], record["ticks"], record["at"])
        elif "ended" in record:
            end = msgspec.convert(record["ended"], Exited)
            exited[end.id] = end
        elif "acknowledged" in record:
            acknowledged.update(record["acknowledged"])
    unended = [birth for birth in births.values() if birth.id not in exited and birth.id not in acknowledged]
    return Past(boot, {name: end for name, end in exited.items() if name not in acknowledged}, unended)


def parents(path: Path) -> tuple[str, list[Process]]:
    """The last boot, and the supervisors and zygotes that were written down."""
    records = _records(path)
    boots = [record["boot"] for record in records if "boot" in record]
    found = [Process(*record["parent"]) for record in records if "parent" in record]
    return (boots[-1] if boots else ""), found


def _records(path: Path) -> list[dict[str, Any]]:
    records = []
    for file in (_kept(path), path):
        for line in file.read_bytes().splitlines() if file.exists() else ():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                records.append(record)
    return records
