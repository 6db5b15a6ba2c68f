"""One `%%kjob` cell: from its first line and its body to a run, through the same `submit` as every launch."""

from __future__ import annotations

import ast
import difflib
import keyword
import os
import re
from typing import Any, NamedTuple

import pandas as pd
from IPython.display import display

from kjnb import grammar, phrases
from kjnb.cluster.client import Cluster
from kjnb.connect import Session
from kjnb.errors import DataError, TaskError, UsageError
from kjnb.jupyter.monitor import Monitor, monitor
from kjnb.model.partition import Partitions
from kjnb.model.spec import JobSpec
from kjnb.run.dryrun import rehearsed
from kjnb.run.handle import Run
from kjnb.run.launch import plan, submit, tried
from kjnb.run.wanted import decide
from kjnb.task import cellcode
from kjnb.task.task import Task

SETTLING = 5.0  # seconds


def run_cell(shell: Any, session: Session, line: str, body: str) -> None:
    """Read the line, launch the body over the frame, show the view; wait if the line says so."""
    names = shell.user_ns
    unbind(names, line, body)
    asked = grammar.read_cell(line)
    if asked.options.help:
        print(grammar.cell_parser().format_help())  # noqa: T201 - help is for reading
        return
    cell = planned_cell(asked, body, names, session)
    said = asked.options
    if said.dry_run:
        display(rehearsed(decide(*cell, said.name)))
        return

    def say(run: Run) -> None:
        """Bind the run, and print what was chosen and what travels."""
        names["_kjob"] = run
        session.last_run = run.name
        if said.out:
            names[said.out] = run
        for note in run.notes:
            print(phrases.spoken(note, "%kjob", run.name))  # noqa: T201

    if said.trial is not None:
        trial = tried(*cell, said.trial, name=said.name, fresh=said.fresh, say=say)
        display(trial)
        names |= {said.result: trial.value} if said.result else {}
        return
    run = submit(*cell, name=said.name, fresh=said.fresh, replace=said.replace)
    say(run)
    view = monitor(run)
    if asked.options.result or asked.options.wait:
        wait(run, view, asked, names)


def wait(run: Run, view: Monitor, asked: grammar.CellLine, names: dict[str, Any]) -> None:
    """Wait for the run, with its last picture drawn before this cell ends. Ctrl-C ends the cell, not the run."""
    try:
        value = run.result()
    finally:
        if run.state.over:  # all results may be there a moment before the last word on the run
            run.follower.until(lambda: False, SETTLING)
        view.finish()
    if asked.options.result:
        names[asked.options.result] = value


class Cell(NamedTuple):
    """What `submit` is given: this body over the frame that the line names, there."""

    spec: JobSpec
    task: Task
    parts: Partitions
    cluster: Cluster


def planned_cell(asked: grammar.CellLine, body: str, names: dict[str, Any], session: Session) -> Cell:
    """Everything of the launch that the line and the body say; nothing is created."""
    said = asked.options
    frame = evaluate(asked.frame, names)
    name = frame_name(asked.frame, names)
    spec = JobSpec.checked(environ=os.environ, **asked.spec)
    task = Task.cell(
        body,
        names,
        frame_name=asked.frame,
        share=said.share or (),
        no_result=said.no_result,
        files=spec.files,
        env=dict(spec.env),
        label=name or "cell",
    )
    cluster = session.connect(said.context, said.namespace)
    by = grammar.columns(said.by, getattr(frame, "columns", ()))
    key = by[0] if by and len(by) == 1 else by
    called = name if name and task.kind == "cell" else ""  # a function gives the run its own name
    parts = plan(frame, cluster, spec, partitions=said.partitions, by=key, rows=said.rows, name=called)
    return Cell(spec, task, parts, cluster)


