"""What stands in a report: tables, durations and failures as HTML and figures, from the stage's own accounts.

All that a person wrote (names, errors, logs, source) is data here: it is escaped, whatever it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from kjnb.model.quantity import size_text
from kjnb.model.state import State
from kjnb.view.theme import COLOURS, FONT, INK
from kjnb.view.words import duration_text, short_paths

Account = Mapping[str, Any]

TAIL = 30


def took_text(seconds: float) -> str:
    """How long an attempt took; below a second in milliseconds, for many do."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration_text(seconds)


def facts_table(rows: Iterable[tuple[str, Any]]) -> str:
    """Names with their values, a row each; rows without a value are left out."""
    cells = (
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in rows
        if value not in ("", None)
    )
    return f"<table class='kjnb-facts'>{''.join(cells)}</table>"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Iterable[int] = ()) -> str:
    """A table with a head; `numbers` are the columns to align at the right."""
    right = set(numbers)

    def line(tag: str, cells: Sequence[Any]) -> str:
        return "".join(
            f"<{tag}{' class=number' if place in right else ''}>{escape(str(cell))}</{tag}>"
            for place, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{line('th', columns)}</tr></thead><tbody>{body}</tbody></table>"


def code(text: str) -> str:
    """Text as it stands, in a box."""
    return f"<pre>{escape(text)}</pre>"


# ---------------------------------------------------------------- durations


def lengths(attempts: Iterable[Account], *outcomes: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Seconds of the attempts with these outcomes."""
    found = [a["end"] - a["start"] for a in attempts if a["outcome"] in outcomes and timed(a)]
    return np.asarray(found, dtype=np.float64)


def timed(account: Account) -> bool:
    """Whether both ends of the attempt are known."""
    return account.get("start") is not None and account.get("end") is not None


def durations(attempts: Sequence[Account]) -> go.Figure:
    """How long attempts took: a histogram, succeeded and failed apart, on one scale."""
    done, failed = lengths(attempts, "succeeded", "superseded"), lengths(attempts, "failed")
    both = np.concatenate([done, failed])
    figure = go.Figure()
    if len(both):
        edges = np.histogram_bin_edges(both, bins=min(40, max(8, int(np.sqrt(len(both))) * 2)))
        for name, values, colour in (
            ("succeeded", done, COLOURS[State.SUCCEEDED]),
            ("failed", failed, COLOURS[State.FAILED]),
        ):
            if len(values):
                figure.add_trace(_bars(name, values, edges, colour))
    figure.update_layout(
        barmode="stack",
        bargap=0.04,
        height=280,
        template="plotly_white",
        margin={"l": 56, "r": 16, "t": 30, "b": 48},
        font={"family": FONT, "size": 12, "color": INK},
        xaxis={"title": "seconds an attempt", "rangemode": "tozero", "nticks": 6},  # fewer than bars: round numbers
        yaxis={"title": "attempts", "rangemode": "tozero", "tickformat": ",d", "dtick": 1 if len(both) < 6 else None},
        showlegend=bool(len(failed)),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )
    return figure


def _bars(name: str, values: Any, edges: Any, colour: str) -> go.Bar:
    counts, _ = np.histogram(values, bins=edges)
    middle, width = (edges[:-1] + edges[1:]) / 2, edges[1:] - edges[:-1]
    hover = [
        f"{count} {name}, {took_text(a)} to {took_text(b)}"
        for count, a, b in zip(counts, edges, edges[1:], strict=False)
    ]
    return go.Bar(
        x=middle, y=counts, width=width * 0.96, name=name, marker={"color": colour}, hovertext=hover, hoverinfo="text"
    )


def durations_text(attempts: Sequence[Account]) -> str:
    """The durations in a sentence."""
    taken = lengths(attempts, "succeeded", "superseded")
    if not len(taken):
        return "No attempt has succeeded."
    middle, late, longest = (took_text(float(taken)) for taken in np.quantile(taken, [0.5, 0.95, 1]))
    return (
        f"Half of the successful attempts took less than {middle}, 95 % less than {late}, the longest {longest}; "
        f"{took_text(float(taken.sum()))} in all."
    )


def slowest(attempts: Sequence[Account], labels: Sequence[str], most: int = 10) -> str:
    """The attempts that took longest, with what they worked on and the memory they used."""
    found = sorted((a for a in attempts if timed(a)), key=lambda a: a["start"] - a["end"])[:most]
    rows = [
        (
            a["index"],
            labels[a["index"]],
            took_text(a["end"] - a["start"]),
            _rows(a),
            _memory(a),
            a["outcome"],
            a.get("node") or "",
        )
        for a in found
    ]
    heads = ("index", "partition", "took", "rows", "peak memory", "outcome", "node")
    return table(heads, rows, numbers=(0, 2, 3, 4)) if rows else "<p class='soft'>No attempt has ended.</p>"


def _rows(account: Account) -> str:
    return "" if account.get("rows") is None else f"{account['rows']:,}"


def _memory(account: Account) -> str:
    used = (account.get("usage") or {}).get("max_rss_bytes")
    return size_text(used) if used else ""


# ---------------------------------------------------------------- failures


def failures(groups: Sequence[tuple[str, str, Mapping[str, Any]]]) -> str:
    """Failures by group: (what failed, which indexes, the first one's row with its traceback and log tail)."""
    if not groups:
        return "<p>None.</p>"
    return "".join(_failure(what, where, first) for what, where, first in groups)


def _failure(what: str, where: str, first: Mapping[str, Any]) -> str:
    traceback = short_paths(str(first.get("traceback") or "").rstrip())
    log = short_paths(tail(str(first.get("log_tail") or "")))
    shown = traceback or log or str(first.get("error") or "")
    block = f"<h3 class='bad'>{escape(what)}</h3><p>{escape(where)}</p>"
    if shown:
        block += f"<p class='soft'>Index {escape(str(first.get('index')))} said:</p>{code(shown)}"
    if traceback and log and log.strip() != traceback.strip():
        block += f"<details><summary>the end of its log</summary>{code(log)}</details>"
    return block


def tail(text: str, lines: int = TAIL) -> str:
    """The last lines of a text."""
    return "\n".join(text.rstrip().splitlines()[-lines:])
