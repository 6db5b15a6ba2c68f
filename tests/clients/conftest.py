"""One cluster for all clients; it was started twice, so that there is a history that it does not have."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from kjnb import embedded
from tests import homes


@pytest.fixture(scope="session")
def cluster_home(tmp_path_factory) -> Iterator[pathlib.Path]:
    """A KJNB_HOME with a running cluster."""
    with homes.own_home(tmp_path_factory.mktemp("clients") / "home") as home:
        embedded.start(home, backoff_base=0.2)
        embedded.stop(home)
        embedded.start(home, backoff_base=0.2)
        yield home


@pytest.fixture(scope="session")
def kubeconfig(cluster_home) -> pathlib.Path:
    """Its kubeconfig."""
    return embedded.kubeconfig(cluster_home)


@pytest.fixture(scope="session")
def environments(request) -> pathlib.Path:
    """Where the environments of the clients are kept."""
    return request.config.cache.mkdir("clients")
