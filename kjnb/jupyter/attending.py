"""What a page asks of a view: heard in any thread, done in the view's own, and what may take time in one of its own.

Who looks is known here, too: a view that no page shows is not drawn. A page says every few seconds that it is looked
at, because one that is closed, asleep or gone says nothing any more.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from kjnb.errors import KjnbError
from kjnb.jupyter import doing
from kjnb.jupyter.panel import Asked
from kjnb.run import peek
from kjnb.run.handle import Run

SEEN_FOR = 12.0  # seconds: three of a page's signs
OPENING = 30.0  # seconds in which a page that was just told of a view may still be loading it
T = TypeVar("T")


class Attending:
    """The asks of one view. `live` is set once there is one; `changed` wakes the view's thread."""

    def __init__(self, run: Run, changed: Callable[[], None], *, hears: bool) -> None:
        self.run = run
        self.live: Any = None
        self.is_stale = False  # something was opened: the view is to be drawn anew
        self._changed = changed
        self._hears = hears  # whether pages are heard while a cell computes; else silence says nothing
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._views: dict[str, float] = {}
        self._pages: set[str] = set()
        self._opened = time.monotonic()
        self._looked = 0
        self._doing: set[str] = set()

    @property
    def is_seen(self) -> bool:
        """Whether somebody looks, or may in a moment."""
        now = time.monotonic()
        return not self._hears or now - self._opened < OPENING or any(now < at for at in self._views.values())

    @property
    def was_loaded_again(self) -> bool:
        """Whether a page was loaded after the one it was opened in: there only the widget moves."""
        return len(self._pages) > 1

    def ask(self, asked: Asked) -> None:
        """Hear what a page asks, in any thread."""
        self._later(partial(self._do, asked))

    def work(self) -> None:
        """Do what is to be done, in the view's thread."""
        while not self._todo.empty():
            self._todo.get()()

    def _later(self, act: Callable[[], None]) -> None:
        self._todo.put(act)
        self._changed()

    def _aside(self, act: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do something that may take time in a thread of its own, and what follows in the view's."""
        work = lambda: self._later(partial(then, act()))  # noqa: E731
        threading.Thread(target=work, name=f"kjnb-do-{self.run.name}", daemon=True).start()

    def _do(self, asked: Asked) -> None:
        do = asked["do"]
        if do in ("seen", "unseen"):
            self._pages.add(str(asked.get("page")))
            return self._see(do, str(asked.get("view")))
        self.live.heard(asked)
        if do in doing.DO:
            return self._act(do, asked)
        act = {
            "cell": self._cell,
            "whole": lambda _: self._zoom(None),
            "group": self._group,
            "more": self._more,
            "look": self._look,
            "unlook": self._unlook,
        }.get(do)
        return act(asked) if act else None

    def _see(self, do: str, view: str) -> None:
        self._opened = float("-inf")
        was_seen = self.is_seen
        self._views[view] = time.monotonic() + SEEN_FOR if do == "seen" else 0.0
        self._views = {name: at for name, at in self._views.items() if at > time.monotonic()}
        self.is_stale = self.is_stale or (self.is_seen and not was_seen)

    # ---- buttons

    def _act(self, do: str, asked: Asked) -> None:
        if do in self._doing:
            return self.live.answer(f"{do}: still at it")  # type: ignore[no-any-return]
        self._doing.add(do)
        self.live.answer("")
        return self._aside(partial(doing.done, self.run, asked), self._acted)

    def _acted(self, done: doing.Done) -> None:
        self._doing.discard(done.do)
        if done.refused:
            self.live.refused[done.do] = done.said
        self.live.gone = self.run.cluster is None
        self.live.answer(f"{done.do}: {done.said}")
        self.is_stale = True

    def learn_room(self) -> None:
        """Have it looked up how many pods the cluster has room for."""
        self._aside(partial(doing.room, self.run), self._roomy)

    def _roomy(self, room: int | None) -> None:
        self.live.room = room
        self.is_stale = True

    # ---- what is looked at

    def _cell(self, asked: Asked) -> None:
        indexes = self.live.indexes_at(asked["row"], asked["column"])
        if len(indexes) > 1:
            self._zoom(indexes)
        elif indexes:
            self._look({"index": indexes.start})

    def _zoom(self, indexes: range | None) -> None:
        self.live.zoom(indexes)
        self.is_stale = True

    def _group(self, asked: Asked) -> None:
        self.live.open(str(asked.get("group", "")))
        self._read_lines()

    def _more(self, _: Asked) -> None:
        self.live.more()
        self._read_lines()

    def _read_lines(self) -> None:
        self.is_stale = True
        unread = self.live.unread(self.run.state)
        if unread:
            self._aside(partial(peek.last_lines, self.run, unread), self._lines)

    def _lines(self, found: dict[str, bytes]) -> None:
        self.live.read(found)
        self.is_stale = True

    def _look(self, asked: Asked) -> None:
        index, number = asked.get("index"), asked.get("number", -1)
        if not (isinstance(index, int) and isinstance(number, int) and 0 <= index < self.run.completions):
            return
        self._looked += 1
        self._aside(partial(looked_at, self.run, index, number), partial(self._found, self._looked))

    def _found(self, look: int, found: peek.Peek) -> None:
        if look == self._looked:  # else something else is looked at by now
            self.live.look(self.run.state, self.run.now(), found)
            self.is_stale = True

    def _unlook(self, _: Asked) -> None:
        self._looked += 1
        self.live.look(self.run.state, self.run.now(), None)
        self.is_stale = True


def looked_at(run: Run, index: int, number: int) -> peek.Peek:
    """Look at an attempt; a stage that cannot be read is said."""
    try:
        return peek.peek(run, index, number)
    except (KjnbError, OSError) as error:
        return peek.Peek(index, 0, 0, b"", "", str(error).partition("\n")[0])
