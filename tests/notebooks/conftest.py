"""A home of its own for each test that executes notebooks."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests import homes


@pytest.fixture
def home(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """KJNB_HOME of the notebooks' kernels; its cluster ends with the test."""
    with homes.own_home(tmp_path / "home") as own:
        yield own
