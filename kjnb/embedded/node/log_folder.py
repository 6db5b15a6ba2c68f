"""Where the logs of containers are: `<namespace>_<pod>_<uid>/<container>/<restarts>.log`, raw bytes, mode 0600."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

TAIL_LINES = 80
TAIL_BYTES = 2048


class LogFolder:
    """Owns the names in that folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _pod(self, namespace: str, pod: str, uid: str) -> Path:
        return self.root / f"{namespace}_{pod}_{uid}"

    def place(self, namespace: str, pod: str, uid: str, container: str, restarts: int) -> Path:
        """The file that the container's process number `restarts` writes; its folder is there."""
        folder = self._pod(namespace, pod, uid) / container
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / f"{restarts}.log"

    def find(self, namespace: str, pod: str, uid: str, container: str, previous: bool) -> Path | None:
        """The newest log of a container, or the one before; None if there is none."""
        folder = self._pod(namespace, pod, uid) / container
        with contextlib.suppress(FileNotFoundError):
            numbers = sorted(int(path.stem) for path in folder.iterdir() if path.stem.isdigit())
            wanted = numbers[:-1] if previous else numbers
            return folder / f"{wanted[-1]}.log" if wanted else None
        return None

    def tail(self, namespace: str, pod: str, uid: str, container: str, restarts: int) -> str:
        """The last lines, as a kubelet puts them into a termination message."""
        path = self._pod(namespace, pod, uid) / container / f"{restarts}.log"
        with contextlib.suppress(OSError), path.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines(keepends=True)
            return "".join(lines[-TAIL_LINES:])
        return ""

    def remove(self, namespace: str, pod: str, uid: str) -> None:
        """Remove a pod's logs."""
        shutil.rmtree(self._pod(namespace, pod, uid), ignore_errors=True)
