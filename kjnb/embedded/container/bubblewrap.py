"""Mounts, a /tmp and a hostname for a container, by bubblewrap, where it works; to find that out it is run once.

`KJNB_NO_BWRAP=1` switches it off, as if it were not installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

PROBE_WITHIN = 5.0  # seconds
TMP = "/tmp"  # noqa: S108 - it is what a container gets a private one of
MISSING = (
    "needs bubblewrap, which does not work here: install it (package bubblewrap, program bwrap) and let it make "
    "namespaces, or use hostPath volumes at their own path"
)


class Mount(NamedTuple):
    """A folder or file of this machine, shown to the container at `target`."""

    source: str
    target: str
    read_only: bool = False

    @property
    def is_there(self) -> bool:
        """Whether the machine shows it there by itself."""
        return os.path.normpath(self.source) == self.target


class Frame(NamedTuple):
    """What a container sees beside its mounts."""

    hostname: str | None = None
    read_only_root: bool = False
    tmp: str | None = None  # the folder to be its /tmp


@lru_cache(maxsize=1)
def program() -> str | None:
    """The bubblewrap that works here, or None."""
    found = shutil.which("bwrap")
    if found is None or os.environ.get("KJNB_NO_BWRAP", "0") not in ("", "0"):
        return None
    probe = [found, "--unshare-uts", "--hostname", "probe", "--dev-bind", "/", "/", "--tmpfs", TMP, "true"]
    try:
        return found if subprocess.run(probe, capture_output=True, timeout=PROBE_WITHIN).returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired):
        return None


def wrap(bwrap: str, path: str, argv: list[str], mounts: list[Mount], frame: Frame) -> list[str]:
    """The command line that runs `argv` as the program at `path` among those mounts."""
    words = [bwrap]
    if frame.hostname:
        words += ["--unshare-uts", "--hostname", frame.hostname]
    ground = _Ground(frame.read_only_root)
    words += ground.root(mounts)
    if frame.tmp:
        words += ["--bind", frame.tmp, TMP]
        ground.made.append(TMP)
        ground.fresh.append(TMP)
    for mount in sorted(mounts, key=lambda mount: mount.target.count("/")):
        words += ground.under(mount.target)
        words += ["--ro-bind" if mount.read_only else "--bind", mount.source, mount.target]
        ground.made.append(mount.target)
    words += ground.closed()
    head = ["--argv0", argv[0]] if _knows_argv0(bwrap) else []
    return [*words, *head, "--", path, *argv[1:]]


class _Ground:
    """This machine's folders under the mounts, made anew, in memory, where a mount point is missing in one."""

    def __init__(self, read_only: bool) -> None:
        self.made: list[str] = []  # where something is mounted already
        self.fresh: list[str] = []  # folders made anew
        self.bind = "--ro-bind" if read_only else "--dev-bind"
        self.read_only = read_only

    def root(self, mounts: list[Mount]) -> list[str]:
        """The whole machine."""
        words = self._anew("/") if any(_there(mount.target) == "/" for mount in mounts) else [self.bind, "/", "/"]
        return [*words, "--dev-bind", "/dev", "/dev"] if self.read_only else words

    def under(self, target: str) -> list[str]:
        """What is to be made before something can be mounted at `target`."""
        there = _there(target)
        if there in ("/", target) or any(_is_below(target, made) for made in self.made):
            return []
        return self._anew(there)

    def closed(self) -> list[str]:
        """Folders made anew are to be as read-only as all others."""
        return [word for folder in self.fresh for word in ("--remount-ro", folder)] if self.read_only else []

    def _anew(self, folder: str) -> list[str]:
        self.fresh.append(folder)
        words = ["--tmpfs", folder] if folder != "/" else []
        if folder != "/":
            self.made.append(folder)
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                bind = f"{self.bind}-try"  # what is there now may have gone when it is bound
                kind = ["--symlink", os.readlink(entry.path)] if entry.is_symlink() else [bind, entry.path]
                words += [*kind, entry.path]
        return words


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def _there(target: str) -> str:
    """The deepest folder on the way to a mount point that this machine has."""
    place = Path(target)
    while not place.exists():
        place = place.parent
    return str(place)


@lru_cache(maxsize=4)
def _knows_argv0(bwrap: str) -> bool:
    return "--argv0" in subprocess.run([bwrap, "--help"], capture_output=True, text=True, timeout=PROBE_WITHIN).stdout
