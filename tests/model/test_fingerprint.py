"""What is the same gives the same digest, in other kernels too; what differs gives another."""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import os
import pathlib
import random
import re
import subprocess
import sys
import threading
import time
import types
import uuid
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kjnb.model.fingerprint import digest, fingerprint
from kjnb.model.partition import partition
from kjnb.model.spec import JobSpec

FACTOR = 3


class Colour(enum.Enum):
    RED = 1
    BLUE = frozenset({"x", "y"})


@dataclasses.dataclass
class Point:
    x: int
    tags: set = dataclasses.field(default_factory=set)

    def scaled(self):
        return FACTOR * self.x

    @classmethod
    def zero(cls):
        return cls(0)

    @staticmethod
    def one():
        return 1

    @property
    def size(self):
        return len(self.tags)

    @functools.cached_property
    def double(self):
        return 2 * self.x


class Slotted:
    __slots__ = "lock", "unset"

    def __init__(self):
        self.lock = threading.Lock()


class OneSlot:
    __slots__ = "lock"


def helper(x, *, known={"a", "b", "c"}):  # noqa: B006
    return FACTOR + x if x in {"p", "q", "r"} else np.mean(x)


def outer(captured):
    def inner(p):
        return helper(p) + captured + fib(3) + unset

    unset = None
    return inner


def unbound():
    def inner():
        return later

    if FACTOR < 0:
        later = 1
    return inner


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@functools.lru_cache
def cached(x):
    return x


def tagged(x):
    return x


tagged.unit = "m"


def made_without_source():
    space = {}
    exec("def f(x):\n    return [y in {1, 2} for y in x]", space)
    return space["f"]


def cyclic():
    ring = [1]
    ring.append({"up": ring})
    return ring


def from_elsewhere():
    there = types.ModuleType("beside_the_notebook")
    there.__file__ = "/home/ada/beside_the_notebook.py"
    return there


FRAME = pd.DataFrame(
    {
        "a": [1, 2, 3],
        "s": ["x", None, "z"],
        "o": pd.Series([{1, 2}, "a", None], dtype=object),
        "c": pd.Categorical(["a", "b", "a"]),
        "t": pd.date_range("2020", periods=3, tz="UTC"),
        "d": pd.timedelta_range("1s", periods=3),
        "i": pd.array([1, None, 3], dtype="Int64"),
        "b": pd.array([True, None, False], dtype="boolean"),
        "p": pd.period_range("2020", periods=3, freq="D"),
        "iv": pd.interval_range(0, 3),
        "sp": pd.arrays.SparseArray([0, 0, 1]),
    }
)
TABLE = pa.table({"x": [1, None, 3], "y": ["a", None, "c"], "l": [[1], None, [2]], "e": pa.nulls(3, pa.string())})

