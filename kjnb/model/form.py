"""What a form says of a launch: what of it cannot be read, and the same launch as a cell and as a call.

A form holds text and nothing else, so half a number is something it can say. The cell and the call are all that comes
of it: who launches from a form launches that cell, and what the form shows is what happens.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, NamedTuple

from kjnb.errors import UsageError
from kjnb.model.names import check_name
from kjnb.model.options import flag_of, form_fields
from kjnb.model.partition import whole_number
from kjnb.model.spec import JobSpec, read_value
from kjnb.model.values import whole

WIDEST = 88  # characters of a call on one line
HOW = {"auto": "from the frame and the cluster", "count": "how many", "rows": "rows of each", "by": "by column"}
SHAPES = {"count": ("partitions",), "rows": ("rows",), "by": ("partitions",)}


class Body(NamedTuple):
    """A task that can be chosen: how it is offered, its text in a cell, and its expression in a call."""

    label: str
    source: str
    python: str


@dataclass(frozen=True)
class Form:
    """A launcher's fields as they stand, "" where nothing was said.

    `how` is a key of HOW, `partitions` with `by` says how many whole groups are packed into, `settings` are fields of
    JobSpec by name; a field that may be said several times has a line for each.
    """

    frame: str = ""
    body: Body | None = None
    how: str = "auto"
    partitions: str = ""
    rows: str = ""
    by: tuple[Any, ...] = ()
    name: str = ""
    context: str = ""
    namespace: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def said(self) -> dict[str, str]:
        """The settings that say something, in JobSpec's order."""
        found = {item.name: self.settings.get(item.name, "").strip() for item in fields(JobSpec)}
        return {name: text for name, text in found.items() if text}

    @property
    def shape(self) -> dict[str, str]:
        """The numbers that count for how it is partitioned: partitions or rows."""
        found = {name: getattr(self, name).strip() for name in SHAPES.get(self.how, ())}
        return {name: text for name, text in found.items() if text}


# ---------------------------------------------------------------- what cannot be read


def problems(form: Form, environ: Mapping[str, str]) -> dict[str, str]:
    """A line for each field that cannot be read or is missing, by field; nothing for a form that can be launched."""
    found = dict(missing(form))
    for name, check in checks(form, environ):
        try:
            check()
        except UsageError as error:
            found[name] = one_line(name, error)
    return found


