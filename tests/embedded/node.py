"""A node without a server: a store in memory, a kubelet, a real supervisor, real processes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from kjnb.embedded.node.kubelet import Kubelet
from kjnb.embedded.node.supervision import is_supervised
from kjnb.embedded.store.store import Store

LOCAL = f"local://{sys.executable}"
Object = dict[str, Any]
_numbers = itertools.count()


class Node:
    """Pods go straight to it, as if a scheduler had put them there."""

    def __init__(self, state: Path, store: Store | None = None, **options: Any) -> None:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.state = state
        self.store = store or Store(None, clock=time.time, new_uid=lambda: str(uuid.uuid4()))
        self.kubelet = Kubelet(
            self.store, node_name="here", state=state, clock=time.time, **{"backoff_base": 0.1, **options}
        )
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self.kubelet.run())

    async def leave(self) -> None:
        """End the kubelet as a killed server would: its pods and its supervisor go on."""
        assert self.task is not None
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
            await self.task
        self.kubelet.supervision.close()

    def supervisor_pid(self) -> int:
        return int((self.state / "supervisor.lock").read_text())

    async def end(self) -> None:
        """End the kubelet, then the supervisor and everything it has, also one that is still starting."""
        await self.leave()
        await self.kubelet.end()
        assert not is_supervised(self.state)

    def pod(self, command: list[str] | None = None, *, image: str = LOCAL, **more: Any) -> Object:
        """Create a pod on this node; `container` and `spec` add fields."""
        container = {"name": "worker", "image": image, **more.pop("container", {})}
        if command:
            container["command"] = command
        spec = {"nodeName": "here", "restartPolicy": "Never", "containers": [container], **more.pop("spec", {})}
        meta = {"name": f"pod-{next(_numbers)}", "namespace": "default", **more.pop("metadata", {})}
        obj = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": {"phase": "Pending"}}
        return self.store.create("pods", obj)

    def now(self, pod: Object) -> Object:
        return self.store.get("pods", "default", pod["metadata"]["name"]) or {}

    def delete(self, pod: Object, grace: int) -> None:
        current = self.now(pod)
        marks = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": grace}
        self.store.update("pods", {**current, "metadata": {**current["metadata"], **marks}})

    async def eventually(self, predicate: Callable[[], Any], within: float = 30.0) -> Any:
        limit = asyncio.get_running_loop().time() + within
        while not (value := predicate()):
            assert asyncio.get_running_loop().time() < limit, f"not within {within} s; last seen: {value!r}"
            if self.task is not None and self.task.done() and not self.task.cancelled():
                self.task.result()
            await asyncio.sleep(0.01)
        return value

    async def ran(self, pod: Object, within: float = 30.0) -> Object:
        """The pod when it is over."""
        return await self.eventually(
            lambda: (now := self.now(pod)) and now["status"].get("phase") in ("Succeeded", "Failed") and now, within
        )

    async def running(self, pod: Object) -> Object:
        return await self.eventually(lambda: (now := self.now(pod))["status"]["phase"] == "Running" and now)

    def log(self, pod: Object, container: str = "worker") -> str:
        meta = pod["metadata"]
        path = self.kubelet.log_file(meta["uid"], container)
        return path.read_text() if path else ""

    def waiting(self, pod: Object, container: int = 0) -> Object:
        """Why a container does not run yet; empty if it does, or has."""
        shown = (self.now(pod).get("status") or {}).get("containerStatuses") or []
        return dict(shown[container].get("state", {}).get("waiting") or {}) if len(shown) > container else {}

    def events(self, pod: Object) -> list[tuple[str, str]]:
        found = [e for e in self.store.list("events") if e["involvedObject"]["uid"] == pod["metadata"]["uid"]]
        return [(e["reason"], e["message"]) for e in found]


@contextlib.asynccontextmanager
async def node(state: Path, **options: Any) -> AsyncIterator[Node]:
    """A running node; everything it started has ended afterwards. `fork=False` spares a zygote that nobody needs."""
    here = Node(state, **options)
    here.start()
    try:
        yield here
    finally:
        await here.end()


def terminated(pod: Object, container: int = 0) -> Object:
    return dict(pod["status"]["containerStatuses"][container]["state"]["terminated"])
