import itertools
from datetime import UTC, datetime

import pytest

from kjnb.embedded.api.deletion import request_deletion
from kjnb.embedded.controllers.garbage import RESOURCE_OF
from kjnb.embedded.controllers.loops import GarbageLoop
from kjnb.embedded.store.store import Store
from tests.embedded.job_words import NOW
from tests.embedded.simulation import _taken


class Yard:
    def __init__(self):
        uids = itertools.count()
        self.now = NOW
        self.store = Store(None, clock=lambda: self.now, new_uid=lambda: f"u{next(uids)}")
        self.watches = [self.store.watch(name) for name in RESOURCE_OF.values()]
        self.loop = GarbageLoop(self.store, clock=lambda: self.now, monotonic=lambda: self.now)
        self.loop.load()

    def make(self, resource, name, *owners, block=True, **fields):
        kinds = {plural: kind for kind, plural in RESOURCE_OF.items()}
        refs = [
            {"kind": o["kind"], "name": o["metadata"]["name"], "uid": o["metadata"]["uid"], "blockOwnerDeletion": block}
            for o in owners
        ]
        meta = {"name": name, "namespace": "default", **({"ownerReferences": refs} if refs else {})}
        meta |= fields.pop("meta", {})
        return self.store.create(resource, {"kind": kinds[resource], "metadata": meta, "spec": {}, **fields})

    def delete(self, resource, name, propagation="Background"):
        now = datetime.fromtimestamp(self.now, UTC)
        found = self.store.get(resource, "default", name)
        request_deletion(self.store, resource, found, grace=None, propagation=propagation, now=now)
        self.settle()

    def settle(self):
        for _ in range(5):
            self.store.flush()
            for watch in self.watches:
                while not watch.idle:
                    for event in _taken(watch):
                        self.loop.observe(event)
            self.loop.run_due()

    def names(self, resource):
        return [obj["metadata"]["name"] for obj in self.store.list(resource)]


@pytest.fixture
def yard():
    return Yard()


def test_dependents_go_with_their_last_owner_only(yard):
    one, two = yard.make("jobs", "one"), yard.make("jobs", "two")
    yard.make("configmaps", "both", one, two)
    yard.make("configmaps", "first", one)
    yard.make("configmaps", "nobodys")
    yard.delete("jobs", "one")
    assert yard.names("configmaps") == ["both", "nobodys"]
    [left] = yard.store.get("configmaps", "default", "both")["metadata"]["ownerReferences"]
    assert left["name"] == "two"
    yard.delete("jobs", "two")
    assert yard.names("configmaps") == ["nobodys"]


def test_foreground_waits_for_dependents_that_block(yard):
    owner = yard.make("jobs", "owner")
    held = yard.make("pods", "held", owner, meta={"finalizers": ["held"]}, status={"phase": "Succeeded"})
    yard.make("pods", "free", owner, block=False, meta={"finalizers": ["held"]}, status={"phase": "Succeeded"})
    yard.delete("jobs", "owner", "Foreground")
    assert yard.names("jobs") == ["owner"]
    held = yard.store.get("pods", "default", "held")
    assert held["metadata"]["deletionTimestamp"]
    yard.store.update("pods", {**held, "metadata": {**held["metadata"], "finalizers": []}})
    yard.settle()
    assert yard.names("jobs") == []
    assert yard.names("pods") == ["free"]


def test_orphans_stay_without_their_owner(yard):
    owner = yard.make("jobs", "owner")
    yard.make("pods", "pod", owner)
    yard.delete("jobs", "owner", "Orphan")
    assert yard.names("jobs") == []
    assert yard.names("pods") == ["pod"]
    assert "ownerReferences" not in yard.store.get("pods", "default", "pod")["metadata"]


def test_an_object_made_for_an_owner_that_is_no_more_goes(yard):
    owner = yard.make("jobs", "owner")
    yard.delete("jobs", "owner")
    yard.make("configmaps", "late", owner)
    yard.settle()
    assert yard.names("configmaps") == []


def test_owners_of_kinds_that_are_not_served_are_trusted(yard):
    foreign = {"kind": "Workflow", "metadata": {"name": "w", "uid": "elsewhere"}}
    yard.make("configmaps", "kept", foreign)
    yard.settle()
    assert yard.names("configmaps") == ["kept"]


def test_an_unplaced_pod_that_is_deleted_fails(yard):
    yard.make("pods", "pod", meta={"finalizers": ["held"]}, status={"phase": "Pending"})
    yard.delete("pods", "pod")
    assert yard.store.get("pods", "default", "pod")["status"]["phase"] == "Failed"


def test_a_start_finds_what_happened_while_nobody_watched(yard):
    owner, other = yard.make("jobs", "owner"), yard.make("jobs", "other")
    yard.make("configmaps", "late", owner)
    yard.make("pods", "pod", other)
    yard.store.remove("jobs", "default", "owner")
    other = yard.store.get("jobs", "default", "other")
    meta = {**other["metadata"], "deletionTimestamp": "2027-01-01T00:00:00Z", "finalizers": ["foregroundDeletion"]}
    yard.store.update("jobs", {**other, "metadata": meta})
    yard.make("pods", "alone", meta={"deletionTimestamp": "2027-01-01T00:00:00Z", "finalizers": ["held"]})
    GarbageLoop(yard.store, clock=lambda: NOW, monotonic=lambda: NOW).load()
    assert yard.names("configmaps") == []
    assert yard.names("jobs") == []
    assert yard.names("pods") == ["alone"]
    assert yard.store.get("pods", "default", "alone")["status"]["phase"] == "Failed"


def test_old_events_are_collected(yard):
    event = {"metadata": {"name": "e", "namespace": "default"}, "lastTimestamp": "2020-01-01T00:00:00Z"}
    yard.loop.run_due()
    yard.store.create("events", event)
    yard.now += 61
    yard.loop.run_due()
    assert yard.store.list("events") == []
