"""HTTPS: who may ask, what a path means, bodies in and out, watches and logs as streams. No domain rule is here."""

from __future__ import annotations

import hmac
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import msgspec
import tornado.httpserver
import tornado.iostream
import tornado.web

from kjnb.embedded.api import answers, discovery, podlog, protobuf, reviews, routes, selectors, tables, watching
from kjnb.embedded.api.paging import page
from kjnb.embedded.api.resources import BY_PATH, Resource
from kjnb.embedded.api.verbs import PATCHES, Api, Options, Written

Object = dict[str, Any]
BODY_LIMIT = 3 * 1024 * 1024
WATCH_SECONDS = 1800.0
OPEN_PATHS = ("/version", "/healthz", "/readyz", "/livez")
PROTOBUF = "application/vnd.kubernetes.protobuf"
ENCODE = msgspec.json.Encoder().encode


class Context:
    """What every request is served from; `last_request` (monotonic) and `open_streams` say how idle the server is."""

    def __init__(
        self, api: Api, token: str, version: str, files: podlog.LogFiles, clock: Callable[[], datetime]
    ) -> None:
        self.api, self.token, self.version, self.files, self.clock = api, token, version, files, clock
        self.address = ""
        self.last_request = time.monotonic()
        self.open_streams = 0


class Handler(tornado.web.RequestHandler):
    """One request of any kind."""

    context: Context

    def initialize(self, context: Context) -> None:
        """Called by tornado with what `application` was given."""
        self.context = context
        self.stream: watching.Stream | None = None
        self.gone = False

    def set_default_headers(self) -> None:
        """No caching, no sniffing, JSON unless said otherwise."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-cache, private")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.clear_header("Server")

    def on_connection_close(self) -> None:
        """The client has gone: end its stream."""
        self.gone = True
        if self.stream is not None:
            self.stream.close()

    async def _serve(self) -> None:
        try:
            await self._answer()
        except answers.Refused as refusal:
            self._send(refusal.status, refusal.code)
        except OSError as error:
            self._send(answers.internal(str(error)).status, 500)

    get = post = put = patch = delete = head = options = _serve

    def write_error(self, status_code: int, **_: Any) -> None:
        """What tornado refuses, and what nobody foresaw, as a Status."""
        self.finish(ENCODE(answers.failure(status_code, "InternalError", f"Internal error occurred: {self._reason}")))

    async def _answer(self) -> None:
        request, path = self.request, self.request.path
        if "Origin" in request.headers:
            raise answers.forbidden("requests of web pages (with an Origin header) are refused")
        if path in OPEN_PATHS:
            return self._open(path)
        self._authorize()
        self.context.last_request = time.monotonic()
        route = routes.parse(path)
        if route is None or (route.group in discovery.REVIEWS and request.method == "POST"):
            return await self._other(path)
        resource = BY_PATH.get((route.group, route.version, route.resource))
        if resource is None or (route.namespace is not None) > resource.namespaced:
            raise answers.no_such_path()
        if route.subresource and route.subresource not in resource.subresources:
            raise answers.no_such_path()
        await self._resource(resource, route)
        return None

    def _open(self, path: str) -> None:
        if path == "/version":
            return self._send(discovery.version(self.context.version))
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("ok")
        return None

    def _authorize(self) -> None:
        given = self.request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {self.context.token}".encode()):
            raise answers.unauthorized()

    async def _other(self, path: str) -> None:
        if self.request.method == "POST" and (answer := reviews.review(path, self._body())) is not None:
            return self._send(answer, 201)
        found = discovery.document(unquote(path), self.context.address)
        if found is None:
            self.set_status(404)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish("404 page not found\n")
            return None
        if self.request.method != "GET":
            raise answers.method_not_allowed()
        return self._send(found)

    async def _resource(self, resource: Resource, route: routes.Route) -> None:
        method = self.request.method
        if route.subresource == "log":
            if method != "GET":
                raise answers.method_not_allowed()
            return await self._pod_log(resource, route)
        if method == "GET":
            if route.name is None:
                return await (self._watch if self._flag("watch") else self._list)(resource, route)
            return await self._read(self.context.api.get(resource, route.namespace, route.name), resource)
        changes = {"POST": self._create, "PUT": self._update, "PATCH": self._patch, "DELETE": self._delete}
        allowed = ("DELETE", "POST") if route.name is None else ("DELETE", "PATCH", "PUT")
        if method not in allowed or (route.subresource and method == "DELETE"):
            raise answers.method_not_allowed()
        if resource.namespaced and route.namespace is None and method != "DELETE":
            raise answers.method_not_allowed()
        return await changes[method](resource, route)

    # -- verbs

    async def _read(self, obj: Object, resource: Resource) -> None:
        await self.context.api.store.committed()
        if carried := self._table():
            obj = self._as_table([obj], resource, obj["metadata"]["resourceVersion"], carried)
        self._send(obj)

    async def _list(self, resource: Resource, route: routes.Route) -> None:
        store = self.context.api.store
        test = self._selector(resource)
        version = str(store.resource_version)
        found = self.context.api.list(resource, route.namespace, test)
        found, meta = page(found, self._query("limit"), self._query("continue"), version)
        await store.committed()
        if carried := self._table():
            table = self._as_table(found, resource, version, carried)
            return self._send({**table, "metadata": meta})
        bare = [{name: value for name, value in obj.items() if name not in ("kind", "apiVersion")} for obj in found]
        return self._send(
            {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": meta, "items": bare}
        )

    async def _create(self, resource: Resource, route: routes.Route) -> None:
        written = self.context.api.create(resource, route.namespace, self._body(resource), self._options())
        await self._written(written, resource, 201)

    async def _update(self, resource: Resource, route: routes.Route) -> None:
        body = self._body(resource)
        written = self.context.api.update(
            resource, route.namespace, str(route.name), route.subresource, body, self._options()
        )
        await self._written(written, resource)

    async def _patch(self, resource: Resource, route: routes.Route) -> None:
        how = PATCHES.get(self._content_type())
        if how is None:
            raise answers.unsupported_media_type(self._content_type(), list(PATCHES))
        body = self._decoded(resource.kind)
        written = self.context.api.patch(
            resource, route.namespace, str(route.name), route.subresource, how, body, self._options()
        )
        await self._written(written, resource)

    async def _delete(self, resource: Resource, route: routes.Route) -> None:
        api, options = self.context.api, self._delete_options()
        dry_run = self._dry_run() or "All" in (options.get("dryRun") or [])
        if route.name is not None:
            answer = api.delete(resource, route.namespace, route.name, options, dry_run)
        else:
            found = api.list(resource, route.namespace, self._selector(resource))
            items = api.delete_all(resource, found, options, dry_run)
            meta = {"resourceVersion": str(api.store.resource_version)}
            answer = {
                "kind": f"{resource.kind}List",
                "apiVersion": resource.api_version,
                "metadata": meta,
                "items": items,
            }
        await api.store.committed()
        self._send(answer)

    async def _written(self, written: Written, resource: Resource, code: int = 200) -> None:
        await self.context.api.store.committed()
        for words in written.warnings:
            self.add_header("Warning", f'299 - "{quoted(words)}"')
        if carried := self._table():
            return self._send(self._as_table([written.obj], resource, "", carried), code)
        return self._send(written.obj, code)

    # -- streams

    async def _watch(self, resource: Resource, route: routes.Route) -> None:
        asked = self._asked(resource, route)
        self.stream = watching.Stream(self.context.api.store, asked, self.context.clock)
        self.set_header("Content-Type", "application/json")
        await self._stream(self.stream.chunks())

    def _asked(self, resource: Resource, route: routes.Route) -> watching.Asked:
        since, initial = self._since()
        streamed = self._flag("sendInitialEvents")
        if streamed and self._query("resourceVersionMatch") != "NotOlderThan":
            words = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            error = answers.FieldError("resourceVersionMatch", "FieldValueForbidden", words)
            raise answers.invalid("ListOptions", "meta.k8s.io", "", [error])
        bookmarks = self._flag("allowWatchBookmarks")
        labels, fields = self._query("labelSelector"), self._query("fieldSelector")
        seconds = self._number("timeoutSeconds")
        return watching.Asked(
            resource, route.namespace, self._selector(resource), (route.namespace or "", labels, fields),
            since, initial or streamed, self._table(), bookmarks, streamed and bookmarks,
            float(seconds or WATCH_SECONDS),
        )  # fmt: skip

    def _since(self) -> tuple[int | None, bool]:
        """(the version to go on from, whether what is there comes first)."""
        text = self._query("resourceVersion")
        if text in ("", "0"):
            return None, True
        if not text.isdecimal():
            words = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
            raise answers.Refused(answers.failure(500, None, words))
        return int(text), False

    async def _pod_log(self, resource: Resource, route: routes.Route) -> None:
        pod = self.context.api.get(resource, route.namespace, str(route.name))
        options = podlog.LogOptions.parse(self._query, str(route.name))
        log = podlog.PodLog(self.context.api.store, self.context.files, pod, options)
        if not log.scheduled:
            self.set_status(204)
            self.finish()
            return
        self.set_header("Content-Type", "text/plain")
        await self._stream(log.chunks())

    async def _stream(self, chunks: Any) -> None:
        self.context.open_streams += 1
        try:
            async for chunk in chunks:
                if self.gone:
                    break
                if chunk:
                    self.write(chunk)
                await self.flush()
            if not self.gone:
                await self.finish()
        except tornado.iostream.StreamClosedError:
            self.gone = True
        finally:
            self.context.open_streams -= 1
            if self.stream is not None:
                self.stream.close()
            await chunks.aclose()

    # -- reading requests

    def _query(self, name: str) -> str:
        return str(self.get_query_argument(name, ""))

    def _flag(self, name: str) -> bool:
        return self._query(name).lower() in ("1", "true")

    def _number(self, name: str) -> int | None:
        text = self._query(name)
        if text and not text.lstrip("-").isdecimal():
            raise answers.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text) if text else None

    def _dry_run(self) -> bool:
        given = self._query("dryRun")
        if given not in ("", "All"):
            words = f'Unsupported value: "{given}": supported values: "All"'
            raise answers.invalid(
                "Options", "meta.k8s.io", "", [answers.FieldError("dryRun", "FieldValueNotSupported", words)]
            )
        return given == "All"

    def _options(self) -> Options:
        validation = self._query("fieldValidation") or "Warn"
        if validation not in ("Ignore", "Warn", "Strict"):
            words = f'Unsupported value: "{validation}": supported values: "", "Ignore", "Strict", "Warn"'
            error = answers.FieldError("fieldValidation", "FieldValueNotSupported", words)
            raise answers.invalid("Options", "meta.k8s.io", "", [error])
        return Options(self._dry_run(), validation)

    def _delete_options(self) -> Object:
        body = self._decoded("DeleteOptions") if self.request.body else {}
        options: Object = dict(body) if isinstance(body, dict) else {}
        for name in ("propagationPolicy", "orphanDependents"):
            if text := self._query(name):
                options.setdefault(name, text if name == "propagationPolicy" else text == "true")
        seconds = self._number("gracePeriodSeconds")
        return options if seconds is None else {"gracePeriodSeconds": seconds, **options}

    def _selector(self, resource: Resource) -> selectors.Test | None:
        labels, fields = self._query("labelSelector"), self._query("fieldSelector")
        try:
            return selectors.selector(labels, fields, resource.fields)
        except selectors.SelectorError as error:
            raise answers.bad_request(str(error)) from None

    def _content_type(self) -> str:
        return self.request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()

    def _body(self, resource: Resource | None = None) -> Any:
        kind = self._content_type()
        if kind == PROTOBUF:
            return self._protobuf()
        if kind not in ("application/json", "*/*"):
            raise answers.unsupported_media_type(kind, ["application/json", PROTOBUF])
        return self._decoded(resource.kind if resource else "object")

    def _protobuf(self) -> Any:
        try:
            return protobuf.decode(self._bounded())
        except protobuf.ProtobufError as error:
            raise answers.bad_request(str(error)) from None

    def _bounded(self) -> bytes:
        if len(self.request.body) > BODY_LIMIT:
            raise answers.too_large(BODY_LIMIT)
        return self.request.body

    def _decoded(self, kind: str) -> Any:
        try:
            return msgspec.json.decode(self._bounded())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            said = f"the object provided is unrecognized (must be of type {kind})"
            words = f"{said}: couldn't get version/kind; json parse error: {error}"
            raise answers.bad_request(words) from None

    def _table(self) -> str:
        """What a Table's rows are to carry; empty when no Table is asked for."""
        first = self.request.headers.get("Accept", "").replace(" ", "").partition(",")[0]
        if "as=Table" not in first or "g=meta.k8s.io" not in first:
            return ""
        return self._query("includeObject") or "Metadata"

    def _as_table(self, found: list[Object], resource: Resource, version: str, carried: str) -> Object:
        return tables.table(
            resource.plural, found, self.context.clock(), include=carried, version=version, columns=True
        )

    def _send(self, answer: Object, code: int = 200) -> None:
        self.set_status(code)
        self.set_header("Content-Type", "application/json")
        self.finish(ENCODE(answer))


def quoted(text: str) -> str:
    """Inside the quotes of a Warning header."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def listen(context: Context, certificate: str, key: str, port: int) -> tuple[tornado.httpserver.HTTPServer, int]:
    """Serve on loopback; (server, port). A port of 0 is the system's choice; one that is taken, too."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    application = tornado.web.Application([(r".*", Handler, {"context": context})], log_function=lambda _: None)
    server = tornado.httpserver.HTTPServer(
        application, ssl_options=tls, max_body_size=64 * 1024 * 1024, max_buffer_size=64 * 1024 * 1024
    )
    from tornado.netutil import bind_sockets

    try:
        sockets = bind_sockets(port, "127.0.0.1")
    except OSError:
        sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    chosen = int(sockets[0].getsockname()[1])
    context.address = f"127.0.0.1:{chosen}"
    return server, chosen
