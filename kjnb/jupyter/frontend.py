"""What is at the other end of this kernel: a page that runs widgets, a program that executes cells, or a terminal.

Kept apart because it is all one must know of ipykernel: which request a display belongs to, and how a widget gets its
clicks while another cell computes.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable
from typing import Any

from IPython.core.getipython import get_ipython


def kernel() -> Any | None:
    """The ipykernel this runs in, or None in a terminal or plain Python."""
    return getattr(get_ipython(), "kernel", None)


def runs_widgets() -> bool:
    """Whether a page asked for this cell: pages name the cell in the request, nbclient and papermill do not."""
    here = kernel()
    return bool(here is not None and (here.get_parent("shell") or {}).get("metadata"))


def hears_while_busy() -> bool:
    """Whether what a page asks is heard while a cell computes: by kernels with subshells."""
    here = kernel()
    return here is not None and "kernel subshells" in here.kernel_info.get("supported_features", [])


class Computing:
    """Whether a cell computes, told to `changed` in the kernel's own thread; made while one does."""

    def __init__(self, changed: Callable[[bool], None]) -> None:
        self._changed = changed
        self._events = get_ipython().events
        self._events.register("pre_run_cell", self._begin)
        self._events.register("post_run_cell", self._end)

    def close(self) -> None:
        """Hear of no more cells."""
        for event, act in (("pre_run_cell", self._begin), ("post_run_cell", self._end)):
            with contextlib.suppress(ValueError):
                self._events.unregister(event, act)

    def _begin(self, *_: Any) -> None:
        self._changed(True)

    def _end(self, *_: Any) -> None:
        self._changed(False)


def widget_context() -> contextvars.Context:
    """The context in which to open a widget's comm and to send on it.

    ipykernel answers a comm's messages in the shell or subshell that sent on it last. With an empty parent that is the
    subshell the page asks on, so a click arrives while a cell computes; with the cell's own it waits for those queued.
    """
    context = contextvars.copy_context()
    here = kernel()
    if here is None or not hears_while_busy():
        return context
    ident, parent = here._parent_ident["shell"], here.get_parent("shell")
    context.run(here.set_parent, [], {}, "shell")
    here.set_parent(ident, parent, "shell")  # what threads without a context fall back on is the cell again
    return context
