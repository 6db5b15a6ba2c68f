"""PURE: which fields the served kinds have, in a compact notation, and documents held against it.

A line of `FIELDS` is a type, its words are `name:type`. Types: `str` (dropped when empty, as Go's omitempty does),
`str!` (kept when empty), `str+` (there even when nobody wrote it), `bool` (dropped when false), `bool!`, `int`, `long`,
`int-` and `long-` (dropped when zero), `intstr` (a number or text), `qty`, `time`, `micro` (to the microsecond), `any`,
`map` (of text), `bytes` (a map of base64), `qtys` (of quantities), the name of another type, or `[T]` for a list.
`[T]@key` is merged by that key in a strategic merge patch, `[str]@` by value. A field that is not here is unknown to
the server: it is dropped with a warning, or refused when the client asks for strictness.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from kjnb.embedded.api import answers, quantity, timestamps
from kjnb.embedded.api.fields import FIELDS

Object = dict[str, Any]
GO_NAMES = {"str": "string", "int": "int32", "long": "int64", "bool": "bool", "map": "map[string]string"}
EMPTY = {"str": "", "int": 0, "bool": False}
JSON_NAMES = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


class Field(NamedTuple):
    """One field: type, whether a list, whether an empty value is kept, merge key, whether always there, or never 0."""

    type: str
    many: bool = False
    kept: bool = False
    key: str | None = None
    always: bool = False
    not_zero: bool = False


class Mismatch(ValueError):  # noqa: N818  (what it is)
    """A value of the wrong type; the message is what a Go decoder would say."""


@cache
def fields(kind: str) -> dict[str, Field]:
    """The fields of a type by name; empty for types that are not structs."""
    return dict(_parsed(word) for word in FIELDS.get(kind, "").split())


def _parsed(word: str) -> tuple[str, Field]:
    name, _, what = word.partition(":")
    what, merged, key = what.partition("@")
    many = what.startswith("[")
    always = what.endswith("+")
    kept = always or what.endswith("!")
    return name, Field(what.strip("[]!+-"), many, kept, key if merged else None, always, what.endswith("-"))


def shape(kind: str, name: str) -> tuple[str, str | None]:
    """For `patches.strategic_merge`: a field's type, and the key its list is merged by (None: it is replaced)."""
    found = fields(kind).get(name)
    return (found.type, found.key) if found else ("any", None)


class Reading:
    """One document held against a kind: `unknown` collects the fields that nobody knows."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def struct(self, kind: str, value: Any, path: str) -> Object:
        """The document without unknown, null and empty fields. Mismatch."""
        if not isinstance(value, dict):
            raise mismatch(value, kind, path, kind)
        known, kept = fields(kind), {}
        for name, inner in value.items():
            found = known.get(name)
            place = f"{path}.{name}" if path else name
            if found is None:
                self.unknown.append(place)
                continue
            got = self.field(found, inner, place, kind)
            if got is not None:
                kept[name] = got
        return kept | {name: EMPTY[one.type] for name, one in known.items() if one.always and name not in kept}

    def field(self, found: Field, value: Any, place: str, owner: str) -> Any:
        """The value of one field; None when it is to be dropped."""
        if value is None:
            return None
        if not found.many:
            got = self.scalar(found.type, value, place, owner)
            dropped = (got == 0) if found.not_zero else (got == "" or got is False) and not found.kept
            return None if dropped else got
        if not isinstance(value, list):
            raise mismatch(value, f"[]{GO_NAMES.get(found.type, found.type)}", place, owner)
        items = [self.scalar(found.type, item, f"{place}[{i}]", owner) for i, item in enumerate(value)]
        return items if items or found.kept else None

    def scalar(self, kind: str, value: Any, place: str, owner: str) -> Any:
        """One value that is no list."""
        check = CHECKS.get(kind)
        return check(value, place, owner) if check else self.struct(kind, value, place)


def mismatch(value: Any, wanted: str, place: str, owner: str) -> Mismatch:
    """What Go says of a value of the wrong type."""
    given = JSON_NAMES.get(type(value), "null")
    if given == "number":
        given = f"number {value}"
    clean = ".".join(part.split("[")[0] for part in place.split("."))
    return Mismatch(f"json: cannot unmarshal {given} into Go struct field {owner}.{clean} of type {wanted}")


def _text(value: Any, place: str, owner: str) -> Any:
    if not isinstance(value, str):
        raise mismatch(value, "string", place, owner)
    return value


def _flag(value: Any, place: str, owner: str) -> Any:
    if not isinstance(value, bool):
        raise mismatch(value, "bool", place, owner)
    return value


def _number(bits: int) -> Callable[[Any, str, str], Any]:
    def check(value: Any, place: str, owner: str) -> Any:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise mismatch(value, f"int{bits}", place, owner)
        return value

    return check


def _quantity(value: Any, place: str, owner: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise mismatch(value, "resource.Quantity", place, owner)
    try:
        return quantity.canonical(value)
    except ValueError as error:
        raise Mismatch(str(error)) from None


def _time(micro: bool) -> Callable[[Any, str, str], Any]:
    def check(value: Any, place: str, owner: str) -> Any:
        text = _text(value, place, owner)
        try:
            return timestamps.canonical(text, micro=micro) if text else None
        except ValueError as error:
            raise Mismatch(str(error)) from None

    return check


def _number_or_text(value: Any, place: str, owner: str) -> Any:
    return value if isinstance(value, str) else _number(32)(value, place, owner)


def _map(value: Any, place: str, owner: str) -> Any:
    if not isinstance(value, dict):
        raise mismatch(value, "map[string]string", place, owner)
    return {
        name: _text("" if inner is None else inner, f"{place}.{name}", owner) for name, inner in value.items()
    } or None


def _bytes(value: Any, place: str, owner: str) -> Any:
    given = _map(value, place, owner)
    for text in (given or {}).values():
        try:
            base64.b64decode(text, validate=True)
        except ValueError:
            raise Mismatch("illegal base64 data") from None
    return given


def _quantities(value: Any, place: str, owner: str) -> Any:
    if not isinstance(value, dict):
        raise mismatch(value, "v1.ResourceList", place, owner)
    return {name: _quantity(inner, f"{place}.{name}", owner) for name, inner in value.items()} or None


CHECKS: dict[str, Callable[[Any, str, str], Any]] = {
    "str": _text, "time": _time(False), "micro": _time(True), "intstr": _number_or_text,
    "bool": _flag, "int": _number(32), "long": _number(64), "qty": _quantity, "map": _map, "bytes": _bytes,
    "qtys": _quantities,
    "any": lambda value, _place, _owner: value,
}  # fmt: skip


def posted(body: Any, kind: str, versions: tuple[str, ...]) -> Object:
    """A document that is posted for its effect and stored nowhere, as `read` keeps it. 400."""
    if not isinstance(body, dict):
        raise answers.bad_request(f"the object provided is unrecognized (must be of type {kind})")
    given, version = body.get("kind") or kind, body.get("apiVersion") or versions[0]
    said = f'{given} in version "{version}" cannot be handled as a {kind}'
    if given != kind or version not in versions:
        raise answers.bad_request(said)
    try:
        return read(kind, body)[0]
    except Mismatch as error:
        raise answers.bad_request(f"{said}: {error}") from None


def read(kind: str, document: Object) -> tuple[Object, list[str]]:
    """The document as the server keeps it, and the paths of its unknown fields. Mismatch."""
    reading = Reading()
    return reading.struct(kind, document, ""), reading.unknown
