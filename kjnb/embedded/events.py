"""core/v1 Events, recorded as Kubernetes' recorder does: repeated ones counted, too many similar ones combined.

A combined event is rewritten at most once a second: a Job of 20,000 pods must not cost 20,000 writes to say so. What
belongs together is remembered while the server runs; after a restart a new series begins, as with Kubernetes' own.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Any

from kjnb.embedded.api.timestamps import micro_stamp, seconds, stamp
from kjnb.embedded.store.store import Store

Object = dict[str, Any]
SIMILAR = 10  # from the tenth on, events that differ in their message only are combined
REMEMBERED = 4096  # series, as in Kubernetes' own recorder
KEPT_SECONDS = 3600.0
KEPT_EVENTS = 10_000
COMBINED = "(combined from similar events): "
BURST, PER_SECOND = 100, 50.0  # of a kubelet's or a scheduler's Normal events, as Kubernetes' own limits are
ACTIONS = {"Scheduled": "Binding", "FailedScheduling": "Scheduling"}

Series = tuple[str, ...]  # what similar events have in common


class Budget:
    """How many events may be recorded: so many at once, and so many a second in the long run.

    Thousands of pods that all go well say the same three things each: to write it all down costs more than it tells.
    """

    def __init__(self, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._burst, self._rate = float(burst), per_second
        self._left, self._at = float(burst), 0.0

    def spend(self, now: float) -> bool:
        """Whether one more may be recorded; `now` in seconds, of a clock that may be set."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Recorder:
    """Records events in the store; each component has one of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._series: OrderedDict[Series, list[str]] = OrderedDict()  # of each, its events' names in order

    def record(
        self,
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
        names = self._names((about["uid"], about["name"], field_path or "", type, reason, component))
        similar = [event for name in names if (event := self.store.get("events", about["namespace"], name))]
        names[:] = [event["metadata"]["name"] for event in similar]
        for known in similar:
            if known["message"] == message:
                return self._again(known, message, when)
        if len(similar) == SIMILAR:
            said = similar[-1]
            return said if _last_seen(said) > when - 1 else self._again(said, COMBINED + message, when)
        name = _free_name(self.store, about, when)
        names.append(name)
        words = message if len(names) < SIMILAR else COMBINED + message
        return self.store.create("events", _event(name, about, type, reason, words, when, component, host))

    def _names(self, series: Series) -> list[str]:
        names = self._series.setdefault(series, [])
        self._series.move_to_end(series)
        if len(self._series) > REMEMBERED:
            self._series.popitem(last=False)
        return names

    def _again(self, known: Object, message: str, when: float) -> Object:
        count = known.get("count", 1) + 1
        said = {**known, "message": message, "count": count, "lastTimestamp": stamp(when)}
        return self.store.update("events", said)


def _free_name(store: Store, about: Object, when: float) -> str:
    """The object's name and the time in hexadecimal: names sort as the events happened."""
    moment = int(when * 1e9)
    while store.get("events", about["namespace"], f"{about['name']}.{moment:x}") is not None:
        moment += 1
    return f"{about['name']}.{moment:x}"


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
    event: Object = {
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
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": host,
    }
    if component == "default-scheduler":  # it speaks the newer form
        newer: Object = {"source": {}, "firstTimestamp": None, "lastTimestamp": None, "eventTime": micro_stamp(when)}
        event |= {**newer, "action": ACTIONS.get(reason, reason), "reportingInstance": component}
        del event["count"]
    return event


def outdated(events: list[Object], now: float, *, age: float = KEPT_SECONDS, most: int = KEPT_EVENTS) -> list[Object]:
    """Events last seen longer ago than `age` seconds, and the oldest of more than `most`."""
    last = sorted(((_last_seen(event), place) for place, event in enumerate(events)), reverse=True)
    return [events[place] for rank, (seen, place) in enumerate(last) if rank >= most or now - seen > age]


def _last_seen(event: Object) -> float:
    known = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"]
    return seconds(known)
