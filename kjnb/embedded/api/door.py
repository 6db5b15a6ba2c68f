"""Who gets in: loopback alone, TLS, the token, no web page; and how much anybody may hold open.

It executes commands, so whoever gets in is the user. Other users of the machine reach the port, and so do pages in the
user's own browser: what they can send costs no more than a refusal.
"""

from __future__ import annotations

import hmac
import ssl
from typing import Any, NamedTuple

import tornado.httpserver
import tornado.iostream
import tornado.web
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets

from kjnb.embedded.api import answers
from kjnb.embedded.api.asking import BODY_LIMIT

LOOPBACK = "127.0.0.1"
OPEN_PATHS = ("/version", "/healthz", "/readyz", "/livez")
OWN_NAMES = (LOOPBACK, "localhost")


class Limits(NamedTuple):
    """How much of the server its clients may hold, and for how long in seconds."""

    connections: int = 2000
    streams: int = 1000  # watches and followed logs
    idle: float = 90.0  # for a handshake, for the headers, between two requests; as kube-apiserver's
    body: float = 60.0
    reading: float = 60.0  # for one piece of a stream


class Body:
    """What a request sends, as far as it is of any use: a stranger's nothing, anybody else's up to the limit."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._chunks: list[bytes] = []

    def take(self, chunk: bytes) -> None:
        """Keep what there is room for."""
        if self._room > 0:
            self._chunks.append(chunk[: self._room])
            self._room -= len(chunk)

    def whole(self) -> bytes:
        """All that was kept: longer than the limit if it was too long."""
        return b"".join(self._chunks)


def body_of(request: HTTPServerRequest, token: str) -> Body:
    """An empty body of the right size."""
    return Body(BODY_LIMIT + 1 if knows_token(request, token) else 0)


def knows_token(request: HTTPServerRequest, token: str) -> bool:
    """Whether the request bears the token; as long in finding out whatever was given."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode()) and scheme.lower() == "bearer"


def refuse_strangers(request: HTTPServerRequest, token: str) -> None:
    """403 to web pages and to names that are not ours, 401 without the token where one is needed."""
    if "Origin" in request.headers:
        raise answers.forbidden("requests of web pages (with an Origin header) are refused")
    if request.host_name.lower().rstrip(".") not in OWN_NAMES:
        raise answers.forbidden(f"this server is {' or '.join(OWN_NAMES)}, and no other name's (Host header)")
    if request.path.rstrip("/") not in OPEN_PATHS and not knows_token(request, token):
        raise answers.unauthorized()


class Server(tornado.httpserver.HTTPServer):
    """Takes so many connections and no more."""

    at_most = 0

    def handle_stream(self, stream: tornado.iostream.IOStream, address: tuple[Any, ...]) -> None:
        """Serve it, or close it at once."""
        if len(self._connections) >= self.at_most:
            stream.close()
        else:
            super().handle_stream(stream, address)


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer, whatever the system's defaults are."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(certificate, key)
    return made


def open_door(
    application: tornado.web.Application, tls: ssl.SSLContext, port: int, limits: Limits
) -> tuple[Server, int]:
    """Serve on loopback; (server, port). A port of 0 is the system's choice; one that is taken, too."""
    server = Server(
        application,
        ssl_options=tls,
        max_body_size=64 * 1024 * 1024,  # read to its end, not kept: only so can a client be told that it is too long
        max_header_size=64 * 1024,
        idle_connection_timeout=limits.idle,
        body_timeout=limits.body,
    )
    server.at_most = limits.connections
    try:
        sockets = bind_sockets(port, LOOPBACK)
    except OSError:
        sockets = bind_sockets(0, LOOPBACK)
    server.add_sockets(sockets)
    return server, int(sockets[0].getsockname()[1])
