"""The one module that knows the official client, against a real server over TLS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

import kjnb
from kjnb.cluster.answers import refusal
from kjnb.cluster.client import Cluster, ServerClock
from kjnb.cluster.dropped import dropped, since
from kjnb.connect import Session, configuration
from tests.waiting import eventually


def config_map(name: str, **data: str):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"t": name}}, "data": data}


def test_objects_come_and_go_as_dicts(cluster):
    made, warned = cluster.create("configmaps", config_map("one", a="1"))
    assert made["metadata"]["uid"]
    assert warned == []
    with pytest.raises(kjnb.Conflict) as taken:
        cluster.create("configmaps", config_map("one"))
    assert (taken.value.status, taken.value.reason) == (409, "AlreadyExists")
    assert cluster.patch("configmaps", "one", {"data": {"b": "2"}})["data"] == {"a": "1", "b": "2"}
    assert [i["metadata"]["name"] for i in cluster.list("configmaps", "t=one")["items"]] == ["one"]
    assert cluster.delete("configmaps", "one", uid="another") is False
    assert cluster.delete("configmaps", "one", uid=made["metadata"]["uid"]) is True
    assert cluster.delete("configmaps", "one") is False
    with pytest.raises(kjnb.NotFound) as gone:
        cluster.get("configmaps", "one")
    assert gone.value.status == 404


def test_a_dry_run_creates_nothing(cluster):
    cluster.create("configmaps", config_map("dry"), dry_run=True)
    with pytest.raises(kjnb.NotFound):
        cluster.get("configmaps", "dry")


def test_a_watch_gives_lines_and_ends_when_closed(cluster):
    version = cluster.list("configmaps")["metadata"]["resourceVersion"]
    watching = cluster.watch("configmaps", version, "t=seen")
    lines: list[dict] = []
    reader = threading.Thread(target=lambda: lines.extend(json.loads(line) for line in watching))
    reader.start()
    cluster.create("configmaps", config_map("seen"))
    cluster.delete("configmaps", "seen")
    eventually(lambda: len([x for x in lines if x["type"] != "BOOKMARK"]) >= 2)
    watching.close()
    reader.join(10)
    assert not reader.is_alive()
    assert [x["type"] for x in lines if x["type"] != "BOOKMARK"] == ["ADDED", "DELETED"]


def test_who_does_not_answer_is_named(cluster):
    loaded, _, _ = configuration(None, _kubeconfig())
    loaded.host = "https://127.0.0.1:1"
    with pytest.raises(kjnb.Unreachable, match=r"127\.0\.0\.1:1"):
        Cluster("local", "local", "default", loaded).version()


def test_a_wrong_token_is_forbidden(cluster):
    loaded, _, _ = configuration(None, _kubeconfig())
    loaded.refresh_api_key_hook = None
    for key in loaded.api_key:
        loaded.api_key[key] = "Bearer wrong"
    with pytest.raises(kjnb.Forbidden, match="401") as refused:
        Cluster("local", "local", "default", loaded).list("pods")
    assert "log in" in refused.value.fix


def _kubeconfig():
    from kjnb import embedded

    return embedded.kubeconfig(os.environ["KJNB_HOME"])


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_loopback_is_never_asked_through_a_proxy(home, variable):
    env = {k: v for k, v in os.environ.items() if k.lower() != "no_proxy"} | {variable: "http://127.0.0.1:9"}
    code = "import kjnb; print(kjnb.connect().version()['major'])"
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert told.stdout.strip() == "1", told.stderr


def test_an_unknown_context_names_those_there_are(home, tmp_path, monkeypatch):
    session = Session()
    with pytest.raises(kjnb.UsageError, match="nowhere"):
        session.use("nowhere")
    assert session.target == "local"


def test_connect_is_for_one_call_and_use_for_the_session(home, monkeypatch):
    session = Session()
    monkeypatch.setenv("KJNB_CLUSTER", "nowhere")
    assert session.target == "nowhere"
    session.use("local", namespace="kube-system")
    assert session.connect().namespace == "kube-system"
    assert session.connect() is session.cluster
    assert (session.connect().defaults() or {}) == {}


def test_told_defaults_go_before_the_clusters(home):
    cluster = Session().use("local", stage="/elsewhere")
    assert cluster.defaults()["stage"] == "/elsewhere"
    assert cluster.defaults()["image"]


def test_allocatable_is_more_than_nothing(cluster):
    cores, memory = cluster.allocatable()
    assert cores > 0
    assert memory > 64 * 2**20


def test_a_refusal_keeps_kubernetes_words():
    status = {
        "kind": "Status",
        "reason": "Forbidden",
        "code": 403,
        "message": 'jobs.batch is forbidden: User "sci" cannot list resource "jobs"',
        "details": {"kind": "jobs", "group": "batch"},
    }
    error = refusal(403, json.dumps(status).encode(), asked="GET jobs", context="prod")
    assert isinstance(error, kjnb.Forbidden)
    assert 'User "sci" cannot list' in error.what
    assert error.details["group"] == "batch"
    assert "Role" in error.fix
    assert "<html>" in refusal(502, b"<html>bad gateway", asked="GET x", context="prod").what


def test_the_servers_clock_is_used_only_when_ours_cannot_be_right():
    clock = ServerClock()
    clock.heard("Mon, 23 Nov 2026 20:00:00 GMT", 1_795_464_000.2, 1_795_464_000.3)
    assert abs(clock._low) <= 1
    far = ServerClock()
    far.heard("Mon, 23 Nov 2026 20:00:00 GMT", 0.0, 0.1)
    assert far._low > 1_000_000


def test_dropped_fields_are_found_and_defaults_are_not():
    asked = {"a": 1, "cpu": "0.5", "rules": [{"x": 1}, {"y": 2}], "empty": None}
    assert list(dropped(asked, {"a": 1, "cpu": "500m", "rules": [{"x": 1, "d": 0}, {"y": 2}], "more": 1})) == []
    assert list(dropped(asked, {"a": 2, "cpu": "500m", "rules": [{"x": 1}]})) == ["a", "rules[1].y"]
    assert since("spec.backoffLimitPerIndex") == "1.29"
