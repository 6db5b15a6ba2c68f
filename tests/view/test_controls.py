"""What can be done from a view, what is asked before, and why something cannot be done."""

import pytest

from kjnb.view.controls import buttons, slider
from tests.model.facts import COMPLETE, FAILED, job, pods, run

NAME = "flights-1a2b3c"
GOING = run(9, job(parallelism=4), *pods("0:Succeeded 1:Running 2:Running 3:Pending"))
IDLE = run(9, job())
ASLEEP = run(9, job(suspended=True))
HALF = run(9, job("0-6", "7-8"), *pods("7:Failed 8:Failed"))
ENDED = run(9, job("0-6", "7", conditions=FAILED), *pods("7:Failed"))
DONE = run(2, job("0-1", conditions=COMPLETE))


def told(state, do, **more):
    return next(one for one in buttons(state, more.pop("refused", {}), **more) if one.do == do)


def test_pausing_says_what_starts_again():
    assert told(GOING, "suspend").asks == f"Pause {NAME}? 3 running indexes start again from zero when it is resumed."
    one = run(9, job(), *pods("1:Running"))
    assert "1 running index starts again" in told(one, "suspend").asks
    assert told(IDLE, "suspend").asks == ""
    assert told(GOING, "suspend").cli == f"kjnb suspend {NAME}"


def test_what_is_paused_can_be_resumed():
    assert [one.do for one in buttons(ASLEEP, {})] == ["resume", "retry", "stop", "delete"]
    assert (told(ASLEEP, "resume").why, told(ASLEEP, "resume").asks) == ("", "")


def test_what_cannot_be_undone_is_asked_once():
    assert [bool(one.asks) for one in buttons(GOING, {})] == [True, False, True, True]


@pytest.mark.parametrize(
    ("state", "label", "why"),
    [
        (GOING, "Retry failed", "nothing has failed"),
        (HALF, "Retry failed (2)", ""),
        (ENDED, "Retry failed (2)", ""),
        (DONE, "Retry failed", "nothing has failed"),
    ],
)
def test_what_has_no_result_can_be_retried(state, label, why):
    assert (told(state, "retry").label, told(state, "retry").why) == (label, why)


def test_a_run_that_is_over_is_not_steered():
    assert [one.why for one in buttons(ENDED, {})] == ["the run is over", "", "the run is over", ""]
    assert slider(ENDED, {}).why == "the run is over"


def test_a_run_without_a_job_is_not_steered():
    assert [one.why for one in buttons(GOING, {}, gone=True)] == [
        "its Jobs are gone",
        "nothing has failed",
        "its Jobs are gone",
        "its Jobs are gone",
    ]


def test_who_may_not_is_told_why():
    refused = {do: f"you may not {do}" for do in ("suspend", "retry", "stop", "delete", "scale")}
    assert [one.why for one in buttons(HALF, refused)] == [f"you may not {one.do}" for one in buttons(HALF, refused)]
    assert slider(HALF, refused).why == "you may not scale"


@pytest.mark.parametrize(
    ("state", "room", "value", "most"),
    [(GOING, None, 4, 8), (GOING, 6, 4, 6), (GOING, 2, 4, 4), (GOING, 50, 4, 8), (DONE, None, 1, 1)],
)
def test_the_slider_ends_where_more_would_do_nothing(state, room, value, most):
    shown = slider(state, {}, room)
    assert (shown.value, shown.least, shown.most) == (value, 1, most)
    assert shown.cli == f"kjnb scale {NAME} N"
