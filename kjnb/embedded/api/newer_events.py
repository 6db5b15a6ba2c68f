"""PURE: events.k8s.io/v1: the Events of core/v1 under other names; stored is the older form, as in Kubernetes."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
OLDER_NAME = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
NEWER_NAME = {older: newer for newer, older in OLDER_NAME.items()}
PARTS = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
SELECTED = {f"regarding.{part}" for part in PARTS} | {"reason", "reportingController", "type"}


def shown(event: Object) -> Object:
    """A stored Event as events.k8s.io/v1 has it."""
    named = {NEWER_NAME.get(name, name): value for name, value in event.items()}
    return {**named, "apiVersion": "events.k8s.io/v1"}


def kept(event: Object) -> Object:
    """An Event of events.k8s.io/v1 as it is stored."""
    named = {OLDER_NAME.get(name, name): value for name, value in event.items()}
    named.setdefault("involvedObject", {})
    return {**named, "apiVersion": "v1"}
