"""Termination messages: the file that a container may write its last words into, and what is read from it.

The file is mounted only for a container that names it: in its `terminationMessagePath`, its command or its
environment. A mount for each pod would cost more than most pods.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kjnb.embedded.container.bubblewrap import Mount

Object = dict[str, Any]
DEFAULT = "/dev/termination-log"
MOST_BYTES = 4096
MOST_OF_A_POD = 12 * 1024


def place(folder: Path, process: str) -> Path:
    """Where on this machine the last words of that process are, below its pod's folder."""
    return folder / "termination" / process.partition("_")[2]


def mounts(spec: Object, argv: list[str], env: Mapping[str, str], folder: Path, process: str) -> list[Mount]:
    """The mount that shows the file to the container, if it asks for one; the file is there and empty."""
    path = spec.get("terminationMessagePath") or DEFAULT
    if path == DEFAULT and not any(DEFAULT in word for word in (*argv, *env.values())):
        return []
    file = place(folder, process)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o666)
    file.chmod(0o666)  # whoever the container's user is
    return [Mount(str(file), os.path.normpath(os.path.join("/", path)))]


def read(folder: Path, process: str, containers: int) -> str:
    """The last words; of a pod with many containers each has its share."""
    most = min(MOST_BYTES, MOST_OF_A_POD // max(1, containers))
    with contextlib.suppress(OSError), place(folder, process).open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - most))
        return file.read(most).decode(errors="replace")
    return ""
