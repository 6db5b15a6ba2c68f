"""What the owner of a cluster says of its images: `cluster.toml` in KJNB_HOME, read again whenever it has changed.

[images."registry.example/team/worker"]        # as pods name it, with a tag or without
command = ["python3", "/srv/worker.py"]        # its entry point
args = ["--fast"]                              # and the arguments that a pod's `args` replace
python = "/opt/worker/bin/python"              # or: it is this interpreter with its environment
env = { MODE = "batch" }
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from kjnb.embedded.container.pod_env import Unready


class Entry(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One image."""

    command: list[str] | None = None
    args: list[str] | None = None
    python: str | None = None
    env: dict[str, str] | None = None


class File(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    images: dict[str, Entry] = {}


class Settings:
    """The file and what it said when it was last read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._images: Mapping[str, Any] = {}

    def images(self) -> Mapping[str, Any]:
        """Entries by image name; none without a file. Unready while the file cannot be understood."""
        try:
            stat = self.path.stat()
        except OSError:
            self._seen, self._images = None, {}
            return self._images
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen != self._seen:
            self._images, self._seen = self._read(), seen
        return self._images

    def _read(self) -> Mapping[str, Any]:
        try:
            said = msgspec.convert(tomllib.loads(self.path.read_text(encoding="utf-8")), File)
        except (OSError, ValueError, msgspec.ValidationError) as error:
            raise Unready("CreateContainerError", f"{self.path} cannot be used: {error}") from None
        found: dict[str, Any] = msgspec.to_builtins(said.images)
        return found
