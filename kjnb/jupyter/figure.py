"""A FigureWidget that sends one message for a change, with what has changed in it and nothing else.

As it comes, a FigureWidget sends four messages for a batch of changes (two counters, the change, and that it is over),
hears from each page after each change which defaults that page has filled in, and answers that, too. A chart that moves
four times a second needs none of it. Where another version of plotly does not ask these methods, it still works.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import traitlets

QUIET = {"sync": True, "echo_update": False}
Values = dict[str, Any]
Traces = list[Values]


class QuietFigure(go.FigureWidget):
    """A FigureWidget that is redrawn from plain values: the same traces in the same order each time."""

    _told: tuple[Traces, Values]
    _js2py_traceDeltas = traitlets.Any(allow_none=True).tag(**QUIET)  # noqa: N815 - the names of the page's messages
    _js2py_layoutDelta = traitlets.Any(allow_none=True).tag(**QUIET)  # noqa: N815

    def __init__(self, traces: Traces, layout: Values) -> None:
        super().__init__(data=traces, layout=layout)
        self._config = {"responsive": True, "displayModeBar": False}
        self._keep(traces, layout)

    def draw(self, traces: Traces, layout: Values) -> None:
        """Show other values: one message with what differs, none if nothing does."""
        old_traces, old_layout = self._told
        changes = [flat_changes(old, new) for old, new in zip(old_traces, traces, strict=True)]
        touched = [number for number, change in enumerate(changes) if change]
        around = flat_changes(old_layout, layout)
        if "height" in around:  # alone it would make the width of that moment a fixed one
            around |= {"autosize": True, "width": None}
        if touched or around:
            for number in touched:
                put_all(self._data[number], changes[number])
            put_all(self._layout, around)
            self._keep(traces, layout)
            self._send_update_msg(side_by_side(changes, touched), around, touched)

    def tell(self) -> None:
        """Tell pages everything once more, whatever they have heard; any change of the layout fits the chart, too."""
        traces, layout = self._told
        self._told = ([{} for _ in traces], {})
        self.draw(traces, layout | {"meta": layout.get("meta", 0) + 1})

    def _keep(self, traces: Traces, layout: Values) -> None:
        """Hold what a page is told that opens later, or is loaded again; this alone sends nothing."""
        uids = [one.uid for one in self.data]
        self._told = (traces, layout)
        told = {"_widget_data": [{**one, "uid": uid} for one, uid in zip(traces, uids, strict=True)]}
        self._trait_values.update(told, _widget_layout=dict(layout))

    def _send_update_msg(
        self, restyle_data: Any, relayout_data: Any, trace_indexes: Any = None, source_view_id: Any = None
    ) -> None:
        with self.hold_sync():
            self._last_trace_edit_id += 1
            self._last_layout_edit_id += 1
            self._py2js_update = {
                "style_data": restyle_data,
                "layout_data": relayout_data,
                "style_traces": self._normalize_trace_indexes(trace_indexes),
                "trace_edit_id": self._last_trace_edit_id,
                "layout_edit_id": self._last_layout_edit_id,
                "source_view_id": source_view_id,
            }
        self._trait_values["_py2js_update"] = None  # a page that opens later is told the whole figure instead

    def _handler_js2py_traceDeltas(self, change: Any) -> None:  # noqa: N802
        """What a page has filled in is of no use here."""

    def _handler_js2py_layoutDelta(self, change: Any) -> None:  # noqa: N802
        """What a page has filled in is of no use here."""


def side_by_side(changes: Sequence[Values], touched: Sequence[int]) -> dict[str, list[Any]]:
    """Changes of several traces as plotly wants them: for each property one value a trace, or that it stays."""
    from plotly.basedatatypes import Undefined

    properties = dict.fromkeys(name for number in touched for name in changes[number])
    return {name: [changes[number].get(name, Undefined) for number in touched] for name in properties}


def put_all(values: Values, changes: Values) -> None:
    """Set values by dotted name."""
    for path, value in changes.items():
        *way, last = path.split(".")
        place = values
        for name in way:
            place = place.setdefault(name, {})
        place[last] = value


def flat_changes(before: Values, after: Values, path: str = "") -> Values:
    """What differs, by dotted name down to single values: {"marker.color": …}."""
    found: Values = {}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            found |= flat_changes(old, value, f"{path}{name}.")
        elif not same(old, value):
            found[path + name] = value
    return found


def same(one: Any, other: Any) -> bool:
    """Equality of values that may be arrays."""
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return one is not None and np.array_equal(np.asarray(one), np.asarray(other))
    return bool(one == other)
