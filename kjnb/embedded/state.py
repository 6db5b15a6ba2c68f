"""Where a cluster keeps its files: a private folder by host and boot, and what is written there about its server.

A home may be shared by several hosts; each has a folder of its own, since a port of loopback means nothing elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import NamedTuple

from kjnb.embedded.credentials import write_private
from kjnb.embedded.node import processes


class Server(NamedTuple):
    """What server.json says of a running server; `started` is the process's start time: a pid may be reused."""

    pid: int
    started: float
    port: int
    version: str
    ready: bool


def home_folder(home: str | Path | None = None) -> Path:
    """KJNB_HOME, or ~/.kjnb."""
    return Path(home or os.environ.get("KJNB_HOME") or Path.home() / ".kjnb").absolute()


def own_version() -> str:
    """kjnb's version, asked of its metadata so that nothing else of the package is imported."""
    from importlib import metadata

    try:
        return metadata.version("kjnb")
    except metadata.PackageNotFoundError:
        return "0"


def boot_id() -> str:
    """What tells this boot of the machine from the last one."""
    import psutil

    return processes.boot_id() or f"{int(psutil.boot_time()):08x}"


def cluster_folder(home: Path) -> Path:
    """This host's and boot's folder; it may not be there."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "host"
    return home / "cluster" / f"{host}-{boot_id()[:8]}"


def made_folder(home: Path) -> Path:
    """This host's and boot's folder, made with mode 0700. OSError."""
    folder = cluster_folder(home)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


def process_started(pid: int) -> float | None:
    """When the process with that pid began; None when there is none, or only its remains."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def announce(folder: Path, port: int, version: str, ready: bool) -> None:
    """Write server.json for this very process."""
    pid = os.getpid()
    said = Server(pid, process_started(pid) or 0.0, port, version, ready)
    write_private(folder / "server.json", json.dumps(said._asdict()).encode())


def withdraw(folder: Path) -> None:
    """Remove server.json if it is this process's."""
    found = announced(folder)
    if found is not None and found.pid == os.getpid():
        (folder / "server.json").unlink(missing_ok=True)


def announced(folder: Path) -> Server | None:
    """What server.json says, whether true or not."""
    try:
        return Server(**json.loads((folder / "server.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def running(folder: Path) -> Server | None:
    """The server that runs now; None for a stale file: its pid is gone, or is another process by now."""
    found = announced(folder)
    if found is None:
        return None
    started = process_started(found.pid)
    return found if started is not None and abs(started - found.started) < 1.0 else None
