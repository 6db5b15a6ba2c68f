"""The bytes of a watch: at once when it was quiet, gathered when much comes."""

import asyncio
import itertools
import json
from datetime import UTC, datetime

import pytest

from kjnb.embedded.api import watching
from kjnb.embedded.api.representation import Form
from kjnb.embedded.api.resources import BY_PLURAL
from kjnb.embedded.api.watching import Asked, Stream
from kjnb.embedded.store.store import Store


@pytest.fixture
def store():
    uids = itertools.count()
    return Store(None, clock=lambda: datetime.now(UTC), new_uid=lambda: f"u{next(uids)}")


def add(store, *names):
    for name in names:
        store.create("pods", {"kind": "Pod", "metadata": {"name": name, "namespace": "default"}})
        store.flush()


def follow(store, **asked):
    wanted = Asked(BY_PLURAL["pods"], "default", None, ("",), None, True, Form(), False, False, 30.0)
    return Stream(store, wanted._replace(**asked), lambda: datetime.now(UTC))


def names(chunk):
    return [json.loads(line)["object"]["metadata"]["name"] for line in chunk.splitlines()]


def test_what_comes_after_a_chunk_is_gathered_in_order(store):
    async def play():
        chunks = follow(store).chunks()
        assert await anext(chunks) == b""
        add(store, "a")
        assert names(await anext(chunks)) == ["a"]
        add(store, "b", "c", "d")
        assert names(await anext(chunks)) == ["b", "c", "d"]

    asyncio.run(asyncio.wait_for(play(), 20))


def test_a_chunk_is_bounded(store, monkeypatch):
    monkeypatch.setattr(watching, "LARGEST", 1)

    async def play():
        chunks = follow(store).chunks()
        await anext(chunks)
        add(store, "a", "b")
        assert [names(await anext(chunks)), names(await anext(chunks))] == [["a"], ["b"]]

    asyncio.run(asyncio.wait_for(play(), 20))


def test_a_reader_that_is_too_late_is_told(store, monkeypatch):
    monkeypatch.setattr(watching, "LAG", 2)

    async def play():
        chunks = follow(store).chunks()
        await anext(chunks)
        add(store, "a", "b", "c")
        [line] = (await anext(chunks)).splitlines()
        assert json.loads(line)["object"]["code"] == 410
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)

    asyncio.run(asyncio.wait_for(play(), 20))


def test_a_watch_ends_when_it_is_closed_or_over(store):
    async def play():
        stream = follow(store)
        chunks = stream.chunks()
        await anext(chunks)
        stream.close()
        over = follow(store, seconds=0.0).chunks()
        await anext(over)
        for ended in (chunks, over):
            with pytest.raises(StopAsyncIteration):
                await anext(ended)

    asyncio.run(asyncio.wait_for(play(), 20))
