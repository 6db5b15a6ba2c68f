"""What kubelet and supervisor say to each other: frames of msgpack over a unix socket.

The two are of one version when they start, but a server may be replaced while its supervisor goes on: fields are only
added.
"""

from __future__ import annotations

import msgspec

HEADER = 4  # bytes of a frame's length, big-endian


class Start(msgspec.Struct, tag=True):
    """Run `argv` as a container. `path` is the program; `python` an interpreter whose zygote may fork it."""

    id: str
    path: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    log: str
    python: str | None = None
    hostname: str | None = None
    memory: int | None = None  # bytes
    wrapped: bool = False  # the program is a wrapper (bubblewrap) around the container's own
    guest: bool = False  # a probe or a hook: it runs beside a container's process, and ends nothing but itself


class Stop(msgspec.Struct, tag=True):
    """Ask a container to stop (SIGTERM as process 1 of a container gets it), or kill all of it."""

    id: str
    kill: bool = False


class Acknowledge(msgspec.Struct, tag=True):
    """These exits are in the store for good."""

    ids: list[str]


class Warm(msgspec.Struct, tag=True):
    """Have a zygote of that interpreter ready; `env` is the environment of its image."""

    python: str
    env: dict[str, str]


class List(msgspec.Struct, tag=True):
    """Tell what runs and what has ended without being acknowledged."""


class End(msgspec.Struct, tag=True):
    """End every container, then yourself; those that mind have `grace` seconds for it."""

    grace: float = 0.0


class Started(msgspec.Struct, tag=True):
    """A container runs. `at` is epoch seconds."""

    id: str
    pid: int
    at: float
    forked: bool = False


class Exited(msgspec.Struct, tag=True):
    """A container ended. `code` as a container runtime gives it: 128 + n for signal n."""

    id: str
    code: int
    at: float
    reason: str = ""  # "", OOMKilled, StartError, ContainerStatusUnknown
    message: str = ""
    started: float | None = None


class Listing(msgspec.Struct, tag=True):
    """The answer to List."""

    pid: int
    running: list[Started]
    exited: list[Exited]
    version: str = ""  # of the supervisor's kjnb


Order = Start | Stop | Acknowledge | Warm | List | End
Report = Started | Exited | Listing

_encoder = msgspec.msgpack.Encoder()
_orders = msgspec.msgpack.Decoder(Order)
_reports = msgspec.msgpack.Decoder(Report)


def frame(message: Order | Report) -> bytes:
    """One message as it goes over the socket."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEADER, "big") + body


class Frames:
    """Bytes in, messages out, wherever the reads cut them."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[Order] | msgspec.msgpack.Decoder[Report]) -> None:
        self._decoder = decoder
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Order | Report]:
        """The messages that are complete with these bytes."""
        self._buffer += data
        found: list[Order | Report] = []
        at = 0
        while len(self._buffer) - at >= HEADER:
            end = at + HEADER + int.from_bytes(self._buffer[at : at + HEADER], "big")
            if end > len(self._buffer):
                break
            found.append(self._decoder.decode(bytes(self._buffer[at + HEADER : end])))
            at = end
        del self._buffer[:at]
        return found


def orders() -> Frames:
    """Reads what a kubelet sends."""
    return Frames(_orders)


def reports() -> Frames:
    """Reads what a supervisor sends."""
    return Frames(_reports)
