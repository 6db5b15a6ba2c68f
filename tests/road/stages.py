"""A run's folder for tests, and its worker started as a pod would start it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from kjnb.model.partition import Partitions, partition
from kjnb.stage.folder import Stage
from kjnb.task.task import Task


def frame(rows: int = 12) -> pd.DataFrame:
    return pd.DataFrame({"n": range(rows), "k": [*"abc"] * (rows // 3)})


def put(
    root: Path, task: Any, data: Partitions | None = None, *, namespace: dict[str, Any] | None = None, **facts: Any
) -> Stage:
    """A stage with this function, task or cell in it."""
    if isinstance(task, str):
        task = Task.cell(task, namespace or {}, frame_name="df", no_result=facts.pop("no_result", False))
    elif not isinstance(task, Task):
        task = Task.function(task)
    stage = Stage.at(root)
    stage.put(task, data or partition(frame(), 3), {"name": "r", "seed": 1, **facts})
    return stage


def environment(index: int, **more: str) -> dict[str, str]:
    return {"JOB_COMPLETION_INDEX": str(index), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", **more}


def start(stage: Stage, index: int, folder: Path, **env: str) -> subprocess.Popen[str]:
    """The worker as a pod: an empty folder, a small environment."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(stage.root / "worker.py"), str(stage.root)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment(index, **env), stdout=pipe, stderr=pipe, text=True)


def work(stage: Stage, index: int, folder: Path, **env: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of one pod."""
    with start(stage, index, folder, **env) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err
