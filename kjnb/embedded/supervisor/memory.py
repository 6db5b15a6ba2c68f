"""Memory limits: a cgroup of one's own where the system lets us make one, else a look at the memory now and then.

With a cgroup the kernel kills, at once and exactly. Without, a container that grows and ends between two looks is not
caught; for forked pods only what they hold beyond their zygote counts.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class MemoryGroups:
    """Makes and removes the containers' cgroups below the supervisor's own; `available` is found out by making one."""

    def __init__(self) -> None:
        self.home, self.unified = _own_group()
        self.available = False
        if self.home is not None:
            with contextlib.suppress(OSError):
                group = self.make(f"probe-{os.getpid()}", 1 << 30)
                self.remove(group)
                self.available = True

    def make(self, name: str, limit: int) -> Path:
        """A group with that limit in bytes; OSError if the system refuses."""
        assert self.home is not None
        group = self.home / f"kjnb-{name}"
        group.mkdir(exist_ok=True)
        if self.unified:
            (group / "memory.max").write_text(str(limit))
            with contextlib.suppress(OSError):
                (group / "memory.swap.max").write_text("0")
        else:
            (group / "memory.limit_in_bytes").write_text(str(limit))
        return group

    def was_exhausted(self, group: Path) -> bool:
        """Whether the kernel killed a process of that group for its memory."""
        counts = group / ("memory.events" if self.unified else "memory.oom_control")
        with contextlib.suppress(OSError):
            fields = dict(line.split() for line in counts.read_text().splitlines())
            return int(fields.get("oom_kill", "0")) > 0
        return False

    def remove(self, group: Path) -> bool:
        """Remove an empty group; False while a dying process is still in it."""
        try:
            group.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


def _own_group() -> tuple[Path | None, bool]:
    """The memory cgroup this process is in, and whether it is of version 2; None where none can be written."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None, False
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _writable(ROOT / "memory", path), False
    unified = [line.split(":", 2)[2] for line in lines if line.startswith("0::")]
    home = _writable(ROOT, unified[0]) if unified else None
    if home is None or "memory" not in _words(home / "cgroup.subtree_control"):
        return None, True
    return home, True


def _writable(root: Path, path: str) -> Path | None:
    for home in (root / path.lstrip("/"), root):  # inside a container the path is the host's
        if home.is_dir():
            return home if os.access(home, os.W_OK) else None
    return None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
