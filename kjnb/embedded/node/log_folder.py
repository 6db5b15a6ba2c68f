"""Where the logs of containers are: `<namespace>_<pod>_<uid>/<container>/<number>.log`, raw bytes, mode 0600.

The number is that of the container's process: how often it had been restarted. As on a real node the logs of two
processes are kept, the newest and the one before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from kjnb.embedded.container import folders
from kjnb.embedded.log_times import SUFFIX

TAIL_LINES = 80
TAIL_BYTES = 2048


class LogFolder:
    """Owns the names in that folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _pod(self, namespace: str, pod: str, uid: str) -> Path:
        return self.root / f"{namespace}_{pod}_{uid}"

    def place(self, namespace: str, pod: str, uid: str, container: str, number: int) -> str:
        """The file that the container's process of that number writes; its folder is there, an old log is not."""
        folder = folders.make(f"{self.root}/{namespace}_{pod}_{uid}/{container}")
        if number > 1:
            for suffix in (".log", SUFFIX):
                Path(f"{folder}/{number - 2}{suffix}").unlink(missing_ok=True)
        return f"{folder}/{number}.log"

    def find(self, namespace: str, pod: str, uid: str, container: str, number: int | None = None) -> Path | None:
        """The log of the process of that number, or of the newest; None if there is none."""
        folder = self._pod(namespace, pod, uid) / container
        if number is None:
            number = max((int(path.stem) for path in folder.glob("*.log") if path.stem.isdecimal()), default=-1)
        path = folder / f"{number}.log"
        return path if path.exists() else None

    def tail(self, namespace: str, pod: str, uid: str, container: str, number: int) -> str:
        """The last lines, as a kubelet puts them into a termination message."""
        path = self._pod(namespace, pod, uid) / container / f"{number}.log"
        with contextlib.suppress(OSError), path.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines(keepends=True)
            return "".join(lines[-TAIL_LINES:])
        return ""

    def remove(self, namespace: str, pod: str, uid: str) -> None:
        """Remove a pod's logs."""
        shutil.rmtree(self._pod(namespace, pod, uid), ignore_errors=True)
