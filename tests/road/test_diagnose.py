"""A run that does not go on says why, and what to do: each state made on a real cluster."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import kjnb
from kjnb.cluster.client import Cluster
from kjnb.errors import Forbidden
from kjnb.model.merge import strategic_merge
from kjnb.run import diagnosing
from tests.waiting import eventually

FRAME = pd.DataFrame({"x": range(8)})
SMALL = {"cpu": "100m", "memory": "128Mi", "parallelism": 2}


@pytest.fixture
def launched(cluster):
    """Launches runs that are taken away again."""
    made = []

    def launch(fn, name, *, on=cluster, **settings):
        run = kjnb.launch(fn, FRAME, name=name, cluster=on, **{"partitions": 2, **SMALL, **settings})
        made.append(run)
        return run

    yield launch
    for run in made:
        if run.cluster is not None:
            run.delete(results=True)


def with_template(cluster, patch):
    """The cluster as if its owner had this patch in the pods' template, too."""
    template = strategic_merge(json.loads(cluster.defaults().get("template") or "{}"), patch)
    return Cluster(
        cluster.target,
        cluster.context,
        cluster.namespace,
        cluster._configuration,
        {"template": json.dumps(template)},
    )


def until(run, code):
    """The finding of that code, as soon as the run has it."""
    return eventually(lambda: next((one for one in run.diagnose() if one.code == code), None))


@pytest.fixture
def rows():
    """A task that only counts; made here, so that this module need not travel with it."""

    def count(part):
        return len(part)

    return count


def test_more_cpu_than_any_node_has(launched, rows):
    run = launched(rows, "too-much-cpu", cpu="4000")
    found = until(run, "unschedulable-cpu")
    assert found.indexes == (0, 1)
    assert "no node of the cluster has 4000 CPU" in found.what
    assert "Insufficient cpu" in found.what
    assert "run.retry(cpu='" in found.fix
    assert "no node has" in eventually(lambda: "no node has" in run.status_text() and run.status_text())


def test_an_image_that_cannot_be_pulled(launched, rows):
    run = launched(rows, "no-image", image="registry.invalid/team/worker:9.9")
    found = until(run, "image-pull")
    assert "registry.invalid/team/worker:9.9 cannot be pulled" in found.what
    assert "run.retry(image=" in found.fix


def test_a_config_map_that_is_not_there(launched, cluster, rows):
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "no-such-settings", "key": "a"}}}]
    patched = with_template(cluster, {"spec": {"containers": [{"name": "worker", "env": env}]}})
    run = launched(rows, "no-config-map", on=patched)
    found = until(run, "configmap-missing")
    assert "the ConfigMap no-such-settings, from which the variable A (key a) is to come" in found.what
    assert found.indexes == (0, 1)


def test_a_secret_volume_that_is_not_there(launched, cluster, rows):
    volume = {"volumes": [{"name": "keys", "secret": {"secretName": "no-such-keys"}}]}
    patched = with_template(cluster, {"spec": volume})
    found = until(launched(rows, "no-secret", on=patched), "secret-missing")
    assert "the Secret no-such-keys" in found.what


def test_out_of_memory(launched):
    def greedy(part):
        return len(b"x" * 400_000_000)

    run = launched(greedy, "greedy", backoff_limit_per_index=0)
    run.wait(timeout=60)
    found = until(run, "oom-killed")
    assert found.indexes == (0, 1)
    assert "limit of 128Mi" in found.what
    assert "run.retry(memory='256Mi')" in found.fix
    assert "out of memory (limit 128Mi)" in eventually(lambda: "memory" in run.status_text() and run.status_text())


def test_an_exit_code(launched):
    def leaves(part, index):
        import os

        print("the last words", flush=True)
        os._exit(3 if index else 0)

    run = launched(leaves, "leaves", backoff_limit_per_index=0)
    run.wait(timeout=60)
    found = until(run, "exit-code")
    assert found.indexes[-1] == 1
    assert "exit code 3" in "".join(one.what for one in run.diagnose())
    assert "indexes-failed" in [one.code for one in run.diagnose()]


def test_an_error_of_the_task(launched):
    def wrong(part):
        return part["carier"]

    run = launched(wrong, "wrong-column")
    run.wait(timeout=60)
    found = until(run, "error")
    assert "KeyError" in found.what
    assert "not tried again" in found.what
    assert found.fix.startswith("run.debug(0)")
    assert "KeyError" in repr(run.diagnose())


def test_the_clock_of_the_back_off(launched):
    def never(part):
        raise OSError("not today")

    run = launched(never, "never", backoff_limit_per_index=9, partitions=1)
    found = until(run, "back-off")
    assert "the next one begins" in found.what
    assert "of at most 10" in found.what
    assert found.indexes == (0,)
    later = eventually(lambda: next((d for d in run.diagnose() if d.code == "back-off" and " in " in d.short), None))
    assert later.short.endswith(" s")
    run.stop()


def test_suspended(launched, cluster, rows):
    run = launched(rows, "put-aside", cpu="4000")
    cluster.patch("jobs", run.name, {"spec": {"suspend": True}})
    found = until(run, "suspended")
    assert found.fix == "run.resume()"


def test_the_deadlines(launched):
    def slow(part):
        import time

        time.sleep(60)

    late = launched(slow, "late", active_deadline_seconds=1)
    brief = launched(slow, "brief", timeout=1, backoff_limit_per_index=0)
    late.wait(timeout=60)
    brief.wait(timeout=60)
    assert "deadline of 1 s" in until(late, "job-deadline").what
    assert "active_deadline_seconds=2" in until(late, "job-deadline").fix
    assert "limit of 1 s of one attempt" in until(brief, "pod-deadline").what
    assert "timeout=2" in until(brief, "pod-deadline").fix


def test_all_is_well(launched, rows):
    run = launched(rows, "all-well")
    run.wait(timeout=60)
    assert run.diagnose().findings == ()
    assert "nothing is stuck" in repr(run.diagnose())
    assert "2 of 2 done" in repr(run.diagnose())


class Discreet:
    """A cluster that tells this user only of Jobs."""

    def __init__(self, cluster, *allowed):
        self.real, self.allowed, self.asked = cluster, allowed, []

    def __getattr__(self, name):
        return getattr(self.real, name)

    def list(self, resource, *more):
        self.check(resource)
        return self.real.list(resource, *more)

    def pages(self, resource, *more):
        self.check(resource)
        return self.real.pages(resource, *more)

    def nodes(self):
        return None

    def check(self, resource):
        self.asked.append(resource)
        if resource not in self.allowed:
            raise Forbidden("no", status=403)


def test_who_may_not_read_events_hears_less(launched, cluster, rows):
    run = launched(rows, "less-told", cpu="4000")
    until(run, "unschedulable-cpu")
    for allowed in ((), ("jobs",), ("jobs", "pods")):
        shy = Discreet(cluster, *allowed)
        found = diagnosing.findings(run.state, shy, run.facts, run.now())
        assert set(allowed) <= set(shy.asked)
        assert ("unschedulable-cpu" in [one.code for one in found]) == ("pods" in allowed)


def test_a_run_that_goes_well_asks_nothing(launched, cluster, rows):
    run = launched(rows, "unasked")
    run.wait(timeout=60)
    asked = []
    watcher = diagnosing.Diagnosing(lambda state: asked.append(state) or (), run.now)
    assert watcher.look(run.state, wait=5) == ()
    assert asked == []


def test_a_stopped_run_says_so(launched, rows):
    run = launched(rows, "halted", cpu="4000")
    run.stop()
    run.wait(timeout=60)
    assert "run.retry()" in until(run, "stopped").fix
