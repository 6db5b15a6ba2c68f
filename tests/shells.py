"""IPython's shell as a user has one, but for the history.

IPython keeps every shell until the process exits, and joins the history's thread of each then: a tenth of a second for
each test that had one.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
from collections.abc import Iterator

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

NO_HISTORY = Config({"HistoryManager": {"enabled": False}})


@contextlib.contextmanager
def own_shell() -> Iterator[InteractiveShell]:
    """A shell that ends here, and is let go; IPython collects garbage then, and need not look at all that is older."""
    gc.freeze()
    made = InteractiveShell(config=NO_HISTORY)
    try:
        yield made
    finally:
        atexit.unregister(made.atexit_operations)
        made.atexit_operations()
        gc.unfreeze()
