"""A run watched and steered from its view, in JupyterLab: look why something failed, pause, scale, retry, reload."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from kjnb.connect import Session
from tests.browser.lab import Lab
from tests.browser.pages import CHARTS_FIT, SHOTS, Notebook
from tests.browser.test_live_view import busy, opens_offline, pictures
from tests.gates import WAIT, Gates
from tests.waiting import eventually

SETUP = """\
%load_ext kjnb
import numpy as np, pandas as pd
df = pd.DataFrame({{"key": [f"AP{{i % 24:02}}" for i in range(2400)], "x": range(2400)}})
{gates}"""
FAILING = """\
print("index", index, "says \\x1b[31mred\\x1b[0m")
if index == 3 and not pathlib.Path(gates, "mended").exists():
    part["carier"]
part["x"].sum()"""
CELL = f"%%kjob df --by key --parallelism 2 --cpu 100m --name {{name}}\n{WAIT}{FAILING}"
PLACE = """([column, row]) => {
    const plot = document.querySelector('.kjnb-chart .js-plotly-plot'), l = plot._fullLayout;
    const box = plot.getBoundingClientRect();
    return [box.x + l.xaxis._offset + l.xaxis.d2p(column), box.y + l.yaxis._offset + l.yaxis.d2p(row)];
}"""
STATES = """() => Array.from(document.querySelector('.kjnb-chart .js-plotly-plot').data[0].z, code => code >> 4)"""
TIP = "() => [...document.querySelectorAll('.hoverlayer text')].map(one => one.textContent).join(' ')"
SUCCEEDED, FAILED = 4, 5


@pytest.fixture
def running(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Any:
    """How many pods of a run the cluster has running."""
    monkeypatch.setenv("KJNB_HOME", str(lab.home))

    def count(name: str) -> int:
        pods = Session().connect().list("pods", f"kjnb.dev/run={name}")["items"]
        live = [one for one in pods if one["status"].get("phase") == "Running"]
        return len([one for one in live if not one["metadata"].get("deletionTimestamp")])

    return count


def begin(notebook: Any, gates: Gates, name: str, *more: str) -> tuple[Notebook, Locator]:
    """A run of 24 indexes under the second cell of a notebook; also the place of its outputs."""
    book = notebook(SETUP.format(gates=gates.assignment), CELL.format(name=name), *more)
    book.run_to_end(0)
    book.run_to_end(1)
    return book, book.output(1)


def line(shown: Locator) -> Any:
    return expect(shown.locator(".kjnb-line"))


def click_cell(page: Page, column: int, row: int = 0) -> None:
    """Click on the map."""
    page.wait_for_function(CHARTS_FIT)
    page.mouse.click(*page.evaluate(PLACE, [column, row]))


def looks(book: Notebook, name: str) -> None:
    """Pictures to look at, narrow and wide; nothing in the view is wider than its cell."""
    for width in (1600, 800):
        book.page.set_viewport_size({"width": width, "height": 1100})
        book.cell(1).scroll_into_view_if_needed()
        book.page.wait_for_function(CHARTS_FIT)
        assert book.page.evaluate(OVERHANG) == []
        book.page.screenshot(path=SHOTS / f"{name}-{width}.png", animations="disabled")
    book.page.set_viewport_size({"width": 1600, "height": 1100})
    book.page.wait_for_function(CHARTS_FIT)


# what stands beyond the right edge of the view and could not be scrolled to
OVERHANG = """() => {
    const edge = document.querySelector('.kjnb-monitor').getBoundingClientRect().right + 1;
    return [...document.querySelectorAll('.kjnb-top *, .kjnb-failures *')]
        .filter(one => one.offsetParent && !one.closest('pre, .kjnb-rows') && one.getBoundingClientRect().right > edge)
        .map(one => one.className);
}"""


@pytest.mark.timeout(240)
def test_a_run_is_steered_from_its_view(
    notebook: Any, lab: Lab, gates: Gates, running: Any, offline: Page, foreign: list[str]
) -> None:
    book, shown = begin(notebook, gates, "steered")
    line(shown).to_contain_text("0 of 24 done")
    eventually(lambda: running("steered") == 2)
    looks(book, "steer-begin")
    gates.open(*range(5))
    line(shown).to_contain_text("4 of 24 done, 2 running, 1 failed (KeyError)")
    book.page.wait_for_function(f"{STATES.replace('() =>', '() => (')})[3] === {FAILED}")

    book.page.mouse.move(*book.page.evaluate(PLACE, [3, 0]))
    eventually(lambda: "index 3 · AP03 · failed" in book.page.evaluate(TIP))
    click_cell(book.page, 3)
    detail = shown.locator(".kjnb-detail")
    expect(detail).to_contain_text("index 3 · AP03 · failed")
    expect(detail.locator(".kjnb-traceback")).to_contain_text('part["carier"]')
    expect(detail.locator(".kjnb-log")).to_contain_text("index 3 says red")
    shown.locator(".kjnb-group").click()
    expect(shown.locator("td.kjnb-of-last")).to_have_text("KeyError: 'carier'")
    looks(book, "steer-failed")
    detail.locator(".kjnb-close").click()
    expect(detail).to_be_hidden()

    shown.locator(".kjnb-do-suspend").click()
    expect(shown.locator(".kjnb-ask")).to_contain_text("2 running indexes start again from zero")
    assert running("steered") == 2
    looks(book, "steer-asks")
    shown.locator(".kjnb-yes").click()
    line(shown).to_contain_text("suspended")
    eventually(lambda: running("steered") == 0)
    expect(shown.locator(".kjnb-do-resume")).to_be_visible()
    looks(book, "steer-paused")
    shown.locator(".kjnb-do-resume").click()
    eventually(lambda: running("steered") == 2)
    line(shown).to_contain_text("2 running")

    shown.locator(".kjnb-scale input").fill("3")
    line(shown).to_contain_text("3 running")
    eventually(lambda: running("steered") == 3)

    gates.open("mended")
    shown.locator(".kjnb-do-retry").click()
    line(shown).to_contain_text("5 of 24 done")
    expect(shown.locator(".kjnb-line")).not_to_contain_text("failed")
    book.page.wait_for_function(f"{STATES.replace('() =>', '() => (')})[3] === {SUCCEEDED}")

    book.save()
    book.page.reload()
    line(shown).to_contain_text("5 of 24 done")
    book.page.wait_for_function("() => document.querySelector('.kjnb-chart .js-plotly-plot')?.data")
    assert book.page.evaluate(STATES)[:5] == [SUCCEEDED] * 5
    gates.open(*range(12))
    line(shown).to_contain_text("12 of 24 done")
    gates.open()
    line(shown).to_contain_text("24 of 24 done")
    looks(book, "steer-reloaded")

    book.page.goto("about:blank")
    lab.end_kernels()
    book.open()
    static = shown.locator(".kjnb-static")
    expect(static).to_contain_text("%kjob watch steered")
    expect(static.locator("svg")).to_be_visible()
    book.cell(0).locator(".cm-content").first.click()
    again = Notebook(book.page, lab, lab.write("again.ipynb", "%load_ext kjnb", "%kjob watch steered")).open()
    again.run_to_end(0)
    again.run_to_end(1)
    expect(again.output(1).locator(".kjnb-static")).to_contain_text("24 of 24 done")
    assert len(pictures(again.save(), 1)) == 1
    opens_offline(again.path, offline, foreign)


def test_the_buttons_work_while_another_cell_computes(
    notebook: Any, lab: Lab, gates: Gates, tmp_path: pathlib.Path
) -> None:
    computing = Gates(tmp_path / "busy")
    lab.theme(dark=True)
    book, shown = begin(notebook, gates, "beside", busy(computing))
    gates.open(*range(4))
    line(shown).to_contain_text("3 of 24 done")
    book.run(2)
    book.running(2)
    shown.locator(".kjnb-group").click()
    shown.locator(".kjnb-index").click()
    expect(shown.locator(".kjnb-log")).to_contain_text("index 3 says red")
    looks(book, "steer-dark")
    shown.locator(".kjnb-do-suspend").click()
    shown.locator(".kjnb-yes").click()
    line(shown).to_contain_text("suspended")
    shown.locator(".kjnb-do-stop").click()
    shown.locator(".kjnb-no").click()
    expect(shown.locator(".kjnb-ask")).to_be_hidden()
    shown.locator(".kjnb-do-stop").click()
    shown.locator(".kjnb-yes").click()
    line(shown).to_contain_text("stopped")
    assert book.prompt(2).text_content() == "[*]:"
    expect(shown.locator(".kjnb-do-stop")).to_have_attribute("aria-disabled", "true")
    shown.locator(".kjnb-do-stop").click(force=True)
    expect(shown.locator(".kjnb-top > .kjnb-answer")).to_have_text("Stop: the run is over")
    computing.open()
    book.idle(2)
