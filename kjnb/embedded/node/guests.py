"""Runs a command beside a container's process, in a box like its own: exec probes and exec hooks.

The supervisor runs it, as it runs containers, so that it ends whatever becomes of the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from kjnb.embedded.node.lifecycle import PodLife
from kjnb.embedded.node.orders import Orders
from kjnb.embedded.node.pod_status import Container
from kjnb.embedded.node.supervision import Supervision
from kjnb.embedded.supervisor import wire

OUTPUT_BYTES = 10 * 1024


class Guests:
    """Those that run now. `hear` takes the supervisor's reports of them."""

    def __init__(self, orders: Orders, supervision: Supervision, state: Path) -> None:
        self.orders = orders
        self.supervision = supervision
        self.state = state
        self._ends: dict[str, asyncio.Future[wire.Exited | None]] = {}
        self._numbers = itertools.count()

    @property
    def ids(self) -> set[str]:
        """Of those that run."""
        return set(self._ends)

    async def run(self, life: PodLife, container: Container, argv: list[str]) -> tuple[int, str]:
        """Exit code and output of a command; cancelled, it is killed. Unready, OSError if it cannot be run."""
        name = f"{container.id}_{os.getpid()}-{next(self._numbers)}"
        output = self.state / "pods" / life.uid / "guests" / name.partition("_")[2]
        output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        order = self.orders.order(life.obj, container.spec, container.id, str(output), argv)
        order.id, order.guest, order.memory = name, True, None
        end = self._ends[name] = asyncio.get_running_loop().create_future()
        self.supervision.send(order)
        try:
            exited = await end
        finally:
            del self._ends[name]
            if not end.done() or end.cancelled():
                self.supervision.send(wire.Stop(name, kill=True))
            said = _head(output)
        if exited is None:
            raise OSError("the command was lost with its supervisor")
        return exited.code, said or exited.message

    def hear(self, report: wire.Exited | wire.Started) -> bool:
        """Whether a report is about a guest; its end is acknowledged."""
        if report.id.count("_") < 3:
            return False
        if isinstance(report, wire.Exited):
            self.supervision.send(wire.Acknowledge([report.id]))
            end = self._ends.get(report.id)
            if end and not end.done():
                end.set_result(report)
        return True

    def catch_up(self, there: Iterable[str]) -> None:
        """After a connection was lost: those that the supervisor does not know have gone with it."""
        there = set(there)
        for name, end in self._ends.items():
            if name not in there and not end.done():
                end.set_result(None)


def _head(output: Path) -> str:
    text = b""
    with contextlib.suppress(OSError):
        with output.open("rb") as file:
            text = file.read(OUTPUT_BYTES)
        output.unlink()
    return text.decode(errors="replace")
