"""The launcher: its cell and its call are the same run, it looks at whatever the form says, it lives in a kernel."""

from __future__ import annotations

import html
from typing import Any

import pandas as pd
import pytest

import kjnb
from kjnb.connect import SESSION
from kjnb.errors import DataError, UsageError
from kjnb.jupyter import launcher
from kjnb.model import form as forms
from kjnb.model.form import Body, Form
from kjnb.task import notebook
from tests.jupyter.test_monitor import Page, classes, page

__all__ = ["page"]

SETUP = """\
import kjnb
def late(part, index, limit=2):
    return int((part["delay"] > limit).sum()) + index
def grow(*, part):
    return len(part)
offset = 3
_hidden = late
two, partial = (lambda a, b: a), print"""
PLAIN = "total = part['delay'].sum()\ntotal + offset"
MAGIC = "%%kjob flights --dry-run\n\npart['delay'].max() + offset\n\n"


@pytest.fixture
def said(shell: Any) -> Any:
    """The shell after some cells; what a function of it is called is the module's name, as in a notebook."""
    for cell in (SETUP, PLAIN, MAGIC, "x = (", "print(1)", "part = 5\npart"):
        shell.run_cell(cell, store_history=True)
    return shell


def body(shell: Any, label: str) -> Body:
    return next(one for one in notebook.bodies(shell.user_ns) if one.label.startswith(label))


def test_what_is_offered(said):
    offered = [(one.label, one.source, one.python) for one in notebook.bodies(said.user_ns)]
    assert offered == [
        ("grow()", "grow(part=part)", "grow"),
        ("late()", "late(part, index=index)", "late"),
        ("In[3]: part['delay'].max() + offset", "part['delay'].max() + offset", repr("part['delay'].max() + offset")),
        ("In[2]: total + offset", PLAIN, "In[2]"),
    ]
    assert notebook.frames(said.user_ns | {"_f": said.user_ns["flights"]}) == ["flights", "part"][:1]


def test_a_long_history_is_cut():
    history = ["", *(f"part + {number}" for number in range(100)), "part + 7", "x" * 80 + " = part"]
    told = list(notebook.cells(history))
    assert len(told) == notebook.MOST_CELLS
    assert told[0].label.endswith("x…")
    assert [one.source for one in told].count("part + 7") == 1


FORMS = [
    ("late()", {"how": "count", "partitions": "3"}),
    ("grow()", {"how": "by", "by": ("carrier",), "partitions": "2", "settings": {"env": "A=1\nB=x y", "cpu": "100m"}}),
    ("In[2]", {"how": "rows", "rows": "3", "namespace": "default", "context": "local"}),
    ("In[3]", {"settings": {"timeout": "10m", "seed": "7", "retry_on": "KeyError,OSError"}}),
    ("In[2]", {"how": "by", "by": ("carrier", 7), "name": "launched"}),
]


@pytest.mark.parametrize(("label", "fields"), FORMS)
def test_the_cell_and_the_call_are_the_same_run(said, label, fields):
    said.user_ns["flights"][7] = 1
    form = Form("flights", body(said, label), **fields)
    assert forms.problems(form, {}) == {}
    said.run_cell(forms.cell(form)).raise_error()
    one = said.user_ns["_kjob"]
    one.wait(60)
    said.run_cell(f"again = {forms.call(form)}").raise_error()
    other = said.user_ns["again"]
    assert other.facts["fingerprint"] == one.facts["fingerprint"]
    assert other.name == one.name
    assert any(note.startswith("attached to") for note in other.notes)


def test_a_cell_that_only_calls_a_function_is_the_function(said):
    said.run_cell("%%kjob flights --partitions 2\nlate( part,index = index )  # as a launch does").raise_error()
    assert said.user_ns["_kjob"].name.startswith("late-")
    said.run_cell("%%kjob flights --partitions 2\nlate(part, index)").raise_error()
    assert said.user_ns["_kjob"].name.startswith("flights-")


def test_a_cells_text_takes_no_args(said):
    with pytest.raises(UsageError, match="args are a function's"):
        kjnb.launch("len(part)", said.user_ns["flights"], partitions=2, args={"a": 1})


