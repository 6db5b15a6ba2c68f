"""pods/log: which container's file, which part of it, and following it until its container ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kjnb.embedded.api import answers
from kjnb.embedded.store import Store

Object = dict[str, Any]
BLOCK = 256 * 1024
POLL_SECONDS = 0.05


class LogFiles(Protocol):
    """Where the node keeps what containers printed."""

    def log_file(self, namespace: str, pod: str, uid: str, container: str, previous: bool = False) -> Path | None:
        """The file of that container's newest process, or of the one before; None when there is none."""


class LogOptions(NamedTuple):
    """PodLogOptions, as far as they are served."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    tail: int | None = None
    limit: int | None = None

    @classmethod
    def parse(cls, query: Callable[[str], str], name: str) -> LogOptions:
        """From the query; 400 for what is no number, 422 for a negative one."""
        numbers = {key: _whole(query(key), key, name) for key in ("tailLines", "limitBytes")}
        flags = {key: query(key) in ("true", "1") for key in ("follow", "previous")}
        return cls(query("container"), flags["follow"], flags["previous"], numbers["tailLines"], numbers["limitBytes"])


def _whole(text: str, field: str, name: str) -> int | None:
    if not text:
        return None
    if not text.lstrip("-").isdecimal():
        raise answers.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    least = 1 if field == "limitBytes" else 0
    if int(text) < least:
        words = f"Invalid value: {text}: must be greater than or equal to {least}"
        raise answers.invalid("PodLogOptions", "", name, [answers.FieldError(field, "FieldValueInvalid", words)])
    return int(text)


def container_of(pod: Object, asked: str) -> str:
    """The container to read: the one asked for, or the pod's only one. 400."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    own = [one["name"] for one in spec.get("containers") or []]
    first = [one["name"] for one in spec.get("initContainers") or []]
    if asked:
        if asked not in own + first:
            raise answers.bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(own) > 1:
        words = f"a container name must be specified for pod {name}, choose one of: [{' '.join(own)}]"
        raise answers.bad_request(words + (f" or one of the init containers: [{' '.join(first)}]" if first else ""))
    return str(own[0])


def state_of(pod: Object, container: str) -> Object:
    """The container's status, empty before the node wrote one."""
    given = pod.get("status") or {}
    every = [*(given.get("containerStatuses") or []), *(given.get("initContainerStatuses") or [])]
    return next((one for one in every if one["name"] == container), {})


class PodLog:
    """One request for one container's log."""

    def __init__(self, store: Store, files: LogFiles, pod: Object, options: LogOptions) -> None:
        self.store, self.options = store, options
        meta = pod["metadata"]
        self.key = (meta["namespace"], meta["name"])
        self.uid, self.container = meta["uid"], container_of(pod, options.container)
        self._refuse_early(pod, meta["name"])
        self._files = files
        self._meta = meta
        self.scheduled = bool(pod["spec"].get("nodeName"))

    def _refuse_early(self, pod: Object, name: str) -> None:
        state = state_of(pod, self.container)
        ended = (state.get("lastState") or {}).get("terminated")
        if self.options.previous and not ended:
            words = f'previous terminated container "{self.container}" in pod "{name}" not found'
            raise answers.bad_request(words)
        waits = (state.get("state") or {}).get("waiting")
        if waits and not ended:
            why = waits.get("reason", "ContainerCreating")
            raise answers.bad_request(f'container "{self.container}" in pod "{name}" is waiting to start: {why}')

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes asked for; with `follow`, what is added until the container has ended."""
        left, path = self.options.limit, self._path()
        place = start_of(path, self.options.tail)
        while True:
            over = not self.options.follow or self._ended()  # asked before reading: nothing is written after the end
            path = path or self._path()
            for block in blocks(path, place):
                place += len(block)
                given = block if left is None else block[:left]
                if given:
                    yield given
                left = None if left is None else left - len(given)
                if left == 0:
                    return
            if over:
                return
            await asyncio.sleep(POLL_SECONDS)

    def _path(self) -> Path | None:
        meta = self._meta
        return self._files.log_file(meta["namespace"], meta["name"], meta["uid"], self.container, self.options.previous)

    def _ended(self) -> bool:
        pod = self.store.get("pods", *self.key)
        if pod is None or pod["metadata"]["uid"] != self.uid:
            return True
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return True
        return "terminated" in (state_of(pod, self.container).get("state") or {})


def blocks(path: Path | None, place: int) -> list[bytes]:
    """What the file holds from there on, in blocks; nothing when there is no file."""
    found: list[bytes] = []
    if path is None:
        return found
    try:
        with path.open("rb") as file:
            file.seek(place)
            while block := file.read(BLOCK):
                found.append(block)
    except FileNotFoundError:
        pass
    return found


def start_of(path: Path | None, tail: int | None) -> int:
    """Where the last `tail` lines begin; a last line without its end counts as one."""
    if tail is None or path is None or not path.exists():
        return 0
    with path.open("rb") as file:
        place = end = file.seek(0, 2)
        if tail == 0:
            return end
        seen = b""
        while place:
            size = min(BLOCK, place)
            place -= size
            file.seek(place)
            seen = file.read(size) + seen
            body = seen[:-1] if seen.endswith(b"\n") else seen
            if body.count(b"\n") >= tail:
                return place + len(body) - len(body.split(b"\n", body.count(b"\n") - tail + 1)[-1])
    return 0
