"""Questions to the kernel about processes. A pid alone names nobody: pid, start time and boot together do."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

from kjnb.embedded.supervisor.zygote import start_time

PR_SET_CHILD_SUBREAPER = 36
OOM_SCORE = "500"  # more than any process of the user's has by itself
PAGE = os.sysconf("SC_PAGE_SIZE")

__all__ = [
    "adopt_orphans",
    "anonymous_bytes",
    "boot_id",
    "catches",
    "children",
    "die_first",
    "is_alive",
    "kill_session",
    "own_version",
    "start_time",
]


def adopt_orphans() -> bool:
    """Become the parent of every descendant that loses its own; False where the system has no such thing."""
    libc = ctypes.CDLL(None, use_errno=True)
    return hasattr(libc, "prctl") and libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def boot_id() -> str:
    """Names this boot of the machine; empty where the kernel does not say."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def die_first() -> None:
    """For this process and all that it forks: short of memory, the kernel is to end a pod, not who looks after them."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE, encoding="ascii")


def own_version() -> str:
    """kjnb's version, asked of its metadata so that nothing else of the package is imported."""
    from importlib import metadata

    try:
        return metadata.version("kjnb")
    except metadata.PackageNotFoundError:
        return "0"


def is_alive(pid: int, ticks: int) -> bool:
    """Whether that very process, and not one that has its number now, is there and has not ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return False
    return fields[0] != b"Z" and int(fields[19]) == ticks


def children(pid: int) -> list[int]:
    """The direct children of a process, whichever of its threads began them."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="ascii").split()
                found += [int(child) for child in words]
    return found


def family(pid: int) -> list[int]:
    """A process, all its descendants, parents first, and those of its session that lost their parents to us."""
    found = [pid, *(orphan for orphan in children(os.getpid()) if orphan != pid and _session(orphan) == pid)]
    for member in found:
        found.extend(children(member))
    return list(dict.fromkeys(found))


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal, or ignores it on purpose: as process 1 it would then get it."""
    masks = {}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("SigCgt:", "SigIgn:")):
                masks[line[:6]] = int(line[7:], 16)
    return any(mask >> (number - 1) & 1 for mask in masks.values())


def anonymous_bytes(pid: int) -> int:
    """Memory of a process and its descendants that is backed by no file."""
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            _, resident, shared, *_ = Path(f"/proc/{member}/statm").read_text(encoding="ascii").split()
            total += (int(resident) - int(shared)) * PAGE
    return total


def kill_session(pid: int) -> None:
    """SIGKILL to a container's process group and to what of its session or family has left the group."""
    members = [member for member in family(pid) if member != pid]
    for end, target in ((os.killpg, pid), *((os.kill, member) for member in members)):
        with contextlib.suppress(OSError):
            end(target, signal.SIGKILL)
