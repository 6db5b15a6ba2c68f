"""What makes two launches the same run: a digest of values by content, and of a run by all that goes into it.

Never a pickle's bytes: they differ between kernels, with the order of sets and with what was shared in memory. Rules:

- A set is digested by its sorted members, an object's attributes by name. A dict's order counts, since a function may
  go by it; so do types: 1, 1.0 and True differ.
- A function of the user is its source (a lambda, or what has no source: its byte code and constants), with its
  defaults, its closure and the globals that it uses. A class of the user is its attributes. What comes from the
  standard library or an installed package is its name and version.
- Arrays, frames and Arrow data are their values and types, whatever their strides, chunks or masked bytes.
- Any other object is its type and what `__reduce_ex__` says of it, else its attributes. A cycle is said as such.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import struct
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

from kjnb.model import callables, content
from kjnb.model.partition import Plan
from kjnb.model.spec import JobSpec

SIZE = 16
PLAIN = frozenset({int, float, str, bool, type(None)})


def digest(value: Any) -> str:
    """32 hex digits of any value's content: the same in every kernel, whatever its hash seed."""
    return Walk().of(value).hex()


def fingerprint(task_digest: str, parts_digest: str, plan: Plan, spec: JobSpec) -> str:
    """32 hex digits of a run: its task, its parts' content, its plan and its settings."""
    shape = (plan.kind, plan.completions, list(plan.by))
    return digest(("run", 1, task_digest, parts_digest, shape, spec.as_dict()))


def join(tag: str, *parts: bytes) -> bytes:
    """One digest of several, under a tag that keeps kinds apart."""
    found = hashlib.blake2b(digest_size=SIZE)
    for part in (tag.encode("utf-8", "surrogatepass"), *parts):
        found.update(len(part).to_bytes(8))
        found.update(part)
    return found.digest()


class Walk:
    """One digest in the making: what is being looked at (for cycles) and what was seen whole (for shared values)."""

    def __init__(self) -> None:
        self.path: dict[int, int] = {}
        self.seen: dict[int, tuple[Any, bytes]] = {}
        self.lowest = sys.maxsize

    def of(self, value: Any) -> bytes:
        """The digest of a value; a value within itself is told by how far up it stands."""
        if type(value) in PLAIN:
            return plain(value)
        key = id(value)
        if key in self.seen:
            return self.seen[key][1]
        if key in self.path:
            self.lowest = min(self.lowest, self.path[key])
            return join("cycle", str(len(self.path) - self.path[key]).encode())
        return self.whole(key, value)

    def whole(self, key: int, value: Any) -> bytes:
        """Digest a value that may hold others; remember it unless it hangs on what is above it."""
        depth = self.path[key] = len(self.path)
        outer, self.lowest = self.lowest, sys.maxsize
        found = self.dispatch(value)
        del self.path[key]
        if self.lowest >= depth:
            self.seen[key] = (value, found)
        self.lowest = min(outer, self.lowest if self.lowest < depth else sys.maxsize)
        return found

    def dispatch(self, value: Any) -> bytes:
        """The digest by the kind of value."""
        exact = EXACT.get(type(value))
        if exact is not None:
            return exact(self, value)
        special = next((handle for kind, handle in KINDS if isinstance(value, kind)), None)
        if special is not None:
            return special(self, value)
        data = content.parts_of(value)
        return self.named("data", type(value), data) if data is not None else self.reduced(value)

    def all(self, tag: str, values: Iterable[Any]) -> bytes:
        """Several values in their order."""
        return join(tag, *(self.of(value) for value in values))

    def named(self, tag: str, kind: type, values: Iterable[Any]) -> bytes:
        """Several values of an object of that type; a library's type is its name only, whatever its version."""
        return join(tag, callables.type_name(kind).encode(), *(self.of(value) for value in values))

    def attributes(self, values: Mapping[Any, Any]) -> bytes:
        """A mapping whose order says nothing: attributes, used globals."""
        return join("attributes", *sorted(join("item", self.of(k), self.of(v)) for k, v in values.items()))

    def reduced(self, value: Any) -> bytes:
        """Any object, by what it says of itself to be made again."""
        kind = type(value)
        try:
            reducer = copyreg.dispatch_table.get(kind)
            told = reducer(value) if reducer else value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - what cannot be pickled may raise anything; its attributes then stand for it
            return join("object", self.of(kind), self.attributes(callables.attributes_of(value)))
        if isinstance(told, str):
            return join("global", callables.type_name(kind).encode(), told.encode())
        maker, args, state, items, pairs = (*told, None, None, None)[:5]
        inner = self.attributes(state) if isinstance(state, dict) else self.of(state)
        return join("made", self.of(maker), self.of(args), inner, self.all("", items or ()), self.all("", pairs or ()))


