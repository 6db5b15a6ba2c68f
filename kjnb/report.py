"""The report of a run: a template notebook executed by papermill, and the page made of it.

It is made from the stage alone, so it can be made years later and without a cluster. The notebook runs in a process of
its own with this interpreter: the caller's kernel, working directory and event loop are not touched. The page carries
its styles and plotly.js (once) and loads nothing: it opens with no network.
"""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kjnb.errors import KjnbError, UsageError
from kjnb.model.options import arguments_of
from kjnb.run import found
from kjnb.run.failures import by_group
from kjnb.run.handle import Run, the_run
from kjnb.stage.folder import Stage
from kjnb.view import chart, sections, text
from kjnb.view.labels import named
from kjnb.view.timeline import timeline

TEMPLATE = Path(__file__).parent / "templates" / "report.ipynb"
FIGURE = "application/vnd.plotly.v1+json"
KERNEL = "kjnb-report"
WIDTH = 1080  # of the page's text, in pixels
SECONDS = 600  # more than any report needs; a hanging kernel must not hang the caller


def report(run: Any, path: str | os.PathLike[str] | None = None) -> Path:
    """Write the report of `run` (a Run, its name, or its stage's folder): `path` is the page, a notebook stands beside.

    Returns the page's path. Raises UsageError for a path that cannot be written, KjnbError when the notebook fails.
    """
    stage = _stage(run)
    target = _target(path or f"{stage.name}.html")
    notebook = target.with_suffix(".ipynb")
    execute(stage, notebook)
    target.write_text(render(notebook), encoding="utf-8")
    return target


def _stage(run: Any) -> Path:
    """The stage's folder of a Run, or of what names one; raises before anything is written."""
    if not isinstance(run, str | os.PathLike):
        return Path(the_run(run).stage.root).absolute()
    folder = Path(run).expanduser()
    return (folder if Stage.at(folder).exists() else Path(found.find(os.fspath(run)).stage.root)).absolute()


def _target(path: str | os.PathLike[str]) -> Path:
    target = Path(path).expanduser().absolute()
    if target.suffix.lower() not in (".html", ".htm", ".ipynb"):
        raise UsageError(f"a report is a page, not {target.name!r}", fix=f"name it {target.with_suffix('.html').name}")
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {str(target.parent)!r}", fix="make it first, or name another path")
    return target.with_suffix(".html") if target.suffix.lower() == ".ipynb" else target


