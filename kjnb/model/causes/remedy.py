"""What to do, in the words of the Python interface; `phrases` puts it into those of the other doors."""

from __future__ import annotations

from typing import NamedTuple

from kjnb.model.quantity import cpu_quantity, memory_quantity, parse_quantity

WAITS = "what waits goes on by itself"


class Scene(NamedTuple):
    """What fixes depend on: whether the Job goes on, whether disruptions are ignored, the largest node if known."""

    going: bool = True
    ignores_disruption: bool = False
    cores: float | None = None
    memory: int | None = None
    namespace: str = ""

    def again(self, *changes: str) -> str:
        """The call that tries again what has no result, with these changes; a Job that goes on is stopped first."""
        call = f"run.retry({', '.join(changes)})"
        return f"run.stop(), then {call}" if self.going else call

    @property
    def where(self) -> str:
        """The namespace, in words."""
        return f"namespace {self.namespace}" if self.namespace else "its namespace"


def more_memory(limit: str) -> str:
    """Twice as much memory, as a change: memory='128Mi'."""
    size = amount(limit)
    return f"memory='{memory_quantity(2 * size)}'" if size else "memory='2Gi'"


def fitting(resource: str, scene: Scene) -> str:
    """What the largest node can give, as a change; an example where it is not known."""
    if resource == "cpu":
        return f"cpu='{cpu_quantity(scene.cores)}'" if scene.cores else "cpu='500m'"
    return f"memory='{memory_quantity(scene.memory - 2**20)}'" if scene.memory else "memory='1Gi'"


def amount(quantity: str) -> float:
    """A quantity as a number, 0 for what is none."""
    try:
        return float(parse_quantity(quantity))
    except (ValueError, ArithmeticError):
        return 0.0
