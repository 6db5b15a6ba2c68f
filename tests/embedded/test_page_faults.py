"""What a forked pod costs is decided by the pages it touches: counted here, so that no change makes it dear unseen.

Counted, not timed: a busy machine does not change them by more than a few in a hundred. Bounds are a third above what
Python 3.11 with pandas 3 needs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kjnb.embedded.supervisor.processes import children
from kjnb.model.partition import partition
from tests.bench.spent import page_faults
from tests.embedded.node import Node, node
from tests.road.stages import put

PODS = 6


LENGTH = "def work(part):\n    return len(part)\n"
GROUPBY = "def work(part):\n    return part.groupby('word')['x'].mean()\n"


def counted(tmp_path: Path, once: Callable[[Node, int], Awaitable[Any]]) -> float:
    """Page faults of a pod, after one that is not counted."""

    async def main() -> float:
        async with node(tmp_path / "state") as here:
            await once(here, 0)
            zygotes = children(here.supervisor_pid())
            before = page_faults(zygotes)
            for number in range(1, PODS):
                await once(here, number)
            await here.eventually(lambda: not [pid for zygote in zygotes for pid in children(zygote)])
            return (page_faults(zygotes) - before) / (PODS - 1)

    return asyncio.run(main())


def test_a_script_that_does_nothing_touches_few_pages(tmp_path: Path) -> None:
    script = tmp_path / "nothing.py"
    script.write_text("")

    async def once(here: Node, _: int) -> None:
        await here.ran(here.pod([sys.executable, str(script)]))

    assert 100 < counted(tmp_path, once) < 850


@pytest.mark.parametrize(("source", "most"), [(LENGTH, 1850), (GROUPBY, 2900)])
def test_a_worker_touches_few_pages(tmp_path: Path, source: str, most: int) -> None:
    notebook: dict[str, Any] = {"__name__": "__main__"}  # its functions travel by value
    exec(source, notebook)
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0] * 1000, "y": [1, 2, 3] * 1000, "word": ["a", "b", "c"] * 1000})
    stage = put(tmp_path / "stage", notebook["work"], partition(frame, PODS))
    command = [sys.executable, str(stage.root / "worker.py"), str(stage.root)]

    async def once(here: Node, number: int) -> None:
        env = [{"name": "JOB_COMPLETION_INDEX", "value": str(number)}]
        pod = await here.ran(here.pod(command, container={"env": env}))
        assert pod["status"]["phase"] == "Succeeded", here.log(pod)

    assert 100 < counted(tmp_path, once) < most
    assert stage.committed() == list(range(PODS))
