import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kjnb.model.attempts import Phase, Shelf
from kjnb.model.state import AttemptSeen, CommitSeen, Relisted, ResultLost, RunState, State, attempt_seen, reduce
from kjnb.view.labels import group_text
from tests.model.facts import COMPLETE, FAILED, START, account, job, pod, pods, run
from tests.rounds import rounds

Q, S, R, T, OK, F, L = State


def states(state):
    return [State(number) for number in state.states.tolist()]


def test_nothing_known():
    state = run(3)
    assert states(state) == [Q, Q, Q]
    assert (state.over, state.outcome, state.first, state.last, state.parallelism) == (False, "", None, None, 0)
    assert repr(state) == "RunState('flights-1a2b3c': 3 queued)"
    assert state.attempts(1) == ()


def test_pods_tell_what_runs():
    state = run(6, *pods("0:Pending 1:Running 2:Succeeded 3:Failed 4:Failed 4:Running"), job())
    assert states(state) == [S, R, OK, T, R, Q]
    assert state.tries.tolist() == [1, 1, 1, 1, 2, 0]
    assert state.counts == {Q: 1, S: 1, R: 2, T: 1, OK: 1, F: 0, L: 0}
    assert state.started[4] == START + 4 + 10 + 1
    assert np.isnan(state.finished[4])
    assert [attempt.phase for attempt in state.attempts(4)] == [Phase.FAILED, Phase.RUNNING]
    assert state.attempts(2)[0].phase == Phase.SUCCEEDED


def test_a_pod_without_a_node_has_not_begun():
    waiting = [pod(0, "Pending", node=""), pod(1, "Failed"), pod(1, "Pending", node="", attempt=2)]
    state = run(3, job(), *waiting)
    assert states(state) == [Q, T, Q]
    assert states(reduce(state, [pod(0, "Pending", rv=15), pod(1, "Pending", rv=25, attempt=2)])) == [S, S, Q]


def test_the_job_is_the_truth():
    state = run(6, job("0,2-3", "4", conditions=FAILED, ended=START + 50), *pods("3:Running 4:Failed 5:Running"))
    assert states(state) == [OK, Q, OK, OK, F, Q]
    assert (state.over, state.outcome, state.reason) == (True, "failed", "FailedIndexes")
    assert (state.first, state.last) == (START, START + 50)
    assert repr(state).endswith("over: failed)")


def test_a_pod_collected_after_it_was_counted_changes_nothing():
    before = run(2, *pods("0:Succeeded 1:Failed"), job("0", "1"))
    after = reduce(before, [pod(0, "Succeeded", rv=50, gone=True), pod(1, "Failed", rv=51, gone=True)])
    assert states(after) == states(before) == [OK, F]
    after = reduce(after, [Relisted("pods", None, frozenset())])
    assert states(after) == [OK, F]


def test_what_vanished_while_away_was_stopped():
    state = run(4, job(), *pods("0:Running 1:Running 2:Succeeded 3:Failed"))
    state = reduce(state, [Relisted("pods", "r", frozenset({"r-1-1"}))])
    assert states(state) == [T, R, OK, T]
    assert reduce(state, [Relisted("pods", "r", frozenset({"r-1-1"}))]) is state
    assert states(reduce(state, [pod(0, "Running")])) == [T, R, OK, T]
    assert states(reduce(state, [job("0", rv=200)])) == [OK, R, OK, T]
    other = run(1, *pods("0:Running", job="a"), jobs={"a": None, "b": None})
    assert reduce(other, [Relisted("pods", "b", frozenset())]) is other


def test_a_suspended_job_has_stopped_pods_waiting_again():
    facts = [*pods("0:Succeeded 1:Running"), pod(1, "Failed", rv=40, deleting=True, exit_code=143)]
    state = run(2, *facts, job(suspended=True, conditions=(("Suspended", "True", "JobSuspended", "Job suspended"),)))
    assert states(state) == [OK, Q]
    assert (state.suspended, state.reason, state.failures) == (True, "JobSuspended", [])
    assert states(reduce(state, [job(rv=200)])) == [OK, T]


