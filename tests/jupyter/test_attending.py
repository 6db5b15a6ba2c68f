"""What a page asks of a view: against a real cluster, without a page."""

from __future__ import annotations

import os
import threading
from typing import Any

import pandas as pd
import pytest

import kjnb
from kjnb.jupyter import doing
from kjnb.jupyter.attending import Attending
from kjnb.jupyter.live import LiveView
from kjnb.run import peek
from kjnb.view.timeline import timeline
from tests.gates import Gates
from tests.waiting import eventually


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Gates:
    return Gates(tmp_path_factory.mktemp("attending") / "gates")


@pytest.fixture(scope="module")
def run(home: Any, gates: Gates) -> Any:
    """Six indexes, two at a time: 1 fails with an error, 2 ends without a word, 3 and later wait for their gates."""
    folder = str(gates.folder)

    def work(part: Any, index: int) -> int:
        print("\x1b[31mbegin\x1b[0m", index, flush=True)
        if index == 1:
            raise ValueError("no good")
        if index == 2:
            print("the last line", flush=True)
            os._exit(9)
        while index >= 3 and not os.path.exists(f"{folder}/{index}"):
            threading.Event().wait(0.02)
        return index

    made = kjnb.launch(
        work,
        pd.DataFrame({"x": range(6)}),
        partitions=6,
        parallelism=2,
        cpu="100m",
        memory="128Mi",
        backoff_limit_per_index=0,
    )
    eventually(lambda: len(made.state.failures) == 2 and made.state.counts[2] == 2)
    yield made
    made.delete(results=True)


class Desk:
    """A view that nobody sees, and its asks, each done as the view's thread would."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.woken = threading.Event()
        self.asks = Attending(run, self.woken.set, hears=True)
        self.live = self.asks.live = LiveView(run.state, timeline(run.state, run.now()), run.labels, self.asks.ask)

    def ask(self, do: str, **more: Any) -> None:
        """Ask, in a thread of its own as messages come in, and do what follows at once."""
        asking = threading.Thread(target=self.asks.ask, args=({"do": do, "id": do, **more},))
        asking.start()
        asking.join()
        self.asks.work()

    def until(self, done: Any) -> Any:
        """Work until something is so."""

        def worked() -> Any:
            self.asks.work()
            self.live.say(self.run.state, timeline(self.run.state, self.run.now()))
            return done()

        return eventually(worked)


@pytest.fixture
def desk(run: Any) -> Any:
    made = Desk(run)
    yield made
    made.live.close()


def test_a_click_on_a_cell_shows_its_log_and_traceback(desk: Desk) -> None:
    desk.ask("cell", row=0, column=1)
    told = desk.until(lambda: desk.live.bottom.detail)
    assert told["title"].startswith("index 1")
    assert "ValueError: no good" in told["traceback"]
    assert told["log"].startswith("begin 1")
    assert (desk.live.bottom.heard, told["count"]) == ("cell", 1)
    desk.ask("unlook")
    assert desk.live.bottom.detail == {}
    desk.ask("cell", row=7, column=7)
    desk.ask("look", index="<b>")
    desk.ask("look", index=99)
    assert desk.live.bottom.detail == {}


def test_a_running_index_shows_what_it_has_printed_and_a_queued_one_says_so(desk: Desk) -> None:
    desk.ask("look", index=3)
    assert desk.until(lambda: desk.live.bottom.detail.get("log")) == "begin 3"
    desk.ask("look", index=5)
    assert desk.until(lambda: desk.live.bottom.detail.get("index") == 5)
    assert desk.live.bottom.detail["note"] == "no log: no attempt has begun yet"


def test_a_group_opens_to_its_indexes_with_their_last_lines(desk: Desk) -> None:
    desk.ask("group", group="exit code 9")
    (row,) = desk.until(lambda: [one for one in desk.live.bottom.opened["rows"] if one["last"]])
    assert (row["index"], row["exit"], row["last"]) == (2, "9", "the last line")
    desk.ask("more")
    assert desk.live.is_read
    desk.ask("group", group="")
    desk.until(lambda: desk.live.bottom.opened == {})
    assert not desk.live.is_read


def test_a_view_is_drawn_for_as_long_as_somebody_looks(desk: Desk) -> None:
    assert desk.asks.is_seen, "a page may still be loading"
    desk.ask("seen", view="a", page="one")
    assert desk.asks.is_seen
    assert desk.asks.is_stale, "who looks again is shown what is"
    desk.ask("seen", view="b", page="one")
    desk.ask("unseen", view="a", page="one")
    assert desk.asks.is_seen
    desk.ask("unseen", view="b", page="one")
    assert not desk.asks.is_seen
    assert not desk.asks.was_loaded_again
    desk.ask("seen", view="c", page="two")
    assert desk.asks.was_loaded_again
    assert Attending(desk.run, desk.woken.set, hears=False).is_seen


def test_pause_and_resume_and_scale(desk: Desk) -> None:
    desk.ask("suspend")
    desk.until(lambda: desk.live.top.answer == "suspend: suspended; 2 running indexes start again from zero")
    desk.until(lambda: desk.run.state.suspended)
    assert desk.live.top.controls["buttons"][0]["do"] == "resume"
    desk.ask("resume")
    desk.until(lambda: desk.live.top.answer == "resume: it goes on")
    desk.until(lambda: desk.run.state.counts[2] == 2)
    desk.ask("scale", number=3)
    desk.until(lambda: desk.live.top.answer == "scale: 3 at a time from now on")
    desk.until(lambda: desk.run.state.counts[2] == 3)
    desk.ask("scale", number="many")
    desk.until(lambda: "many" in desk.live.top.answer)
    desk.asks.learn_room()
    assert desk.until(lambda: desk.live.room) >= 1


def test_an_ask_that_is_none_is_ignored(desk: Desk) -> None:
    before = desk.live.bottom.get_state()
    desk.ask("nonsense", index=3)
    desk.live.top._hear(None, ["no", "dict"], [])
    desk.asks.work()
    assert {**desk.live.bottom.get_state(), "heard": ""} == {**before, "heard": ""}


def test_who_may_not_is_told_so_in_a_line_and_the_button_knows(desk: Desk) -> None:
    desk.asks._acted(doing.Done("stop", "403: you may not patch jobs", refused=True))
    desk.live.say(desk.run.state, timeline(desk.run.state, desk.run.now()))
    told = {one["do"]: one["why"] for one in desk.live.top.controls["buttons"]}
    assert told["stop"] == "403: you may not patch jobs"
    assert desk.live.top.answer == "stop: 403: you may not patch jobs"


def test_the_end_of_a_long_log_is_bounded(run: Any) -> None:
    run.stage.save_log(1, "long", b"line of some length\n" * 1_000_000)
    kept = run.stage.log_end(1, "long", peek.MOST_BYTES)
    assert len(kept) == peek.MOST_BYTES
    assert run.stage.log_end(1, "none", 9) is None
    assert len(run.cluster.log(run.state.attempts(1)[0].pod, 1, 5)) <= 5
