"""Nobody else gets in, and nobody outside costs much: raw bytes over TLS against a server with narrow limits."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pathlib
import socket
import ssl
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from kjnb.embedded import credentials
from kjnb.embedded.api import door
from kjnb.embedded.api.server import Context, listen
from kjnb.embedded.api.verbs import Api
from kjnb.embedded.store.store import Store
from tests.embedded.live import configmap

MAPS = "/api/v1/namespaces/default/configmaps"
SHORT = door.Limits(connections=12, streams=3, idle=0.5, body=0.5, reading=0.5)


class NoFiles:
    """No pod has a log here."""

    def log_file(self, *_: Any) -> pathlib.Path | None:
        """There is none."""
        return None


class Served:
    """A server in the test's own loop."""

    def __init__(self, folder: pathlib.Path, limits: door.Limits) -> None:
        now = lambda: datetime.now(UTC)  # noqa: E731
        uid = lambda: str(uuid.uuid4())  # noqa: E731
        self.made = credentials.ensure(folder)
        self.store = Store(None, clock=now, new_uid=uid)
        self.store.create("namespaces", {"metadata": {"name": "default"}})
        api = Api(self.store, clock=now, new_uid=uid)
        self.context = Context(api, self.made.token, "0", NoFiles(), now, limits)
        self.server, self.port = listen(self.context, str(self.made.certificate), str(self.made.key), 0)
        self.trusted = ssl.create_default_context(cafile=str(self.made.certificate))
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self, tls: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection over TLS."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls or self.trusted)
        self.writers.append(writer)
        return reader, writer

    def head(self, method: str, path: str, *, token: str | None = "", **headers: str) -> bytes:
        """The head of a request; with the token unless another, or None, is given."""
        given = {"Host": f"127.0.0.1:{self.port}", **{name.replace("_", "-"): one for name, one in headers.items()}}
        if token is not None:
            given["Authorization"] = f"Bearer {token or self.made.token}"
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()

    async def ask(self, method: str, path: str, body: bytes = b"", **more: Any) -> tuple[int, Any]:
        """(code, document) of one request on a connection of its own."""
        reader, writer = await self.connect()
        length = {"Content_Length": str(len(body))} if body else {}
        writer.write(self.head(method, path, Connection="close", **length, **more) + body)
        return parsed(await asyncio.wait_for(reader.read(), 20))


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection is closed, or torn."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 20)
    return b""


