"""The notebook's kernel is killed in the middle of a run: the run goes on, and a new kernel finds it and its result."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import signal
from collections.abc import Iterator
from queue import Empty
from typing import Any

import numpy as np
import pandas as pd
import psutil
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

from kjnb.stage.folder import Stage
from tests import homes
from tests.gates import WAIT, Gates
from tests.waiting import eventually

SETUP = """
%load_ext kjnb
import kjnb, numpy as np, pandas as pd
frame = pd.DataFrame({"key": np.arange(1200) % 60, "x": np.arange(1200) * 0.5})
"""
BODY = WAIT + 'part.groupby("key", as_index=False)["x"].sum().assign(partition=index)'
CELL = f"%%kjob frame --partitions 12 --parallelism 2 --name survivor --out run\n{BODY}"


class Kernel:
    """A real ipykernel in a process of its own."""

    def __init__(self, home: pathlib.Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env=homes.environment(home, IPYTHONDIR=str(home.parent / "ipython")), cwd=home.parent)
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.pid)

    def run(self, code: str, within: float = 90.0) -> str:
        """Run a cell; everything it printed or showed as text. An error in it fails the test."""
        shown = io.StringIO()

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            shown.write(content.get("text", "") + content.get("data", {}).get("text/plain", ""))

        reply = self.client.execute_interactive(code, timeout=within, output_hook=hear, allow_stdin=False)
        assert reply["content"]["status"] == "ok", reply["content"].get("evalue", reply)
        return shown.getvalue()

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        process = psutil.Process(self.pid)
        os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(Empty):
            self.manager.provisioner.process.wait(30)
        eventually(lambda: not process.is_running())

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.context.destroy(linger=0)


@contextlib.contextmanager
def kernel(home: pathlib.Path) -> Iterator[Kernel]:
    one = Kernel(home)
    try:
        yield one
    finally:
        one.close()


def locally() -> pd.DataFrame:
    frame = pd.DataFrame({"key": np.arange(1200) % 60, "x": np.arange(1200) * 0.5})
    pieces = np.array_split(np.arange(1200), 12)
    sums = [frame.iloc[p].groupby("key", as_index=False)["x"].sum().assign(partition=i) for i, p in enumerate(pieces)]
    return pd.concat(sums)


def test_a_run_outlives_its_kernel(home, tmp_path):
    gates = Gates(tmp_path / "gates")
    gates.open(0, 1, 2)
    with kernel(home) as first:
        first.run(SETUP + gates.assignment)
        first.run(CELL)
        stage = Stage.at(first.run("print(run.stage.root)").strip())
        eventually(lambda: stage.committed() == [0, 1, 2])
        first.kill()
    gates.open(3, 4, 5, 6, 7)
    eventually(lambda: stage.committed() == list(range(8)))
    with kernel(home) as second:
        second.run("%load_ext kjnb\nimport kjnb\nrun = kjnb.attach('survivor')")
        assert "survivor" in second.run("%kjob list")
        assert "survivor" in second.run("%kjob watch survivor")
        assert second.run("print(run.state.over)").strip() == "False"
        gates.open()
        result = tmp_path / "result.pkl"
        second.run(f"run.result(timeout=60).to_pickle({str(result)!r})")
        assert second.run("print(run.state.outcome, run.state.tries.max())").split() == ["succeeded", "1"]
    pd.testing.assert_frame_equal(pd.read_pickle(result), locally())
