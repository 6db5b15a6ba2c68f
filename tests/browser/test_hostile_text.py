"""Text from data, logs, errors and names is text, whatever it says: live, static, in a report, in an exported page."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import homes
from tests.browser.pages import CHARTS_FIT, Notebook
from tests.browser.payloads import payloads
from tests.waiting import eventually

SETUP = f"""\
%load_ext kjnb
import kjnb, pandas as pd
evil = {payloads()!r}
df = pd.DataFrame({{"key": evil, "x": range(len(evil))}}).rename(columns={{"x": evil[0] + evil[12]}})"""
CELL = """\
%%kjob df --by key --name hostile --cpu 100m --backoff-limit-per-index 0 --out run
print(part.key.iloc[0])
print(part.columns[1])
if part.columns[1].startswith("<"):
    raise ValueError(part.key.iloc[0])
len(part)"""
# a run of which every text is hostile, also those that no cluster would give: its name, nodes, pods, reasons
FACTS = """\
from kjnb.jupyter.live import LiveView
from kjnb.model.state import AttemptSeen, JobSeen, PodSeen, RunState, reduce
from kjnb.run.peek import Peek
from kjnb.view import chart, text
from kjnb.view.timeline import timeline
from IPython.display import HTML, display
start, name = 1_700_000_000.0, " ".join(evil)
facts = [JobSeen(name, "u", rv=1, started=start, failed=f"0-{len(evil) - 1}", parallelism=9)]
for i, one in enumerate(evil):
    facts.append(PodSeen(name, f"u{i}", one, i, "Failed", reason=one, message=one, exit_code=1, created=start + i,
                         started=start + i, finished=start + i + 1, node=one, rv=2))
    facts.append(AttemptSeen(i, f"u{i}", "failed", start + i, start + i + 1, error_type=one, group=one, message=one,
                             traceback=f"Traceback\\n{one}", pod=one, node=one) if i % 2 else facts[0])
state = reduce(RunState.new(name, len(evil), {name: None}), facts)
line = timeline(state, start + 99)
view = LiveView(state, line, evil)
view.open(evil[1])
view.answer(name)
view.draw(state, line, name, name)
view.look(state, start + 99, Peek(1, 0, 1, f"in a log: {name}".encode(), name, name))
display(view.bundle(), raw=True)
display(HTML(text.html(state, line, name, evil)))
display(chart.figure(state, line, evil))"""
# elements that only a payload that was taken for markup can have made
MADE = """() => [...document.querySelectorAll('.jp-OutputArea-output')].flatMap(output =>
    [...output.querySelectorAll('script, iframe, object, embed, video, audio, marquee, details[open], math, link, '
        + 'img[src="x"], [href^="javascript:"], [onerror], [onload], [onfocus], [onbegin]')]
        .map(one => one.outerHTML.slice(0, 200)))"""
CELLS = """plot => {
    const l = plot._fullLayout, box = plot.getBoundingClientRect();
    return Array.from(plot.data[0].x, (x, i) => [box.x + l.xaxis._offset + l.xaxis.d2p(x),
        box.y + l.yaxis._offset + l.yaxis.d2p(plot.data[0].y[i])]);
}"""


def harmless(page: Page) -> None:
    """Nothing of the payloads ran, and none of them is an element of the page."""
    assert page.evaluate("() => window.hit") is None
    assert page.evaluate(MADE) == []


@pytest.mark.timeout(240)
def test_no_text_is_taken_for_code(notebook: Any, offline: Page, foreign: list[str], tmp_path: pathlib.Path) -> None:
    report = tmp_path / "report.html"
    cells = (CELL, FACTS, "%kjob watch hostile", "%kjob failures hostile", f"kjnb.report(run, {str(report)!r})")
    book = notebook(SETUP, *cells)
    opened: list[str] = []
    book.page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    count = len(payloads())
    book.run_to_end(0)
    book.run_to_end(1)
    expect(book.output(1).locator(".kjnb-static")).to_contain_text(f"0 of {count} done, {count} failed")
    book.run_to_end(2)
    shown = book.output(2)
    expect(shown.locator(".kjnb-log")).to_contain_text("<script>window.hit=1</script>")
    expect(shown.locator(".kjnb-line")).to_contain_text("<script>window.hit=1</script>")
    expect(shown.locator("td.kjnb-of-last")).to_contain_text("<SCRIPT>window.hit=2</SCRIPT>")
    point_at_all(book)
    harmless(book.page)
    for number in (3, 4):
        book.run_to_end(number)
    look_inside(book)
    harmless(book.page)
    book.shot("hostile-1600")
    book.run_to_end(5, within=120)
    book.save()
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(book.path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=homes.environment(book.path.parent))
    for page in (report, book.path.with_suffix(".html")):
        offline.goto(page.as_uri())
        expect(offline.locator("body")).to_contain_text("<script>window.hit=1</script>")
        assert offline.evaluate("() => window.hit") is None
    assert opened == []


def point_at_all(book: Notebook) -> None:
    """Move the mouse over every cell of the map: what it says is text, too."""
    plot = book.output(2).locator(".kjnb-chart .js-plotly-plot")
    plot.scroll_into_view_if_needed()
    book.page.wait_for_function(CHARTS_FIT)
    for x, y in plot.evaluate(CELLS)[::3]:
        book.page.mouse.move(x, y)
    tips = "() => [...document.querySelectorAll('.hoverlayer text')].map(one => one.textContent).join('')"
    eventually(lambda: "index" in book.page.evaluate(tips))


def look_inside(book: Notebook) -> None:
    """Open a group and an index of the real run, which is over."""
    shown = book.output(3)
    shown.locator(".kjnb-group").first.click()
    shown.locator(".kjnb-index").first.click()
    expect(shown.locator(".kjnb-log")).to_contain_text("<script>window.hit=1</script>")
    expect(shown.locator(".kjnb-traceback")).to_contain_text("raise ValueError(part.key.iloc[0])")