VALUES = {
    "set": {"a", "b", "c", 1, (2, 3)},
    "frozenset": frozenset("hello"),
    "dict": {"b": 1, "a": {"x", "y"}},
    "scalars": [1, "a", 2.5, None, True],
    "red": Colour.RED,
    "blue": Colour.BLUE,
    "class": Point,
    "object": Point(1, {"u", "v"}),
    "function": helper,
    "closure": outer({"q", "w"}),
    "unbound": unbound(),
    "lambda": lambda x: x in {"aa", "bb"} and FACTOR,
    "partial": functools.partial(helper, known=3),
    "recursive": fib,
    "cached": cached,
    "tagged": tagged,
    "sourceless": made_without_source(),
    "cycle": cyclic(),
    "frame": FRAME,
    "series": FRAME.s,
    "levels": FRAME.set_index(["a", "s"]).index,
    "array": np.arange(6).reshape(2, 3),
    "objects": np.array([{1}, "x"], dtype=object),
    "dtype": np.dtype("f8"),
    "numpy scalar": np.float64(2),
    "numpy date": np.datetime64("2020"),
    "numpy array of pandas": pd.array([1.5, 2.5], dtype=np.dtype("f8")),
    "regex": re.compile("a+", re.IGNORECASE),
    "datetime": datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    "path": pathlib.PurePosixPath("/a/b"),
    "decimal": decimal.Decimal("1.5"),
    "uuid": uuid.UUID(int=5),
    "fraction": fractions.Fraction(1, 3),
    "ordered": collections.OrderedDict(a=1),
    "counter": collections.Counter("abca"),
    "deque": collections.deque([1, 2], 3),
    "default": collections.defaultdict(list, a=[1]),
    "table": TABLE,
    "batch": TABLE.slice(0, 1).to_batches()[0],
    "arrow strings": pa.array(["ab", None, "c"]),
    "arrow nothing": pa.chunked_array([], pa.string()),
    "arrow times": pa.array([1, None], pa.timestamp("us")),
    "arrow scalar": pa.scalar(3),
    "arrow type": pa.int64(),
    "arrow schema": TABLE.schema,
    "arrow other": pa.default_memory_pool,
    "timestamp": pd.Timestamp("2020"),
    "missing": pd.NA,
    "no time": pd.NaT,
    "offset": pd.offsets.BDay(2),
    "numpy": np,
    "time": time,
    "elsewhere": from_elsewhere(),
    "builtin": len,
    "builtin class": str,
    "method of a class": str.upper,
    "method": Point(1).scaled,
    "bound builtin": [3].append,
    "ufunc": np.sin,
    "generator": np.random.default_rng(3),
    "random": random.Random(3),
    "lock": threading.Lock(),
    "slots": Slotted(),
    "one slot": OneSlot(),
    "iterator": (i for i in range(3)),
    "error": ValueError("x"),
    "generic": list[int],
    "slice": slice(1, 2),
    "range": range(3),
    "complex": 1j,
    "ellipsis": ...,
    "bytes": b"x",
    "bytearray": bytearray(b"x"),
    "proxy": types.MappingProxyType({"a": 1}),
    "not implemented": NotImplemented,
    "surrogate": "\udc80",
    "nan": float("nan"),
}


def everything():
    return {name: digest(value) for name, value in VALUES.items()}


@pytest.fixture(scope="module")
def digests():
    return everything()


def test_all_values_differ(digests):
    assert len(set(digests.values())) == len(VALUES)
    assert all(re.fullmatch("[0-9a-f]{32}", found) for found in digests.values())


