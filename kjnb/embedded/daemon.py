"""Starting, finding and ending the cluster's server: one a home, host and boot, whoever asks for it first."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from typing import Any

from kjnb.embedded import state

START_SECONDS = 30.0
STOP_SECONDS = 60.0
KILL_SECONDS = 10.0  # until a process that was killed has gone
BACKOFF_BASE = 1.0  # a laptop's user is there and waits; Kubernetes' own base is 10 s
PRIVATE = 0o077
FULL = 1 << 20  # bytes; with less than that a server cannot begin


class ClusterWarning(UserWarning):
    """Something about the cluster that its user should know; it runs."""


class StartError(RuntimeError):
    """The server did not come up; the message ends with what it said."""


def start(
    home: str | Path | None = None, *, backoff_base: float = BACKOFF_BASE, port: int = 0, idle: float | None = None
) -> Path:
    """The path of the kubeconfig of a running cluster; started when there is none. StartError, OSError.

    The server is a process of its own session: it outlives whoever started it, until `stop` or a day without any use
    (`idle`, or KJNB_IDLE, in seconds).
    """
    root = state.home_folder(home)
    folder = state.made_folder(root)
    with state.locked(folder / "start.lock") as starting:
        found = state.running(folder)
        if found is not None and found.version != state.own_version():
            found = _replaced(folder, found)
        if found is None or not answers(folder, found.port):
            said_before = _log_size(folder)
            limit = idle if idle is not None else float(os.environ.get("KJNB_IDLE") or 86_400.0)
            options = {"--backoff-base": backoff_base, "--port": port, "--idle": limit}
            process = _spawn(root, folder, options, starting)
            _wait_until_ready(folder, process, said_before)
    return folder / "kubeconfig"


def stop(home: str | Path | None = None, *, keep_pods: bool = False) -> bool:
    """End the server, and with it every pod unless they are to be kept for the next one. Whether anything ran.

    What a killed server left running, its supervisor and the pods, is ended, too.
    """
    from kjnb.embedded.node.supervision import end_supervisor  # costs a start nothing

    folder = state.cluster_folder(state.home_folder(home))
    if not folder.is_dir():
        return False
    with state.locked(folder / "start.lock"):
        number = signal.SIGHUP if keep_pods else signal.SIGTERM
        found = state.running(folder)
        if found is not None:
            _end(found, number)
        hidden = _end_holder(folder, number)
        left = not keep_pods and end_supervisor(folder)
    return found is not None or hidden or left


def status(home: str | Path | None = None) -> dict[str, Any]:
    """{running, home, folder, kubeconfig, and of a running server: pid, port, url, version}."""
    root = state.home_folder(home)
    folder = state.cluster_folder(root)
    said: dict[str, Any] = {"running": False, "home": str(root), "folder": str(folder)}
    found = state.running(folder)
    if found is None or not found.ready:
        return said
    address = {"pid": found.pid, "port": found.port, "url": f"https://127.0.0.1:{found.port}", "version": found.version}
    return {**said, "running": True, "kubeconfig": str(folder / "kubeconfig"), **address}


def kubeconfig(home: str | Path | None = None) -> Path:
    """The path of the kubeconfig, which is there once a cluster has been started."""
    return state.cluster_folder(state.home_folder(home)) / "kubeconfig"


def _replaced(folder: Path, found: state.Server) -> state.Server | None:
    """None when the server, left from before an upgrade, could be ended; else it, and a warning."""
    if not busy(folder, found.port):
        _end(found, signal.SIGTERM)  # nothing is lost: the next one has its objects
        return None
    words = (
        f"the embedded cluster is one of kjnb {found.version}, this is {state.own_version()}, and its pods still run: "
        "it is used as it is; when they may end, `kjnb cluster stop`, and the next start is of this version"
    )
    warnings.warn(words, ClusterWarning, stacklevel=3)
    return found


def answers(folder: Path, port: int) -> bool:
    """The server says that it is ready. Loopback is never asked through a proxy."""
    return _ask(folder, port, "/readyz") is not None


def busy(folder: Path, port: int) -> bool:
    """The server has pods that have not come to their end. One that does not answer has none to speak of."""
    unfinished = "fieldSelector=status.phase!%3DSucceeded,status.phase!%3DFailed"
    said = _ask(folder, port, f"/api/v1/pods?{unfinished}")
    return said is not None and bool(json.loads(said)["items"])


def _ask(folder: Path, port: int, path: str) -> bytes | None:
    try:
        trusted = ssl.create_default_context(cafile=str(folder / "server.crt"))
        proxyless = urllib.request.ProxyHandler({})
        opener = urllib.request.build_opener(proxyless, urllib.request.HTTPSHandler(context=trusted))
        asked = urllib.request.Request(f"https://127.0.0.1:{port}{path}")
        asked.add_header("Authorization", f"Bearer {(folder / 'token').read_text()}")
        with opener.open(asked, timeout=5) as answer:
            return bytes(answer.read())
    except (OSError, urllib.error.URLError):
        return None


def _spawn(root: Path, folder: Path, options: dict[str, float], starting: int) -> subprocess.Popen[bytes]:
    """The server's process. It holds `starting`, too, until it has its place: whoever began it may be killed."""
    command = [sys.executable, "-m", "kjnb.embedded", "--home", str(root), "--starting", str(starting)]
    command += [word for name, value in options.items() for word in (name, str(value))]
    package = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))}
    log = os.open(folder / "server.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env=env,
            umask=PRIVATE,
            pass_fds=[starting],
        )
    finally:
        os.close(log)


