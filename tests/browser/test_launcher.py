"""The launcher in JupyterLab: from choosing a frame to a finished run."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab
from tests.browser.pages import CHARTS_FIT, Notebook
from tests.browser.payloads import payloads
from tests.browser.test_hostile_text import harmless

SETUP = """\
%load_ext kjnb
import kjnb, numpy as np, pandas as pd
carriers = np.repeat(["AA", "UA", "DL", "B6", "OO"], [400, 300, 200, 90, 10])
flights = pd.DataFrame({"carrier": carriers, "delay": np.arange(1000.0)})

def late(part):
    return part["delay"].mean()"""
BARS = "() => document.querySelector('.kjnb-sizes .js-plotly-plot').data[0].y.length"


def place(book: Notebook, name: str) -> Any:
    return book.page.locator(f".kjnb-field-{name}")


def looks(book: Notebook, name: str) -> None:
    """Pictures to look at, narrow and wide."""
    for width in (1600, 800):
        book.page.set_viewport_size({"width": width, "height": 1500})
        book.cell(1).scroll_into_view_if_needed()
        book.page.wait_for_function(CHARTS_FIT)
        book.shot(f"launcher-{name}-{width}")


def fill(book: Notebook) -> None:
    """Choose the frame, the function, and a partition for each carrier."""
    place(book, "frame").locator("select").select_option("flights")
    place(book, "body").locator("select").select_option("late()")
    place(book, "how").locator("select").select_option("by column")
    place(book, "by").locator("select").select_option("carrier")
    expect(book.page.locator(".kjnb-plan")).to_contain_text("5 partitions by carrier")


@pytest.mark.timeout(200)
def test_from_choosing_a_frame_to_a_finished_run(notebook: Any, foreign: list[str]) -> None:
    book = notebook(SETUP, "kjnb.launcher()", "_kjob.result()")
    book.run_to_end(0)
    book.run_to_end(1)
    page = book.page
    page.set_viewport_size({"width": 1600, "height": 1500})
    expect(page.locator(".kjnb-launcher")).to_be_visible()
    expect(page.locator(".kjnb-launcher-static")).to_be_hidden()
    fill(book)
    page.wait_for_function(f"({BARS})() == 5")
    expect(page.locator(".kjnb-plan")).to_contain_text("the largest has 2.0 times the mean")
    expect(page.locator(".kjnb-code")).to_contain_text("%%kjob flights --by carrier")
    place(book, "cpu").locator("input").fill("a lot")
    expect(place(book, "cpu")).to_contain_text("cpu must be cores")
    page.locator(".kjnb-button-launch").click()
    expect(page.locator(".kjnb-outcome")).to_contain_text("not yet")
    looks(book, "wrong")
    place(book, "cpu").locator("input").fill("100m")
    expect(page.locator(".kjnb-code")).to_contain_text('kjnb.launch(late, flights, by="carrier", cpu="100m")')
    expect(place(book, "cpu")).not_to_contain_text("cpu must be cores")
    page.locator(".kjnb-launcher .jupyter-widget-Collapse-header").click()
    expect(page.get_by_text("backoffLimitPerIndex: 1")).to_be_visible()
    expect(page.locator(".kjnb-outcome")).not_to_contain_text("not yet")
    looks(book, "filled")
    page.locator(".kjnb-button-dry-run").click()
    expect(page.locator(".kjnb-outcome")).to_contain_text("local accepts the Job")
    page.locator(".kjnb-button-trial").click()
    expect(page.locator(".kjnb-outcome")).to_contain_text("5 indexes at parallelism")
    page.locator(".kjnb-button-launch").click()
    expect(page.locator(".kjnb-outcome")).to_contain_text(re.compile(r"late-\w{6} is in `_kjob`"))
    expect(book.output(1).locator(".kjnb-static")).to_contain_text("5 of 5 done")
    looks(book, "launched")
    book.run_to_end(2)
    expect(book.output(2)).to_contain_text("199.5")
    assert foreign == []


HOSTILE = f"""\
%load_ext kjnb
import kjnb, pandas as pd
evil = {payloads()!r}
frame = pd.DataFrame({{name: evil for name in evil}})
def late(part):
    raise ValueError(" ".join(evil))"""


def test_data_never_becomes_markup_in_a_dark_page(notebook: Any, lab: Lab) -> None:
    """Columns, keys, cells and errors that look like a page's code are shown as text."""
    lab.theme(dark=True)
    count = len(payloads())
    book = notebook(HOSTILE, "kjnb.launcher(frame)", f"{payloads()!r}, part", "del frame")
    page = book.page
    page.set_viewport_size({"width": 1600, "height": 1500})
    for number in range(3):
        book.run_to_end(number)
    body = place(book, "body").locator("select")
    expect(body.locator("option").nth(2)).to_contain_text("<script>")
    body.select_option(index=2)
    place(book, "how").locator("select").select_option("by column")
    place(book, "by").locator("select").select_option(index=[0, 12])
    expect(page.locator(".kjnb-plan")).to_contain_text(f"{count} partitions by <script>")
    expect(page.locator(".kjnb-code")).to_contain_text("<img src=x")
    page.wait_for_function(f"({BARS})() == {count}")
    for bar in page.locator(".kjnb-sizes .bars .point").all():
        bar.hover(force=True)
    expect(page.locator(".kjnb-sizes .hoverlayer")).to_contain_text(f"index {count - 1}")
    body.select_option("late()")
    expect(page.locator(".kjnb-code")).to_contain_text("late(part)")
    page.locator(".kjnb-button-trial").click()
    expect(page.locator(".kjnb-outcome")).to_contain_text("RunFailed")
    looks(book, "dark")
    book.run_to_end(3)
    expect(place(book, "frame")).to_contain_text("frame is not in this notebook any more: choose a frame")
    harmless(page)
