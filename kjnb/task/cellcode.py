"""What a cell's body means before it runs anywhere: its result, the names it takes from the notebook, its mistakes.

The body is one module, as IPython runs a cell. Reading follows the order of execution: a name that is surely assigned
before it is read is the body's own; every other is taken from the notebook, or unknown.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple, TypeVar

from kjnb.errors import TaskError
from kjnb.task.cellreads import Reader, bound

Node = TypeVar("Node", bound=ast.AST)
GIVEN = ("part", "index", "completions")
MODULE_NAMES = ("__name__", "__file__", "__doc__", "__builtins__", "__annotations__", "__debug__", "__class__")
MAGIC = re.compile(r"^\s*([%!]|[\w.,\s]+=\s*[%!])|\?\s*$")


class Cell(NamedTuple):
    """An analysed body: its code, and the names it reads from outside with their lines, in the order it does."""

    code: CodeType
    reads: dict[str, int]
    soft: dict[str, int]  # names in the strings of query and eval
    own: frozenset[str]  # what the body binds somewhere
    star: bool  # whether it imports names that only running it tells
    imports: frozenset[str]


def refuse(source: str, line: int | None, what: str, fix: str) -> TaskError:
    """An error that shows the line it is about."""
    lines = source.splitlines()
    text = lines[line - 1].strip() if line and 0 < line <= len(lines) else ""
    where = f"line {line}: {what}" if line else what
    return TaskError(f"{where}\n    {text}" if text else where, fix=fix)


def analyse(source: str, filename: str, *, result: str, no_result: bool) -> Cell:
    """Parse and compile a body; every mistake that can be seen before it runs is a TaskError with its line."""
    tree = _parse(source, filename)
    if not tree.body:
        raise TaskError("the cell's body is empty", fix="write what is done with `part`; its last line is the result")
    reader = Reader()
    reader.block(tree.body, set(GIVEN))
    own, imports = frozenset(bound(tree.body) | _globals(tree)), frozenset(_imports(tree))
    if not no_result:
        take_result(source, tree, result)
    code: CodeType = compile(tree, filename, "exec", dont_inherit=True)
    return Cell(code, reader.found, reader.soft, own, reader.star, imports)


def _parse(source: str, filename: str) -> ast.Module:
    if "\0" in source:
        raise TaskError("the cell's body holds null bytes", fix="remove them")
    try:
        tree = ast.parse(source, filename)
        _refuse_await(source, tree)
        compile(source, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _syntax(source, error) from None
    return tree


def _syntax(source: str, error: SyntaxError) -> TaskError:
    lines = source.splitlines()
    text = lines[error.lineno - 1] if error.lineno and error.lineno <= len(lines) else ""
    if MAGIC.search(text):
        fix = "put magics and shell commands in a cell of their own"
        return refuse(source, error.lineno, "a magic or a shell command cannot run in a pod", fix)
    outside = error.msg in ("'return' outside function", "'yield' outside function")
    fix = "end with the value itself: a cell's last line is its result" if outside else "mend this line"
    return refuse(source, error.lineno, f"syntax error: {error.msg}", fix)


def _refuse_await(source: str, tree: ast.Module) -> None:
    for node in _same_scope(tree):
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            what = "`await` outside a function: a pod has no running event loop"
            raise refuse(source, node.lineno, what, "put it in `async def main(): ...` and call asyncio.run(main())")


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from _same_scope(child)


# ---------------------------------------------------------------- the result


def take_result(source: str, tree: ast.Module, result: str) -> None:
    """Let the module end with `result` bound to its last value."""
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body[-1] = _assign(result, last.value, last)
    elif isinstance(last, ast.Assign) and not _is_one_tuple(last):
        last.targets.insert(0, _at(ast.Name(result, ast.Store()), last))
    elif isinstance(last, ast.Assign):
        tree.body.append(_assign(result, _loaded(last.targets[0]), last))
    elif isinstance(last, ast.AugAssign) or (isinstance(last, ast.AnnAssign) and last.value is not None):
        tree.body.append(_assign(result, _loaded(last.target), last))
    else:
        what = f"the last statement, {_statement(last)}, has no value, so the partition would have no result"
        raise refuse(source, last.lineno, what, "end with an expression or an assignment, or say --no-result")
    ast.fix_missing_locations(tree)


def _is_one_tuple(statement: ast.Assign) -> bool:
    return len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Tuple | ast.List)


def _assign(result: str, value: ast.expr, where: ast.stmt) -> ast.Assign:
    return _at(ast.Assign([_at(ast.Name(result, ast.Store()), where)], value), where)


def _at(node: Node, where: ast.AST) -> Node:
    return ast.copy_location(node, where)


class _Load(ast.NodeTransformer):
    """A target read again: `a, *b` as a value."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if hasattr(node, "ctx"):
            node.ctx = ast.Load()
        return node


def _loaded(target: ast.expr) -> ast.expr:
    loaded: ast.expr = _Load().visit(ast.parse(ast.unparse(target), mode="eval").body)
    return loaded


def _statement(node: ast.stmt) -> str:
    words = {
        ast.FunctionDef: "a `def`",
        ast.AsyncFunctionDef: "an `async def`",
        ast.ClassDef: "a `class`",
        ast.For: "a `for` loop",
        ast.While: "a `while` loop",
        ast.If: "an `if`",
        ast.With: "a `with`",
        ast.Try: "a `try`",
        ast.AnnAssign: "an annotation without a value",
    }
    return words.get(type(node), f"`{type(node).__name__.lower()}`")


def _globals(tree: ast.Module) -> set[str]:
    return {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
