"""What a cell's body means before it runs: its value, the names it takes along, its mistakes with line and fix."""

import textwrap

import numpy as np
import pandas as pd
import pytest

from kjnb.errors import TaskError
from kjnb.task.task import Task

DF = pd.DataFrame({"n": [1, 2, 3]})


def cell(source, namespace=None, **more):
    return Task.cell(textwrap.dedent(source), namespace or {}, frame_name=more.pop("frame_name", "df"), **more)


def value(source, namespace=None, **more):
    return cell(source, namespace, **more).call_locally(DF, 2, 5)


RESULTS = {
    "part.n.sum()": 6,
    "part.n.sum();": 6,
    "x = 3": 3,
    "x = y = 4": 4,
    "x: int = 5": 5,
    "x = 1\nx += 5": 6,
    "a, b = iter((1, 2))": (1, 2),
    "a, *b = 1, 2, 3": (1, 2, 3),
    "[a, b] = 1, 2": [1, 2],
    "d = {}\nd['k'] = 7": 7,
    "index, completions": (2, 5),
    "def f(x):\n    return g(x) + 1\ndef g(x):\n    return x * 2\nf(4)": 9,
    "[i * k for i in range(3) for k in [i]]": [0, 1, 4],
    "(y := 5) + y": 10,
    "from math import *\nfloor(2.5)": 2,
    "import numpy as np, os.path\nint(np.array([1]).sum())": 1,
    "class A:\n    x = 1\n    def get(self):\n        return self.x\nA().get()": 1,
    "try:\n    import not_there\nexcept ImportError as e:\n    name = e.name\nname": "not_there",
    "match [1, 2]:\n    case [a, *rest]:\n        out = rest\nout": [2],
    "total = 0\nfor i in range(3):\n    total += i\ntotal": 3,
    "part.query('n > @index').n.tolist()": [3],
    "# nothing\n\n'text'": "text",
}


@pytest.mark.parametrize("source", RESULTS)
def test_the_last_value_is_the_result(source):
    assert value(source) == RESULTS[source]


@pytest.mark.parametrize(
    "source", ["for i in part.n:\n    pass", "print(1)\nimport os", "def f():\n    pass", "x: int"]
)
def test_a_last_statement_without_value_is_refused(source):
    with pytest.raises(TaskError, match=r"line \d: the last statement.*no value[\s\S]*--no-result"):
        cell(source)
    assert value(source, no_result=True) is None


REFUSED = {
    "x = 1\ny = (2": (r"line 2: syntax error: .*\n    y = \(2", "mend this line"),
    "%time part.sum()": ("line 1: a magic or a shell command", "a cell of their own"),
    "1\nfiles = !ls": ("line 2: a magic or a shell command", "a cell of their own"),
    "part.sum?": ("line 1: a magic or a shell command", "a cell of their own"),
    "await thing()": ("line 1: `await` outside a function", r"asyncio\.run"),
    "return 3": ("line 1: syntax error: 'return' outside function", "last line is its result"),
    "part.n.mean() + nothng": (
        r"line 1: the name 'nothng' is defined neither here nor in the notebook",
        "define nothng",
    ),
    "def f():\n    return unknown\nf()": (r"line 2: the name 'unknown'", "define unknown"),
    "[unknown for i in range(3)]": (r"line 1: the name 'unknown'", ""),
    "class A(unknown):\n    pass\nA": (r"line 1: the name 'unknown'", ""),
    "lambda: unknown": (r"line 1: the name 'unknown'", ""),
    "[i for i in range(3)]\ni": (r"line 2: the name 'i'", ""),
    "prt.n.sum()": (r"line 1: the name 'prt'", "did you mean 'part'?"),
    "x = 1\ndisplay(part)": (r"line 2: display\(\) is the notebook's", "print it instead"),
    "df.n.sum()": (r"line 1: df is the whole frame.*\n    df\.n\.sum\(\)", "--share df"),
    "part.query('n > @df.n.mean()')": ("line 1: df is the whole frame", "--share df"),
    "": ("body is empty", "part"),
    "# only this": ("body is empty", "part"),
    "x\0": ("holds null bytes", ""),
}