def checks(form: Form, environ: Mapping[str, str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What reads each field that says something; it raises UsageError."""
    for name, text in form.shape.items():
        yield name, partial(whole_number, name, number_or_text(text))
    for item in fields(JobSpec):
        if item.name in form.said:
            value = values_of(item.name, form.said[item.name])
            yield item.name, partial(read_value, item, item.name, value, environ)
    if form.name.strip():
        yield "name", partial(check_name, form.name.strip(), 1)


def missing(form: Form) -> Iterator[tuple[str, str]]:
    """What must be said and is not."""
    if not form.frame.strip():
        yield "frame", "choose a frame"
    if form.body is None:
        yield "body", "choose a function, or a cell that works on `part`"
    if form.how in ("count", "rows") and not form.shape:
        yield SHAPES[form.how][0], "a whole number is missing"
    if form.how == "by" and not form.by:
        yield "by", "choose one column or more"


def one_line(name: str, error: UsageError) -> str:
    """What is wrong with a field, and what to do; an example of a number is none, the sentence has one."""
    is_example = name != "name" and error.fix.startswith(f"say {name}=")
    return error.what if is_example or not error.fix else f"{error.what}; {error.fix}"


def complaints(wrong: Mapping[str, str]) -> list[str]:
    """What is wrong with a form, each with the name of its field where the sentence does not say it."""
    return [text if name in text else f"{name.replace('_', ' ')}: {text}" for name, text in wrong.items()]


def number_or_text(text: str) -> int | str:
    """The whole number that a text is, else the text."""
    number = whole(text)
    return text if number is None else number


def values_of(name: str, text: str) -> str | list[str]:
    """A field's text as `JobSpec.checked` takes it: of a repeatable field one value a line."""
    if not repeatable(name):
        return text
    return [line.strip() for line in text.splitlines() if line.strip()]


def repeatable(name: str) -> bool:
    """Whether a field may be said several times."""
    return next(one for one in form_fields() if one.name == name).lines


# ---------------------------------------------------------------- the same as a cell


def cell_line(form: Form) -> str:
    """The line: "%%kjob flights --by carrier --partitions 8 --memory 2Gi"."""
    words = [("--by", str(column)) for column in form.by] if form.how == "by" else []
    words += [(f"--{name}", text) for name, text in form.shape.items()]
    for name, text in form.said.items():
        values = values_of(name, text)
        words += [(flag_of(name), value) for value in ([values] if isinstance(values, str) else values)]
    said = {"name": form.name, "context": form.context, "namespace": form.namespace}
    words += [(f"--{name}", text.strip()) for name, text in said.items() if text.strip()]
    return " ".join(["%%kjob", form.frame.strip(), *(typed(flag, value) for flag, value in words)])


def typed(flag: str, value: str) -> str:
    """A flag with its value, as a shell's words."""
    return shlex.quote(f"{flag}={value}") if value.startswith("-") else f"{flag} {shlex.quote(value)}"


def cell(form: Form) -> str:
    """The whole cell: its line and its body."""
    return f"{cell_line(form)}\n{form.body.source if form.body else ''}"


# ---------------------------------------------------------------- the same as a call


def call(form: Form) -> str:
    """The call: 'kjnb.launch(clean, flights, by="carrier", partitions=8, memory="2Gi")'."""
    arguments = [form.body.python if form.body else "...", form.frame.strip() or "..."]
    if form.how == "by" and form.by:
        arguments.append(f"by={quoted(form.by[0]) if len(form.by) == 1 else listed(form.by)}")
    arguments += [f"{name}={number_or_quoted(text)}" for name, text in form.shape.items()]
    for name, text in form.said.items():
        values = values_of(name, text)
        arguments.append(f"{name}={number_or_quoted(values) if isinstance(values, str) else listed(values)}")
    if form.name.strip():
        arguments.append(f"name={quoted(form.name.strip())}")
    return laid_out("kjnb.launch", [*arguments, *where(form)])


def where(form: Form) -> Iterator[str]:
    """The cluster of a call, if it is not the session's."""
    context, namespace = form.context.strip(), form.namespace.strip()
    said = [quoted(context)] if context else []
    if namespace:
        yield f"cluster=kjnb.connect({', '.join([*said, f'namespace={quoted(namespace)}'])})"
    elif context:
        yield f"cluster={said[0]}"


def laid_out(function: str, arguments: list[str]) -> str:
    """A call on one line, or with an argument a line where that is too wide."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= WIDEST and "\n" not in line:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])


def number_or_quoted(text: str) -> str:
    """A whole number as it is, all else as text."""
    number = whole(text)
    return quoted(text) if number is None else str(number)


def listed(values: Iterable[Any]) -> str:
    """A list as it is typed."""
    return f"[{', '.join(map(quoted, values))}]"


def quoted(value: Any) -> str:
    """A value as Python has it, text in double quotes where it needs no escapes; several lines in three of them."""
    if not isinstance(value, str) or set('\\"') & set(value):
        return repr(value)
    if value.replace("\n", "").isprintable():
        return f'"""{value}"""' if "\n" in value else f'"{value}"'
    return repr(value)


def can_be_said(column: Any) -> bool:
    """Whether a cell's line can name a column: text that can be printed, numbers, and tuples of these."""
    if isinstance(column, tuple):
        return all(map(can_be_said, column))
    if isinstance(column, str):
        return bool(column) and column.isprintable()
    return type(column) in (int, float, bool)


# ---------------------------------------------------------------- what of it can be looked at

STAND_IN = Body("", "part", "part")


def readable(form: Form, wrong: Mapping[str, str]) -> Form | None:
    """The form without what cannot be read, so that the rest can be looked at; None if it does not say a plan."""
    if {"frame", "partitions", "rows", "by"} & set(wrong):
        return None
    settings = {name: text for name, text in form.settings.items() if name not in wrong}
    name = "" if "name" in wrong else form.name
    return replace(form, body=form.body or STAND_IN, settings=settings, name=name)
