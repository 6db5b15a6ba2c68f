"""What Kubernetes' own end-to-end tests of Jobs look for: on the embedded cluster or that of --kubeconfig."""

from __future__ import annotations

import concurrent.futures

import pytest

from tests.conformance import play
from tests.conformance.upstream import changes, ends, further, mixed, policies  # noqa: F401 - they add to LIVES
from tests.conformance.upstream.space import LIVES, Space

AT_ONCE = 8
pytestmark = pytest.mark.timeout(300)


def lived(server: play.Server, name: str) -> None:
    space = Space(server, name)
    try:
        LIVES[name](space)
    finally:
        space.close()


@pytest.fixture(scope="module")
def lives(request, kubeconfig):
    """Name → the life, to come: they mostly wait, so several are lived at once."""
    wanted = [
        item.callspec.params["life"] for item in request.session.items if "life" in getattr(item, "fixturenames", ())
    ]
    server = play.Server(str(kubeconfig))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(lived, server, name) for name in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("life", sorted(LIVES))
def test_life(lives, life):
    lives[life].result()


def test_all_that_pass_on_a_real_cluster_are_here():
    theirs = [one for one in LIVES.values() if one.__module__ not in (further.__name__, mixed.__name__)]
    assert len(theirs) == 32
