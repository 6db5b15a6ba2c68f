"""A run in miniature, for a process that will be forked into pods: what the worker does first is done before the fork.

It imports nothing of kjnb; the worker is given. Nothing of it stays but what Python and the libraries remember.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from types import ModuleType
from typing import Any

SOURCE = """
def work(part, index):
    means = part.groupby("word")["x"].mean()
    totals = part.groupby("word").agg({"x": "sum", "n": "max"}).reset_index()
    return [len(part), {"total": float(part["x"].sum()), "at": part["at"].iloc[0]}, means, totals][index % 4]
"""


def rehearse(worker: ModuleType, rounds: int) -> None:
    """Let the worker run `rounds` parts of a small frame, results of every kind."""
    with tempfile.TemporaryDirectory(prefix="kjnb-") as folder, contextlib.redirect_stdout(None):
        layout = worker.Layout(folder)
        put(worker, layout, rounds)
        os.chdir(folder)
        path = list(sys.path)
        for index in range(rounds):
            told = {"JOB_COMPLETION_INDEX": str(index), "KJNB_ATTEMPT": "r", "KJNB_POD": "r", "KJNB_NODE": "r"}
            if worker.main(folder, told) != worker.SUCCEEDED:
                return
            sys.path[:] = path


def put(worker: ModuleType, layout: Any, rounds: int) -> None:
    """Write a stage of which every part is the same, and the task."""
    for folder in (*layout.folders(), layout.parts.parent):
        folder.mkdir(parents=True)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(SOURCE, space)  # noqa: S102 - a function of a notebook: it travels by value
    task = {"kind": "function", "fn": space["work"], "part": None, "passes": ["index"], "args": {}}
    layout.task.write_bytes(worker.codec.pickle_bytes(task))
    names = ("python", "pandas", "numpy", "pyarrow", "cloudpickle")
    versions = {name: worker.version(name) for name in names}
    about = {"versions": versions, "sources": {"<rehearsal>": SOURCE}, "seed": 1, "retry_on": [], "completions": rounds}
    layout.about.write_text(json.dumps(about))
    put_parts(worker, layout, rounds)


def put_parts(worker: ModuleType, layout: Any, rounds: int) -> None:
    """The parts' two files, as a stage has them."""
    import pandas as pd
    import pyarrow as pa

    numbers = {"x": [1.5, 2.5, 3.5], "n": [1, 2, 3], "word": ["a", "b", "a"], "true": [True, False, True]}
    frame = pd.DataFrame({**numbers, "at": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])})
    encoded = worker.codec.encode_frame(frame)
    batch = encoded.batch.replace_schema_metadata({worker.codec.META: json.dumps(encoded.meta).encode()})
    first = batch.schema.serialize().size
    with pa.OSFile(str(layout.parts), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
        last = sink.tell()
    entries = [[1, rounds, 0, first, last, 0], *([[0, len(frame), first, last - first, 0, 0]] * rounds)]
    layout.offsets.write_bytes(b"".join(n.to_bytes(8, "little") for entry in entries for n in entry))
