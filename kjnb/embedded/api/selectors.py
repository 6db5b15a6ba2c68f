"""PURE: label and field selectors: text → a test that an object passes or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kjnb.embedded.api.validation import meta

Object = dict[str, Any]
Test = Callable[[Object], bool]
LabelTest = Callable[[Mapping[str, str]], bool]
TOKEN = re.compile(r"\s*(?:(==|=|!=|\(|\)|,|!|>|<)|([^\s=!(),<>]+))")
FIELD = re.compile(r"^([^=!]+)(==|!=|=)(.*)$")
UNSET = {"spec.unschedulable": "false", "spec.hostNetwork": "false", "status.successful": "0"}
READ_AT: dict[str, tuple[tuple[str, ...], ...]] = {  # where a field that is selected by is, when not at its own place
    "status.successful": (("status", "succeeded"),),
    "name": (("metadata", "name"),),
    "source": (("source", "component"), ("reportingComponent",)),
}
SIGNS = ("", "==", "=", "!=", "(", ")", ",", "!", ">", "<")
TERM = re.compile(r"(?:[^,\\]|\\.|\\$)+", re.DOTALL)
WRONGLY_ESCAPED = re.compile(r"^(?:[^\\=,]|\\[\\=,])*(?:=|,|\\(?![\\=,]))", re.DOTALL)
OPERATORS = "in, notin, =, ==, !=, gt, lt"


class SelectorError(ValueError):
    """A selector that cannot be read; the message is the API server's."""


@dataclass(frozen=True)
class HasValue:
    """The test by which objects can be found: a label with this value."""

    key: str
    value: str

    def __call__(self, labels: Mapping[str, str]) -> bool:
        """Whether it is there."""
        return labels.get(self.key) == self.value


class Tokens:
    """The words of a label selector, taken one by one; the empty word is the end."""

    def __init__(self, text: str) -> None:
        self.words: list[str] = []
        place = 0
        text = text.rstrip()
        while place < len(text):
            found = TOKEN.match(text, place)
            assert found, "every character is an operator, a blank or part of a word"
            self.words.append(found.group(1) or found.group(2))
            place = found.end()
        self.words.reverse()

    def peek(self) -> str:
        """The next word, left in place."""
        return self.words[-1] if self.words else ""

    def take(self) -> str:
        """The next word."""
        return self.words.pop() if self.words else ""


def parse_labels(text: str) -> list[LabelTest]:
    """`a=b,c!=d,e in (x,y),f notin (z),g,!h,i>3` → tests that must all pass. SelectorError."""
    tokens, tests = Tokens(text), []
    while tokens.peek():
        tests.append(_requirement(tokens))
        if not tokens.peek():
            break
        if (word := tokens.take()) != ",":
            raise SelectorError(f"unable to parse requirement: found '{word}', expected: ',' or 'end of string'")
        if not tokens.peek():
            raise SelectorError("unable to parse requirement: found '', expected: identifier after ','")
    return tests


def _requirement(tokens: Tokens) -> LabelTest:
    if tokens.peek() == "!":
        tokens.take()
        absent = _key(tokens)
        return lambda labels: absent not in labels
    key, operator = _key(tokens), tokens.peek()
    if operator in ("", ","):
        return lambda labels: key in labels
    tokens.take()
    if operator in ("=", "=="):
        return HasValue(key, _value(tokens, key))
    if operator == "!=":
        unwanted = _value(tokens, key)
        return lambda labels: labels.get(key) != unwanted
    if operator in ("in", "notin"):
        values, inside = _values(tokens, key), operator == "in"
        return lambda labels: (labels.get(key) in values) == inside
    if operator in (">", "<"):
        return _compared(key, operator, _value(tokens, key))
    raise SelectorError(f"unable to parse requirement: found '{operator}', expected: {OPERATORS}")


def _compared(key: str, operator: str, bound: str) -> LabelTest:
    if not re.fullmatch(r"-?\d+", bound):
        raise SelectorError(
            f"values[0][{key}]: Invalid value: {bound!r}: for 'Gt', 'Lt' operators, the value must be an integer"
        )
    limit, above = int(bound), operator == ">"

    def passes(labels: Mapping[str, str]) -> bool:
        value = labels.get(key, "")
        return bool(re.fullmatch(r"-?\d+", value)) and (int(value) > limit if above else int(value) < limit)

    return passes


