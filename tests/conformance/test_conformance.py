"""The embedded cluster, or the one that --kubeconfig names, does what a real one did, whatever its first back-off."""

from __future__ import annotations

import concurrent.futures
import shutil

import pytest

from tests.conformance import play

AT_ONCE = 8
PACES = {"as-kubernetes": 10.0, "short": 0.2}  # seconds of the first back-off
PASSING = [line for line in (play.HERE / "passing.txt").read_text().splitlines() if line and not line.startswith("#")]
pytestmark = pytest.mark.timeout(460)


def chosen(config) -> list[str]:
    names = list(play.scenarios()) if config.getoption("--every-scenario") else PASSING
    return [name for name in names if shutil.which("kubectl") or not name.startswith("kubectl-")]


def pytest_generate_tests(metafunc):
    if "scenario" in metafunc.fixturenames:
        own = not metafunc.config.getoption("--kubeconfig")
        metafunc.parametrize("scenario", chosen(metafunc.config))
        metafunc.parametrize("pace", list(PACES) if own else ["its-own"])


@pytest.fixture(scope="session")
def played(request, cluster_of):
    """(scenario, pace) → its differences, to come: they mostly wait, so several are played at once."""
    items = [item for item in request.session.items if "scenario" in getattr(item, "fixturenames", ())]
    wanted = [(item.callspec.params["scenario"], item.callspec.params["pace"]) for item in items]
    paces = {pace for _, pace in wanted}
    servers = {pace: play.Server(str(cluster_of(PACES.get(pace, 1.0)))) for pace in paces}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {(name, pace): pool.submit(play.compare, servers[pace], name) for name, pace in wanted}
        pool.shutdown(cancel_futures=True)


def test_scenario(played, scenario, pace):
    assert played[scenario, pace].result() == []


def test_every_listed_scenario_is_there_with_its_recording():
    known = play.scenarios()
    assert [name for name in PASSING if name not in known] == []
    assert [name for name in known if not (play.HERE / "recordings" / f"{name}.json").exists()] == []
