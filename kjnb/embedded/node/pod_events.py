"""What a kubelet says of a pod in events, in its own words."""

from __future__ import annotations

from collections.abc import Callable

from kjnb.embedded.events import Budget, Recorder
from kjnb.embedded.node.lifecycle import PodLife
from kjnb.embedded.node.pod_status import Container


class PodEvents:
    """Records events about pods of one node and their containers; what is Normal, within a budget."""

    def __init__(self, recorder: Recorder, node_name: str, now: Callable[[], float]) -> None:
        self._recorder = recorder
        self._node_name = node_name
        self._now = now
        self._budget = Budget()

    def record(self, life: PodLife, kind: str, reason: str, text: str, container: Container | None = None) -> None:
        """`kind` is Normal or Warning; about the pod, or about one of its containers."""
        now, place = self._now(), None
        if kind == "Normal" and not self._budget.spend(now):
            return
        if container:
            place = f"spec.{'initContainers' if container.init else 'containers'}{{{container.name}}}"
        self._recorder.record(life.obj, kind, reason, text, now, "kubelet", field_path=place, host=self._node_name)

    def pulled(self, life: PodLife, container: Container) -> None:
        """The image is there."""
        image = f'Container image "{container.image}" already present on machine and can be accessed by the pod'
        self.record(life, "Normal", "Pulled", image, container)

    def created(self, life: PodLife, container: Container) -> None:
        """The container is made; whether it begins is another thing."""
        self.pulled(life, container)
        self.record(life, "Normal", "Created", "Container created", container)

    def started(self, life: PodLife, container: Container) -> None:
        """Its process runs."""
        self.created(life, container)
        self.record(life, "Normal", "Started", "Container started", container)

    def backing_off(self, life: PodLife, container: Container) -> None:
        """It ended, and starts again after a while."""
        text = f"Back-off restarting failed container {container.name} in pod {life.full_name}"
        self.record(life, "Warning", "BackOff", text, container)

    def killing(self, life: PodLife, container: Container, why: str = "") -> None:
        """It is asked to stop."""
        self.record(life, "Normal", "Killing", why or f"Stopping container {container.name}", container)
