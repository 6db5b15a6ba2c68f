"""What one client saw of a run, put where it outlives the cluster: into the run's stage.

Pods and Jobs go away (TTL, garbage collection, delete); their last known facts and the logs of attempts that failed
stay in the stage, from where reports and later notebooks read them. Segments are never changed once written.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kjnb.cluster.client import Cluster
from kjnb.errors import ClusterError, StageError
from kjnb.model.facts import Fact, JobSeen, PodSeen
from kjnb.stage.folder import Stage

KINDS: dict[str, Any] = {"pod": PodSeen, "job": JobSeen}
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 30.0


def rows(facts: Iterable[Fact]) -> Iterator[dict[str, Any]]:
    """Write facts as JSON rows."""
    for fact in facts:
        kind = next((k for k, t in KINDS.items() if isinstance(fact, t)), None)
        if kind:
            yield {"fact": kind, **fact._asdict()}


def facts(rows: Iterable[dict[str, Any]]) -> Iterator[Fact]:
    """Read rows back; those of another version are passed over."""
    for row in rows:
        kind = KINDS.get(str(row.get("fact")))
        fields = {k: v for k, v in row.items() if k != "fact"}
        if kind is JobSeen and isinstance(fields.get("conditions"), list):
            fields["conditions"] = tuple(tuple(c) for c in fields["conditions"])
        if kind:
            with contextlib.suppress(TypeError):
                yield kind(**fields)


class Recorder:
    """Writes a run's facts in segments, some seconds apart, and saves the log of each attempt that failed.

    `index_of` tells a pod's index of the run, -1 if that is not known.
    """

    def __init__(self, stage: Stage, cluster: Cluster, index_of: Callable[[PodSeen], int]) -> None:
        self._stage, self._cluster, self._index_of = stage, cluster, index_of
        self._writer = f"{socket.gethostname().split('.')[0]}-{os.getpid()}-{secrets.token_hex(3)}"
        self._segment = 0
        self._unwritten: dict[str, Fact] = {}
        self._failed: queue.SimpleQueue[PodSeen | None] = queue.SimpleQueue()
        self._saved: set[str] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=work, name="kjnb-record", daemon=True)
            for work in (self._keep_writing, self._keep_saving)
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self._write)

    def take(self, batch: Iterable[Fact]) -> None:
        """Remember the facts of a batch, the last of each object; quick, writes nothing here."""
        with self._lock:
            for fact in batch:
                if isinstance(fact, PodSeen | JobSeen):
                    self._unwritten[fact.uid] = fact
                if isinstance(fact, PodSeen) and fact.phase == "Failed" and fact.uid not in self._saved:
                    self._saved.add(fact.uid)
                    self._failed.put(fact)

    def close(self, timeout: float = 10.0) -> None:
        """Write what is not written yet, save the logs still to be saved, and end."""
        self._closed.set()
        atexit.unregister(self._write)
        self._failed.put(None)
        for thread in self._threads:
            thread.join(timeout)

    def _keep_writing(self) -> None:
        pause = FIRST_SECONDS
        while not self._closed.wait(pause):
            pause = min(LONGEST_SECONDS, pause * 1.5) if self._write() else pause
        self._write()

    def _write(self) -> bool:
        with self._lock:
            taken, self._unwritten = self._unwritten, {}
        if taken:
            with contextlib.suppress(StageError, OSError):  # a stage that was deleted needs no record
                self._stage.record(self._writer, self._segment, list(rows(taken.values())))
                self._segment += 1
        return bool(taken)

    def _keep_saving(self) -> None:
        while (pod := self._failed.get()) is not None:
            index = self._index_of(pod)
            if index >= 0:
                save_log(self._stage, self._cluster, index, pod.uid, pod.name)


def save_log(stage: Stage, cluster: Cluster, index: int, uid: str, pod: str) -> bool:
    """Put an ended attempt's log into the stage, if it is not there; False if it cannot be had any more."""
    with contextlib.suppress(StageError, OSError):
        if stage.log(index, uid) is not None:
            return True
        try:
            data = cluster.log(pod)
        except ClusterError:  # 400 of a container that never ran, or no answer
            return False
        stage.save_log(index, uid, data)
        return True
    return False
