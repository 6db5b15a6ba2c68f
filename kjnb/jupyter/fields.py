"""The launcher's widgets: what they say as a Form, and what is shown beside them. They decide nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import ipywidgets
import plotly.graph_objects as go

from kjnb.model.form import HOW, Body, Form
from kjnb.model.options import MORE, FormField, form_fields
from kjnb.view import launching, sizes

GRID = "repeat(auto-fill, minmax(240px, 1fr))"
NO_FRAME, NO_BODY = ("choose a frame", ""), ("choose a function or a cell", None)
PLACE = "Name and cluster"
SHOWN = {"partitions": ("count", "by"), "rows": ("rows",), "by": ("by",)}  # with which ways to partition
HELP = {
    "frame": "its rows are partitioned",
    "body": "a function of one part, or a cell of this notebook that works on `part`",
    "how": "rows of one key stay together with columns",
    "partitions": "so many indexes; with columns whole groups are packed into them",
    "rows": "the last partition has what is left",
    "by": "several with Ctrl or Shift",
    "name": "letters, digits and '-'",
    "context": "local, a context of your kubeconfig, in-cluster",
    "namespace": "where its Jobs are created",
}
EMPTY = {
    "partitions": "one a key, or from the frame",
    "rows": "10000",
    "name": "the frame's or function's, and a fingerprint",
    "namespace": "the context's",
}


class Fields:
    """The widgets of one launcher, found in a page by class: kjnb-launcher, kjnb-field-NAME, kjnb-button-NAME."""

    def __init__(self, frame: str, context: str, targets: Sequence[str]) -> None:
        self.inputs: dict[str, Any] = {
            "frame": ipywidgets.Dropdown(options=[NO_FRAME, *([(frame, frame)] if frame else [])], value=frame),
            "body": ipywidgets.Dropdown(options=[NO_BODY]),
            "how": ipywidgets.Dropdown(options=[(text, key) for key, text in HOW.items()]),
            "partitions": ipywidgets.Text(placeholder=EMPTY["partitions"]),
            "rows": ipywidgets.Text(placeholder=EMPTY["rows"]),
            "by": ipywidgets.SelectMultiple(rows=5),
            "name": ipywidgets.Text(placeholder=EMPTY["name"]),
            "context": ipywidgets.Combobox(options=list(targets), placeholder=f"the session's: {context}"),
            "namespace": ipywidgets.Text(placeholder=EMPTY["namespace"]),
        }
        self.inputs |= {one.name: setting(one) for one in form_fields()}
        self._help = HELP | {one.name: one.help for one in form_fields()}
        self._labels = {"how": "partition", "body": "task", "by": "columns"} | {
            one.name: one.label for one in form_fields()
        }
        self._heads = {name: ipywidgets.HTML(self._head(name)) for name in self.inputs}
        self._places = {name: self._place(name) for name in self.inputs}
        self.buttons = {
            "trial": button("Trial", "run the largest partition only: its result, time and peak memory"),
            "dry_run": button("Dry run", "create nothing: what the cluster says to it"),
            "launch": button("Launch", "run it on every partition", "primary"),
        }
        self.figure: Any = None
        self._bars = ipywidgets.VBox(layout={"min_height": f"{sizes.HEIGHT}px"}).add_class("kjnb-sizes")
        self._plan, self._advice, self._code, self._yaml, self._outcome = (ipywidgets.HTML() for _ in range(5))
        self._tabs = ipywidgets.Tab(children=[*map(self._group, tab_names())], titles=tab_names())
        self.box = self._box()
        self.box._view_count = 0  # the page now counts the views it has open
        self._was_open = False
        self.arrange()

    def _place(self, name: str) -> Any:
        self.inputs[name].layout.width = "auto"
        made = ipywidgets.VBox([self._heads[name], self.inputs[name]], layout={"min_width": "0"})
        return made.add_class(f"kjnb-field-{name.replace('_', '-')}")

    def _head(self, name: str, wrong: str = "") -> str:
        return launching.label(self._labels.get(name, name), self._help[name], wrong)

    def _group(self, title: str) -> Any:
        return grid(self._places[name] for name in names_in(title))

    def _box(self) -> Any:
        top = grid(self._places[name] for name in ("frame", "body", "how", "partitions", "rows", "by"))
        yaml = ipywidgets.Accordion([self._yaml], titles=["YAML"])
        presses = ipywidgets.HBox(list(self.buttons.values()), layout={"flex_flow": "row wrap"})
        said = [(self._plan, "plan"), (self._advice, "advice"), (self._code, "code"), (self._outcome, "outcome")]
        plan, advice, code, outcome = (widget.add_class(f"kjnb-{name}") for widget, name in said)
        style = ipywidgets.HTML(launching.STYLE, layout={"display": "none"})
        parts = [style, top, self._bars, plan, self._tabs, advice, code, yaml, presses, outcome]
        return ipywidgets.VBox(parts).add_class("kjnb-launcher")

    # ---- what it says

    def form(self) -> Form:
        """What the fields say now."""
        said = {name: widget.value for name, widget in self.inputs.items()}
        settings = {one.name: said.pop(one.name) for one in form_fields()}
        return Form(**said, settings=settings)

    def observe(self, changed: Callable[[Any], None]) -> None:
        """Call this when a field says something else, or the page opens the view."""
        for widget in self.inputs.values():
            widget.observe(changed, names="value")
        self.box.observe(changed, names="_view_count")

    @property
    def hidden(self) -> bool:
        """Whether the page had it open and has closed it."""
        self._was_open = self._was_open or bool(self.box._view_count)
        return self._was_open and not self.box._view_count

    # ---- what is shown

    def offer(self, frames: Sequence[str], bodies: Sequence[Body], columns: Sequence[Any]) -> None:
        """Offer these; what was chosen stays chosen, also if it is gone."""
        frame, body = self.inputs["frame"].value, self.inputs["body"].value
        names = [*frames, *([frame] if frame and frame not in frames else [])]
        tasks = [*bodies, *([body] if body is not None and body not in bodies else [])]
        choose(self.inputs["frame"], [NO_FRAME, *((name, name) for name in names)])
        choose(self.inputs["body"], [NO_BODY, *((one.label, one) for one in tasks)])
        choose(self.inputs["by"], [(str(column), column) for column in columns])

    def arrange(self) -> None:
        """Show the fields that the way to partition needs."""
        for name, ways in SHOWN.items():
            display = "flex" if self.inputs["how"].value in ways else "none"
            if self._places[name].layout.display != display:
                self._places[name].layout.display = display

    def complain(self, wrong: Mapping[str, str]) -> None:
        """Show a line beside each field that has something wrong, and mark the tabs that hold one."""
        for name, place in self._heads.items():
            place.value = self._head(name, wrong.get(name, ""))
        bad = {title for title in tab_names() if set(wrong) & set(names_in(title))}
        self._tabs.titles = [f"{name} (!)" if name in bad else name for name in tab_names()]

    def draw(self, rows: Any, labels: Sequence[str] | None, words: str) -> None:
        """Show a plan: the sizes of its partitions, and a line about them.

        A page takes a while to load its first chart, so that comes when the form is there.
        """
        if self.figure is None:
            self.figure = chart()
            self._bars.children = [self.figure]
        with self.figure.batch_update():
            self.figure.data[0].update(sizes.trace(rows, labels), overwrite=False)
            self.figure.layout.update(sizes.layout(rows) | {"meta": str(self.box._view_count)})
        self._plan.value = words

    def say(self, *, plan: str | None = None, advice: str | None = None, code: str = "", yaml: str = "") -> None:
        """Show these texts, as HTML; None or "" leaves what is there."""
        for widget, text in ((self._plan, plan), (self._advice, advice)):
            widget.value = widget.value if text is None else text
        for widget, text in ((self._code, code), (self._yaml, yaml)):
            widget.value = text or widget.value

    def tell(self, outcome: str) -> None:
        """Show what came of a button, as HTML."""
        self._outcome.value = outcome

    def bundle(self) -> dict[str, Any]:
        """What displays the widget, and nothing else beside it."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}


