"""kill -9 of the cluster's processes in the middle of a run: it completes, every index once, with the right result.

Whom and when is drawn; the seed is printed, and KJNB_SEED gives it again.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import signal

import numpy as np
import pandas as pd
import psutil
import pytest

import kjnb
from kjnb import embedded
from kjnb.embedded.node.supervision import is_supervised
from kjnb.embedded.supervisor.processes import children
from kjnb.model.state import State
from tests.rounds import rounds
from tests.waiting import eventually

INDEXES = 200


class Killer:
    """Kills processes of one home's cluster; a killed server is started again, as its next client would."""

    def __init__(self, home: pathlib.Path) -> None:
        self.home = home

    def server(self) -> None:
        os.kill(embedded.status(self.home)["pid"], signal.SIGKILL)
        eventually(lambda: not embedded.status(self.home)["running"])
        embedded.start(self.home)

    def supervisor(self) -> None:
        os.kill(self._supervisor(), signal.SIGKILL)

    def zygote(self) -> None:
        """The child of the supervisor that forks the pods."""
        found = [pid for pid in children(self._supervisor()) if self._is_zygote(pid)]
        for pid in found:
            os.kill(pid, signal.SIGKILL)

    def _supervisor(self) -> int:
        folder = pathlib.Path(embedded.status(self.home)["folder"])
        return int(eventually(lambda: is_supervised(folder) and (folder / "supervisor.lock").read_text()))

    @staticmethod
    def _is_zygote(pid: int) -> bool:
        with contextlib.suppress(psutil.Error):
            return "zygote.py" in " ".join(psutil.Process(pid).cmdline())
        return False


@pytest.mark.parametrize("seed", range(rounds(1, 10)))
@pytest.mark.timeout(180)
def test_a_run_completes_whoever_is_killed(home, monkeypatch, seed):
    seed = int(os.environ.get("KJNB_SEED", random.randrange(10**6) + seed))
    print(f"KJNB_SEED={seed}")
    draw = random.Random(seed)
    monkeypatch.setenv("KJNB_HOME", str(home))
    frame = pd.DataFrame({"n": np.arange(2000)})

    def doubled(part):
        return pd.DataFrame({"n": part["n"], "twice": part["n"] * 2})

    cluster = kjnb.connect("local")
    run = kjnb.launch(doubled, frame, partitions=INDEXES, cluster=cluster, name="killed", backoff_limit_per_index=9)
    killer = Killer(home)
    victims = [killer.server, killer.supervisor, killer.zygote]
    draw.shuffle(victims)
    for at, kill in zip(sorted(draw.sample(range(5, INDEXES - 30), 3)), victims, strict=True):
        eventually(lambda least=at: run.state.counts.get(State.SUCCEEDED, 0) >= least, within=60)
        print(f"at {at}: {kill.__name__}")
        kill()
    result = run.result(timeout=100)
    pd.testing.assert_frame_equal(result.reset_index(drop=True), frame.assign(twice=frame["n"] * 2))
    assert run.state.outcome == "succeeded"
    assert run.state.counts[State.SUCCEEDED] == INDEXES
