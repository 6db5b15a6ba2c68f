"""Where the logs of containers are: `<container>_<number>.log` in their pod's folder, raw bytes, mode 0600.

The number is that of the container's process: how often it had been restarted. As on a real node the logs of two
processes are kept, the newest and the one before. They go with their pod's folder; one of their own would cost each
pod as much as half of its writes to the store.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from kjnb.embedded.container import folders
from kjnb.embedded.log_times import SUFFIX

TAIL_LINES = 80
TAIL_BYTES = 2048


class LogFolder:
    """Owns the names of logs in the pods' folders below `root`, which are named by uid."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, uid: str, container: str, number: int) -> str:
        """The file that the container's process of that number writes; its folder is there, an old log is not."""
        folder = folders.make(f"{self.root}/{uid}")
        if number > 1:
            for suffix in (".log", SUFFIX):
                Path(f"{folder}/{container}_{number - 2}{suffix}").unlink(missing_ok=True)
        return f"{folder}/{container}_{number}.log"

    def find(self, uid: str, container: str, number: int | None = None) -> Path | None:
        """The log of the process of that number, or of the newest; None if there is none."""
        if number is None:
            words = [path.stem.rpartition("_")[2] for path in (self.root / uid).glob(f"{container}_*.log")]
            number = max((int(word) for word in words if word.isdecimal()), default=-1)
        path = self.root / uid / f"{container}_{number}.log"
        return path if path.exists() else None

    def tail(self, uid: str, container: str, number: int) -> str:
        """The last lines, as a kubelet puts them into a termination message."""
        path = self.root / uid / f"{container}_{number}.log"
        with contextlib.suppress(OSError), path.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines(keepends=True)
            return "".join(lines[-TAIL_LINES:])
        return ""
