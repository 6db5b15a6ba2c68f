"""hostPath volumes: a place of this machine, checked and made as the kubelet does."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kjnb.embedded.container.pod_env import Unready

CHECKS: dict[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "is not a directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "is not a directory"),
    "File": (stat.S_ISREG, "is not a file"),
    "FileOrCreate": (stat.S_ISREG, "is not a file"),
    "Socket": (stat.S_ISSOCK, "is not a socket file"),
    "CharDevice": (stat.S_ISCHR, "is not a character device"),
    "BlockDevice": (stat.S_ISBLK, "is not a block device"),
}


def place(source: dict[str, Any], volume: str) -> Path:
    """The path, made where its type says so; Unready if it is not of its type."""
    path, kind = Path(os.path.normpath(str(source["path"]))), source.get("type") or ""
    try:
        _make(path, kind)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise Unready.mount(volume, f"cannot make {path}: {words}") from None
    if kind in CHECKS:
        is_one, words = CHECKS[kind]
        try:
            right = is_one(path.stat().st_mode)
        except OSError:
            right = False
        if not right:
            raise Unready.mount(volume, f"hostPath type check failed: {path} {words}")
    elif kind:
        raise Unready.mount(volume, f"{kind} is an invalid volume type")
    return path


def _make(path: Path, kind: str) -> None:
    """What its type creates; a path without a type is a folder, as container runtimes make a missing one."""
    if path.exists():
        return
    if kind in ("", "DirectoryOrCreate"):
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch(mode=0o644)
