"""What goes wrong in the pods reaches `run.failures`, by group, with the user's line and the rows."""

from __future__ import annotations

import os

import pandas as pd
import pytest

import kjnb
from tests.waiting import eventually

FRAME = pd.DataFrame({"key": list("aabbccdd"), "x": range(8)})


def test_an_exception_fails_its_index_only(cluster):
    def half(part):
        return part["x"].sum() / (0 if part["key"].iloc[0] == "b" else 1)

    def pick(part):
        if part["key"].iloc[0] in "bc":
            return part["carier"]
        return part["x"].sum()

    run = kjnb.launch(pick, FRAME, by="key", name="one-bad", cluster=cluster)
    with pytest.raises(kjnb.RunFailed) as caught:
        run.result(timeout=60)
    assert caught.value.indexes == (1, 2)
    assert "KeyError" in str(caught.value)
    assert "indexes 1 (b), 2 (c)" in str(caught.value)
    table = run.failures
    assert table["index"].tolist() == [1, 2]
    assert table["exit_code"].tolist() == [88, 88]
    assert table["attempts"].tolist() == [1, 1], "an error that comes again is not tried again"
    assert table["rows"].tolist() == [2, 2]
    assert table["key"].tolist() == ["b", "c"]
    assert "carier" in table["traceback"][0]
    assert 'part["carier"]' in table["log_tail"][0]
    assert run.result(partial=True).tolist() == [1, 13]
    assert run.state.outcome == "failed"
    assert half is not None


def test_an_error_that_may_pass_is_tried_again(cluster, tmp_path):
    flag = tmp_path / "tried"

    def flaky(part):
        if not flag.exists():
            flag.touch()
            raise OSError("not yet")
        return len(part)

    run = kjnb.launch(flaky, FRAME, partitions=1, name="flaky", cluster=cluster)
    assert run.result(timeout=60).tolist() == [8]
    assert run.state.tries.tolist() == [2]
    assert run.failures.empty
    assert "not yet" in run.logs(0, 0)


def test_exit_codes_and_killed_processes_are_told(cluster):
    def die(part, index):
        import os
        import signal
        import sys

        if index == 0:
            sys.exit(3)
        if index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if index == 2:
            return lambda: (yield)
        return index

    run = kjnb.launch(die, FRAME, partitions=4, backoff_limit_per_index=0, name="ends", cluster=cluster)
    run.wait(timeout=60)
    table = run.failures.set_index("index")
    assert table.loc[0, "exit_code"] == 3
    assert "SystemExit" in table.loc[0, "error"]
    assert table.loc[1, "exit_code"] == 137
    assert "killed" in table.loc[1, "error"]
    assert run.result(partial=True).tolist()[-1:] == [3]


def test_a_result_that_cannot_be_pickled_says_so(cluster):
    def bad(part):
        import threading

        return threading.Lock()

    run = kjnb.launch(bad, FRAME, partitions=1, name="unpicklable", cluster=cluster)
    run.wait(timeout=60)
    assert "cannot be pickled" in run.failures["error"][0]
    assert run.failures["attempts"][0] == 1


def test_debug_runs_the_index_here(cluster):
    def bad(part, index):
        return part["x"] / part["nothing"]

    run = kjnb.launch(bad, FRAME, partitions=2, name="debugged", cluster=cluster)
    run.wait(timeout=60)
    with pytest.raises(KeyError, match="nothing"):
        run.debug(1)
    pd.testing.assert_frame_equal(run.part(1), FRAME.iloc[4:])


def test_failures_are_seen_while_the_run_goes_on(cluster, tmp_path):
    gate = tmp_path / "gate"

    def slow(part, index):
        import time

        if index == 0:
            raise ValueError("early")
        while not gate.exists():
            time.sleep(0.05)
        return index

    run = kjnb.launch(
        slow, FRAME, partitions=2, parallelism=2, cpu="100m", memory="128Mi", name="early", backoff_limit_per_index=0,
        cluster=cluster,
    )  # fmt: skip
    try:
        eventually(lambda: len(run.failures))
        table = run.failures
        assert "ValueError: early" in table["error"][0]
        assert not run.state.over
    finally:
        gate.touch()
    run.wait(timeout=60)
    assert os.path.exists(gate)


def test_what_ends_without_a_word_is_told(cluster):
    def quiet(part, index):
        import os

        if index == 0:
            os._exit(0)
        raise ValueError("half a letter \ud800")

    run = kjnb.launch(quiet, FRAME, partitions=2, backoff_limit_per_index=0, name="quiet", cluster=cluster)
    run.wait(timeout=60)
    errors = run.failures.set_index("index")["error"]
    assert errors[0] == "it ended without an error and without a result"
    assert errors[1] == r"ValueError: half a letter \ud800"


def test_the_advice_is_of_use_for_what_happened(cluster):
    def crash(part):
        import os

        os.kill(os.getpid(), 9)

    def slow(part):
        import time

        time.sleep(60)

    def wrong(part):
        return part["nothing"]

    def left(part):
        raise SystemExit(3)

    for fn, settings, says in (
        (crash, {}, "run.logs(0)"),
        (left, {}, "run.logs(0)"),
        (wrong, {}, "run.debug(0)"),
        (slow, {"timeout": 1}, "run.retry(timeout=2)"),
    ):
        run = kjnb.launch(fn, FRAME, partitions=1, backoff_limit_per_index=0, cluster=cluster, **settings)
        with pytest.raises(kjnb.RunFailed, match=rf"^{run.name} failed: 1 of 1 indexes have no result") as told:
            run.result(timeout=60)
        assert says in told.value.fix
        assert "run.result(partial=True)" in told.value.fix
        assert told.value.run == run.name
    assert "SystemExit: 3" in str(
        kjnb.launch(left, FRAME, partitions=1, backoff_limit_per_index=0).failures["group"][0]
    )


def test_numbers_are_taken_from_a_frame_and_nothing_else(cluster):
    def bad(part):
        return part["nothing"]

    run = kjnb.launch(bad, FRAME, partitions=2, name="by-number", cluster=cluster)
    run.wait(timeout=60)
    index = run.failures["index"].iloc[-1]
    assert "nothing" in run.logs(index)
    assert len(run.part(index)) == 4
    for call in (
        lambda: run.logs(2),
        lambda: run.logs(-1),
        lambda: run.part(True),
        lambda: run.debug("first"),
        lambda: run.logs(0, attempt=9),
        lambda: run.logs(0, attempt="last"),
        lambda: run.wait(timeout="soon"),
        lambda: run.result(timeout=True),
    ):
        with pytest.raises(kjnb.UsageError) as told:
            call()
        assert told.value.fix
