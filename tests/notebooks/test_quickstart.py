"""The quickstart as a reader meets it: Run All in a real kernel, and Run All again."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
from typing import Any

import nbformat
import pytest
from kubernetes import client, config, watch
from nbclient import NotebookClient

from tests import homes

QUICKSTART = pathlib.Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


def executed(home: pathlib.Path) -> Any:
    """The notebook after Run All in a new kernel; a cell that fails and is not tagged for it fails the test."""
    notebook = nbformat.read(QUICKSTART, as_version=4)
    folder = home.parent / "beside"
    folder.mkdir(exist_ok=True)
    resources = {"metadata": {"path": str(folder)}}
    runner = NotebookClient(notebook, timeout=200, kernel_name="python3", resources=resources)
    return runner.execute(env=homes.environment(home, IPYTHONDIR=str(home.parent / "ipython")))


class Cluster:
    """The embedded cluster of a home, seen with the official client."""

    def __init__(self, home: pathlib.Path) -> None:
        command = [sys.executable, "-m", "kjnb", "cluster", "kubeconfig"]
        told = subprocess.run(command, env=homes.environment(home), capture_output=True, text=True, check=True)
        self.api = config.new_client_from_config(told.stdout.strip())
        self.lists = (
            client.BatchV1Api(self.api).list_job_for_all_namespaces,
            client.CoreV1Api(self.api).list_pod_for_all_namespaces,
        )

    def versions(self) -> list[str]:
        """Where the lists of Jobs and pods stand now."""
        return [one().metadata.resource_version for one in self.lists]

    def objects(self) -> list[set[str]]:
        """The uids of all Jobs, and of all pods."""
        return [{item.metadata.uid for item in one().items} for one in self.lists]

    def created_since(self, versions: list[str]) -> list[str]:
        """Names of the Jobs and pods that were created after these versions, those included that are gone again."""
        heard = [
            event
            for one, version in zip(self.lists, versions, strict=True)
            for event in watch.Watch().stream(one, resource_version=version, timeout_seconds=1)
        ]
        return [event["object"].metadata.name for event in heard if event["type"] == "ADDED"]

    def close(self) -> None:
        self.api.close()


RETRY = re.compile(r"(.*)-r1(-0-[a-z0-9]{5})?")  # the Job that retries a run's one failed index, and its pods


def outputs(notebook: Any) -> list[dict[str, Any]]:
    return [dict(o["data"]) for c in notebook.cells for o in c.get("outputs", []) if "data" in o]


def errors(notebook: Any) -> list[str]:
    """The errors that cells tagged for them show."""
    return [o["ename"] for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "error"]


@pytest.mark.timeout(300)
def test_run_all_twice_launches_once_but_for_what_failed(home: pathlib.Path) -> None:
    first = executed(home)
    cluster = Cluster(home)
    try:
        before, versions = cluster.objects(), cluster.versions()
        assert all(before)
        second = executed(home)
        made = cluster.created_since(versions)
        assert [name for name in made if not RETRY.fullmatch(name)] == []
        assert len({RETRY.fullmatch(name)[1] for name in made}) == 1  # of the one run that lacks a result, and no other
        assert all(old <= new for old, new in zip(before, cluster.objects(), strict=True))
    finally:
        cluster.close()
    for notebook in (first, second):
        shown = outputs(notebook)
        assert [data for data in shown if "kjnb-static" in data.get("text/html", "")]
        assert [data for data in shown if "application/vnd.plotly.v1+json" in data]
        assert [data for data in shown if "application/vnd.jupyter.widget-view+json" in data] == []
    errors = [
        [o["ename"] for c in n.cells for o in c.get("outputs", []) if o.output_type == "error"] for n in (first, second)
    ]
    assert errors[0] == errors[1]
