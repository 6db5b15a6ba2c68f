"""core/v1 Events, recorded as Kubernetes' recorder does: repeated ones counted, too many similar ones combined.

What belongs together is found again by name, so a restarted server goes on counting where it stopped. A combined
event is rewritten at most once a second: a Job of 20,000 pods must not cost 20,000 writes to say so.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b

from .job_pods import Object
from .store import Store
from .timestamps import micro_stamp, seconds, stamp

SIMILAR = 10  # from the tenth on, events that differ in their message only are combined
KEPT_SECONDS = 3600.0
KEPT_EVENTS = 10_000
COMBINED = "(combined from similar events): "


def record(
    store: Store,
    involved: Object,
    type: str,
    reason: str,
    message: str,
    now: float | datetime,
    component: str,
    *,
    field_path: str | None = None,
    host: str = "",
) -> Object:
    """Record what happened to an object; returns the event.

    `type` is Normal or Warning; `field_path` names the container, as "spec.containers{worker}"; `host` the node.
    """
    when = now.timestamp() if isinstance(now, datetime) else float(now)
    about = reference(involved, field_path)
    series = (about["uid"], about["name"], field_path or "", type, reason, component)
    for slot in range(1, SIMILAR):
        name = event_name(about["name"], (*series, str(slot)))
        known = store.get("events", about["namespace"], name)
        if known is None:
            return store.create("events", _event(name, about, type, reason, message, when, component, host))
        if known["message"] == message:
            return _again(store, known, message, when)
    name = event_name(about["name"], (*series, "combined"))
    known = store.get("events", about["namespace"], name)
    if known is None:
        return store.create("events", _event(name, about, type, reason, COMBINED + message, when, component, host))
    return known if known["lastTimestamp"] == stamp(when) else _again(store, known, COMBINED + message, when)


def event_name(name: str, series: tuple[str, ...]) -> str:
    """The object's name and sixteen hexadecimal digits, the same for the same series."""
    return f"{name}.{blake2b(repr(series).encode(), digest_size=8).hexdigest()}"


def reference(obj: Object, field_path: str | None = None) -> Object:
    """How an event names the object it is about."""
    meta = obj["metadata"]
    about = {
        "kind": obj.get("kind", ""),
        "namespace": meta.get("namespace") or "default",
        "name": meta["name"],
        "uid": meta.get("uid", ""),
        "apiVersion": obj.get("apiVersion", "v1"),
        "resourceVersion": meta.get("resourceVersion", ""),
    }
    return {**about, "fieldPath": field_path} if field_path else about


def _event(
    name: str, about: Object, type: str, reason: str, message: str, when: float, component: str, host: str
) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": about["namespace"]},
        "involvedObject": about,
        "reason": reason,
        "message": message[:1024],
        "source": {"component": component, "host": host} if host else {"component": component},
        "firstTimestamp": stamp(when),
        "lastTimestamp": stamp(when),
        "count": 1,
        "type": type,
        "eventTime": micro_stamp(when) if component == "default-scheduler" else None,
        "reportingComponent": component,
        "reportingInstance": host,
    }


def _again(store: Store, known: Object, message: str, when: float) -> Object:
    count = known.get("count", 1) + 1
    return store.update("events", {**known, "message": message, "count": count, "lastTimestamp": stamp(when)})


def outdated(events: list[Object], now: float, *, age: float = KEPT_SECONDS, most: int = KEPT_EVENTS) -> list[Object]:
    """Events last seen longer ago than `age` seconds, and the oldest of more than `most`."""
    last = sorted(((_last_seen(event), place) for place, event in enumerate(events)), reverse=True)
    return [events[place] for rank, (seen, place) in enumerate(last) if rank >= most or now - seen > age]


def _last_seen(event: Object) -> float:
    known = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"]
    return seconds(known)
