"""What a notebook has at hand: its names, and what of them and of its history can be a task."""

from __future__ import annotations

import ast
import contextlib
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from kjnb.errors import TaskError
from kjnb.model.form import Body
from kjnb.model.partition import Partitions
from kjnb.task import cellcode
from kjnb.task.cellreads import Reader
from kjnb.task.task import call_text

MOST_CELLS = 30
LONGEST = 60


def names() -> dict[str, Any]:
    """The names of the notebook, or of the program where there is none."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return vars(sys.modules["__main__"]) if shell is None else shell.user_ns


def name_of(value: Any, namespace: Mapping[str, Any]) -> str:
    """What the notebook calls this very object; "" if it has no name there."""
    said = (name for name, known in namespace.items() if known is value and not name.startswith("_"))
    return next(said, "")


def frames(namespace: Mapping[str, Any]) -> list[str]:
    """The names of the notebook's frames and Partitions."""
    kinds = pd.DataFrame | Partitions
    return sorted(name for name, value in list(namespace.items()) if isinstance(value, kinds) and name[0] != "_")


def bodies(namespace: Mapping[str, Any]) -> list[Body]:
    """What can be run on every partition: the notebook's functions, and the latest cells that work on `part`."""
    return [*functions(namespace), *cells(namespace.get("In") or ())]


def functions(namespace: Mapping[str, Any]) -> Iterator[Body]:
    """The functions that were defined in the notebook and can be called with a part, each as the call that does so."""
    for name, value in sorted(dict(namespace).items(), key=lambda item: item[0]):
        if isinstance(value, types.FunctionType) and value.__module__ == "__main__" and name[0] != "_":
            with contextlib.suppress(TaskError):
                yield Body(f"{name}()", call_text(value, name), name)


def cells(history: Sequence[str]) -> Iterator[Body]:
    """The cells that read `part`, latest first, each text once; of a `%%kjob` cell its body."""
    told: set[str] = set()
    for number in range(len(history) - 1, 0, -1):
        source, plain = body_of(history[number])
        if source in told or not works_on_part(source):
            continue
        told.add(source)
        yield Body(f"In[{number}]: {cut(source)}", source, f"In[{number}]" if plain else repr(source))
        if len(told) == MOST_CELLS:
            return


@lru_cache(maxsize=500)
def body_of(text: str) -> tuple[str, bool]:
    """A cell's text and True; of a `%%kjob` cell, as the history holds it, its body and False."""
    with contextlib.suppress(SyntaxError, ValueError):
        match ast.parse(text).body:
            case [ast.Expr(ast.Call(ast.Attribute(attr="run_cell_magic"), [magic, _, ast.Constant(str() as body)]))]:
                if isinstance(magic, ast.Constant) and magic.value == "kjob":
                    return body.strip("\n"), False
    return text.strip("\n"), True


@lru_cache(maxsize=500)
def works_on_part(source: str) -> bool:
    """Whether a text can be a cell's body, and takes `part` from outside."""
    with contextlib.suppress(TaskError):
        cellcode.analyse(source, "<cell>", result="_", no_result=False)
        reader = Reader()
        reader.block(ast.parse(source).body, set())
        return "part" in reader.found
    return False


def cut(source: str) -> str:
    """The line of a cell that says most: its last one, shortened."""
    line = source.strip().splitlines()[-1].strip()
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
