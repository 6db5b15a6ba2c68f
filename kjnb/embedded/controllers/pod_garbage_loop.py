"""Removes finished pods beyond a number, and pods whose node is gone: so a cluster that ran a million pods stays small.

Finished pods are removed some hundred at once: finding the oldest costs a look at all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from kjnb.embedded.api.deletion import request_deletion
from kjnb.embedded.controllers.job_pods import Object, uid
from kjnb.embedded.controllers.pod_garbage import QUARANTINE, THRESHOLD, collectable, lost, surplus
from kjnb.embedded.events import Recorder
from kjnb.embedded.store.store import Event, Store

Key = tuple[str, str]  # namespace, name
EVERY = 20.0
AT_ONCE = 500
COMPONENT = "pod-garbage-collector"
log = logging.getLogger(__name__)


class PodGarbageLoop:
    """See the module. `threshold` finished pods stay."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        threshold: int = THRESHOLD,
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._threshold = threshold
        self._recorder = Recorder(store)
        self._finished: dict[str, Key] = {}  # by uid
        self._stray: dict[str, tuple[Key, float]] = {}  # pods of no node, since when
        self._due = monotonic() + EVERY

    def load(self) -> None:
        """Take in what the store holds."""
        for pod in self._store.list("pods"):
            self._see_pod(pod)

    def observe(self, event: Event) -> None:
        """Take in one committed event."""
        if event.resource == "pods":
            self._see_pod(event.obj)
        elif event.type == "DELETED":  # a node
            for pod in self._store.list("pods"):
                self._see_pod(pod)

    def run_due(self) -> float | None:
        """Collect; seconds until it is time to look again."""
        now = self._monotonic()
        excess = len(self._finished) - self._threshold
        if excess >= AT_ONCE or (excess > 0 and now >= self._due):
            self._due = now + EVERY
            self._remove_finished(excess)
        for key, since in list(self._stray.values()):
            if now - since >= QUARANTINE:
                self._remove_stray(key)
        waits = [since + QUARANTINE - now for _, since in self._stray.values()]
        if len(self._finished) > self._threshold:
            waits.append(self._due - now)
        return max(0.0, min(waits)) if waits else None

    def _see_pod(self, pod: Object) -> None:
        meta, who = pod["metadata"], uid(pod)
        current = self._store.get("pods", meta["namespace"], meta["name"])
        if current is None or uid(current) != who:
            self._finished.pop(who, None)
            self._stray.pop(who, None)
            return
        key = meta["namespace"], meta["name"]
        if collectable(current):
            self._finished[who] = key
        node = current["spec"].get("nodeName")
        if not node or self._store.get("nodes", None, node) is not None:
            self._stray.pop(who, None)
        elif who not in self._stray:
            self._stray[who] = key, self._monotonic()

    def _remove_finished(self, number: int) -> None:
        pods = [pod for key in self._finished.values() if (pod := self._store.get("pods", *key)) is not None]
        doomed = surplus(pods, number)
        log.info("removing %d finished pods: more than %d are not kept", len(doomed), self._threshold)
        self._say()
        for pod in doomed:
            self._finished.pop(uid(pod), None)
            self._delete(pod)

    def _say(self) -> None:
        for node in self._store.list("nodes")[:1]:
            message = f"Finished pods beyond the latest {self._threshold} are removed, oldest first"
            self._recorder.record(node, "Normal", "PodsCollected", message, self._clock(), COMPONENT)

    def _remove_stray(self, key: Key) -> None:
        pod = self._store.get("pods", *key)
        if pod is None:
            return
        self._stray.pop(uid(pod), None)
        if self._store.get("nodes", None, pod["spec"]["nodeName"]) is None:
            self._delete(self._store.update("pods", lost(pod, self._clock())))

    def _delete(self, pod: Object) -> None:
        when = datetime.fromtimestamp(self._clock(), UTC)
        request_deletion(self._store, "pods", pod, grace=0, propagation="Background", now=when)
