"""How soon a page shows what happened, in a real browser: `python -m tests.bench.page [INDEXES]`.

A run of 2,000 indexes in JupyterLab under Chromium. Its results arrive as facts, as the API's events become them, at
random moments; each is marked when it is taken in, and when the chart in the page has drawn it. Meanwhile the page
is clicked, and the time until it has answered (the pressed button's question stands there) is taken, too.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys
import tempfile
from statistics import quantiles

from playwright.sync_api import expect, sync_playwright

from tests import homes
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.lab import Lab
from tests.browser.pages import Notebook

MOST_MS, CLICK_MS = 1000, 100
CHANGES = 60
RUN = """\
%load_ext kjnb
import kjnb, pandas as pd, pathlib, random, threading, time
from kjnb.model.state import PodSeen
COUNT, CHANGES = {count}, {changes}
gate = {gate!r}
def work(part):
    while not pathlib.Path(gate).exists():
        threading.Event().wait(0.05)
run = kjnb.launch(work, pd.DataFrame({{"x": range(COUNT)}}), partitions=COUNT, parallelism=1, cpu="100m", name="bench")
kjnb.monitor(run)"""
FEED = """\
def feed():
    chance, told = random.Random(3), []
    for number in range(CHANGES):
        time.sleep(chance.uniform(0.1, 0.5))
        first = 100 + number * 30
        told.append((first, time.time()))
        run.follower._take([PodSeen("bench", f"u{i}", f"p{i}", i, "Succeeded", created=time.time() - 1,
            started=time.time() - 1, finished=time.time(), node="n", rv=1) for i in range(first, first + 25)])
    globals()["told"] = told
threading.Thread(target=feed, daemon=True).start()"""
# when the first cell of each change was drawn: the chart says when it is done
WATCH = """() => {
    const plot = document.querySelector('.kjnb-chart .js-plotly-plot');
    window.drawn = {};
    const look = () => { const z = plot._fullData[0].z; for (let i = 100; i < z.length; i += 30)
        if ((z[i] >> 4) === 4 && !(i in window.drawn)) window.drawn[i] = Date.now() / 1000; };
    look();
    plot.on('plotly_afterplot', () => requestAnimationFrame(look));
}"""
CLICK = """() => new Promise(done => {
    const begun = performance.now(), yes = document.querySelector('.kjnb-do-stop');
    setTimeout(() => { yes.click(); requestAnimationFrame(() => { const took = performance.now() - begun;
        document.querySelector('.kjnb-no').click(); done(took); }); }, 0);
})"""


def p95(values: list[float]) -> float:
    """The 95th of a hundred."""
    return quantiles(values, n=20)[-1]


def main(count: int) -> None:
    """Measure, print two lines."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    with homes.own_home(folder / "home") as home, sync_playwright() as playwright, contextlib.ExitStack() as ending:
        lab = Lab(folder, home)
        ending.callback(lab.end)
        gate = folder / "gate"
        ending.callback(gate.touch)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        ending.callback(browser.close)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        expect.set_options(timeout=60_000)
        cells = RUN.format(count=count, changes=CHANGES, gate=str(gate)), FEED, "print(*told)"
        book = Notebook(page, lab, lab.write("bench.ipynb", *cells)).open()
        book.run_to_end(0, within=120)
        expect(book.output(0).locator(".kjnb-chart .js-plotly-plot")).to_be_visible()
        expect(book.output(0).locator(".kjnb-line")).to_contain_text("running")
        page.evaluate(WATCH)
        book.run_to_end(1)
        clicks = []
        last = 100 + (CHANGES - 1) * 30
        while not page.evaluate("last => last in window.drawn", last):
            clicks.append(float(page.evaluate(CLICK)))
            page.wait_for_timeout(150)
        page.wait_for_timeout(500)
        told = page.evaluate("() => window.drawn")
        book.run_to_end(2)
        marks = eval(f"[{book.output(2).inner_text().replace(') (', '), (')}]")
        took = [1000 * (told[str(index)] - at) for index, at in marks if str(index) in told]
    print(
        f"{count:,} indexes: change to pixel p95 {p95(took):.0f} ms of {len(took)} (asked {MOST_MS}); "
        f"click to answer p95 {p95(clicks):.0f} ms, worst {max(clicks):.0f} of {len(clicks)} (asked {CLICK_MS})"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
