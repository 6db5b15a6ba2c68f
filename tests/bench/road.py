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

from kjnb.embedded import status
from kjnb.embedded.node.processes import children
from tests.bench import peers

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


class Spent:
    """CPU time of the cluster's processes and of this one since this object was made."""

    def __init__(self) -> None:
        said = status()
        supervisor = int((pathlib.Path(said["folder"]) / "supervisor.lock").read_text())
        self.pids = {"server": [said["pid"]], "supervisor": [supervisor], "zygote": children(supervisor)}
        self.begun = self._now()

    def _now(self) -> dict[str, float]:
        """Seconds; a forked pod's are its zygote's children's."""
        own = os.times()
        spent = {name: sum(cpu(pid)[0] for pid in pids) for name, pids in self.pids.items()}
        return spent | {"pods": sum(cpu(pid)[1] for pid in self.pids["zygote"]), "client": own.user + own.system}

    def text(self, indexes: int) -> str:
        """Milliseconds an index."""
        each = {name: 1000 * (now - self.begun[name]) / indexes for name, now in self._now().items()}
        return f"{sum(each.values()):.1f} ms ({', '.join(f'{name} {spent:.1f}' for name, spent in each.items())})"


def cpu(pid: int) -> tuple[float, float]:
    """CPU seconds of a process, and of its children that ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    user, system, children_user, children_system = (int(n) / os.sysconf("SC_CLK_TCK") for n in fields[11:15])
    return user + system, children_user + children_system


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
