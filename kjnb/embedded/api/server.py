"""HTTPS: who may ask, what a path means, bodies in and out, watches and logs as streams. No domain rule is here."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import msgspec
import tornado.iostream
import tornado.web

from kjnb.embedded.api import (
    answers,
    bodies,
    bounds,
    collections,
    discovery,
    door,
    eviction,
    podlog,
    representation,
    reviews,
    routes,
    watching,
)
from kjnb.embedded.api.asking import Asking
from kjnb.embedded.api.list_options import ListOptions
from kjnb.embedded.api.resources import BY_PATH, Resource
from kjnb.embedded.api.verbs import PATCHES, Api, Written

Object = dict[str, Any]
JSON = "application/json"
NO_APPLY = "server-side apply is not served here: use client-side apply, or one of these patches"
COMPRESSED_FROM = 128 * 1024
POSTED = tuple(eviction.KINDS)
UNSERVED = {
    name: f"pods/{name} is not served: pods of this cluster are processes of this machine, {instead}"
    for name, instead in {
        "exec": "run the command here",
        "attach": "read the log instead",
        "portforward": "their ports are open on 127.0.0.1",
        "proxy": "their ports are open on 127.0.0.1",
        "ephemeralcontainers": "debug them with this machine's tools",
        "resize": "give the resources when the pod is made",
    }.items()
}
ENCODE = msgspec.json.Encoder().encode


class Context:
    """What every request is served from; `last_request` (monotonic) and `open_streams` say how idle the server is."""

    def __init__(
        self,
        api: Api,
        token: str,
        version: str,
        files: podlog.LogFiles,
        clock: Callable[[], datetime],
        limits: door.Limits = door.Limits(),  # noqa: B008 - a tuple
    ) -> None:
        self.api, self.token, self.version, self.files, self.clock = api, token, version, files, clock
        self.limits = limits
        self.address = ""
        self.last_request = time.monotonic()
        self.open_streams = 0


@tornado.web.stream_request_body
class Handler(tornado.web.RequestHandler):
    """One request of any kind."""

    context: Context

    def initialize(self, context: Context) -> None:
        """Called by tornado with what `application` was given."""
        self.context = context
        self.asking = Asking(self.request)
        self.body = door.body_of(self.request, context.token)
        self.stream: watching.Stream | None = None
        self.gone = False

    def set_default_headers(self) -> None:
        """No caching, no sniffing, JSON unless said otherwise."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-cache, private")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.clear_header("Server")

    def data_received(self, chunk: bytes) -> None:
        """A piece of the body."""
        self.body.take(chunk)

    def on_connection_close(self) -> None:
        """The client has gone: end its stream."""
        super().on_connection_close()
        self.gone = True
        if self.stream is not None:
            self.stream.close()

    async def _serve(self) -> None:
        self.request.body = self.body.whole()
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
        door.refuse_strangers(request, self.context.token)
        if path.rstrip("/") in door.OPEN_PATHS:
            return self._open(path.rstrip("/"))
        self.context.last_request = time.monotonic()
        if request.method not in ("GET", "HEAD") and (trouble := self.context.api.store.trouble):
            raise OSError(trouble)  # a full disk: what was refused is not to come true later
        route = routes.parse(path)
        if route is None or (route.group in discovery.REVIEWS and request.method == "POST"):
            return await self._other(path)
        resource = BY_PATH.get((route.group, route.version, route.resource))
        if resource is None or (route.namespace is not None) > resource.namespaced:
            raise answers.no_such_path()
        if route.subresource and route.subresource not in resource.subresources:
            raise answers.no_such_path(UNSERVED.get(route.subresource, "") if resource.plural == "pods" else "")
        await self._resource(resource, route)
        return None

    def _open(self, path: str) -> None:
        if path == "/version":
            return self._send(discovery.version(self.context.version))
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("ok")
        return None

    async def _other(self, path: str) -> None:
        if self.request.method == "POST" and path in reviews.ANSWERED:
            return self._send(reviews.review(path, self.asking.body("object")), 201)
        version = representation.aggregated(self.request.headers.get("Accept", ""))
        whole = discovery.aggregated(path.rstrip("/"), version) if version else None
        found = whole or discovery.document(unquote(path), self.context.address)
        if found is None:
            self.set_status(404)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish("404 page not found\n")
            return None
        if self.request.method != "GET":
            raise answers.method_not_allowed()
        return self._send(found, kind=discovery.AGGREGATED if whole else JSON)

    async def _resource(self, resource: Resource, route: routes.Route) -> None:
        method = self.request.method or ""
        if route.subresource == "log":
            if method != "GET":
                raise answers.method_not_allowed()
            return await self._pod_log(resource, route)
        self.asking.read_form()
        if method == "GET" and route.subresource not in POSTED:
            if route.name is not None and not route.watch:
                return await self._read(resource, route)
            options = self.asking.list_options(watch=route.watch)
            return await (self._watch if options.watch else self._list)(resource, route, options)
        self._allowed(resource, route, method)
        if route.subresource in POSTED:
            return await self._posted(route)
        changes = {"POST": self._create, "PUT": self._update, "PATCH": self._patch, "DELETE": self._delete}
        return await changes[method](resource, route)

    def _allowed(self, resource: Resource, route: routes.Route, method: str) -> None:
        """Whether the resource has this verb there. 405."""
        if route.subresource:
            verbs = {"POST": "create"} if route.subresource in POSTED else {"PUT": "update", "PATCH": "patch"}
            if route.subresource == "finalize":
                verbs = {"PUT": "update"}
        elif route.name is not None:
            verbs = {"PUT": "update", "PATCH": "patch", "DELETE": "delete"}
        else:
            verbs = {"POST": "create", "DELETE": "deletecollection"}
        if verbs.get(method) not in resource.verbs or route.watch:
            raise answers.method_not_allowed()
        if resource.namespaced and route.namespace is None:
            raise answers.method_not_allowed()

    # -- verbs

    async def _read(self, resource: Resource, route: routes.Route) -> None:
        obj = self.context.api.get(resource, route.namespace, str(route.name))
        await self.context.api.store.committed()
        self._send(self._formed(obj, resource))

    async def _list(self, resource: Resource, route: routes.Route, options: ListOptions) -> None:
        api = self.context.api
        test = self.asking.selector(resource, options.labels, options.fields)
        found, meta = api.listed(resource, route.namespace, test, options)
        await api.store.committed()
        form, now = self.asking.form, self.context.clock()
        self._send(collections.collection(resource, found, meta, form, now), kind=JSON)

    async def _create(self, resource: Resource, route: routes.Route) -> None:
        options = self.asking.options("CreateOptions")
        body = self.asking.body(resource.kind)
        options = options._replace(twice=tuple(self.asking.twice(options)))
        written = self.context.api.create(resource, route.namespace, body, options)
        await self._written(written, resource, 201)

    async def _update(self, resource: Resource, route: routes.Route) -> None:
        options = self.asking.options("UpdateOptions")
        body = self.asking.body(resource.kind)
        options = options._replace(twice=tuple(self.asking.twice(options)))
        written = self.context.api.update(resource, route.namespace, str(route.name), route.subresource, body, options)
        await self._written(written, resource)

    async def _patch(self, resource: Resource, route: routes.Route) -> None:
        options = self.asking.options("PatchOptions")
        how = PATCHES.get(self.asking.content_type)
        if how is None:
            hint = NO_APPLY if "apply-patch" in self.asking.content_type else ""
            raise answers.unsupported_media_type(self.asking.content_type, list(PATCHES), hint)
        if self.asking.given("force") is not None:
            error = answers.FieldError("force", "FieldValueForbidden", "may not be specified for non-apply patch")
            raise answers.invalid("PatchOptions", "meta.k8s.io", "", [error])
        body = bodies.decoded(self.asking.raw(), resource.kind)
        if how != "json":
            options = options._replace(twice=tuple(bodies.twice(self.asking.raw())))
        written = self.context.api.patch(
            resource, route.namespace, str(route.name), route.subresource, how, body, options
        )
        await self._written(written, resource)

    async def _posted(self, route: routes.Route) -> None:
        body = self.asking.body(eviction.KINDS[str(route.subresource)][0])
        tried = self.asking.dry_run("CreateOptions")
        place = str(route.namespace), str(route.name), str(route.subresource)
        answer = eviction.posted(self.context.api, *place, body, tried)
        await self.context.api.store.committed()
        self._send(answer, 201)

    async def _delete(self, resource: Resource, route: routes.Route) -> None:
        api, options = self.context.api, self.asking.delete_options()
        if route.name is not None:
            answer, code = api.delete(resource, route.namespace, route.name, options)
            await api.store.committed()
            shown = answer if answer["kind"] == "Status" else self._formed(answer, resource)
            return self._send(shown, code)
        chosen = self.asking.list_options()
        test = self.asking.selector(resource, chosen.labels, chosen.fields)
        items = api.delete_all(resource, api.list(resource, route.namespace, test), options)
        await api.store.committed()
        meta = {"resourceVersion": str(api.store.resource_version)}
        return self._send(collections.collection(resource, items, meta, self.asking.form, self.context.clock()))

    async def _written(self, written: Written, resource: Resource, code: int = 200) -> None:
        await self.context.api.store.committed()
        for words in bounds.fitting(written.warnings):
            self.add_header("Warning", f'299 - "{quoted(words)}"')
        self._send(self._formed(written.obj, resource), code)

    # -- streams

    async def _watch(self, resource: Resource, route: routes.Route, options: ListOptions) -> None:
        if route.watch and route.name is not None:
            named = f"metadata.name={route.name}"
            options = options._replace(fields=f"{options.fields},{named}" if options.fields else named)
        test = self.asking.selector(resource, options.labels, options.fields)
        asked = watching.Asked.of(resource, route.namespace, test, self.asking.form, options)
        self.stream = watching.Stream(self.context.api.store, asked, self.context.clock)
        self.set_header("Content-Type", JSON)
        await self._stream(self.stream.chunks())

    async def _pod_log(self, resource: Resource, route: routes.Route) -> None:
        pod = self.context.api.get(resource, route.namespace, str(route.name))
        options = podlog.LogOptions.parse(self.asking.query, str(route.name))
        now = self.context.clock().timestamp()
        log = podlog.PodLog(self.context.api.store, self.context.files, pod, options, now)
        if not log.scheduled:
            self.set_status(204)
            self.finish()
            return
        self.set_header("Content-Type", "text/plain")
        await self._stream(log.chunks())

    async def _stream(self, chunks: Any) -> None:
        if self.context.open_streams >= self.context.limits.streams:
            self.set_header("Retry-After", "1")
            if self.stream is not None:
                self.stream.close()
            raise answers.too_many()
        self.context.open_streams += 1
        try:
            async for chunk in chunks:
                if self.gone:
                    break
                if chunk:
                    self.write(chunk)
                async with asyncio.timeout(self.context.limits.reading):
                    await self.flush()
            if not self.gone:
                await self.finish()
        except tornado.iostream.StreamClosedError:
            self.gone = True
        except TimeoutError:
            self.request.connection.close()  # type: ignore[union-attr]  # who does not read keeps nothing here
        finally:
            self.context.open_streams -= 1
            if self.stream is not None:
                self.stream.close()
            await chunks.aclose()

    # -- answers

    def _formed(self, obj: Object, resource: Resource) -> Object:
        return collections.single(resource, obj, self.asking.form, self.context.clock())

    def _send(self, answer: Object, code: int = 200, *, kind: str = JSON) -> None:
        self.set_status(code)
        self.set_header("Content-Type", kind)
        body = ENCODE(answer)
        if len(body) > COMPRESSED_FROM and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            self.set_header("Content-Encoding", "gzip")
            self.set_header("Vary", "Accept-Encoding")
        self.finish(body)


def quoted(text: str) -> str:
    """Inside the quotes of a Warning header: UTF-8, which tornado takes as Latin-1, without control characters."""
    plain = "".join(" " if character < " " or character == "\x7f" else character for character in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8", "replace").decode("latin-1")


def listen(context: Context, certificate: str, key: str, port: int) -> tuple[door.Server, int]:
    """Serve on loopback; (server, port). A port of 0 is the system's choice; one that is taken, too."""
    application = tornado.web.Application([(r".*", Handler, {"context": context})], log_function=lambda _: None)
    server, chosen = door.open_door(application, door.tls_context(certificate, key), port, context.limits)
    context.address = f"{door.LOOPBACK}:{chosen}"
    return server, chosen