def evaluate(source: str, names: dict[str, Any]) -> Any:
    """FRAME's value in the notebook: a DataFrame or Partitions. Everything else is refused by name, type and remedy."""
    try:
        code = compile(source, "<FRAME>", "eval")
    except (SyntaxError, ValueError) as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        fix = _verb_hint(source) or "%%kjob FRAME [options], with FRAME as in a cell of its own"
        raise UsageError(f"{source!r} is no Python expression: {why}", fix=fix) from None
    try:
        value = eval(code, names)  # noqa: S307 - the user's own expression, in the user's own notebook
    except NameError as error:
        raise UsageError(f"FRAME {source!r}: {error}", fix=_frame_hint(error.name or source, names)) from None
    except Exception as error:
        raise UsageError(
            f"FRAME {source!r} fails: {type(error).__name__}: {error}", fix="try it in a cell of its own"
        ) from error
    if isinstance(value, pd.DataFrame | Partitions):
        return value
    raise DataError(f"{source!r} is {_what(value)}, not a DataFrame", fix=_remedy(source, value, names))


def _what(value: Any) -> str:
    kind = type(value)
    name = (
        kind.__name__
        if kind.__module__ in ("builtins", "__main__")
        else f"{kind.__module__.split('.')[0]}.{kind.__name__}"
    )
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _remedy(source: str, value: Any, names: dict[str, Any]) -> str:
    if isinstance(value, pd.Series):
        return f"%%kjob {source}.to_frame()"
    if value.__class__.__name__ in ("Table", "LazyFrame") or hasattr(value, "to_pandas"):
        return f"%%kjob {source}.to_pandas()"
    if isinstance(value, list | dict | tuple) or hasattr(value, "__array__"):
        return f"make it one first: frame = pd.DataFrame({source})"
    return _frame_hint(source, names)


def _verb_hint(source: str) -> str:
    """A verb after two percent signs: what was meant is the line."""
    return f"a verb has one %: %kjob {source}" if source.split()[0] in grammar.VERBS else ""


def _frame_hint(word: str, names: dict[str, Any]) -> str:
    if _verb_hint(word):
        return _verb_hint(word)
    frames = [name for name, value in names.items() if isinstance(value, pd.DataFrame) and not name.startswith("_")]
    close = difflib.get_close_matches(word, frames, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"frames here: {', '.join(sorted(frames)[:8])}" if frames else "there is no DataFrame in this notebook yet"


def frame_name(source: str, names: dict[str, Any]) -> str | None:
    """The frame FRAME speaks of: the first name in it that is one. The body must use `part` instead of it."""
    said = [node.id for node in ast.walk(ast.parse(source, mode="eval")) if isinstance(node, ast.Name)]
    return next((name for name in said if isinstance(names.get(name), pd.DataFrame | Partitions)), None)


def unbind(names: dict[str, Any], line: str, body: str) -> None:
    """Take --out's and --result's names away before anything can fail, so that no old value is taken for a new one.

    A name that the cell itself needs is refused and kept: it may be the only reference to somebody's data.
    """
    said = targets(line)
    if len(set(said.values())) < len(said):
        raise UsageError(f"--out and --result both name {said['out']!r}", fix=f"--result {said['out']}_result")
    for flag, name in said.items():
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"--{flag} {name!r} is no name a value can have", fix=f"--{flag} {near_name(name)}")
        if name in names and name in needed(line, body):
            what = f"--{flag} {name}: the cell itself uses {name}, which would be lost"
            raise UsageError(what, fix=f"--{flag} {name}_{flag}")
    for name in said.values():
        names.pop(name, None)


def targets(line: str) -> dict[str, str]:
    """What --out and --result name, also in a line that cannot be read further."""
    rest = grammar.cut(line)[1]
    try:
        words = grammar.split(rest)
    except UsageError:
        words = rest.split()
    found = {}
    for flag in ("out", "result"):
        for word, after in zip(words, [*words[1:], ""], strict=False):
            name = after if word == f"--{flag}" else word.partition("=")[2] if word.startswith(f"--{flag}=") else ""
            if name and not name.startswith("-"):
                found[flag] = name
    return found


def needed(line: str, body: str) -> set[str]:
    """The notebook's names that FRAME and the body read; of a body that cannot be read, none."""
    try:
        reads = set(cellcode.analyse(body, "<cell>", result="", no_result=True).reads)
    except TaskError:
        reads = set()
    frame = grammar.cut(line)[0]
    tree = ast.parse(frame, mode="eval") if grammar.is_expression(frame) else ast.Module([], [])
    return reads | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def near_name(text: str) -> str:
    """The nearest text that is a name."""
    name = re.sub(r"\W", "_", text)
    return f"{name}_" if keyword.iskeyword(name) else name if name.isidentifier() else f"_{name}"
