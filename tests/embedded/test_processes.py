"""What belongs to a container's process, and how much memory all of it holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kjnb.embedded.node.capacity import Capacity, allocatable, node, read
from kjnb.embedded.supervisor import processes
from tests.waiting import eventually

FAMILY = """
import subprocess, sys, threading
CHILD = "data = bytearray(50_000_000); import sys; sys.stdin.read()"
def begin():
    subprocess.Popen([sys.executable, "-c", CHILD], stdin=sys.stdin)
thread = threading.Thread(target=begin)
thread.start()
threading.Event().wait()
"""


def test_children_of_every_thread_are_counted_and_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, start_new_session=True) as parent:
        try:
            eventually(lambda: processes.anonymous_bytes(parent.pid) > 50_000_000)
            family = processes.family(parent.pid)
            assert len(family) == 2
        finally:
            processes.kill_session(parent.pid)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))


def test_the_node_tells_of_disk_and_huge_pages(tmp_path: Path) -> None:
    for size, count in ((2048, 3), (1048576, 0)):
        (tmp_path / f"hugepages-{size}kB").mkdir()
        (tmp_path / f"hugepages-{size}kB" / "nr_hugepages").write_text(f"{count}\n")
    found = read(tmp_path / "no-cgroups", pages=tmp_path, disk=tmp_path / "not" / "yet")
    assert found.huge_pages == ((2048, 3 * 2 * 2**20), (1048576, 0))
    assert found.disk > 0
    had = Capacity(1.5, 10 * 2**30, 1000 * 1024, found.huge_pages)
    assert allocatable(had) == {
        "cpu": "1500m", "memory": "9961472Ki", "pods": "250", "ephemeral-storage": "921600", "hugepages-2Mi": "6Mi",
        "hugepages-1Gi": "0",
    }  # fmt: skip
    assert node("here", had, "now", "v1")["status"]["capacity"]["ephemeral-storage"] == "1000Ki"