def parsed(answer: bytes) -> tuple[int, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    with contextlib.suppress(ValueError):
        return int(head.split()[1]), json.loads(body)
    return int(head.split()[1]), body


@contextlib.asynccontextmanager
async def served(folder: pathlib.Path, limits: door.Limits = SHORT) -> AsyncIterator[Served]:
    """A server; its connections are closed afterwards."""
    here = Served(folder, limits)
    try:
        yield here
    finally:
        for writer in here.writers:
            writer.close()
        here.server.stop()
        await here.server.close_all_connections()
        for writer in here.writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def eventually(predicate: Any, within: float = 20.0) -> None:
    limit = asyncio.get_running_loop().time() + within
    while not predicate():
        assert asyncio.get_running_loop().time() < limit
        await asyncio.sleep(0.01)


PATHS = (
    "/",
    "/api",
    "/apis/batch/v1",
    MAPS,
    "/openapi/v3",
    "/metrics",
    "/version/x",
    "//version",
    "/healthz/etcd",
    "/x",
)


@pytest.mark.parametrize("token", [None, "wrong", "é", "x" * 10_000], ids=["none", "wrong", "not-ascii", "long"])
def test_every_path_needs_the_token_but_those_that_say_nothing(tmp_path, token):
    async def main() -> None:
        async with served(tmp_path) as here:
            for path in PATHS:
                code, told = await here.ask("GET", path, token=token)
                assert (code, told["kind"], told["reason"]) == (401, "Status", "Unauthorized"), path
            for path in door.OPEN_PATHS:
                assert (await here.ask("GET", path, token=token))[0] == 200
            body = json.dumps(configmap("x")).encode()
            assert (await here.ask("POST", MAPS, body, token=token))[0] == 401
            assert here.store.list("configmaps") == []
            assert (await here.ask("POST", MAPS, body, Content_Type="application/json"))[0] == 201

    asyncio.run(main())


def test_a_token_goes_in_the_header_and_nowhere_else(tmp_path):
    async def main() -> None:
        async with served(tmp_path) as here:
            for scheme in ("Basic", "Token", ""):
                given = f"{scheme} {here.made.token}".strip()
                assert (await here.ask("GET", "/api", token=None, Authorization=given))[0] == 401
            for path in (f"/api?token={here.made.token}", f"/api?access_token={here.made.token}"):
                assert (await here.ask("GET", path, token=None))[0] == 401
            assert (await here.ask("GET", "/api", token=None, Authorization=f"bearer {here.made.token}"))[0] == 200

    asyncio.run(main())


def test_web_pages_and_other_names_are_refused_even_with_the_token(tmp_path):
    async def main() -> None:
        async with served(tmp_path) as here:
            for origin in ("https://evil.example", "null", f"https://127.0.0.1:{here.port}"):
                for path in ("/version", "/api"):
                    assert (await here.ask("GET", path, Origin=origin))[0] == 403
                assert (await here.ask("OPTIONS", MAPS, Origin=origin))[0] == 403
            for host in (
                "evil.example",
                f"evil.example:{here.port}",
                "127.0.0.1.evil.example",
                "localhost.evil",
                "0.0.0.0",
            ):
                for path in ("/version", "/api"):
                    code, told = await here.ask("GET", path, Host=host)
                    assert (code, told["reason"]) == (403, "Forbidden"), host
            for host in ("localhost", f"localhost:{here.port}", "LOCALHOST:1234", "127.0.0.1", "127.0.0.1:1"):
                assert (await here.ask("GET", "/api", Host=host))[0] == 200, host

    asyncio.run(main())


def test_the_server_is_on_loopback_only(tmp_path):
    async def main() -> None:
        async with served(tmp_path) as here:
            bound = [one.getsockname()[0] for one in here.server._sockets.values()]
            assert bound == ["127.0.0.1"]

    asyncio.run(main())


def test_tls_is_new_enough_and_plain_text_gets_nothing(tmp_path):
    async def main() -> None:
        async with served(tmp_path) as here:
            made = door.tls_context(str(here.made.certificate), str(here.made.key))
            assert made.minimum_version == ssl.TLSVersion.TLSv1_2
            old = ssl.create_default_context(cafile=str(here.made.certificate))
            old.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.warns(DeprecationWarning, match="TLSv1_1"):
                old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await here.connect(old)
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            here.writers.append(writer)
            writer.write(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP/" not in await rest(reader)

    asyncio.run(main())


def test_a_stranger_s_body_is_not_kept_and_a_long_one_is_refused(tmp_path):
    async def main() -> None:
        async with served(tmp_path, SHORT._replace(body=20.0)) as here:
            long = b" " * (10 << 20)
            assert (await here.ask("POST", MAPS, long, token=None))[0] == 401
            code, told = await here.ask("POST", MAPS, long, Content_Type="application/json")
            assert (code, told["reason"]) == (413, "RequestEntityTooLarge")
            stranger = door.Body(0)
            friend = door.Body(door.BODY_LIMIT + 1)
            for _ in range(10):
                stranger.take(long)
                friend.take(long)
            assert (len(stranger.whole()), len(friend.whole())) == (0, door.BODY_LIMIT + 1)

    asyncio.run(main())


def test_chunked_bodies_are_bodies(tmp_path):
    async def main() -> None:
        async with served(tmp_path) as here:
            body = json.dumps(configmap("chunked")).encode()
            reader, writer = await here.connect()
            head = here.head(
                "POST", MAPS, Connection="close", Content_Type="application/json", Transfer_Encoding="chunked"
            )
            half = len(body) // 2
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in (body[:half], body[half:]))
            writer.write(head + chunks + b"0\r\n\r\n")
            code, told = parsed(await asyncio.wait_for(reader.read(), 20))
            assert (code, told["metadata"]["name"]) == (201, "chunked")

    asyncio.run(main())


@pytest.mark.parametrize("sent", ["nothing", "half a handshake", "half a head", "half a body"])
def test_slow_clients_are_dropped(tmp_path, sent):
    async def main() -> None:
        async with served(tmp_path) as here:
            if sent in ("nothing", "half a handshake"):
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                here.writers.append(writer)
                writer.write(b"\x16\x03\x01" if sent == "half a handshake" else b"")
            else:
                reader, writer = await here.connect()
                head = here.head("POST", MAPS, Content_Length="1000")
                writer.write(head[:-5] if sent == "half a head" else head + b"{")
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), 20)
            await eventually(lambda: not here.server._connections)

    asyncio.run(main())


