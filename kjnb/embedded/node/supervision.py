"""The server's end of the supervisor: starts it when there is none, finds it again after a cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from kjnb.embedded.node import wire
from kjnb.embedded.node.supervisor import socket_path

START_WITHIN = 20.0  # seconds until a supervisor that was started must answer
RETRY = 0.02  # seconds


class SupervisorMissingError(RuntimeError):
    """No supervisor could be started; its log says why."""


class Supervision:
    """A connection to the one supervisor of a state folder.

    `reports()` yields what it says in batches, for ever; every (re)connection begins with a Listing. `send()` never
    blocks; what is sent while the connection is cut is dropped, and the Listing that follows tells the kubelet what to
    send again.
    """

    def __init__(self, state: Path, *, python: str = sys.executable) -> None:
        self.state = state
        self._python = python
        self._writer: asyncio.StreamWriter | None = None
        self._ending = False
        self.over = False  # whether the supervisor was told to end, and has
        self._child: subprocess.Popen[bytes] | None = None

    async def reports(self) -> AsyncIterator[list[wire.Report]]:
        """Batches of reports, in the order in which they were told; over only after an End."""
        while not self._ending:
            reader, self._writer = await self._connect()
            frames = wire.reports()
            self.send(wire.End() if self._ending else wire.List())
            with contextlib.suppress(OSError):
                while data := await reader.read(1 << 18):
                    batch = frames.feed(data)
                    if batch:
                        yield batch  # type: ignore[misc]
            self._writer.close()
        self.over = True

    def send(self, order: wire.Order) -> None:
        """Give an order; after End no other supervisor is started."""
        self._ending = self._ending or isinstance(order, wire.End)
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(wire.frame(order))

    def close(self) -> None:
        """Let go of the connection; the supervisor goes on."""
        if self._writer is not None:
            self._writer.close()

    async def end(self, within: float = 20.0) -> None:
        """End the supervisor and every container; not while `reports` is read, that would start another.

        A supervisor that was just started and does not listen yet is waited for: nobody would end it later.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                starting = True
                while starting:
                    starting = self._child is not None and self._child.poll() is None
                    if await self._asked_to_end():
                        return
                    await asyncio.sleep(RETRY)

    async def _asked_to_end(self) -> bool:
        """Whether a supervisor heard the End; then it has closed the connection, too."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(socket_path(self.state)))
        except OSError:
            return False
        with contextlib.suppress(OSError):
            writer.write(wire.frame(wire.End()))
            while await reader.read(1 << 16):
                continue
        writer.close()
        return True

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_WITHIN
        self._child = None
        while loop.time() < deadline:
            if self._child is None or self._child.poll() is not None:
                with contextlib.suppress(OSError):
                    return await asyncio.open_unix_connection(str(socket_path(self.state)), limit=1 << 18)
                if self._child is None or self._child.returncode:
                    self._child = spawn(self.state, self._python)
            await asyncio.sleep(RETRY)
        raise SupervisorMissingError(f"the supervisor does not answer; see {self.state / 'supervisor.log'}")


def spawn(state: Path, python: str = sys.executable) -> subprocess.Popen[bytes]:
    """Start a supervisor in a session of its own, with a log of its own; it ends at once if there is one already."""
    log = os.open(state / "supervisor.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return subprocess.Popen(
            [python, "-m", "kjnb.embedded.node.supervisor", str(state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**os.environ, "PYTHONPATH": _import_path()},
            start_new_session=True,
        )
    finally:
        os.close(log)


def _import_path() -> str:
    """Where this kjnb is, so that the supervisor is of the same version wherever it is started."""
    return str(Path(__file__).resolve().parents[3])