def look(shell: Any, **fields: Any) -> launcher.Seen:
    return launcher.look(Form(**fields), shell.user_ns, SESSION)


def test_a_look_shows_plan_advice_and_yaml(said):
    seen = look(said, frame="flights", body=body(said, "late"), how="by", by=("carrier",), settings={"cpu": "900"})
    assert seen.wrong == {}
    assert len(seen.parts) == 4
    assert "no pod can start" in str(seen.preview.advice[0])
    assert "name: late-xxxxxx" in seen.preview.yaml
    assert "backoffLimitPerIndex: 1" in seen.preview.yaml
    assert "kjnb.dev/launch" not in seen.preview.yaml
    assert "1 at a time, each 900 CPU" in seen.preview.chosen


def test_a_look_leaves_out_what_cannot_be_read(said):
    seen = look(said, frame="flights", settings={"cpu": "a lot"})
    assert set(seen.wrong) == {"body", "cpu"}
    assert len(seen.parts) > 1


def test_a_frame_that_is_gone_is_a_line(said):
    seen = look(said, frame="fleet", body=body(said, "late"))
    assert seen.wrong == {"frame": "fleet is not in this notebook any more: choose a frame"}
    assert seen.parts is None


def test_a_body_that_cannot_run_is_a_line(said):
    seen = look(said, frame="flights", body=Body("", "part + ofset", ""))
    assert "line 1: the name 'ofset' is defined neither here nor in the notebook" in seen.wrong["body"]
    assert seen.parts is not None


def test_an_anonymous_frame_has_no_lines(said):
    with pytest.raises(DataError, match="no name here"):
        kjnb.launcher(pd.DataFrame({"x": [1]}))


@pytest.mark.parametrize("line", ["%kjob launcher", "%kjob launcher flights[flights.carrier == 'A']"])
def test_without_a_page_it_says_what_to_type(said, capsys, line):
    said.run_cell(line).raise_error()
    told = capsys.readouterr().out
    assert "%%kjob FRAME --partitions 8" in told or "%%kjob flights[flights.carrier == 'A'] --partitions 8" in told


def test_it_lives_in_a_kernel(page: Page) -> None:
    """Form, plan and cell come to the page; a frame that goes away is a line; the button's run is in the notebook."""
    page.heard.clear()
    first = page.ask(KERNEL)
    page.listen(lambda: page.is_idle(first) and "8 partitions" in told(page))
    assert {"kjnb-launcher", "kjnb-button-launch", "kjnb-field-cpu", "kjnb-plan"} <= classes(
        page.of("comm_open") + page.of("comm_msg")
    )
    assert "kjnb.launch(size, frame, partitions=8)" in told(page)
    assert "backoffLimitPerIndex: 1" in told(page)
    shown = [message["content"]["data"] for message in page.of("display_data")]
    assert ["text/html" in data for data in shown] == [False, True]
    launched = page.ask("form.fields.buttons['launch'].click()")
    page.listen(lambda: page.is_idle(launched) and "is in `_kjob`" in told(page))
    waited = page.ask("print('sizes', _kjob.result().tolist())")
    page.listen(lambda: page.is_idle(waited))
    assert any("sizes [1, 1, 1, 1, 1, 1, 1, 1]" in message["content"].get("text", "") for message in page.of("stream"))
    gone = page.ask("kept = frame\ndel frame")
    page.listen(lambda: page.is_idle(gone) and "frame is not in this notebook any more" in told(page))
    back = page.ask("frame = kept\nform.close()")
    page.listen(lambda: page.is_idle(back))


KERNEL = """\
import kjnb
def size(part):
    return len(part)
form = kjnb.launcher(frame)
tasks = form.fields.inputs["body"]
tasks.value = next(one for _, one in tasks.options if one and one.label == "size()")
form.fields.inputs["how"].value = "count"
form.fields.inputs["partitions"].value = "8"
"""


def told(page: Page) -> str:
    """What the widgets were made to say, all of it."""
    states = [message["content"]["data"].get("state", {}) for message in page.of("comm_msg") + page.of("comm_open")]
    return html.unescape("\n".join(str(state.get("value", "")) for state in states))
