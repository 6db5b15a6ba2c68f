"""The supervisor's end of the kubelet's connection: where it listens, bytes in, orders out, reports that wait."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from kjnb.embedded.supervisor import wire

SOCKET_NAME_LIMIT = 100  # bytes; the kernel takes 107


class Peer:
    """The kubelet's connection: bytes in, orders out, and reports that wait until the socket takes them."""

    def __init__(
        self,
        connection: socket.socket,
        selector: selectors.BaseSelector,
        obey: Callable[[wire.Order], None],
        lose: Callable[[Peer], None],
    ) -> None:
        connection.setblocking(False)
        self.connection = connection
        self._selector, self._obey, self._lose = selector, obey, lose
        self._frames = wire.orders()
        self._unsent = bytearray()
        selector.register(connection, selectors.EVENT_READ, self._ready)

    def send(self, report: wire.Report) -> None:
        """Queue a report; the loop sends what a turn has gathered in one write."""
        self._unsent += wire.frame(report)

    def flush(self) -> None:
        """Send what the socket takes, and wait for it to take the rest."""
        try:
            if self._unsent:
                del self._unsent[: self.connection.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._lose(self)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        if self._selector.get_key(self.connection).events != wanted:
            self._selector.modify(self.connection, wanted, self._ready)

    def _ready(self, events: int) -> None:
        if not events & selectors.EVENT_READ or self.connection.fileno() < 0:
            return
        try:
            data = self.connection.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose(self)
            return
        for order in self._frames.feed(data):
            self._obey(order)  # type: ignore[arg-type]

    def close(self) -> None:
        """Forget the connection; reports stay in the journal until somebody asks."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self.connection)
        self.connection.close()


def socket_path(state: Path) -> Path:
    """Where the supervisor of that state listens: in its folder, or where a long folder's record points."""
    direct = state / "supervisor.sock"
    if len(os.fsencode(direct)) <= SOCKET_NAME_LIMIT:
        return direct
    record = state / "supervisor.socket"
    return Path(record.read_text(encoding="utf-8")) if record.exists() else direct


def listen(state: Path) -> socket.socket:
    """Open the socket, mode 0600, in the state's folder; in a private short one if its name is too long."""
    path = state / "supervisor.sock"
    if len(os.fsencode(path)) > SOCKET_NAME_LIMIT:
        path = Path(tempfile.mkdtemp(prefix="kjnb-", dir="/tmp")) / "supervisor.sock"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(8)
    record = state / "supervisor.socket"
    record.with_suffix(".new").write_text(str(path), encoding="utf-8")
    record.with_suffix(".new").replace(record)
    return listener
