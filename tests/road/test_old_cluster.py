"""A cluster that drops a field with a yes, as old ones do: the launch says so, and leaves nothing there."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from kubernetes.client import ApiClient, Configuration

import kjnb
from kjnb import embedded
from kjnb.cluster.client import Cluster
from kjnb.connect import configuration
from tests.road.conftest import everything

FRAME = pd.DataFrame({"x": range(8)})


class OldServer(ThreadingHTTPServer):
    """Passes everything on to a real server, and takes a field out of every Job: on its way `"in"` or `"out"`."""

    daemon_threads = True

    def __init__(self, real: Configuration, lost: str, where: str) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.real, self.lost, self.where = str(real.host).rstrip("/"), lost, where
        self.pool = ApiClient(real).rest_client.pool_manager

    def without(self, body: bytes, where: str) -> bytes:
        job = json.loads(body) if body and where == self.where else {}
        if job.get("kind") != "Job":
            return body
        job["spec"].pop(self.lost, None)
        return json.dumps(job).encode()


class Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, OldServer)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = server.without(body, "in")
        kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length", "connection")}
        answer = server.pool.request(self.command, server.real + self.path, body=body or None, headers=kept)
        data = server.without(answer.data, "out")
        if self.path == "/version":
            data = json.dumps(json.loads(data) | {"gitVersion": "v1.28.9"}).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, *words: object) -> None:
        """A test's server says nothing."""


@contextlib.contextmanager
def old(real: Configuration, namespace: str, lost: str, where: str) -> Iterator[Cluster]:
    with OldServer(real, lost, where) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            loaded = Configuration(host=f"http://127.0.0.1:{server.server_port}")
            loaded.api_key = dict(real.api_key)
            yield Cluster("old", "old", namespace, loaded)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def real(home) -> Configuration:
    known = os.environ.get("KUBECONFIG")
    return configuration(None, None if known else embedded.kubeconfig(home))[0]


@pytest.mark.parametrize("lost", ["backoffLimitPerIndex", "podFailurePolicy"])
def test_a_field_the_cluster_dropped_is_named_with_the_version_that_has_it(cluster, real, lost):
    before = everything(cluster)
    with (
        old(real, cluster.namespace, lost, "out") as dropping,
        pytest.raises(kjnb.UsageError, match=rf"v1\.28\.9\) does not know spec\.{lost}") as refused,
    ):
        kjnb.launch(len, FRAME, partitions=2, name="dropped", cluster=dropping)
    assert "1.29" in refused.value.fix
    assert everything(cluster) == before


def test_a_refusal_by_a_cluster_below_the_floor_names_the_floor(cluster, real):
    """Without a limit per index the rest of the Job makes no sense to it, and it says so in its own words."""
    before = everything(cluster)
    with (
        old(real, cluster.namespace, "backoffLimitPerIndex", "in") as refusing,
        pytest.raises(kjnb.UsageError, match=r"v1\.28\.9\) refused the Job: .*FailIndex") as refused,
    ):
        kjnb.launch(len, FRAME, partitions=2, name="dropped", cluster=refusing)
    assert "1.29" in refused.value.fix
    assert everything(cluster) == before
