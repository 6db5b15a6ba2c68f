"""PURE: a pod in the few words of `kubectl get pods`: how many containers are ready, its state, its restarts.

A sidecar counts among the containers, for its readiness and its restarts; other init containers matter only while the
pod is being initialized.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

Object = dict[str, Any]
OVER = ("Succeeded", "Failed")


class Beginning(NamedTuple):
    """How far a pod's init containers have come."""

    word: str  # empty when they let the others start
    looked_at: list[Object]  # their statuses, up to the one that still holds the others back
    sidecars: list[Object]  # those of them that stay


def ready(pod: Object) -> str:
    """1/2: containers that are ready, of all that are to be."""
    status = pod.get("status") or {}
    begun = beginning(pod)
    running = [one for one in begun.sidecars if one.get("started") and _ended(one) is None]
    if _is_initialized(begun, status):
        running += [one for one in status.get("containerStatuses") or () if "running" in (one.get("state") or {})]
    wanted = len(pod["spec"].get("containers") or ()) + len(_sidecars(pod))
    return f"{sum(bool(one.get('ready')) for one in running)}/{wanted}"


def restarts(pod: Object) -> tuple[int, str | None]:
    """How often its containers were started again, and when the last of them had ended before that."""
    status = pod.get("status") or {}
    begun = beginning(pod)
    counted = begun.looked_at
    if _is_initialized(begun, status):
        counted = [*begun.sidecars, *(status.get("containerStatuses") or ())]
    ends = [((one.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for one in counted]
    return sum(one.get("restartCount", 0) for one in counted), max(filter(None, ends), default=None)


def gates(pod: Object) -> str:
    """1/2: readiness gates that are open; empty without any."""
    true = {c["type"] for c in _conditions(pod) if c.get("status") == "True"}
    wanted = [gate.get("conditionType") for gate in pod["spec"].get("readinessGates") or ()]
    return f"{sum(kind in true for kind in wanted)}/{len(wanted)}" if wanted else ""


def state(pod: Object) -> str:
    """The pod in one word, as kubectl computes it from its containers."""
    status = pod.get("status") or {}
    reason = str(status.get("reason") or status.get("phase") or "Unknown")
    if any(c["type"] == "PodScheduled" and c.get("reason") == "SchedulingGated" for c in _conditions(pod)):
        reason = "SchedulingGated"
    begun = beginning(pod)
    reason = begun.word or reason
    if _is_initialized(begun, status):
        is_ready = any(c["type"] == "Ready" and c.get("status") == "True" for c in _conditions(pod))
        reason = _of_containers(status.get("containerStatuses") or [], reason, is_ready)
    if pod["metadata"].get("deletionTimestamp"):
        over = status.get("phase") in OVER
        return "Unknown" if status.get("reason") == "NodeLost" else reason if over else "Terminating"
    return reason


def beginning(pod: Object) -> Beginning:
    """Its init containers, up to the first that neither is through nor is a sidecar that has started."""
    sidecars, seen = _sidecars(pod), []
    states = (pod.get("status") or {}).get("initContainerStatuses") or []
    for place, one in enumerate(states):
        seen.append(one)
        is_through = _ended(one) == 0 or (one.get("name") in sidecars and one.get("started"))
        if not is_through:
            count = len(pod["spec"].get("initContainers") or ())
            return Beginning(_held_by(one, place, count), seen, _named(seen, sidecars))
    return Beginning("", seen, _named(seen, sidecars))


def _held_by(one: Object, place: int, count: int) -> str:
    found = one.get("state") or {}
    waits = (found.get("waiting") or {}).get("reason")
    if found.get("terminated"):
        return "Init:" + _end(found["terminated"])
    return f"Init:{waits}" if waits not in (None, "", "PodInitializing") else f"Init:{place}/{count}"


def _is_initialized(begun: Beginning, status: Object) -> bool:
    told = [c.get("status") for c in status.get("conditions") or () if c["type"] == "Initialized"]
    return not begun.word or told[:1] == ["True"]


def _sidecars(pod: Object) -> set[str]:
    return {one["name"] for one in pod["spec"].get("initContainers") or () if one.get("restartPolicy") == "Always"}


def _named(states: Iterable[Object], names: set[str]) -> list[Object]:
    return [one for one in states if one.get("name") in names]


def _ended(one: Object) -> int | None:
    ended = (one.get("state") or {}).get("terminated")
    return None if ended is None else int(ended.get("exitCode") or 0)


def _of_containers(states: list[Object], reason: str, is_ready: bool) -> str:
    running = False
    for one in reversed(states):
        found = one.get("state") or {}
        ended, waits = found.get("terminated"), found.get("waiting") or {}
        if waits.get("reason"):
            reason = waits["reason"]
        elif ended:
            reason = _end(ended)
        elif one.get("ready") and "running" in found:
            running = True
    if reason == "Completed" and running:
        return "Running" if is_ready else "NotReady"
    return reason


def _end(ended: Object) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def _conditions(pod: Object) -> list[Object]:
    return (pod.get("status") or {}).get("conditions") or []
