"""A KJNB_HOME of a test's own, and the end of every process that was started under it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import psutil

from tests.waiting import eventually

LONG = 60
FOOTING = ("KJNB_NO_BWRAP", "KJNB_EXEC_PODS")  # what tests.modes sets


def environment(home: pathlib.Path, **more: str) -> dict[str, str]:
    """This process's environment with that home: no proxy, no Jupyter folders, no settings of who runs the tests."""
    theirs = ("JUPYTER", "KJNB_", "PYTEST_")
    kept = {
        k: v for k, v in os.environ.items() if k in FOOTING or (not k.startswith(theirs) and "proxy" not in k.lower())
    }
    return kept | {"KJNB_HOME": str(home)} | more


def processes_of(home: pathlib.Path) -> list[psutil.Process]:
    """The live processes that were started with this KJNB_HOME or for a folder in it, this one excepted."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            named = any(word == str(home) or word.startswith(f"{home}/") for word in process.cmdline())
            mine = named or process.environ().get("KJNB_HOME") == str(home)
            if mine and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
    return found


def end(processes: list[psutil.Process]) -> None:
    """Terminate these, and kill after ten seconds what is still there."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(processes, timeout=10)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def stop_cluster(home: pathlib.Path) -> None:
    """End this home's embedded cluster the way a user does; what it leaves behind is ended by pid and is an error."""
    if not home.exists():
        return
    done = subprocess.run(
        [sys.executable, "-m", "kjnb", "cluster", "stop"],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    try:
        eventually(lambda: not processes_of(home), within=15)
    except AssertionError:
        left = [f"{p.pid} {' '.join(p.cmdline())[:120]}" for p in processes_of(home)]
        end(processes_of(home))
        raise AssertionError(f"`kjnb cluster stop` left behind {left}: {done.stdout} {done.stderr}") from None


@contextlib.contextmanager
def own_home(home: pathlib.Path) -> Iterator[pathlib.Path]:
    """A home whose processes are ended on the way out."""
    try:
        yield home
    finally:
        stop_cluster(home)
