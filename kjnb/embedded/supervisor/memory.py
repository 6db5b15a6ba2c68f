"""Memory limits: a cgroup of one's own where the system lets us make one, else a look at the memory now and then.

With a cgroup the kernel kills, at once and exactly. Without, a container that grows and ends between two looks is not
caught; for forked pods only what they hold beyond their zygote counts.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
NAME = "kjnb-"  # of a group: this, the supervisor's pid, and a number
MOST_IDLE = 32  # groups of one limit that wait for the next container
MOST_USED = 1 / 8  # of its limit: a group whose last container left more behind in it is not given again


class MemoryGroups:
    """The containers' cgroups below the supervisor's own; `available` is found out by making one.

    To make and to remove one costs the kernel as much as a small pod does: those that are left are given again.
    """

    def __init__(self) -> None:
        self.home, self.unified = _own_group()
        self.available = False
        self._made = 0
        self._idle: dict[int, list[Path]] = {}  # by limit
        self._limits: dict[Path, int] = {}
        self._kills: dict[Path, int] = {}  # what the kernel had counted when a group was taken
        if self.home is not None:
            self._clear_away()
            with contextlib.suppress(OSError):
                self.available = self.leave(self.take(1 << 30))

    def take(self, limit: int) -> Path:
        """A group with that limit in bytes, and nobody in it; OSError if the system refuses."""
        idle = self._idle.get(limit)
        group = idle.pop() if idle else self._make(limit)
        self._kills[group] = self._counted(group)
        return group

    def was_exhausted(self, group: Path) -> bool:
        """Whether the kernel killed a process of that group for its memory, since it was taken."""
        return self._counted(group) > self._kills.get(group, 0)

    def leave(self, group: Path) -> bool:
        """Let go of a group: it is kept for the next, or removed. False while a dying process is still in it."""
        limit = self._limits[group]
        idle = self._idle.setdefault(limit, [])
        try:
            if (group / "cgroup.procs").read_bytes():
                return False
            used = int((group / ("memory.current" if self.unified else "memory.usage_in_bytes")).read_bytes())
            if used <= limit * MOST_USED and len(idle) < MOST_IDLE:
                idle.append(group)
                return True
            group.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            return False
        self._forget(group)
        return True

    def close(self) -> None:
        """Remove those that nobody is in."""
        for group in [group for idle in self._idle.values() for group in idle]:
            with contextlib.suppress(OSError):
                group.rmdir()
            self._forget(group)
        self._idle.clear()

    def _forget(self, group: Path) -> None:
        self._limits.pop(group, None)
        self._kills.pop(group, None)

    def _make(self, limit: int) -> Path:
        assert self.home is not None
        self._made += 1
        group = self.home / f"{NAME}{os.getpid()}-{self._made}"
        group.mkdir(exist_ok=True)
        self._limits[group] = limit
        if self.unified:
            (group / "memory.max").write_text(str(limit))
            with contextlib.suppress(OSError):
                (group / "memory.swap.max").write_text("0")
        else:
            (group / "memory.limit_in_bytes").write_text(str(limit))
        return group

    def _counted(self, group: Path) -> int:
        """How often the kernel has killed a process of that group."""
        counts = group / ("memory.events" if self.unified else "memory.oom_control")
        with contextlib.suppress(OSError):
            fields = dict(line.split() for line in counts.read_text().splitlines())
            return int(fields.get("oom_kill", "0"))
        return 0

    def _clear_away(self) -> None:
        """Remove what a supervisor that was killed has left; one that somebody is in refuses."""
        assert self.home is not None
        for left in self.home.glob(f"{NAME}*"):
            owner = left.name.removeprefix(NAME).partition("-")[0]
            if not owner.isdecimal() or not os.path.exists(f"/proc/{owner}"):
                with contextlib.suppress(OSError):
                    left.rmdir()


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
