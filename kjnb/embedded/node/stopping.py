"""Ends containers: the hook before, SIGTERM, the grace period, SIGKILL; sidecars after all others."""

from __future__ import annotations

import asyncio
from typing import Any

from kjnb.embedded.node import lifecycle
from kjnb.embedded.node.handlers import Handlers
from kjnb.embedded.node.lifecycle import PodLife
from kjnb.embedded.node.pod_events import PodEvents
from kjnb.embedded.node.pod_status import Container
from kjnb.embedded.node.probing import Probing
from kjnb.embedded.node.supervision import Supervision
from kjnb.embedded.node.timers import Timers
from kjnb.embedded.supervisor import wire

AFTER_HOOK = 2.0  # seconds that a container has at least when its hook has taken all its grace


class Stopping:
    """Asks, waits and kills; whoever calls knows when a pod is over."""

    def __init__(
        self, supervision: Supervision, handlers: Handlers, probing: Probing, events: PodEvents, timers: Timers
    ) -> None:
        self.supervision = supervision
        self.handlers = handlers
        self.probing = probing
        self.events = events
        self.timers = timers

    def stop(self, life: PodLife, grace: float) -> None:
        """Let the whole pod end within so many seconds; asked again, it may only be sooner."""
        lifecycle.stop(life, grace)
        life.stop_by = _clock() + grace
        if grace:
            self.timers.later(life.uid, grace, lambda: self.kill(life))
        for container in life.alive():
            if container.id in life.told and not grace:
                self._kill(life, container)
        self.stop_next(life)

    def stop_next(self, life: PodLife) -> None:
        """Ask those whose turn it is."""
        for container in lifecycle.to_stop(life):
            if not life.stop_by:  # what matters of it has ended; its sidecars have its own grace
                life.stop_by = _clock() + float(life.obj["spec"].get("terminationGracePeriodSeconds", 30))
            self.events.killing(life, container)
            self.ask(life, container, max(0.0, life.stop_by - _clock()))

    def condemn(self, life: PodLife, container: Container, why: str, grace: float) -> None:
        """End one container for its health."""
        if life.stopping or not container.running:
            return
        container.condemned = True
        self.events.killing(life, container, why)
        self.ask(life, container, grace)

    def ask(self, life: PodLife, container: Container, grace: float) -> None:
        """Let one container end within so many seconds."""
        life.told.add(container.id)
        self.probing.calm(container)
        hook = None if life.known.restarting else (container.spec.get("lifecycle") or {}).get("preStop")
        if hook and grace and container.running:
            self.timers.run(f"{container.id}/stop", self._after_hook(life, container, hook, grace))
        else:
            self.supervision.send(wire.Stop(container.id, kill=not grace))
            self._kill_after(container, grace)

    async def _after_hook(self, life: PodLife, container: Container, hook: dict[str, Any], grace: float) -> None:
        by = _clock() + grace
        life.hooked.add(container.id)
        outcome = await self.handlers.handle(life, container, hook, grace)
        if not outcome.ok:
            self.events.record(life, "Warning", "FailedPreStopHook", "PreStopHook failed", container)
        life.hooked.discard(container.id)
        self.supervision.send(wire.Stop(container.id))
        self._kill_after(container, max(AFTER_HOOK, by - _clock()))

    def _kill_after(self, container: Container, grace: float) -> None:
        if grace:
            process = container.id
            self.timers.later(f"{process}/stop", grace, lambda: self.supervision.send(wire.Stop(process, kill=True)))

    def ended(self, container: Container) -> None:
        """Its process has ended: nothing is to be done to it any more."""
        self.probing.end(container)
        self.timers.cancel(f"{container.id}/stop")

    def kill(self, life: PodLife) -> None:
        """Its time is over: end what runs, but for what a hook still prepares."""
        for container in life.alive():
            if container.id not in life.hooked:
                self._kill(life, container)

    def _kill(self, life: PodLife, container: Container) -> None:
        life.told.add(container.id)
        self.supervision.send(wire.Stop(container.id, kill=True))


def _clock() -> float:
    return asyncio.get_running_loop().time()
