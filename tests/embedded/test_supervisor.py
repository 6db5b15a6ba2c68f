"""The supervisor alone: its socket, its register, one at a time."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from kjnb.embedded.node.capacity import Capacity, allocatable, read
from kjnb.embedded.node.supervision import Supervision
from kjnb.embedded.supervisor import births, wire
from kjnb.embedded.supervisor.peer import socket_path
from kjnb.embedded.supervisor.processes import is_alive
from tests.embedded.node import Node, node


def test_the_socket_is_private_and_a_long_folder_gets_a_short_one(tmp_path: Path) -> None:
    async def main(state: Path) -> None:
        async with node(state) as here:
            assert (await here.ran(here.pod(["true"])))["status"]["phase"] == "Succeeded"
            path = socket_path(state)
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.parent.stat().st_mode & 0o777 == 0o700
            assert (path.parent == state) == (len(str(path)) <= 100 and len(str(state)) < 80)

    short = Path("/tmp") / f"kjnb-test-{tmp_path.name}"
    try:
        asyncio.run(main(short))
    finally:
        import shutil

        shutil.rmtree(short, ignore_errors=True)
    asyncio.run(main(tmp_path / ("long-" * 20)))


def test_a_second_supervisor_leaves_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path / "state") as here:
            await here.ran(here.pod(["true"]))
            pid = here.supervisor_pid()
            command = [sys.executable, "-m", "kjnb.embedded.supervisor.supervisor", str(here.state)]
            second = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parents[2])
            assert await asyncio.wait_for(second.wait(), 20) == 0
            assert here.supervisor_pid() == pid
            from kjnb.embedded.supervisor.processes import start_time

            assert is_alive(pid, start_time(pid))

    asyncio.run(main())


def test_a_supervisor_of_another_kjnb_gives_way_when_nothing_runs(tmp_path: Path) -> None:
    async def main() -> None:
        state = tmp_path / "state"
        first = Node(state)
        first.start()
        long = first.pod(["sleep", "1003"])
        await first.running(long)
        pid = first.supervisor_pid()
        await first.leave()
        busy = Node(state, first.store, supervision=Supervision(state, version="later"))
        busy.start()
        await busy.ran(busy.pod(["true"]))
        assert busy.supervisor_pid() == pid, "a pod of it runs"
        busy.delete(long, 0)
        await busy.eventually(lambda: not busy.now(long))
        await busy.eventually(lambda: births.read(state / "supervisor.journal")[1:] == ({}, []))
        await busy.leave()
        async with node(state, store=first.store, supervision=Supervision(state, version="later")) as idle:
            assert (await idle.ran(idle.pod(["true"])))["status"]["phase"] == "Succeeded"
            assert idle.supervisor_pid() != pid

    asyncio.run(main())


def test_the_register_is_read_back_and_a_torn_line_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "register"
    register = births.Register(path)
    register.begin("boot-1")
    import os

    for name in ("a", "b", "c"):
        os.write(register.fileno, f'{{"born": "{name}", "pid": 1, "ticks": 2, "at": 3.0}}\n'.encode())
    register.ended(wire.Exited("a", 7, 4.0))
    register.ended(wire.Exited("b", 0, 5.0))
    register.acknowledged(["b"])
    os.write(register.fileno, b'{"ended": {"id": "c", "co')
    past = births.read(path)
    assert past.boot == "boot-1"
    assert past.exited == {"a": wire.Exited("a", 7, 4.0)}
    assert [birth.id for birth in past.unended] == ["c"]
    os.close(register.fileno)


def test_frames_survive_any_cut() -> None:
    orders = [wire.Stop("x", kill=True), wire.List(), wire.Acknowledge(["a", "b"])]
    data = b"".join(map(wire.frame, orders))
    frames = wire.orders()
    assert [order for at in range(len(data)) for order in frames.feed(data[at : at + 1])] == orders
    assert wire.orders().feed(data) == orders


def test_capacity_is_the_least_that_any_cgroup_allows(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    groups = tmp_path / "sys"
    inner = groups / "memory" / "user" / "job"
    inner.mkdir(parents=True)
    (groups / "cpu").mkdir()
    own.write_text("4:memory:/user/job\n1:cpu:/\n")
    (inner / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (inner.parent / "memory.limit_in_bytes").write_text(f"{2**30}\n")
    (groups / "cpu" / "cpu.cfs_quota_us").write_text("50000\n")
    (groups / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert read(groups, own)[:2] == (0.5, 2**30)
    unified = tmp_path / "unified"
    (unified / "app").mkdir(parents=True)
    own.write_text("0::/app\n")
    (unified / "app" / "cpu.max").write_text("max 100000\n")
    (unified / "app" / "memory.max").write_text(f"{2**29}\n")
    assert read(unified, own).memory == 2**29
    assert allocatable(Capacity(0.5, 2**30))["cpu"] == "500m"
    assert allocatable(Capacity(2.0, 2**30))["cpu"] == "2"
