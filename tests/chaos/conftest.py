"""Servers are killed here while clients are connected: what such a cut leaves of a socket goes with the collector."""

from __future__ import annotations

import pathlib

import pytest

CUT = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = pathlib.Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(CUT)
