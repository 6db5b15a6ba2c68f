"""Both generations of the official Python client, each in an environment of its own: the cluster, and kjnb itself."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from tests import homes
from tests.clients import environments as made

ROOT = pathlib.Path(__file__).parents[2]
ROAD = ["tests/road/test_results.py", "tests/road/test_feed.py"]
OURS = "import kubernetes, kjnb.cluster.client; print(kubernetes.__version__)"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("generation", made.GENERATIONS)
def test_what_people_do_with_the_client(generation, environments, kubeconfig):
    python = made.python_of(environments, generation)
    script = [str(python), str(pathlib.Path(__file__).with_name("script.py")), str(kubeconfig)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=300, env=homes.environment(kubeconfig.parent))
    passed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("ok ")]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(passed) > 20


@pytest.mark.timeout(900)
def test_the_road_with_the_older_client(environments, home):
    python = made.python_of(environments, "36", everything_else=True)
    env = homes.environment(home, PYTHONPATH=str(ROOT))
    seen = subprocess.run([str(python), "-c", OURS], capture_output=True, text=True, timeout=60, env=env, cwd=ROOT)
    assert seen.stdout.startswith("36."), seen.stderr
    pytest_there = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", *ROAD]
    done = subprocess.run(pytest_there, capture_output=True, text=True, timeout=600, env=env, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert os.environ.get("CI") != "true" or "skipped" not in done.stdout
