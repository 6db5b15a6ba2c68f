"""What the neighbours need for the same work; run by the interpreter of their own environment.

`python peers.py joblib|submitit INDEXES ROWS` prints one JSON line: indexes, seconds, cpu_seconds.
A trivial function (the length and one sum) over equal slices of one frame with two processes at a time.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import sys
import tempfile
import time

import numpy as np
import pandas as pd


def trivial(part: pd.DataFrame) -> dict[str, float]:
    return {"rows": len(part), "total": float(part["x"].sum())}


def frame(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    words = np.array(["alpha", "beta", "gamma", "delta", "epsilon"])
    numbers = {name: rng.random(rows) for name in "xyz"}
    return pd.DataFrame({**numbers, "n": rng.integers(0, 1000, rows), "word": words[rng.integers(0, 5, rows)]})


def slices(df: pd.DataFrame, indexes: int) -> list[pd.DataFrame]:
    bounds = np.linspace(0, len(df), indexes + 1).astype(int)
    return [df.iloc[a:b] for a, b in itertools.pairwise(bounds)]


def with_joblib(parts: list[pd.DataFrame]) -> list[dict[str, float]]:
    from joblib import Parallel, delayed

    return list(Parallel(n_jobs=2, backend="loky")(delayed(trivial)(p) for p in parts))


def with_submitit(parts: list[pd.DataFrame]) -> list[dict[str, float]]:
    """LocalExecutor starts the jobs of an array all at once; waiting two by two would add its polling to each."""
    import submitit

    with tempfile.TemporaryDirectory() as folder:
        executor = submitit.LocalExecutor(folder)
        executor.update_parameters(timeout_min=5)
        return [job.result() for job in executor.map_array(trivial, parts)]


def cpu_seconds() -> float:
    return sum(
        u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def main() -> None:
    engine, indexes, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    df = frame(rows)
    begun, cpu = time.perf_counter(), cpu_seconds()
    results = {"joblib": with_joblib, "submitit": with_submitit}[engine](slices(df, indexes))
    assert sum(r["rows"] for r in results) == len(df)
    seconds = time.perf_counter() - begun
    print(json.dumps({"indexes": indexes, "seconds": seconds, "cpu_seconds": cpu_seconds() - cpu, "pid": os.getpid()}))


if __name__ == "__main__":
    main()
