"""PURE: what probes ask for, and when their outcomes count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
KINDS = ("startup", "readiness", "liveness")


def of(container: Object, kind: str) -> Object | None:
    """The probe of that kind, if the container has one."""
    return container.get(f"{kind}Probe")


@dataclass
class Tally:
    """Outcomes of one probe of one process."""

    probe: Object
    last: bool | None = None
    run: int = 0  # how often in a row

    @property
    def delay(self) -> float:
        """Seconds after the start until it is made first."""
        return float(self.probe.get("initialDelaySeconds") or 0)

    @property
    def period(self) -> float:
        """Seconds from one to the next."""
        return float(self.probe.get("periodSeconds") or 10)

    @property
    def timeout(self) -> float:
        """Seconds that one may take."""
        return float(self.probe.get("timeoutSeconds") or 1)

    def count(self, outcome: bool) -> bool | None:
        """Take an outcome in; the result if there are enough of that kind in a row, else None."""
        self.run = self.run + 1 if outcome == self.last else 1
        self.last = outcome
        needed = self.probe.get("successThreshold") or 1 if outcome else self.probe.get("failureThreshold") or 3
        return outcome if self.run >= needed else None
