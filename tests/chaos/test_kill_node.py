"""kill -9 of each process of a node: no exit code is lost, nothing is left running, what is not known is said."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import psutil

from kjnb.embedded.store.store import Store
from kjnb.embedded.supervisor.processes import children, family, is_alive, start_time
from tests.embedded.node import Node, node, terminated

PODS = 40
EXITS = "import os, time\nwhile not os.path.exists(os.environ['GO']):\n    time.sleep(0.01)\nraise SystemExit({code})\n"


def python_pod(here: Node, folder: Path, code: int) -> dict[str, Any]:
    """Waits for the file `go`, then exits with that code."""
    script = folder / f"exit-{code}.py"
    script.write_text(EXITS.format(code=code))
    env = [{"name": "GO", "value": str(folder / "go")}]
    return here.pod([sys.executable, str(script)], container={"env": env})


def zygote_of(here: Node) -> int:
    """The one child of the supervisor that runs zygote.py and is no pod."""
    found = [
        pid
        for pid in children(here.supervisor_pid())
        if b"zygote.py" in Path(f"/proc/{pid}/cmdline").read_bytes() and os.getppid() != pid
    ]
    return min(found)


def living_in(state: Path) -> list[int]:
    """Processes that have a pod's folder for their home."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("HOME", "").startswith(f"{state}/pods/"):
                found.append(process.pid)
    return found


def pids_of(here: Node, pods: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Pid and start time of each pod's process, from the supervisor's own register."""
    import json

    found = {}
    for line in (here.state / "supervisor.journal").read_text().splitlines():
        record = json.loads(line)
        if "born" in record:
            found[record["born"].partition("_")[0]] = (record["pid"], record["ticks"])
    return {pod["metadata"]["uid"]: found[pod["metadata"]["uid"]] for pod in pods}


def test_every_code_comes_back_after_the_server_was_killed(tmp_path: Path) -> None:
    async def main() -> None:
        store = Store(None, clock=time.time, new_uid=lambda: str(uuid.uuid4()))
        first = Node(tmp_path / "state", store)
        first.start()
        pods = [python_pod(first, tmp_path, code % 100) for code in range(PODS)]
        for pod in pods:
            await first.running(pod)
        pids = pids_of(first, pods)
        await first.leave()
        (tmp_path / "go").touch()  # all of them end while nobody listens
        await first.eventually(lambda: not any(is_alive(*one) for one in pids.values()))
        async with node(tmp_path / "state", store=store) as second:
            codes = [terminated(await second.ran(pod))["exitCode"] for pod in pods]
            assert codes == [code % 100 for code in range(PODS)]

    asyncio.run(main())


def test_pods_that_still_run_are_adopted_not_started_again(tmp_path: Path) -> None:
    async def main() -> None:
        store = Store(None, clock=time.time, new_uid=lambda: str(uuid.uuid4()))
        first = Node(tmp_path / "state", store)
        first.start()
        pod = python_pod(first, tmp_path, 7)
        await first.running(pod)
        before = pids_of(first, [pod])
        await first.leave()
        async with node(tmp_path / "state", store=store) as second:
            other = await second.ran(second.pod(["true"]))
            assert other["status"]["phase"] == "Succeeded"
            assert pids_of(second, [pod]) == before
            assert is_alive(*next(iter(before.values())))
            (tmp_path / "go").touch()
            assert terminated(await second.ran(pod))["exitCode"] == 7

    asyncio.run(main())


def test_a_killed_zygote_loses_no_pod_and_no_code(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path / "state") as here:
            pods = [python_pod(here, tmp_path, code) for code in range(8)]
            for pod in pods:
                await here.running(pod)
            zygote = zygote_of(here)
            os.kill(zygote, signal.SIGKILL)
            more = [python_pod(here, tmp_path, code) for code in range(8, 12)]
            (tmp_path / "go").touch()
            codes = [terminated(await here.ran(pod))["exitCode"] for pod in [*pods, *more]]
            assert codes == list(range(12))

    asyncio.run(main())


def test_a_killed_supervisor_leaves_nothing_running_and_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path / "state") as here:
            pods = [python_pod(here, tmp_path, code) for code in range(4)]
            pods += [
                here.pod(["sh", "-c", "sleep 301 & (setsid sleep 305 &) & sleep 302"], image="busybox")
                for _ in range(2)
            ]
            for pod in pods:
                await here.running(pod)
            await here.eventually(lambda: len(living_in(here.state)) >= 8)
            pids = pids_of(here, pods)
            os.kill(here.supervisor_pid(), signal.SIGKILL)
            for pod in pods:
                over = await here.ran(pod)
                assert over["status"]["phase"] == "Failed"
                assert terminated(over)["reason"] == "ContainerStatusUnknown"
                assert terminated(over)["exitCode"] == 137
                assert "exit code is not known" in terminated(over)["message"]
            await here.eventually(lambda: not any(is_alive(*one) for one in pids.values()))
            assert living_in(here.state) == [], "also what had left its pod's session"
            after = await here.ran(here.pod(["true"]))
            assert after["status"]["phase"] == "Succeeded"

    asyncio.run(main())


def test_a_killed_pod_is_137_and_its_children_end_with_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path / "state") as here:
            pod = here.pod(["sh", "-c", "sleep 303 & setsid sleep 304 & echo ready; wait"], image="busybox")
            await here.eventually(lambda: here.log(pod) == "ready\n")
            pid = pids_of(here, [pod])[pod["metadata"]["uid"]][0]
            below = await here.eventually(lambda: len(found := family(pid)[1:]) >= 2 and found)
            known = [(one, start_time(one)) for one in below]
            os.kill(pid, signal.SIGKILL)
            assert terminated(await here.ran(pod))["exitCode"] == 137
            await here.eventually(lambda: not any(is_alive(*one) for one in known))

    asyncio.run(main())
