"""Indexes a second with pods that end at once, seen from outside: `python -m tests.bench.simulated [INDEXES]`.

What the server itself costs: five writes a pod and five Events, the Job's status, over HTTPS to a watcher in another
process; first one of the Job, then one of its pods, too, then ten. The machine's other work disturbs rates; CPU time
an index, hardly.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.bench.simulated_cluster import Simulated, load, running, table, told

JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
WANTED = 1000


class Round(NamedTuple):
    """One Job from its creation to the moment at which an outside watcher saw it Complete."""

    rate: float
    cpu_ms: float  # of the server, an index
    watcher_us: float  # of one pod watcher, an event
    events: float  # that one pod watcher saw, an index


def once(here: Simulated, name: str, indexes: int, pod_watchers: int = 0) -> Round:
    """See `Round`."""
    judge = here.watcher(f"{JOBS}?fieldSelector=metadata.name%3D{name}", name)
    selector = f"{PODS}?labelSelector=batch.kubernetes.io/job-name%3D{name}"
    others = [here.watcher(selector) for _ in range(pod_watchers)]
    cpu, begun = here.cpu(), time.time()
    here.create(name, indexes)
    seconds = told(judge)["end"] - begun
    spent = here.cpu() - cpu
    seen = [told(other, end=True) for other in others]
    events = sum(one["events"] for one in seen)
    per_event = 1e6 * sum(one["cpu"] for one in seen) / events if events else 0.0
    return Round(indexes / seconds, 1000 * spent / indexes, per_event, events / indexes / max(1, pod_watchers))


def main(indexes: int) -> None:
    """All rounds, one table."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as here:
        once(here, "warm", 500)
        for watchers in (0, 1, 10):
            got = once(here, f"watched-{watchers}", indexes, watchers)
            what = f"{indexes} indexes, {watchers} watchers of pods"
            rows.append((f"{what}: seen from outside", f"{WANTED}/s" if not watchers else "", f"{got.rate:.0f}/s"))
            rows.append((f"{what}: server CPU an index", "", f"{got.cpu_ms:.2f} ms"))
            if watchers:
                seen = f"{got.watcher_us:.0f} us, {got.events:.1f} events an index"
                rows.append((f"{what}: watcher CPU an event", "", seen))
        rows.append(("server's memory: now, at most", "", f"{here.memory():.0f}, {here.memory('VmHWM'):.0f} MB"))
    print(table(rows))
    print(load())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
