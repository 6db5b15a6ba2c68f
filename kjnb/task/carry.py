"""How a task's values travel: pickled by value, with what they need listed, and what cannot be pickled named.

A function of the notebook takes the values it uses along; functions of modules go by name, and the modules as source.
"""

from __future__ import annotations

import builtins
import dis
import functools
import io
import linecache
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import cloudpickle

from kjnb.errors import TaskError
from kjnb.model.callables import loaded, nested
from kjnb.task import modules

DEEP = 6  # how far below a variable the thing that cannot be pickled is looked for


class Carried(NamedTuple):
    """A value ready to travel: its bytes, the modules it refers to, and the sources of its notebook functions."""

    payload: bytes
    modules: dict[str, bytes]
    sources: dict[str, str]


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle that notes which modules and functions it meets."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self.names: set[str] = set()
        self.codes: list[types.CodeType] = []

    def reducer_override(self, obj: Any) -> Any:
        """Note, then let cloudpickle do its work."""
        if is_open(obj):
            return getattr, (builtins, "open")
        if isinstance(obj, types.ModuleType):
            self.names.add(obj.__name__)
        elif isinstance(obj, types.FunctionType | type) and by_name(obj):
            self.names.add(str(obj.__module__))
        if isinstance(obj, types.FunctionType) and not by_name(obj):
            self.codes.append(obj.__code__)
            self.names |= set(_imports(obj.__code__))
        return super().reducer_override(obj)


def is_open(value: Any) -> bool:
    """Whether this is the `open` that IPython puts over the real one; in a pod the real one is meant."""
    return isinstance(value, types.FunctionType) and getattr(value, "__wrapped__", None) is builtins.open


