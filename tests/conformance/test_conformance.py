"""The embedded cluster, or the one that --kubeconfig names, does what a real one did."""

from __future__ import annotations

import concurrent.futures
import shutil

import pytest

from tests.conformance import play

AT_ONCE = 6
PASSING = [line for line in (play.HERE / "passing.txt").read_text().splitlines() if line and not line.startswith("#")]
pytestmark = pytest.mark.timeout(460)


def chosen(config) -> list[str]:
    names = list(play.scenarios()) if config.getoption("--every-scenario") else PASSING
    return [name for name in names if shutil.which("kubectl") or not name.startswith("kubectl-")]


def pytest_generate_tests(metafunc):
    if "scenario" in metafunc.fixturenames:
        metafunc.parametrize("scenario", chosen(metafunc.config))


@pytest.fixture(scope="session")
def played(request, kubeconfig):
    """Scenario → its differences, to come: they mostly wait, so several are played at once."""
    wanted = [item.callspec.params["scenario"] for item in request.session.items if "scenario" in item.fixturenames]
    server = play.Server(str(kubeconfig))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(play.compare, server, name) for name in wanted}
        pool.shutdown(cancel_futures=True)


def test_scenario(played, scenario):
    assert played[scenario].result() == []


def test_every_listed_scenario_is_there_with_its_recording():
    known = play.scenarios()
    assert [name for name in PASSING if name not in known] == []
    assert [name for name in known if not (play.HERE / "recordings" / f"{name}.json").exists()] == []
