"""Failures as a page lists them: groups, the indexes of a group, and one index with its attempts. Plain values.

Everything here is data for a page that shows text as text; nothing is markup, and everything is bounded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kjnb.model.state import Failure, Phase, RunState, State
from kjnb.view.gantt import STATE_OF
from kjnb.view.labels import named
from kjnb.view.page import shortened
from kjnb.view.plain import one_line
from kjnb.view.theme import word
from kjnb.view.timeline import Timeline
from kjnb.view.words import duration_text, short_paths

MOST_GROUPS = 20
PAGE_OF_ROWS = 25
LONGEST_NAME = 300
MOST_ATTEMPTS = 12
Json = dict[str, Any]


def groups(timeline: Timeline, labels: Sequence[str] | None) -> list[Json]:
    """The groups, the largest first: what they have in common, and which indexes."""
    return [
        {"group": cut(one.group), "where": named(one.indexes, labels), "count": len(one.indexes)}
        for one in timeline.groups[:MOST_GROUPS]
    ]


def more_groups(timeline: Timeline) -> int:
    """How many groups are not listed."""
    return max(0, len(timeline.groups) - MOST_GROUPS)


def first_traceback(timeline: Timeline) -> str:
    """The traceback of the largest group that has one, without its middle; "" if there is none."""
    told = next((group.traceback for group in timeline.groups if group.traceback), "")
    return shortened(short_paths(told.rstrip()))


def rows(
    state: RunState, group: str, labels: Sequence[str] | None, last_lines: Mapping[str, str], shown: int
) -> list[Json]:
    """The first `shown` indexes of a group: attempts, exit code, rows, and the last line each one said.

    `last_lines` has the last line of an attempt's log by its uid, where one was read.
    """
    return [
        {
            "index": one.index,
            "label": labels[one.index] if labels else "",
            "attempts": one.attempts,
            "exit": "" if one.exit_code is None else str(one.exit_code),
            "rows": "" if one.rows is None else f"{one.rows:,}",
            "last": last_line(one, last_lines),
        }
        for one in members(state, group)[:shown]
    ]


def members(state: RunState, group: str) -> list[Failure]:
    """The failures of a group, by index."""
    return [one for one in state.failures if cut(one.group) == group]


def last_line(one: Failure, last_lines: Mapping[str, str]) -> str:
    """What an attempt said at its end: its exception, else the last line of its log, else the pod's message."""
    if one.error:
        return one_line(f"{one.error}: {one.message}" if one.message else one.error)
    return one_line(last_lines.get(one.uid, "") or one.message)


def title(state: RunState, index: int, labels: Sequence[str] | None) -> str:
    """The head of one index: "index 7 · LGA · failed"."""
    parts = [f"index {index}", labels[index] if labels else ""]
    return " · ".join(part for part in [*parts, word(State(state.states[index]), over=state.over)] if part)


def attempts(state: RunState, index: int, now: float) -> list[str]:
    """What is known of each attempt at an index, first to last: "attempt 1: failed, exit code 1, after 3.0 s on n1"."""
    found = state.attempts(index)
    first = max(0, len(found) - MOST_ATTEMPTS)
    return [f"attempt {number}: {attempt_text(one, now)}" for number, one in enumerate(found[first:], first + 1)]


def attempt_text(one: Any, now: float) -> str:
    """One attempt in words."""
    state = "stopped" if one.settled == Phase.STOPPED else STATE_OF.get(one.settled, State.QUEUED).name.lower()
    code = "" if one.exit_code in (None, 0) else f"exit code {one.exit_code}"
    reason = "" if one.reason in ("", "Error", "Completed") else one.reason
    begun = one.account.start if one.account and one.account.start is not None else one.started
    end = one.account.end if one.account and one.account.end is not None else one.finished
    end = now if one.settled == Phase.RUNNING else end
    took = "" if math.isnan(begun) or math.isnan(end) else f"after {duration_text(max(0.0, end - begun))}"
    told = ", ".join(part for part in (state, reason, code) if part)
    return " ".join(part for part in (told, took, f"on {one.node}" if one.node else "") if part)


def cut(text: str) -> str:
    """A group's name, cut where it is long."""
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
