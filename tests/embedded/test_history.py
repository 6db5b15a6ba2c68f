"""What a watch can go on from: bounded in number and in bytes, and its JSON kept for the newest only."""

import asyncio

import pytest

from kjnb.embedded.store import history
from kjnb.embedded.store.history import Batch, Event, Expired, History, Watch


def batch(*versions, size=10):
    events = [Event("ADDED", "pods", {"metadata": {"name": str(rv)}, "data": "x" * size}, None, rv) for rv in versions]
    assert all(event.encoded for event in events)
    return Batch(events)


def told(past, version):
    return [event.rv for event in past.since("pods", version)]


def test_events_after_a_version():
    past = History(100, 1)
    past.add("pods", batch(2, 3))
    past.add("pods", batch(5))
    assert (told(past, 1), told(past, 3), told(past, 4), told(past, 5)) == ([2, 3, 5], [5], [5], [])
    assert past.since("jobs", 1) == []
    assert [event.rv for event in past.backwards("pods")] == [5, 3, 2]
    assert list(past.backwards("jobs")) == []


def test_only_so_many_are_kept():
    past = History(3, 1)
    for version in range(2, 12):
        past.add("pods", batch(version))
    assert told(past, 8) == [9, 10, 11]
    with pytest.raises(Expired, match="too old resource version: 7 \\(8\\)"):
        past.since("pods", 7)
    assert past.since("jobs", 1) == []


def test_only_so_many_bytes_are_kept():
    past = History(100, 1)
    big = history.MOST_BYTES // 2
    for version in range(2, 6):
        past.add("pods", batch(version, size=big))
    assert told(past, 4) == [5]
    past.add("pods", batch(6, size=3 * big))
    assert told(past, 5) == [6]  # the newest is kept whatever its size


def test_what_is_forgotten_is_expired():
    past = History(100, 1)
    past.add("pods", batch(2))
    past.forget(2)
    assert told(past, 2) == []
    with pytest.raises(Expired):
        past.since("pods", 1)


def test_json_is_kept_for_the_newest_only_and_can_be_made_again():
    past = History(100, 1)
    old, new = batch(2, size=history.ENCODED_BYTES), batch(3, size=100)
    json = old[0].encoded
    past.add("pods", old)
    past.add("pods", new)
    assert "encoded" not in vars(old[0])
    assert "encoded" in vars(new[0])
    assert old[0].encoded == json


def test_json_of_an_event_that_is_not_kept_is_not_kept():
    past, events = History(2, 1), batch(2, 3, 4)
    past.add("pods", events)
    assert ["encoded" in vars(event) for event in events] == [False, True, True]
    past.add("pods", batch(5, 6))
    assert not any("encoded" in vars(event) for event in events)


def test_an_event_that_nobody_needed_as_json_is_not_encoded_to_be_counted():
    event = Event("ADDED", "pods", {"metadata": {}}, None, 2)
    assert event.size == history.UNKNOWN_SIZE
    assert "encoded" not in vars(event)


@pytest.mark.parametrize("size", [10, history.MOST_BYTES])
def test_a_reader_that_lags_expires_by_number_or_by_bytes(size):
    async def play():
        watch = Watch("pods", 1, 2 if size == 10 else 100, lambda _: None)
        for version in range(2, 5):
            watch.offer(batch(version, size=size))
        with pytest.raises(Expired):
            await anext(watch)

    asyncio.run(play())


def test_a_reader_that_keeps_up_never_expires():
    async def play():
        watch = Watch("pods", 1, 2, lambda _: None)
        for version in range(2, 50):
            watch.offer(batch(version, size=history.MOST_BYTES // 4))
            assert [event.rv for event in await anext(watch)] == [version]

    asyncio.run(play())
