"""Suspending, resuming and scaling: merge patches on a run's Jobs, and why one of them cannot be.

A patch says only what is wanted; what comes of it is seen when the events come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from kjnb.cluster.client import Cluster
from kjnb.errors import ClusterError, NotFound, UsageError
from kjnb.model.spec import JobSpec, read_value
from kjnb.run.job import is_over

AGAIN = "run.retry() runs what has no result"
QUEUE = "kueue.x-k8s.io/queue-name"
Json = dict[str, Any]


class Suspended(NamedTuple):
    """What `suspend` did: how many indexes ran, which start again from zero when the run is resumed."""

    running: int

    def __repr__(self) -> str:
        if not self.running:
            return "suspended; no index was running"
        what = "1 running index starts" if self.running == 1 else f"{self.running:,} running indexes start"
        return f"suspended; {what} again from zero"


def going(name: str, jobs: Iterable[Json], verb: str, outcome: str) -> list[Json]:
    """The Jobs of a run that are not over; UsageError in a sentence when there is none, or none that we may steer."""
    there = list(jobs)
    if not there:
        raise UsageError(f"{name} has no Job any more to {verb}", fix=AGAIN, run=name)
    found = [job for job in there if not is_over(job)]
    if not found:
        how = f"it {'was ' if outcome == 'stopped' else ''}{outcome}" if outcome else "its Job has ended"
        fix = "run.result() is what came of it" if outcome == "succeeded" else AGAIN
        raise UsageError(f"{name} is over ({how}), so there is nothing to {verb}", fix=fix, run=name)
    queue = next((queue_of(job) for job in found if queue_of(job)), "")
    if queue:
        raise UsageError(
            f"{name} waits in the queue {queue} of Kueue, which alone decides when and how wide it runs: "
            f"it would undo a {verb}",
            fix="run.stop() ends it; launch it with another parallelism for another width",
            run=name,
        )
    return found


def queue_of(job: Json) -> str:
    """The Kueue queue that a Job was given to, "" if it was not."""
    return str((job["metadata"].get("labels") or {}).get(QUEUE, ""))


def patch(cluster: Cluster, name: str, job: Json, spec: Json) -> None:
    """Change a Job's spec; a Job that went away meanwhile is said so, a refusal has a next step."""
    try:
        cluster.patch("jobs", job["metadata"]["name"], {"spec": spec})
    except NotFound:
        raise UsageError(
            f"the Job {job['metadata']['name']} of {name} was deleted meanwhile", fix="kjnb.runs() lists what there is"
        ) from None
    except ClusterError as error:
        if not error.fix:
            error.fix = f"kjnb.attach({name!r}) looks at it again"
        raise


def parallelism(value: Any, name: str) -> int:
    """Check how many indexes of a run are to run at the same time; UsageError says the bounds."""
    item = next(field for field in fields(JobSpec) if field.name == "parallelism")
    low, high = item.metadata["low"], item.metadata["high"]
    if value == 0 and not isinstance(value, bool):
        raise UsageError(
            f"parallelism is {low} to {high:,}, 0 was given", fix="run.suspend() lets nothing run", run=name
        )
    return int(read_value(item, "parallelism", value, {}))


def shares(total: int, left: Sequence[int]) -> list[int]:
    """Divide a parallelism among Jobs by the indexes that each has left: [8], of 30 and 10 left -> [6, 2].

    Each gets one at least: a Job of a parallelism of 0 would never end.
    """
    given, rest, weight = [], total, sum(left)
    for number, one in enumerate(left):
        others = len(left) - number - 1
        share = round(rest * one / weight) if weight else rest
        given.append(max(1, rest if not others else min(share, rest - others)))
        rest, weight = max(0, rest - given[-1]), weight - one
    return given


def left_of(job: Json) -> int:
    """How many indexes of a Job are neither completed nor failed, as far as its status counts them."""
    status = job.get("status") or {}
    return max(1, int(job["spec"].get("completions") or 1) - int(status.get("succeeded") or 0))
