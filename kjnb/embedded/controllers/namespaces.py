"""Every namespace has what Kubernetes puts into each; one that is deleted loses all its content, then goes itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kjnb.embedded.api import namespaces
from kjnb.embedded.api.deletion import request_deletion
from kjnb.embedded.api.resources import BY_PLURAL
from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.store.store import Event, Store

Object = dict[str, Any]
CONTENT = tuple(plural for plural, one in BY_PLURAL.items() if one.namespaced and plural != "events")
FOLLOWED = ("namespaces", "serviceaccounts", "configmaps")
ACCOUNT, AUTHORITY = "default", "kube-root-ca.crt"
LOOK_AGAIN = 0.2


class NamespaceLoop:
    """Fills new namespaces and empties those that leave; `authority` is the certificate that the server shows."""

    def __init__(self, store: Store, *, clock: Callable[[], float], authority: str = "") -> None:
        self._store = store
        self._clock = clock
        self._authority = authority
        self._due: set[str] = set()

    def load(self) -> None:
        """Look at every namespace once, and for content that outlived its own."""
        known = {one["metadata"]["name"] for one in self._store.list("namespaces")}
        self._due |= known
        for event in self._store.list("events"):
            if event["metadata"]["namespace"] not in known:
                self._remove(event)

    def observe(self, event: Event) -> None:
        """Take in one committed event."""
        meta = event.obj["metadata"]
        if event.resource == "namespaces":
            self._due.add(meta["name"])
        elif meta["name"] in (ACCOUNT, AUTHORITY) and event.type != "ADDED":
            self._due.add(meta["namespace"])

    def run_due(self) -> float | None:
        """Fill and empty."""
        due, self._due = self._due, set()
        for name in sorted(due):
            found = self._store.get("namespaces", None, name)
            if found is None:
                self._clear_events(name)
            elif not found["metadata"].get("deletionTimestamp"):
                self._fill(name)
            elif (found.get("spec") or {}).get("finalizers"):
                self._empty(found)
        return LOOK_AGAIN if self._due else None

    def _fill(self, name: str) -> None:
        meta = {"name": ACCOUNT, "namespace": name}
        if self._store.get("serviceaccounts", name, ACCOUNT) is None:
            self._store.create("serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        data = {"ca.crt": self._authority}
        found = self._store.get("configmaps", name, AUTHORITY)
        if found is None:
            meta = {"name": AUTHORITY, "namespace": name}
            wanted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
            self._store.create("configmaps", wanted)
        elif found.get("data") != data and not found["metadata"].get("deletionTimestamp"):
            self._store.update("configmaps", {**found, "data": data})

    def _empty(self, namespace: Object) -> None:
        name, now = namespace["metadata"]["name"], self._clock()
        for plural in CONTENT:
            self._delete(plural, name, now)
        kept = {plural: found for plural in CONTENT if (found := self._store.list(plural, name))}
        if kept:
            self._due.add(name)
            self._say(namespace, kept, now)
            return
        self._clear_events(name)
        spec = {key: value for key, value in namespace["spec"].items() if key != "finalizers"}
        left = [one for one in namespace["spec"]["finalizers"] if one != namespaces.FINALIZER]
        self._store.update("namespaces", {**namespace, "spec": {**spec, "finalizers": left} if left else spec})

    def _delete(self, plural: str, name: str, now: float) -> None:
        when = datetime.fromtimestamp(now, UTC)
        for obj in self._store.list(plural, name):
            current = self._store.get(plural, name, obj["metadata"]["name"])
            if current is not None and not current["metadata"].get("deletionTimestamp"):
                request_deletion(self._store, plural, current, grace=None, propagation="Background", now=when)

    def _say(self, namespace: Object, kept: dict[str, list[Object]], now: float) -> None:
        finalizers = Counter(
            finalizer
            for found in kept.values()
            for obj in found
            for finalizer in obj["metadata"].get("finalizers") or ()
        )
        counts = {_dotted(plural): len(found) for plural, found in kept.items()}
        status = namespace.get("status") or {}
        told = namespaces.conditions(counts, finalizers, status.get("conditions") or [], stamp(now))
        self._store.update("namespaces", {**namespace, "status": {**status, "conditions": told}})

    def _clear_events(self, name: str) -> None:
        for event in self._store.list("events", name):
            self._remove(event)

    def _remove(self, event: Object) -> None:
        self._store.remove("events", event["metadata"]["namespace"], event["metadata"]["name"])


def _dotted(plural: str) -> str:
    """`pods.`, `jobs.batch`: as Kubernetes names kinds here."""
    return f"{plural}.{BY_PLURAL[plural].group}"
