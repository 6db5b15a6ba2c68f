"""kjnb: a DataFrame through a Kubernetes Indexed Job and back, from a notebook.

    import kjnb
    run = kjnb.launch(fn, df, partitions=8)
    run.result()

Names are loaded when they are first used: importing kjnb costs next to nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kjnb.connect import connect, use
    from kjnb.jupyter.launcher import launcher
    from kjnb.jupyter.monitor import monitor
    from kjnb.model.partition import partition
    from kjnb.report import report
    from kjnb.run.handle import Run, attach, runs
    from kjnb.run.launch import launch

PLACES = {
    "use": "kjnb.connect",
    "connect": "kjnb.connect",
    "partition": "kjnb.model.partition",
    "launch": "kjnb.run.launch",
    "attach": "kjnb.run.handle",
    "runs": "kjnb.run.handle",
    "Run": "kjnb.run.handle",
    "monitor": "kjnb.jupyter.monitor",
    "launcher": "kjnb.jupyter.launcher",
    "report": "kjnb.report",
    "chart": "kjnb.run.handle",
}
ERRORS = ["KjnbError", "UsageError", "DataError", "TaskError", "NameTaken", "RunNotFound", "RunFailed", "RunTimeout"]
ERRORS += ["StageError", "ClusterError", "Unreachable", "NotFound", "Conflict", "Forbidden", "Expired"]

__all__ = [  # noqa: PLE0604, RUF100
    "Run",
    "attach",
    "chart",
    "connect",
    "launch",
    "launcher",
    "monitor",
    "partition",
    "report",
    "runs",
    "use",
    *ERRORS,
]


class _Package(ModuleType):
    """The package itself; a submodule never hides the function of the same name (launch, connect, report)."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in PLACES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    place = PLACES.get(name) or ("kjnb.errors" if name in ERRORS else None)
    if place is None:
        raise AttributeError(f"module 'kjnb' has no attribute {name!r}")
    value = getattr(importlib.import_module(place), name)
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *PLACES, *ERRORS])


def load_ipython_extension(shell: Any) -> None:
    """Register the magics: what `%load_ext kjnb` calls."""
    importlib.import_module("kjnb.jupyter.magics").load_ipython_extension(shell)