def test_an_unused_connection_is_closed(tmp_path):
    async def main() -> None:
        async with served(tmp_path) as here:
            reader, writer = await here.connect()
            writer.write(here.head("GET", "/healthz"))
            assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"ok"), 20)
            assert await asyncio.wait_for(reader.read(), 20) == b""

    asyncio.run(main())


def test_a_head_that_is_too_long_is_refused(tmp_path):
    async def main() -> None:
        async with served(tmp_path) as here:
            reader, writer = await here.connect()
            writer.write(b"GET /api HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(200)))
            with contextlib.suppress(ConnectionError):
                assert b"200" not in await asyncio.wait_for(reader.read(), 20)
            await eventually(lambda: not here.server._connections)
            assert (await here.ask("GET", "/api"))[0] == 200

    asyncio.run(main())


def test_two_lengths_in_a_head_are_no_request(tmp_path):
    async def main() -> None:
        async with served(tmp_path) as here:
            for extra in (
                "Content-Length: 5\r\nContent-Length: 6\r\n",
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            ):
                reader, writer = await here.connect()
                head = here.head("POST", MAPS)[:-2] + extra.encode() + b"\r\n"
                writer.write(head + b"0\r\n\r\nGET /api HTTP/1.1\r\n\r\n")
                answer = await asyncio.wait_for(reader.read(), 20)
                assert answer.startswith(b"HTTP/1.1 400"), extra
                assert answer.count(b"HTTP/1.1") == 1

    asyncio.run(main())


def test_streams_are_counted(tmp_path):
    async def main() -> None:
        async with served(tmp_path) as here:
            watchers = []
            for _ in range(SHORT.streams):
                reader, writer = await here.connect()
                writer.write(here.head("GET", MAPS + "?watch=1"))
                await reader.readuntil(b"\r\n\r\n")
                watchers.append(writer)
            code, told = await here.ask("GET", MAPS + "?watch=1")
            assert (code, told["reason"]) == (429, "TooManyRequests")
            assert (await here.ask("GET", MAPS))[0] == 200
            watchers[0].close()
            await eventually(lambda: here.context.open_streams < SHORT.streams)
            reader, writer = await here.connect()
            writer.write(here.head("GET", MAPS + "?watch=1"))
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")

    asyncio.run(main())


def test_connections_are_counted(tmp_path):
    async def main() -> None:
        async with served(tmp_path, SHORT._replace(idle=20.0)) as here:
            for _ in range(SHORT.connections):
                await here.connect()
            with pytest.raises((OSError, ssl.SSLError)):
                await here.connect()
            here.writers[0].close()
            await eventually(lambda: len(here.server._connections) < SHORT.connections)
            assert (await here.ask("GET", "/api"))[0] == 200

    asyncio.run(main())


def test_a_watcher_that_does_not_read_is_dropped(tmp_path):
    async def main() -> None:
        async with served(tmp_path) as here:
            slow = socket.create_connection(("127.0.0.1", here.port))
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            _, writer = await asyncio.open_connection(sock=slow, ssl=here.trusted, server_hostname="127.0.0.1")
            here.writers.append(writer)
            writer.transport.pause_reading()
            writer.write(here.head("GET", MAPS + "?watch=1"))
            await eventually(lambda: here.context.open_streams == 1)
            for number in range(40):
                made = configmap(f"large-{number}")
                meta = {**made["metadata"], "namespace": "default"}
                here.store.create("configmaps", {**made, "metadata": meta, "data": {"k": "x" * 500_000}})
            await eventually(lambda: here.context.open_streams == 0)
            writer.transport.abort()

    asyncio.run(main())