@pytest.mark.parametrize("source", REFUSED, ids=repr)
def test_mistakes_are_found_before_anything_runs(source):
    what, fix = REFUSED[source]
    with pytest.raises(TaskError, match=what) as told:
        cell(source, {"df": DF, "display": print})
    assert pd.Series([told.value.fix]).str.contains(fix.replace("?", r"\?")).all()


def test_the_frame_may_be_shared():
    assert value("len(df) + len(part)", {"df": DF}, share=["df"]) == 6


def test_only_the_frame_that_is_named_is_shared():
    names = {"a": DF, "b": DF}
    assert value("len(a) + len(part)", names, frame_name="pd.concat([a, b])", share=["a"]) == 6
    with pytest.raises(TaskError, match="b is the whole frame"):
        cell("len(a) + len(b)", names, frame_name="pd.concat([a, b])", share=["a"])
    with pytest.raises(TaskError, match="--share dd: the body does not use dd; it uses a"):
        cell("len(a)", names, frame_name="a", share=["dd"])


def test_a_frame_in_an_expression_is_found_too():
    with pytest.raises(TaskError, match="flights is the whole frame"):
        cell("len(flights)", {"flights": DF, "month": 1}, frame_name="flights[flights.n == month]")
    assert value("month", {"flights": DF, "month": 1}, frame_name="flights[flights.n == month]") == 1


def test_a_name_of_the_body_s_own_is_not_the_frame():
    assert value("df = part.copy()\nlen(df)", {"df": DF}) == 3


CAPTURED = {
    "part.n * scale": ["scale"],
    "scale = 3\npart.n * scale": [],
    "scale = scale + 1\nscale": ["scale"],
    "if index:\n    scale = 1\nscale": ["scale"],
    "if index:\n    scale = 1\nelse:\n    scale = 2\nscale": [],
    "def f(scale):\n    return scale\nf(1)": [],
    "def f():\n    return scale\nf()": ["scale"],
    "def f():\n    scale = 1\n    return scale\nf()": [],
    "def f():\n    global scale\n    return scale\nf()": ["scale"],
    "[scale for scale in range(3)]": [],
    "lambda x=scale: x": ["scale"],
    "scale += 1": ["scale"],
    "scale = 1\ndel scale\nscale": ["scale"],
    "for i in range(scale):\n    x = i\nx": ["scale"],
    "with open(path) as scale:\n    x = scale.read()\nx": ["path"],
    "f'{scale}'": ["scale"],
    "part.query('n > @scale')": ["scale"],
    "part.eval('n * @scale')": ["scale"],
    "x: scale = 1": ["scale"],
    "class A:\n    scale = scale\nA.scale": ["scale"],
    "try:\n    x = scale\nfinally:\n    y = 2\ny": ["scale"],
    "import scale\nscale": [],
    "part": [],
}


@pytest.mark.parametrize("source", CAPTURED)
def test_exactly_the_used_names_travel(source):
    namespace = {"scale": 2, "path": "p", "part": "not this", "index": "nor this", "other": object()}
    assert sorted(name for name, _, _ in cell(source, namespace).carries) == CAPTURED[source]


def test_notebook_functions_bring_what_they_use():
    namespace = {"np": np, "__name__": "__main__"}
    exec("factor = 3\ndef inner(x):\n    return np.sum(x) * factor\ndef outer(x):\n    return inner(x) + 1", namespace)
    task = cell("int(outer(part.n))", namespace)
    assert [name for name, _, _ in task.carries] == ["outer"]
    assert task.call_locally(DF, 0, 1) == 19


def test_the_digest_is_by_content():
    def digest(source, **names):
        return cell(source, names).digest

    assert digest("part.n * k", k=2) == digest("part.n * k", k=2, other=5)
    assert digest("part.n * k", k=2) != digest("part.n * k", k=3)
    assert digest("part.n * k", k=2) != digest("part.n  * k", k=2)
    assert digest("part.n * len(k)", k={"a", "b"}) == digest("part.n * len(k)", k={"b", "a"})


def test_the_error_of_a_local_call_shows_the_cell_s_line():
    import traceback

    with pytest.raises(ZeroDivisionError) as told:
        cell("x = 1\ny = x / 0\ny").call_locally(DF, 0, 1)
    assert traceback.extract_tb(told.value.__traceback__)[-1].line == "y = x / 0"
