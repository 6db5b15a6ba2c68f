"""Which names a cell's body reads from outside itself, found by following it in the order it runs.

At the top level a name counts as the body's own only once it is surely assigned; inside a function its locals are.
Strings of `query` and `eval` are looked into for `@name`, since pandas finds those in the caller.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

AT_NAME = re.compile(r"@([A-Za-z_]\w*)")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Reader:
    """Follows a module; `found` are the names it reads from outside with their first lines."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self.soft: dict[str, int] = {}  # named in a string: taken along if the notebook has them
        self.star = False
        self.depth = 0

    def block(self, body: list[ast.stmt], sure: set[str]) -> None:
        """Statements one after the other; `sure` grows by what they surely assign."""
        for statement in body:
            visit = getattr(self, f"_{type(statement).__name__.lower()}", None)
            if visit is not None:
                visit(statement, sure)
            else:
                self.each(ast.iter_child_nodes(statement), sure)

    def each(self, nodes: Iterator[ast.AST] | list[ast.expr], sure: set[str]) -> None:
        """Expressions one after the other."""
        for node in nodes:
            self.expression(node, sure)

    def expression(self, node: ast.AST | None, sure: set[str]) -> None:
        """An expression, or a target: reads are noted, what it binds becomes sure."""
        if node is None:
            return
        if isinstance(node, ast.Name):
            self._name(node, sure)
        elif isinstance(node, ast.NamedExpr):
            self.expression(node.value, sure)
            sure.add(node.target.id)
        elif isinstance(node, ast.Lambda):
            self._function_body(node, [ast.Expr(node.body)], sure)
        elif isinstance(node, COMPREHENSIONS):
            self._comprehension(node, set(sure))
        else:
            self._strings(node)
            self.each(ast.iter_child_nodes(node), sure)

    def _name(self, node: ast.Name, sure: set[str]) -> None:
        if isinstance(node.ctx, ast.Store):
            sure.add(node.id)
        elif node.id not in sure:
            self.found.setdefault(node.id, node.lineno)

    def _strings(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("query", "eval"):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    for name in AT_NAME.findall(inner.value):
                        self.soft.setdefault(name, inner.lineno)

    def _comprehension(self, node: ast.AST, inner: set[str]) -> None:
        for generator in getattr(node, "generators", []):
            self.expression(generator.iter, inner)
            self.expression(generator.target, inner)
            self.each(generator.ifs, inner)
        for part in ("key", "value", "elt"):
            self.expression(getattr(node, part, None), inner)

    # ------------------------------------------------------------ statements that bind or branch

    def _assign(self, node: ast.Assign, sure: set[str]) -> None:
        self.each([node.value, *node.targets], sure)

    def _augassign(self, node: ast.AugAssign, sure: set[str]) -> None:
        if isinstance(node.target, ast.Name) and node.target.id not in sure:
            self.found.setdefault(node.target.id, node.lineno)
        self.each([node.value, node.target], sure)

    def _annassign(self, node: ast.AnnAssign, sure: set[str]) -> None:
        self.expression(node.annotation, sure)
        self.expression(node.value, sure)
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.expression(node.target, sure)

    def _delete(self, node: ast.Delete, sure: set[str]) -> None:
        for target in node.targets:
            self.expression(target, sure)
            if isinstance(target, ast.Name):
                if target.id not in sure:
                    self.found.setdefault(target.id, target.lineno)
                elif not self.depth:
                    sure.discard(target.id)

    def _import(self, node: ast.Import, sure: set[str]) -> None:
        sure |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}

    def _importfrom(self, node: ast.ImportFrom, sure: set[str]) -> None:
        self.star = self.star or any(alias.name == "*" for alias in node.names)
        sure |= {alias.asname or alias.name for alias in node.names}

    def _for(self, node: ast.For | ast.AsyncFor, sure: set[str]) -> None:
        self.expression(node.iter, sure)
        inner = set(sure)
        self.expression(node.target, inner)
        self.block(node.body, inner)
        self.block(node.orelse, set(sure))

    _asyncfor = _for

    def _while(self, node: ast.While, sure: set[str]) -> None:
        self.expression(node.test, sure)
        self.block(node.body, set(sure))
        self.block(node.orelse, set(sure))

    def _if(self, node: ast.If, sure: set[str]) -> None:
        self.expression(node.test, sure)
        self._branches([node.body, node.orelse], sure)

    def _branches(self, branches: list[list[ast.stmt]], sure: set[str]) -> None:
        ends = []
        for body in branches:
            end = set(sure)
            self.block(body, end)
            if not (body and isinstance(body[-1], ast.Raise)):
                ends.append(end)
        if ends:
            sure |= set.intersection(*ends)

    def _try(self, node: ast.Try, sure: set[str]) -> None:
        handlers: list[list[ast.stmt]] = []
        for handler in node.handlers:
            self.expression(handler.type, sure)
            named = ast.Name(handler.name or "_", ast.Store(), lineno=handler.lineno, col_offset=0)
            handlers.append([*([ast.Expr(named)] if handler.name else []), *handler.body])
        self._branches([[*node.body, *node.orelse], *handlers], sure)
        self.block(node.finalbody, sure)

    _trystar = _try

    def _with(self, node: ast.With | ast.AsyncWith, sure: set[str]) -> None:
        for item in node.items:
            self.expression(item.context_expr, sure)
            self.expression(item.optional_vars, sure)
        self.block(node.body, sure)

    _asyncwith = _with

    def _match(self, node: ast.Match, sure: set[str]) -> None:
        self.expression(node.subject, sure)
        for case in node.cases:
            inner = set(sure) | set(_captures(case.pattern))
            self.each(ast.iter_child_nodes(case.pattern), inner)
            self.expression(case.guard, inner)
            self.block(case.body, inner)

    # ------------------------------------------------------------ scopes of their own

    def _functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, sure: set[str]) -> None:
        self.each(node.decorator_list, sure)
        self.expression(node.returns, sure)
        self._function_body(node, node.body, sure | {node.name})
        sure.add(node.name)

    _asyncfunctiondef = _functiondef

    def _function_body(self, node: ast.AST, body: list[ast.stmt], sure: set[str]) -> None:
        arguments: ast.arguments = node.args  # type: ignore[attr-defined]
        self.each([*arguments.defaults, *(d for d in arguments.kw_defaults if d)], sure)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
        self.each([argument.annotation for argument in every if argument.annotation], sure)
        own = {argument.arg for argument in every} | (bound(body) - _declared(body))
        self.depth += 1
        self.block(body, sure | own)
        self.depth -= 1

    def _classdef(self, node: ast.ClassDef, sure: set[str]) -> None:
        self.each([*node.decorator_list, *node.bases, *(k.value for k in node.keywords)], sure)
        self.block(node.body, sure | {node.name, "__module__", "__qualname__", "__class__"})
        sure.add(node.name)


def _captures(pattern: ast.AST) -> Iterator[str]:
    for node in ast.walk(pattern):
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if isinstance(name, str):
            yield name


def scope(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes of one scope, without those of functions and classes in it."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, COMPREHENSIONS):  # its own names stay inside, those of := do not
            waiting += [inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]
        elif not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def bound(body: list[ast.stmt]) -> set[str]:
    """Every name that a scope binds anywhere, also by a function's `global`."""
    names: set[str] = set()
    for node in scope(body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
    return names


def _declared(body: list[ast.stmt]) -> set[str]:
    names: set[str] = set()
    for node in scope(body):
        if isinstance(node, ast.Global | ast.Nonlocal):
            names |= set(node.names)
    return names
