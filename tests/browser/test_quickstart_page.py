"""The quickstart as a reader sees it: opened in JupyterLab, Run All from the menu."""

from __future__ import annotations

import pathlib
import shutil
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Lab
from tests.browser.pages import RUN, SHOTS, Notebook

QUICKSTART = pathlib.Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


@pytest.mark.timeout(200)
def test_the_quickstart_runs_in_the_page(lab: Lab, page: Page, foreign: list[str], notebook: Any) -> None:
    path = lab.root / QUICKSTART.name
    shutil.copy(QUICKSTART, path)
    book = Notebook(page, lab, path).open()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    cells = nbformat.read(QUICKSTART, as_version=4).cells
    code = [number for number, cell in enumerate(cells) if cell.cell_type == "code"]
    page.set_viewport_size({"width": 1280, "height": 14_000})  # all of it is on the page at once
    for number in code:
        expect(book.prompt(number)).to_have_text(RUN, timeout=150_000)
    expect(page.locator(".kjnb-monitor")).to_have_count(0)
    expect(page.locator(".kjnb-static svg").first).to_be_visible()
    expect(page.locator(".js-plotly-plot").last).to_be_visible()
    for number in code:
        book.cell(number).screenshot(path=SHOTS / f"quickstart-{number:02}.png")
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts() == []
    assert foreign == []
