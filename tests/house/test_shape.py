"""The shape of the code: short functions, modest modules, public names documented."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parents[2] / "kjnb"
MODULES = sorted(PACKAGE.rglob("*.py"))
FUNCTION_LINES = 50
MODULE_LINES = 500


def functions(path: pathlib.Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return body[-1].end_lineno - body[0].lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_is_readable(path):
    assert len(path.read_text().splitlines()) <= MODULE_LINES
    assert ast.get_docstring(ast.parse(path.read_text())), "a module says why it exists"
    assert [f"{n.name}: {length(n)}" for n in functions(path) if length(n) > FUNCTION_LINES] == []
    assert [n.name for n in functions(path) if "_and_" in n.name] == []
