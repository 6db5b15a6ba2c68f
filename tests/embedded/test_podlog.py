"""pods/log: what may be asked, which process is meant, and the right bytes of files of any size."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from kjnb.embedded import log_bounds, log_times
from kjnb.embedded.api import log_reading, podlog
from kjnb.embedded.api.answers import Refused
from kjnb.embedded.api.log_options import LogOptions
from kjnb.embedded.store.store import Store

POD = "p"


def parse(**query: str) -> LogOptions:
    return LogOptions.parse(lambda name: query.get(name, ""), POD)


def refusal(**query: str) -> tuple[int, list[tuple[str, str]]]:
    with pytest.raises(Refused) as caught:
        parse(**query)
    causes = caught.value.status.get("details", {}).get("causes", [])
    return caught.value.code, [(cause["field"], cause["reason"]) for cause in causes]


def test_options_are_read() -> None:
    assert parse() == LogOptions()
    told = parse(container="c", follow="1", previous="TRUE", timestamps="yes", tailLines="0", limitBytes="+7")
    assert told == LogOptions("c", True, True, True, 0, 7)
    assert parse(follow="0", previous="False", sinceTime="null") == LogOptions()
    assert parse(sinceSeconds="5", stream="All").since(100.0) == 95.0
    assert parse(sinceTime="1970-01-01T01:00:01.5+01:00").since(100.0) == 1.5
    assert parse().since(100.0) is None


@pytest.mark.parametrize("name", ["tailLines", "limitBytes", "sinceSeconds"])
def test_what_is_no_number_cannot_be_read(name: str) -> None:
    for text in ("many", "1.5", "1_0", "٣", "--1"):
        assert refusal(**{name: text}) == (400, [])
    assert refusal(**{name: "9223372036854775808"}) == (400, [])
    assert refusal(**{name: "-1"}) == (422, [(name, "FieldValueInvalid")])


def test_what_does_not_hold_is_refused() -> None:
    assert refusal(limitBytes="0") == (422, [("limitBytes", "FieldValueInvalid")])
    assert refusal(sinceSeconds="0") == (422, [("sinceSeconds", "FieldValueInvalid")])
    assert refusal(sinceTime="yesterday") == (400, [])
    both = {"sinceSeconds": "1", "sinceTime": "2026-01-01T00:00:00Z"}
    assert refusal(**both) == (422, [("", "FieldValueForbidden")])
    assert refusal(stream="Stdout") == (422, [("stream", "FieldValueForbidden")])
    assert refusal(tailLines="-1", limitBytes="0")[1] == [
        ("tailLines", "FieldValueInvalid"),
        ("limitBytes", "FieldValueInvalid"),
    ]


def a_pod(
    *names: str, state: Any = None, last: Any = None, init: tuple[str, ...] = (), **status: Any
) -> dict[str, Any]:
    spec: dict[str, Any] = {"nodeName": "here", "containers": [{"name": name} for name in names or ("c",)]}
    if init:
        spec["initContainers"] = [{"name": name} for name in init]
    shown = {"name": "c", "state": state or {}, "lastState": last or {}, **status}
    meta = {"name": POD, "namespace": "default"}
    given = {"containerStatuses": [shown]} if state or last else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": given}


def said(pod: dict[str, Any], container: str = "", previous: bool = False) -> str:
    try:
        return podlog.process_of(pod, podlog.container_of(pod, container), previous)
    except Refused as refused:
        return str(refused) if refused.code == 400 else ""


def test_which_container() -> None:
    assert podlog.container_of(a_pod(), "") == "c"
    assert podlog.container_of(a_pod("c", "d", init=("i",)), "i") == "i"
    assert said(a_pod(), "nobody") == "container nobody is not valid for pod p"
    assert said(a_pod("c", "d", init=("i", "j"))) == (
        "a container name must be specified for pod p, choose one of: [c d] or one of the init containers: [i j]"
    )


def test_which_process() -> None:
    ended = {"terminated": {"containerID": "process://u_c_1"}}
    before = {"terminated": {"containerID": "process://u_c_0"}}
    running = a_pod(state={"running": {}}, last=before, containerID="process://u_c_1")
    assert [said(running), said(running, previous=True)] == ["process://u_c_1", "process://u_c_0"]
    assert said(a_pod(state=ended, last=before)) == "process://u_c_1"
    crashing = a_pod(state={"waiting": {"reason": "CrashLoopBackOff"}}, last=ended)
    assert [said(crashing), said(crashing, previous=True)] == ["process://u_c_1"] * 2
    assert said(a_pod(state=ended), previous=True) == 'previous terminated container "c" in pod "p" not found'
    assert said(a_pod(state={"terminated": {"exitCode": 1}})) == 'container "c" in pod "p" is terminated'
    waits = 'container "c" in pod "p" is waiting to start: '
    assert said(a_pod()) == waits + "ContainerCreating"
    assert said(a_pod(state={"waiting": {"reason": "PodInitializing"}})) == waits + "PodInitializing"
    assert said(a_pod(state={"waiting": {"reason": "ErrImagePull"}})) == waits + "image can't be pulled"


class Folder:
    """One pod whose container's log is a file of ours."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = Store(None, clock=time.time, new_uid=lambda: str(uuid.uuid4()))
        self.pod = self.store.create("pods", a_pod(state={"running": {}}, containerID="process://u_c_0"))

    def log_file(self, *_: Any) -> Path | None:
        return self.path if self.path.exists() else None

    def end(self) -> None:
        status = a_pod(state={"terminated": {"exitCode": 0, "containerID": "process://u_c_0"}})["status"]
        self.pod = self.store.update("pods", {**self.pod, "status": status})

    def log(self, now: float = 1000.0, **query: str) -> podlog.PodLog:
        return podlog.PodLog(self.store, self, self.pod, parse(**query), now)

    def text(self, now: float = 1000.0, **query: str) -> str:
        async def main() -> str:
            return b"".join([piece async for piece in self.log(now, **query).chunks()]).decode()

        return asyncio.run(main())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "0.log")


