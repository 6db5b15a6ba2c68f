"""What is to happen to a pod later, and the tasks that run for it; all of it forgotten with the pod."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Timers:
    """Timers and tasks by name: a pod's uid, or a process's id."""

    def __init__(self) -> None:
        self._timers: dict[str, set[asyncio.TimerHandle]] = {}
        self._tasks: dict[str, set[asyncio.Task[Any]]] = {}

    def later(self, name: str, delay: float, act: Callable[[], None]) -> None:
        """Do it after so many seconds."""
        mine = self._timers.setdefault(name, set())

        def due() -> None:
            mine.discard(timer)
            if not mine and self._timers.get(name) is mine:
                del self._timers[name]
            act()

        timer = asyncio.get_running_loop().call_later(delay, due)
        mine.add(timer)

    def run(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run it beside everything else."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        mine = self._tasks.setdefault(name, set())
        mine.add(task)

        def done(task: asyncio.Task[Any]) -> None:
            mine.discard(task)
            if not mine and self._tasks.get(name) is mine:
                del self._tasks[name]

        task.add_done_callback(done)

    def cancel(self, name: str) -> None:
        """Let nothing happen any more under that name."""
        for timer in self._timers.pop(name, ()):
            timer.cancel()
        for task in list(self._tasks.pop(name, ())):
            if task is not asyncio.current_task():
                task.cancel()

    def cancel_all(self) -> None:
        """Let nothing happen any more."""
        for name in [*self._timers, *self._tasks]:
            self.cancel(name)
