"""What went wrong in a run, one row an index: from the workers' accounts, joined with what is known of the pods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from kjnb.model.manifest import DEFAULT_MEMORY
from kjnb.model.quantity import memory_quantity, parse_quantity
from kjnb.model.spec import JobSpec
from kjnb.view.labels import named
from kjnb.worker.attempt import FATAL

COLUMNS = ["index", "attempts", "reason", "exit_code", "error", "group", "log_tail", "traceback"]
TAIL_LINES = 20
UNTOLD = {
    "lost": "it ended without an error and without a result",
    "queued": "it was not run",
    "starting": "it was not run",
    "stopped": "it was stopped",
    "retrying": "it was not tried again",
}
SIGNALS = {137: "killed (SIGKILL)", 143: "stopped (SIGTERM)", 139: "crashed (SIGSEGV)", 134: "crashed (SIGABRT)"}


class Failure(dict[str, Any]):
    """One row of the table; a plain dict whose keys are COLUMNS."""


def row(
    index: int,
    attempts: int,
    account: Mapping[str, Any] | None,
    pod: Mapping[str, Any] | None,
    log: bytes | None,
    otherwise: str,
) -> Failure:
    """Tell of one index: by its last failed attempt's account, else by its pod, else by what its log ends with."""
    error = (account or {}).get("error") or {}
    code = (account or {}).get("exit_code")
    code = (pod or {}).get("exit_code") if code is None else code
    tail = "\n".join((log or b"").decode("utf-8", "replace").splitlines()[-TAIL_LINES:])
    reason = (pod or {}).get("reason") or ("Error" if error or code else otherwise)
    said = f"{error['type']}: {error['message']}".rstrip(": ") if error else _said(reason, code, pod, otherwise)
    trace = printable(error.get("traceback", ""))
    return Failure(
        index=index,
        attempts=attempts,
        reason=reason,
        exit_code=code,
        error=printable(said),
        group=printable(error.get("group") or said.split("\n")[0]),
        log_tail=tail or trace,
        traceback=trace,
    )


def printable(text: str) -> str:
    """Text that can be written anywhere: an error's message may hold halves of characters, which pandas refuses."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def advice(rows: Sequence[Mapping[str, Any]], spec: JobSpec) -> str:
    """Say what can be done about the first of these failures, with the line that retries; `spec` is what it had.

    `debug` would end the kernel as it ended the pod, and an error that comes again is mended before it is tried again.
    """
    first = rows[0] if rows else {}
    index, reason = first.get("index", 0), first.get("reason", "")
    looks = f"run.debug({index}) runs index {index} here"
    if not first.get("traceback") or str(first.get("error", "")).startswith("SystemExit"):
        looks = f"run.logs({index}) is what it printed"
    if reason == "OOMKilled":
        step = f"run.retry(memory={doubled(spec.memory)!r}) runs it with more memory; or make more, smaller partitions"
    elif reason == "DeadlineExceeded" and spec.timeout:
        step = f"run.retry(timeout={2 * spec.timeout}) gives it more time; or make more, smaller partitions"
    elif not first.get("attempts"):
        step = "run.retry() runs what is missing"
    elif first.get("exit_code") == FATAL:
        step = f"{looks}; mend it and launch it again, for run.retry() would run it as it is"
    else:
        step = f"run.retry() runs what failed again, {looks}"
    return f"{step}, or take what there is: run.result(partial=True)"


def doubled(memory: str | None) -> str:
    """Twice this much memory, as it is written in a spec."""
    return memory_quantity(2 * float(parse_quantity(memory or DEFAULT_MEMORY)))


def _said(reason: str, code: int | None, pod: Mapping[str, Any] | None, otherwise: str) -> str:
    """Put into words an end that the worker could not tell of itself."""
    message = (pod or {}).get("message") or ""
    if reason == "OOMKilled":
        return "out of memory: the pod used more than its limit"
    if code is None:
        return message or UNTOLD.get(otherwise, otherwise)
    what = SIGNALS.get(code, f"exit code {code}")
    return f"{what}: {message}" if message else what


def table(rows: Sequence[Failure], index_table: pd.DataFrame | None) -> pd.DataFrame:
    """Make the frame, with each index's rows, and its key or first and last label, beside it."""
    frame = pd.DataFrame([dict(r) for r in rows], columns=COLUMNS)
    frame["exit_code"] = frame["exit_code"].astype("Int64")
    frame = frame.astype({"index": "int64", "attempts": "int64"})
    if index_table is None:
        return frame.assign(rows=pd.array([pd.NA] * len(frame), dtype="Int64"))
    return frame.merge(index_table.drop(columns=["bytes"], errors="ignore"), on="index", how="left")


class Alike(NamedTuple):
    """Failures of one kind: what they have in common, their indexes ascending, and the first one's row."""

    group: str
    indexes: list[int]
    first: Mapping[Any, Any]


def by_group(rows: Iterable[Mapping[Any, Any]]) -> list[Alike]:
    """Gather rows by what went wrong, the largest group first."""
    found: dict[str, list[Mapping[Any, Any]]] = {}
    for r in rows:
        found.setdefault(str(r["group"]), []).append(r)
    groups = [Alike(group, [int(r["index"]) for r in alike], alike[0]) for group, alike in found.items()]
    return sorted(groups, key=lambda g: (-len(g.indexes), g.indexes))


def summary(rows: Iterable[Mapping[Any, Any]], labels: Sequence[str] | None = None, most: int = 5) -> str:
    """Say the groups in lines: "KeyError: 'carier', line 2: indexes 0-15", "TypeError, line 3: index 51 (LGA)"."""
    found = by_group(rows)
    lines = [f"{alike.group}: {named(alike.indexes, labels)}" for alike in found[:most]]
    return "\n".join([*lines, *([f"and {len(found) - most} more kinds"] if len(found) > most else [])])
