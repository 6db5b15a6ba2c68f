"""The feed against servers that behave as real ones do: they end watches, cut them, and forget versions."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from kjnb.cluster import decode
from kjnb.cluster.client import Cluster
from kjnb.cluster.feed import Feed
from kjnb.model.facts import JobSeen, PodSeen, Relisted
from tests.waiting import eventually


def pod(name: str, index: int, version: int, phase: str = "Running", **status):
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-11-23T20:00:00Z",
            "labels": {"batch.kubernetes.io/job-name": "run", "more": "x"},
            "annotations": {"batch.kubernetes.io/job-completion-index": str(index)},
            "managedFields": [{"manager": "kubelet"}],
        },
        "spec": {"nodeName": "n1", "containers": [{"name": "worker"}]},
        "status": {"phase": phase, **status},
    }


class Script(BaseHTTPRequestHandler):
    """Answers lists and watches from the server's script: `lists` of pods, and for each watch the lines to send."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
        kind = urlsplit(self.path).path.rsplit("/", 1)[1]
        self.server.asked.append((kind, asked))
        if "watch" in asked:
            self.watch(kind)
            return
        lists = self.server.lists[kind]
        items = lists.pop(0) if len(lists) > 1 else lists[0]
        body = json.dumps({"metadata": {"resourceVersion": str(self.server.version)}, "items": items}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def watch(self, kind):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        lines = self.server.watches[kind].pop(0) if self.server.watches[kind] else None
        for line in (x for x in lines or [] if x["type"] != "CUT"):
            data = json.dumps(line).encode() + b"\n"
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        if lines is None:
            self.server.ended.wait(30)
        elif lines and lines[-1].get("type") == "CUT":
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        """Quiet."""


@pytest.fixture
def scripted():
    from kubernetes.client import Configuration

    server = ThreadingHTTPServer(("127.0.0.1", 0), Script)
    server.daemon_threads = True
    server.ended, server.asked, server.version = threading.Event(), [], 100
    server.lists, server.watches = {"pods": [[]], "jobs": [[]]}, {"pods": [], "jobs": []}
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    loaded = Configuration(host=f"http://127.0.0.1:{server.server_port}")
    server.cluster = Cluster("scripted", "scripted", "default", loaded)
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def heard(scripted):
    facts: list = []
    feeds: list[Feed] = []

    def start() -> list:
        feeds.append(Feed(scripted.cluster, "kjnb.dev/run=run", facts.extend).start())
        return facts

    yield start
    for feed in feeds:
        feed.close()
        scripted.ended.set()
        feed.join()


def pods_in(facts):
    return [(f.name, f.phase, f.gone) for f in facts if isinstance(f, PodSeen)]


def test_lists_then_watches_from_there(scripted, heard):
    scripted.lists["pods"] = [[pod("a", 0, 90)]]
    scripted.watches["pods"] = [[{"type": "MODIFIED", "object": pod("a", 0, 101, "Succeeded")}]]
    facts = heard()
    eventually(lambda: ("a", "Succeeded", False) in pods_in(facts))
    asked = [a for kind, a in scripted.asked if kind == "pods" and "watch" in a]
    assert asked[0]["resourceVersion"] == "100"
    assert asked[0]["allowWatchBookmarks"] == "true"
    assert asked[0]["labelSelector"] == "kjnb.dev/run=run"
    lists = [f for f in facts if isinstance(f, Relisted) and f.kind == "pods"]
    assert lists[0].uids == {"uid-a"}


def test_a_watch_that_ends_goes_on_from_the_last_version(scripted, heard):
    scripted.watches["pods"] = [
        [
            {"type": "ADDED", "object": pod("a", 0, 101)},
            {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "150"}}},
        ],
        [{"type": "DELETED", "object": pod("a", 0, 151)}],
    ]
    facts = heard()
    eventually(lambda: ("a", "Running", True) in pods_in(facts))
    asked = [a["resourceVersion"] for kind, a in scripted.asked if kind == "pods" and "watch" in a]
    assert asked[:2] == ["100", "150"]
    assert len([1 for kind, a in scripted.asked if kind == "pods" and "watch" not in a]) == 1


def test_a_version_too_old_is_listed_again(scripted, heard):
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    scripted.lists["pods"] = [[pod("a", 0, 90), pod("b", 1, 91)], [pod("b", 1, 91)]]
    scripted.watches["pods"] = [[{"type": "ERROR", "object": gone}]]
    facts = heard()
    eventually(lambda: len([f for f in facts if isinstance(f, Relisted) and f.kind == "pods"]) == 2)
    assert [f.uids for f in facts if isinstance(f, Relisted) and f.kind == "pods"] == [
        {"uid-a", "uid-b"},
        {"uid-b"},
    ]


def test_a_cut_connection_is_opened_again(scripted, heard):
    scripted.watches["pods"] = [
        [{"type": "ADDED", "object": pod("a", 0, 101)}, {"type": "CUT"}],
        [{"type": "MODIFIED", "object": pod("a", 0, 102, "Failed")}],
    ]
    facts = heard()
    eventually(lambda: ("a", "Failed", False) in pods_in(facts))


def test_many_events_come_in_few_batches(scripted):
    scripted.watches["pods"] = [[{"type": "ADDED", "object": pod(f"p{i}", i, 101 + i)} for i in range(500)]]
    batches: list[list] = []
    feed = Feed(scripted.cluster, "", batches.append).start()
    eventually(lambda: sum(len(pods_in(b)) for b in batches) == 500)
    feed.close()
    scripted.ended.set()
    feed.join()
    assert len(batches) < 50


def test_what_a_pod_says_is_read():
    ended = {
        "exitCode": 137,
        "reason": "OOMKilled",
        "startedAt": "2026-11-23T20:00:01Z",
        "finishedAt": "2026-11-23T20:00:05Z",
    }
    raw = {**pod("a", 3, 7, "Failed", containerStatuses=[{"state": {"terminated": ended}}])}
    page = decode.page("pods", json.dumps({"metadata": {"resourceVersion": "9"}, "items": [raw]}).encode())
    fact = page.facts[0]
    assert isinstance(fact, PodSeen)
    assert (fact.job, fact.index, fact.exit_code, fact.reason, fact.node) == ("run", 3, 137, "OOMKilled", "n1")
    assert fact.finished - fact.started == 4
    assert page.version == "9"


def test_what_a_job_says_is_read():
    job = {
        "metadata": {"name": "run", "uid": "u", "resourceVersion": "5", "creationTimestamp": "2026-11-23T20:00:00Z"},
        "spec": {"parallelism": 4, "suspend": False, "completions": 8},
        "status": {
            "active": 0,
            "completedIndexes": "0-3",
            "failedIndexes": "4",
            "startTime": "2026-11-23T20:00:00Z",
            "conditions": [
                {
                    "type": "Failed",
                    "status": "True",
                    "reason": "FailedIndexes",
                    "lastTransitionTime": "2026-11-23T20:01:00Z",
                }
            ],
        },
    }
    fact = decode.page("jobs", json.dumps({"metadata": {"resourceVersion": "9"}, "items": [job]}).encode()).facts[0]
    assert isinstance(fact, JobSeen)
    assert (fact.completed, fact.failed, fact.parallelism) == ("0-3", "4", 4)
    assert fact.ended - fact.started == 60
    assert fact.conditions == (("Failed", "True", "FailedIndexes", ""),)