def plain(value: Any) -> bytes:
    """A scalar, by type and repr; of floats the repr tells all but the bits of a NaN."""
    return join(type(value).__name__, repr(value).encode("utf-8", "surrogatepass"))


def sequence(walk: Walk, value: Any) -> bytes:
    """A list or tuple; one of scalars only goes the short way."""
    tag = type(value).__name__
    if PLAIN.issuperset(map(type, value)):
        return join(f"{tag} of scalars", repr(value).encode("utf-8", "surrogatepass"))
    return walk.all(tag, value)


def unordered(walk: Walk, value: Any) -> bytes:
    """A set, by its sorted members."""
    return join(type(value).__name__, *sorted(walk.of(item) for item in value))


def mapping(walk: Walk, value: Any) -> bytes:
    """A dict in its order."""
    return join("dict", *(part for key, item in value.items() for part in (walk.of(key), walk.of(item))))


def function(walk: Walk, value: Any) -> bytes:
    """A function: a library's by name, the user's by source and all that it uses."""
    if callables.in_library(value):
        return join("library", callables.library_name(value).encode())
    source = callables.source_of(value)
    body = join("source", source.encode()) if source else walk.of(value.__code__)
    used = callables.used_globals(value)
    return join(
        "function",
        body,
        walk.of(value.__defaults__),
        walk.of(value.__kwdefaults__),
        walk.all("closure", value.__closure__ or ()),
        walk.attributes(used),
        walk.attributes(callables.own_attributes(value)),
    )


def code(walk: Walk, value: Any) -> bytes:
    """A code object: what it does, without where it stands."""
    shape = (value.co_argcount, value.co_kwonlyargcount, value.co_posonlyargcount, value.co_flags)
    names = (value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars)
    return join("code", value.co_code, walk.of(shape), walk.of(names), walk.of(value.co_consts))


def cell(walk: Walk, value: Any) -> bytes:
    """A variable of a closure, which may be unset yet."""
    try:
        return join("cell", walk.of(value.cell_contents))
    except ValueError:
        return join("empty cell")


def class_(walk: Walk, value: Any) -> bytes:
    """A class: a library's by name, the user's by bases and attributes."""
    if callables.in_library(value):
        return join("library", callables.library_name(value).encode())
    inner = walk.attributes(callables.class_attributes(value))
    return join("class", value.__qualname__.encode(), walk.all("bases", value.__bases__), walk.of(type(value)), inner)


def module(_: Walk, value: Any) -> bytes:
    """A module: a library's by name and version, the user's by source."""
    name = value.__name__
    told = callables.library_version(name) if callables.is_library(name) else callables.source_of(value)
    return join("module", name.encode(), told.encode())


EXACT: dict[type, Callable[[Walk, Any], bytes]] = {
    complex: lambda _, value: join("complex", struct.pack("<dd", value.real, value.imag)),
    bytes: lambda _, value: join("bytes", value),
    bytearray: lambda _, value: join("bytearray", bytes(value)),
    type(...): lambda _, __: join("ellipsis"),
    list: sequence,
    tuple: sequence,
    set: unordered,
    frozenset: unordered,
    dict: mapping,
    types.FunctionType: function,
    types.CodeType: code,
    types.CellType: cell,
    types.ModuleType: module,
    types.MethodType: lambda walk, value: walk.all("method", (value.__func__, value.__self__)),
    types.MappingProxyType: lambda walk, value: join("proxy", mapping(walk, value)),
    functools.partial: lambda walk, value: walk.all("partial", (value.func, value.args, value.keywords)),
    staticmethod: lambda walk, value: walk.all("static", (value.__func__,)),
    classmethod: lambda walk, value: walk.all("classmethod", (value.__func__,)),
    property: lambda walk, value: walk.all("property", (value.fget, value.fset, value.fdel)),
    functools.cached_property: lambda walk, value: walk.all("cached", (value.func,)),
    type(functools.lru_cache(len)): lambda walk, value: walk.all("cached", (value.__wrapped__,)),
}
KINDS: tuple[tuple[Any, Callable[[Walk, Any], bytes]], ...] = (
    (type, class_),
    (Enum, lambda walk, value: join("enum", walk.of(type(value)), walk.of(value.name), walk.of(value.value))),
    (
        types.BuiltinFunctionType,
        lambda walk, value: join("builtin", walk.of(owner(value)), value.__qualname__.encode()),
    ),
    (types.ModuleType, module),
)


def owner(value: Any) -> Any:
    """What a builtin is bound to: a module's name, or the object whose method it is."""
    bound = value.__self__
    return bound.__name__ if isinstance(bound, types.ModuleType) else bound
