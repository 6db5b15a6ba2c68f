"""What ten watchers of pods cost a Job of real worker pods: `python -m tests.bench.watchers [INDEXES]`.

A run of kjnb's own on an embedded cluster in a fresh home, first unwatched, then with ten processes that each follow
its pods and decode every event. An event is encoded once for all of them; what is left is its way through TLS.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.simulated import PODS
from tests.bench.simulated_cluster import cpu_seconds, load, table, told, watcher

WATCHERS = 10
WANTED = 20


def grouped(part):
    """What a pod does: a pandas groupby on its part."""
    return part.groupby("key")["x"].sum().to_dict()


def once(frame: Any, indexes: int, watchers: int, name: str) -> tuple[float, float, list[dict[str, float]]]:
    """(indexes a second, server CPU ms an index, what the watchers saw)."""
    import kjnb
    from kjnb.embedded import status

    said = status()
    kubeconfig = Path(said["kubeconfig"])
    others = [watcher(kubeconfig, f"{PODS}?labelSelector=kjnb.dev/run") for _ in range(watchers)]
    cpu, begun = cpu_seconds(said["pid"]), time.monotonic()
    run = kjnb.launch(grouped, frame, partitions=indexes, name=name)
    run.wait()
    seconds, spent = time.monotonic() - begun, cpu_seconds(said["pid"]) - cpu
    return indexes / seconds, 1000 * spent / indexes, [told(other, end=True) for other in others]


def main(indexes: int) -> None:
    """Both rounds, one table."""
    import numpy as np
    import pandas as pd

    import kjnb
    from kjnb import embedded

    frame = pd.DataFrame({"key": np.arange(indexes * 100) % 7, "x": 1.0})
    with tempfile.TemporaryDirectory() as home:
        os.environ["KJNB_HOME"] = home
        try:
            embedded.start(home)
            kjnb.launch(grouped, frame, partitions=8, name="warm").wait()
            alone, server, _ = once(frame, indexes, 0, "alone")
            watched, served, seen = once(frame, indexes, WATCHERS, "watched")
        finally:
            embedded.stop(home)
    events = sum(one["events"] for one in seen)
    rows = [
        (f"{indexes} real pods with a groupby", "", f"{alone:.0f}/s"),
        (f"the same with {WATCHERS} watchers of pods", "", f"{watched:.0f}/s"),
        ("what they cost", f"< {WANTED} %", f"{100 * (1 - watched / alone):.0f} %"),
        ("server CPU an index: alone, watched", "", f"{server:.2f}, {served:.2f} ms"),
        ("server CPU an event and watcher", "", f"{1e3 * (served - server) * indexes / events:.0f} us"),
        ("a watcher's CPU an event", "", f"{1e6 * sum(one['cpu'] for one in seen) / events:.0f} us"),
        ("events an index that each saw", "", f"{events / WATCHERS / indexes:.1f}"),
    ]
    print(table(rows))
    print(load())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
