"""Runs the pods of this node: pod objects in, processes out, and back into each pod's status what became of them.

One loop with the server, never blocked: processes are the supervisor's, which outlives us. What it reports of one pod
is gathered and written in two or three writes; an end is acknowledged to the supervisor when it is in the store for
good.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from kjnb.embedded.api.discovery import KUBERNETES
from kjnb.embedded.api.timestamps import seconds, stamp
from kjnb.embedded.events import Recorder
from kjnb.embedded.node import capacity, images, lifecycle, pod_env, refresh, wire
from kjnb.embedded.node.lifecycle import PodLife
from kjnb.embedded.node.log_folder import LogFolder
from kjnb.embedded.node.orders import Orders
from kjnb.embedded.node.pod_status import Container, status
from kjnb.embedded.node.settings import Settings
from kjnb.embedded.node.supervision import Supervision
from kjnb.embedded.store import Event, Store

Object = dict[str, Any]
GATHER = 0.02  # seconds in which a container that started may end, and spare a write
TRY_AGAIN = 2.0  # seconds until a container that could not be made is tried again
DEADLINE = "Pod was active on the node longer than the specified deadline"
OVER = ("Succeeded", "Failed")


class Kubelet:
    """See the module. `run` serves until it is cancelled; the pods go on without it."""

    def __init__(
        self,
        store: Store,
        *,
        node_name: str,
        state: Path,
        clock: Callable[[], datetime | float],
        supervision: Supervision | None = None,
        backoff_base: float = 10.0,
        python: str = sys.executable,
        fork: bool | None = None,
        settings: Path | None = None,
    ) -> None:
        self.store = store
        self.node_name = node_name
        self.state = state
        self.logs = LogFolder(state / "logs")
        self.supervision = supervision or Supervision(state)
        self.lives: dict[str, PodLife] = {}
        self._recorder = Recorder(store)
        self.capacity = capacity.read()
        self._clock = clock
        self._backoff_base = backoff_base
        self._python = python
        forks = sys.platform == "linux" and not os.environ.get("KJNB_EXEC_PODS") if fork is None else fork
        said = Settings(settings or state / "cluster.toml")
        self.orders = Orders(store, state, self.logs, self.capacity, forks, said)
        self._connected = False
        self._warmed: set[str] = set()
        self._changed: dict[str, tuple[PodLife, float]] = {}  # pods to write, and when
        self._flushing: asyncio.TimerHandle | None = None
        self._settled: list[str] = []
        self._settle = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: dict[str, list[asyncio.TimerHandle]] = {}

    # --- what others ask

    def node(self) -> Object:
        """The Node object of this machine."""
        return capacity.node(self.node_name, self.capacity, stamp(self._now()), KUBERNETES)

    def log_file(self, namespace: str, pod: str, uid: str, container: str, number: int | None = None) -> Path | None:
        """The log of a container's process of that number, or of its newest; None if there is none."""
        return self.logs.find(namespace, pod, uid, container, number)

    async def end(self) -> None:
        """End all pods and their supervisor; after `run` was cancelled. Otherwise they go on for the next server."""
        await self.supervision.end()

    async def run(self) -> None:
        """Take in what is there, then follow pods and processes."""
        self.logs.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        since = self.store.resource_version
        for pod in self.store.list("pods"):
            self._see(pod)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_pods(since))
            group.create_task(self._follow_processes())
            group.create_task(self._acknowledge())
            for shown in refresh.KINDS:
                group.create_task(refresh.follow(self.store, shown, since, self._pods, self.orders.refresh))

    def _pods(self) -> list[Object]:
        return [life.obj for life in self.lives.values()]

    async def _follow_pods(self, since: int) -> None:
        async for batch in self.store.watch("pods", since):
            for event in batch:
                self._hear(event)

    async def _follow_processes(self) -> None:
        async for batch in self.supervision.reports():
            for report in batch:
                match report:
                    case wire.Listing():
                        self._catch_up(report)
                    case wire.Started():
                        self._started(report)
                    case wire.Exited():
                        self._exited(report)

    async def _acknowledge(self) -> None:
        while True:
            await self._settle.wait()
            self._settle.clear()
            ids, self._settled = self._settled, []
            await self.store.committed()
            self.supervision.send(wire.Acknowledge(ids))

    def _now(self) -> float:
        now = self._clock()
        return now.timestamp() if isinstance(now, datetime) else now

    # --- pods

    def _hear(self, event: Event) -> None:
        if event.obj["spec"].get("nodeName") != self.node_name:
            return
        if event.type == "DELETED":
            self._forget(event.obj)
        else:
            self._see(event.obj)

    def _see(self, pod: Object) -> None:
        """A pod of this node as it is now."""
        if pod["spec"].get("nodeName") != self.node_name:
            return
        meta = pod["metadata"]
        life = self.lives.get(meta["uid"])
        if life is None:
            if (pod.get("status") or {}).get("phase") in OVER:
                return
            life = self.lives[meta["uid"]] = lifecycle.begin(pod, stamp(self._now()))
            self._take_in(life)
        elif refresh.shows_itself(life.obj, pod):
            self.orders.refresh(pod)
        life.obj = pod
        if not meta.get("deletionTimestamp") or not self._connected:
            return
        if not life.stopping or self._grace(life) < life.grace:
            self._stop(life, self._grace(life))

    @staticmethod
    def _grace(life: PodLife) -> float:
        """Seconds that a pod has to stop: what its deletion gives it, else its own."""
        meta = life.obj["metadata"]
        own = life.spec.get("terminationGracePeriodSeconds", 30)
        return float(meta.get("deletionGracePeriodSeconds") or 0 if meta.get("deletionTimestamp") else own)

    def _take_in(self, life: PodLife) -> None:
        limit = life.spec.get("activeDeadlineSeconds")
        if limit is not None:
            # a start time is to the second: it must not cut a new pod's time short
            earlier = (life.obj.get("status") or {}).get("startTime")
            left = (seconds(earlier) + limit - self._now()) if earlier else float(limit)
            self._later(life, max(0.0, left), lambda: self._expire(life))
        if self._connected and not life.obj["metadata"].get("deletionTimestamp"):
            self._advance(life)

    def _expire(self, life: PodLife) -> None:
        if life.known.over:
            return
        life.known.reason, life.known.message = "DeadlineExceeded", DEADLINE
        self._record(life, "Normal", "DeadlineExceeded", DEADLINE)
        self._stop(life, self._grace(life))

    def _stop(self, life: PodLife, grace: float) -> None:
        """Ask what runs to stop, and kill it when the grace period is over."""
        alive = life.alive()
        for container in alive:
            self.supervision.send(wire.Stop(container.id, kill=not grace))
            if not life.stopping:
                self._record(life, "Normal", "Killing", f"Stopping container {container.name}", container)
        life.stopping, life.grace = True, grace
        if not alive:
            self._conclude(life)
        elif grace:
            self._later(life, grace, lambda: self._kill(life))

    def _kill(self, life: PodLife) -> None:
        for container in life.alive():
            self.supervision.send(wire.Stop(container.id, kill=True))

    def _forget(self, pod: Object) -> None:
        """The object has gone: nothing of it may stay."""
        life = self.lives.pop(pod["metadata"]["uid"], None)
        if life is not None:
            self._kill(life)
            self._cancel(life.uid)
            self._acknowledge_soon(life)
        self._in_thread(self._clear, pod["metadata"])

    def _clear(self, meta: Object) -> None:
        shutil.rmtree(self.state / "pods" / meta["uid"], ignore_errors=True)
        self.logs.remove(meta.get("namespace", "default"), meta["name"], meta["uid"])

    # --- starting

    def _advance(self, life: PodLife) -> None:
        """Start what is to start now."""
        for container in lifecycle.to_start(life):
            container.id = lifecycle.process_id(life, container)
            try:
                order = self.orders.start(life, container)
                if order.python:
                    self._warm(order.python)
                self.supervision.send(order)
                life.asked.add(container.id)
            except (pod_env.Unready, OSError, ValueError, LookupError) as error:
                self._cannot_make(life, container, error)

    def _cannot_make(self, life: PodLife, container: Container, error: Exception) -> None:
        if not isinstance(error, pod_env.Unready):
            error = pod_env.Unready("CreateContainerError", str(error))
        container.id = ""
        if error.reason == "ErrImagePull" and container.pull_failed:
            error = images.backed_off(error, container.image)
        container.state = {"waiting": error.waiting}
        if error.reason.startswith("CreateContainer"):
            self._record_pulled(life, container)
        for kind, reason, text in error.events:
            self._record(life, kind, reason, text, None if error.about_pod else container)
        life.waiting.add(container.name)
        self._later(life, TRY_AGAIN, lambda: self._again(life, container))
        self._write_soon(life)

    def _again(self, life: PodLife, container: Container) -> None:
        life.waiting.discard(container.name)
        self._advance(life)

    def _warm(self, python: str) -> None:
        """Tell the supervisor once how a zygote of that interpreter begins; it makes it anew when it must."""
        if python not in self._warmed:
            self._warmed.add(python)
            self.supervision.send(wire.Warm(python, images.zygote_environment(images.LOCAL + python)))

    # --- what the supervisor says

    def _catch_up(self, listing: wire.Listing) -> None:
        """After a (re)connection: adopt what runs, note what ended or is lost, start what was never started."""
        self._connected = True
        self._warmed.clear()
        if self.orders.fork:
            self._warm(self._python)
        running = {one.id: one for one in listing.running}
        exited = {one.id: one for one in listing.exited}
        for life in list(self.lives.values()):
            for container in life.containers:
                self._reconcile(life, container, running, exited)
            if life.stopping or life.obj["metadata"].get("deletionTimestamp"):
                self._stop(life, self._grace(life))
            else:
                self._advance(life)
        known = {container.id for life in self.lives.values() for container in life.containers}
        for name in running.keys() - known:
            self.supervision.send(wire.Stop(name, kill=True))
        strangers = [name for name in exited if name not in known]
        if strangers:
            self.supervision.send(wire.Acknowledge(strangers))

    def _reconcile(
        self, life: PodLife, container: Container, running: dict[str, wire.Started], exited: dict[str, wire.Exited]
    ) -> None:
        if container.exit_code is not None:
            return
        name = container.id or lifecycle.process_id(life, container)
        life.asked.discard(name)
        if name in running or name in exited:
            container.id = name
        if name in running:
            self._started(running[name])
        elif name in exited:
            self._exited(exited[name])
        elif container.running:
            lost = "the process ended while nobody watched, so its exit code is not known"
            self._exited(wire.Exited(name, 137, self._now(), lifecycle.LOST, lost))

    def _find(self, process: str) -> tuple[PodLife, Container] | None:
        life = self.lives.get(process.partition("_")[0])
        container = life.container(process) if life else None
        return (life, container) if life and container else None

    def _started(self, report: wire.Started) -> None:
        found = self._find(report.id)
        if found is None or found[1].running:
            return
        life, container = found
        life.asked.discard(report.id)
        container.state = {"running": {"startedAt": stamp(report.at)}}
        self._record_start(life, container)
        self._record(life, "Normal", "Started", "Container started", container)
        self._write_soon(life)

    def _exited(self, report: wire.Exited) -> None:
        found = self._find(report.id)
        if found is None:
            self.supervision.send(wire.Acknowledge([report.id]))
            return
        life, container = found
        life.unsettled.append(report.id)
        if container.exit_code is not None:
            self._write_soon(life)
            return
        delay = lifecycle.ended(life, container, self._termination(life, container, report), self._backoff_base)
        if delay:
            text = f"Back-off restarting failed container {container.name} in pod {life.obj['metadata']['name']}"
            self._record(life, "Warning", "BackOff", text, container)
            self._later(life, delay, lambda: self._again(life, container))
        self._advance(life)
        self._conclude(life)

    def _termination(self, life: PodLife, container: Container, report: wire.Exited) -> Object:
        started = container.state.get("running", {}).get("startedAt")
        if report.reason == "StartError":
            self._record_start(life, container)
            self._record(life, "Warning", "Failed", f"Error: {report.message}", container)
        elif started is None and report.started:
            started = stamp(report.started)
        told = {
            "code": report.code,
            "reason": report.reason,
            "message": report.message or self._last_words(life, report),
        }
        return lifecycle.termination(told, started, stamp(report.at), report.id)

    def _last_words(self, life: PodLife, report: wire.Exited) -> str:
        """The log's end as the termination message, where the container asks for that."""
        _, name, restarts = report.id.split("_")  # neither a uid nor a container's name has underscores
        specs = [*life.obj["spec"].get("containers", ()), *(life.obj["spec"].get("initContainers") or ())]
        policy = next((one.get("terminationMessagePolicy") for one in specs if one["name"] == name), None)
        if report.code == 0 or policy != "FallbackToLogsOnError":
            return ""
        meta = life.obj["metadata"]
        return self.logs.tail(meta.get("namespace", "default"), meta["name"], life.uid, name, int(restarts))

    # --- writing

    def _conclude(self, life: PodLife) -> None:
        if lifecycle.settle(life):
            self._cancel(life.uid)
            self._write_soon(life, urgent=True)
        else:
            self._write_soon(life)

    def _write_soon(self, life: PodLife, urgent: bool = False) -> None:
        """Write a pod's status, at once if it is over; else in a moment, for it may be over by then."""
        due = asyncio.get_running_loop().time() + (0.0 if urgent else GATHER)
        _, before = self._changed.get(life.uid, (life, due))
        self._changed[life.uid] = (life, min(due, before))
        self._wake_at(due)

    def _wake_at(self, due: float) -> None:
        if self._flushing is not None:
            if self._flushing.when() <= due:
                return
            self._flushing.cancel()
        self._flushing = asyncio.get_running_loop().call_at(due, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        now = asyncio.get_running_loop().time()
        for life in [life for life, due in self._changed.values() if due <= now]:
            del self._changed[life.uid]
            self._write(life)
        if self._changed:
            self._wake_at(min(due for _, due in self._changed.values()))

    def _write(self, life: PodLife) -> None:
        meta = life.obj["metadata"]
        stored = self.store.get("pods", meta.get("namespace"), meta["name"])
        if stored is None or stored["metadata"]["uid"] != life.uid:
            return
        new = {**stored, "status": status(stored, life.containers, life.known, stamp(self._now()))}
        if life.known.over:
            self.lives.pop(life.uid, None)
            if stored["metadata"].get("deletionTimestamp"):
                new["metadata"] = {**stored["metadata"], "deletionGracePeriodSeconds": 0}
        life.obj = self.store.update("pods", new)
        self._acknowledge_soon(life)

    def _acknowledge_soon(self, life: PodLife) -> None:
        if life.unsettled:
            self._settled += life.unsettled
            life.unsettled = []
            self._settle.set()

    def _record_pulled(self, life: PodLife, container: Container) -> None:
        image = f'Container image "{container.image}" already present on machine and can be accessed by the pod'
        self._record(life, "Normal", "Pulled", image, container)

    def _record_start(self, life: PodLife, container: Container) -> None:
        self._record_pulled(life, container)
        self._record(life, "Normal", "Created", "Container created", container)

    def _record(self, life: PodLife, kind: str, reason: str, message: str, container: Container | None = None) -> None:
        place = (
            f"spec.{'initContainers' if container.init else 'containers'}{{{container.name}}}" if container else None
        )
        now = self._now()
        self._recorder.record(life.obj, kind, reason, message, now, "kubelet", field_path=place, host=self.node_name)

    # --- time

    def _later(self, life: PodLife, delay: float, act: Callable[[], None]) -> None:
        timer = asyncio.get_running_loop().call_later(delay, act)
        self._timers.setdefault(life.uid, []).append(timer)

    def _cancel(self, uid: str) -> None:
        for timer in self._timers.pop(uid, ()):
            timer.cancel()

    def _in_thread(self, act: Callable[..., None], *args: object) -> None:
        task = asyncio.get_running_loop().create_task(asyncio.to_thread(act, *args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