def test_tail_and_limit(folder: Folder) -> None:
    folder.path.write_text("one\ntwo\nthree")
    assert folder.text() == "one\ntwo\nthree"
    assert [folder.text(tailLines=str(n)) for n in range(5)] == ["", "three", "two\nthree"] + ["one\ntwo\nthree"] * 2
    assert folder.text(limitBytes="5") == "one\nt"
    assert folder.text(tailLines="2", limitBytes="4") == "two\n"
    folder.path.write_text("one\ntwo\n")
    assert folder.text(tailLines="1") == "two\n"
    folder.path.write_text("\n\n")
    assert folder.text(tailLines="1") == "\n"
    folder.path.unlink()
    assert folder.text(tailLines="1") == ""


def test_a_tail_over_many_blocks(folder: Folder) -> None:
    lines = [f"{number} {'x' * 50}\n" for number in range(3 * log_reading.BLOCK // 50)]
    folder.path.write_text("".join(lines))
    for tail in (1, 2500, len(lines) - 1, len(lines), len(lines) + 1):
        assert folder.text(tailLines=str(tail)) == "".join(lines[-tail:])
    long = "y" * (2 * log_reading.BLOCK)
    folder.path.write_text(f"first\n{long}\nlast\n")
    assert folder.text(tailLines="2") == f"{long}\nlast\n"


def test_times_of_lines_across_blocks(folder: Folder) -> None:
    long = "y" * log_reading.BLOCK
    folder.path.write_text(f"one\r\n{long}\nrest")
    log_times.note(folder.path, 2, 1.25)
    log_times.note(folder.path, 5, 2.0)
    os.utime(folder.path, (3.0, 3.0))
    first, second, third = folder.text(timestamps="true").split("\n")
    assert first == "1970-01-01T00:00:01.250000000Z one\r"
    assert second == f"1970-01-01T00:00:03.000000000Z {long}"
    assert third == "1970-01-01T00:00:03.000000000Z rest"
    assert folder.text(timestamps="true", limitBytes="12") == "1970-01-01T0"
    assert folder.text(timestamps="true", tailLines="1") == "1970-01-01T00:00:03.000000000Z rest"


def test_since(folder: Folder) -> None:
    folder.path.write_text("a\nbb\nccc\ndddd\n")
    os.utime(folder.path, (900.0, 900.0))
    assert folder.text(sinceSeconds="100") == "a\nbb\nccc\ndddd\n"
    assert folder.text(sinceSeconds="99") == ""
    log_times.note(folder.path, 3, 700.0)  # in the middle of the second line
    log_times.note(folder.path, 9, 800.0)
    assert folder.text(sinceSeconds="300") == "a\nbb\nccc\ndddd\n"
    assert folder.text(sinceSeconds="299") == "ccc\ndddd\n"
    assert folder.text(sinceTime="1970-01-01T00:13:20Z") == "ccc\ndddd\n"
    assert folder.text(sinceSeconds="150") == "dddd\n"
    assert folder.text(sinceSeconds="299", tailLines="1") == "dddd\n"
    assert folder.text(sinceSeconds="150", tailLines="3") == "dddd\n"
    folder.path.write_text("a line without an end")
    os.utime(folder.path, (900.0, 900.0))
    assert folder.text(sinceSeconds="150") == ""


def bound(path: Path) -> int:
    return log_bounds.bounded(path, 0, path.stat().st_size, kept=2 << 20)


def test_a_log_without_its_beginning_begins_with_a_whole_line(folder: Folder) -> None:
    lines = [f"{number} {'x' * 90}\n" for number in range(60_000)]
    text = "".join(lines)
    folder.path.write_text(text)
    left = text[bound(folder.path) :].partition("\n")[2]
    assert 2 << 20 < len(left) < 4 << 20
    assert folder.text() == left
    assert folder.text(tailLines="3") == "".join(lines[-3:])
    assert folder.text(tailLines="60000") == left
    assert folder.text(sinceSeconds="1000000000000") == left
    assert folder.text(limitBytes="10") == left[:10]
    assert folder.text(timestamps="true").split(" ", 1)[1].startswith(left.split("\n", 1)[0])


def test_a_log_that_is_bounded_while_it_is_read_goes_on_where_it_is(folder: Folder) -> None:
    async def scenario() -> None:
        pieces = folder.log().chunks()
        assert await anext(pieces) == b"x" * log_reading.BLOCK
        cut = bound(folder.path)
        assert b"".join([piece async for piece in pieces]) == b"x" * ((8 << 20) - cut)

    folder.path.write_bytes(b"x" * (8 << 20))
    asyncio.run(scenario())


def test_following_ends_with_its_process(folder: Folder) -> None:
    async def scenario() -> None:
        async def read() -> bytes:
            return b"".join([piece async for piece in folder.log(follow="true").chunks()])

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        for text in ("one\n", "two\n"):
            with folder.path.open("a") as log:
                log.write(text)
            await asyncio.sleep(0)
        folder.end()
        assert await asyncio.wait_for(reading, 20) == b"one\ntwo\n"

    asyncio.run(scenario())


@pytest.mark.parametrize("there", [True, False])
def test_following_a_pod_that_goes_away_ends(folder: Folder, there: bool) -> None:
    async def scenario() -> None:
        pieces = folder.log(follow="true").chunks()
        if there:
            folder.path.write_text("one\n")
            assert await anext(pieces) == b"one\n"
            assert await anext(pieces) == b""  # a sign of life for whoever listens
        folder.store.remove("pods", "default", POD)
        assert [piece async for piece in pieces] == []

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_a_reader_that_is_let_go_closes_its_file(folder: Folder) -> None:
    async def scenario() -> None:
        folder.path.write_text("one\n")
        pieces = folder.log(follow="true").chunks()
        await anext(pieces)
        held = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.exists(entry.path)]
        assert str(folder.path) in held
        await pieces.aclose()  # type: ignore[attr-defined]
        held = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.exists(entry.path)]
        assert str(folder.path) not in held

    asyncio.run(scenario())