def _log_size(folder: Path) -> int:
    log = folder / "server.log"
    return log.stat().st_size if log.exists() else 0


def _wait_until_ready(folder: Path, process: subprocess.Popen[bytes], said_before: int) -> None:
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        found = state.announced(folder)
        if found is not None and found.pid == process.pid and found.ready and answers(folder, found.port):
            _pass_on(folder, said_before)
            process.returncode = 0  # it is meant to outlive this object: no warning when that goes
            return
        time.sleep(0.01)
    if process.poll() is None:
        process.kill()
        process.wait()
    said = (folder / "server.log").read_bytes()[said_before:].decode(errors="replace")[-2000:]
    full = shutil.disk_usage(folder).free < FULL
    why = f"no space is left in {folder}" if full else f"it said (in {folder / 'server.log'}):\n{said}"
    raise StartError(f"the embedded cluster did not start: {why}")


def _pass_on(folder: Path, said_before: int) -> None:
    """Warn of what the server warned of while it started."""
    for line in (folder / "server.log").read_bytes()[said_before:].decode(errors="replace").splitlines():
        _, mark, words = line.partition(" WARNING kjnb.embedded: ")
        if mark:
            warnings.warn(words, ClusterWarning, stacklevel=4)


def _end(found: state.Server | state.Process, number: signal.Signals) -> None:
    """Signal that process, SIGKILL it when it takes too long, and return when it has gone. OSError."""
    for sent, patience in ((number, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, sent)
        limit = time.monotonic() + patience
        while time.monotonic() < limit:
            if not _lives(found):
                return
            time.sleep(0.02)
    raise OSError(f"the server, process {found.pid}, cannot be ended")


def _end_holder(folder: Path, number: signal.Signals) -> bool:
    """End a server that server.json does not tell of, until nobody holds its place; whether there was one. OSError."""
    limit, found = time.monotonic() + KILL_SECONDS, False
    while (holder := state.holder(folder)) is not None:
        found = True
        if holder.pid:
            _end(holder, number)
        elif time.monotonic() > limit:  # of another host or container, or of an earlier kjnb
            raise OSError(f"a server that does not say which process it is holds {folder}: end it where it was started")
        else:
            time.sleep(0.02)
    return found


def _lives(found: state.Server | state.Process) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(found.pid, os.WNOHANG)  # it may be a child of this very process
    return state.lives(found)
