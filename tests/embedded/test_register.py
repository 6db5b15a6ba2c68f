"""The supervisor's register: it stays short however long pods come and go, and outlives full disks and torn lines."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from kjnb.embedded.supervisor import births, supervisor, wire
from tests.embedded.node import node, terminated


def born(register: births.Register, name: str) -> None:
    os.write(register.fileno, json.dumps({"born": name, "pid": 1, "ticks": 2, "at": 3.0}).encode() + b"\n")


def test_shortening_keeps_what_matters_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "register"
    register = births.Register(path)
    register.begin("boot")
    for number in range(1000):
        born(register, f"old-{number}")
        register.ended(wire.Exited(f"old-{number}", 0, 1.0))
        register.acknowledged([f"old-{number}"])
    register.shorten("boot", [births.Process(7, 8)], [births.Birth("runs", 1, 2, 3.0)], [wire.Exited("told", 5, 1.0)])
    assert register.size == 0
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 1000
    assert all(file.stat().st_mode & 0o077 == 0 for file in tmp_path.iterdir())
    born(register, "new")
    register.acknowledged(["told"])
    past = births.read(path)
    assert (past.boot, past.exited) == ("boot", {})
    assert [one.id for one in past.unended] == ["runs", "new"]
    assert births.parents(path) == ("boot", [(7, 8)])
    os.close(register.fileno)


def test_killed_between_the_two_files_it_says_the_same_twice(tmp_path: Path) -> None:
    path = tmp_path / "register"
    register = births.Register(path)
    register.begin("boot")
    born(register, "runs")
    register.ended(wire.Exited("ended", 3, 1.0))
    before = path.read_bytes()
    past = births.read(path)
    register.shorten("boot", [], past.unended, past.exited.values())
    path.write_bytes(before)  # as if it had not been emptied
    assert births.read(path) == past
    os.close(register.fileno)


def test_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "register"
    path.write_bytes(b'{"boot": "boot"}\n{"ended": {"id": "torn", "co')
    register = births.Register(path)
    register.ended(wire.Exited("whole", 3, 1.0))
    assert list(births.read(path).exited) == ["whole"]
    os.close(register.fileno)


def test_what_a_full_disk_does_not_take_is_written_when_it_does(tmp_path: Path) -> None:
    path = tmp_path / "register"
    register = births.Register(path)
    register.begin("boot")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (register.size + 30, before[1]))
        for number in range(5):
            register.ended(wire.Exited(f"pod-{number}", number, 1.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert births.read(path).exited == {}
    register.ended(wire.Exited("last", 9, 1.0))
    assert [end.code for end in births.read(path).exited.values()] == [0, 1, 2, 3, 4, 9]
    os.close(register.fileno)


def grow(journal: Path, number: int) -> None:
    """Many pods have ended and were taken note of."""
    with journal.open("a") as file:
        for one in range(number):
            file.write(json.dumps({"ended": {"id": f"old-{one}", "code": 0, "at": 1.0}}) + "\n")
            file.write(json.dumps({"acknowledged": [f"old-{one}"]}) + "\n")


@pytest.mark.parametrize("size", [births.LONG, births.TOO_LONG])
def test_a_long_register_is_shortened_while_pods_run(tmp_path: Path, size: int) -> None:
    """Also when it is so long that no pod starts before."""

    async def main() -> None:
        state = tmp_path / "state"
        journal = state / "supervisor.journal"
        script = tmp_path / "wait.py"
        script.write_text(
            "import os, time\nwhile not os.path.exists(os.environ['GO']):\n    time.sleep(0.01)\nexit(7)\n"
        )
        env = [{"name": "GO", "value": str(tmp_path / "go")}]
        async with node(state) as here:
            early = here.pod([sys.executable, str(script)], container={"env": env})
            await here.running(early)
            grow(journal, size // 80)
            assert journal.stat().st_size > size
            waits = [early, *(here.pod([sys.executable, str(script)], container={"env": env}) for _ in range(3))]
            for _ in range(3):
                await here.ran(here.pod(["true"]))
            await here.eventually(lambda: journal.stat().st_size < births.LONG // 2)
            for pod in waits:
                await here.running(pod)
            await here.leave()
            os.kill(here.supervisor_pid(), signal.SIGKILL)
            async with node(state, store=here.store) as again:
                (tmp_path / "go").touch()
                for pod in waits:
                    assert terminated(await again.ran(pod))["reason"] == "ContainerStatusUnknown", "it was known to run"

    asyncio.run(main())


def test_asked_twice_it_starts_once_and_tells_twice(tmp_path: Path) -> None:
    """A server that was killed asks for what its last life asked for already."""
    told: list[Any] = []

    class Listening(supervisor.Supervisor):
        def _tell(self, report: wire.Report) -> None:
            told.append(report)

    path = str(tmp_path / "ran")
    start = wire.Start("pod_c_0", "/bin/sh", ["sh", "-c", f"echo x >> {path}; exit 4"], {}, "/", str(tmp_path / "log"))
    here = Listening(tmp_path)
    here.obey(start)
    here.obey(start)
    while here.running:
        here._reap()
    here.obey(start)
    assert [type(one).__name__ for one in told] == ["Started", "Started", "Exited", "Exited"]
    assert Path(path).read_text() == "x\n"
    here.selector.close()
    os.close(here.journal.fileno)
