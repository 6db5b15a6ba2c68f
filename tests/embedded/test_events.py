import itertools

from kjnb.embedded.events import outdated, record
from kjnb.embedded.store import Store
from tests.embedded.job_words import NOW, job, pods


def make_store():
    uids = itertools.count()
    return Store(None, clock=lambda: NOW, new_uid=lambda: str(next(uids)))


def say(store, message, now=NOW, about=None, reason="SuccessfulCreate", **more):
    return record(store, about or job(), "Normal", reason, message, now, "job-controller", **more)


def messages(store):
    return [event["message"] for event in store.list("events")]


def test_the_shape():
    event = say(make_store(), "Created pod: a", host="node", field_path="spec.containers{worker}")
    assert event["metadata"]["name"] == f"job.{int(NOW * 1e9):x}"
    about = event["involvedObject"]
    assert (about["kind"], about["name"], about["uid"]) == ("Job", "job", "job-uid")
    assert about["fieldPath"] == "spec.containers{worker}"
    assert event["source"] == {"component": "job-controller", "host": "node"}
    assert (event["count"], event["type"], event["firstTimestamp"]) == (1, "Normal", event["lastTimestamp"])


def test_the_scheduler_speaks_the_newer_form():
    store = make_store()
    pod = pods("0:Pending")[0]
    event = record(store, pod, "Normal", "Scheduled", "m", NOW, "default-scheduler")
    assert event["action"] == "Binding"
    assert event["lastTimestamp"] is None
    assert event["eventTime"].endswith(".000000Z")
    again = record(store, pod, "Normal", "Scheduled", "m", NOW + 5, "default-scheduler")
    assert again["count"] == 2


def test_a_repeated_event_is_counted():
    store = make_store()
    say(store, "m")
    assert say(store, "m", NOW + 9)["count"] == 2
    assert len(store.list("events")) == 1


def test_from_the_tenth_on_similar_events_are_combined():
    store = make_store()
    for number in range(12):
        say(store, f"Created pod: {number}", NOW + 2 * number)
    said = messages(store)
    assert len(said) == 10
    assert said[:9] == [f"Created pod: {number}" for number in range(9)]
    assert said[9] == "(combined from similar events): Created pod: 11"
    assert store.list("events")[9]["count"] == 3


def test_a_combined_event_is_rewritten_at_most_once_a_second():
    store = make_store()
    for number in range(1000):
        say(store, f"Created pod: {number}", NOW + number / 1000)
    assert store.resource_version <= 12


def test_names_sort_as_things_happened():
    store = make_store()
    say(store, "first", reason="Z")
    say(store, "second", reason="A")
    say(store, "third", NOW + 1, reason="B")
    assert messages(store) == ["first", "second", "third"]


def test_a_series_goes_on_after_its_events_were_collected():
    store = make_store()
    first = say(store, "m")
    store.remove("events", "default", first["metadata"]["name"])
    assert say(store, "m", NOW + 1)["count"] == 1


def test_old_events_and_too_many_are_outdated():
    store = make_store()
    for number in range(5):
        say(store, str(number), NOW + number, reason=str(number))
    every = store.list("events")
    assert [event["message"] for event in outdated(every, NOW + 3601.5)] == ["1", "0"]
    assert [event["message"] for event in outdated(every, NOW, most=3)] == ["1", "0"]
    assert outdated(every, NOW) == []