def test_a_deleted_job_is_over_and_what_did_not_end_was_not_run():
    state = run(4, job("0", rv=1), *pods("0:Succeeded 1:Running 2:Failed"))
    state = reduce(state, [job("0", rv=1, gone=True)])
    assert states(state) == [OK, Q, F, Q]
    assert (state.over, state.outcome) == (True, "stopped")
    assert reduce(state, [job("0", rv=1)]) is state


def test_a_job_that_no_list_names_is_gone():
    state = run(2, Relisted("jobs", None, frozenset()))
    assert (state.over, state.outcome) == (True, "stopped")
    assert reduce(state, [Relisted("jobs", None, frozenset())]) is state
    assert not reduce(state, [job(rv=1)]).over
    assert not run(2, job(), Relisted("jobs", None, frozenset({"uid-r"}))).over


def test_commits_are_enough_to_be_done():
    state = run(2, CommitSeen(0), CommitSeen(1), CommitSeen(7))
    assert (states(state), state.over, state.outcome) == ([OK, OK], True, "succeeded")
    assert reduce(state, [CommitSeen(0)]) is state


def test_a_result_that_is_not_there_is_lost():
    state = run(3, job("0-2", conditions=COMPLETE), CommitSeen(0), ResultLost(1), ResultLost(0))
    assert states(state) == [OK, L, OK]
    assert (state.over, state.outcome) == (True, "failed")
    assert states(reduce(state, [CommitSeen(1)])) == [OK, OK, OK]


def test_a_failing_job_is_not_over_yet_but_says_why():
    state = run(
        2, job(conditions=(("FailureTarget", "True", "DeadlineExceeded", "late"), ("Suspended", "False", "", "")))
    )
    assert (state.over, state.reason, state.message) == (False, "DeadlineExceeded", "late")


def test_a_second_job_takes_over_its_indexes():
    first = [*pods("0:Succeeded 1:Failed 2:Failed"), job("0", "1-2", conditions=FAILED)]
    state = run(3, *first, jobs={"r": None, "r-r1": (1, 2)})
    assert (states(state), state.over) == ([OK, Q, Q], False)
    state = reduce(state, [pod(1, "Running", job="r-r1", attempt=3), job("", "", name="r-r1", rv=300, parallelism=2)])
    assert (states(state), state.tries.tolist(), state.parallelism) == ([OK, Q, R], [1, 1, 2], 2)
    state = reduce(state, [pod(9, "Running", job="r-r1"), pod(0, "Running", job="other"), job(name="other")])
    assert states(state) == [OK, Q, R]
    state = reduce(state, [job("1", "0", name="r-r1", rv=301, conditions=FAILED)])
    assert (states(state), state.outcome) == ([OK, F, OK], "failed")
    assert [failure.index for failure in state.failures] == [1]


def test_accounts_tell_times_and_errors():
    state = run(2, *pods("0:Succeeded 1:Failed"), account(0, "succeeded"), account(1), job())
    assert state.finished.tolist() == [START + 1.75, START + 2.75]
    failure = state.failures[0]
    assert (failure.index, failure.attempts, failure.error, failure.exit_code) == (1, 1, "KeyError", 1)
    assert (failure.rows, failure.node, failure.pod, failure.final) == (42, "n1", "r-1-x1", False)
    assert reduce(state, [account(1), account(0, "succeeded"), *pods("0:Succeeded 1:Failed")]) is state


def test_accounts_without_pods_are_attempts_too():
    state = run(
        4, account(0), account(0, "succeeded", attempt=2), account(1), account(9), account(2, start=None, end=None)
    )
    assert (states(state), state.tries.tolist()) == ([OK, T, T, Q], [2, 1, 1, 0])
    assert states(run(1, account(0, "superseded"))) == [OK]


