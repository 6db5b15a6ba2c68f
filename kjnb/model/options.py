"""JobSpec's fields as flags, and flags as fields: a new field appears at once in the magic and on the command line."""

from __future__ import annotations

import argparse
from dataclasses import Field, fields
from functools import cache
from typing import Any, NamedTuple

from kjnb.errors import UsageError
from kjnb.model.spec import WEEK, JobSpec, read_value

REPEATABLE = {"env": "--env", "files": "--file"}
METAVARS = {"count": "N", "duration": "TIME", "cpu": "CPU", "memory": "SIZE", "text": "NAME", "names": "TYPE[,TYPE]"}
METAVARS |= {"paths": "PATH", "env": "NAME[=VALUE]"}


def flag_of(name: str) -> str:
    """The flag of a field: backoff_limit_per_index -> --backoff-limit-per-index; files -> --file."""
    return REPEATABLE.get(name, f"--{name.replace('_', '-')}")


def default_text(item: Field[Any]) -> str:
    """What holds when a flag is not given, in words."""
    if item.metadata["unset"]:
        return str(item.metadata["unset"])
    return "7 days" if item.default == WEEK else str(item.default)


def bounds_text(item: Field[Any]) -> str:
    """The bounds of a number: "1 to 98", "0 or more"; nothing for what is no number."""
    if item.metadata["kind"] != "count":
        return ""
    low, high = item.metadata["low"], item.metadata["high"]
    return f"{low} to {high:,}; " if high < 2**31 - 1 else f"{low} or more; "


def help_text(item: Field[Any]) -> str:
    """The sentence beside a flag, with bounds and default."""
    return f"{item.metadata['help']} ({bounds_text(item)}default: {default_text(item)})".replace("%", "%%")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each field of JobSpec to a parser; read them back with `spec_fields`."""
    group = parser.add_argument_group("settings of the run")
    for item in fields(JobSpec):
        group.add_argument(
            flag_of(item.name),
            dest=item.name,
            default=None,
            action="append" if item.name in REPEATABLE else "store",
            metavar=METAVARS[item.metadata["kind"]],
            help=help_text(item),
        )


class FormField(NamedTuple):
    """A field of JobSpec in a form: its label, what it means, what holds when it is left empty, and its group.

    `lines`: it may be said several times, a line each.
    """

    name: str
    label: str
    help: str
    placeholder: str
    group: str
    lines: bool


MORE = "More"
GROUPS = dict.fromkeys(("parallelism", "cpu", "memory"), "Resources")
GROUPS |= dict.fromkeys(("backoff_limit_per_index", "max_failed_indexes", "retry_on"), "Failures")
GROUPS |= dict.fromkeys(("timeout", "active_deadline_seconds", "ttl_seconds_after_finished"), "Time")


@cache
def form_fields() -> tuple[FormField, ...]:
    """A form's field for each field of JobSpec; one without a group of its own stands under MORE."""
    return tuple(
        FormField(
            item.name,
            item.name.replace("_", " "),
            f"{item.metadata['help']}{bounds_help(item)}".replace("; repeatable", ", a line each"),
            default_text(item),
            GROUPS.get(item.name, MORE),
            item.name in REPEATABLE,
        )
        for item in fields(JobSpec)
    )


def bounds_help(item: Field[Any]) -> str:
    """The bounds of a number in brackets, if it has some."""
    bounds = bounds_text(item).rstrip("; ")
    return f" ({bounds})" if bounds else ""


def spec_fields(given: argparse.Namespace) -> dict[str, Any]:
    """The fields that were given as flags, for `JobSpec.checked(**fields)`; a bad value is a UsageError of one line.

    The values stay as given: `checked` reads them again, with the environment for `--env NAME`.
    """
    found = {item.name: getattr(given, item.name, None) for item in fields(JobSpec)}
    found = {name: value for name, value in found.items() if value is not None}
    for item in fields(JobSpec):
        if item.name in found and item.metadata["kind"] != "env":
            check_flag(item, found[item.name])
    return found


def check_flag(item: Field[Any], value: Any) -> None:
    """Read a flag's value to see that it can be; the error speaks of the flag, not of the field."""
    flag = flag_of(item.name)
    try:
        read_value(item, flag, value, {})
    except UsageError as error:
        fix = error.fix.replace(f"{flag}=", f"{flag} ").replace("'", "")
        raise UsageError(f"{error.what} ({fix})") from None


def arguments_of(spec: JobSpec) -> list[str]:
    """The flags that ask for this spec again; fields at their default are left out."""
    flags: list[str] = []
    for item in fields(JobSpec):
        value = getattr(spec, item.name)
        if value == item.default:
            continue
        for text in flag_values(item, value):
            flags += [flag_of(item.name), text]
    return flags


def flag_values(item: Field[Any], value: Any) -> list[str]:
    """A field's value as its flag takes it, once for each time the flag is said."""
    if item.metadata["kind"] == "env":
        return [f"{name}={text}" for name, text in value]
    if item.metadata["kind"] == "names":
        return [",".join(value)]
    return [str(text) for text in value] if isinstance(value, tuple) else [str(value)]
