"""Runs the pods of this node: pod objects in, processes out, and back into each pod's status what became of them.

One loop with the server, never blocked: processes are the supervisor's, which outlives us. What it reports of one pod
is gathered and written in two or three writes.
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
from kjnb.embedded.container import disk_use, images, pod_env, refresh, termination
from kjnb.embedded.container.settings import Settings
from kjnb.embedded.events import Recorder
from kjnb.embedded.node import capacity, lifecycle
from kjnb.embedded.node.guests import Guests
from kjnb.embedded.node.handlers import Handlers
from kjnb.embedded.node.lifecycle import PodLife
from kjnb.embedded.node.log_folder import LogFolder
from kjnb.embedded.node.orders import Orders
from kjnb.embedded.node.pod_events import PodEvents
from kjnb.embedded.node.pod_status import Container, rejected
from kjnb.embedded.node.probing import Probing
from kjnb.embedded.node.status_writer import StatusWriter
from kjnb.embedded.node.stopping import Stopping
from kjnb.embedded.node.supervision import Supervision
from kjnb.embedded.node.timers import Timers
from kjnb.embedded.store.store import Event, Store
from kjnb.embedded.supervisor import wire

Object = dict[str, Any]
Admit = Callable[[Object, list[Object], Object], tuple[str, str] | None]  # a pod, those here, the node: why not
There = dict[str, wire.Started | wire.Exited]  # what the supervisor has, by process id
EVICTION_GRACE = 1.0  # seconds
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
        look_every: float = disk_use.LOOK_EVERY,
        admit: Admit = lambda *_: None,
    ) -> None:
        self.store = store
        self.node_name = node_name
        self.state = state
        self.logs = LogFolder(state / "pods")
        self.supervision = supervision or Supervision(state)
        self.lives: dict[str, PodLife] = {}
        self.capacity = capacity.read(disk=state)
        self._clock = clock
        self._backoff_base = backoff_base
        self._python = python
        self._look_every = look_every
        self._admit = admit
        forks = sys.platform == "linux" and not os.environ.get("KJNB_EXEC_PODS") if fork is None else fork
        said = Settings(settings or state / "cluster.toml")
        self.orders = Orders(store, state, self.logs, self.capacity, forks, said)
        self._connected = False
        self._warmed: set[str] = set()
        self.timers = Timers()
        self.writer = StatusWriter(store, self.supervision, self._now, self.lives)
        self.events = PodEvents(Recorder(store), node_name, self._now)
        self.guests = Guests(self.orders, self.supervision, state)
        handlers = Handlers(self.guests)
        self.probing = Probing(handlers, self.events, self.timers, self._now, self._better, self._condemn)
        self.stopping = Stopping(self.supervision, handlers, self.probing, self.events, self.timers)

    # --- what others ask

    def node(self) -> Object:
        """The Node object of this machine."""
        return capacity.node(self.node_name, self.capacity, stamp(self._now()), KUBERNETES)

    def log_file(self, uid: str, container: str, number: int | None = None) -> Path | None:
        """The log of a container's process of that number, or of its newest; None if there is none."""
        return self.logs.find(uid, container, number)

    async def end(self) -> None:
        """End all pods and their supervisor; after `run` was cancelled. Otherwise they go on for the next server."""
        await self.supervision.end()

    async def run(self) -> None:
        """Take in what is there, then follow pods and processes."""
        self.logs.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        since = self.store.resource_version
        for pod in self.store.list("pods"):
            self._see(pod)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_pods(since))
                group.create_task(self._follow_processes())
                group.create_task(self.writer.acknowledge())
                for shown in refresh.KINDS:
                    group.create_task(refresh.follow(self.store, shown, since, self._pods, self.orders.refresh))
                watch = disk_use.follow(self._pods, self.state / "pods", self._evict, self._look_every)
                group.create_task(watch)
        finally:
            self.timers.cancel_all()

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
            if (pod.get("status") or {}).get("phase") in OVER or not self._takes(pod):
                return
            life = self.lives[meta["uid"]] = lifecycle.begin(pod, stamp(self._now()))
        elif refresh.shows_itself(life.obj, pod):
            self.orders.refresh(pod)
        life.obj = pod
        self._heed_deadline(life)
        if not self._connected:
            return
        if not meta.get("deletionTimestamp"):
            if not life.begun:
                life.begun = True
                self._advance(life)
        elif not life.stopping or self._grace(life) < life.grace:
            self._stop(life, self._grace(life))

    def _takes(self, pod: Object) -> bool:
        """Whether it may run here: the scheduler has asked that of its pods, but others may name this node, too."""
        status = pod.get("status") or {}
        placed = any(one["type"] == "PodScheduled" for one in status.get("conditions") or ())
        if placed or status.get("startTime") or pod["metadata"].get("deletionTimestamp"):
            return True
        node = self.store.get("nodes", None, self.node_name) or self.node()
        why = self._admit(pod, self._pods(), node)
        if why is None:
            return True
        self.events.record(lifecycle.begin(pod, ""), "Warning", *why)
        self.store.update("pods", {**pod, "status": rejected(pod, *why, stamp(self._now()))})
        return False

    @staticmethod
    def _grace(life: PodLife) -> float:
        """Seconds that a pod has to stop: what its deletion gives it, else its own."""
        meta = life.obj["metadata"]
        own = life.spec.get("terminationGracePeriodSeconds", 30)
        return float(meta.get("deletionGracePeriodSeconds") or 0 if meta.get("deletionTimestamp") else own)

    def _heed_deadline(self, life: PodLife) -> None:
        """End the pod at its active deadline, which may be set or shortened while it runs."""
        limit = life.obj["spec"].get("activeDeadlineSeconds")
        if limit is None or limit == life.limit:
            return
        # a start time is to the second: it must not cut a new pod's time short
        earlier = (life.obj.get("status") or {}).get("startTime")
        left = (seconds(earlier) + limit - self._now()) if earlier else float(limit)
        life.limit = limit
        self.timers.later(life.uid, max(0.0, left), lambda: self._expire(life, limit))

    def _expire(self, life: PodLife, limit: float) -> None:
        if life.known.over or life.known.reason or life.limit != limit:
            return
        life.known.reason, life.known.message = "DeadlineExceeded", DEADLINE
        self.events.record(life, "Normal", "DeadlineExceeded", DEADLINE)
        self._stop(life, self._grace(life))

    def _evict(self, uid: str, why: str) -> None:
        """It has written more than it may."""
        life = self.lives.get(uid)
        if life is None or life.known.over or life.known.reason:
            return
        life.known.reason, life.known.message = "Evicted", why
        self.events.record(life, "Warning", "Evicted", why)
        self._stop(life, EVICTION_GRACE)

    def _stop(self, life: PodLife, grace: float) -> None:
        """Let what runs end, within the grace period."""
        self.stopping.stop(life, grace)
        if not life.alive():
            self._conclude(life)

    def _forget(self, pod: Object) -> None:
        """The object has gone: nothing of it may stay."""
        life = self.lives.pop(pod["metadata"]["uid"], None)
        if life is not None:
            life.hooked.clear()
            self.stopping.kill(life)
            for container in life.containers:
                self.stopping.ended(container)
            self.timers.cancel(life.uid)
            self.writer.acknowledge_soon(life)
        folder = self.state / "pods" / pod["metadata"]["uid"]
        self.timers.run("clear", asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

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
        life.known.unmounted = error.about_pod
        if error.reason == "ErrImagePull" and container.pull_failed:
            error = images.backed_off(error, container.image)
        container.state = {"waiting": error.waiting}
        if error.reason.startswith("CreateContainer"):
            self.events.pulled(life, container)
        for kind, reason, text in error.events:
            self.events.record(life, kind, reason, text, None if error.about_pod else container)
        life.waiting.add(container.name)
        self.timers.later(life.uid, TRY_AGAIN, lambda: self._again(life, container))
        self.writer.write_soon(life)

    def _again(self, life: PodLife, container: Container) -> None:
        life.waiting.discard(container.name)
        self._advance(life)

    def _better(self, life: PodLife) -> None:
        """A container of it has started, or is ready or not: others may start now."""
        self._advance(life)
        self.writer.write_soon(life)

    def _condemn(self, life: PodLife, container: Container, why: str, grace: float) -> None:
        self.stopping.condemn(life, container, why, grace)

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
        there: There = {one.id: one for one in listing.running}
        there |= {one.id: one for one in listing.exited}
        self.guests.catch_up(there)
        for life in list(self.lives.values()):
            life.begun = True
            life.told.clear()
            for container in life.containers:
                self._reconcile(life, container, there)
            if life.stopping or life.obj["metadata"].get("deletionTimestamp"):
                self._stop(life, self._grace(life))
            else:
                self._advance(life)
                self.stopping.stop_next(life)
                self._conclude(life, unless_new=True)
        known = {container.id for life in self.lives.values() for container in life.containers} | self.guests.ids
        for one in listing.running:
            if one.id not in known:
                self.supervision.send(wire.Stop(one.id, kill=True))
        strangers = [one.id for one in listing.exited if one.id not in known]
        if strangers:
            self.supervision.send(wire.Acknowledge(strangers))

    def _reconcile(self, life: PodLife, container: Container, there: There) -> None:
        """Bring what is known of a container up to what the supervisor knows: this process of it, and the next."""
        life.asked.discard(container.id)
        settled = container.ended.get("containerID", "").removeprefix(lifecycle.ID)
        if settled in there:
            life.unsettled.append(settled)
        if container.running and container.id not in there:
            lost = "the process ended while nobody watched, so its exit code is not known"
            self._note_end(life, container, wire.Exited(container.id, 137, self._now(), lifecycle.LOST, lost))
        while container.exit_code is None:
            name = container.id if container.running else lifecycle.process_id(life, container)
            report = there.get(name)
            if report is None:
                return
            container.id = name
            if isinstance(report, wire.Started):
                self._note_start(life, container, report, adopted=container.running)
                return
            self._note_end(life, container, report)

    def _find(self, process: str) -> tuple[PodLife, Container] | None:
        life = self.lives.get(process.partition("_")[0])
        container = life.container(process) if life else None
        return (life, container) if life and container else None

    def _started(self, report: wire.Started) -> None:
        found = None if self.guests.hear(report) else self._find(report.id)
        if found and not found[1].running:
            self._note_start(*found, report)
            if found[1].started:
                self._advance(found[0])

    def _note_start(self, life: PodLife, container: Container, report: wire.Started, adopted: bool = False) -> None:
        if not adopted:
            lifecycle.started(life, container, stamp(report.at))
            self.events.started(life, container)
        if not life.stopping:
            self.probing.begin(life, container, adopted)
        self.writer.write_soon(life)

    def _exited(self, report: wire.Exited) -> None:
        if self.guests.hear(report):
            return
        found = self._find(report.id)
        if found is None:
            self.supervision.send(wire.Acknowledge([report.id]))
            return
        life, container = found
        self._note_end(life, container, report)
        self.stopping.stop_next(life)
        self._advance(life)
        self._conclude(life)

    def _note_end(self, life: PodLife, container: Container, report: wire.Exited) -> None:
        life.unsettled.append(report.id)
        if container.ended.get("containerID") == f"{lifecycle.ID}{report.id}":
            return  # it was in the store already
        self.stopping.ended(container)
        delay = lifecycle.ended(life, container, self._termination(life, container, report), self._backoff_base)
        if delay:
            self.events.backing_off(life, container)
            self.timers.later(life.uid, delay, lambda: self._again(life, container))

    def _termination(self, life: PodLife, container: Container, report: wire.Exited) -> Object:
        started = container.state.get("running", {}).get("startedAt")
        if report.reason == "StartError":
            self.events.created(life, container)
            self.events.record(life, "Warning", "Failed", f"Error: {report.message}", container)
        elif started is None and report.started:
            started = stamp(report.started)
        told = {"code": report.code, "reason": report.reason, "message": self._last_words(life, container, report)}
        return lifecycle.termination(told, started, stamp(report.at), report.id)

    def _last_words(self, life: PodLife, container: Container, report: wire.Exited) -> str:
        """What the container wrote as its termination message, or the end of its log where it asks for that."""
        written = termination.read(self.state / "pods" / life.uid, report.id, len(life.containers))
        said = ": ".join(words for words in (report.message, written) if words)
        policy = container.spec.get("terminationMessagePolicy")
        if said or report.code == 0 or policy != "FallbackToLogsOnError":
            return said
        return self.logs.tail(life.uid, container.name, lifecycle.number_of(report.id))

    def _conclude(self, life: PodLife, unless_new: bool = False) -> None:
        """After a change: write it, and forget a pod that is over."""
        if lifecycle.settle(life):
            self.timers.cancel(life.uid)
        elif unless_new:
            return
        self.writer.write_soon(life)
