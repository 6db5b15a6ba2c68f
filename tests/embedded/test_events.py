import itertools

from kjnb.embedded.events import REMEMBERED, Budget, Recorder, outdated
from kjnb.embedded.store.store import Store
from tests.embedded.job_words import NOW, job, pods


def make():
    uids = itertools.count()
    return Recorder(Store(None, clock=lambda: NOW, new_uid=lambda: str(next(uids))))


def say(recorder, message, now=NOW, about=None, reason="SuccessfulCreate", **more):
    return recorder.record(about or job(), "Normal", reason, message, now, "job-controller", **more)


def messages(recorder):
    return [event["message"] for event in recorder.store.list("events")]


def test_the_shape():
    event = say(make(), "Created pod: a", host="node", field_path="spec.containers{worker}")
    assert event["metadata"]["name"] == f"job.{int(NOW * 1e9):x}"
    about = event["involvedObject"]
    assert (about["kind"], about["name"], about["uid"]) == ("Job", "job", "job-uid")
    assert about["fieldPath"] == "spec.containers{worker}"
    assert event["source"] == {"component": "job-controller", "host": "node"}
    assert (event["count"], event["type"], event["firstTimestamp"]) == (1, "Normal", event["lastTimestamp"])


def test_the_scheduler_speaks_the_newer_form():
    recorder = make()
    pod = pods("0:Pending")[0]
    event = recorder.record(pod, "Normal", "Scheduled", "m", NOW, "default-scheduler")
    assert event["action"] == "Binding"
    assert event["lastTimestamp"] is None
    assert event["eventTime"].endswith(".000000Z")
    again = recorder.record(pod, "Normal", "Scheduled", "m", NOW + 5, "default-scheduler")
    assert again["count"] == 2


def test_a_repeated_event_is_counted():
    recorder = make()
    say(recorder, "m")
    assert say(recorder, "m", NOW + 9)["count"] == 2
    assert len(recorder.store.list("events")) == 1


def test_from_the_tenth_on_similar_events_are_combined():
    recorder = make()
    for number in range(12):
        say(recorder, f"Created pod: {number}", NOW + 2 * number)
    said = messages(recorder)
    assert len(said) == 10
    assert said[:9] == [f"Created pod: {number}" for number in range(9)]
    assert said[9] == "(combined from similar events): Created pod: 11"
    assert recorder.store.list("events")[9]["count"] == 3


def test_a_combined_event_is_rewritten_at_most_once_a_second():
    recorder = make()
    for number in range(1000):
        say(recorder, f"Created pod: {number}", NOW + number / 1000)
    assert recorder.store.resource_version <= 12


def test_names_sort_as_things_happened():
    recorder = make()
    say(recorder, "first", reason="Z")
    say(recorder, "second", reason="A")
    say(recorder, "third", NOW + 1, reason="B")
    assert messages(recorder) == ["first", "second", "third"]


def test_a_series_goes_on_after_its_events_were_collected():
    recorder = make()
    first = say(recorder, "m")
    recorder.store.remove("events", "default", first["metadata"]["name"])
    assert say(recorder, "m", NOW + 1)["count"] == 1


def test_old_events_and_too_many_are_outdated():
    recorder = make()
    for number in range(5):
        say(recorder, str(number), NOW + number, reason=str(number))
    every = recorder.store.list("events")
    assert [event["message"] for event in outdated(every, NOW + 3601.5)] == ["1", "0"]
    assert [event["message"] for event in outdated(every, NOW, most=3)] == ["1", "0"]
    assert outdated(every, NOW) == []


def test_only_the_latest_series_are_remembered():
    recorder = make()
    said = say(recorder, "m", reason="first")
    for number in range(REMEMBERED):
        say(recorder, "m", NOW + number / 10_000, reason=f"other {number}")  # names of one moment are looked for
    assert say(recorder, "m", NOW + 1, reason="first")["metadata"]["name"] != said["metadata"]["name"]


def test_a_budget_allows_a_burst_and_then_a_rate():
    budget = Budget(burst=3, per_second=2.0)
    assert [budget.spend(100.0) for _ in range(4)] == [True, True, True, False]
    assert [budget.spend(101.0) for _ in range(3)] == [True, True, False]
    assert [budget.spend(1000.0) for _ in range(4)] == [True, True, True, False]
    assert budget.spend(900.0) is False  # a clock that was set back gives nothing away, and takes nothing
    assert budget.spend(900.5) is True
