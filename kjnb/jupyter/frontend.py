"""What is at the other end of this kernel: a page that runs widgets, a program that executes cells, or a terminal.

Kept apart because it is all one must know of ipykernel: which request a display belongs to, and how a widget gets its
clicks while another cell computes.
"""

from __future__ import annotations

import contextvars
from typing import Any

from IPython.core.getipython import get_ipython


def kernel() -> Any | None:
    """The ipykernel this runs in, or None in a terminal or plain Python."""
    return getattr(get_ipython(), "kernel", None)


def runs_widgets() -> bool:
    """Whether a page asked for this cell: pages name the cell in the request, nbclient and papermill do not."""
    here = kernel()
    return bool(here is not None and (here.get_parent("shell") or {}).get("metadata"))


def widget_context() -> contextvars.Context:
    """The context in which to open a widget's comm and to send on it.

    ipykernel answers a comm's messages in the shell or subshell that sent on it last. With an empty parent that is the
    subshell the page asks on, so a click arrives while a cell computes; with the cell's own it waits for those queued.
    """
    context = contextvars.copy_context()
    here = kernel()
    if here is None or "kernel subshells" not in here.kernel_info.get("supported_features", []):
        return context
    ident, parent = here._parent_ident["shell"], here.get_parent("shell")
    context.run(here.set_parent, [], {}, "shell")
    here.set_parent(ident, parent, "shell")  # what threads without a context fall back on is the cell again
    return context
