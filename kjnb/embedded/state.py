"""Where a cluster keeps its files: a private folder by host and boot, and what is written there about its server.

A home may be shared by several hosts; each has a folder of its own, since a port of loopback means nothing elsewhere.
After a boot the folder of the same machine's last boot is taken over, objects, logs and keys.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kjnb.embedded.credentials import write_private
from kjnb.embedded.supervisor import processes
from kjnb.embedded.supervisor.processes import own_version as own_version

NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|lustre|gpfs|beegfs\w*|ceph|afs|glusterfs|fuse\.(sshfs|glusterfs|ceph\S*|s3fs)"
)


class Process(NamedTuple):
    """Which process; `started` is its start time, since a pid may be reused. Nobody has pid 0: not told yet."""

    pid: int
    started: float


NOBODY = Process(0, 0.0)


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
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not folder.exists():
        with locked(folder.parent / f".{folder.name}.lock"):
            _take_over(folder)
            folder.mkdir(exist_ok=True, mode=0o700)
            write_private(folder / "machine", machine_id().encode())
    folder.chmod(0o700)
    return folder


def _take_over(folder: Path) -> None:
    """Make the newest folder of this very machine's earlier boots the one of this boot."""
    host = re.escape(folder.name.rpartition("-")[0])
    found = [one for one in folder.parent.iterdir() if re.fullmatch(host + "-[0-9a-f]{8}", one.name)]
    earlier = [one for one in found if (one / "objects.sqlite").exists() and _is_ours(one) and not _is_used(one)]
    if folder.exists() or not earlier:
        return
    newest = max(earlier, key=lambda one: (one / "objects.sqlite").stat().st_mtime)
    for name in ("server.json", "supervisor.sock", "supervisor.socket"):
        (newest / name).unlink(missing_ok=True)
    newest.rename(folder)


def _is_ours(folder: Path) -> bool:
    """Whether this machine wrote it: others may have its name, and share the home."""
    with contextlib.suppress(OSError):
        return bool(machine_id()) and (folder / "machine").read_text() == machine_id()
    return False


def _is_used(folder: Path) -> bool:
    """Whether a server or a supervisor holds it, on whatever machine."""
    for name in ("server.lock", "supervisor.lock"):
        with contextlib.suppress(FileNotFoundError), (folder / name).open("r+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
    return False


def machine_id() -> str:
    """What tells this machine from others of its name; empty where the system does not say."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with contextlib.suppress(OSError):
            return Path(path).read_text().strip()
    return ""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """One process at a time; the lock goes with whoever holds it, and with the last who was given the descriptor."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def network_file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The kind of the network file system that a path is on; empty for a disk of this machine."""
    best, kind = "", ""
    with contextlib.suppress(OSError):
        for line in mounts.read_text(errors="replace").splitlines():
            before, _, after = line.partition(" - ")
            point = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), before.split()[4])
            if path.is_relative_to(point) and len(point) >= len(best):
                best, kind = point, after.split()[0]
    return kind if NETWORK.fullmatch(kind) else ""


def process_started(pid: int) -> float | None:
    """When the process with that pid began, on a clock that nobody sets; None when there is none, or its remains."""
    if Path("/proc/self/stat").exists():
        ticks = processes.start_time(pid)
        return float(ticks) if ticks and processes.is_alive(pid, ticks) else None
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


def place(folder: Path) -> int:
    """What tells the folder's lock from that of a folder made anew under the same name; 0 when there is none."""
    with contextlib.suppress(OSError):
        return (folder / "server.lock").stat().st_ino
    return 0


def sign(handle: int) -> None:
    """Write into a lock that this very process holds who it is."""
    pid = os.getpid()
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps([pid, process_started(pid) or 0.0]).encode(), 0)


def holder(folder: Path) -> Process | None:
    """The server that holds the folder's lock; NOBODY while it has not said who it is, None when none holds it.

    server.json may be missing or of another kjnb; the lock is never wrong, but what is written in it may be an earlier
    holder's: only a process that lives, with that start time, is believed.
    """
    try:
        lock = os.open(folder / "server.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        said = _signed(os.read(lock, 100))
        return said if lives(said) else NOBODY
    finally:
        os.close(lock)
    return None


def _signed(text: bytes) -> Process:
    try:
        pid, started = json.loads(text)
        return Process(int(pid), float(started))
    except (ValueError, TypeError):
        return NOBODY


def lives(one: Process | Server) -> bool:
    """Whether that very process is there and has not ended."""
    return one.pid > 0 and process_started(one.pid) == one.started


def running(folder: Path) -> Server | None:
    """The server that runs now; None for a stale file: its pid is gone, or is another process by now."""
    found = announced(folder)
    if found is None:
        return None
    return found if lives(found) else None
