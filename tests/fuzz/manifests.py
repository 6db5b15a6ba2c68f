"""Strategies: documents that are almost right, values that are not, and bytes that no encoder would write."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from typing import Any

from hypothesis import strategies as st

from kjnb.embedded.api import schema

Object = dict[str, Any]
CONTAINER = {"name": "main", "image": "busybox:1.36", "command": ["true"]}
META = {"name": "victim", "namespace": "default"}
GOOD: dict[str, Object] = {
    "jobs": {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": META,
        "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}},
    },
    "pods": {"apiVersion": "v1", "kind": "Pod", "metadata": META, "spec": {"containers": [CONTAINER]}},
    "configmaps": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": META, "data": {"key": "value"}},
    "secrets": {"apiVersion": "v1", "kind": "Secret", "metadata": META, "data": {"key": "dmFsdWU="}},
    "events": {"apiVersion": "v1", "kind": "Event", "metadata": META, "involvedObject": {"namespace": "default"}},
}
KINDS = {plural: obj["kind"] for plural, obj in GOOD.items()}
COLLECTION = {
    plural: ("/apis/batch/v1" if plural == "jobs" else "/api/v1") + f"/namespaces/default/{plural}" for plural in GOOD
}

BASE64 = st.binary(max_size=9).map(lambda raw: base64.b64encode(raw).decode())
ODD_TEXTS = st.sampled_from(
    ["", " ", "-", ".", "..", "../../etc/passwd", "a/b", "/", "\x00", "\n", "a\tb", "Ä", "\u202e", "💥", "%2e", "'\"\\",
     "null", "$(X)", "{}", "a" * 64, "a" * 254, "0", "-1", "1e9", "NaN", "True", "0-", "3-1", "1,,2", "0-2147483647",
     "99999999999999999999", "\ud800", "٣", "1_0", "²"]
)  # fmt: skip
TEXTS = ODD_TEXTS | st.text(max_size=12) | st.sampled_from(["main", "victim", "Never", "Always", "All", "Indexed"])
LARGE = [2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, -(2**31), -(2**63), -(10**30)]
INTEGERS = st.integers(-3, 12) | st.sampled_from(LARGE)
FLOATS = st.floats() | st.sampled_from([1.0, 0.5, 1e308, -0.0, 1e-9])
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
QUANTITIES = st.sampled_from(["1", "500m", "1Gi", "0", "-1", "1e3", "1e999999999", "9" * 40, ".", "1ki", "1E", "1 Gi"])
TIMES = st.sampled_from(["2026-01-31T12:00:00Z", "2026-01-31", "now", "0000-00-00T00:00:00Z", "2026-13-01T00:00:00Z"])


def of_type(kind: str, depth: int = 3) -> st.SearchStrategy[Any]:
    """Values of a field's type, wild ones among them; now and then of another type."""
    plain = {
        "str": TEXTS, "int": INTEGERS, "long": INTEGERS, "bool": st.booleans(), "time": TIMES, "qty": QUANTITIES,
        "map": st.dictionaries(TEXTS, TEXTS, max_size=3),
        "bytes": st.dictionaries(TEXTS, BASE64, max_size=3),
        "qtys": st.dictionaries(TEXTS, QUANTITIES, max_size=3),
        "any": ANYTHING,
    }  # fmt: skip
    if kind in plain:
        return plain[kind]
    return struct(kind, depth - 1) if depth > 0 else st.just({})


def struct(kind: str, depth: int) -> st.SearchStrategy[Object]:
    """Some of a type's fields."""
    known = schema.fields(kind)
    if not known:
        return st.dictionaries(TEXTS, ANYTHING, max_size=3)

    def value(name: str) -> st.SearchStrategy[tuple[str, Any]]:
        field = known[name]
        one = of_type(field.type, depth)
        right = st.lists(one, max_size=2) if field.many else one
        chosen = st.integers(0, 11).flatmap(lambda n: ANYTHING if n == 0 else right)
        return chosen.map(lambda v: (name, v))

    some = st.lists(st.sampled_from(sorted(known)), max_size=4, unique=True)
    return some.flatmap(lambda names: st.tuples(*map(value, names)).map(dict))


def merged(good: Any, wild: Any) -> Any:
    """The good document with the wild one's values in it; a wild item goes into the first good one."""
    if isinstance(good, dict) and isinstance(wild, dict):
        return {**good, **{name: merged(good.get(name), value) for name, value in wild.items()}}
    if isinstance(good, list) and isinstance(wild, list) and good and wild:
        return [merged(good[0], wild[0]), *wild[1:]]
    return wild


@st.composite
def wild(draw: st.DrawFn) -> tuple[str, Object]:
    """(resource, an almost right document)."""
    plural = draw(st.sampled_from(["jobs", "jobs", "pods", "configmaps", "secrets", "events"]))
    document = merged(GOOD[plural], draw(struct(KINDS[plural], 4)))
    if draw(st.integers(0, 2)) and isinstance(document.get("metadata"), dict):
        document["metadata"] = {**document["metadata"], **META}
    return plural, document


@st.composite
def statuses(draw: st.DrawFn) -> tuple[str, Any]:
    """(resource, a status of that kind, or something else)."""
    plural = draw(st.sampled_from(["jobs", "pods"]))
    return plural, draw(struct("JobStatus" if plural == "jobs" else "PodStatus", 4) | ANYTHING)


