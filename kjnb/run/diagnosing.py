"""Looking why a run does not go on: the reads that a diagnosis needs, with no more rights than there are.

`read` asks the cluster once. `Diagnosing` does so for a view, in a thread of its own, and only while the run's state
looks as if something were wrong: a run that goes well costs its cluster nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from kjnb.cluster.client import Cluster
from kjnb.errors import ClusterError, Forbidden, NotFound
from kjnb.model.causes.backoff import BASE
from kjnb.model.diagnosis import Finding, Seen, diagnose, short
from kjnb.model.podfacts import Pod, read_pod
from kjnb.model.state import RunState
from kjnb.model.suspicion import looks_stuck
from kjnb.run.follow import selector

MOST_SUCCEEDED = 2_000  # pods that ended well and are looked at for what was killed inside them
UNFINISHED = "status.phase!=Succeeded"
EVERY, UNCHANGED = 3.0, 15.0  # seconds between looks: when the state has changed since, and when it has not
BACKOFF = "backoffBase"  # what a cluster with another back-off than Kubernetes' says in its ConfigMap kjnb-defaults


def read(cluster: Cluster, facts: dict[str, Any], *, most: int | None = None, succeeded: bool = False) -> Seen:
    """Read a run's Jobs, pods and events; what may not be read is left out.

    At most about `most` pods, and those that ended well only if asked for. ClusterError if the cluster is silent.
    """
    jobs: list[dict[str, Any]] = []
    with contextlib.suppress(Forbidden, NotFound):
        jobs = cluster.list("jobs", selector(facts))["items"]
    pods = list(pods_of(cluster, selector(facts), UNFINISHED, most))
    if succeeded:
        pods += pods_of(cluster, selector(facts), "status.phase=Succeeded", MOST_SUCCEEDED)
    waits = any(not pod.node and pod.active for pod in pods)
    cores, memory = largest(cluster) if waits else (None, None)
    told = events(cluster, {job["metadata"]["uid"] for job in jobs}, pods)
    return Seen(jobs, pods, told, cores, memory, backoff_base(cluster))


def pods_of(cluster: Cluster, labels: str, fields: str, most: int | None) -> Iterator[Pod]:
    """The pods that match, page by page; none where they may not be read."""
    count = 0
    with contextlib.suppress(Forbidden, NotFound):
        for page in cluster.pages("pods", labels, fields):
            for pod in msgspec.json.decode(page).get("items") or ():
                yield read_pod(pod)
                count += 1
            if most is not None and count >= most:
                return


def events(cluster: Cluster, jobs: set[str], pods: list[Pod]) -> list[dict[str, Any]] | None:
    """What happened to these Jobs and pods, and to volume claims of pods that wait; None where it may not be read."""
    about = ["involvedObject.kind=Job"]
    if any(pod.phase == "Pending" for pod in pods):
        about += ["involvedObject.kind=Pod,type=Warning"]
    if any(pod.claims for pod in pods if not pod.node):
        about += ["involvedObject.kind=PersistentVolumeClaim"]
    uids = jobs | {pod.uid for pod in pods}
    try:
        told = [event for fields in about for event in cluster.list("events", "", fields)["items"]]
    except (Forbidden, NotFound):
        return None
    return [event for event in told if is_about(event, uids)]


def is_about(event: dict[str, Any], uids: set[str]) -> bool:
    """Whether an event is about one of these objects, or about a volume claim."""
    thing = event.get("involvedObject") or {}
    return thing.get("kind") == "PersistentVolumeClaim" or thing.get("uid") in uids


def largest(cluster: Cluster) -> tuple[float | None, int | None]:
    """The most cores and the most bytes that a node has; None where nodes may not be read."""
    try:
        nodes = cluster.nodes()
    except ClusterError:
        nodes = None
    if not nodes:
        return None, None
    return max(cores for cores, _ in nodes), max(memory for _, memory in nodes)


def backoff_base(cluster: Cluster) -> float:
    """Seconds before a first retry."""
    try:
        return float((cluster.defaults() or {}).get(BACKOFF) or BASE)
    except (ClusterError, ValueError):
        return BASE


def findings(state: RunState, cluster: Cluster | None, facts: dict[str, Any], now: float) -> tuple[Finding, ...]:
    """Read everything and say what is wrong; from the state alone without a cluster. ClusterError if it is silent."""
    return diagnose(state, read(cluster, facts, succeeded=True) if cluster else Seen(), now)


class Diagnosing:
    """Findings for a view: `look(state)` returns at once what is known, and has it looked up anew when that is due.

    It is looked up in a thread of its own, at most one at a time, at most every `every` seconds, and never while the
    state looks well. An error of the cluster leaves what was known.
    """

    def __init__(
        self,
        look_up: Callable[[RunState], tuple[Finding, ...]],
        now: Callable[[], float],
        *,
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up, self._now, self._every, self._clock = look_up, now, every, clock
        self._lock = threading.Condition()
        self._known: tuple[Finding, ...] = ()
        self._of: RunState | None = None  # the state that was last looked at
        self._next = float("-inf")
        self._busy = False

    @classmethod
    def of(cls, run: Any) -> Diagnosing:
        """The one for a Run."""

        def look_up(state: RunState) -> tuple[Finding, ...]:
            seen = read(run.cluster, run.facts, most=1_000) if run.cluster else Seen()
            return diagnose(state, seen, run.now())

        return cls(look_up, run.now)

    def look(self, state: RunState, wait: float = 0.0) -> tuple[Finding, ...]:
        """What is known to be wrong with the run in this state, the most important first.

        A look that is under way is waited for at most `wait` seconds.
        """
        if not looks_stuck(state, self._now()):
            with self._lock:
                self._known, self._of = (), None
            return ()
        with self._lock:
            now = self._clock()
            pause = self._every if state is not self._of else max(self._every, UNCHANGED)
            done = state.over and state is self._of
            if not self._busy and not done and now >= self._next + pause:
                self._busy, self._next, self._of = True, now, state
                threading.Thread(target=self._work, args=(state,), name="kjnb-diagnosing", daemon=True).start()
            self._lock.wait_for(lambda: not self._busy, wait)
            return self._known

    def why(self, state: RunState, wait: float = 0.0) -> str:
        """The most important of `look` in a few words, for the line of words; "" if there is nothing to say."""
        return short(self.look(state, wait))

    def _work(self, state: RunState) -> None:
        found = None
        try:
            with contextlib.suppress(ClusterError):
                found = self._look_up(state)
        finally:
            with self._lock:
                self._busy = False
                self._lock.notify_all()
                if self._of is state:
                    self._known, self._of = (self._known, None) if found is None else (found, state)
