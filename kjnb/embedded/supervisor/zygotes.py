"""The supervisor's side of the zygotes: which interpreter has one, is it still true, what was it asked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import time
from collections import deque
from pathlib import Path
from typing import Any

from kjnb.embedded.supervisor import zygote as program
from kjnb.embedded.supervisor.processes import anonymous_bytes, die_first

LOOK_EVERY = 0.02  # seconds between two looks at the installed distributions
WARM_WITHIN = 30.0  # seconds after which a zygote that is not ready is given up
AT_MOST = 3  # zygotes; the one unused for longest goes first


class Distributions:
    """What is installed for an interpreter: a digest that is counted again only when a folder's time has changed."""

    def __init__(self, watch: list[str]) -> None:
        self._watch = watch
        self._looked = time.monotonic()
        self._times = self._read_times()
        self._digest = self._read_digest()

    def changed(self, now: float) -> bool:
        """Whether something was installed, removed or upgraded since this object was made."""
        if now - self._looked < LOOK_EVERY:
            return False
        self._looked = now
        times = self._read_times()
        if times == self._times:
            return False
        self._times = times
        return self._read_digest() != self._digest

    def _read_times(self) -> list[int]:
        return [_changed_at(path) for path in self._watch]

    def _read_digest(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for folder in self._watch:
            if not os.path.isdir(folder):
                digest.update(f"{folder} {_changed_at(folder)}\n".encode())
                continue
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if entry.name.endswith((".dist-info", ".egg-info", ".pth", ".egg-link", ".py")):
                        digest.update(f"{entry.path} {_changed_at(entry.path)}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


def _changed_at(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


class Zygote:
    """One warm process. `queue` holds what could not be sent yet, `asked` what was sent and has no birth so far."""

    def __init__(self, python: str, pid: int, channel: socket.socket) -> None:
        self.python = python
        self.pid = pid
        self.channel = channel
        self.made = self.used = time.monotonic()
        self.ready = False
        self.retired = False
        self.baseline = 0  # bytes that every child shares with it
        self.distributions: Distributions | None = None
        self.queue: deque[tuple[str, bytes]] = deque()
        self.asked: set[str] = set()

    def ask(self, name: str, request: dict[str, Any]) -> bool:
        """Queue a fork; False if the request is too long for one datagram."""
        data = json.dumps(request).encode()
        if len(data) > program.REQUEST_LIMIT:
            return False
        self.used = time.monotonic()
        self.queue.append((name, data))
        self.flush()
        return True

    def flush(self) -> None:
        """Send what the socket takes."""
        while self.ready and self.queue:
            name, data = self.queue[0]
            try:
                self.channel.send(data)
            except OSError:  # full, or its end has come: reading will tell
                return
            self.queue.popleft()
            self.asked.add(name)

    def receive(self) -> tuple[list[dict[str, Any]], bool]:
        """Everything it and its children have said; and whether nobody is left to say more."""
        messages: list[dict[str, Any]] = []
        while True:
            try:
                data = self.channel.recv(1 << 16)
            except BlockingIOError:
                return messages, False
            except OSError:
                return messages, True
            if not data:
                return messages, True
            message = json.loads(data)
            if "ready" in message:
                self._be_ready(message)
            self.asked.discard(message.get("born") or message.get("failed") or "")
            messages.append(message)

    def _be_ready(self, message: dict[str, Any]) -> None:
        self.ready = True
        self.baseline = anonymous_bytes(self.pid)
        self.distributions = Distributions(message["watch"])
        self.flush()

    def is_stale(self) -> bool:
        """Whether another set of distributions is installed than when it was warmed, or it never got warm."""
        now = time.monotonic()
        if self.distributions is None:
            return now - self.made > WARM_WITHIN
        return self.distributions.changed(now)

    def retire(self) -> None:
        """Take no more requests; it ends when it has forked for those it has."""
        self.retired = True
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)


def start(python: str, env: dict[str, str], journal: int, log: Path) -> Zygote:
    """Exec a zygote: fresh, in its own session, with nothing inherited but the journal and one end of a socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    pid = os.fork()
    if pid == 0:
        _exec(python, env, (journal, theirs.fileno()), log)
    theirs.close()
    return Zygote(python, pid, ours)


def _exec(python: str, env: dict[str, str], descriptors: tuple[int, int], log: Path) -> None:
    try:
        os.setsid()
        die_first()
        null = os.open("/dev/null", os.O_RDONLY)
        out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for source, target in ((null, 0), (out, 1), (out, 2)):
            os.dup2(source, target)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        os.chdir("/")
        reset_signals()
        os.execve(python, [python, os.path.abspath(program.__file__), *map(str, descriptors)], env)  # noqa: S606
    finally:
        os._exit(127)


def reset_signals() -> None:
    """Give the program that is exec'd next the dispositions that a fresh process has; Python ignores two of them."""
    import signal

    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
