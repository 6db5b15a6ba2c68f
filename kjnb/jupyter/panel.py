"""What stands above and below the chart: widgets of our own, whose page part shows text as text and answers at once.

They hold what the page shows, nothing else; only the monitor's thread sets it, and what a page asks is handed on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

PAGE = Path(__file__).parent / "page"
SCRIPT, STYLE = (PAGE.joinpath(name).read_text(encoding="utf-8") for name in ("panel.js", "panel.css"))
TOLD = {"sync": True, "echo_update": False}
Asked = dict[str, Any]


class Panel(anywidget.AnyWidget):
    """One part of the view; `ask` is called with each thing a page asks, in whatever thread that is heard."""

    _esm = SCRIPT
    _css = STYLE
    role = traitlets.Unicode().tag(**TOLD)
    name = traitlets.Unicode().tag(**TOLD)
    heard = traitlets.Unicode().tag(**TOLD)
    busy = traitlets.Bool(False).tag(**TOLD)

    def __init__(self, ask: Callable[[Asked], None], **told: Any) -> None:
        super().__init__(**told)
        self._ask = ask
        self.on_msg(self._hear)

    def tell(self, **told: Any) -> None:
        """Show something else: one message with what differs, none if nothing does."""
        with self.hold_sync():
            for name, value in told.items():
                setattr(self, name, value)

    def _hear(self, _: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict) and isinstance(content.get("do"), str):
            self._ask(content)


class Top(Panel):
    """The line of words, what keeps the run, the buttons, and what came of the last press."""

    line = traitlets.Unicode().tag(**TOLD)
    why = traitlets.Unicode().tag(**TOLD)
    answer = traitlets.Unicode().tag(**TOLD)
    hint = traitlets.Unicode().tag(**TOLD)
    inside = traitlets.Bool(False).tag(**TOLD)
    controls = traitlets.Dict().tag(**TOLD)


class Bottom(Panel):
    """Failures by group, the indexes of an opened group, and one index with its log."""

    groups = traitlets.Dict().tag(**TOLD)
    opened = traitlets.Dict().tag(**TOLD)
    detail = traitlets.Dict().tag(**TOLD)