def test_failures_by_group():
    facts = [*pods(" ".join(f"{i}:Failed" for i in range(20))), *(account(i) for i in range(16))]
    facts += [pod(16, "Failed", rv=60, reason="OOMKilled", exit_code=137), pod(17, "Failed", rv=60, exit_code=None)]
    facts += [pod(18, "Failed", rv=60, reason="Evicted", message="low on memory", exit_code=None)]
    state = run(21, *facts, job(failed="20"))
    told = [group_text(group, None) for group in state.groups]
    assert told == [
        "KeyError: 'carier', line 2: indexes 0-15",
        "OOMKilled, exit code 137: index 16",
        "failed without a reason: index 17",
        "Evicted: index 18",
        "exit code 1: index 19",
        "failed, and nothing was seen of its attempts: index 20",
    ]
    assert state.groups[0].traceback == "Traceback\nKeyError"
    assert state.groups[3].message == "low on memory"


def test_the_first_traceback_of_a_group_is_kept_in_any_order():
    facts = [account(i, traceback=f"Traceback of {i}") for i in range(4)]
    assert run(4, *facts).groups[0].traceback == run(4, *reversed(facts)).groups[0].traceback == "Traceback of 0"


def test_the_number_of_kept_tracebacks_is_bounded():
    state = run(300, *(account(i, group=f"ValueError: {i}") for i in range(300)))
    assert len(state.firsts) == 200
    assert len(state.groups) == 300


def test_an_account_is_read_as_the_worker_writes_it():
    error = {"type": "KeyError", "message": "m", "traceback": "t", "group": "KeyError, line 2"}
    told = {"index": 3, "attempt": "u", "pod": "p", "node": "n", "start": 1, "end": 2.5, "outcome": "failed"}
    told |= {"exit_code": 1, "error": error, "usage": {"max_rss_bytes": 5}, "rows": True}
    fact = AttemptSeen(3, "u", "failed", 1.0, 2.5, "KeyError", "KeyError, line 2", "m", "t", 1, None, 5, "p", "n")
    assert attempt_seen(told) == fact
    assert attempt_seen({"index": 0, "attempt": "u", "outcome": "succeeded", "error": None}) == AttemptSeen(
        0, "u", "succeeded"
    )


# ---------------------------------------------------------------- any order, any batches


def life_of(index, ending):
    """The facts of an index in the order that they happen."""
    first = [pod(index, "Pending"), pod(index, "Running")]
    if ending == "succeeded":
        return [*first, account(index, "succeeded"), CommitSeen(index), pod(index, "Succeeded")]
    if ending == "failed":
        return [*first, account(index), pod(index, "Failed"), pod(index, "Failed", rv=15, gone=True)]
    if ending == "retried":
        return [*life_of(index, "failed"), pod(index, "Pending", attempt=2), pod(index, "Succeeded", attempt=2)]
    if ending == "stopped":
        return [*first, pod(index, "Running", rv=30, deleting=True), pod(index, "Running", rv=31, gone=True)]
    return first[: 1 if ending == "starting" else 2]


ENDINGS = st.sampled_from(["succeeded", "failed", "retried", "stopped", "starting", "running"])
JOBS = [job(), job("1", "0", rv=101), job("1,3", "0", rv=102, suspended=True)]


@st.composite
def facts_of_a_run(draw):
    lives = [life_of(index, ending) for index, ending in enumerate(draw(st.lists(ENDINGS, min_size=1, max_size=6)))]
    facts = [fact for life in lives for fact in life] + JOBS[: draw(st.integers(0, 3))]
    return len(lives), facts, draw(st.permutations(facts + draw(st.lists(st.sampled_from(facts), max_size=5))))


def assert_equal(one: RunState, other: RunState):
    for item in dataclasses.fields(one):
        a, b = getattr(one, item.name), getattr(other, item.name)
        if isinstance(a, np.ndarray) and a.dtype.names is None:
            np.testing.assert_array_equal(a, b, err_msg=item.name)
        elif item.name not in ("packed", "shelf"):
            assert a == b, item.name
    for index in range(one.completions):
        assert repr(one.attempts(index)) == repr(other.attempts(index))
    assert repr(one.failures) == repr(other.failures)


@settings(max_examples=rounds(150, 3_000), deadline=None)
@given(facts_of_a_run())
def test_order_and_repetition_do_not_matter(case):
    completions, facts, shuffled = case
    one, other = run(completions, *facts), run(completions, *shuffled)
    assert_equal(one, other)
    assert sum(one.counts.values()) == completions
    assert reduce(one, shuffled) is one


