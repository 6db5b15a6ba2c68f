"""The same cell in Notebook 7: its view fills, a button steers the run, and the saved page keeps the picture."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Lab
from tests.browser.pages import CHARTS_FIT, Notebook
from tests.browser.test_live_view import SETUP, cell, done, pictures
from tests.gates import Gates

pytest.importorskip("notebook", reason="Notebook 7 is not installed")


def test_a_run_is_seen_and_steered_in_notebook_7(
    lab: Lab,
    page: Page,
    gates: Gates,
    foreign: list[str],
) -> None:
    path = lab.write("seven.ipynb", SETUP.format(gates=gates.assignment), cell("seven", flags="--cpu 100m"))
    book = Notebook(page, lab, path, door="notebooks").open()
    assert "/notebooks/" in page.url
    book.run_to_end(0)
    book.run_to_end(1)
    gates.open(0, 1, 2)
    done(book, 1).to_contain_text("3 of 24 done")
    page.wait_for_function(CHARTS_FIT)
    book.shot("notebook-7-1600")
    book.shot("notebook-7-800", width=800)
    view = book.output(1).locator(".kjnb-monitor")
    view.get_by_role("button", name="Pause").click()
    view.get_by_role("button", name="Yes, pause").click()
    expect(view.get_by_role("button", name="Resume")).to_be_visible()
    view.get_by_role("button", name="Resume").click()
    gates.open()
    expect(book.output(1).locator(".kjnb-static")).to_contain_text("24 of 24 done")
    (picture,) = pictures(book.save(), 1)
    assert "24 of 24 done" in picture
    assert foreign == []
    lab.end_kernels()