def _key(tokens: Tokens) -> str:
    word = tokens.take()
    if word in SIGNS:
        raise SelectorError(f"unable to parse requirement: found '{word}', expected: !, identifier, or 'end of string'")
    return _valid(word, word, "key", meta.qualified_name(word))


def _valid(word: str, key: str, what: str, said: list[str]) -> str:
    """The word, if nothing is said against it."""
    if said:
        place = "key" if what == "key" else f"values[0][{key}]"
        raise SelectorError(f'unable to parse requirement: {place}: Invalid value: "{word}": {"; ".join(said)}')
    return word


def _value(tokens: Tokens, key: str) -> str:
    if tokens.peek() in ("", ","):
        return ""
    word = tokens.take()
    if word in SIGNS:
        raise SelectorError(f"unable to parse requirement: found '{word}', expected: identifier")
    return _valid(word, key, "value", meta.label_value(word))


def _values(tokens: Tokens, key: str) -> set[str]:
    """`(a,b)`: what is missing before, between or after commas is the empty value."""
    opening = tokens.take()
    if opening != "(":
        raise SelectorError(f"unable to parse requirement: found '{opening}' expected: '('")
    values: set[str] = set()
    while True:
        if tokens.peek() in (",", ")"):
            values.add("")
        elif (word := tokens.take()) in SIGNS:
            raise SelectorError(f"unable to parse requirement: found '{word}', expected: ',', ')' or identifier")
        else:
            values.add(_valid(word, key, "value", meta.label_value(word)))
        following = tokens.take()
        if following == ")":
            return values
        if following != ",":
            raise SelectorError(f"unable to parse requirement: found '{following}', expected: ',' or ')'")


def parse_fields(text: str, known: frozenset[str]) -> list[Test]:
    """`status.phase=Failed,metadata.name!=x` → tests that must all pass. SelectorError for a field not in `known`."""
    tests: list[Test] = []
    for part in TERM.findall(text):
        found = FIELD.match(part)
        if not found:
            raise SelectorError(f"invalid selector: '{part}'; can't understand '{part}'")
        path, operator, value = found.groups()
        if path not in known:
            raise SelectorError(f"field label not supported: {path}")
        tests.append(_field_test(path, _unescaped(value), operator != "!="))
    return tests


def _unescaped(value: str) -> str:
    r"""The value that `\,`, `\=` and `\\` in it stand for. SelectorError."""
    if WRONGLY_ESCAPED.search(value):
        raise SelectorError(f"invalid field selector: unescaped character or invalid escape sequence in value: {value}")
    return re.sub(r"\\(.)", r"\1", value)


def _field_test(path: str, value: str, equal: bool) -> Test:
    ways, unset = READ_AT.get(path) or (tuple(path.split(".")),), UNSET.get(path, "")

    def passes(obj: Object) -> bool:
        found = next(filter(None, (field(obj, way) for way in ways)), unset)
        return (found == value) == equal

    return passes


def field(obj: Object, path: tuple[str, ...]) -> str:
    """The field's value as selectors see it: text, empty when it is not set."""
    value: Any = obj
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
        if value is None:
            return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


class Selector:
    """Label and field tests as one; `labels` are the values that every object must have to pass."""

    def __init__(self, label_tests: list[LabelTest], field_tests: list[Test]) -> None:
        self._label_tests = label_tests
        self._field_tests = field_tests
        self.labels = {test.key: test.value for test in label_tests if isinstance(test, HasValue)}

    def __call__(self, obj: Object) -> bool:
        """Whether the object passes."""
        own = obj["metadata"].get("labels") or {}
        return all(test(own) for test in self._label_tests) and all(test(obj) for test in self._field_tests)


def selector(labels: str, fields: str, known: frozenset[str]) -> Test | None:
    """Both selectors as one test of an object; None when nothing is selected by."""
    label_tests, field_tests = parse_labels(labels), parse_fields(fields, known)
    return Selector(label_tests, field_tests) if label_tests or field_tests else None


def needed_labels(test: Test | None) -> Mapping[str, str]:
    """The labels, with their values, without which no object passes."""
    return test.labels if isinstance(test, Selector) else {}


def seen_as(kind: str, obj: Object, old: Object | None, test: Test) -> str | None:
    """What an event is for a watcher with that selector: entering is ADDED, leaving is DELETED, else None."""
    before = old is not None and test(old)
    after = kind != "DELETED" and test(obj)
    if before and after:
        return "MODIFIED"
    if after:
        return "ADDED"
    return "DELETED" if before else None
