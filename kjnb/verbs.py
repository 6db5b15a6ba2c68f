"""What a verb does: one function each, called by `%kjob` and by the command line alike.

A verb gets what was asked and the session, acts through the Run, and gives back an Answer: words, a value, perhaps a
run to look at. How that is shown is the door's business.
"""

from __future__ import annotations

import os
import pickle
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kjnb import phrases
from kjnb.connect import Session, owner
from kjnb.errors import RunNotFound, UsageError
from kjnb.grammar import Ask, read_indexes
from kjnb.model import options
from kjnb.run import registry
from kjnb.run.failures import Alike, by_group
from kjnb.run.handle import Run, attach, retried, runs
from kjnb.view.labels import named


@dataclass(frozen=True)
class Answer:
    """Words for every door, HTML for a page, the value a line gives back, the run it is about; `view`: look at it.

    `form` is the FRAME of a launcher to show, "" for one that is chosen there; None for no launcher.
    """

    text: str = ""
    html: str = ""
    value: Any = None
    run: Any = None
    view: bool = False
    form: str | None = None


def answer(ask: Ask, session: Session) -> Answer:
    """Do what was asked."""
    __tracebackhide__ = True
    return DO[ask.verb.name](ask, session)


def known_names() -> list[str]:
    """The names of runs launched from this machine; no cluster is asked."""
    return sorted({entry.name for entry in registry.entries()})


# ---------------------------------------------------------------- which run


def find(ask: Ask, session: Session) -> tuple[Run, str]:
    """The run that is meant, and its name as a line's beginning if it was not said.

    A run that was only guessed is looked at and not remembered: a `stop` after it must not take it for the one meant.
    """
    cluster = session.connect(ask.options.context) if ask.options.context else None
    guessed = not ask.name and not session.last_run
    run = attach(ask.name or _last(ask, session), cluster=cluster)
    session.last_run = None if guessed else run.name
    return run, "" if ask.name else f"{run.name}: "


def _last(ask: Ask, session: Session) -> str:
    """The run spoken of last; else, for a verb that takes nothing away, the one launched last by this user."""
    if session.last_run:
        return session.last_run
    mine = sorted((entry for entry in registry.entries() if entry.owner == owner()), key=lambda entry: entry.launched)
    door = ask.parser.prog
    if not mine:
        raise RunNotFound("you have no run yet", fix="launch one with a %%kjob cell or kjnb.launch")
    if ask.verb.name in CAREFUL:
        raise UsageError(f"{ask.verb.name} does not guess which run is meant", fix=f"{door} {mine[-1].name}")
    return mine[-1].full_name


CAREFUL = ("stop", "delete", "suspend")


# ---------------------------------------------------------------- the verbs


def list_runs(ask: Ask, session: Session) -> Answer:
    """`list`: a line a run."""
    table = runs(all=ask.options.all, cluster=session.connect(ask.options.context))
    if table.empty:
        return Answer("No runs here yet.")
    table = table[[name for name in LISTED if name in table and (ask.options.all or name != "owner")]]
    table = table.assign(launched=table["launched"].dt.strftime("%Y-%m-%d %H:%M"))
    return Answer(table.to_string(index=False), table.to_html(index=False, escape=True, border=0))


LISTED = ["name", "state", "done", "indexes", "launched", "owner", "context", "namespace"]


def status(ask: Ask, session: Session) -> Answer:
    """`status`: where it stands, in words."""
    run, _ = find(ask, session)
    return Answer(f"{run.name}: {run.status_text()}", run=run)


def watch(ask: Ask, session: Session) -> Answer:
    """`watch`: the door shows it until it ends."""
    run, _ = find(ask, session)
    return Answer(run=run, view=True)


def logs(ask: Ask, session: Session) -> Answer:
    """`logs`: what one index printed; without an index the first that failed, else 0."""
    run, _ = find(ask, session)
    index = ask.index if ask.index is not None else _interesting(run)
    said = run.logs(index, ask.options.attempt)
    head = f"{run.name}, index {index}" + (f", attempt {ask.options.attempt}" if ask.options.attempt >= 0 else "")
    return Answer(f"{head}:\n{said}" if said.strip() else f"{head}: nothing printed.", run=run)


def _interesting(run: Run) -> int:
    failed = run.failures
    return int(failed["index"].iloc[0]) if len(failed) else 0


