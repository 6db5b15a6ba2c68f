"""The look in the background: not while all is well, one at a time, not too often, and never in the way."""

from __future__ import annotations

import threading

import pytest

from kjnb.errors import Unreachable
from kjnb.model.findings import Cause, about
from kjnb.run.diagnosing import Diagnosing
from tests.model.facts import START, job, pod, run
from tests.waiting import eventually

FINDING = about(Cause("x", "it does not go", "run.resume()", "no go"))
WELL = run(4, job(parallelism=1), pod(0, "Running"))
STUCK = run(4, job(suspended=True))
OTHER = run(4, job(suspended=True), pod(0, "Failed"))
OVER = run(4, job(conditions=(("Failed", "True", "FailedIndexes", ""),), failed="0-3"))


class Desk:
    """Answers looks when the test lets it, and counts them."""

    def __init__(self):
        self.looks, self.time, self.open, self.trouble = [], 0.0, threading.Event(), None
        self.open.set()
        self.view = Diagnosing(self.look_up, lambda: START, every=3.0, clock=lambda: self.time)

    def look_up(self, state):
        self.looks.append(state)
        assert self.open.wait(10)
        if self.trouble:
            raise self.trouble
        return (FINDING,)


@pytest.fixture
def desk():
    return Desk()


def test_a_run_that_goes_well_is_not_asked_about(desk):
    assert desk.view.look(WELL, wait=1) == ()
    assert desk.looks == []


def test_a_stuck_run_is_asked_about_once_in_a_while(desk):
    assert desk.view.look(STUCK, wait=10) == (FINDING,)
    assert desk.view.why(STUCK) == "no go"
    desk.time = 2.9
    desk.view.look(OTHER, wait=10)
    assert desk.looks == [STUCK]
    desk.time = 3.0
    desk.view.look(OTHER, wait=10)
    assert desk.looks == [STUCK, OTHER]
    desk.time = 10.0
    desk.view.look(OTHER, wait=10)
    assert desk.looks == [STUCK, OTHER], "nothing has changed"
    desk.time = 20.0
    desk.view.look(OTHER, wait=10)
    assert desk.looks == [STUCK, OTHER, OTHER]


def test_who_looks_never_waits_unless_asked(desk):
    desk.open.clear()
    assert desk.view.look(STUCK) == ()
    desk.time = 100.0
    assert desk.view.look(OTHER) == ()
    eventually(lambda: desk.looks)
    assert desk.looks == [STUCK], "one at a time"
    desk.open.set()
    assert eventually(lambda: desk.view.look(STUCK)) == (FINDING,)


def test_what_was_wrong_is_forgotten_when_it_goes_again(desk):
    desk.view.look(STUCK, wait=10)
    assert desk.view.look(WELL) == ()
    assert desk.view.look(STUCK) == (), "not asked again so soon, and not made up"


def test_a_silent_cluster_leaves_what_was_known(desk):
    desk.view.look(STUCK, wait=10)
    desk.trouble = Unreachable("no answer")
    desk.time = 5.0
    assert desk.view.look(OTHER, wait=10) == (FINDING,)
    desk.trouble, desk.time = None, 9.0
    desk.view.look(OTHER, wait=10)
    assert desk.looks == [STUCK, OTHER, OTHER]


def test_a_run_that_is_over_is_asked_about_once(desk):
    for moment in (0.0, 100.0, 1000.0):
        desk.time = moment
        assert desk.view.look(OVER, wait=10) == (FINDING,)
    assert desk.looks == [OVER]
