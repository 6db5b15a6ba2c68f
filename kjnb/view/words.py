"""A run in words: one line, its failures, and tables as plain text; the same input gives the same text."""

from __future__ import annotations

import html as markup
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from kjnb.model.state import Failure, Group, RunState, State
from kjnb.view.labels import group_text
from kjnb.view.theme import counted
from kjnb.view.timeline import Timeline

MOST_GROUPS = 5
LONGEST_REASON = 60
FRAME = re.compile(r'^(\s*File ")[^"\n]*/(?:(?:site|dist)-packages|lib/python3\.\d+)/', re.MULTILINE)
ORDER = (State.RUNNING, State.STARTING, State.RETRYING, State.FAILED, State.LOST)


def line(state: RunState, timeline: Timeline, why: str = "") -> str:
    """A run in one line: "38 of 120 done, 4 running, 2 failed · 12.1/s · about 3 min left".

    `why` is what keeps it, in a few words: the `short` of its diagnosis.
    """
    parts = [counts_text(state)]
    if timeline.stragglers:
        parts += [f"{len(timeline.stragglers):,} much slower than the others"]
    if state.over:
        parts += [ending(state, timeline)]
    elif state.suspended:
        parts += ["suspended"]
    if timeline.throughput is not None and not state.suspended:
        parts += [rate_text(timeline.throughput)]
    if timeline.eta is not None:
        parts += [f"about {duration_text(max(1, round(timeline.eta)))} left"]
    return " · ".join([*parts, why] if why else parts)


def counts_text(state: RunState) -> str:
    """ "38 of 120 done, 4 running, 2 failed"; what is still queued at the end was not run."""
    counts = state.counts
    parts = [f"{counts[State.SUCCEEDED]:,} of {state.completions:,} done"]
    shown = [*ORDER, State.QUEUED] if state.over else ORDER
    parts += [counted(counts[one], one, over=state.over) + in_common(state, one) for one in shown if counts[one]]
    return ", ".join(parts)


def in_common(state: RunState, one: State) -> str:
    """What the failed indexes have in common, in a word: " (OOMKilled)", " (KeyError and 2 other kinds)"."""
    if one != State.FAILED:
        return ""
    kinds = Counter(short_reason(failure) for failure in state.failures if failure.final or state.over)
    (first, _), *others = kinds.most_common() or [("", 0)]
    more = f" and {len(others)} other kind{'s' if len(others) > 1 else ''}" if others else ""
    return f" ({first}{more})" if first else ""


def short_reason(failure: Failure) -> str:
    """The exception's name, the pod's reason, or its exit code; "" if nothing is known."""
    reason = "" if failure.reason == "Error" else failure.reason
    code = "" if failure.exit_code is None else f"exit code {failure.exit_code}"
    return (failure.error or reason or code)[:LONGEST_REASON]


def ending(state: RunState, timeline: Timeline) -> str:
    """How the run ended, and how long it took: "failed after 2 min (DeadlineExceeded)"."""
    link = "in" if state.outcome == "succeeded" else "after"
    took = "" if timeline.elapsed is None else f" {link} {duration_text(timeline.elapsed)}"
    why = f" ({state.reason})" if state.outcome == "failed" and state.reason else ""
    return f"{state.outcome}{took}{why}"


def rate_text(rate: float) -> str:
    """Indexes a second, a minute or an hour, whichever is a number to read: "12.1/s", "3.2/min"."""
    for unit, seconds in (("s", 1), ("min", 60)):
        if rate * seconds >= 1:
            return f"{rate * seconds:,.1f}/{unit}"
    return f"{rate * 3600:,.1f}/h"


def duration_text(seconds: float) -> str:
    """Seconds for people: "0.4 s", "42 s", "3 min", "2.5 h", "3.1 days"."""
    if seconds < 9.95 and not isinstance(seconds, int):
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def static_line(state: RunState, timeline: Timeline, as_of: str = "") -> str:
    """The line that stands where no chart can: "flights-1a2b3c as of 14:02: 38 of 120 done, …"."""
    when = f" as of {as_of}" if as_of else ""
    return f"{state.name}{when}: {line(state, timeline)}"


def watch_line(state: RunState) -> str:
    """What to type to see the run again."""
    return f"%kjob watch {state.name}"


def failures_text(groups: Sequence[Group], labels: Sequence[str] | None = None, *, most: int = MOST_GROUPS) -> str:
    """Failures by group, a line each, and below the traceback of the largest; "" if nothing failed."""
    lines = [group_text(group, labels) for group in groups[:most]]
    if len(groups) > most:
        lines += [f"… and {len(groups) - most:,} more groups of failures"]
    if groups and groups[0].traceback:
        lines += ["", short_paths(groups[0].traceback.rstrip())]
    return "\n".join(lines)


def short_paths(traceback: str) -> str:
    """A traceback whose frames in libraries say "pandas/core/frame.py", not where this machine has installed it."""
    return FRAME.sub(r"\1", traceback)


def plain(state: RunState, timeline: Timeline, as_of: str = "", labels: Sequence[str] | None = None) -> str:
    """The static output as text: the line, the failures, and what to type to see it again."""
    failures = failures_text(timeline.groups, labels)
    end = "" if state.over else watch_line(state)
    return "\n".join(part for part in (static_line(state, timeline, as_of), failures, end) if part)


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows under headers in columns, numbers to the right, as kubectl prints them."""
    values = [list(row) for row in rows]
    right = [bool(values) and all(isinstance(row[i], int | float) for row in values) for i in range(len(headers))]
    cells = [list(headers), *([("" if value is None else str(value)) for value in row] for row in values)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headers))]
    lines = (
        "   ".join(t.rjust(w) if r else t.ljust(w) for t, w, r in zip(row, widths, right, strict=True)) for row in cells
    )
    return "\n".join(text.rstrip() for text in lines)


def escaped(text: str) -> str:
    """Text for HTML: names, keys and errors are data, never markup."""
    return markup.escape(text)