def failures(ask: Ask, session: Session) -> Answer:
    """`failures`: by group, each with its indexes and its first traceback."""
    run, named = find(ask, session)
    table = run.failures
    if table.empty:
        return Answer(f"{named}no failed indexes.", run=run)
    blocks = [_group(alike, run.labels) for alike in by_group(table.to_dict("records"))]
    return Answer(f"{named}{len(table)} failed.\n\n" + "\n\n".join(blocks), run=run)


def _group(alike: Alike, labels: Sequence[str]) -> str:
    detail = str(alike.first["log_tail"] or alike.first["error"] or alike.first["reason"] or "").rstrip()
    return f"{alike.group}: {named(alike.indexes, labels)}\n" + textwrap.indent(detail, "    ")


def debug(ask: Ask, session: Session) -> Answer:
    """`debug`: the index runs here; its exception is the caller's, for %debug."""
    __tracebackhide__ = True
    run, _ = find(ask, session)
    index = ask.index if ask.index is not None else _interesting(run)
    return Answer(f"{run.name}: index {index} ran here without an error.", value=run.debug(index), run=run)


def diagnose(ask: Ask, session: Session) -> Answer:
    """`diagnose`: what keeps it or went wrong, with what to do in the words of the door."""
    run, _ = find(ask, session)
    return Answer(run.diagnose().text(lambda fix: phrases.spoken(fix, ask.door, run.name)), run=run)


def suspend(ask: Ask, session: Session) -> Answer:
    """`suspend`: nothing runs until it is resumed."""
    run, _ = find(ask, session)
    done = run.suspend()
    return Answer(f"{run.name}: {done!r}. {ask.door} resume {run.name} lets it go on.", run=run)


def resume(ask: Ask, session: Session) -> Answer:
    """`resume`: a suspended run goes on."""
    run, _ = find(ask, session)
    asleep = run.state.suspended
    run.resume()
    return Answer(f"{run.name} {'goes on' if asleep else 'is not suspended: it goes on as before'}.", run=run)


def retry(ask: Ask, session: Session) -> Answer:
    """`retry`: what has no result runs again."""
    said = ask.options
    named = None if said.indexes is None else read_indexes(said.indexes)
    indexes = named if ask.index is None else [*(named or []), ask.index]
    changes = options.spec_fields(said)
    run, _ = find(ask, session)
    told = retried(run, indexes, changes)
    return Answer(f"{told[0].upper()}{told[1:]}.", run=run)


def scale(ask: Ask, session: Session) -> Answer:
    """`scale`: so many indexes at the same time from now on."""
    if ask.index is None:
        said = " ".join(filter(None, (ask.parser.prog, ask.name)))
        raise UsageError(f"{said}: a number is missing", fix=f"{said} 8")
    run, _ = find(ask, session)
    before = run.state.parallelism
    run.scale(ask.index)
    return Answer(f"{run.name}: {ask.index:,} at a time from now on (it was {before:,}).", run=run)


def stop(ask: Ask, session: Session) -> Answer:
    """`stop`: ends the Job; what is done stays."""
    run, _ = find(ask, session)
    over = run.state.outcome
    run.stop()
    how = f"{run.name} is over already: it {OVER[over]}." if over in OVER else f"Stopped {run.name}."
    return Answer(f"{how} {len(run.stage.committed())} of {run.completions} results are kept.", run=run)


OVER = {"succeeded": "succeeded", "failed": "failed", "stopped": "was stopped"}


def delete(ask: Ask, session: Session) -> Answer:
    """`delete`: Jobs and pods, with --results the stage too."""
    run, _ = find(ask, session)
    gone = run.delete(results=ask.options.results)
    session.last_run = None
    if ask.options.results:
        return Answer(f"Deleted {run.name} with {gone.results:,} results ({gone.bytes:,} bytes).")
    return Answer(f"Deleted {run.name}'s Jobs and pods; its results stay in {run.stage.root}.")


def yaml(ask: Ask, session: Session) -> Answer:
    """`yaml`: the Jobs as the cluster has them."""
    from yaml import safe_dump_all

    run, _ = find(ask, session)
    jobs = [{"apiVersion": "batch/v1", "kind": "Job"} | job for job in run.manifests()]  # a list's items do not say it
    return Answer(safe_dump_all(jobs, sort_keys=False).rstrip(), run=run)


