"""The cluster that is played against."""

from __future__ import annotations

import pathlib

import pytest

from kjnb import embedded

pytest.register_assert_rewrite(
    *(f"tests.conformance.upstream.{name}" for name in ("changes", "ends", "policies", "space"))
)


@pytest.fixture(scope="session")
def kubeconfig(request, tmp_path_factory):
    """An embedded cluster's, with a short back-off; or the given one."""
    given = request.config.getoption("--kubeconfig")
    if given:
        yield pathlib.Path(given)
        return
    home = tmp_path_factory.mktemp("conformance-home")
    yield embedded.start(home, backoff_base=2.0)
    embedded.stop(home)
