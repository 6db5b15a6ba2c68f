"""The report of a run, opened with no network."""

from __future__ import annotations

import pathlib
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.pages import CHARTS_FIT, SHOTS

HOSTILE = "<img src=x onerror=window.hit=1>"
SETUP = f"""\
%load_ext kjnb
import kjnb, numpy as np, pandas as pd
names = np.array(["AA", "UA", "DL", {HOSTILE!r}])
df = pd.DataFrame({{"carrier": names[np.arange(800) % 4], "delay": np.arange(800.0)}})"""
CELL = """\
%%kjob df --by carrier --name told --out run
if part["carrier"].iloc[0].startswith("<"):
    raise ValueError(f"no carrier {part['carrier'].iloc[0]}")
part["delay"].mean()"""
WIDTHS = "() => Array.from(document.querySelectorAll('.js-plotly-plot')).map(p => p._fullLayout.width)"
LISTEN = f"() => addEventListener('beforeprint', () => {{ window.seen = ({WIDTHS})() }})"
NODES = "() => Array.from(document.querySelectorAll('.js-plotly-plot')).map(p => p.querySelectorAll('path').length)"


def test_a_report_shows_its_charts_with_no_network(
    notebook: Any, offline: Page, foreign: list[str], tmp_path: pathlib.Path
) -> None:
    page = tmp_path / "out.html"
    book = notebook(SETUP, CELL, f"kjnb.report(run, {str(page)!r})")
    book.run_to_end(0)
    book.run_to_end(1)
    expect(book.output(1).locator(".kjnb-static")).to_contain_text("3 of 4 done")
    book.run_to_end(2, within=90)
    expect(book.output(2)).to_contain_text("out.html")
    problems: list[str] = []
    offline.on("pageerror", lambda error: problems.append(str(error)))
    offline.goto(page.as_uri())
    expect(offline.locator(".js-plotly-plot").first).to_be_visible()
    drawn = offline.evaluate(NODES)
    assert len(drawn) >= 2, "the index map and the durations"
    assert min(drawn) > 0
    expect(offline.locator("body")).to_contain_text("no carrier <img src=x")
    expect(offline.locator("body")).to_contain_text("told")
    assert offline.evaluate("() => window.hit") is None
    assert (foreign, problems) == ([], [])
    for width in (800, 1600):
        offline.set_viewport_size({"width": width, "height": 1000})
        offline.wait_for_function(CHARTS_FIT)
        offline.wait_for_function("() => document.documentElement.scrollWidth <= window.innerWidth")
        offline.screenshot(path=SHOTS / f"report-{width}.png", full_page=True)
    offline.evaluate(LISTEN)
    paper = offline.pdf(path=SHOTS / "report.pdf", format="A4")
    assert paper.startswith(b"%PDF")
    assert offline.evaluate("() => window.seen") == [660, 660]
    offline.wait_for_function(CHARTS_FIT)