def result(ask: Ask, session: Session) -> Answer:
    """`result`: waits, gives the value back, and writes it with -o."""
    path = Path(ask.options.output).expanduser() if ask.options.output else None
    if path is not None:
        check_target(path)
    run, named = find(ask, session)
    value = run.result(timeout=ask.options.timeout, partial=ask.options.partial)
    done = len(run.stage.committed())
    if not done:
        return Answer(f"{run.name}: none of {run.completions:,} results yet.", run=run)
    if path is not None:
        return Answer(f"Wrote the result of {run.name} to {write(value, path)}.", run=run)
    if done < run.completions:
        return Answer(f"{run.name}: {done:,} of {run.completions:,} results.", value=value, run=run)
    return Answer(named.rstrip(": "), value=value, run=run)


def check_target(path: Path) -> None:
    """Refuse a file that no result can be written to, before a run is waited for."""
    if not path.suffix:
        raise UsageError(f"{str(path)!r} does not say what kind of file it is", fix=f"name it {path.name}.parquet")
    if path.suffix.lower() not in (*WRITERS, ".pkl"):
        kinds = ", ".join([*WRITERS, ".pkl"])
        raise UsageError(f"{path.suffix} is no kind of file a result is written as", fix=f"as one of: {kinds}")
    if not path.absolute().parent.is_dir():
        raise UsageError(
            f"there is no folder {str(path.absolute().parent)!r}", fix="make it first, or name another path"
        )


def report(ask: Ask, session: Session) -> Answer:
    """`report`: a page, and the executed notebook beside it."""
    from kjnb.report import report as write_report

    run, _ = find(ask, session)
    page = write_report(run, ask.options.output or f"{run.name}.html")
    return Answer(f"Wrote {page} and {page.with_suffix('.ipynb').name} beside it.", run=run)


def attach_run(ask: Ask, session: Session) -> Answer:
    """`attach`: the run is the session's again."""
    run, _ = find(ask, session)
    return Answer(f"{run.name}: {run.status_text()}", run=run, view=not run.state.over)


def launcher(ask: Ask, _: Session) -> Answer:
    """`launcher`: the door shows the form, if it can."""
    return Answer(form=ask.name or "")


def use(ask: Ask, session: Session) -> Answer:
    """`use`: the session's cluster; without a name, which one it is."""
    said = ask.options
    if ask.name:
        session.use(ask.name, namespace=said.namespace, stage=said.stage, image=said.image)
    cluster = session.cluster
    return Answer(f"{cluster.context}: {cluster.server}, namespace {cluster.namespace}")


DO: dict[str, Callable[[Ask, Session], Answer]] = {
    "attach": attach_run,
    "debug": debug,
    "delete": delete,
    "diagnose": diagnose,
    "failures": failures,
    "launcher": launcher,
    "list": list_runs,
    "logs": logs,
    "report": report,
    "result": result,
    "resume": resume,
    "retry": retry,
    "scale": scale,
    "status": status,
    "stop": stop,
    "suspend": suspend,
    "use": use,
    "watch": watch,
    "yaml": yaml,
}


def write(value: Any, path: Path) -> Path:
    """Write a result to a file of the kind its name says; returns the path. What is no frame can only be pickled.

    A file that was there is replaced only by a whole one.
    """
    kind = path.suffix.lower()
    table = value.to_frame() if isinstance(value, pd.Series) else value
    if kind != ".pkl" and not isinstance(table, pd.DataFrame):
        raise UsageError(f"a {type(value).__name__} cannot be written as {path.name!r}", fix="as a .pkl file")
    new = path.with_name(f".{path.stem}-{os.getpid()}{kind}")
    try:
        if kind == ".pkl":
            new.write_bytes(pickle.dumps(value))
        else:
            WRITERS[kind](table, new)
        new.replace(path)
    except Exception as error:
        why = str(error).partition("\n")[0]
        raise UsageError(f"the result cannot be written as {path.name!r}: {why}", fix="try a .pkl file") from error
    finally:
        new.unlink(missing_ok=True)
    return path


WRITERS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    ".parquet": lambda table, path: table.to_parquet(path),
    ".csv": lambda table, path: table.to_csv(path, index=not isinstance(table.index, pd.RangeIndex)),
    ".json": lambda table, path: table.to_json(path, orient="records", date_format="iso"),
}