def by_name(function: Any) -> bool:
    """Whether a pod finds this function or class in a module instead of getting it by value."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if module is None or module.__name__ == "__main__":
        return False
    found: Any = module
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is function


def carry(value: Any, names: Mapping[str, Any], extra: Iterator[str] | tuple[str, ...] = ()) -> Carried:
    """Pickle `value`; if that fails, the one of `names` (and the place in it) that cannot be pickled is named."""
    file = io.BytesIO()
    pickler = _Pickler(file)
    try:
        pickler.dump(value)
    except Exception as error:
        raise refused(names, error) from error
    sources = {code.co_filename: text for code in pickler.codes if (text := source_text(code))}
    return Carried(file.getvalue(), modules.sources({*pickler.names, *extra}), sources)


def source_text(code: types.CodeType) -> str:
    """The whole file or cell that a piece of code comes from, "" if it is not known."""
    linecache.checkcache(code.co_filename)
    return "".join(linecache.getlines(code.co_filename))


def _imports(code: types.CodeType) -> Iterator[str]:
    """Modules that a function imports in its body."""
    for one in nested(code):
        for step in dis.get_instructions(one):
            if step.opname == "IMPORT_NAME":
                yield str(step.argval)


def captured(function: Any) -> dict[str, Any]:
    """What a callable takes along, by name: its closure, the globals it uses, defaults, bound arguments."""
    if isinstance(function, functools.partial):
        bound = {f"argument {n}": value for n, value in enumerate(function.args)} | function.keywords
        return captured(function.func) | bound
    if isinstance(function, types.MethodType):
        return captured(function.__func__) | {"self": function.__self__}
    if not isinstance(function, types.FunctionType):
        return {} if isinstance(function, type) or by_name_or_builtin(function) else {"self": function}
    if by_name(function):
        return {}
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    for name in global_names(function.__code__):
        if name in function.__globals__:
            found[name] = function.__globals__[name]
    defaults = function.__code__.co_varnames[: function.__code__.co_argcount][-len(function.__defaults__ or ()) or 99 :]
    found |= dict(zip(defaults, function.__defaults__ or (), strict=False))
    return found | (function.__kwdefaults__ or {})


def by_name_or_builtin(function: Any) -> bool:
    """Whether a callable is found by its name."""
    return isinstance(function, types.BuiltinFunctionType) or (hasattr(function, "__qualname__") and by_name(function))


def global_names(code: types.CodeType) -> list[str]:
    """The global names a function reads, in the order it does."""
    return list(dict.fromkeys(name for one in nested(code) for name in loaded(one)))


def listed(names: Mapping[str, Any]) -> tuple[tuple[str, str, int], ...]:
    """What travels, as (name, type, bytes), largest first; modules and what goes by name are not counted."""
    rows = []
    for name, value in names.items():
        if isinstance(value, types.ModuleType) or is_open(value) or (callable(value) and by_name_or_builtin(value)):
            continue
        rows.append((name, type(value).__name__, size(value)))
    return tuple(sorted(rows, key=lambda row: -row[2]))


def size(value: Any) -> int:
    """Bytes of a value on the way."""
    measure: Callable[..., Any] | None = getattr(value, "memory_usage", None)
    if measure is not None:
        try:
            total = measure(deep=True)
            return int(total.sum() if hasattr(total, "sum") else total)
        except (TypeError, AttributeError, ValueError):
            pass
    if isinstance(getattr(value, "nbytes", None), int):
        return int(value.nbytes)
    try:
        return len(cloudpickle.dumps(value, protocol=5))
    except Exception:  # noqa: BLE001 - it is named where it is refused
        return 0


# ---------------------------------------------------------------- what cannot be pickled

FIXES = (
    (("TextIOWrapper", "BufferedReader", "BufferedWriter", "FileIO", "BufferedRandom"), "open the file in the task"),
    (("lock", "RLock", "Condition", "Event", "Semaphore"), "create it in the task: each pod is a process of its own"),
    (("generator", "coroutine", "async_generator"), "make a list of it first"),
    (
        ("Connection", "Cursor", "Engine", "Session", "socket", "SSLSocket"),
        "connect in the task: a connection ends here",
    ),
    (("Thread", "ThreadPoolExecutor", "ProcessPoolExecutor", "Popen"), "start it in the task"),
)


def refused(names: Mapping[str, Any], error: Exception) -> TaskError:
    """The error that names the variable, the place in it and its type, and says what to do instead."""
    for name, value in names.items():
        reason = unpicklable(value)
        if reason is not None:
            path, culprit = find_culprit(name, value, DEEP)
            kind = type(culprit).__name__
            what = f"{path} cannot travel to a pod: it is {article(kind)} {kind}, which cannot be pickled"
            return TaskError(what, fix=fix_for(culprit))
    return TaskError(
        f"the task cannot travel to a pod: {error}", fix="create what cannot be pickled in the task itself"
    )


def article(word: str) -> str:
    """The article before a word."""
    return "an" if word[0] in "aeiouAEIOU" else "a"


def fix_for(culprit: Any) -> str:
    """What to do instead of carrying this."""
    return known_fix(culprit) or "create it in the task itself, or carry the plain values it is made of"


def known_fix(culprit: Any) -> str:
    """What to do instead of carrying a thing of a known kind; "" for any other."""
    kinds = {kind.__name__ for kind in type(culprit).__mro__}
    return next((text for group, text in FIXES if kinds & set(group)), "")


def unpicklable(value: Any) -> Exception | None:
    """Why a value cannot be pickled."""
    try:
        cloudpickle.dumps(value, protocol=5)
    except Exception as error:  # noqa: BLE001 - whatever an object's own pickling raises
        return error
    return None


def find_culprit(path: str, value: Any, deep: int) -> tuple[str, Any]:
    """The innermost thing in a value that cannot be pickled, and how it is reached: "cfg['a'].lock in helper in task".

    What is of a known kind, such as a thread, is not looked into: its own locks are no news to its owner.
    """
    if deep and not known_fix(value):
        for step, inner in inside(value):
            if inner is not value and unpicklable(inner) is not None:
                head, within, rest = path.partition(" in ")
                place = f"{step[4:]} in {path}" if step.startswith(" -> ") else f"{head}{step}{within}{rest}"
                return find_culprit(place, inner, deep - 1)
    return path, value


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value is made of, with the step that leads there."""
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", inner) for key, inner in list(value.items())[:1000])
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{n}]", inner) for n, inner in enumerate(list(value)[:1000]))
    elif isinstance(value, types.FunctionType | types.MethodType | functools.partial):
        yield from ((f" -> {name}", inner) for name, inner in captured(value).items())
    elif hasattr(value, "__dict__") and not isinstance(value, type | types.ModuleType):
        yield from ((f".{name}", inner) for name, inner in vars(value).items())
