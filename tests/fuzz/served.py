"""The real server, store and loops in a thread of the test's own, met over HTTPS; there is no node, so nothing runs.

What the server's log says of errors is kept: a request that leaves a traceback there is a fault, whatever it answered.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import pathlib
import ssl
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import urllib3

from kjnb.embedded import credentials, serve
from kjnb.embedded.api.server import Context, listen
from kjnb.embedded.api.verbs import Api
from kjnb.embedded.controllers.loops import start_loops
from kjnb.embedded.store.store import Store

T = TypeVar("T")
PATIENCE = 20  # seconds for one answer on a busy machine; a hang is a failure
Object = dict[str, Any]


class Answer(NamedTuple):
    """What came back."""

    code: int
    body: bytes
    type: str

    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Errors(logging.Handler):
    """The records of errors, kept."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(logging.Formatter().format(record))


class NoLogs:
    """No container ever printed anything."""

    def log_file(self, *_: Any, **__: Any) -> None:
        """There is none."""
        return


class Served:
    """A running server; `call` asks it, `look` runs a function in its thread, `close` ends it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.made = credentials.ensure(folder)
        self.errors = Errors()
        logging.getLogger().addHandler(self.errors)
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(self._unhandled)
        self.thread = threading.Thread(target=self._run, name="served")
        ready = threading.Event()
        self.loop.call_soon(self._start, folder, ready)
        self.thread.start()
        assert ready.wait(PATIENCE)
        authority = ssl.create_default_context(cafile=str(self.made.certificate))
        self.http = urllib3.PoolManager(ssl_context=authority, retries=False, timeout=PATIENCE)
        self.headers = {"Authorization": f"Bearer {self.made.token}", "Content-Type": "application/json"}

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _start(self, folder: pathlib.Path, ready: threading.Event) -> None:
        def clock() -> datetime:
            return datetime.now(UTC)

        def uid() -> str:
            return str(uuid.uuid4())

        numbers = itertools.count()
        self.store = Store(folder / "objects.sqlite", clock=clock, new_uid=uid)
        serve.ensure_objects(self.store, folder, 10.0)
        context = Context(Api(self.store, clock=clock, new_uid=uid), self.made.token, "fuzz", NoLogs(), clock)
        self.server, port = listen(context, str(self.made.certificate), str(self.made.key), 0)
        self.port = port
        self.tasks = start_loops(self.store, clock=clock, names=lambda: f"{next(numbers):05d}", backoff_base=10)
        ready.set()

    def _unhandled(self, _: Any, context: Object) -> None:
        self.errors.found.append(f"{context.get('message')}: {context.get('exception')!r}")

    def call(self, method: str, path: str, body: bytes | None = None, headers: Object | None = None) -> Answer:
        """Ask; `headers` beside the token and the type of JSON."""
        sent = {**self.headers, **(headers or {})}
        got = self.http.request(method, f"https://127.0.0.1:{self.port}{path}", body=body, headers=sent)
        return Answer(got.status, got.data, got.headers.get("Content-Type", ""))

    def look(self, function: Callable[[Store], T]) -> T:
        """What the function makes of the store, in the server's own thread."""

        async def run() -> T:
            return function(self.store)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(PATIENCE)

    def faults(self) -> list[str]:
        """Errors logged since the last call, and loops that ended."""
        found, self.errors.found = self.errors.found, []
        return found + [f"{task.get_name()} ended" for task in self.tasks if task.done()]

    def close(self) -> None:
        """End everything."""

        async def end() -> None:
            self.server.stop()
            await serve.ended(self.tasks)
            self.store.close()
            await self.server.close_all_connections()

        self.http.clear()
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        self.loop.close()
        logging.getLogger().removeHandler(self.errors)
