"""What stands under a `%%kjob` cell in JupyterLab: live while other cells run, and a picture that stays."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests import homes
from tests.browser.lab import Lab
from tests.browser.pages import CHARTS_FIT, SHOTS, Notebook
from tests.gates import WAIT, Gates

WIDGET = "application/vnd.jupyter.widget-view+json"
SETUP = """\
%load_ext kjnb
import numpy as np, pandas as pd
df = pd.DataFrame({{"x": np.arange(2400)}})
{gates}"""
FAILS_AT_3 = """\
if index == 3:
    part["carier"]
"""
DONE = re.compile(r"(\d+) of 24 done")
MAP = "() => Array.from(document.querySelector('.kjnb-chart .js-plotly-plot').data[0].z)"


def cell(name: str, *, extra: str = "", flags: str = "") -> str:
    return f"%%kjob df --partitions 24 --parallelism 2 --name {name} {flags}\n{WAIT}{extra}part['x'].sum()"


@pytest.fixture
def gate_of_busy(tmp_path: pathlib.Path) -> Iterator[Gates]:
    made = Gates(tmp_path / "busy")
    yield made
    made.open()


def busy(gates: Gates) -> str:
    """A cell that computes until its gate is open."""
    return (
        f"import pathlib, time\nwhile not pathlib.Path({str(gates.folder / 'all')!r}).exists():\n    time.sleep(0.01)"
    )


def bundles(saved: Any, number: int) -> list[dict[str, Any]]:
    return [dict(o["data"]) for o in saved.cells[number].outputs if o.output_type in ("display_data", "execute_result")]


def pictures(saved: Any, number: int) -> list[str]:
    """The static outputs of a saved cell; none of them shares its bundle with a widget."""
    shown = bundles(saved, number)
    assert [b for b in shown if WIDGET in b and "text/html" in b] == []
    return [b["text/html"] for b in shown if "kjnb-static" in b.get("text/html", "")]


def done(book: Notebook, number: int) -> Any:
    return expect(book.output(number).locator(".kjnb-line"))


def test_the_view_moves_while_another_cell_runs_then_leaves_its_picture(
    notebook: Any, gates: Gates, gate_of_busy: Gates, foreign: list[str], offline: Page
) -> None:
    book = notebook(SETUP.format(gates=gates.assignment), cell("moving"), busy(gate_of_busy))
    book.run_to_end(0)
    book.run_to_end(1)
    chart = book.output(1).locator(".kjnb-chart .js-plotly-plot")
    expect(chart).to_be_visible()
    done(book, 1).to_contain_text("0 of 24 done")
    book.run(2)
    book.running(2)
    before = book.page.evaluate(MAP)
    gates.open(*range(12))
    done(book, 1).to_contain_text("12 of 24 done")
    assert book.page.evaluate(MAP) != before
    expect(book.output(1).locator(".kjnb-static")).to_contain_text("12 of 24 done")
    assert book.prompt(2).text_content() == "[*]:"
    pictures_at_half = pictures(book.save(), 1)
    assert [DONE.search(p)[1] for p in pictures_at_half] == ["12"]
    assert re.search(r"as of \d\d:\d\d", pictures_at_half[0])
    assert "%kjob watch moving" in pictures_at_half[0]
    looks(book, "half")
    gates.open()
    expect(book.output(1).locator(".kjnb-static")).to_contain_text("24 of 24 done")
    expect(book.page.locator(".kjnb-monitor")).to_have_count(0)
    assert book.prompt(2).text_content() == "[*]:"  # all of it happened while that cell ran
    gate_of_busy.open()
    book.idle(2)
    expect(book.output(1).locator(".kjnb-static svg")).to_be_visible()
    looks(book, "end")
    saved = book.save()
    assert [DONE.search(p)[1] for p in pictures(saved, 1)] == ["24"]
    assert [b for b in bundles(saved, 1) if WIDGET in b] == []
    assert foreign == []
    opens_offline(book.path, offline, foreign)


def looks(book: Notebook, name: str) -> None:
    """Pictures to look at, narrow and wide; the charts in them are as wide as their cell."""
    for width in (1600, 800):
        book.page.set_viewport_size({"width": width, "height": 1000})
        book.cell(1).scroll_into_view_if_needed()
        book.page.wait_for_function(CHARTS_FIT)
        book.shot(f"view-{name}-{width}")


def opens_offline(path: pathlib.Path, offline: Page, foreign: list[str]) -> None:
    """Made into a page by nbconvert, the picture is visible with no network."""
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=homes.environment(path.parent))
    offline.goto(path.with_suffix(".html").as_uri())
    picture = offline.locator(".kjnb-static svg")
    expect(picture).to_be_visible()
    assert picture.bounding_box()["width"] > 400
    expect(offline.locator(".kjnb-static")).to_contain_text("24 of 24 done")
    offline.screenshot(path=SHOTS / "nbconvert.png", full_page=True)


def test_a_failure_is_told_while_the_run_goes_on(notebook: Any, gates: Gates) -> None:
    book = notebook(SETUP.format(gates=gates.assignment), cell("failing", extra=FAILS_AT_3))
    book.run_to_end(0)
    book.run_to_end(1)
    done(book, 1).to_contain_text("0 of 24 done")
    gates.open(*range(5))
    told = book.output(1).locator(".kjnb-failures")
    expect(told).to_contain_text("KeyError")
    expect(told).to_contain_text("carier")
    expect(told).to_contain_text('part["carier"]')  # the cell's own line, from the traceback
    done(book, 1).to_contain_text("4 of 24 done")
    done(book, 1).to_contain_text("1 failed")
    looks(book, "failing")
    gates.open()
    static = book.output(1).locator(".kjnb-static")
    expect(static).to_contain_text("23 of 24 done")
    expect(static).to_contain_text('part["carier"]')
    expect(book.page.locator(".kjnb-monitor")).to_have_count(0)
    looks(book, "failed")


def test_a_saved_notebook_shows_its_pictures_without_its_kernel(notebook: Any, lab: Lab, gates: Gates) -> None:
    """Saved in the middle of a run, opened again when its kernel is gone: the picture of that moment stands there."""
    gates.open(*range(6))
    book = notebook(SETUP.format(gates=gates.assignment), cell("half-way"))
    book.run_to_end(0)
    book.run_to_end(1)
    done(book, 1).to_contain_text("6 of 24 done")
    expect(book.output(1).locator(".kjnb-static")).to_contain_text("6 of 24 done")
    book.save()
    lab.theme(dark=True)
    book.page.goto("about:blank")
    lab.end_kernels()
    book.open()
    static = book.output(1).locator(".kjnb-static")
    expect(static.locator("svg")).to_be_visible()
    expect(static).to_contain_text("6 of 24 done")
    expect(static).to_contain_text("%kjob watch half-way")
    for complaint in ("Loading widget", "Error displaying widget"):
        expect(book.output(1).get_by_text(complaint)).to_be_hidden()
    looks(book, "reopened-dark")
    gates.open()


UNSAFE = """\
%load_ext kjnb
import pandas as pd
df = pd.DataFrame({"x": range(24)})"""


def test_a_notebook_from_elsewhere_shows_its_numbers(notebook: Any, lab: Lab) -> None:
    """JupyterLab cuts pictures out of notebooks it does not trust: the words stay, and nothing is broken."""
    book = notebook(UNSAFE, "%%kjob df --partitions 24 --name elsewhere\npart['x'].sum()")
    book.run_to_end(0)
    book.run_to_end(1)
    expect(book.output(1).locator(".kjnb-static")).to_contain_text("24 of 24 done")
    saved = book.save()
    saved.cells.append(nbformat.v4.new_markdown_cell("changed by another program", id="other"))
    received = Notebook(book.page, lab, lab.root / "received.ipynb")
    nbformat.write(saved, received.path)
    received.open()
    expect(received.output(1)).to_contain_text("24 of 24 done")
    expect(received.output(1)).to_contain_text("24 succeeded")
    assert received.output(1).inner_text().count("24 of 24 done") == 1
    received.shot("untrusted-1600")


def test_the_view_in_a_dark_page(notebook: Any, lab: Lab, gates: Gates) -> None:
    gates.open(*range(9))
    book = notebook(SETUP.format(gates=gates.assignment), cell("dark", extra=FAILS_AT_3))
    lab.theme(dark=True)
    book.page.reload()
    book.open()
    book.run_to_end(0)
    book.run_to_end(1)
    done(book, 1).to_contain_text("8 of 24 done")
    expect(book.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    looks(book, "dark")
    colours = book.page.evaluate(
        "() => [document.querySelector('.kjnb-chart .main-svg').style.background, "
        "getComputedStyle(document.querySelector('.kjnb-line')).color]"
    )
    assert "255, 255, 255" not in colours[0]
    gates.open()
    expect(book.page.locator(".kjnb-monitor")).to_have_count(0)
