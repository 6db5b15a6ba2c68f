"""A server that kills itself with SIGKILL at its n-th commit, before, within or after it; started as a program.

`python -m tests.chaos.mortal HOME COMMITS MOMENT`. What it commits is written beside the store, change by change,
before it is committed: a test can go through the whole history, over every server that there was.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from kjnb.embedded.serve import new_uid, now, serve
from kjnb.embedded.store.store import Store

MOMENTS = ("before", "within", "after", "announced")
HISTORY = "history.jsonl"


class Mortal(Store):
    """Dies in the `commits`-th commit; 0: never."""

    def __init__(self, path: Path, commits: int, moment: str) -> None:
        super().__init__(path, clock=now, new_uid=new_uid)
        self.left, self.moment = commits or -1, moment
        self.history = os.open(path.with_name(HISTORY), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._told = self._committed_rv
        self.tell({"begun": self._committed_rv})
        if moment == "within":
            self._database._db.set_trace_callback(self.hear)  # type: ignore[union-attr]

    def tell(self, record: dict[str, Any]) -> None:
        os.write(self.history, json.dumps(record).encode() + b"\n")

    def hear(self, statement: str) -> None:
        if statement.startswith("INSERT OR REPLACE INTO version") and self.left == 0:
            die()

    def flush(self) -> None:
        """Write down what will be committed, and die at the drawn moment of the drawn commit."""
        new = [event for event in self._pending if event.rv > self._told]
        if not new:
            return super().flush()
        for event in new:
            self.tell({"type": event.type, "resource": event.resource, "obj": event.obj, "rv": event.rv})
        self._told = new[-1].rv
        self.left -= 1
        if self.left == 0 and self.moment == "before":
            die()
        super().flush()
        if self.left == 0:
            die()
        return None

    def _announce(self, events: Any) -> None:
        if self.left == 0 and self.moment == "after":
            die()
        super()._announce(events)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    home, commits, moment = sys.argv[1:]
    sys.exit(serve(home, backoff_base=0.2, port=0, opened=lambda path: Mortal(path, int(commits), moment)))
