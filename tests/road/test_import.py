"""Importing kjnb is for free; what it needs is loaded when it is needed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import kjnb

HEAVY = ("kubernetes", "plotly", "ipywidgets", "papermill", "pyarrow", "pandas", "numpy")


def modules_after(code: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(told.stdout.splitlines()[-1]))


def test_import_loads_nothing_heavy():
    assert not modules_after("import kjnb") & set(HEAVY)


def test_public_names_are_there_and_later_ones_are_not():
    for name in kjnb.__all__:
        assert getattr(kjnb, name) is not None
        assert name in dir(kjnb)
    for name in ("grid", "nonsense"):
        with pytest.raises(AttributeError):
            getattr(kjnb, name)


def test_a_submodule_never_hides_the_function():
    names = ("kjnb.connect", "kjnb.report")
    code = f"import {', '.join(names)}\nassert all(map(callable, ({', '.join(names)})))"
    assert modules_after(code) >= set(names)
