"""One container as the supervisor knows it, and how it begins as a program of its own: fork, exec, or why not."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from pathlib import Path
from typing import Any

from kjnb.embedded.supervisor import processes, wire, zygote, zygotes

EXEC_WITHIN = 10.0  # seconds


class Container:
    """One running process and what must be known of it until it has ended."""

    def __init__(self, start: wire.Start) -> None:
        self.start = start
        self.pid = 0
        self.ticks = 0
        self.at = 0.0
        self.parent: zygotes.Zygote | None = None
        self.group: Path | None = None
        self.doom: wire.Stop | None = None  # a stop that came before the process was born
        self.exhausted = False

    def told(self) -> wire.Started:
        """What is told of its start."""
        return wire.Started(self.start.id, self.pid, self.at, self.parent is not None)

    def request(self) -> dict[str, Any]:
        """What the process must know to become this container."""
        start = self.start
        asked = {name: getattr(start, name) for name in ("id", "path", "argv", "env", "cwd", "log", "hostname")}
        return {**asked, "cgroups": [str(self.group / "cgroup.procs")] if self.group else []}


def execute(container: Container, journal: int) -> tuple[int, str]:
    """Fork and exec; wait the millisecond until the program has begun or the kernel has refused it: (pid, why not)."""
    told, tell = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        os.close(told)
        os.close(tell)
        return 0, f"fork: {error.strerror}"
    if pid == 0:
        _become(container.request(), journal, tell, parent)
    os.close(tell)
    refusal = _read_within(told, EXEC_WITHIN)
    os.close(told)
    return pid, refusal


def _become(request: dict[str, Any], journal: int, tell: int, parent: int) -> None:
    """In the child: become the container's program, or say why not."""
    try:
        signal.set_wakeup_fd(-1)
        processes.die_first()
        zygote.enter(request, journal)
        if os.getppid() != parent:
            os._exit(128)  # the supervisor was killed, and the next one may not have seen this birth
        zygotes.reset_signals()
        os.execve(request["path"], request["argv"], request["env"])  # noqa: S606 - a container's command is no shell's
    except OSError as error:
        what = f"stat {request['path']}: " if isinstance(error, FileNotFoundError) else ""
        os.write(tell, (what + (error.strerror or str(error)).lower()).encode())
    finally:
        os._exit(128)


def _read_within(descriptor: int, seconds: float) -> str:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return os.read(descriptor, 4096).decode() if selector.select(seconds) else ""


def refused(container: Container, error: str) -> wire.Exited:
    """The end of a container that never began, in a container runtime's words."""
    program = container.start.argv[0]
    message = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        f'unable to start container process: error during container init: exec: "{program}": {error}'
    )
    return wire.Exited(container.start.id, 128, time.time(), "StartError", message)


def _belongs(stray: int, container: Container) -> bool:
    """Whether an orphan came from that container: by its session, or by the folder its environment names."""
    try:
        if os.getsid(stray) == container.pid:
            return True
        environment = Path(f"/proc/{stray}/environ").read_bytes()
    except OSError:
        return False
    own = container.start.env.get("TMPDIR", "")
    return bool(own) and f"TMPDIR={own}\0".encode() in environment


def end_strays(container: Container, known: set[int]) -> None:
    """End what a container left running: its group, and orphans (ours by now) of its session or its folders."""
    with contextlib.suppress(OSError):
        os.killpg(container.pid, signal.SIGKILL)
    if container.start.guest:
        return
    for stray in processes.children(os.getpid()):
        if stray not in known and _belongs(stray, container):
            processes.kill_session(stray)


def end_lost_strays(state: Path) -> None:
    """End what runs with a folder of that state's pods for its own; only while no container is meant to run."""
    marks = [f"{name}={state}/pods/".encode() for name in ("TMPDIR", "HOME")]
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(word.startswith(mark) for word in (folder / "environ").read_bytes().split(b"\0") for mark in marks):
                os.kill(int(folder.name), signal.SIGKILL)
