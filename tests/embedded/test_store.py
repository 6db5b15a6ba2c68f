"""The store: versions, conflicts, watches, the group commit, and what a death leaves."""

import asyncio
import gc
import itertools
from datetime import UTC, datetime

import pytest

from kjnb.embedded.store.store import AlreadyExists, Conflict, Expired, NotFound, Store

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def make(path=None, **more):
    uids = (f"uid-{n}" for n in itertools.count())
    return Store(path, clock=lambda: THEN, new_uid=lambda: next(uids), **more)


def pod(name="a", namespace="default", **meta):
    return {"kind": "Pod", "metadata": {"name": name, "namespace": namespace, **meta}}


def changed(obj, **parts):
    return {**obj, **parts}


def marked(obj, **meta):
    return {**obj, "metadata": {**obj["metadata"], **meta}}


def versions(store, *names):
    return [int(store.get("pods", "default", name)["metadata"]["resourceVersion"]) for name in names]


async def take(watch, count):
    found = []
    async with asyncio.timeout(10):
        async for batch in watch:
            found += batch
            if len(found) >= count:
                return [(event.type, event.obj["metadata"]["name"]) for event in found]
    raise AssertionError("the watch ended")


def test_create_says_who_when_and_which():
    store = make()
    meta = store.create("pods", pod())["metadata"]
    assert (meta["uid"], meta["creationTimestamp"], meta["resourceVersion"]) == ("uid-0", "2026-01-02T03:04:05Z", "2")
    assert store.resource_version == 2
    with pytest.raises(AlreadyExists):
        store.create("pods", pod())


def test_lists_are_by_name_and_by_namespace():
    store = make()
    for name, namespace in (("b", "y"), ("a", "y"), ("c", "x")):
        store.create("pods", pod(name, namespace))
    assert [one["metadata"]["name"] for one in store.list("pods")] == ["c", "a", "b"]
    assert [one["metadata"]["name"] for one in store.list("pods", "y")] == ["a", "b"]
    assert [one["metadata"]["name"] for one in store.oldest_first("pods", "y")] == ["b", "a"]
    assert store.list("jobs") == []


def test_an_update_must_know_the_state_it_changes():
    store = make()
    first = store.create("pods", pod())
    second = store.update("pods", changed(first, status=1))
    with pytest.raises(Conflict):
        store.update("pods", changed(first, status=2))
    with pytest.raises(Conflict):
        store.update("pods", marked(pod(), uid="another"))
    with pytest.raises(NotFound):
        store.update("pods", pod("nobody"))
    assert store.update("pods", changed(pod(), status=3))["metadata"]["uid"] == second["metadata"]["uid"]


def test_an_update_that_changes_nothing_is_no_write():
    store = make()
    first = store.create("pods", pod())
    assert store.update("pods", dict(first)) is first
    assert store.resource_version == 2


def test_parts_that_did_not_change_are_shared():
    store = make()
    spec = {"containers": [{}]}
    first = store.create("pods", {**pod(), "spec": spec})
    assert store.update("pods", changed(first, status={}))["spec"] is spec


def test_a_marked_object_goes_with_its_last_finalizer():
    store = make()
    first = store.create("pods", pod(finalizers=["x"]))
    held = store.update("pods", marked(first, deletionTimestamp="now", deletionGracePeriodSeconds=30, finalizers=[]))
    assert store.get("pods", "default", "a") == held
    held = store.update("pods", marked(held, deletionGracePeriodSeconds=0, finalizers=["x"]))
    assert store.get("pods", "default", "a") == held
    store.update("pods", marked(held, finalizers=[]))
    assert store.get("pods", "default", "a") is None


def test_dependents_are_found_by_their_owner():
    store = make()
    owner = [{"uid": "o"}]
    one = store.create("pods", pod(ownerReferences=owner))
    store.create("configmaps", pod("b", ownerReferences=owner))
    assert [(kind, obj["metadata"]["name"]) for kind, obj in store.owned("o")] == [("pods", "a"), ("configmaps", "b")]
    store.update("pods", marked(one, ownerReferences=[{"uid": "p"}]))
    store.remove("configmaps", "default", "b")
    assert store.owned("o") == []
    assert len(store.owned("p")) == 1
    assert store.remove("configmaps", "default", "b") is None


def test_watches_tell_after_the_commit_in_order():
    async def play():
        store = make(window=0.5)
        watch = store.watch("pods")
        first = store.create("pods", pod("a"))
        store.create("jobs", pod("other"))
        assert watch.idle
        await store.committed()
        store.update("pods", changed(first, status=1))
        store.remove("pods", "default", "a")
        store.flush()
        assert await take(watch, 3) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        assert store.committed_version == store.resource_version

    asyncio.run(play())