def tab_names() -> list[str]:
    """The groups of settings in the order of JobSpec's fields, and where the run goes."""
    return [*dict.fromkeys(one.group for one in sorted(form_fields(), key=lambda one: one.group == MORE)), PLACE]


def names_in(title: str) -> list[str]:
    """The fields under a tab."""
    return [one.name for one in form_fields() if one.group == title] or ["name", "context", "namespace"]


def setting(item: FormField) -> Any:
    """The widget of a field of JobSpec: text, whatever its kind, so that nothing said is lost."""
    if item.lines:
        return ipywidgets.Textarea(placeholder=item.placeholder, rows=2)
    return ipywidgets.Text(placeholder=item.placeholder)


def button(text: str, tooltip: str, style: str = "") -> Any:
    """A button of the last row."""
    name = text.lower().replace(" ", "-")
    return ipywidgets.Button(description=text, tooltip=tooltip, button_style=style).add_class(f"kjnb-button-{name}")


def grid(places: Iterable[Any]) -> Any:
    """Fields beside each other, as many as there is room for."""
    return ipywidgets.GridBox(list(places), layout={"grid_template_columns": GRID, "grid_gap": "6px 16px"})


def choose(widget: Any, options: list[tuple[str, Any]]) -> None:
    """Give a widget other options; its value stays as far as it is among them."""
    if list(widget.options) == options:
        return
    kept = widget.value
    widget.options = options
    values = [value for _, value in options]
    widget.value = tuple(one for one in kept if one in values) if isinstance(kept, tuple) else kept


def chart() -> Any:
    """The bars of partition sizes, empty at first."""
    bars = {"type": "bar", "textposition": "none", "hovertemplate": "%{text}<extra></extra>", "x": [], "y": []}
    figure = go.FigureWidget(data=[bars], layout=sizes.empty_layout())
    figure._config = {"responsive": True, "displayModeBar": False}
    figure.layout.autosize = True  # every message that touches the layout fits it to the cell
    return figure
