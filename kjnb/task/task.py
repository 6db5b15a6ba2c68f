"""What travels to the pods: a function or a cell by value, with its source, its modules and what it captures."""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import hashlib
import inspect
import io
import re
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle

from kjnb.errors import TaskError, UsageError
from kjnb.model.fingerprint import digest
from kjnb.task import cellcode
from kjnb.task.carry import Carried, article, captured, carry, listed, source_text
from kjnb.worker import attempt as worker

GIVEN = ("index", "completions")
NOT_IN_PODS = {"display": "print it instead", "get_ipython": "there is no IPython in a pod"}


@dataclass(frozen=True, eq=False)
class Task:
    """A task ready to travel.

    `payload` is what the worker loads; `carries` lists (name, type, bytes) of what travels with it; `modules` are
    source files by their path; `files` are (name in the pod's folder, path here); `sources` the text of each cell or
    file that a traceback may name; `digest` is equal for tasks of equal content, in whatever kernel.
    """

    name: str
    kind: str
    source: str
    payload: bytes
    carries: tuple[tuple[str, str, int], ...] = ()
    modules: dict[str, bytes] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    digest: str = ""

    @classmethod
    def function(
        cls,
        fn: Callable[..., Any],
        args: Mapping[str, Any] | None = None,
        *,
        files: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Task:
        """A task that calls `fn(part)`, with `index` and `completions` if it has parameters of exactly those names."""
        name = function_name(fn)
        check_function(fn, name)
        given = given_arguments(args)
        how = calling(fn, given, name)
        names = {name: fn} | captured(fn) | given
        carried = carry({"kind": "function", "fn": fn, "args": given, **how}, names)
        source = function_source(fn)
        carries = listed({k: v for k, v in names.items() if v is not fn})
        return cls._of(name, "function", source, carried, carries, {"fn": fn, "args": given}, files, env)

    @classmethod
    def cell(
        cls,
        source: str,
        namespace: Mapping[str, Any],
        *,
        frame_name: str,
        share: Collection[str] = (),
        no_result: bool = False,
        label: str = "cell",
        files: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Task:
        """A task that runs a cell's body as one module in which `part`, `index` and `completions` are there.

        Mistakes that can be seen before it runs are TaskErrors with line, text and fix; `frame_name` is the data
        expression, whose frame the body may use only if `share` names it. Blank lines at the end say nothing; a body
        that only calls a function of the notebook on its part is a task of that function.
        """
        source = source.rstrip() + "\n"
        fn = None if share or no_result else called(source, namespace)
        if fn is not None:
            return cls.function(fn, files=files, env=env)
        filename = f"<cell {label} {hashlib.sha256(source.encode(errors='replace')).hexdigest()[:6]}>"
        cell = cellcode.analyse(source, filename, result=worker.RESULT, no_result=no_result)
        used = used_names(source, cell, namespace)
        refuse_frame(source, cell, used, frame_name, share)
        payload = {"kind": "cell", "code": cell.code, "names": used}
        carried = carry(payload, used, tuple(cell.imports))
        carried.sources[filename] = source
        content = {"source": source, "names": used, "no_result": no_result}
        return cls._of(label, "cell", source, carried, listed(used), content, files, env)

    @classmethod
    def _of(
        cls,
        name: str,
        kind: str,
        source: str,
        carried: Carried,
        carries: tuple[tuple[str, str, int], ...],
        content: Any,
        files: Iterable[str],
        env: Mapping[str, str] | None,
    ) -> Task:
        shipped, variables = tuple(shipped_files(files)), tuple(sorted((env or {}).items()))
        whole = [kind, content, carried.modules, [(n, _file_digest(Path(p))) for n, p in shipped], variables]
        return cls(
            name,
            kind,
            source,
            carried.payload,
            carries,
            carried.modules,
            shipped,
            variables,
            carried.sources,
            digest(whole),
        )

    def load(self) -> dict[str, Any]:
        """The task as the worker gets it."""
        task: dict[str, Any] = cloudpickle.load(io.BytesIO(self.payload))
        return task

    def call_locally(self, part: Any, index: int, completions: int) -> Any:
        """Run the task in this process; tracebacks and %debug show the cell's own lines."""
        __tracebackhide__ = True
        worker.fill_linecache(self.sources)
        return worker.call(self.load(), part, index, completions)


# ---------------------------------------------------------------- functions


def function_name(fn: Any) -> str:
    """What a run of this function is called."""
    if isinstance(fn, functools.partial):
        return function_name(fn.func)
    name = getattr(fn, "__name__", None) or type(fn).__name__
    return "lambda" if name == "<lambda>" else str(name)


def check_function(fn: Any, name: str) -> None:
    """Refuse what is no function, and what would give back a promise of a result instead of one."""
    if not callable(fn):
        kind = type(fn).__name__
        raise TaskError(f"the task is {article(kind)} {kind}, not a function", fix="give a function of one part")
    inner = fn.func if isinstance(fn, functools.partial) else fn
    if inspect.iscoroutinefunction(inner):
        fix = f"call asyncio.run({name}(part)) in a plain function"
        raise TaskError(f"{name} is an `async def`: calling it gives a coroutine, no result", fix=fix)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise TaskError(f"{name} yields: calling it gives a generator, no result", fix="return a list or a DataFrame")


def given_arguments(args: Any) -> dict[str, Any]:
    """The constants as a dict by parameter."""
    if args is None or (isinstance(args, Mapping) and all(isinstance(key, str) for key in args)):
        return dict(args or {})
    raise TaskError(f"args must be a dict of parameters and values, {args!r} was given", fix="say args={'name': value}")


def function_source(fn: Any) -> str:
    """The source of a function, "" if there is none to be had."""
    if isinstance(fn, functools.partial):
        return function_source(fn.func)
    target = fn if isinstance(fn, types.FunctionType | types.MethodType | type) else type(fn)
    if isinstance(fn, types.FunctionType):
        source_text(fn.__code__)
    try:
        return inspect.getsource(target)
    except (OSError, TypeError):
        return ""


def calling(fn: Callable[..., Any], args: Mapping[str, Any], name: str) -> dict[str, Any]:
    """How the worker calls `fn`: the parameter that takes the part, and which of index and completions are passed."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (ValueError, TypeError):
        return {"part": None, "passes": []}
    catches = any(p.kind is p.VAR_KEYWORD for p in parameters)
    known = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    unknown = [] if catches else sorted(set(args) - {p.name for p in known})
    if unknown:
        raise TaskError(
            f"{name} has no parameter {unknown[0]!r}", fix=f"args= may name {_names(known)}, or add the parameter"
        )
    passes = [p.name for p in known if p.name in GIVEN and p.name not in args]
    free = [p for p in known if p.name not in (*passes, *args)]
    missing = [p.name for p in free[1:] if p.default is p.empty]
    if missing:
        raise TaskError(
            f"{name} needs {', '.join(missing)} besides the part",
            fix=f"give constants with args={{{missing[0]!r}: ...}} or functools.partial",
        )
    return {"part": _part_parameter(name, parameters, free, passes), "passes": passes}


def _part_parameter(
    name: str, parameters: list[inspect.Parameter], free: list[inspect.Parameter], passes: list[str]
) -> str | None:
    """None: the first positional; a name: by keyword; "": it takes no part."""
    if free and free[0] is parameters[0] and free[0].kind is not inspect.Parameter.KEYWORD_ONLY:
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    if free:
        return free[0].name
    if passes:
        return ""
    if parameters:
        what = f"{name} takes no part: args gives all its parameters, {_names(parameters)}"
        raise TaskError(what, fix="leave the one for the rows out of args")
    define = "lambda part: ..." if name == "lambda" else f"def {name}(part): ..."
    raise TaskError(f"{name} takes no part", fix=f"give it a parameter for the rows: {define}")


def call_text(fn: Callable[..., Any], name: str) -> str:
    """A call of a function as a launch makes it, for a cell's body: "clean(part, index=index)"."""
    how = calling(fn, {}, name)
    part = [] if how["part"] == "" else ["part" if how["part"] is None else f"{how['part']}=part"]
    return f"{name}({', '.join([*part, *(f'{given}={given}' for given in how['passes'])])})"


def called(source: str, namespace: Mapping[str, Any]) -> Callable[..., Any] | None:
    """The function that a body calls as a launch of it would, if that is all it does: the two are the same task."""
    found = re.match(r"\s*(\w+)\(", source)
    fn = namespace.get(found[1]) if found else None
    if found is None or not isinstance(fn, types.FunctionType):
        return None
    with contextlib.suppress(TaskError, SyntaxError, ValueError):
        if ast.dump(ast.parse(source)) == ast.dump(ast.parse(call_text(fn, found[1]))):
            return fn
    return None


def _names(parameters: list[inspect.Parameter]) -> str:
    return ", ".join(p.name for p in parameters) or "nothing"


# ---------------------------------------------------------------- cells


def used_names(source: str, cell: cellcode.Cell, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """What the body takes from the notebook; a name that is nowhere is an error."""
    used: dict[str, Any] = {}
    for name, line in cell.reads.items():
        if name in namespace and name not in NOT_IN_PODS:
            used[name] = namespace[name]
        elif name in NOT_IN_PODS:
            raise cellcode.refuse(source, line, f"{name}() is the notebook's and not there in a pod", NOT_IN_PODS[name])
        elif not (name in cell.own or cell.star or hasattr(builtins, name) or name in cellcode.MODULE_NAMES):
            raise cellcode.refuse(
                source,
                line,
                f"the name {name!r} is defined neither here nor in the notebook",
                _did_you_mean(name, namespace),
            )
    return used | {name: namespace[name] for name in cell.soft if name in namespace and name not in cellcode.GIVEN}


def _did_you_mean(name: str, namespace: Mapping[str, Any]) -> str:
    import difflib

    known = [n for n in (*namespace, *cellcode.GIVEN, *dir(builtins)) if not n.startswith("_")]
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"define {name} in a cell above, or import it in the body"


def refuse_frame(
    source: str, cell: cellcode.Cell, used: Mapping[str, Any], frame_name: str, share: Collection[str]
) -> None:
    """The whole frame in every pod is almost never meant: `part` is. Those in `share` are."""
    idle = [name for name in share if name not in used]
    if idle:
        frames = ", ".join(name for name, value in used.items() if hasattr(value, "iloc")) or "no frame"
        raise TaskError(f"--share {idle[0]}: the body does not use {idle[0]}; it uses {frames}", fix="leave it out")
    try:
        tree = ast.parse(frame_name.strip() or "None", mode="eval")
    except SyntaxError:
        return
    single = isinstance(tree.body, ast.Name)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or node.id not in used or node.id in share:
            continue
        if single or hasattr(used[node.id], "iloc"):
            line = (cell.reads | cell.soft)[node.id]
            what = f"{node.id} is the whole frame; a partition's rows are in `part`"
            raise cellcode.refuse(source, line, what, f"write part instead, or allow it with --share {node.id}")


# ---------------------------------------------------------------- files


def shipped_files(files: Iterable[str]) -> Iterable[tuple[str, str]]:
    """(name in the pod, absolute path) of each file or folder; one that is not there is an error."""
    for given in files:
        path = Path(given).expanduser()
        if not path.exists():
            raise UsageError(f"files: there is no {given!r}", fix=f"paths are relative to {Path.cwd()}")
        yield (given if not path.is_absolute() and ".." not in path.parts else path.name), str(path.resolve())


def _file_digest(path: Path) -> str:
    hashed = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        hashed.update(str(file.relative_to(path.parent)).encode(errors="surrogateescape") + b"\0" + file.read_bytes())
    return hashed.hexdigest()
