"""What travels: functions of every make, what they capture, the modules beside them; and what cannot."""

import functools
import importlib
import re
import sqlite3
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from kjnb.errors import TaskError, UsageError
from kjnb.task.task import Task
from tests.road.stages import put, work
from tests.shells import own_shell

DF = pd.DataFrame({"n": [1, 2, 3]})


def notebook(source, **names):
    """Functions as a notebook defines them."""
    namespace = {"__name__": "__main__", **names}
    exec(source, namespace)
    return namespace


def total(part):
    return int(part.n.sum())


class Model:
    def __init__(self, k):
        self.k = k

    def __call__(self, part):
        return len(part) * self.k

    def predict(self, part, index):
        return len(part) * self.k + index

    @staticmethod
    def static(part):
        return "static"


CALLS = {
    "function": (lambda: total, 6),
    "lambda": (lambda: lambda part: len(part), 3),
    "index": (lambda: lambda part, index: index, 2),
    "both": (lambda: lambda completions, rows, index: [completions, len(rows), index], [9, 3, 2]),
    "keyword only": (lambda: lambda part, *, index: index, 2),
    "only an index": (lambda: lambda index: index, 2),
    "default": (lambda: lambda part, k=4: k, 4),
    "any arguments": (lambda: lambda *parts: len(parts), 1),
    "partial": (lambda: functools.partial(lambda k, part: len(part) * k, 5), 15),
    "partial by name": (lambda: functools.partial(lambda part, k: len(part) * k, k=5), 15),
    "callable": (lambda: Model(7), 21),
    "method": (lambda: Model(7).predict, 23),
    "static": (lambda: Model.static, "static"),
    "builtin": (lambda: len, 3),
    "numpy": (lambda: np.shape, (3, 1)),
    "class": (lambda: Model, None),
}


@pytest.mark.parametrize("name", CALLS)
def test_callables_of_every_make(name):
    make, expected = CALLS[name]
    given = Task.function(make()).call_locally(DF, 2, 9)
    assert given == expected or (name == "class" and given.k is DF)


def test_constants_by_args():
    task = Task.function(lambda part, k, j=1: len(part) * k + j, {"k": 4})
    assert task.call_locally(DF, 0, 1) == 13
    assert Task.function(lambda part, index: index, {"index": "mine"}).call_locally(DF, 0, 1) == "mine"


