"""The clusters that are played against."""

from __future__ import annotations

import pathlib

import pytest

from kjnb import embedded

pytest.register_assert_rewrite(
    *(f"tests.conformance.upstream.{name}" for name in ("changes", "ends", "further", "policies", "space"))
)


@pytest.fixture(scope="session")
def cluster_of(request, tmp_path_factory):
    """`cluster_of(base)` is the kubeconfig of an embedded cluster with that first back-off, or the given one's."""
    homes: dict[float, pathlib.Path] = {}

    def kubeconfig(backoff_base: float) -> pathlib.Path:
        given = request.config.getoption("--kubeconfig")
        if given:
            return pathlib.Path(given)
        if backoff_base not in homes:
            homes[backoff_base] = tmp_path_factory.mktemp("conformance-home")
        return embedded.start(homes[backoff_base], backoff_base=backoff_base)

    yield kubeconfig
    for home in homes.values():
        embedded.stop(home)


@pytest.fixture(scope="session")
def kubeconfig(cluster_of):
    """An embedded cluster's with a short back-off, or the given one."""
    return cluster_of(1.0)
