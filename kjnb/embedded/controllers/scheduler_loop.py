"""Wakes the pure scheduler and writes what it decides: a node's name, or why there is none for a pod now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.controllers.job_pods import Object, deleting, terminal, uid
from kjnb.embedded.controllers.node_fit import Port, host_ports
from kjnb.embedded.controllers.scheduler import (
    GATED,
    Amounts,
    Capacity,
    Demand,
    assign,
    capacity_of,
    demand,
    gated,
    ours,
    requests,
    total,
)
from kjnb.embedded.events import Budget, Recorder
from kjnb.embedded.store.store import Event, Store

Key = tuple[str, str]
COMPONENT = "default-scheduler"


class SchedulerLoop:
    """Keeps the pending pods in queues by demand, and the sum of what pods on the node ask for."""

    def __init__(self, store: Store, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._recorder = Recorder(store)
        self._budget = Budget()
        self._queues: dict[Demand, dict[str, Key]] = {}
        self._fresh: dict[Demand, dict[str, Key]] = {}  # not told yet that they do not fit
        self._demands: dict[str, Demand] = {}  # of pending pods
        self._placed: dict[str, Amounts] = {}
        self._ports: dict[str, frozenset[Port]] = {}  # of pods on the node that want some of its ports
        self._used: dict[str, Fraction] = {}
        self._capacity: Capacity | None = None
        self._dirty = False

    def load(self) -> None:
        """Take in what the store holds."""
        self._see_nodes()
        for pod in self._store.list("pods"):
            self._see_pod(pod)

    def observe(self, event: Event) -> None:
        """Take in one committed event."""
        if event.resource == "nodes":
            self._see_nodes()
        else:
            self._see_pod(event.obj)

    def run_due(self) -> float | None:
        """Place what can be placed; nothing is ever due by time alone."""
        if not self._dirty:
            return None
        self._dirty = False
        queues = {wanted: self._waiting(queue) for wanted, queue in self._queues.items()}
        busy = [port for ports in self._ports.values() for port in ports]
        result = assign(queues, self._used, self._capacity, busy)
        now = self._clock()
        for pod in result.bound:
            self._bind(pod, now)
        for wanted, message in result.refused.items():
            for key in self._fresh.pop(wanted, {}).values():
                self._refuse(key, message, now)
        return None

    def _waiting(self, queue: dict[str, Key]) -> Iterator[Object]:
        for key in queue.values():
            pod = self._store.get("pods", *key)
            if pod is not None and not deleting(pod):
                yield pod

    # -- what the store tells

    def _see_nodes(self) -> None:
        nodes = self._store.list("nodes")
        capacity = capacity_of(nodes[0]) if nodes else None
        if capacity == self._capacity:
            return
        appeared = self._capacity is None
        self._capacity = capacity
        self._dirty = True
        self._fresh = {wanted: dict(queue) for wanted, queue in self._queues.items()}  # the answer may be another now
        for pod in self._store.list("pods") if appeared else ():
            self._see_pod(pod)

    def _see_pod(self, pod: Object) -> None:
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        current = self._store.get("pods", *key)
        if current is None or uid(current) != uid(pod) or terminal(current):
            self._forget(uid(pod))
        elif current["spec"].get("nodeName"):
            self._dequeue(uid(pod))
            if uid(pod) not in self._placed and self._is_here(current):
                self._occupy(uid(pod), requests(current), host_ports(current["spec"]))
        elif deleting(current) or not ours(current):
            self._forget(uid(pod))
        elif gated(current):
            self._say(current, "SchedulingGated", GATED, self._clock())
        elif uid(pod) not in self._demands:
            self._enqueue(current, key)

    def _enqueue(self, pod: Object, key: Key) -> None:
        wanted = demand(pod)
        self._demands[uid(pod)] = wanted
        self._queues.setdefault(wanted, {})[uid(pod)] = key
        self._fresh.setdefault(wanted, {})[uid(pod)] = key
        self._dirty = True

    def _dequeue(self, pod_uid: str) -> None:
        wanted = self._demands.pop(pod_uid, None)
        if wanted is None:
            return
        for queues in (self._queues, self._fresh):
            queue = queues.get(wanted, {})
            queue.pop(pod_uid, None)
            if not queue:
                queues.pop(wanted, None)

    def _is_here(self, pod: Object) -> bool:
        """Whether it is on the node that is there; somebody may have named another one."""
        return self._capacity is not None and bool(pod["spec"]["nodeName"] == self._capacity.name)

    def _occupy(self, pod_uid: str, amounts: Amounts, ports: frozenset[Port]) -> None:
        self._placed[pod_uid] = amounts
        self._used = total([tuple(self._used.items()), amounts])
        if ports:
            self._ports[pod_uid] = ports

    def _forget(self, pod_uid: str) -> None:
        self._dequeue(pod_uid)
        self._ports.pop(pod_uid, None)
        amounts = self._placed.pop(pod_uid, None)
        if amounts is not None:
            self._used = total([tuple(self._used.items()), tuple((name, -value) for name, value in amounts)])
            self._dirty = self._dirty or bool(self._queues)

    # -- what it writes

    def _bind(self, pod: Object, now: float) -> None:
        node = self._capacity.name if self._capacity else ""
        bound = {**pod, "spec": {**pod["spec"], "nodeName": node}}
        wanted = self._demands[uid(pod)]
        self._dequeue(uid(pod))
        self._occupy(uid(pod), wanted.amounts, wanted.ports)
        self._store.update("pods", with_scheduled(bound, "True", "", "", now))
        if not self._budget.spend(now):
            return
        meta = pod["metadata"]
        message = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
        self._recorder.record(pod, "Normal", "Scheduled", message, now, COMPONENT)

    def _refuse(self, key: Key, message: str, now: float) -> None:
        pod = self._store.get("pods", *key)
        if pod is not None:
            self._say(pod, "Unschedulable", message, now)
            self._recorder.record(pod, "Warning", "FailedScheduling", message, now, COMPONENT)

    def _say(self, pod: Object, reason: str, message: str, now: float) -> None:
        known = pod.get("status", {}).get("conditions") or ()
        if not any(c["type"] == "PodScheduled" and c.get("message") == message for c in known):
            self._store.update("pods", with_scheduled(pod, "False", reason, message, now))


def with_scheduled(pod: Object, status: str, reason: str, message: str, now: float) -> Object:
    """The pod with its PodScheduled condition."""
    said: Object = {"type": "PodScheduled", "status": status, "lastProbeTime": None, "lastTransitionTime": stamp(now)}
    if reason != "SchedulingGated":  # that one is the API server's word
        said |= {"observedGeneration": pod["metadata"].get("generation", 1)}
    said |= {key: value for key, value in (("reason", reason), ("message", message)) if value}
    others = [c for c in pod.get("status", {}).get("conditions") or () if c["type"] != "PodScheduled"]
    return {**pod, "status": {**pod.get("status", {}), "conditions": [*others, said]}}
