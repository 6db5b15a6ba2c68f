"""Several clients launch the same at the same moment: one run, and every handle gives its result."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

import kjnb
from tests.road.test_launch_killed import check_one_run, client

CLIENTS = 4
FRAME = pd.DataFrame({"x": range(100_000), "text": "some text"})


def test_threads_of_one_process(cluster):
    at_once = threading.Barrier(CLIENTS)

    def total(part):
        return int(part["x"].sum())

    def launch(_):
        at_once.wait()
        run = kjnb.launch(total, FRAME, partitions=2, name="threads-at-once", cluster=cluster)
        return run.facts["launch"], run.result(timeout=60).tolist()

    with ThreadPoolExecutor(CLIENTS) as pool:
        told = list(pool.map(launch, range(CLIENTS)))
    assert {result for _, (result, *_) in told} == {1249975000}
    assert len({launch for launch, _ in told}) == 1


@pytest.mark.parametrize("cut_off", [None, 4])
def test_processes_and_one_that_was_cut_off_before(cluster, cut_off):
    """`cut_off`: after how many steps another client was killed, so that all these find its launch to be finished."""
    name = f"processes-at-once-{cut_off or 0}"
    if cut_off is not None:
        assert client("calls", name, cut_off).returncode == 9
        assert cluster.get("jobs", name)["spec"]["suspend"]
    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(lambda verb: client(verb, name, 0), ["launch"] * 3))
    assert [e.returncode for e in ended] == [0] * 3, "\n".join(e.stderr for e in ended)
    told = [json.loads(e.stdout.splitlines()[-1]) for e in ended]
    assert told[0] == told[1] == told[2]
    check_one_run(cluster, name, told[0])
