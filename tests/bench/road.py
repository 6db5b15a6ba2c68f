"""The figures of the road, printed as a table: `python -m tests.bench.road [--peers PYTHON] [--indexes N]`.

Each figure is measured in this one run, on this one machine, with its own embedded cluster in a fresh home:
import, launch to first success (cold and warm), and indexes a second beside joblib's loky and submitit's
LocalExecutor (`--peers` names the interpreter of an environment with tests/bench/requirements.txt). The machine's
other work disturbs rates; CPU time an index, by process, hardly.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from tests.bench import peers
from tests.bench.spent import Spent

HERE = pathlib.Path(__file__).parent


def import_cost(rounds: int = 9) -> float:
    """Seconds of `import kjnb` over bare Python, median of pairs."""

    def once(code: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - begun

    return statistics.median(once("import kjnb") - once("pass") for _ in range(rounds))


def trivial(part):
    """The peers' own function, but of this `__main__`, as a notebook's functions are: it travels alone."""
    return {"rows": len(part), "total": float(part["x"].sum())}


def seconds_to_first_success(frame, cluster) -> float:
    import kjnb
    from kjnb.model.state import State

    begun = time.perf_counter()
    run = kjnb.launch(trivial, frame, partitions=4, cluster=cluster)
    while not run.state.counts.get(State.SUCCEEDED):
        time.sleep(0.002)
    spent = time.perf_counter() - begun
    run.wait()
    return spent


def throughput(frame, cluster, indexes: int) -> tuple[float, float]:
    """Seconds from the call of launch to the whole frame of results, and of those in launch itself."""
    import kjnb

    begun = time.perf_counter()
    run = kjnb.launch(trivial, frame, partitions=indexes, cluster=cluster)
    launched = time.perf_counter() - begun
    result = run.result()
    assert int(result["rows"].sum()) == len(frame)
    return time.perf_counter() - begun, launched


def peer(python: str, engine: str, indexes: int, rows: int) -> float:
    done = subprocess.run(
        [python, str(HERE / "peers.py"), engine, str(indexes), str(rows)], check=True, capture_output=True, text=True
    )
    got = json.loads(done.stdout)
    return got["indexes"] / got["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has joblib and submitit")
    parser.add_argument("--indexes", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["KJNB_HOME"] = home
        from kjnb.connect import connect
        from kjnb.embedded import stop

        try:
            measure(asked, connect)
        finally:
            stop(pathlib.Path(home))


def measure(asked, connect) -> None:
    frame = peers.frame(asked.rows)
    print(f"import kjnb over bare python        {import_cost() * 1000:8.0f} ms   (100)")
    small = frame.head(1000)
    begun = time.perf_counter()
    cluster = connect("local")
    started = time.perf_counter() - begun
    cold = started + seconds_to_first_success(small, cluster)
    print(f"cold: launch to first success       {cold:8.2f} s    (3; of it the cluster's start {started:.2f})")
    warm = statistics.median(seconds_to_first_success(frame.head(1001 + n), cluster) for n in range(5))
    print(f"warm: launch to first success       {warm:8.2f} s    (0.5)")
    spent = Spent()
    seconds, launched = throughput(frame, cluster, asked.indexes)
    cpu_time = spent.text(asked.indexes)
    ours = asked.indexes / seconds
    print(
        f"kjnb, {asked.indexes} indexes, end to end    {ours:8.1f} /s   (50; launch {launched:.2f} of {seconds:.2f} s)"
    )
    print(f"    CPU time an index               {cpu_time:>11}")
    if asked.peers:
        loky = peer(asked.peers, "joblib", asked.indexes, asked.rows)
        local = peer(asked.peers, "submitit", 40, asked.rows * 40 // asked.indexes)
        print(f"joblib (loky)                       {loky:8.1f} /s")
        print(f"submitit LocalExecutor              {local:8.1f} /s")
        print(f"kjnb over submitit                  {ours / local:8.1f} x    (8)")


if __name__ == "__main__":
    main()
