"""One process, one event loop: the HTTPS server, the store, the controllers' loops and the kubelet, wired together."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import random
import resource
import signal
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kjnb.embedded import credentials, state
from kjnb.embedded.api import strategy
from kjnb.embedded.api.server import Context, listen
from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.api.verbs import Api
from kjnb.embedded.controllers.loops import start_loops
from kjnb.embedded.controllers.node_admission import rejection
from kjnb.embedded.controllers.pod_garbage import THRESHOLD
from kjnb.embedded.first_objects import ensure_node, ensure_objects, ensure_service, keep_site_defaults, node_name
from kjnb.embedded.node.kubelet import Kubelet
from kjnb.embedded.store.store import Store
from kjnb.embedded.supervisor import wire

IDLE_SECONDS = 24 * 3600.0
CHECK_SECONDS = 1.0
LOCK_SECONDS = 10.0  # the last server may still be ending
GRACE_SECONDS = 10.0  # that a pod has at most when the whole cluster ends
END_SECONDS = 20.0  # for what ignores everything but SIGKILL, and for the last statuses
LOG = logging.getLogger("kjnb.embedded")
Object = dict[str, Any]


def now() -> datetime:
    """The server's clock."""
    return datetime.now(UTC)


def new_uid() -> str:
    """A uid nobody else has."""
    return str(uuid.uuid4())


def open_store(path: Path) -> Store:
    """The objects in that file."""
    return Store(path, clock=now, new_uid=new_uid)


def serve(
    home: str | None,
    *,
    backoff_base: float,
    port: int,
    idle: float = IDLE_SECONDS,
    finished_pods: int = THRESHOLD,
    opened: Callable[[Path], Store] = open_store,
    starting: int | None = None,
) -> int:
    """Serve until SIGTERM (ends the pods, too), SIGHUP (leaves them to the next server) or `idle` seconds unused.

    `starting` is a descriptor of who started it, closed as soon as the server has its place.
    """
    os.umask(0o077)
    root = state.home_folder(home)
    folder = state.made_folder(root)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("tornado.general").addFilter(is_news)
    raise_file_limit()
    if kind := state.network_file_system(folder.resolve()):
        LOG.warning("%s is on a network file system (%s): a KJNB_HOME on this machine's disk is safer", folder, kind)
    with only_one(folder) as alone:
        if starting is not None:
            os.close(starting)
        if not alone:
            LOG.error("another server uses %s", folder)
            return 1
        try:
            cluster = Cluster(root, opened(folder / "objects.sqlite"), backoff_base, port, idle)
            cluster.finished_pods = finished_pods
            return asyncio.run(cluster.run())
        except (OSError, sqlite3.Error) as error:  # a full disk, a folder that is not ours, a port
            LOG.error("the server cannot go on: %s", error)  # noqa: TRY400 - the sentence says it all
            return 1


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock meanwhile; false when another process has it and does not end soon."""
    handle = os.open(folder / "server.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        alone = _locked(handle, time.monotonic() + LOCK_SECONDS)
        if alone:
            state.sign(handle)
        yield alone
    finally:
        os.close(handle)


def _locked(handle: int, limit: float) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > limit:
                return False
            time.sleep(0.05)
        else:
            return True


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line of tornado's belongs into the log: a client that leaves in the middle of its watch does not."""
    return not record.getMessage().startswith(("error on read: [SSL:", "SSL Error on"))


