"""Functions, classes and modules as a fingerprint needs them: whose they are, their source, and what they use."""

from __future__ import annotations

import dis
import inspect
import sys
import textwrap
import types
from collections.abc import Iterator
from typing import Any

PACKAGES = ("site-packages", "dist-packages")
NOT_OF_A_CLASS = frozenset(
    {
        "__dict__",
        "__weakref__",
        "__doc__",
        "__module__",
        "__qualname__",
        "__firstlineno__",
        "__static_attributes__",
        "__annotations_cache__",
        "__annotate__",
        "__annotate_func__",
        "_abc_impl",
    }
)


def is_library(name: Any) -> bool:
    """Whether a module is of the standard library or installed: its code is told by name and version."""
    if not isinstance(name, str) or name in ("", "__main__"):  # some compiled types have a descriptor there
        return False
    if name.partition(".")[0] in sys.stdlib_module_names:
        return True
    module = sys.modules.get(name)
    if module is None:
        return False
    file = getattr(module, "__file__", None)
    return file is None or any(f"/{folder}/" in file.replace("\\", "/") for folder in PACKAGES)


def in_library(value: types.FunctionType | type) -> bool:
    """Whether a function or class is what a library has under that name.

    `functools.wraps` gives a user's function a library's name, and factories such as `make_dataclass` give theirs to
    the classes they make.
    """
    if not is_library(value.__module__):
        return False
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is value:
        return True
    return isinstance(value, type) and not any(isinstance(inner, types.FunctionType) for inner in vars(value).values())


def library_version(name: str) -> str:
    """The version of the library that a module belongs to; "" if it does not say."""
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    version = getattr(sys.modules.get(root), "__version__", "")
    return version if isinstance(version, str) else ""


def library_name(value: Any) -> str:
    """A library's function or class by name and version."""
    return f"{type_name(value)} {library_version(value.__module__)}"


def type_name(kind: Any) -> str:
    """A function's or class's full name."""
    return f"{kind.__module__}.{kind.__qualname__}"


def source_of(value: Any) -> str:
    """The source of a function or module, without its indentation; "" for a lambda, whose line says more than it is."""
    value = getattr(value, "__code__", value)  # of a function itself, where it wraps another
    if getattr(value, "co_name", "") == "<lambda>":
        return ""
    try:
        return textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError, SyntaxError):
        return ""


def used_globals(function: types.FunctionType) -> dict[str, Any]:
    """The globals that a function uses, its inner functions included; what is unset or builtin is left out."""
    names = {name for code in nested(function.__code__) for name in loaded(code)}
    return {name: function.__globals__[name] for name in sorted(names) if name in function.__globals__}


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code object and those within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from nested(constant)


def loaded(code: types.CodeType) -> Iterator[str]:
    """The names that a piece of code looks up among the globals, in the order it does."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            yield str(step.argval)


def own_attributes(function: types.FunctionType) -> dict[str, Any]:
    """What was set on a function; what it wraps is in its closure already."""
    return {name: value for name, value in vars(function).items() if name != "__wrapped__"}


def class_attributes(kind: type) -> dict[str, Any]:
    """What a class's body and its decorators put into it."""
    return {name: value for name, value in vars(kind).items() if name not in NOT_OF_A_CLASS}


def attributes_of(value: Any) -> dict[str, Any]:
    """An object's attributes, from its __dict__ and its slots."""
    slots = [name for kind in type(value).__mro__ for name in slot_names(kind)]
    found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return found | dict(getattr(value, "__dict__", {}))


def slot_names(kind: type) -> tuple[str, ...]:
    """The slots that a class itself declares."""
    slots = vars(kind).get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))
