"""Mounts and a hostname for a container, by bubblewrap, where it works; to find that out it is run once."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

PROBE_WITHIN = 5.0  # seconds


class Mount(NamedTuple):
    """A folder or file of this machine, shown to the container at `target`."""

    source: str
    target: str
    read_only: bool = False


@lru_cache(maxsize=1)
def program() -> str | None:
    """The bubblewrap that works here, or None."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    probe = [found, "--unshare-uts", "--hostname", "probe", "--dev-bind", "/", "/", "true"]
    try:
        return found if subprocess.run(probe, capture_output=True, timeout=PROBE_WITHIN).returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired):
        return None


def wrap(bwrap: str, path: str, argv: list[str], mounts: list[Mount], hostname: str | None) -> list[str]:
    """The command line that runs `argv` as the program at `path` among those mounts."""
    words = [bwrap]
    if hostname:
        words += ["--unshare-uts", "--hostname", hostname]
    rebuilt: set[str] = set()
    words += (
        _folder("/", rebuilt) if any(_ground(mount.target) == "/" for mount in mounts) else ["--dev-bind", "/", "/"]
    )
    for mount in sorted(mounts, key=lambda mount: mount.target.count("/")):
        ground = _ground(mount.target)
        if ground not in ("/", mount.target) and ground not in rebuilt:
            words += _folder(ground, rebuilt)
        words += ["--ro-bind" if mount.read_only else "--bind", mount.source, mount.target]
    return (
        [*words, "--argv0", argv[0], "--", path, *argv[1:]] if _knows_argv0(bwrap) else [*words, "--", path, *argv[1:]]
    )


def _ground(target: str) -> str:
    """The deepest folder on the way to a mount point that this machine has."""
    place = Path(target)
    while not place.exists():
        place = place.parent
    return str(place)


def _folder(folder: str, rebuilt: set[str]) -> list[str]:
    """An empty folder with all that is in it on this machine: new mount points can be made there, in memory only."""
    rebuilt.add(folder)
    words = ["--tmpfs", folder] if folder != "/" else []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            kind = ["--symlink", os.readlink(entry.path)] if entry.is_symlink() else ["--dev-bind", entry.path]
            words += [*kind, entry.path]
    return words


@lru_cache(maxsize=4)
def _knows_argv0(bwrap: str) -> bool:
    return "--argv0" in subprocess.run([bwrap, "--help"], capture_output=True, text=True, timeout=PROBE_WITHIN).stdout
