"""What happens to a run on its cluster, as batches of facts: list, then watch, for as long as anybody looks.

It survives what watches do in practice: the server ends them, networks cut them or fall silent, and versions expire.
What vanished while nobody watched is told by one Relisted fact. Threads here never touch anything but `deliver`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import msgspec

from kjnb.cluster import decode
from kjnb.cluster.client import Cluster, Watching
from kjnb.errors import ClusterError, Expired, Unreachable
from kjnb.model.facts import Fact, JobSeen, PodSeen, Relisted

GATHER_SECONDS = 0.06  # a batch goes out at once when it was quiet, else this long after the one before
LONGEST_PAUSE = 15.0


class Feed:
    """Facts about the Jobs and pods that `selector` finds, given to `deliver` in batches, in one thread.

    `trouble` is the error that keeps the feed from hearing anything, None while all is well.
    """

    def __init__(self, cluster: Cluster, selector: str, deliver: Callable[[list[Fact]], None]) -> None:
        self.cluster = cluster
        self.selector = selector
        self.trouble: ClusterError | None = None
        self._since = 0.0
        self._deliver = deliver
        self._facts: queue.SimpleQueue[Fact | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._open: dict[str, Watching] = {}
        self._threads = [
            threading.Thread(target=self._keep_watching, args=(r,), name=f"kjnb-feed-{r}", daemon=True)
            for r in ("jobs", "pods")
        ]
        self._threads.append(threading.Thread(target=self._keep_delivering, name="kjnb-feed", daemon=True))

    @property
    def silent(self) -> float:
        """For how many seconds there has been `trouble`; 0 while there is none."""
        return time.monotonic() - self._since if self.trouble else 0.0

    def start(self) -> Feed:
        """Start listening; returns at once."""
        for thread in self._threads:
            thread.start()
        return self

    def close(self) -> None:
        """Stop listening; what was heard is still delivered. May be called from `deliver`."""
        self._closed.set()
        for watching in list(self._open.values()):
            watching.close()
        self._facts.put(None)

    def join(self, timeout: float = 5.0) -> None:
        """Wait until the threads have ended, after `close`."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout)

    def _keep_watching(self, resource: str) -> None:
        version = ""
        failures = 0
        while not self._closed.is_set():
            try:
                version = version or self._list(resource)
                version = self._follow(resource, version)
                failures, self.trouble = 0, None
            except Expired:
                version = ""  # what was missed cannot be told any more: list again
                failures += 1
            except (ClusterError, msgspec.MsgspecError) as told:
                error = told if isinstance(told, ClusterError) else ClusterError(f"an answer cannot be read: {told}")
                failures += 1
                self._since = self._since if self.trouble else time.monotonic()
                self.trouble = None if self._closed.is_set() else error
                version = version if isinstance(told, Unreachable) else ""
            if failures:
                self._closed.wait(min(LONGEST_PAUSE, 0.1 * 2 ** min(failures - 1, 10)))

    def _list(self, resource: str) -> str:
        """Tell of everything there is, and of that it is everything; returns the version to watch from."""
        uids: set[str] = set()
        version = ""
        for raw in self.cluster.pages(resource, self.selector):
            version, facts = decode.page(resource, raw)
            uids.update(f.uid for f in facts)
            self._put(facts)
        self._facts.put(Relisted(kind=resource, job=None, uids=frozenset(uids)))
        self.trouble = None
        return version

    def _put(self, facts: list[PodSeen | JobSeen]) -> None:
        for fact in facts:
            self._facts.put(fact)

    def _follow(self, resource: str, version: str) -> str:
        """Tell of every change until the watch ends; returns the version it came to.

        A connection that breaks ends it, too: the version it came to is not lost.
        """
        begun = time.monotonic()
        watching = self.cluster.watch(resource, version, self.selector)
        self._open[resource] = watching
        if self._closed.is_set():
            watching.close()
        try:
            for raw in watching:
                version = self._heard(resource, raw, version)
        except ClusterError as error:
            if error.status:
                raise
        if time.monotonic() - begun < 1.0:
            self._closed.wait(0.2)  # a server that ends watches at once is not asked in a tight loop
        return version

    def _heard(self, resource: str, raw: bytes, version: str) -> str:
        if not raw:
            return version
        line = decode.line(raw)
        if line.type == "BOOKMARK":
            return decode.bookmark(line.object).metadata.resource_version
        if line.type == "ERROR":
            told = decode.refused(line.object)
            kind = Expired if told.code == 410 else ClusterError
            raise kind(told.message, status=told.code or 500, reason=told.reason)
        version, facts = decode.changed(resource, line.type, line.object)
        self._put(list(facts))
        return version

    def _keep_delivering(self) -> None:
        last = 0.0
        while (fact := self._facts.get()) is not None:
            time.sleep(max(0.0, last + GATHER_SECONDS - time.monotonic()))
            batch, ended = [fact], False
            while not self._facts.empty():
                more = self._facts.get()
                if more is None:
                    ended = True
                    break
                batch.append(more)
            self._deliver(batch)
            last = time.monotonic()
            if ended:
                return
