"""The user's own list of launches, so that a run is found again by its name from any notebook and any cluster.

One small file an entry, in KJNB_HOME/registry: written whole, never locked, and worth nothing that is not also in the
run's stage.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kjnb.connect import home


class Entry(NamedTuple):
    """Where a run is: `stage` is its folder, `launched` in seconds since the epoch."""

    name: str
    context: str
    namespace: str
    stage: str
    owner: str
    launched: float

    @property
    def full_name(self) -> str:
        """The name that is unique among all clusters: context/namespace/name."""
        return f"{self.context}/{self.namespace}/{self.name}"


def enter(entry: Entry) -> None:
    """Write an entry; one of the same run in the same place is replaced."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
    with os.fdopen(handle, "w") as out:
        json.dump(entry._asdict(), out)
    Path(temporary).replace(folder / _file_name(entry))


def leave(entry: Entry) -> None:
    """Forget an entry."""
    (_folder() / _file_name(entry)).unlink(missing_ok=True)


def entries(name: str | None = None) -> Iterator[Entry]:
    """Read all entries, or those of one name; a file that is torn or of another version is passed over."""
    folder = _folder()
    for path in sorted(folder.glob(f"{name}@*.json" if name else "*@*.json")) if folder.is_dir() else []:
        with contextlib.suppress(OSError, ValueError, TypeError):
            entry = Entry(**json.loads(path.read_text()))
            if name is None or entry.name == name:
                yield entry


def _folder() -> Path:
    return home() / "registry"


def _file_name(entry: Entry) -> str:
    place = hashlib.blake2b(f"{entry.context}/{entry.namespace}/{entry.stage}".encode(), digest_size=4).hexdigest()
    return f"{entry.name}@{place}.json"
