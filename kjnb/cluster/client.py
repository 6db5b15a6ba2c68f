"""One cluster, as the rest of kjnb sees it: verbs on plural names, plain dicts, our errors.

This is the one module that knows the official client. It gives what is hard (contexts, credentials and their renewal,
certificates, proxies) and its connections; the requests and answers stay raw JSON, because the client's model classes
cost a hundred times as much to fill, reject fields they do not know, and differ between its versions.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from kjnb.cluster import answers
from kjnb.errors import ClusterError, Conflict, Forbidden, NotFound, Unreachable, UsageError
from kjnb.model.quantity import parse_quantity

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
SILENCE_SECONDS = 90.0  # bookmarks come about once a minute: a watch silent for longer is cut
PAGE = 500
GROUPS = {"jobs": "apis/batch/v1"}
CLUSTER_WIDE = {"nodes", "namespaces"}
Json = dict[str, Any]


class Connections(Protocol):
    """How requests leave: what is used of urllib3's pool manager, which the official client sets up."""

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Send one request and return urllib3's response, its body unread."""


class ServerClock:
    """The server's clock, known to within a second from the Date of its answers."""

    def __init__(self) -> None:
        self._low, self._high = float("-inf"), float("inf")

    def heard(self, date: str | None, sent: float, received: float) -> None:
        """Take one answer's Date header, in whole seconds, into account."""
        if not date:
            return
        told = parsedate_to_datetime(date).timestamp()
        low, high = max(self._low, told - received), min(self._high, told + 1 - sent)
        # a clock that was set meanwhile contradicts what was heard before: start over
        self._low, self._high = (low, high) if low <= high else (told - received, told + 1 - sent)

    def now(self) -> float:
        """Seconds since the epoch on the server's clock; our own clock when nothing contradicts it."""
        return time.time() + min(max(0.0, self._low), self._high)


class Watching:
    """The lines of one open watch or followed log; `close` may be called from any thread and ends the reader."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield complete lines without their line ends, as they come; ends when the server or `close` ends it."""
        rest = b""
        try:
            for data in self._response.stream(65536, decode_content=False):
                *lines, rest = (rest + data).split(b"\n")
                yield from lines
        except Exception as error:
            if self._closed:
                return
            raise _network(error) from error
        finally:
            self._response.close()
        if rest:
            yield rest

    def close(self) -> None:
        """End it; a thread that is blocked reading returns."""
        self._closed = True
        with contextlib.suppress(Exception):  # already ended, from the other side or by its reader
            self._response.shutdown()


def _network(error: Exception) -> ClusterError:
    return Unreachable(f"the connection broke: {answers.cause(error)}", fix="it is opened again")


