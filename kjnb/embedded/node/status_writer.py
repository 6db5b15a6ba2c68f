"""Writes the statuses of pods: what happens to one within a moment is written once.

An end is acknowledged to the supervisor when it is in the store for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.node.lifecycle import PodLife
from kjnb.embedded.node.pod_status import status
from kjnb.embedded.node.supervision import Supervision
from kjnb.embedded.store.store import Store
from kjnb.embedded.supervisor import wire

GATHER = 0.02  # seconds in which a container that started may end, and spare a write
BUSY, GATHER_BUSY = 8, 0.1  # pods, and seconds where there are more of them: a kubelet looks once a second


class StatusWriter:
    """The pods to write, and when; the ends to acknowledge."""

    def __init__(
        self, store: Store, supervision: Supervision, now: Callable[[], float], lives: dict[str, PodLife]
    ) -> None:
        self.store = store
        self.lives = lives  # a pod leaves them when its end is written: not before, it would be taken in anew
        self.supervision = supervision
        self._now = now
        self._changed: dict[str, tuple[PodLife, float]] = {}
        self._flushing: asyncio.TimerHandle | None = None
        self._settled: list[str] = []
        self._settle = asyncio.Event()

    def write_soon(self, life: PodLife) -> None:
        """Write a pod's status, at once if it is over; else in a moment, for it may be over by then."""
        gather = GATHER_BUSY if len(self.lives) > BUSY else GATHER
        due = asyncio.get_running_loop().time() + (0.0 if life.known.over else gather)
        _, before = self._changed.get(life.uid, (life, due))
        self._changed[life.uid] = (life, min(due, before))
        self._wake_at(due)

    def _wake_at(self, due: float) -> None:
        if self._flushing is not None:
            if self._flushing.when() <= due:
                return
            self._flushing.cancel()
        self._flushing = asyncio.get_running_loop().call_at(due, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        now = asyncio.get_running_loop().time()
        for life in [life for life, due in self._changed.values() if due <= now]:
            del self._changed[life.uid]
            self._write(life)
        if self._changed:
            self._wake_at(min(due for _, due in self._changed.values()))

    def _write(self, life: PodLife) -> None:
        meta = life.obj["metadata"]
        stored = self.store.get("pods", meta.get("namespace"), meta["name"])
        if stored is None or stored["metadata"]["uid"] != life.uid:
            return
        new = {**stored, "status": status(stored, life.containers, life.known, stamp(self._now()))}
        if life.known.over:
            self.lives.pop(life.uid, None)
        if life.known.over and stored["metadata"].get("deletionTimestamp"):
            new["metadata"] = {**stored["metadata"], "deletionGracePeriodSeconds": 0}
        life.obj = self.store.update("pods", new)
        self.acknowledge_soon(life)

    def acknowledge_soon(self, life: PodLife) -> None:
        """Its ends are in the store, or nobody asks for them any more."""
        if life.unsettled:
            self._settled += life.unsettled
            life.unsettled = []
            self._settle.set()

    async def acknowledge(self) -> None:
        """For ever: tell the supervisor which ends it may forget."""
        while True:
            await self._settle.wait()
            self._settle.clear()
            ids, self._settled = self._settled, []
            try:
                await self.store.committed()
            except OSError:  # a full disk: they are told again until it has room
                self._settled += ids
                await asyncio.sleep(1.0)
                self._settle.set()
            else:
                self.supervision.send(wire.Acknowledge(ids))