def raise_file_limit() -> None:
    """Every pod and every watch holds descriptors: take what the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Cluster:
    """The parts of one running cluster."""

    def __init__(self, root: Path, store: Store, backoff_base: float, port: int, idle: float) -> None:
        self.root, self.folder = root, state.cluster_folder(root)
        self.backoff_base, self.port, self.idle = backoff_base, port, idle
        self.version = state.own_version()
        self.keep_pods = False
        self.place = state.place(self.folder)
        self.finished_pods = THRESHOLD
        self.store = store
        self.ended = asyncio.Event()
        self.kubelet = Kubelet(
            self.store,
            node_name=node_name(),
            state=self.folder,
            clock=now,
            backoff_base=backoff_base,
            settings=root / "cluster.toml",
            admit=rejection,
        )

    async def run(self) -> int:
        """Serve until the end is asked for."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._end, False)
        loop.add_signal_handler(signal.SIGINT, self._end, False)
        loop.add_signal_handler(signal.SIGHUP, self._end, True)
        ensure_objects(self.store, self.root, self.backoff_base)
        ensure_node(self.store, self.kubelet.node())
        server = self._listen()  # before anything is started that would have to be ended
        node = loop.create_task(self.kubelet.run(), name="kubelet")
        tasks = start_loops(self.store, clock=now, names=new_suffix, backoff_base=self.backoff_base,
                            authority=self.authority, finished_pods=self.finished_pods)  # fmt: skip
        quiet_collector()
        tasks.append(loop.create_task(self._watch_idleness(), name="idleness"))
        keeping = keep_site_defaults(self.store, self.root, self.backoff_base)
        tasks.append(loop.create_task(keeping, name="site defaults"))
        for task in (*tasks, node):
            task.add_done_callback(self._part_ended)
        await self.ended.wait()
        await self._shut(server, tasks, node)
        return 0

    def _listen(self) -> Any:
        made = credentials.ensure(self.folder)
        api = Api(self.store, clock=now, new_uid=new_uid)
        self.context = Context(api, made.token, self.version, self.kubelet, now)
        last = state.announced(self.folder)
        server, port = listen(
            self.context, str(made.certificate), str(made.key), self.port or (last.port if last else 0)
        )
        if self.port not in (0, port):
            raise OSError(f"port {self.port} of 127.0.0.1 is taken")
        self.authority = made.certificate.read_text()
        text = credentials.kubeconfig(port, made.certificate.read_bytes(), made.token)
        credentials.write_private(self.folder / "kubeconfig", text.encode())
        ensure_service(self.store, port)
        state.announce(self.folder, port, self.version, ready=True)
        LOG.info("serving on 127.0.0.1:%d", port)
        return server

    def _end(self, keep_pods: bool) -> None:
        self.keep_pods = keep_pods
        self.ended.set()

    def _part_ended(self, task: asyncio.Task[Any]) -> None:
        """A part that fails ends the server, not the pods: half a cluster would answer and do nothing."""
        if not task.cancelled() and task.exception() is not None:
            LOG.error("%s ended: %r", task.get_name(), task.exception(), exc_info=task.exception())
            self._end(True)

    def _is_displaced(self) -> bool:
        """The folder was removed; where there is one again it is another server's."""
        return state.place(self.folder) != self.place

    async def _watch_idleness(self) -> None:
        while not self.ended.is_set():
            await asyncio.sleep(min(CHECK_SECONDS, self.idle))
            if self._is_displaced():
                LOG.info("%s was removed: ending", self.folder)
                self._end(False)
            if self.context.open_streams:
                self.context.last_request = time.monotonic()
            if time.monotonic() - self.context.last_request > self.idle:
                if any(is_active(pod) for pod in self.store.list("pods")):
                    self.context.last_request = time.monotonic()
                else:
                    LOG.info("nobody asked anything for %g s: ending", self.idle)
                    self._end(False)

    async def _shut(self, server: Any, tasks: list[asyncio.Task[Any]], node: asyncio.Task[Any]) -> None:
        server.stop()
        await ended(tasks)  # before the pods: nobody is to replace them
        if not self.keep_pods:
            await self._end_pods()
            state.withdraw(self.folder)
        await ended([node])
        if not self.keep_pods and not self._is_displaced():
            await self.kubelet.end()  # one that did not hear it: it was still starting
        self.store.close()

    async def _end_pods(self) -> None:
        """End what runs here, as a node that shuts down: such an end is told from a failure of the pod's own."""
        active = [pod for pod in self.store.list("pods") if is_active(pod) and pod["spec"].get("nodeName")]
        supervision, limit = self.kubelet.supervision, time.monotonic() + END_SECONDS
        own = (float(pod["spec"].get("terminationGracePeriodSeconds", 30)) for pod in active)
        supervision.send(wire.End(min(GRACE_SECONDS, max(own, default=0.0))))
        while any(is_active(self._now_of(pod)) for pod in active) and not supervision.over and time.monotonic() < limit:
            await asyncio.sleep(0.02)
        for pod in map(self._now_of, active):
            if (pod.get("status") or {}).get("phase") == "Failed":
                self.store.update("pods", {**pod, "status": disrupted(pod["status"], now())})
        await self.store.committed()

    def _now_of(self, pod: Object) -> Object:
        meta = pod["metadata"]
        return self.store.get("pods", meta["namespace"], meta["name"]) or {"status": {"phase": "Succeeded"}}


def quiet_collector() -> None:
    """Objects here live long and hold no cycles: collect seldom, and never look at what is there at the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


async def ended(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel them and wait."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def disrupted(status: Object, at: datetime) -> Object:
    """A status that says that the node ended the pod, as Kubernetes says it when a node shuts down."""
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastTransitionTime": stamp(at.timestamp()),
        "reason": "TerminationByKubelet",
        "message": "Pod was terminated in response to imminent node shutdown.",
    }
    others = [one for one in status.get("conditions") or [] if one["type"] != "DisruptionTarget"]
    told = {"reason": "Terminated", "message": condition["message"], "conditions": [*others, condition]}
    return {**status, **told}


def new_suffix() -> str:
    """The five random characters at the end of a pod's name."""
    return strategy.generated_name("", random.choice)


def is_active(pod: Object) -> bool:
    """The pod has not come to its end."""
    return (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
