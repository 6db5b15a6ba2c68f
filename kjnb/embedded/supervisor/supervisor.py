"""The parent of every container: it outlives the server, so that no exit code is ever lost.

`python -m kjnb.embedded.supervisor.supervisor STATE_DIR` in a session of its own, single-threaded, one loop. It knows
processes and nothing of pods. What ends is in the journal before anybody is told, and told until it is acknowledged.
Containers are its own children, or children of a zygote of its: should that die, the kernel makes them ours, zombies
included (we are their subreaper).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path

from kjnb.embedded.supervisor import births, processes, wire, zygotes
from kjnb.embedded.supervisor.container_process import Container, end_lost_strays, end_strays, execute, refused
from kjnb.embedded.supervisor.growth import Growth
from kjnb.embedded.supervisor.memory import MemoryGroups
from kjnb.embedded.supervisor.peer import Peer, listen

LOOK_AT_MEMORY_EVERY = 0.05  # seconds, while a limit has no cgroup
SUCCEED_WITHIN = 10.0  # seconds; the earlier supervisor's lock is free, so it is at most still ending
LONELY_FOR = 3600.0  # seconds without a server and without a container, after which nobody needs us
UNKNOWN = "the process ended with its supervisor, so its exit code is not known"
REBOOTED = "the machine was started anew while the process ran, so its exit code is not known"


class Supervisor:
    """The loop and everything it holds."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.boot = processes.boot_id()
        self.version = processes.own_version()
        past = self._succeed(state / "supervisor.journal")
        self.journal = births.Register(state / "supervisor.journal")
        self.journal.begin(self.boot)
        self.journal.parent(births.Process(os.getpid(), processes.start_time(os.getpid())))
        self.running: dict[str, Container] = {}
        self.by_pid: dict[int, Container] = {}
        self.exited: dict[str, wire.Exited] = dict(past.exited)
        self.zygotes: dict[str, zygotes.Zygote] = {}
        self.retired: list[zygotes.Zygote] = []
        self.environments: dict[str, dict[str, str]] = {}
        self.unwarmable: dict[str, float] = {}  # interpreter -> when to try a zygote again
        self.groups = MemoryGroups()
        self.leftover: list[Path] = []
        self.growth = Growth()
        self.held: list[Container] = []  # not started before the journal is shorter
        self.selector = selectors.DefaultSelector()
        self.peer: Peer | None = None
        self.ending = False
        self.kill_at = 0.0  # when the ending is
        self.busy_at = time.monotonic()
        self._end_orphans(past)
        if self.journal.size > births.LONG:
            self._shorten()

    # --- the loop

    def run(self) -> None:
        """Serve until told to end, or until nobody has needed us for an hour."""
        processes.adopt_orphans()
        listener = listen(self.state)
        wake = self._wake_on_signals()
        self.selector.register(listener, selectors.EVENT_READ, lambda _: self._accept(listener))
        self.selector.register(wake, selectors.EVENT_READ, lambda _: os.read(wake, 4096))
        while not (self.ending and not self.running) and not self._is_lonely():
            for key, events in self.selector.select(self._patience()):
                key.data(events)
            self._reap()
            self._look_after()
            if self.peer:
                self.peer.flush()
        for warm in [*self.zygotes.values(), *self.retired]:
            warm.retire()
        self.groups.close()

    def _succeed(self, journal: Path) -> births.Past:
        """What earlier supervisors left, read when nobody can add to it: until then a zygote of theirs gives birth."""
        boot, parents = births.parents(journal)
        limit = time.monotonic() + SUCCEED_WITHIN
        while boot == self.boot and any(processes.is_alive(*one) for one in parents) and time.monotonic() < limit:
            for parent in parents:
                if processes.is_alive(*parent):
                    with contextlib.suppress(OSError):
                        os.kill(parent.pid, signal.SIGKILL)
            time.sleep(0.001)
        return births.read(journal)

    def _wake_on_signals(self) -> int:
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._end())
        for ignored in (signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        return wake

    def _patience(self) -> float:
        polled = not self.groups.available and any(c.start.memory for c in self.running.values())
        if polled:
            return LOOK_AT_MEMORY_EVERY
        if self.ending:
            return max(0.01, min(1.0, self.kill_at - time.monotonic()))
        most = 1.0 if self.leftover or any(not z.ready for z in self.zygotes.values()) else 60.0
        return min(most, self.growth.patience(time.monotonic()))

    def _is_lonely(self) -> bool:
        if self.running or self.peer:
            self.busy_at = time.monotonic()
            return False
        return time.monotonic() - self.busy_at > LONELY_FOR or not self.state.exists()

    def _look_after(self) -> None:
        """What no event announces: logs that grow, memory without cgroups, zygotes that never get warm, old groups."""
        self.growth.look(time.monotonic())
        if self.held:
            self._shorten()
        if self.ending and time.monotonic() >= self.kill_at:
            for container in list(self.running.values()):
                self._stop(wire.Stop(container.start.id, kill=True))
        self.leftover = [group for group in self.leftover if not self.groups.leave(group)]
        for warm in [z for z in self.zygotes.values() if not z.ready and z.is_stale()]:
            with contextlib.suppress(OSError):
                os.kill(warm.pid, signal.SIGKILL)
        if self.groups.available:
            return
        for container in list(self.running.values()):
            limit = container.start.memory
            shared = container.parent.baseline if container.parent else 0
            if limit and container.pid and processes.anonymous_bytes(container.pid) - shared > limit:
                container.exhausted = True
                processes.kill_session(container.pid)

    # --- orders

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        if self.peer:
            self._lose_peer(self.peer)
        self.peer = Peer(connection, self.selector, self.obey, self._lose_peer)

    def _lose_peer(self, peer: Peer) -> None:
        peer.close()
        if self.peer is peer:
            self.peer = None

    def obey(self, order: wire.Order) -> None:
        """Carry out what the kubelet asks."""
        match order:
            case wire.Start():
                self._start(order)
            case wire.Stop():
                self._stop(order)
            case wire.Acknowledge():
                self._acknowledge(order.ids)
            case wire.Warm():
                self.environments[order.python] = order.env
                self._zygote(order.python)
            case wire.List():
                born = [c for c in self.running.values() if c.pid]
                told, ends = [one.told() for one in born], list(self.exited.values())
                self._tell(wire.Listing(os.getpid(), told, ends, self.version))
            case wire.End():
                self._end(order.grace)

    def _tell(self, report: wire.Report) -> None:
        if self.peer:
            self.peer.send(report)

    def _acknowledge(self, ids: list[str]) -> None:
        self.journal.acknowledged(ids)
        for name in ids:
            self.exited.pop(name, None)
        if self.journal.size > births.LONG:
            self._shorten()

    def _shorten(self) -> None:
        """Empty the journal but for what still matters; not while a child may be about to write its birth."""
        running = [one for one in self.running.values() if one not in self.held]
        if not all(one.pid for one in running):
            return
        alive = [births.Birth(one.start.id, one.pid, one.ticks, one.at) for one in running]
        parents = [os.getpid(), *(warm.pid for warm in [*self.zygotes.values(), *self.retired])]
        known = [births.Process(pid, processes.start_time(pid)) for pid in parents]
        with contextlib.suppress(OSError):  # no space for it: another time
            self.journal.shorten(self.boot, known, alive, self.exited.values())
        held, self.held = self.held, []
        for container in held:
            self._launch(container)

    def _end(self, grace: float = 0.0) -> None:
        self.ending = True
        self.kill_at = time.monotonic() + grace
        for container in list(self.running.values()):
            self._stop(wire.Stop(container.start.id, kill=not grace or not self._heeds(container)))

    # --- starting

    def _start(self, order: wire.Start) -> None:
        """Start a container, once: who asks again, as a server may that was killed, is told how far it has come."""
        if order.id in self.exited:
            self._tell(self.exited[order.id])
        elif order.id in self.running:
            if self.running[order.id].pid:
                self._tell(self.running[order.id].told())
        elif not self.ending:
            container = self.running[order.id] = Container(order)
            if self.journal.size > births.TOO_LONG:
                self.held.append(container)
            else:
                self._launch(container)

    def _launch(self, container: Container) -> None:
        order = container.start
        if order.memory and self.groups.available:
            with contextlib.suppress(OSError):
                container.group = self.groups.take(order.memory)
        if not order.path:
            self._finish(container, refused(container, "executable file not found in $PATH"))
            return
        warm = self._zygote(order.python) if order.python else None
        if warm and warm.ask(order.id, container.request()):
            container.parent = warm
        else:
            self._exec(container)

    def _exec(self, container: Container) -> None:
        """Run it as a program of its own, not from a zygote."""
        container.parent = None
        pid, refusal = execute(container, self.journal.fileno)
        if refusal:
            self._finish(container, refused(container, refusal))
        else:
            self._born(container, pid, processes.start_time(pid), time.time())

    def _born(self, container: Container, pid: int, ticks: int, at: float) -> None:
        container.pid, container.ticks, container.at = pid, ticks, at
        self.by_pid[pid] = container
        if not container.start.guest:
            self.growth.follow(container.start.id, container.start.log, time.monotonic())
        self._tell(container.told())
        if container.doom:
            self._stop(container.doom)

    # --- zygotes

    def _zygote(self, python: str) -> zygotes.Zygote | None:
        """A zygote of that interpreter that is true to what is installed; None where there can be none now."""
        if self.unwarmable.get(python, 0) > time.monotonic():
            return None
        warm = self.zygotes.get(python)
        if warm and warm.is_stale():
            self._retire(self.zygotes.pop(python))
            warm = None
        if warm is None and python in self.environments:
            try:
                warm = zygotes.start(python, self.environments[python], self.journal.fileno, self.state / "zygote.log")
            except OSError:  # no process, no descriptor is left
                self.unwarmable[python] = time.monotonic() + 60.0
                return None
            self.journal.parent(births.Process(warm.pid, processes.start_time(warm.pid)))
            self.zygotes[python] = warm
            self.selector.register(warm.channel, selectors.EVENT_READ, lambda _, told=warm: self._hear(told))
            if len(self.zygotes) > zygotes.AT_MOST:
                oldest = min(self.zygotes.values(), key=lambda one: one.used)
                self._retire(self.zygotes.pop(oldest.python))
        return warm

    def _retire(self, warm: zygotes.Zygote) -> None:
        warm.retire()
        self.retired.append(warm)

    def _hear(self, warm: zygotes.Zygote) -> None:
        messages, over = warm.receive()
        for message in messages:
            container = self.running.get(message.get("born") or message.get("ended") or message.get("failed") or "")
            if container is None:
                continue
            if "born" in message:
                self._born(container, message["pid"], message["ticks"], message["at"])
            elif "failed" in message:
                self._finish(container, refused(container, message["error"]))
            elif container.pid == message["pid"]:
                self._finish(container, self._ended(container, message["status"], message["at"]))
        warm.flush()
        if over:
            self._bury(warm)

    def _bury(self, warm: zygotes.Zygote) -> None:
        """A zygote and all who could speak for it have gone: what was never born never ran, and is exec'd."""
        self.selector.unregister(warm.channel)
        warm.channel.close()
        if self.zygotes.get(warm.python) is warm:
            del self.zygotes[warm.python]
            if not warm.ready:
                self.unwarmable[warm.python] = time.monotonic() + 60.0
        if warm in self.retired:
            self.retired.remove(warm)
        for container in [c for c in self.running.values() if c.parent is warm and not c.pid]:
            if container.doom:
                self._finish(container, wire.Exited(container.start.id, 137, time.time()))
            else:
                self._exec(container)

    # --- ending

    def _stop(self, order: wire.Stop) -> None:
        container = self.running.get(order.id)
        if container is None:
            return
        if container in self.held:
            self.held.remove(container)
            self._finish(container, wire.Exited(order.id, 137, time.time()))
            return
        if not container.pid:
            container.doom = order if order.kill or container.doom is None else container.doom
            return
        if not processes.is_alive(container.pid, container.ticks):
            return
        if order.kill:
            processes.kill_session(container.pid)
        elif self._heeds(container):  # else, as process 1 of a container, it does not see SIGTERM
            with contextlib.suppress(OSError):
                os.kill(self._main_process(container), signal.SIGTERM)

    def _heeds(self, container: Container) -> bool:
        """Whether it does something about SIGTERM, if only to ignore it."""
        return bool(container.pid) and processes.catches(self._main_process(container), signal.SIGTERM)

    def _main_process(self, container: Container) -> int:
        inner = processes.children(container.pid) if container.start.wrapped else []
        return inner[0] if inner else container.pid

    def _reap(self) -> None:
        """Wait for whoever has ended: containers of our own, orphans of a zygote, zygotes, strays of a container."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            container = self.by_pid.get(ended.si_pid)
            if container and container.pid:
                self._finish(container, self._ended(container, status, time.time()))
            with contextlib.suppress(OSError):
                os.waitpid(ended.si_pid, 0)

    def _ended(self, container: Container, status: int, at: float) -> wire.Exited:
        code = status if status >= 0 else 128 - status
        exhausted = container.exhausted or bool(container.group and self.groups.was_exhausted(container.group))
        return wire.Exited(container.start.id, code, at, "OOMKilled" if exhausted else "", started=container.at)

    def _finish(self, container: Container, exited: wire.Exited) -> None:
        """Journal first; then tell, and clear away what the container left."""
        self.journal.ended(exited)
        self.exited[exited.id] = exited
        del self.running[exited.id]
        self.by_pid.pop(container.pid, None)
        self.growth.forget(exited.id)
        self._tell(exited)
        if container.pid:
            known = {warm.pid for warm in [*self.zygotes.values(), *self.retired]} | self.by_pid.keys()
            end_strays(container, known)
        if container.group and not self.groups.leave(container.group):
            self.leftover.append(container.group)

    def _end_orphans(self, past: births.Past) -> None:
        """An earlier supervisor was killed: end what it left, and say of each that its exit code is not known."""
        alive = [one for one in past.unended if past.boot == self.boot and processes.is_alive(one.pid, one.ticks)]
        for birth in alive:
            processes.kill_session(birth.pid)
        end_lost_strays(self.state)
        limit = time.monotonic() + SUCCEED_WITHIN  # nobody is to run beside the one that takes its place
        while any(processes.is_alive(one.pid, one.ticks) for one in alive) and time.monotonic() < limit:
            time.sleep(0.001)
        for birth in past.unended:
            why = UNKNOWN if past.boot == self.boot else REBOOTED
            exited = wire.Exited(birth.id, 137, time.time(), "ContainerStatusUnknown", why, birth.at)
            self.journal.ended(exited)
            self.exited[birth.id] = exited


def main(state: Path) -> int:
    """Supervise that state, unless somebody already does; exit 0 either way."""
    os.umask(0o077)
    lock = os.open(state / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return 0
        raise
    os.ftruncate(lock, 0)
    if os.fork():
        os._exit(0)  # whoever started us waits for this one, and nobody has to wait for the supervisor
    os.write(lock, f"{os.getpid()}\n".encode())
    Supervisor(state).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
