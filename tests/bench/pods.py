"""Real pods on this machine, by the whole road: `python -m tests.bench.pods [--indexes 5000] [--rows 1000000]`.

Each index is a process of its own with pid, exit code, log and committed result. Twice: every pod runs a pandas
groupby on its part, and every pod only looks at its part's length. Printed are the rate, the CPU time of an index by
who spends it (the machine's other work disturbs rates, CPU time less), and the pages a pod touches, which decide what
it costs.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import tempfile
import time

from tests.bench import peers
from tests.bench.spent import Spent, page_faults

IN_FLIGHT = 8  # pods a core: some begin and some end while others compute
WANTED = {"groupby": (120, 150), "length": (180, 220)}  # indexes a second on two cores, and hoped for


def groupby(part):
    """The mean of one column by another."""
    return part.groupby("word")["x"].mean()


def length(part):
    """What costs as little as a function can."""
    return len(part)


def seen(fn, frame, cluster, indexes: int) -> tuple[float, str, float]:
    """Indexes a second from the call of launch to the last success; CPU time and page faults an index."""
    import kjnb
    from kjnb.model.state import State

    spent, begun = Spent(), time.perf_counter()
    faults = page_faults(spent.pids["zygote"])
    cpu = f"{1000 // IN_FLIGHT}m"
    run = kjnb.launch(
        fn, frame, partitions=indexes, cluster=cluster, parallelism=(os.cpu_count() or 1) * IN_FLIGHT, cpu=cpu
    )
    run.wait()
    seconds = time.perf_counter() - begun
    text, touched = spent.text(indexes), (page_faults(spent.pids["zygote"]) - faults) / indexes
    check(run, fn, frame, indexes)
    assert run.state.counts.get(State.SUCCEEDED) == indexes
    return indexes / seconds, text, touched


def check(run, fn, frame, indexes: int) -> None:
    """Every index has a result of its own, an attempt with an exit code, and a log that can be asked for."""
    stage = run.stage
    assert len(stage.committed()) == indexes
    assert {account["exit_code"] for account in stage.attempts()} == {0}
    if fn is length:
        assert sum(stage.result(index) for index in range(indexes)) == len(frame)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--indexes", type=int, default=5000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["KJNB_HOME"] = home
        from kjnb.connect import connect
        from kjnb.embedded import stop

        try:
            frame, cluster = peers.frame(asked.rows), connect("local")
            seen(length, frame.head(64), cluster, 8)  # the zygote is warm after it
            print(f"{asked.indexes} indexes of {asked.rows:,} rows in all, on {os.cpu_count()} cores")
            print(f"{'':10}{'wanted':>14}{'seen':>8}{'page faults':>14}   CPU an index")
            for fn in (groupby, length):
                rate, cpu, faults = seen(fn, frame, cluster, asked.indexes)
                least, hoped = WANTED[fn.__name__]
                print(f"{fn.__name__:10}{least:>7} ({hoped}){rate:>8.0f}{faults:>14.0f}   {cpu}", flush=True)
        finally:
            stop(pathlib.Path(home))


if __name__ == "__main__":
    main()
