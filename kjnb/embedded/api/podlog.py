"""pods/log: which container's log, which part of it, and following it until the container's process has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

from kjnb.embedded.api import answers
from kjnb.embedded.api.log_options import LogOptions
from kjnb.embedded.api.log_reading import Reader, Stamper
from kjnb.embedded.store.store import Store

Object = dict[str, Any]
POLL_SECONDS = 0.05
POLLS_FOR_A_SIGN = 20  # polls without news, after which the client's presence is asked for

__all__ = ["LogFiles", "LogOptions", "PodLog", "container_of", "process_of"]


class LogFiles(Protocol):
    """Where the node keeps what containers printed."""

    def log_file(self, uid: str, container: str, number: int | None = None) -> Path | None:
        """The file of that container's process of that number; None when there is none."""


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


def process_of(pod: Object, container: str, previous: bool) -> str:
    """The id of the process whose log is wanted: the newest that has begun, or the one before it. 400 if none has."""
    status = state_of(pod, container)
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated") or {}
    who = f'container "{container}" in pod "{pod["metadata"]["name"]}"'
    if previous:
        if not last.get("containerID"):
            raise answers.bad_request(f"previous terminated {who} not found")
        return str(last["containerID"])
    ended = state.get("terminated") or {}
    begun = status.get("containerID") if "running" in state else ended.get("containerID") or last.get("containerID")
    if begun:
        return str(begun)
    if ended:
        raise answers.bad_request(f"{who} is terminated")
    why = (state.get("waiting") or {}).get("reason", "ContainerCreating")
    pulls = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}
    raise answers.bad_request(f"{who} is waiting to start: {pulls.get(why, why)}")


class PodLog:
    """One request for one container's log."""

    def __init__(self, store: Store, files: LogFiles, pod: Object, options: LogOptions, now: float) -> None:
        self.store, self.options = store, options
        self._meta = pod["metadata"]
        self.container = container_of(pod, options.container)
        self.scheduled = bool(pod["spec"].get("nodeName"))
        self._process = process_of(pod, self.container, options.previous) if self.scheduled else ""
        self._files = files
        self._since = options.since(now)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes asked for, in pieces; with `follow`, what is added until the process has ended.

        Now and then an empty piece, so that who sends them notices that nobody listens any more.
        """
        reader = await self._open()
        if reader is None:
            return
        try:
            await reader.seek(self.options.tail, self._since)
            left = self.options.limit
            async for piece in self._pieces(reader):
                given = piece if left is None else piece[:left]
                yield given
                left = None if left is None else left - len(given)
                if left == 0:
                    return
        finally:
            reader.close()

    async def _open(self) -> Reader | None:
        path = self._path()
        while path is None and self.options.follow and not self._ended():
            await asyncio.sleep(POLL_SECONDS)
            path = self._path()
        try:
            return Reader(path) if path else None
        except FileNotFoundError:  # its pod has gone this moment
            return None

    async def _pieces(self, reader: Reader) -> AsyncIterator[bytes]:
        stamp: Callable[[bytes], bytes] = Stamper(reader).stamp if self.options.timestamps else bytes
        while True:
            over = not self.options.follow or self._ended()  # asked before reading: nothing is written after the end
            while block := reader.read():
                yield stamp(block)
                await asyncio.sleep(0)
            if over:
                return
            yield b""
            for _ in range(POLLS_FOR_A_SIGN):
                await asyncio.sleep(POLL_SECONDS)
                if reader.has_news() or self._ended():
                    break

    def _path(self) -> Path | None:
        meta, number = self._meta, self._process.rpartition("_")[2]
        if not number.isdecimal():
            return None
        return self._files.log_file(meta["uid"], self.container, int(number))

    def _ended(self) -> bool:
        """Whether that process does not run any more, or its pod has gone."""
        pod = self.store.get("pods", self._meta["namespace"], self._meta["name"])
        if pod is None or pod["metadata"]["uid"] != self._meta["uid"]:
            return True
        status = state_of(pod, self.container)
        return "running" not in (status.get("state") or {}) or status.get("containerID") != self._process
