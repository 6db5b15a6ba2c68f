"""A notebook as a person has it before them: cells clicked and run with the keyboard, and what stands under them."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab
from tests.waiting import eventually

RUN = re.compile(r"^\[\d+\]:$")
CHARTS_FIT = """() => Array.from(document.querySelectorAll('.js-plotly-plot')).every(
    plot => plot._fullLayout && Math.abs(plot._fullLayout.width - plot.clientWidth) <= 1 && plot.clientWidth > 100)"""
SHOTS = pathlib.Path(__file__).parents[2] / "artifacts"


class Notebook:
    """One notebook open in one page; `door` is the front end's: JupyterLab's, or Notebook 7's, "notebooks"."""

    def __init__(self, page: Page, lab: Lab, path: pathlib.Path, door: str = "doc/tree") -> None:
        self.page, self.lab, self.path, self.door = page, lab, path, door

    def open(self) -> Notebook:
        """Load the page and wait until its kernel is ready."""
        self.page.goto(f"{self.lab.url}{self.door}/{self.path.name}?token={self.lab.token}&reset")
        expect(self.cell(0)).to_be_visible(timeout=60_000)
        expect(
            self.page.locator(".jp-Notebook-cell:focus")
        ).to_be_visible()  # JupyterLab takes the focus once, when it is ready
        eventually(self._is_connected)
        expect(self.page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle")
        return self

    def _is_connected(self) -> bool:
        mine = [s for s in self.lab.request("GET", "api/sessions") if s["path"] == self.path.name]
        return any(s["kernel"]["connections"] > 0 for s in mine)

    def cell(self, number: int) -> Locator:
        """The cell of this number, from 0."""
        return self.page.locator(".jp-Notebook .jp-Notebook-cell").nth(number)

    def output(self, number: int) -> Locator:
        """Everything under a cell."""
        return self.cell(number).locator(".jp-Cell-outputArea")

    def run(self, number: int) -> None:
        """Click into the cell and run it; this does not wait for its end."""
        self.cell(number).locator(".jp-InputArea-editor .cm-content").first.click()
        self.page.keyboard.press("Control+Enter")

    def running(self, number: int) -> None:
        """Wait until the page shows the cell as running or queued."""
        expect(self.prompt(number)).to_have_text("[*]:")

    def idle(self, number: int, within: float = 60.0) -> None:
        """Wait until the cell has its number: it is over, well or not."""
        expect(self.prompt(number)).to_have_text(RUN, timeout=within * 1000)

    def run_to_end(self, number: int, within: float = 60.0) -> None:
        """Run a cell and wait until it is over."""
        self.run(number)
        self.idle(number, within)

    def prompt(self, number: int) -> Locator:
        """The cell's [n]: on the left."""
        return self.cell(number).locator(".jp-InputPrompt").first

    def save(self) -> Any:
        """Save with the keyboard; the notebook as it then stands on the disk."""
        before = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        eventually(lambda: self.path.stat().st_mtime_ns != before)
        return eventually(self._read)

    def _read(self) -> Any:
        try:
            return nbformat.read(self.path, as_version=4)
        except (ValueError, nbformat.reader.NotJSONError):
            return None  # being written

    def shot(self, name: str, *, width: int | None = None) -> pathlib.Path:
        """A picture in artifacts/, at another width of the window if asked."""
        SHOTS.mkdir(exist_ok=True)
        file = SHOTS / f"{name}.png"
        if width:
            self.page.set_viewport_size({"width": width, "height": 1000})
        self.page.screenshot(path=file, animations="disabled")
        return file
