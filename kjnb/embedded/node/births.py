"""The supervisor's memory on disk: who was born, who ended and how, what the server has taken note of.

Children append their own birth before they run anything, the supervisor an end before it tells anybody. Lines of JSON
in a file opened for appending: a line cut by a death is no line. It is emptied, in place because zygotes hold it
open, when it says nothing any more.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kjnb.embedded.node.wire import Exited

EMPTY_ABOVE = 256 * 1024  # bytes


class Birth(NamedTuple):
    """A container's process, as it wrote itself down."""

    id: str
    pid: int
    ticks: int
    at: float


class Past(NamedTuple):
    """What a journal says: ends that nobody has acknowledged, births without an end, and in which boot."""

    boot: str
    exited: dict[str, Exited]
    unended: list[Birth]


class Register:
    """The file, open for appending; `fileno` is handed to children."""

    def __init__(self, path: Path) -> None:
        self.fileno = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def begin(self, boot: str) -> None:
        """Say in which boot what follows happened."""
        self._append({"boot": boot})

    def ended(self, exited: Exited) -> None:
        """Write an end, before anybody is told."""
        self._append({"ended": msgspec.to_builtins(exited)})

    def acknowledged(self, ids: list[str]) -> None:
        """The server has these ends in its store."""
        self._append({"acknowledged": ids})

    def forget(self, boot: str) -> None:
        """Empty a long file; only when nothing runs and everything is acknowledged."""
        if os.fstat(self.fileno).st_size > EMPTY_ABOVE:
            os.ftruncate(self.fileno, 0)
            self.begin(boot)

    def _append(self, record: dict[str, Any]) -> None:
        os.write(self.fileno, json.dumps(record).encode() + b"\n")


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


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    records = []
    for line in lines:
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records
