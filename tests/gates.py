"""Pods that wait until a test lets them go: a file in a folder is an open gate."""

from __future__ import annotations

import pathlib

WAIT = """\
import pathlib, threading
while not any(pathlib.Path(gates, gate).exists() for gate in (str(index), "all")):
    threading.Event().wait(0.02)
"""


class Gates:
    """A folder of gates. A body that begins with `WAIT` holds each index until its gate, or "all", is open."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    @property
    def assignment(self) -> str:
        """The notebook's line that `WAIT` reads."""
        return f"gates = {str(self.folder)!r}"

    def open(self, *names: object) -> None:
        """Let these indexes go."""
        for name in names or ("all",):
            self.folder.joinpath(str(name)).touch()
