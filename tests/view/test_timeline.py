import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjnb.model.state import CommitSeen
from kjnb.view.timeline import MOST_POINTS, timeline
from tests.model.facts import COMPLETE, START, account, job, pod, pods, run


def succeeded(count):
    return [pod(i, "Succeeded") for i in range(count)]


def test_nothing_is_known_before_anything_started():
    line = timeline(run(3), START)
    assert (line.begun, line.ended, line.elapsed, line.throughput, line.eta) == (None, None, None, None, None)
    assert line.completed.counts.tolist() == [0, 0]
    assert line.completed.times.tolist() == [START, START]


def test_counts_grow_over_time():
    line = timeline(run(6, job(failed="3"), *pods("0:Succeeded 1:Succeeded 2:Running 3:Failed")), START + 9)
    assert line.completed.times.tolist() == [START, START + 2.5, START + 3.5, START + 9]
    assert line.completed.counts.tolist() == [0, 1, 2, 2]
    assert line.failures.counts.tolist() == [0, 1, 1]
    assert (line.done, line.running, line.failed, line.elapsed) == (2, 1, 1, 9)


def test_what_is_told_without_a_time_ended_just_now():
    line = timeline(run(6, job("4-5"), *succeeded(2)), START + 9)
    assert line.completed.counts.tolist() == [0, 1, 2, 4]


def test_whole_seconds_are_spread_and_fractions_kept():
    """Eight pods that ended within the second in which the run began did not end at 0 s."""
    facts = [pod(i, "Succeeded", created=START, started=START, finished=START) for i in range(8)]
    line = timeline(run(9, job(), *facts, launched=START + 0.6), START + 5)
    assert (line.begun, line.elapsed) == (START + 0.6, pytest.approx(4.4))
    since = line.completed.times - START
    assert since[1:-1].tolist() == pytest.approx([0.6 + 0.4 * (i + 0.5) / 8 for i in range(8)])
    assert line.completed.counts.tolist() == [*range(9), 8]
    told = timeline(run(9, job(), *facts, account(0, "succeeded", end=START + 0.75)), START + 5)
    assert START + 0.75 in told.completed.times.tolist()
    soon = timeline(run(9, job(), *facts), START + 0.1)
    assert soon.completed.times.max() == START + 0.1


@pytest.mark.parametrize("launched", [None, START - 3, START + 1.5])
def test_the_launch_says_when_a_run_began_only_within_its_second(launched):
    assert timeline(run(2, job(), launched=launched), START + 5).begun == START


@given(st.lists(st.floats(0, 20) | st.integers(0, 20), min_size=1, max_size=40), st.floats(0, 21))
def test_curves_are_monotone_whatever_clocks_say(finished, now):
    facts = [pod(i, "Succeeded", started=None, finished=START + end) for i, end in enumerate(finished)]
    curve = timeline(run(len(finished) + 1, job(), *facts), START + now).completed
    assert (np.diff(curve.times) >= 0).all()
    assert (np.diff(curve.counts) >= 0).all()
    assert curve.counts[-1] == len(finished)


def test_a_run_of_a_second_and_one_of_hours_have_their_throughput():
    quick = [account(i, "succeeded", start=START + 0.2, end=START + 0.3 + i / 100) for i in range(50)]
    line = timeline(run(100, job(), *quick), START + 1)
    assert (line.throughput, line.eta) == (50, 1)
    waves = [account(i, "succeeded", start=START + 3600 * (i // 4), end=START + 3600 * (i // 4 + 1)) for i in range(40)]
    for later in (1, 1800, 3500):  # between two waves nothing ends, and nothing stands still
        line = timeline(run(80, job(parallelism=4), *waves), START + 36_000 + later)
        assert line.throughput == pytest.approx(4 / 3600, rel=0.35)
        assert line.eta == pytest.approx(36_000, rel=0.35)


def test_a_run_whose_indexes_take_longer_than_before_says_so():
    quick = [account(i, "succeeded", start=START, end=START + 0.1) for i in range(8)]
    slow = [pod(i, "Running", created=START, started=START) for i in (8, 9)]
    line = timeline(run(24, job(parallelism=2), *quick, *slow), START + 60)
    assert (line.throughput, line.eta) == (None, 60 * 8)
    assert timeline(run(9, job(failed="8"), *quick), START + 60).eta == pytest.approx(0.1)  # all ended, the Job has not


def test_the_last_index_needs_as_long_as_the_others():
    facts = [account(i, "succeeded", start=START, end=START + 50 + i / 10) for i in range(99)]
    last = pod(99, "Running", created=START + 55, started=START + 55)
    line = timeline(run(100, job(parallelism=1), *facts, last), START + 60)
    assert line.eta == pytest.approx(50, abs=6)


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


def took(*seconds):
    return [account(i, "succeeded", start=START, end=START + each) for i, each in enumerate(seconds)]


def test_the_band_is_as_wide_as_durations_differ():
    alike = timeline(run(40, job(parallelism=2), *took(*[9.0] * 10)), START + 20)
    assert alike.band == (alike.eta, alike.eta)
    mixed = timeline(run(40, job(parallelism=2), *took(*[5.0, 13.0] * 5)), START + 20)
    low, high = mixed.band
    assert low < mixed.eta < high
    assert high - mixed.eta > mixed.eta - low, "the last to start may be a long one"
    assert timeline(run(40, job(), *took(5.0, 9.0)), START + 20).band is None
    assert timeline(run(5, job("0-4", conditions=COMPLETE), *took(*[9.0] * 5)), START + 20).band is None


def test_a_straggler_takes_longer_than_hardly_any_other():
    slow = [pod(i, "Running", created=START, started=START + start) for i, start in ((20, 5), (21, 0), (22, 95))]
    line = timeline(run(40, job(), *took(*[9.0] * 10), *slow), START + 100)
    assert (line.far, line.stragglers) == (18, (21, 20))
    assert timeline(run(40, job(), *took(*[0.1] * 10)), START + 100).far == 1.0
    assert timeline(run(40, job(), *took(9.0), *slow), START + 100).stragglers == ()
    stopped = timeline(run(40, job(gone=True), *took(*[9.0] * 10), *slow), START + 100)
    assert stopped.stragglers == ()