@settings(max_examples=rounds(100, 2_000), deadline=None)
@given(facts_of_a_run(), st.data())
def test_batches_may_be_cut_anywhere(case, data):
    completions, _, facts = case
    cuts = sorted(data.draw(st.lists(st.integers(0, len(facts)), max_size=5)))
    state = run(completions)
    for first, last in zip([0, *cuts], [*cuts, len(facts)], strict=True):
        before, numbers = state, state.states.copy()
        state = reduce(state, facts[first:last])
        assert (before.states == numbers).all(), "a state is never changed in place"
    assert_equal(state, run(completions, *facts))


def test_an_attempt_that_succeeded_keeps_its_node():
    state = run(2, pod(0, "Succeeded"), pod(1, "Succeeded", node=""), account(1, "succeeded", node="n2"))
    assert [one.node for index in (0, 1) for one in state.attempts(index)] == ["n1", "n2"]


def test_a_batch_copies_little_of_the_records():
    state = run(10_000, *(pod(i, "Running") for i in range(10_000)))
    after = reduce(state, [pod(5000, "Failed")])
    changed = [new is not old for new, old in zip(after.shelf, state.shelf, strict=True)]
    assert sum(changed) == 1


@pytest.mark.parametrize("size", [1, 64, 65])
def test_a_shelf_has_room_for_all(size):
    assert len(Shelf.of(size)) == (size + 63) // 64


def test_a_hundred_thousand_indexes_take_forty_megabytes():
    import tracemalloc

    size = 20_000  # a fifth, so that the test is quick: what is held grows with the indexes
    tracemalloc.start()
    state = RunState.new("big", size, {"r": None})
    for first in range(0, size, 5_000):
        batch = [pod(i, "Succeeded" if i % 20 else "Failed") for i in range(first, first + 5_000)]
        state = reduce(state, batch)
    del batch
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert state.counts[State.SUCCEEDED] == 19_000
    assert held < 40e6 / 5


def test_a_retry_found_out_later_takes_its_indexes_over():
    first = [*pods("0:Succeeded 1:Failed 2:Succeeded"), job("0,2", "1", conditions=COMPLETE)]
    state = run(3, *first, CommitSeen(0), CommitSeen(2), ResultLost(2))
    assert states(state) == [OK, F, OK]
    again = state.retried({"r": None, "r-r1": (1, 2)})
    assert states(again) == [OK, Q, Q], "what 2 had of a result is to be told anew"
    assert not again.over
    assert again.tries.tolist() == [1, 1, 1]
    again = reduce(again, [job(name="r-r1", rv=300), pod(0, "Running", job="r-r1", attempt=3)])
    again = reduce(again, [pod(1, "Pending", job="r-r1", attempt=3)])
    assert states(again) == [OK, R, S]
    ends = [pod(0, "Succeeded", job="r-r1", attempt=3), pod(1, "Failed", job="r-r1", attempt=3), CommitSeen(1)]
    again = reduce(again, [*ends, job("0", "1", name="r-r1", rv=301, conditions=FAILED)])
    assert states(again) == [OK, OK, F]
    assert again.tries.tolist() == [1, 2, 2]
    assert (again.over, again.outcome) == (True, "failed")
    assert [failure.attempts for failure in again.failures] == [2]


def test_a_run_is_suspended_when_all_that_goes_on_is():
    jobs = {"r": None, "r-r1": (0,)}
    assert not run(2, job(), job(name="r-r1", suspended=True), jobs=jobs).suspended
    assert run(2, job(suspended=True), job(name="r-r1", suspended=True), jobs=jobs).suspended
    over = job("1", "0", conditions=FAILED)
    assert run(2, over, job(name="r-r1", suspended=True), jobs=jobs).suspended


def test_the_job_that_did_not_complete_says_why():
    jobs = {"r": None, "r-r1": (0,)}
    state = run(3, job("", "0-2", conditions=FAILED), job("0", name="r-r1", conditions=COMPLETE), jobs=jobs)
    assert (state.outcome, state.reason) == ("failed", "FailedIndexes")
