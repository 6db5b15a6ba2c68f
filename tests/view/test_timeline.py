import numpy as np
import pytest

from kjnb.model.state import CommitSeen
from kjnb.view.timeline import MOST_POINTS, timeline
from tests.model.facts import COMPLETE, START, job, pod, pods, run


def succeeded(count):
    return [pod(i, "Succeeded") for i in range(count)]


def test_nothing_is_known_before_anything_started():
    line = timeline(run(3), START)
    assert (line.begun, line.ended, line.elapsed, line.throughput, line.eta) == (None, None, None, None, None)
    assert line.completed.counts.tolist() == [0, 0]
    assert line.completed.times.tolist() == [START, START]


def test_counts_grow_over_time():
    line = timeline(run(6, job(failed="3"), *pods("0:Succeeded 1:Succeeded 2:Running 3:Failed")), START + 9)
    assert line.completed.times.tolist() == [START, START + 2, START + 3, START + 9]
    assert line.completed.counts.tolist() == [0, 1, 2, 2]
    assert line.failures.counts.tolist() == [0, 1, 1]
    assert (line.done, line.running, line.failed, line.elapsed) == (2, 1, 1, 9)


def test_what_ended_at_an_unknown_time_counts_from_the_start():
    line = timeline(run(6, job("4-5"), *succeeded(2)), START + 9)
    assert line.completed.counts.tolist() == [2, 3, 4, 4]


def test_throughput_is_of_late_and_the_rest_follows_from_it():
    line = timeline(run(200, job(parallelism=2), *succeeded(100)), START + 102)
    assert line.throughput == pytest.approx(1.0, abs=0.05)
    assert line.eta == pytest.approx(100, rel=0.05)


def test_with_few_results_the_rest_follows_from_durations_and_parallelism():
    line = timeline(run(10, job(parallelism=4), *succeeded(2)), START + 4)
    assert line.eta == 1.0 * 2
    assert timeline(run(10, *succeeded(2), *pods("3:Running")), START + 4).eta == 1.0 * 8


@pytest.mark.parametrize(
    "state",
    [
        run(10, job(suspended=True), *succeeded(6)),
        run(10, job()),
        run(4, job("0-3", conditions=COMPLETE)),
        run(9, *(pod(i, "Succeeded", started=None) for i in range(2))),
    ],
    ids=["suspended", "nothing done", "over", "no durations"],
)
def test_no_guess_where_nothing_is_known(state):
    assert timeline(state, START + 30).eta is None


def test_a_stalled_run_has_no_throughput():
    line = timeline(run(9, job(), *succeeded(6)), START + 500)
    assert (line.throughput, line.eta) == (None, 1.0 * 3)


def test_a_run_that_is_over_ended_when_its_last_attempt_did():
    line = timeline(run(2, *succeeded(2), job("0-1", conditions=COMPLETE, ended=START + 4)), START + 999)
    assert (line.ended, line.elapsed, line.throughput) == (START + 4, 4, 0.5)
    unknown = timeline(run(1, CommitSeen(0)), START + 999)
    assert (unknown.ended, unknown.elapsed) == (START + 999, None)


def test_curves_are_short_however_many_indexes():
    line = timeline(run(3000, job(), *succeeded(3000)), START + 3100)
    assert len(line.completed.times) == MOST_POINTS + 2
    assert (np.diff(line.completed.counts) >= 0).all()
    assert line.completed.counts[[0, -1]].tolist() == [0, 3000]
