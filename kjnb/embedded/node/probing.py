"""Makes the probes of running containers, and the hook after their start; says what comes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from kjnb.embedded.api.timestamps import seconds
from kjnb.embedded.node import probes, restarts
from kjnb.embedded.node.handlers import Handlers
from kjnb.embedded.node.lifecycle import PodLife
from kjnb.embedded.node.pod_events import PodEvents
from kjnb.embedded.node.pod_status import Container
from kjnb.embedded.node.timers import Timers

HOOK_WITHIN = 3600.0  # seconds; Kubernetes waits for ever
Changed = Callable[[PodLife], None]
Condemn = Callable[[PodLife, Container, str, float], None]  # why, and the seconds to stop


class Probing:
    """Runs under the process's id in `timers`, and readiness, which goes on while a pod stops, under a name of its own.

    `changed` is told of a container that is started or ready; `condemn` of one that is to be ended.
    """

    def __init__(
        self, handlers: Handlers, events: PodEvents, timers: Timers, now: Callable[[], float], changed: Changed,
        condemn: Condemn,
    ) -> None:  # fmt: skip
        self.handlers = handlers
        self.events = events
        self.timers = timers
        self._now = now
        self._changed = changed
        self._condemn = condemn

    def begin(self, life: PodLife, container: Container, adopted: bool = False) -> None:
        """A process of the container runs: anew, or since before this server."""
        if container.init and not container.sidecar:
            return
        spec = container.spec
        hook = None if adopted else (spec.get("lifecycle") or {}).get("postStart")
        if hook or any(probes.of(spec, kind) for kind in probes.KINDS):
            self.timers.run(container.id, self._follow(life, container, hook, adopted))
        else:
            container.started = container.ready = True

    def calm(self, container: Container) -> None:
        """It is to stop: nothing may end it for its health any more."""
        self.timers.cancel(container.id)

    def end(self, container: Container) -> None:
        """Its process has ended."""
        self.timers.cancel(container.id)
        self.timers.cancel(_readiness(container))

    async def _follow(self, life: PodLife, container: Container, hook: dict[str, object] | None, adopted: bool) -> None:
        if hook and not await self._hook(life, container, hook):
            return None
        if probes.of(container.spec, "startup") and not container.started:
            async for result in self._results(life, container, "startup", adopted):
                if not result:
                    return self._fail(life, container, "startup")
                break
        container.started = True
        if probes.of(container.spec, "readiness"):
            self.timers.run(_readiness(container), self._watch_readiness(life, container, adopted))
        else:
            container.ready = True
        self._changed(life)
        if probes.of(container.spec, "liveness"):
            async for result in self._results(life, container, "liveness", adopted):
                if not result:
                    return self._fail(life, container, "liveness")
        return None

    async def _hook(self, life: PodLife, container: Container, hook: dict[str, object]) -> bool:
        outcome = await self.handlers.handle(life, container, hook, HOOK_WITHIN)
        if not outcome.ok:
            self.events.record(life, "Warning", "FailedPostStartHook", "PostStartHook failed", container)
            self._condemn(life, container, "FailedPostStartHook", _grace(life, {}))
        return outcome.ok

    async def _watch_readiness(self, life: PodLife, container: Container, adopted: bool) -> None:
        async for result in self._results(life, container, "readiness", adopted):
            if result != container.ready:
                container.ready = result
                self._changed(life)

    async def _results(self, life: PodLife, container: Container, kind: str, adopted: bool) -> AsyncIterator[bool]:
        """Whenever enough outcomes say the same: what they say."""
        probe, clock = probes.of(container.spec, kind) or {}, asyncio.get_running_loop().time
        tally = probes.Tally(probe)
        since = seconds(container.state["running"]["startedAt"]) if adopted else self._now()
        await asyncio.sleep(max(0.0, since + tally.delay - self._now()))
        while True:
            begun = clock()
            outcome = await self.handlers.handle(life, container, probe, tally.timeout)
            if not outcome.ok:
                text = f"{kind.title()} probe failed: {outcome.text}"
                self.events.record(life, "Warning", "Unhealthy", text, container)
            result = tally.count(outcome.ok)
            if result is not None:
                yield result
            await asyncio.sleep(max(0.0, begun + tally.period - clock()))

    def _fail(self, life: PodLife, container: Container, kind: str) -> None:
        policy = life.obj["spec"].get("restartPolicy", "Always")
        again = restarts.wanted(container.spec, container.init, policy, 1, condemned=True)
        why = f"Container {container.name} failed {kind} probe" + (", will be restarted" if again else "")
        self._condemn(life, container, why, _grace(life, probes.of(container.spec, kind) or {}))


def _readiness(container: Container) -> str:
    return f"{container.id}/readiness"


def _grace(life: PodLife, probe: dict[str, object]) -> float:
    own = probe.get("terminationGracePeriodSeconds")
    return float(str(own if own is not None else life.obj["spec"].get("terminationGracePeriodSeconds", 30)))
