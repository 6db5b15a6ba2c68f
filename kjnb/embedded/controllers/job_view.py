"""One Job and its pods at one moment, read once: what every rule of the controller looks at.

The pods are those that still matter: not over, or still carrying the Job's finalizer. What is finished and counted is
in the status, as intervals and numbers, so a look costs no more at the end of a long run than at its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from kjnb.embedded.controllers.failure_policy import ends_index
from kjnb.embedded.controllers.indexes import Intervals, contains, merged, parse, total
from kjnb.embedded.controllers.job_pods import (
    Object,
    active,
    deleting,
    failed,
    index_of,
    left_alone,
    phase,
    terminating,
    tracked,
    uid,
)


@dataclass(frozen=True)
class View:
    """See the module."""

    job: Object
    pods: tuple[Object, ...]

    @property
    def spec(self) -> Object:
        """The Job's spec."""
        found: Object = self.job["spec"]
        return found

    @cached_property
    def status(self) -> Object:
        """The Job's status as it is stored."""
        return self.job.get("status") or {}

    @property
    def indexed(self) -> bool:
        """Whether pods have completion indexes."""
        return bool(self.spec.get("completionMode") == "Indexed")

    @property
    def completions(self) -> int | None:
        """How many successes are wanted; None for a work queue."""
        found: int | None = self.spec.get("completions")
        return found

    @property
    def limit_per_index(self) -> int | None:
        """backoffLimitPerIndex."""
        found: int | None = self.spec.get("backoffLimitPerIndex")
        return found

    @property
    def policy(self) -> Object | None:
        """podFailurePolicy."""
        found: Object | None = self.spec.get("podFailurePolicy")
        return found

    @property
    def suspended(self) -> bool:
        """Whether the Job is to have no pods now."""
        return bool(self.spec.get("suspend"))

    @property
    def left_alone(self) -> bool:
        """Whether the Job is another controller's."""
        return left_alone(self.job)

    @property
    def replaces_only_failed(self) -> bool:
        """Whether a pod on its way out still holds its place."""
        return bool(self.spec.get("podReplacementPolicy") == "Failed")

    @cached_property
    def active(self) -> list[Object]:
        """Pods neither over nor on their way out."""
        return [pod for pod in self.pods if active(pod)]

    @cached_property
    def terminating(self) -> list[Object]:
        """Pods on their way out."""
        return [pod for pod in self.pods if terminating(pod)]

    @cached_property
    def succeeded(self) -> list[Object]:
        """Pods that succeeded and are not released yet."""
        return [pod for pod in self.pods if tracked(pod) and phase(pod) == "Succeeded"]

    @cached_property
    def failed(self) -> list[Object]:
        """Pods that failed, or count as failed, and are not released yet."""
        return [pod for pod in self.pods if tracked(pod) and failed(pod, self.replaces_only_failed)]

    @cached_property
    def noted(self) -> dict[str, list[str]]:
        """uids that the status holds as terminated and not yet counted, by "succeeded" and "failed"."""
        found = self.status.get("uncountedTerminatedPods") or {}
        return {kind: list(found.get(kind) or ()) for kind in ("succeeded", "failed")}

    def valid(self, pod: Object) -> bool:
        """Whether the pod stands for something the Job wants: any pod, or one with an index below completions."""
        if not self.indexed:
            return True
        index = index_of(pod)
        return index is not None and index < (self.completions or 0)

    @cached_property
    def completed(self) -> Intervals:
        """Indexes that succeeded, the new ones included."""
        before = parse(self.status.get("completedIndexes") or "", self.completions or 0)
        fresh = {index_of(pod) for pod in self.succeeded if self.valid(pod)}
        lost = self._failed_before
        return merged(before, (index for index in fresh if index is not None and not contains(lost, index)))

    @cached_property
    def _failed_before(self) -> Intervals:
        return parse(self.status.get("failedIndexes") or "", self.completions or 0)

    @cached_property
    def failed_indexes(self) -> Intervals:
        """Indexes that will not be tried again, the new ones included; never one that succeeded."""
        limit = self.limit_per_index
        if limit is None:
            return ()
        over = {index_of(pod) for pod in self.failed if self.valid(pod) and ends_index(self.policy, limit, pod)}
        done = self.completed
        return merged(self._failed_before, (i for i in over if i is not None and not contains(done, i)))

    @cached_property
    def new_succeeded(self) -> list[Object]:
        """Succeeded pods that no status has seen yet (without completion indexes)."""
        known = {*self.noted["succeeded"], *self.noted["failed"]}  # it may succeed after its deletion was counted
        return [pod for pod in self.succeeded if uid(pod) not in known]

    @cached_property
    def new_failed(self) -> list[Object]:
        """Failed pods that no status has seen yet."""
        known = set(self.noted["failed"])
        return [pod for pod in self.failed if uid(pod) not in known and self.valid(pod)]

    @cached_property
    def new_successes(self) -> list[Object]:
        """Succeeded pods that the back-off's clock has not seen."""
        return [pod for pod in self.succeeded if self.valid(pod)] if self.indexed else self.new_succeeded

    @cached_property
    def successes(self) -> int:
        """Successes, counted or not."""
        if self.indexed:
            return total(self.completed)
        counted = int(self.status.get("succeeded", 0))
        return counted + len(self.noted["succeeded"]) + len(self.new_succeeded)

    @property
    def leaving(self) -> bool:
        """Whether the Job itself is being deleted."""
        return deleting(self.job)