def test_fresh_interpreters_with_other_hash_seeds_agree(digests):
    program = (
        "import importlib.util, json, sys; spec = importlib.util.spec_from_file_location(sys.argv[2], sys.argv[1]);"
        "m = importlib.util.module_from_spec(spec); sys.modules[sys.argv[2]] = m; spec.loader.exec_module(m);"
        "print(json.dumps(m.everything()))"
    )
    root = pathlib.Path(__file__).parents[2]
    told = []
    for seed in ("1", "77"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        command = [sys.executable, "-c", program, __file__, __name__]
        told.append(subprocess.run(command, env=env, cwd=root, capture_output=True, text=True, check=True).stdout)
    assert told[0] == told[1]
    import json

    assert json.loads(told[0]) == digests


SAME = [
    (np.arange(6).reshape(2, 3).T, np.ascontiguousarray(np.arange(6).reshape(2, 3).T)),
    (pa.array(["a", "b", None]), pa.array(["z", "a", "b", None]).slice(1)),
    (pa.chunked_array([[1], [None]]), pa.chunked_array([[1, None]])),
    ({3, 1, 2}, {2, 3, 1}),
    (FRAME, FRAME.copy(deep=True)),
    ([1, [2, "x"]], [1, [2, "x"]]),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=range(len(SAME)))
def test_the_same_content_is_the_same(one, other):
    assert digest(one) == digest(other)


def changed(frame, **columns):
    return frame.assign(**columns)


OTHER = [
    (1, 1.0),
    (1, True),
    ("1", 1),
    ([1, 2], (1, 2)),
    ([[1], 2], [[1, 2]]),
    (0.0, -0.0),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (np.array([1, 2]), np.array([1, 2], dtype="i4")),
    (np.zeros((2, 3)), np.zeros((3, 2))),
    (FRAME, changed(FRAME, a=[1, 2, 4])),
    (FRAME, FRAME.rename(columns={"a": "A"})),
    (FRAME, FRAME.set_axis([1, 2, 4])),
    (pd.Series(["a", None], dtype=object), pd.Series(["a", float("nan")], dtype=object)),
    (pa.array([1, None]), pa.array([1, 0])),
    (pa.array(["ab", "c"]), pa.array(["a", "bc"])),
    (Point(1), Point(2)),
    (functools.partial(helper, 1), functools.partial(helper, 2)),
    (outer(1), outer(2)),
    (lambda x: x + 1, lambda x: x + 2),
    (lambda x=1: x, lambda x=2: x),
    (np.random.default_rng(3), np.random.default_rng(4)),
]


@pytest.mark.parametrize(("one", "other"), OTHER, ids=range(len(OTHER)))
def test_other_content_is_another(one, other):
    assert digest(one) != digest(other)


def function_in(space, source="def f(x):\n    return helper(x) + [rate for _ in x]"):
    exec(source, space)
    return space["f"]


def test_used_globals_count_and_others_do_not():
    base = digest(function_in({"helper": fib, "rate": 1, "__name__": "__main__"}))
    assert digest(function_in({"helper": fib, "rate": 1, "other": 5, "__name__": "__main__"})) == base
    assert digest(function_in({"helper": fib, "rate": 2, "__name__": "__main__"})) != base
    assert digest(function_in({"helper": cached, "rate": 1, "__name__": "__main__"})) != base


def test_functions_that_use_each_other_end():
    space = {"__name__": "__main__"}
    exec("def even(n):\n return n == 0 or odd(n - 1)\ndef odd(n):\n return n != 0 and even(n - 1)", space)
    assert digest([space["even"], space["odd"]]) == digest([space["even"], space["odd"]])
    assert digest(space["even"]) != digest(space["odd"])


def test_what_is_shared_is_digested_once():
    value = ["x", [1]]
    for _ in range(60):
        value = [value, value]
    assert digest(value) == digest(value)


def test_library_code_is_its_name_and_version():
    assert digest(pd.concat) == digest(pd.concat)
    assert digest(pd.concat) != digest(pd.merge)
    assert digest(decimal.Decimal) != digest(fractions.Fraction)


def test_a_run_is_its_task_parts_plan_and_spec():
    df = pd.DataFrame({"k": [1, 2, 3]})
    plan, spec = partition(df, 3).plan, JobSpec()
    base = fingerprint("t", "p", plan, spec)
    assert base == fingerprint("t", "p", partition(df, 3).plan, JobSpec())
    others = [
        fingerprint("T", "p", plan, spec),
        fingerprint("t", "P", plan, spec),
        fingerprint("t", "p", partition(df, 2).plan, spec),
        fingerprint("t", "p", partition(df, by="k").plan, spec),
        fingerprint("t", "p", plan, JobSpec(seed=1)),
    ]
    assert len({base, *others}) == 6


def named_as(other, add):
    @functools.wraps(other)
    def wrapped(part):
        return add

    return wrapped


def test_what_has_a_librarys_name_is_not_the_librarys():
    assert digest(named_as(np.mean, 1)) != digest(named_as(np.mean, 2))
    assert digest(named_as(np.mean, 1)) == digest(named_as(np.mean, 1))
    made = [dataclasses.make_dataclass("Made", [field]) for field in ("a", "b", "b")]
    assert digest(made[0]) != digest(made[1])
    assert digest(made[1]) == digest(made[2])
    assert digest(types.FunctionType) != digest(types.MethodType)


def test_a_wrapper_counts_with_its_own_source():
    def twice(inner):
        @functools.wraps(inner)
        def wrapper(part):
            return inner(part) * 2

        return wrapper

    def thrice(inner):
        @functools.wraps(inner)
        def wrapper(part):
            return inner(part) * 3

        return wrapper

    def task(part):
        return part

    assert len({digest(task), digest(twice(task)), digest(thrice(task))}) == 3


def test_a_type_whose_module_is_no_text():
    class Odd:
        __slots__ = ("value",)

    Odd.__module__ = Odd.value  # as some compiled types have it
    assert digest(Odd) == digest(Odd)
    assert isinstance(digest(Odd()), str)
