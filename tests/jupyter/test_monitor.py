"""The live view in a real kernel that a page asks: its messages, its place beside the static output, and its end."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from plotly.basedatatypes import Undefined

from kjnb.jupyter import figure, live, monitor, static
from kjnb.view.timeline import timeline
from tests import homes
from tests.model.facts import FAILED, START, job, pods, run
from tests.waiting import eventually

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize(
    ("shown", "updated", "now", "is_due"),
    [(0, 0, 0.5, False), (0, 0, 1.0, True), (0, 59, 59.9, False), (0, 60, 61.5, False), (0, 60, 70, True)],
)
def test_the_static_output_is_eager_for_a_minute(shown, updated, now, is_due):
    assert static.due(shown, updated, now) is is_due


def test_arrays_are_compared_by_content():
    assert figure.same(np.array([1, 2]), np.array([1, 2]))
    assert not figure.same(np.array([1, 2]), np.array([1, 3]))
    assert not figure.same(None, np.array([1]))
    assert figure.same({"a": 1}, {"a": 1})


@pytest.mark.parametrize("count", [24, 1000])
def test_a_redraw_sends_what_has_changed(count):
    """The names of 1,000 cells are sent once, and nothing is while nothing happens."""
    before, after = run(count, job()), run(count, job(), *pods("3:Running"))
    view = live.LiveView(before, timeline(before, START + 1), ["<b>LGA</b>"] * count)
    sent = []
    view.figure.observe(lambda change: sent.append(change["new"]), "_py2js_update")
    view.draw(after, timeline(after, START + 1))
    (message,) = [one for one in sent if one]
    assert message["style_data"]["text"][0] is Undefined
    assert "running" in str(message)
    assert {*view.figure.data[0].customdata} == {"queued", "running"}
    assert "&lt;b&gt;LGA" in view.figure.data[0].text[0]
    sent.clear()
    view.draw(after, timeline(after, START + 1))
    assert [one for one in sent if one] == []


def test_the_last_picture_waits_for_the_last_pods(capsys):
    """A Job's end may be heard before the ends of its pods: a picture drawn between them would stay for ever."""
    failed = job(failed="0-1", conditions=FAILED)
    told = SimpleNamespace(name="r", labels=[""] * 2, now=lambda: START + 1, follower=SimpleNamespace(settled=False))
    told.state = run(2, failed)
    view = monitor.Monitor(told)
    view.finish()
    assert not view.over.is_set()
    assert "as of" in capsys.readouterr().out
    told.state, told.follower.settled = run(2, failed, *pods("0:Failed 1:Failed")), True
    view.finish()
    assert view.over.is_set()
    said = capsys.readouterr().out
    assert "exit code 1" in said
    assert "as of" not in said


def test_a_page_that_heard_nothing_yet_is_told_the_whole_chart():
    """What changed before its script was loaded would be lost: an empty map."""
    state = run(24, job(), *pods("3:Running"))
    view = live.LiveView(state, timeline(state, START + 1))
    sent = []
    view.figure.observe(lambda change: sent.append(change["new"]), "_py2js_update")
    view.draw(state, timeline(state, START + 1))
    assert [one for one in sent if one] == []
    view.figure.tell()
    (message,) = [one for one in sent if one]
    assert message["style_traces"] == list(range(len(view.figure.data)))
    assert {"z", "name"} <= message["style_data"].keys()


class Page:
    """A kernel's client that asks as a page does, naming the cell; it keeps every message it hears."""

    def __init__(self, client) -> None:
        self.client, self.heard = client, []

    def ask(self, code: str) -> str:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self.client.session.msg("execute_request", {**content, "stop_on_error": True})
        message["metadata"] = {"cellId": "one"}
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def listen(self, done, within: float = 60.0):
        """Hear messages until `done()` is true."""

        def heard() -> object:
            while self.client.iopub_channel.msg_ready():
                self.heard.append(self.client.get_iopub_msg(timeout=1))
            return done()

        return eventually(heard, within=within)

    def of(self, kind: str) -> list[dict]:
        return [message for message in self.heard if message["msg_type"] == kind]

    def is_idle(self, asked: str) -> bool:
        states = [
            m["content"]["execution_state"] for m in self.of("status") if m["parent_header"].get("msg_id") == asked
        ]
        return "idle" in states


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("monitor")
    with homes.own_home(folder / "home") as home:
        env = homes.environment(home, IPYTHONDIR=str(folder / "ipython"))
        manager, client = start_new_kernel(env=env, cwd=str(folder))
        try:
            asking = Page(client)
            first = asking.ask("%load_ext kjnb\nimport pandas as pd\nframe = pd.DataFrame({'x': range(8)})")
            asking.listen(lambda: asking.is_idle(first))
            yield asking
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()


CELL = "%%kjob frame --partitions 8 --parallelism 2 --cpu 100m --backoff-limit-per-index 0\n"


def test_a_view_lives_beside_its_static_output_and_goes(page):
    page.heard.clear()
    asked = page.ask(CELL + "import time\ntime.sleep(0.7)\nif index == 1:\n    part.carier\nlen(part)")
    page.listen(lambda: page.is_idle(asked))
    busy = page.ask("import time\nfor _ in range(10):\n    time.sleep(0.4)")
    page.listen(lambda: page.of("comm_close") and page.is_idle(busy))
    shown = [message["content"] for message in page.of("display_data")]
    assert [WIDGET in content["data"] for content in shown] == [True, False]
    assert "text/html" not in shown[0]["data"]
    opened = page.of("comm_open")
    assert {message["parent_header"].get("msg_id") for message in opened} == {None}
    assert {"kjnb-monitor", "kjnb-chart"} <= classes([*opened, *page.of("comm_msg")])
    widget, picture = (content["transient"]["display_id"] for content in shown)
    page.listen(lambda: any("7 of 8 done" in words for words in updates(page, picture)))
    assert updates(page, widget)[-1] == ""
    while_busy = [m for m in page.of("comm_msg") if m["content"]["data"].get("method") == "update"]
    assert len(while_busy) > 3
    redraws = [m for m in while_busy if m["content"]["data"]["state"].keys() & {"_py2js_update", "line", "groups"}]
    assert busiest_second([*redraws, *page.of("update_display_data")]) <= 20


def busiest_second(messages: list[dict]) -> int:
    """The most messages within a second, by the kernel's own clock."""
    times = sorted(message["header"]["date"].timestamp() for message in messages)
    return max(bisect.bisect_left(times, time + 1) - place for place, time in enumerate(times))


def test_a_run_that_is_over_needs_no_widget(page):
    page.heard.clear()
    asked = page.ask(CELL + "len(part)")
    page.listen(lambda: page.is_idle(asked))
    waited = page.ask("_kjob.wait(60)")
    page.listen(lambda: page.is_idle(waited))
    page.heard.clear()
    again = page.ask("%kjob watch")
    page.listen(lambda: page.is_idle(again) and page.of("display_data"))
    (only,) = page.of("display_data")
    assert WIDGET not in only["content"]["data"]
    assert "8 of 8 done" in only["content"]["data"]["text/plain"]


def classes(told: list[dict]) -> set[str]:
    """The classes that widgets were given."""
    states = [message["content"]["data"].get("state", {}) for message in told]
    return {name for state in states for name in state.get("_dom_classes", ())}


def updates(page: Page, display_id: str) -> list[str]:
    """The texts that a display was changed to."""
    found = [message["content"] for message in page.of("update_display_data")]
    return [content["data"]["text/plain"] for content in found if content["transient"]["display_id"] == display_id]