def test_a_watch_goes_on_from_a_version():
    async def play():
        store = make()
        for name in "abc":
            store.create("pods", pod(name))
        since = versions(store, "a")[0]
        store.create("pods", pod("d"))
        watch = store.watch("pods", since)
        assert await take(watch, 3) == [("ADDED", "b"), ("ADDED", "c"), ("ADDED", "d")]
        late = store.watch("pods", store.resource_version)
        store.create("pods", pod("e"))
        assert await take(late, 1) == [("ADDED", "e")]

    asyncio.run(play())


def test_history_that_is_gone_is_expired():
    store = make(history=3)
    for number in range(10):
        store.create("pods", pod(f"p{number}"))
        store.flush()
    first, last = versions(store, "p0", "p8")
    with pytest.raises(Expired):
        store.watch("pods", first)
    store.watch("pods", last).close()
    store.compact()
    with pytest.raises(Expired):
        store.watch("pods", last)


def test_a_reader_that_lags_must_list_again():
    async def play():
        store = make()
        watch = store.watch("pods", limit=2)
        for number in range(3):
            store.create("pods", pod(f"p{number}"))
        await store.committed()
        with pytest.raises(Expired):
            await anext(watch)

    asyncio.run(play())


def test_a_closed_watch_ends():
    async def play():
        store = make()
        watch = store.watch("pods")
        reader = asyncio.create_task(take(watch, 1))
        await asyncio.sleep(0)
        watch.close()
        with pytest.raises(AssertionError, match="ended"):
            await reader

    asyncio.run(play())


def test_one_serialisation_for_all_watchers():
    async def play():
        store = make()
        one, other = store.watch("pods"), store.watch("pods")
        store.create("pods", pod())
        await store.committed()
        assert (await anext(one))[0].encoded is (await anext(other))[0].encoded

    asyncio.run(play())


def test_what_was_committed_is_there_after_a_death(tmp_path):
    path = tmp_path / "objects.sqlite"

    async def live():
        store = make(path, window=3600)  # the test's end must not be late enough for another commit
        first = store.create("pods", pod("a", ownerReferences=[{"uid": "o"}]))
        store.create("pods", pod("b"))
        store.update("pods", changed(first, status={"phase": "Running"}))
        store.remove("pods", "default", "b")
        store.flush()
        await store.committed()
        store.create("pods", pod("too-late"))
        return store.committed_version  # and nobody closes it

    committed = asyncio.run(live())
    gc.collect()  # it goes, and with it its lock, as with the death of a process
    again = make(path)
    assert [one["metadata"]["name"] for one in again.list("pods")] == ["a"]
    assert again.get("pods", "default", "a")["status"] == {"phase": "Running"}
    assert again.resource_version == committed
    assert len(again.owned("o")) == 1
    with pytest.raises(Expired):
        again.watch("pods", committed - 1)
    again.watch("pods", committed).close()
    assert path.stat().st_mode & 0o777 == 0o600
    again.close()


def test_a_write_that_the_disk_refuses_is_told(tmp_path):
    async def play():
        store = make(tmp_path / "objects.sqlite")
        store.create("pods", pod("a"))
        await store.committed()
        store._database._db.execute("PRAGMA query_only=ON")
        store.create("pods", pod("b"))
        with pytest.raises(OSError, match="could not be written"):
            await store.committed()
        store._database._db.execute("PRAGMA query_only=OFF")
        await store.committed()
        store.close()

    asyncio.run(play())
    store = make(tmp_path / "objects.sqlite")
    assert len(store.list("pods")) == 2
    store.close()


def test_objects_are_found_by_their_labels():
    store = make()
    for number in range(4):
        store.create("pods", pod(f"p{3 - number}", labels={"job": "a" if number % 2 else "b", "app": "x"}))
    store.create("pods", pod("there", "other", labels={"job": "a"}))
    store.create("jobs", pod("p0", labels={"job": "a"}))

    def found(namespace, **labels):
        return [one["metadata"]["name"] for one in store.labelled("pods", namespace, labels)]

    assert found("default", job="a", app="x") == ["p0", "p2"]
    assert found(None, job="a") == ["p0", "p2", "there"]
    assert found("default", job="a", app="nobody") == []
    first = store.get("pods", "default", "p0")
    store.update("pods", marked(first, labels={"job": "b"}))
    store.remove("pods", "default", "p2")
    assert found(None, job="a") == ["there"]
    assert found(None, job="b") == ["p0", "p1", "p3"]
    assert (store.count("pods"), store.count("nodes")) == (4, 0)


def test_labels_are_found_after_a_restart(tmp_path):
    store = make(tmp_path / "objects.sqlite")
    store.create("pods", pod(labels={"job": "a"}))
    store.close()
    again = make(tmp_path / "objects.sqlite")
    assert len(again.labelled("pods", "default", {"job": "a"})) == 1
    again.close()
