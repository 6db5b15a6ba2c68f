"""The ground the other browser tests stand on: a FigureWidget that a thread moves while another cell runs."""

from __future__ import annotations

import re

from playwright.sync_api import expect

FIGURE = """
import threading
import plotly.graph_objects as go

figure = go.FigureWidget([go.Heatmap(z=[[0] * 40] * 10, zmin=0, zmax=1)], layout={"title": "tick 0"})
display(figure)
held = threading.Event()

def move():
    for n in range(1, 10_000):
        if held.wait(0.05):
            return
        with figure.batch_update():
            figure.data[0].z = [[n % 2] * 40] * 10
            figure.layout.title = f"tick {n}"

threading.Thread(target=move, daemon=True).start()
"""


def test_a_figure_moves_while_another_cell_runs(notebook, foreign):
    book = notebook(FIGURE, "held.wait(20)")
    book.run_to_end(0)
    book.run(1)
    book.running(1)
    title = book.output(0).locator(".gtitle").first
    seen = title.text_content()
    expect(title).not_to_have_text(seen)
    expect(title).to_have_text(re.compile(r"tick [1-9]\d+"))
    assert book.prompt(1).text_content() == "[*]:"
    book.shot("ground-1600")
    book.save()
    assert foreign == []
