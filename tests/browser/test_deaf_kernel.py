"""A kernel that hears no page while it computes, as those without subshells: its buttons say so at once."""

from __future__ import annotations

import json
import pathlib
import re
import sys
from typing import Any

from playwright.sync_api import expect

from tests.browser.lab import Lab
from tests.browser.pages import CHARTS_FIT, Notebook
from tests.browser.test_live_view import busy
from tests.browser.test_steering import SETUP, line
from tests.gates import WAIT, Gates

DEAF = """\
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import launch_new_instance

class Deaf(IPythonKernel):
    supports_subshells = _supports_kernel_subshells = False

    @property
    def kernel_info(self):
        told = super().kernel_info
        return {**told, "supported_features": [f for f in told.get("supported_features", []) if "subshell" not in f]}

launch_new_instance(kernel_class=Deaf)
"""


def deaf(lab: Lab, tmp_path: pathlib.Path) -> None:
    """Another kernel beside the server's own, by the name of "deaf"."""
    program = tmp_path / "deaf.py"
    program.write_text(DEAF)
    spec = lab.folder / "data" / "kernels" / "deaf"
    spec.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-Xfrozen_modules=off", str(program), "-f", "{connection_file}"]
    spec.joinpath("kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Deaf", "language": "python"}))


def test_a_busy_kernel_is_said_to_be_busy_with_the_line_to_type(
    lab: Lab, page: Any, notebook: Any, tmp_path: pathlib.Path
) -> None:
    deaf(lab, tmp_path)
    gates, computing = Gates(tmp_path / "gates"), Gates(tmp_path / "busy")
    cell = f"%%kjob df --by key --parallelism 2 --cpu 100m --name deaf\n{WAIT}part['x'].sum()"
    path = lab.write("deaf.ipynb", SETUP.format(gates=gates.assignment), cell, busy(computing))
    made = json.loads(path.read_text())
    made["metadata"]["kernelspec"] = {"name": "deaf", "display_name": "Deaf", "language": "python"}
    path.write_text(json.dumps(made))
    book = Notebook(page, lab, path).open()
    book.run_to_end(0)
    book.run_to_end(1)
    shown = book.output(1)
    line(shown).to_contain_text("0 of 24 done")
    book.run(2)
    book.running(2)
    expect(shown.locator(".kjnb-top")).to_have_class(re.compile(r"\bkjnb-busy\b"))
    shown.locator(".kjnb-do-stop").click()
    shown.locator(".kjnb-yes").click()
    expect(shown.locator(".kjnb-top > .kjnb-answer")).to_have_text(
        "The kernel is busy with a cell and cannot answer. In a terminal: kjnb stop deaf"
    )
    gates.open(*range(4))
    line(shown).to_contain_text("4 of 24 done")
    page.wait_for_function(CHARTS_FIT)
    book.shot("deaf-1600")
    computing.open()
    book.idle(2)
    shown.locator(".kjnb-do-stop").click()
    shown.locator(".kjnb-yes").click()
    expect(shown.locator(".kjnb-static")).to_contain_text("stopped")
    gates.open()
