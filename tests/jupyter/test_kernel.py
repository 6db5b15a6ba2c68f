"""Cells in a real kernel, without a page: what stands in the notebook that nbclient writes, and the report."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests import homes

FRAME = "%load_ext kjnb\nimport pandas as pd\nframe = pd.DataFrame({'key': list('aabbccdd'), 'x': range(8)})"
CELL = "%%kjob frame --by key --cpu 100m --backoff-limit-per-index 0"
EVIL = "<img src=x onerror=alert(1)>"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("kernel")
    with homes.own_home(made / "home"):
        yield made


def execute(folder: Path, *cells: str):
    """The notebook as nbclient leaves it."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    env = homes.environment(folder / "home", IPYTHONDIR=str(folder / "ipython"))
    client = NotebookClient(made, timeout=90, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    try:
        client.execute(env=env)
    except CellExecutionError:
        made.metadata["failed"] = True
    return made


def displays(cell):
    return [output.data for output in cell.outputs if output.output_type == "display_data"]


def test_the_final_static_output_stands_in_the_notebook(folder):
    made = execute(folder, FRAME, f"{CELL} --result total\npart.x.sum()", "print(list(total))")
    assert made.cells[2].outputs[0].text == "[1, 5, 9, 13]\n"
    (shown,) = displays(made.cells[1])
    assert set(shown) == {"text/plain", "text/html"}
    assert "4 of 4 done" in shown["text/plain"]
    assert "succeeded" in shown["text/plain"]
    assert "<svg" in shown["text/html"]
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", shown["text/html"])
    assert "as of" not in shown["text/plain"]


def test_the_cell_is_over_at_once_and_later_cells_see_it_move(folder):
    body = "import time\ntime.sleep(1)\npart.x.sum()"
    made = execute(folder, FRAME, f"{CELL}\n{body}", "state = _kjob.state.over", "_kjob.wait(60)\nprint(state)")
    assert made.cells[3].outputs[0].text == "False\n"
    (shown,) = displays(made.cells[1])
    assert "4 of 4 done" in shown["text/plain"] or "as of" in shown["text/plain"]
    assert WIDGET not in shown


def test_errors_stop_the_notebook_in_few_lines(folder):
    made = execute(folder, FRAME, f"{CELL} --wait\npart['{EVIL}'].sum()", "print('not reached')")
    assert made.metadata["failed"]
    assert made.cells[2].outputs == []
    error = next(output for output in made.cells[1].outputs if output.output_type == "error")
    assert error.ename == "RunFailed"
    assert len(error.traceback) < 12
    assert not any("kjnb/" in line for line in error.traceback)
    (shown,) = displays(made.cells[1])
    assert EVIL not in shown["text/html"]
    assert "KeyError" in shown["text/plain"]


def test_a_usage_error_is_one_line_and_stops_the_notebook(folder):
    made = execute(folder, FRAME, "%%kjob farme --by key\npart", "print('not reached')")
    assert made.metadata["failed"]
    (said,) = [output for output in made.cells[1].outputs if output.output_type == "stream"]
    assert said.text == "UsageError: FRAME 'farme': name 'farme' is not defined -> did you mean 'frame'?\n"


def test_report_opens_without_network(folder):
    body = f"if part.key.iloc[0] == 'c':\n    raise ValueError('{EVIL}')\npart.x.sum()"
    cells = (
        f"{CELL} --out run\n{body}",
        "_kjob.wait(60)",
        "%kjob report -o told.html",
        "import kjnb\nkjnb.monitor(run)",
    )
    made = execute(folder, FRAME, *cells)
    page = (folder / "told.html").read_text()
    assert "told.html" in displays(made.cells[3])[0]["text/plain"]
    assert "3 of 4 done, 1 failed" in page
    assert EVIL not in page
    assert page.count("plotly.js v") == 1
    outside = re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|url\(""", outside)
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)
    assert len(re.findall("Plotly.newPlot", re.sub(r"<script>/\*\*.*?</script>", "", page, flags=re.DOTALL))) >= 2
    executed = nbformat.read(folder / "told.ipynb", as_version=4)
    assert executed.cells[0].metadata.tags == ["parameters"]
    assert not [cell for cell in executed.cells if any(o.output_type == "error" for o in cell.get("outputs", []))]


def test_report_needs_the_stage_alone(folder):
    made = execute(folder, FRAME, f"{CELL} --result kept --name kept\npart.x.max()")
    assert not made.metadata.get("failed")
    homes.stop_cluster(folder / "home")
    code = (
        "from kjnb.report import report\nimport os\nprint(report(os.environ['KJNB_HOME'] + '/runs/kept', 'kept.html'))"
    )
    made = execute(folder, code, "import psutil")
    assert (folder / "kept.html").exists(), made.cells[0].outputs
    assert "4 of 4 done" in (folder / "kept.html").read_text()
    assert not homes.processes_of(folder / "home")
