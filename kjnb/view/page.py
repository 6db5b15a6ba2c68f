"""The static output as HTML: the picture, the failures with the first traceback, and the line that brings it back."""

from __future__ import annotations

from collections.abc import Sequence

from kjnb.model.state import RunState
from kjnb.view import words
from kjnb.view.labels import group_text
from kjnb.view.picture import svg
from kjnb.view.theme import COLOURS, WIDTH, legend
from kjnb.view.timeline import Timeline
from kjnb.view.words import escaped

MONOSPACE = "font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:12px"
FIRST_LINES, LAST_LINES = 10, 6
AS_IT_STANDS = "mathjax_ignore tex2jax_ignore"  # or pages would set what stands between dollars as formulas, with links
BOX = "margin:4px 0;padding:6px 8px;border-left:3px solid #d55e00;background:rgba(128,136,148,0.12)"


def line_html(state: RunState, timeline: Timeline) -> str:
    """The line of words as HTML."""
    return f"<b>{escaped(state.name)}</b> · {escaped(words.line(state, timeline))}"


def failures_html(state: RunState, timeline: Timeline, labels: Sequence[str] | None = None) -> str:
    """Failures by group and the first traceback; "" if nothing failed."""
    if not timeline.groups:
        return ""
    lines = [f"<li>{escaped(group_text(group, labels))}</li>" for group in timeline.groups[: words.MOST_GROUPS]]
    more = len(timeline.groups) - words.MOST_GROUPS
    if more > 0:
        lines.append(f"<li>… and {more:,} more groups: <code>{escaped(f'%kjob failures {state.name}')}</code></li>")
    style = "margin:6px 0;padding-left:20px;font-size:13px;line-height:1.5"
    return f'<ul style="{style}">{"".join(lines)}</ul>{traceback_html(timeline)}'


def traceback_html(timeline: Timeline) -> str:
    """The traceback of the largest group that has one."""
    told = next((group.traceback for group in timeline.groups if group.traceback), "")
    if not told:
        return ""
    style = f"{BOX};white-space:pre;overflow-x:auto;color:inherit;{MONOSPACE}"
    return f'<pre style="{style}">{escaped(shortened(words.short_paths(told.rstrip())))}</pre>'


def shortened(told: str) -> str:
    """A long traceback without its middle: where it began and the error itself are what one reads."""
    lines = told.splitlines()
    if len(lines) <= FIRST_LINES + LAST_LINES + 1:
        return told
    left_out = len(lines) - FIRST_LINES - LAST_LINES
    return "\n".join([*lines[:FIRST_LINES], f"  … {left_out:,} more lines …", *lines[-LAST_LINES:]])


def legend_html(state: RunState) -> str:
    """Colour and count of each state that some index is in."""
    marks = [
        f'<span style="white-space:nowrap;margin-right:14px"><span style="color:{COLOURS[one]}">■</span> '
        f"{escaped(told)}</span>"
        for one, told in legend(state)
    ]
    return f'<div style="margin:2px 0 6px">{" ".join(marks)}</div>'


def html(state: RunState, timeline: Timeline, as_of: str = "", labels: Sequence[str] | None = None) -> str:
    """The static output: name and time, picture, failures; while the run goes on also what to type to watch it."""
    when = f" as of {escaped(as_of)}" if as_of else ""
    parts = [f"<div><b>{escaped(state.name)}</b>{when}</div>", f"<div>{escaped(words.line(state, timeline))}</div>"]
    parts += [legend_html(state), svg(state, timeline, labels), failures_html(state, timeline, labels)]
    if not state.over:
        parts += [f'<div style="{MONOSPACE}">{escaped(words.watch_line(state))}</div>']
    style = f"max-width:{WIDTH}px;padding-top:4px;font-size:13px;line-height:1.4"
    return f'<div class="kjnb-static {AS_IT_STANDS}" style="{style}">{"".join(parts)}</div>'