WRONG = {
    "str": st.sampled_from([7, 1.5, True, [], {}, ["a"], {"a": "b"}]),
    "int": st.sampled_from(["7", 1.5, True, [], {}, 2**31, -(2**31) - 1, 10**30, float("inf"), float("nan")]),
    "long": st.sampled_from(["7", 1.5, True, [], {}, 2**63, 10**30, float("nan")]),
    "bool": st.sampled_from(["true", 1, 0, [], {}]),
    "time": st.sampled_from([7, True, [], {}, "yesterday", "2026-13-41T00:00:00Z"]),
    "qty": st.sampled_from(["1 Gi", "much", True, [], {}, float("nan")]),
    "map": st.sampled_from(["a", 7, True, [], ["a"], {"a": 7}, {"a": ["b"]}, {"a": {}}]),
    "bytes": st.sampled_from(["a", 7, [], {"a": 7}, {"a": ["b"]}, {"a": "no!"}, {"a": "abc"}]),
    "qtys": st.sampled_from(["a", 7, [], {"cpu": "much"}, {"cpu": {}}, {"cpu": True}]),
}  # fmt: skip
STRUCT = st.sampled_from(["a", 7, True, [], ["a"]])


@st.composite
def mistyped(draw: st.DrawFn) -> tuple[str, Object]:
    """(resource, a right document but for one value of a type that its field cannot have)."""
    plural = draw(st.sampled_from(["jobs", "jobs", "pods", "configmaps", "secrets"]))
    return plural, merged(GOOD[plural], draw(_mistyped(KINDS[plural], 6)))


@st.composite
def _mistyped(draw: st.DrawFn, kind: str, depth: int) -> Object:
    names = sorted(name for name, field in schema.fields(kind).items() if field.type != "any" and name != "status")
    name = draw(st.sampled_from(names))
    field = schema.fields(kind)[name]
    deeper = bool(schema.fields(field.type)) and depth > 0 and draw(st.integers(0, 4)) > 0
    if field.many and not deeper and draw(st.booleans()):
        return {name: draw(st.sampled_from(["a", 7, True, {"a": "b"}]))}
    if schema.fields(field.type):
        value = draw(_mistyped(field.type, depth - 1) if deeper else STRUCT)
    else:
        value = draw(WRONG[field.type])
    return {name: [value] if field.many else value}


def encoded(document: Any) -> bytes:
    """As JSON, with NaN, Infinity and lone surrogates where the document has them."""
    return json.dumps(document).encode()


@st.composite
def broken_json(draw: st.DrawFn) -> bytes:
    """Bytes that began as JSON of a good document: cut, doubled, overwritten, nested too deep."""
    whole = encoded(GOOD[draw(st.sampled_from(sorted(GOOD)))])
    place = draw(st.integers(0, len(whole) - 1))
    how = draw(st.sampled_from(["cut", "double", "over", "nest", "control", "twice", "utf16", "bom"]))
    depth = draw(st.sampled_from([10, 500, 5_000, 200_000]))
    return {
        "cut": whole[:place],
        "double": whole + whole,
        "over": whole[:place] + draw(st.binary(min_size=1, max_size=4)) + whole[place + 1 :],
        "nest": draw(st.sampled_from([b"[", b'{"a":', b'{"metadata":', b'{"spec":{"template":'])) * depth,
        "control": whole.replace(b"busybox", b"busy\x00\x1fbox").replace(b"value", b"val\nue"),
        "twice": whole.replace(b'"metadata"', b'"kind":7,"metadata"', 1),
        "utf16": whole.decode().encode("utf-16"),
        "bom": b"\xef\xbb\xbf" + whole,
    }[how]


ODD_YAML = st.sampled_from(
    [b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", b"!!python/object/apply:os.getpid []", b"{a: b: c}", b"- - - -",
     b"--- \n---",
     b"metadata: {name: 2026-01-31}", b"metadata: {name: yes}", b"%YAML 9.9\n---\na: 1", b"<<: 7", b"? [a]\n: b",
     b"a: !!binary x",
     b"{" * 5000, b"a: .nan", b"kind: ConfigMap\nkind: 7", b"\t", b"&a {x: *a}", b"a: 0x" + b"f" * 50_000]
)  # fmt: skip
BOMB = gzip.compress(b" " * 50_000_000)


def packed(body: bytes, how: str) -> bytes:
    """As gzip has it, or not quite."""
    whole = gzip.compress(body)
    return {"whole": whole, "cut": whole[:-6], "bomb": BOMB}[how]


@st.composite
def protobuf(draw: st.DrawFn) -> bytes:
    """Kubernetes' magic, an envelope that names a kind, and fields of any kind."""
    if draw(st.integers(0, 3)) == 0:
        return b"k8s\x00" + draw(st.binary(max_size=60))
    kind = draw(st.sampled_from(["Job", "Pod", "ConfigMap", "Secret", "Namespace", "Nothing", ""]))
    version = draw(st.sampled_from(["v1", "batch/v1", ""]))
    about = _part(1, version.encode()) + _part(2, kind.encode())
    inner = b"".join(draw(st.lists(_field(), max_size=4)))
    body = b"k8s\x00" + _part(1, about) + _part(2, inner)
    return body[: draw(st.integers(4, len(body)))] if draw(st.booleans()) else body


@st.composite
def _field(draw: st.DrawFn, depth: int = 3) -> bytes:
    number = draw(st.integers(1, 20))
    if draw(st.booleans()):
        return _varint(number << 3) + _varint(draw(st.integers(0, 2**64)))
    inner = draw(st.binary(max_size=12)) if depth == 0 or draw(st.booleans()) else draw(_field(depth - 1))
    return _part(number, inner)


def _part(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


assert sys.getrecursionlimit() < 200_000, "`nest` is to be deeper than the server can follow"
