"""Cluster events (core/v1 and events.k8s.io alike) by what they are about, oldest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kjnb.model.objects import Json, mapping, moment, text

Lines = dict[str, list[str]]


class Told(NamedTuple):
    """What events say: `pulls`, `mounts` by pod, `claims` by claim, `refusals` by Job. `readable`: they may be read."""

    readable: bool
    pulls: Lines
    mounts: Lines
    claims: dict[str, str]
    refusals: Lines


def read(events: Iterable[Json] | None) -> Told:
    """Sort events by what they are about; None where they may not be read."""
    told = Told(events is not None, {}, {}, {}, {})
    created: dict[str, float] = {}
    for event in sorted(events or (), key=when):
        about = mapping(event, "involvedObject") or mapping(event, "regarding")
        kind, name = text(about, "kind"), text(about, "name")
        reason, message = text(event, "reason"), text(event, "message") or text(event, "note")
        if kind == "Job" and reason == "SuccessfulCreate":
            created[name] = when(event)
        elif kind == "Job" and reason == "FailedCreate":
            told.refusals.setdefault(name, []).append(message)
            created.pop(name, None)
        elif kind == "PersistentVolumeClaim":
            told.claims[name] = message
        elif kind == "Pod" and reason in ("FailedMount", "FailedAttachVolume"):
            told.mounts.setdefault(name, []).append(message)
        elif kind == "Pod":
            told.pulls.setdefault(name, []).append(message)
    for name in created:  # a pod was created after the last refusal: that is over
        told.refusals.pop(name, None)
    return told


def when(event: Json) -> float:
    """When an event was last seen."""
    times = (
        moment(event, "series", "lastObservedTime"),
        moment(event, "lastTimestamp"),
        moment(event, "deprecatedLastTimestamp"),
        moment(event, "eventTime"),
        moment(event, "firstTimestamp"),
        moment(event, "metadata", "creationTimestamp"),
    )
    return next((time for time in times if time is not None), 0.0)
