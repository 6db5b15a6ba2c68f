"""The errors a user can meet. Every message says what happened, where, and what to do next.

KjnbError
├── UsageError            a call, a flag or a cell that cannot be carried out as written; nothing was created
│   ├── DataError         a frame, a column, a key or a partitioning
│   ├── TaskError         a function or a cell's body: syntax, names, what cannot be pickled
│   └── NameTaken         a run name that belongs to another task, another user or a foreign Job
├── RunNotFound           no run of that name here, or several
├── RunFailed             the run is over and indexes have no result
├── RunTimeout            the time one was willing to wait is over; the run goes on
├── StageError            the run's folder: missing, unwritable, torn, or not to be trusted
└── ClusterError          an answer of the API server that was not a yes
    ├── Unreachable       no answer at all
    ├── NotFound          404
    ├── Conflict          409: the name exists, or the object changed meanwhile
    ├── Forbidden         401 and 403: who asked may not
    └── Expired           410: the watch must list again
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import Any


class KjnbError(Exception):
    """What happened, and in `fix` what to do next; both are shown. `run` names the run that a fix means by "run"."""

    def __init__(self, what: str, *, fix: str = "", run: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.run = run

    def __str__(self) -> str:
        return f"{self.what}\n  -> {self.fix}" if self.fix else self.what

    def _render_traceback_(self) -> list[str]:
        """IPython asks for this: the caller's own lines and our words, not the way through our code nor what caused it.

        `raise` and `%debug` are not changed by it, nor is a traceback in plain Python.
        """
        trace = without_ours(self.__traceback__)
        shell = sys.modules["IPython"].get_ipython()
        if shell is None:
            return "".join(traceback.format_exception(type(self), self, trace, chain=False)).splitlines()
        hidden, self.__suppress_context__ = self.__suppress_context__, True
        cause, self.__cause__ = self.__cause__, None
        try:
            told: list[str] = shell.InteractiveTB.structured_traceback(type(self), self, trace, tb_offset=0)
            return told
        finally:
            self.__cause__, self.__suppress_context__ = cause, hidden


def without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Copy a traceback without the frames of this package and of IPython."""
    kept = []
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] not in ("kjnb", "IPython"):
            kept.append(trace)
        trace = trace.tb_next
    copied = None
    for one in reversed(kept):
        copied = TracebackType(copied, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return copied


class UsageError(KjnbError, ValueError):
    """A call, a flag or a cell that cannot be carried out as written; nothing was created."""


class DataError(UsageError):
    """A frame, a column, a key or a partitioning that cannot be used."""


class TaskError(UsageError):
    """A function or a cell's body that cannot travel."""


class NameTaken(UsageError):
    """A run name that belongs to something else."""


class RunNotFound(KjnbError, LookupError):
    """No run of that name, or more than one: `candidates` lists those."""

    def __init__(self, what: str, *, fix: str = "", candidates: tuple[str, ...] = ()) -> None:
        super().__init__(what, fix=fix)
        self.candidates = candidates


class RunFailed(KjnbError):
    """The run named `run` is over and `indexes` have no result."""

    def __init__(self, what: str, *, fix: str = "", indexes: tuple[int, ...] = (), run: str = "") -> None:
        super().__init__(what, fix=fix, run=run)
        self.indexes = indexes


class RunTimeout(KjnbError, TimeoutError):
    """The time one was willing to wait is over; the run itself goes on."""


class StageError(KjnbError):
    """The run's folder is missing, unwritable, torn, or not to be trusted."""


class ClusterError(KjnbError):
    """An answer of the API server that was not a yes: HTTP `status`, the API's `reason` and `details`."""

    def __init__(
        self, what: str, *, fix: str = "", status: int = 0, reason: str = "", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(what, fix=fix)
        self.status = status
        self.reason = reason
        self.details = details or {}


class Unreachable(ClusterError):
    """No answer at all."""


class NotFound(ClusterError):
    """404: no such object, or no such path."""


class Conflict(ClusterError):
    """409: the name exists (reason AlreadyExists), or the object changed meanwhile (reason Conflict)."""


class Forbidden(ClusterError):
    """401 or 403: who asked may not."""


class Expired(ClusterError):
    """410: the version is too old; list again."""