class Cluster:
    """A cluster and a namespace in it: `context` (its name), `server` (URL), `target` (what `use` was told).

    Thread-safe: every request takes its own connection and asks for the credentials anew.
    """

    def __init__(
        self,
        target: str,
        context: str,
        namespace: str,
        configuration: Any,
        told: Json | None = None,
        again: Callable[[], Any] | None = None,
    ) -> None:
        self.target, self.context, self.namespace = target, context, namespace
        self._again = again  # loads the configuration anew, to find a server that came back at another port
        self.clock = ServerClock()
        self.told_where = False  # whether a launch has said which cluster this is
        self._told = dict(told or {})
        self._credentials = threading.Lock()
        self._use(configuration)

    def _use(self, configuration: Any) -> None:
        from kubernetes.client import ApiClient

        self._configuration = configuration
        self.server = str(configuration.host).rstrip("/")
        self._connections: Connections = ApiClient(configuration).rest_client.pool_manager

    def _moved(self) -> bool:
        """Whether the server is at another place by now; then that is used from here on."""
        if self._again is None:
            return False
        try:
            found = self._again()
        except (ClusterError, UsageError):
            return False
        with self._credentials:
            moved = str(found.host).rstrip("/") != self.server
            if moved:
                self._use(found)
        return moved

    def __repr__(self) -> str:
        return f"Cluster({self.context!r}, namespace={self.namespace!r}, server={self.server!r})"

    def in_namespace(self, namespace: str) -> Cluster:
        """Give the same cluster with another namespace."""
        if namespace == self.namespace:
            return self
        return Cluster(self.target, self.context, namespace, self._configuration, self._told, self._again)

    def create(self, resource: str, body: Json, *, dry_run: bool = False) -> tuple[Json, list[str]]:
        """Create an object; returns it as stored and the server's warnings (fields it dropped, for one)."""
        query = {"dryRun": "All"} if dry_run else {}
        response = self._ask("POST", self._path(resource), query, body)
        return json.loads(response.data), _warned(response)

    def get(self, resource: str, name: str) -> Json:
        """Read one object; NotFound if there is none."""
        return self._json("GET", self._path(resource, name))

    def list(self, resource: str, label_selector: str = "", field_selector: str = "") -> Json:
        """Read all that match, page by page, as one list; its metadata.resourceVersion is where a watch goes on."""
        items: list[Json] = []
        page: Json = {}
        for raw in self.pages(resource, label_selector, field_selector):
            page = json.loads(raw)
            items += page.get("items") or []
        return {**page, "items": items}

    def pages(self, resource: str, label_selector: str = "", field_selector: str = "") -> Iterator[bytes]:
        """Read the pages of a list, as the bytes that came; all pages are of one resourceVersion."""
        query = {"labelSelector": label_selector, "fieldSelector": field_selector, "limit": str(PAGE)}
        while True:
            raw: bytes = self._ask("GET", self._path(resource), query).data
            yield raw
            more = _heads.decode(raw).metadata.more
            if not more:
                return
            query["continue"] = more

    def patch(self, resource: str, name: str, body: Json, *, kind: str = "merge-patch") -> Json:
        """Merge `body` into an object (`kind="strategic-merge-patch"` for Kubernetes' own merging)."""
        headers = {"Content-Type": f"application/{kind}+json"}
        return self._json("PATCH", self._path(resource, name), body=body, headers=headers)

    def delete(self, resource: str, name: str, propagation: str = "Background", *, uid: str | None = None) -> bool:
        """Delete an object and, as `propagation` says, what it owns; False if it was not there (or has another uid)."""
        body: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            self._ask("DELETE", self._path(resource, name), body=body)
        except (NotFound, Conflict):
            return False
        return True

    def log(self, pod: str, tail: int | None = None, most: int | None = None) -> bytes:
        """Read a pod's log so far, or its last `tail` lines, of these `most` bytes."""
        query = {"tailLines": str(tail)} if tail is not None else {}
        query |= {"limitBytes": str(most)} if most is not None else {}
        data: bytes = self._ask("GET", self._path("pods", pod, "log"), query, read=ANSWER_SECONDS).data
        return data

    def follow(self, pod: str) -> Watching:
        """Read a pod's log line by line until the pod has ended."""
        return Watching(self._open("GET", self._path("pods", pod, "log"), {"follow": "true"}, read=None))

    def watch(
        self,
        resource: str,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        timeout: float = 1800.0,
    ) -> Watching:
        """Open a watch: JSON lines of {type, object}, bookmarks included; the server ends it after `timeout` s."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "timeoutSeconds": str(int(timeout)),
        }
        return Watching(self._open("GET", self._path(resource), query, read=SILENCE_SECONDS))

    def version(self) -> Json:
        """Ask for the server's version: {"major": "1", "minor": "36", "gitVersion": …}."""
        return self._json("GET", "version")

    def allocatable(self) -> tuple[float, int] | None:
        """Cores and bytes that all schedulable nodes together give to pods; None where one may not look at nodes."""
        nodes = self.nodes()
        return None if nodes is None else (sum(cores for cores, _ in nodes), sum(memory for _, memory in nodes))

    def nodes(self) -> tuple[tuple[float, int], ...] | None:
        """Cores and bytes that each schedulable node gives to pods; None where one may not look at nodes."""
        try:
            nodes = self.list("nodes")["items"]
        except (Forbidden, NotFound):
            return None
        free = [n.get("status", {}).get("allocatable", {}) for n in nodes if not n["spec"].get("unschedulable")]
        return tuple(
            (float(parse_quantity(g.get("cpu", "0"))), int(parse_quantity(g.get("memory", "0")))) for g in free
        )

    def defaults(self) -> dict[str, str] | None:
        """What this cluster wants by default (ConfigMap kjnb-defaults) with what `use` was told over it; else None."""
        try:
            data = self.get("configmaps", "kjnb-defaults").get("data") or {}
        except (NotFound, Forbidden):
            data = {}
        return {**data, **self._told} or None

    def _json(self, method: str, path: str, *, body: Json | None = None, headers: dict[str, str] | None = None) -> Json:
        read: Json = json.loads(self._ask(method, path, body=body, headers=headers).data)
        return read

    def _path(self, resource: str, name: str = "", subresource: str = "") -> str:
        place = "" if resource in CLUSTER_WIDE else f"/namespaces/{quote(self.namespace)}"
        parts = [f"{GROUPS.get(resource, 'api/v1')}{place}/{resource}", quote(name), subresource]
        return "/".join(p for p in parts if p)

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Json | None = None,
        *,
        headers: dict[str, str] | None = None,
        read: float = ANSWER_SECONDS,
    ) -> Any:
        """Ask and read the whole answer; a busy server (429) and, for reads, a broken connection are asked again."""
        for pause in (0.1, 0.5, None):
            try:
                return self._whole(self._open(method, path, query or {}, body, headers=headers, read=read))
            except ClusterError as error:
                if pause is None or not _worth_another(error, method):
                    raise
            time.sleep(pause)
        raise AssertionError("the last pause is None")

    def _whole(self, response: Any) -> Any:
        """Read the body here, where a cut in the middle of it can be told."""
        from urllib3.exceptions import HTTPError

        try:
            response.read(cache_content=True)
        except (HTTPError, OSError) as error:
            raise self._no_answer(error) from error
        return response

    def _open(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Json | None = None,
        *,
        headers: dict[str, str] | None = None,
        read: float | None = ANSWER_SECONDS,
    ) -> Any:
        """Send one request; return the response with its body still to be read, or raise the refusal."""
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        asked = urlencode({k: v for k, v in query.items() if v})
        sent = time.time()
        try:
            response = self._connections.request(
                method,
                f"{self.server}/{path}" + (f"?{asked}" if asked else ""),
                body=None if body is None else json.dumps(body).encode(),
                headers=self._headers(headers),
                timeout=Timeout(connect=CONNECT_SECONDS, read=read),
                preload_content=False,
                retries=False,
            )
        except (HTTPError, OSError) as error:
            if "refused" in str(error) and self._moved():
                return self._open(method, path, query, body, headers=headers, read=read)
            raise self._no_answer(error) from error
        self.clock.heard(response.headers.get("Date"), sent, time.time())
        if response.status >= 300:
            raise answers.refusal(response.status, response.data, asked=f"{method} {path}", context=self.context)
        return response

    def _headers(self, more: dict[str, str] | None) -> dict[str, str]:
        given = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "kjnb", **(more or {})}
        with self._credentials:  # renewing a token writes into the configuration
            for auth in self._configuration.auth_settings().values():
                if auth.get("in") == "header" and auth.get("value"):
                    given[auth["key"]] = auth["value"]
        return given

    def _no_answer(self, error: Exception) -> Unreachable:
        return answers.no_answer(error, server=self.server, context=self.context, local=self.target == "local")


def _worth_another(error: ClusterError, method: str) -> bool:
    if error.status == 429:
        return True  # refused before anything was done
    if method != "GET" or "refused" in error.what:
        return False
    return error.status in (0, 502, 503, 504)


class _ListMeta(msgspec.Struct):
    more: str = msgspec.field(default="", name="continue")


class _ListHead(msgspec.Struct):
    """The one field of a page that paging needs, read without making objects of the rest."""

    metadata: _ListMeta


_heads = msgspec.json.Decoder(_ListHead)


def _warned(response: Any) -> list[str]:
    """Read the texts of the answer's Warning headers: 299 - "unknown field …"."""
    return [w.split(" - ", 1)[-1].strip().strip('"') for w in response.headers.getlist("Warning")]
