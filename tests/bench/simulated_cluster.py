"""The real server, store and controllers with a simulated node, in a process of its own, and outside clients of it.

`python -m tests.bench.simulated_cluster FOLDER` serves until SIGTERM. `Simulated` starts one and measures it from
outside: CPU time and memory as the kernel counts them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kjnb.embedded import credentials, serve
from kjnb.embedded.api.server import Context, listen
from kjnb.embedded.api.verbs import Api
from kjnb.embedded.controllers.loops import start_loops
from kjnb.embedded.events import Recorder
from kjnb.embedded.store.store import Store
from tests.embedded.live import Client
from tests.embedded.simulated_node import simulated

TICKS = os.sysconf("SC_CLK_TCK")


class NoLogs:
    """No pod has ever printed anything."""

    def log_file(self, *_: Any) -> None:
        """None is there."""


async def cluster(folder: Path) -> None:
    """Serve."""
    store = Store(folder / "objects.sqlite", clock=serve.now, new_uid=serve.new_uid)
    serve.ensure_objects(store, folder, 10.0)
    made = credentials.ensure(folder)
    context = Context(Api(store, clock=serve.now, new_uid=serve.new_uid), made.token, "v1.36.0", NoLogs(), serve.now)
    server, port = listen(context, str(made.certificate), str(made.key), 0)
    tasks = [await simulated(store, Recorder(store), time.time)]
    tasks += start_loops(store, clock=serve.now, names=serve.new_suffix, backoff_base=1.0)
    serve.quiet_collector()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    (folder / "kubeconfig").write_text(credentials.kubeconfig(port, made.certificate.read_bytes(), made.token))
    print("ready", flush=True)
    await ended.wait()
    server.stop()
    await serve.ended(tasks)
    store.close()


class Simulated:
    """A running one, from outside."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.kubeconfig, self.process = folder / "kubeconfig", process
        self.client = Client(self.kubeconfig)

    def cpu(self) -> float:
        """Seconds of CPU that the server has used."""
        return cpu_seconds(self.process.pid)

    def memory(self, what: str = "VmRSS") -> float:
        """MB of the server's memory; VmHWM is the most it ever was."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024

    def create(self, name: str, completions: int, parallelism: int = 200) -> None:
        """A Job whose pods are some 3 KB, as kjnb's are."""
        code, said = self.client.call(
            "POST", "/apis/batch/v1/namespaces/default/jobs", job(name, completions, parallelism)
        )
        assert code == 201, said

    def watcher(self, path: str, until: str = "") -> subprocess.Popen[str]:
        """See `watcher`."""
        return watcher(self.kubeconfig, path, until)


def cpu_seconds(pid: int) -> float:
    """What a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def watcher(kubeconfig: Path, path: str, until: str = "") -> subprocess.Popen[str]:
    """A process that follows a path, decodes every event, and ends when the Job `until` is complete."""
    command = [sys.executable, "-m", "tests.bench.watcher", str(kubeconfig), path, until]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "watching\n"
    return started


def told(watcher: subprocess.Popen[str], *, end: bool = False) -> dict[str, float]:
    """What a watcher saw, when it has ended, or when it is made to."""
    if end:
        watcher.terminate()
    assert watcher.stdout is not None
    with watcher, watcher.stdout:
        return dict(json.loads(watcher.stdout.readline()))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Simulated]:
    """One in this folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.bench.simulated_cluster", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Simulated(folder, process)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def job(name: str, completions: int, parallelism: int) -> dict[str, Any]:
    """See `Simulated.create`."""
    labels = {"app.kubernetes.io/name": "kjnb", "kjnb.dev/run": name, "kjnb.dev/owner": "bench"}
    env = [{"name": f"VARIABLE_{number}", "value": f"/a/path/of/some/length/{number}"} for number in range(8)]
    room = {"cpu": "100m", "memory": "64Mi"}
    container = {
        "name": "worker", "image": "busybox:1.36", "command": ["python3", "/stage/worker.py", "--stage", "/stage"],
        "env": env, "resources": {"requests": room, "limits": room}, "workingDir": "/stage",
    }  # fmt: skip
    pod = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]}
    spec = {
        "completions": completions, "parallelism": parallelism, "completionMode": "Indexed",
        "backoffLimitPerIndex": 1, "template": {"metadata": {"labels": labels}, "spec": pod},
    }  # fmt: skip
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "labels": labels}, "spec": spec}


def load() -> str:
    """What else the machine does, for the table's foot."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def table(rows: list[tuple[str, str, str]]) -> str:
    """The figures: what, wanted, seen."""
    every = [("what", "wanted", "seen"), *rows]
    widths = [max(len(row[column]) for row in every) for column in range(3)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in every)


if __name__ == "__main__":
    asyncio.run(cluster(Path(sys.argv[1])))
