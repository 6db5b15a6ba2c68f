"""CPU time and page faults of the embedded cluster's processes, from the kernel's own counts."""

from __future__ import annotations

import os
import pathlib

from kjnb.embedded import status
from kjnb.embedded.supervisor.processes import children


class Spent:
    """CPU time of the cluster's processes and of this one since this object was made."""

    def __init__(self) -> None:
        said = status()
        supervisor = int((pathlib.Path(said["folder"]) / "supervisor.lock").read_text())
        self.pids = {"server": [said["pid"]], "supervisor": [supervisor], "zygote": children(supervisor)}
        self.begun = self._now()

    def _now(self) -> dict[str, float]:
        """Seconds; a forked pod's are its zygote's children's."""
        own = os.times()
        spent = {name: sum(cpu(pid)[0] for pid in pids) for name, pids in self.pids.items()}
        return spent | {"pods": sum(cpu(pid)[1] for pid in self.pids["zygote"]), "client": own.user + own.system}

    def text(self, indexes: int) -> str:
        """Milliseconds an index."""
        each = {name: 1000 * (now - self.begun[name]) / indexes for name, now in self._now().items()}
        return f"{sum(each.values()):.1f} ms ({', '.join(f'{name} {spent:.1f}' for name, spent in each.items())})"


def fields(pid: int) -> list[str]:
    """What /proc/PID/stat says after the command's name."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def cpu(pid: int) -> tuple[float, float]:
    """CPU seconds of a process, and of its children that ended."""
    user, system, children_user, children_system = (int(n) / os.sysconf("SC_CLK_TCK") for n in fields(pid)[11:15])
    return user + system, children_user + children_system


def page_faults(pids: list[int]) -> int:
    """Page faults, without reading from a disk, of these processes' children that ended."""
    return sum(int(fields(pid)[8]) for pid in pids)
