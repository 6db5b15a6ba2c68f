"""Which modules must travel as source: those outside site-packages that it uses, and what they import.

They are read from disk at every launch, so that a helper edited since it was imported runs in its new version.
"""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from kjnb.model.callables import PACKAGES

MOST_DATA = 1_000_000  # bytes of a file beside the source, such as a table of names, that still travels
COMPILED = (".so", ".pyd")


def local_file(name: str, beside: str = "") -> Path | None:
    """Where a top-level or imported module lies, if that is outside the standard library and site-packages."""
    module = sys.modules.get(name)
    origin: str | None = getattr(module, "__file__", None)
    if module is None:
        folders = ([beside] if beside else []) + sys.path
        found = None if "." in name else importlib.machinery.PathFinder.find_spec(name, folders)
        origin = found.origin if found else None
    if not origin or origin in ("built-in", "frozen") or not os.path.isfile(origin):
        return None
    path = Path(origin).resolve()
    return path if is_local(path) else None


def is_local(path: Path) -> bool:
    """Whether a file is the user's own, not the standard library's nor an installed package's."""
    if any(part in PACKAGES for part in path.parts):
        return False
    return not any(path.is_relative_to(Path(sysconfig.get_path(p)).resolve()) for p in ("stdlib", "platstdlib"))


def sources(names: Iterable[str]) -> dict[str, bytes]:
    """The files, by their path under a folder of sources, that make these modules importable elsewhere."""
    files: dict[str, bytes] = {}
    waiting, seen = [(name, "") for name in sorted(set(names))], {"__main__"}
    whole: set[str] = set()  # packages that travel already, with all their modules
    while waiting:
        name, beside = waiting.pop()
        top = name.partition(".")[0]
        if name in seen or top in whole:
            continue
        seen.add(name)
        package = _package(top, beside)
        if package:
            whole.add(top)
        new = package or _module(name, beside)
        files |= new
        for relative, content in new.items():
            if relative.endswith(".py"):
                folder = _folder(name, relative, beside)
                waiting += [(wanted, folder) for wanted in imported(content) if wanted not in seen]
    return files


def _folder(name: str, relative: str, beside: str) -> str:
    """Where the imports of a shipped file are looked for: beside the top of its package."""
    path = local_file(name.partition(".")[0], beside) or local_file(name, beside)
    if path is None:
        return beside
    return str(path.parents[1] if path.name == "__init__.py" and "/" in relative else path.parent)


def _package(top: str, beside: str) -> dict[str, bytes]:
    """All of a regular package: which of its modules are needed is known only when it runs."""
    path = local_file(top, beside)
    if path is None or path.name != "__init__.py":
        return {}
    return {f"{top}/{file.relative_to(path.parent).as_posix()}": file.read_bytes() for file in _files(path.parent)}


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if any(part == "__pycache__" or part.startswith(".") for part in inside) or not path.is_file():
            continue
        if path.suffix == ".py" or path.suffix in COMPILED or path.stat().st_size <= MOST_DATA:
            yield path


def _module(name: str, beside: str) -> dict[str, bytes]:
    """A module of its own, or one of a namespace package."""
    path = local_file(name, beside)
    if path is None:
        return {}
    folder, _, last = name.replace(".", "/").rpartition("/")
    relative = f"{last}/__init__.py" if path.name == "__init__.py" else f"{last}{path.suffix}"
    return {f"{folder}/{relative}" if folder else relative: path.read_bytes()}


def imported(source: bytes | str) -> set[str]:
    """The names of the modules that a source imports, absolutely."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names | {name.partition(".")[0] for name in names}
