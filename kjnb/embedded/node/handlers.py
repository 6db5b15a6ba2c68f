"""Carries out what probes and hooks ask for: a command, an HTTP request, a connection, a pause.

A pod has the machine's own network, so its address is 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, NamedTuple

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest
from tornado.simple_httpclient import HTTPTimeoutError

from kjnb.embedded.api.discovery import KUBERNETES
from kjnb.embedded.container.pod_env import Unready
from kjnb.embedded.node.guests import Guests
from kjnb.embedded.node.lifecycle import PodLife
from kjnb.embedded.node.pod_status import HOST, Container
from kjnb.embedded.node.restarts import go_duration

Object = dict[str, Any]
AGENT = f"kube-probe/{'.'.join(KUBERNETES.removeprefix('v').split('.')[:2])}"


class Outcome(NamedTuple):
    """Whether it went well, and what was said."""

    ok: bool
    text: str = ""


class Handlers:
    """Knows how to run commands in a container; everything else is the network."""

    def __init__(self, guests: Guests) -> None:
        self.guests = guests

    async def handle(self, life: PodLife, container: Container, handler: Object, timeout: float) -> Outcome:
        """Carry out one handler of a probe or a hook within so many seconds."""
        try:
            async with asyncio.timeout(timeout):
                return await self._handle(life, container, handler, timeout)
        except TimeoutError:
            return Outcome(False, _too_late(container, handler, timeout))
        except (OSError, ValueError, LookupError, Unready) as error:
            return Outcome(False, _network_words(container, handler, error))

    async def _handle(self, life: PodLife, container: Container, handler: Object, timeout: float) -> Outcome:
        if "exec" in handler:
            code, said = await self.guests.run(life, container, list(handler["exec"].get("command") or ()))
            return Outcome(code == 0, said)
        if "httpGet" in handler:
            return await _get(url(container, handler["httpGet"]), handler["httpGet"], timeout)
        if "tcpSocket" in handler:
            _, writer = await asyncio.open_connection(*_address(container, handler["tcpSocket"]))
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return Outcome(True)
        if "sleep" in handler:
            await asyncio.sleep(handler["sleep"].get("seconds") or 0)
            return Outcome(True)
        return Outcome(False, "gRPC probes cannot be made on this machine: use exec, httpGet or tcpSocket")


def port_of(container: Container, port: int | str) -> int:
    """A port's number, also by its name in the container. ValueError if there is none of that name."""
    if isinstance(port, int):
        return port
    named = [one["containerPort"] for one in container.spec.get("ports") or () if one.get("name") == port]
    return int(named[0]) if named else int(port)


def _address(container: Container, asked: Object) -> tuple[str, int]:
    return asked.get("host") or HOST, port_of(container, asked["port"])


def url(container: Container, asked: Object) -> str:
    """What an httpGet asks for."""
    host, port = _address(container, asked)
    path = asked.get("path") or "/"
    return f"{(asked.get('scheme') or 'HTTP').lower()}://{host}:{port}{path if path.startswith('/') else '/' + path}"


async def _get(address: str, asked: Object, timeout: float) -> Outcome:
    headers = {"User-Agent": AGENT, "Accept": "*/*", "Connection": "close"}
    headers |= {one["name"]: one["value"] for one in asked.get("httpHeaders") or ()}
    request = HTTPRequest(
        address, headers=headers, connect_timeout=timeout, request_timeout=timeout, follow_redirects=False,
        validate_cert=False, streaming_callback=lambda _: None,
    )  # fmt: skip
    client = AsyncHTTPClient(force_instance=True)
    try:
        code = (await client.fetch(request, raise_error=False)).code
    except HTTPTimeoutError:
        raise TimeoutError from None
    except HTTPError as error:
        raise OSError(str(error.message)) from None
    finally:
        client.close()
    good = 200 <= code < 400
    return Outcome(good, "" if good else f"HTTP probe failed with statuscode: {code}")


def _place(container: Container, handler: Object) -> tuple[str, str]:
    """How a request and its connection are named: (what is asked for, host:port)."""
    kind = "httpGet" if "httpGet" in handler else "tcpSocket"
    host, port = _address(container, handler[kind])
    return (f'Get "{url(container, handler[kind])}": ' if kind == "httpGet" else ""), f"{host}:{port}"


def _too_late(container: Container, handler: Object, timeout: float) -> str:
    if "exec" in handler:
        words = " ".join(handler["exec"].get("command") or ())
        return f'command timed out: "{words}" timed out after {go_duration(timeout)}'
    if "httpGet" in handler:
        what, _ = _place(container, handler)
        return f"{what}context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    return f"dial tcp {_place(container, handler)[1]}: i/o timeout" if "tcpSocket" in handler else "timed out"


def _network_words(container: Container, handler: Object, error: Exception) -> str:
    if "exec" in handler or isinstance(error, ValueError | LookupError | socket.gaierror):
        return str(error)
    what, where = _place(container, handler)
    refused = isinstance(error, ConnectionRefusedError)
    return f"{what}dial tcp {where}: connect: connection refused" if refused else f"{what}{error}"