def execute(stage: Path, notebook: Path) -> None:
    """Execute the template for this stage into `notebook`, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="kjnb-report-") as folder:
        command = [sys.executable, "-m", "papermill", str(TEMPLATE), str(notebook), "-r", "stage", str(stage)]
        command += ["-k", KERNEL, "--cwd", folder, "--no-progress-bar", "--log-level", "ERROR"]
        try:
            done = subprocess.run(
                command, env=_environment(Path(folder)), capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise KjnbError(f"the report was not ready after {SECONDS} s", fix=f"look into {notebook}") from None
    if done.returncode:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no message")
        raise KjnbError(f"the report's notebook failed: {last.strip()}", fix=f"the executed notebook is {notebook}")


def _environment(folder: Path) -> dict[str, str]:
    """This environment with a kernel of this very interpreter: what is installed as 'python3' may be another one."""
    spec = folder / "kernels" / KERNEL
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.joinpath("kernel.json").write_text(json.dumps({"argv": argv, "display_name": "kjnb", "language": "python"}))
    package = str(Path(__file__).parents[1])
    return os.environ | {
        "JUPYTER_PATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("JUPYTER_PATH")])),
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        "JUPYTER_PLATFORM_DIRS": "1",
    }


def render(notebook: Path) -> str:
    """The executed notebook as one page that needs nothing else."""
    import nbformat
    from nbconvert import HTMLExporter
    from plotly.offline import get_plotlyjs

    read = nbformat.read(notebook, as_version=4)
    for output in (output for cell in read.cells for output in cell.get("outputs", [])):
        if FIGURE in output.get("data", {}):
            output["data"] = {"text/html": _drawn(output["data"][FIGURE])}
    exporter = HTMLExporter(template_name="basic", exclude_input=True, exclude_output_prompt=True, anchor_link_text="")
    body, _ = exporter.from_notebook_node(read)
    title = html.escape(notebook.stem)
    return PAGE.format(title=title, style=STYLE, plotly=get_plotlyjs(), body=body, print=PRINT)


def _drawn(figure: Any) -> str:
    import plotly.io

    settings = {"displayModeBar": False, "responsive": True}
    text: str = plotly.io.to_html(figure, full_html=False, include_plotlyjs=False, config=settings, validate=False)
    return text


class Page:
    """What the template notebook shows, piece by piece, of the run in one stage; no cluster is asked."""

    def __init__(self, stage: str | os.PathLike[str]) -> None:
        self.run = Run(Stage.at(os.fspath(stage)))
        self.state = self.run.state
        self.attempts = list(self.run.stage.attempts())
        last = float(np.nanmax([*self.state.finished, *(a["end"] for a in self.attempts if sections.timed(a)), 0.0]))
        self.timeline = timeline(self.state, last)

    def outcome(self) -> Any:
        """The run's name and how it ended, in words."""
        return shown(f"<h1>{html.escape(self.run.name)}</h1><p>{html.escape(text.line(self.state, self.timeline))}</p>")

    def index_map(self) -> Any:
        """One cell an index, and what was completed and failed over time."""
        return Figure(chart.figure(self.state, self.timeline, self.run.labels, width=WIDTH))

    def durations(self) -> Any:
        """How long attempts took."""
        return Figure(sections.durations(self.attempts))

    def slowest(self) -> Any:
        """The durations in words, and the slowest attempts."""
        words = html.escape(sections.durations_text(self.attempts))
        return shown(f"<p>{words}</p><h3>Slowest attempts</h3>{sections.slowest(self.attempts, self.run.labels)}")

    def failures(self) -> Any:
        """What failed, by group, each with its first traceback and the end of its log."""
        groups = by_group(self.run.failures.to_dict("records"))
        return shown(
            sections.failures([(alike.group, named(alike.indexes, self.run.labels), alike.first) for alike in groups])
        )

    def task(self) -> Any:
        """The source that ran."""
        return shown(sections.code(str(self._task().get("source") or "(its source is not in the stage)")))

    def facts(self) -> Any:
        """Where, when, by whom and with what settings it ran."""
        facts = self.run.facts
        jobs = ", ".join(f"{job['name']} ({job['uid']})" for job in facts.get("jobs", []))
        versions = ", ".join(f"{name} {version}" for name, version in facts.get("versions", {}).items())
        place = f"{facts.get('context', '')}, namespace {facts.get('namespace', '')}"
        settings = " ".join(arguments_of(self.run.spec))
        rows = [("run", self.run.name), ("task", self._task().get("name")), ("partitions", self._plan())]
        rows += [("launched", _moment(facts.get("created"))), ("by", facts.get("owner")), ("cluster", place)]
        rows += [("Job", jobs), ("settings", settings), ("seed", facts.get("seed")), ("versions", versions)]
        return shown(
            sections.facts_table([*rows, ("fingerprint", facts.get("fingerprint")), ("stage", self.run.stage.root)])
        )

    def _plan(self) -> str:
        plan = self.run.facts["plan"]
        by = plan.get("by")
        key = f", by {', '.join(map(str, by)) if isinstance(by, list | tuple) else by}" if by else ""
        return f"{self.run.completions:,}{key}"

    def _task(self) -> dict[str, Any]:
        path = self.run.stage.root / "task.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}


def _moment(seconds: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds)) if seconds else ""


@dataclass(frozen=True)
class Figure:
    """A figure as data alone: whoever opens the notebook draws it."""

    figure: Any

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {FIGURE: json.loads(self.figure.to_json()), "text/plain": "(a chart)"}


def shown(markup: str) -> Any:
    """HTML that a notebook shows."""
    from IPython.display import HTML

    return HTML(markup)


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<script>{plotly}</script>
</head>
<body>
<main>
{body}
</main>
<script>{print}</script>
</body>
</html>
"""

# A sheet of paper is narrower than a window, and no chart hears of it; 660 pixels fit A4 and Letter with any margin.
PRINT = """
const charts = change => document.querySelectorAll(".js-plotly-plot").forEach(one => Plotly.relayout(one, change));
addEventListener("beforeprint", () => charts({ autosize: false, width: 660 }));
addEventListener("afterprint", () => charts({ autosize: true, width: null }));
"""

STYLE = """
:root { color-scheme: light; --ink: #1f2933; --soft: #52606d; --line: #d9e2ec; --pale: #f5f7fa; --bad: #b3261e; }
body { margin: 0; background: #fff; color: var(--ink);
       font: 15px/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 28px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 8px; padding-bottom: 4px; border-bottom: 1px solid var(--line); }
h3 { font-size: 15px; margin: 20px 0 6px; }
p { margin: 6px 0; }
table { border-collapse: collapse; font-size: 14px; margin: 8px 0; }
th, td { text-align: left; padding: 4px 18px 4px 0; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { background: var(--pale); border: 1px solid var(--line); border-radius: 6px; padding: 10px 12px; overflow-x: auto;
      font: 13px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace; margin: 6px 0; }
details > summary { cursor: pointer; color: var(--soft); margin: 6px 0; }
.soft { color: var(--soft); } .bad { color: var(--bad); }
@media print {
  main { max-width: none; padding: 0; }
  pre { white-space: pre-wrap; }
  h2, h3 { break-after: avoid; }
  .js-plotly-plot, tr { break-inside: avoid; }
}
"""
