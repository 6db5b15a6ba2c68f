"""The server's memory after 100,000 pods that ran and ended: `python -m tests.bench.memory [PODS]`.

The pods are simulated, everything else is real: the server over HTTPS, the store on disk, the controllers, a watcher
of the pods outside. Then the server starts again with what it had, and pods are listed as clients do.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.bench.simulated import JOBS, PODS
from tests.bench.simulated_cluster import Simulated, load, running, table, told

WANTED = 300
AT_ONCE = 20_000  # completions of one Job


def play(here: Simulated, pods: int) -> None:
    """Jobs, one after the other, until so many pods have run."""
    for number in range(-(-pods // AT_ONCE)):
        name = f"memory-{number}"
        judge = here.watcher(f"{JOBS}?fieldSelector=metadata.name%3D{name}", name)
        here.create(name, min(AT_ONCE, pods - number * AT_ONCE))
        told(judge)


def listed(here: Simulated, query: str) -> tuple[int, float]:
    """How many pods a list has, and the server's CPU milliseconds for it."""
    cpu = here.cpu()
    _, answer = here.client.call("GET", f"{PODS}?{query}")
    return len(answer["items"]), 1000 * (here.cpu() - cpu)


def main(pods: int) -> None:
    """Both lives of the server, one table."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        with running(Path(folder)) as here:
            begun = here.memory()
            watcher = here.watcher(PODS)
            play(here, pods)
            seen = told(watcher, end=True)
            rows.append((f"memory after {pods} finished pods", f"{WANTED} MB", f"{here.memory():.0f} MB"))
            rows.append(("the most it ever was", "", f"{here.memory('VmHWM'):.0f} MB"))
            rows.append(("as it began", "", f"{begun:.0f} MB"))
            rows.append(("server CPU an index", "", f"{1000 * here.cpu() / pods:.2f} ms"))
            rows.append(("events that the watcher saw", f"{5 * pods}", f"{seen['events']:.0f} and more"))
            size = sum(path.stat().st_size for path in Path(folder).glob("objects.sqlite*")) / 2**20
            rows.append(("objects on disk", "", f"{size:.0f} MB"))
        begun_at = time.monotonic()
        with running(Path(folder)) as here:
            rows.append(("start again", "", f"{time.monotonic() - begun_at:.1f} s"))
            rows.append(("memory then", f"{WANTED} MB", f"{here.memory():.0f} MB"))
            here.create("small", 100)
            told(here.watcher(f"{JOBS}?fieldSelector=metadata.name%3Dsmall", "small"))
            few, spent = listed(here, "labelSelector=batch.kubernetes.io/job-name%3Dsmall")
            rows.append((f"list of one Job's {few} pods among all", "", f"{spent:.0f} ms"))
            many, spent = listed(here, "")
            rows.append((f"list of all {many}", "", f"{spent:.0f} ms"))
            rows.append(("memory after that", f"{WANTED} MB", f"{here.memory():.0f} MB"))
    print(table(rows))
    print(load())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
