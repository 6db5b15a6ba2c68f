"""One cluster for the road's tests: an embedded one of their own, or the one that --kubeconfig names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kjnb import embedded
from kjnb.cluster.client import Cluster
from kjnb.connect import Session, configuration
from tests import homes


@pytest.fixture(scope="session")
def home(tmp_path_factory, request) -> Iterator[Path]:
    """A KJNB_HOME of its own, with a cluster whose pods fail and come back quickly."""
    folder = tmp_path_factory.mktemp("kjnb-home")
    other = request.config.getoption("--kubeconfig")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KJNB_HOME", str(folder))
        patch.delenv("KJNB_CLUSTER", raising=False)
        if other:
            patch.setenv("KUBECONFIG", other)
            patch.setenv("KJNB_CLUSTER", configuration(None)[1])
            yield folder
            return
        with homes.own_home(folder):
            embedded.start(folder, backoff_base=0.1)
            yield folder


@pytest.fixture(scope="session")
def session(home) -> Session:
    """What a notebook would have."""
    return Session()


@pytest.fixture
def cluster(session) -> Cluster:
    """The cluster under test."""
    return session.connect()


@pytest.fixture(autouse=True)
def in_home(home) -> None:
    """Every test here works in that KJNB_HOME."""
    assert os.environ["KJNB_HOME"] == str(home)


@pytest.fixture
def nothing_left(cluster) -> Iterator[None]:
    """Afterwards there are no more Jobs, pods, ConfigMaps and stages than before."""
    before = everything(cluster)
    yield
    assert everything(cluster) == before


def everything(cluster: Cluster) -> dict[str, set[str]]:
    """Names of what a launch could leave behind, in the cluster and in the folder of all stages."""
    from kjnb.run.found import stage_root

    root = Path(stage_root(cluster))
    found = {r: {i["metadata"]["name"] for i in cluster.list(r)["items"]} for r in ("jobs", "pods", "configmaps")}
    return {**found, "stages": {p.name for p in root.iterdir()} if root.exists() else set()}