REFUSED = {
    "no part": (lambda: lambda: 1, {}, "takes no part"),
    "unknown argument": (lambda: lambda part: 1, {"k": 1}, "no parameter 'k'"),
    "missing": (lambda: lambda part, k, j: 1, {"j": 1}, "needs k besides the part"),
    "not callable": (lambda: 5, {}, "an int, not a function"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_calls_that_cannot_be_are_refused(name):
    make, args, said = REFUSED[name]
    with pytest.raises(TaskError, match=said):
        Task.function(make(), args)


def held(value):
    def fn(part):
        return value

    return fn


class Holder:
    def __init__(self, lock):
        self.deep = {"lock": lock}


UNPICKLABLE = {
    "a lock": (lambda: threading.Lock(), "value in fn cannot travel.*lock", "each pod is a process of its own"),
    "a generator": (lambda: (n for n in "ab"), "value in fn cannot travel.*generator", "make a list"),
    "a database": (lambda: sqlite3.connect(":memory:"), "value in fn cannot travel.*Connection", "connect in the task"),
    "deep": (lambda: Holder(threading.Lock()), r"value\.deep\['lock'\] in fn cannot travel", "create it in the task"),
    "in a list": (lambda: [1, (n for n in "ab")], r"value\[1\] in fn cannot travel", "make a list"),
    "a thread": (lambda: threading.Thread(), "value in fn cannot travel.*Thread", "start it in the task"),
    "in a function": (lambda: held(threading.Lock()), r"value in value in fn cannot travel", "create it in the task"),
}


@pytest.mark.parametrize("name", UNPICKLABLE)
def test_what_cannot_be_pickled_is_named_with_its_place_and_cure(name):
    make, said, fix = UNPICKLABLE[name]
    value = make()
    with pytest.raises(TaskError, match=said) as told:
        Task.function(held(value))
    assert fix in told.value.fix
    if isinstance(value, sqlite3.Connection):
        value.close()


async def later(part):
    return part


def one_by_one(part):
    yield part


NO_FUNCTIONS = {
    "a coroutine": (later, None, "`async def`", "asyncio.run"),
    "a generator": (one_by_one, None, "yields", "return a list"),
    "a part of a generator": (functools.partial(one_by_one), None, "yields", "return a list"),
    "a frame": ({}, None, "the task is a dict", "a function of one part"),
    "no parameter": (lambda: 1, None, "lambda takes no part", "lambda part: ..."),
    "all given": (total, {"part": 1}, "args gives all its parameters, part", "leave the one for the rows out"),
    "args is a list": (total, [1], "args must be a dict", "args={'name': value}"),
    "args by number": (total, {1: 1}, "args must be a dict", "args={'name': value}"),
}


@pytest.mark.parametrize("name", NO_FUNCTIONS)
def test_what_is_no_function_of_a_part(name):
    fn, args, what, fix = NO_FUNCTIONS[name]
    with pytest.raises(TaskError, match=re.escape(what)) as told:
        Task.function(fn, args)
    assert fix in told.value.fix


def test_the_part_of_print_is_what_is_printed(capsys):
    assert Task.function(print).call_locally("rows", 0, 1) is None
    assert capsys.readouterr().out == "rows\n"


def test_the_open_of_a_notebook_is_the_open_of_a_pod():
    with own_shell() as shell:
        shell.run_cell("def fn(part):\n    return open(part).read()")
        for task in (
            Task.function(shell.user_ns["fn"]),
            Task.cell("open(part).read()", shell.user_ns, frame_name="df"),
        ):
            assert task.carries == ()
            assert b"_modified_open" not in task.payload


def test_an_open_file_is_named(tmp_path):
    with open(tmp_path / "f", "w") as file, pytest.raises(TaskError, match=r"log cannot travel.*TextIOWrapper") as told:
        Task.cell("print(1, file=log)\n1", {"log": file}, frame_name="df")
    assert "open the file in the task" in told.value.fix


def test_carries_lists_captured_values_with_sizes():
    table = np.zeros(1000)
    namespace = notebook("def fn(part, k=2):\n    return helper(part) * scale", scale=table, helper=len)
    carried = Task.function(namespace["fn"], {}).carries
    assert carried[0] == ("scale", "ndarray", 8000)
    assert {name for name, _, _ in carried} == {"scale", "k"}


def test_source_is_known():
    assert Task.function(total).source.startswith("def total(part):")
    assert Task.function(functools.partial(total)).name == "total"
    assert Task.function(len).source == ""


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """A folder of the user's modules, importable as a notebook's folder is."""
    folder = tmp_path / "notebook"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    known = set(sys.modules)
    yield folder
    for name in set(sys.modules) - known:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def imported(name):
    importlib.invalidate_caches()
    return importlib.import_module(name)


def test_modules_beside_the_notebook_travel_with_what_they_import(tmp_path, beside):
    (beside / "helper_one.py").write_text("import helper_two\ndef f(part):\n    return helper_two.K * len(part)\n")
    (beside / "helper_two.py").write_text("import os, pandas\nK = 5\n")
    (beside / "unrelated.py").write_text("")
    package = beside / "helper_pack" / "inner"
    package.mkdir(parents=True)
    (beside / "helper_pack" / "__init__.py").write_text("")
    (beside / "helper_pack" / "names.txt").write_text("x")
    (package / "__init__.py").write_text("from ..base import B\n")
    (beside / "helper_pack" / "base.py").write_text("B = 7\n")
    namespace = {"helper_one": imported("helper_one")}
    task = Task.cell("from helper_pack.inner import B\nhelper_one.f(part) + B", namespace, frame_name="df")
    assert sorted(task.modules) == [
        "helper_one.py", "helper_pack/__init__.py", "helper_pack/base.py", "helper_pack/inner/__init__.py",
        "helper_pack/names.txt", "helper_two.py",
    ]  # fmt: skip
    stage = put(tmp_path / "s", task)
    assert work(stage, 0, tmp_path / "pod")[0] == 0
    assert stage.result(0) == 27


def test_an_edited_helper_runs_in_its_new_version(tmp_path, beside):
    (beside / "helper_edited.py").write_text("def f(part):\n    return 'old'\n")
    module = imported("helper_edited")
    before = Task.function(module.f)
    (beside / "helper_edited.py").write_text("def f(part):\n    return 'brand new'\n")
    after = Task.function(module.f)
    assert before.digest != after.digest
    stage = put(tmp_path / "s", after)
    assert work(stage, 0, tmp_path / "pod")[0] == 0
    assert stage.result(0) == "brand new"


def test_a_module_imported_in_the_function_travels(beside):
    (beside / "helper_late.py").write_text("X = 1\n")
    namespace = notebook("def fn(part):\n    import helper_late\n    return helper_late.X")
    assert sorted(Task.function(namespace["fn"]).modules) == ["helper_late.py"]


def test_a_shipped_module_wins_over_an_installed_one(tmp_path, beside):
    (beside / "tqdm.py").write_text("MINE = 1\n")
    for name in [name for name in sys.modules if name.partition(".")[0] == "tqdm"]:
        del sys.modules[name]
    task = Task.cell("import tqdm\ntqdm.MINE", {}, frame_name="df")
    stage = put(tmp_path / "s", task)
    assert work(stage, 0, tmp_path / "pod")[0] == 0


def test_libraries_do_not_travel():
    assert Task.function(notebook("def fn(part):\n    return np.sum(part.n)", np=np)["fn"]).modules == {}


def test_files_and_env_count(tmp_path):
    path = tmp_path / "f.txt"
    path.write_text("1")
    digests = {Task.function(total).digest, Task.function(total, env={"A": "1"}).digest}
    digests.add(Task.function(total, files=[str(path)]).digest)
    path.write_text("2")
    digests.add(Task.function(total, files=[str(path)]).digest)
    assert len(digests) == 4
    with pytest.raises(UsageError, match=r"there is no 'nowhere\.csv'"):
        Task.function(total, files=["nowhere.csv"])
