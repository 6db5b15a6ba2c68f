"""For all tests: golden files, which `--regenerate` writes anew, and a KJNB_HOME that ends with its test."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests import homes


def pytest_addoption(parser):
    parser.addoption("--regenerate", action="store_true", help="write the golden files from what is rendered now")
    parser.addoption("--kubeconfig", help="play against this cluster instead of an embedded one of the tests' own")
    parser.addoption("--every-scenario", action="store_true", help="the conformance scenarios that are not listed, too")


@pytest.fixture
def home(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A KJNB_HOME; whatever runs there ends with the test."""
    with homes.own_home(tmp_path / "home") as own:
        yield own


@pytest.fixture
def golden(request) -> Callable[[str, str], None]:
    """`golden("name.svg", text)` compares with `golden/name.svg` beside the test's module."""

    def compare(name: str, text: str) -> None:
        path = pathlib.Path(request.path).parent / "golden" / name
        if request.config.getoption("--regenerate"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text

    return compare
