"""A cluster of the tests' own, and the smallest client of it: raw requests, checked against its certificate."""

from __future__ import annotations

import json
import pathlib
import threading
from typing import Any

import urllib3
import yaml

MERGE = {"Content-Type": "application/merge-patch+json"}


class Client:
    """What a kubeconfig says, as `call`."""

    def __init__(self, kubeconfig: pathlib.Path) -> None:
        self.kubeconfig = kubeconfig
        told = yaml.safe_load(kubeconfig.read_text())
        self.url = told["clusters"][0]["cluster"]["server"]
        self.token = told["users"][0]["user"]["token"]
        self.headers = {"Authorization": f"Bearer {self.token}"}
        authority = kubeconfig.with_name("server.crt")
        self.http = urllib3.PoolManager(ca_certs=str(authority), retries=False, timeout=20)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """(code, document); keyword arguments are headers, `_` for `-`."""
        answer = self.answer(method, path, body, **headers)
        try:
            return answer.status, json.loads(answer.data)
        except ValueError:
            return answer.status, answer.data.decode()

    def answer(self, method: str, path: str, body: Any = None, **headers: str) -> urllib3.BaseHTTPResponse:
        """The whole answer."""
        given = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **self.headers, **given}
        return self.http.request(method, self.url + path, body=data, headers=sent)

    def close(self) -> None:
        """Let go of the connections."""
        self.http.clear()


class Watching:
    """A watch in a thread; `events` grows."""

    def __init__(self, client: Client, path: str) -> None:
        self.events: list[dict] = []
        self.ended = threading.Event()
        self.answer = client.http.request("GET", client.url + path, headers=client.headers, preload_content=False)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        for line in self.answer:
            self.events.append(json.loads(line))
        self.ended.set()

    def seen(self) -> list[tuple[str, str]]:
        """(type, name) of what came."""
        return [(one["type"], one["object"]["metadata"].get("name", "")) for one in self.events]

    def close(self) -> None:
        """Wait for the end that the request's timeoutSeconds brings."""
        self.ended.wait(20)
        self.answer.release_conn()


def configmap(name: str, **labels: str) -> dict:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"k": "v"}}


def job(name: str, script: str = "true", **spec: Any) -> dict:
    """A Job of one container that runs a shell script."""
    container = {"name": "worker", "image": "busybox:1.36", "command": ["sh", "-c", script]}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {**spec, "template": {"spec": pod}},
    }
