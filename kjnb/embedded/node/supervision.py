"""The server's end of the supervisor: starts it when there is none, finds it again after a cut."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from kjnb.embedded.supervisor import wire
from kjnb.embedded.supervisor.peer import socket_path
from kjnb.embedded.supervisor.processes import own_version

START_WITHIN = 20.0  # seconds until a supervisor that was started must answer
RETRY = 0.02  # seconds
KILLED_WITHIN = 5.0  # seconds until a supervisor that was killed has gone


class SupervisorMissingError(RuntimeError):
    """No supervisor could be started; its log says why."""


class Supervision:
    """A connection to the one supervisor of a state folder.

    `reports()` yields what it says in batches, for ever; every (re)connection begins with a Listing. `send()` never
    blocks; what is sent while the connection is cut is dropped, and the Listing that follows tells the kubelet what to
    send again.
    """

    def __init__(self, state: Path, *, python: str = sys.executable, version: str | None = None) -> None:
        self.state = state
        self._version = version or own_version()
        self._python = python
        self._writer: asyncio.StreamWriter | None = None
        self._ending = False
        self.over = False  # whether the supervisor was told to end, and has
        self._child: subprocess.Popen[bytes] | None = None
        self._unsent = bytearray()

    async def reports(self) -> AsyncIterator[list[wire.Report]]:
        """Batches of reports, in the order in which they were told; over only after an End."""
        while not self._ending:
            reader, self._writer = await self._connect()
            self._unsent.clear()  # that was for the connection before
            frames = wire.reports()
            self.send(wire.End() if self._ending else wire.List())
            with contextlib.suppress(OSError):
                while data := await reader.read(1 << 18):
                    batch = frames.feed(data)
                    if self._is_outdated(batch):
                        self._writer.write(wire.frame(wire.End()))
                    elif batch:
                        yield batch  # type: ignore[misc]
            self._writer.close()
        self.over = True

    def _is_outdated(self, batch: list[wire.Order | wire.Report]) -> bool:
        """Whether this is the Listing of an idle supervisor that an earlier kjnb left: it gives way to a new one."""
        if self._child is not None or not batch or not isinstance(batch[0], wire.Listing):
            return False
        said = batch[0]
        return said.version != self._version and not said.running and not said.exited

    def send(self, order: wire.Order) -> None:
        """Give an order, with all others of this turn of the loop; after End no other supervisor is started."""
        self._ending = self._ending or isinstance(order, wire.End)
        if self._writer is None or self._writer.is_closing():
            return
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush, self._writer)
        self._unsent += wire.frame(order)

    def _flush(self, writer: asyncio.StreamWriter) -> None:
        """Write what was gathered for that connection, if it is still the one."""
        if writer is self._writer and not writer.is_closing():
            writer.write(bytes(self._unsent))
            self._unsent.clear()

    def close(self) -> None:
        """Let go of the connection; the supervisor goes on."""
        if self._writer is not None:
            self._flush(self._writer)
            self._writer.close()

    async def end(self, within: float = 20.0) -> None:
        """End the supervisor and every container; not while `reports` is read, that would start another.

        One that was just started is waited for: nobody would end it later.
        """
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._child.wait, within)  # from then on it holds its lock
        await asyncio.to_thread(end_supervisor, self.state, within)

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


def is_supervised(state: Path) -> bool:
    """Whether a supervisor of that state lives: it holds a lock from its first moment to its last."""
    try:
        lock = os.open(state / "supervisor.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def end_supervisor(state: Path, within: float = 20.0) -> bool:
    """End the supervisor of that state and every container; whether there was one. One that hangs is killed.

    Only for who holds the server's place: nobody may be starting another supervisor meanwhile.
    """
    limit = time.monotonic() + within
    found = False
    while is_supervised(state):
        found = True
        if time.monotonic() < limit:
            _ask_to_end(state)
        elif time.monotonic() < limit + KILLED_WITHIN:
            with contextlib.suppress(OSError, ValueError):
                os.kill(int((state / "supervisor.lock").read_text()), signal.SIGKILL)
        else:
            break
        time.sleep(RETRY)
    return found


def _ask_to_end(state: Path) -> None:
    """Say End, and listen until the supervisor has gone or for a second; one that still starts does not hear it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        connection.connect(str(socket_path(state)))
        connection.sendall(wire.frame(wire.End()))
        while connection.recv(1 << 16):
            continue


def spawn(state: Path, python: str = sys.executable) -> subprocess.Popen[bytes]:
    """Start a supervisor in a session of its own, with a log of its own; it ends at once if there is one already."""
    log = os.open(state / "supervisor.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return subprocess.Popen(
            [python, "-m", "kjnb.embedded.supervisor.supervisor", str(state)],
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
