"""Retrying: a further ordinary Job of the same run, over the indexes that have no result.

It is a transaction like the launch. The suspended Job `<run>-r1`, `-r2`, … is the lock: only who created it writes its
map into the stage (which of the run's indexes each of its completion indexes is), and then resumes it. Cut off between
any two steps, the next attach, launch or retry finishes it if the stage knows of it, and else removes it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kjnb.cluster.client import Cluster
from kjnb.connect import owner
from kjnb.errors import ClusterError, Conflict, NotFound, UsageError
from kjnb.model.indexes import indexes_text, parse_intervals
from kjnb.model.manifest import LAUNCH_LABEL, Site, manifest
from kjnb.model.names import retry_name
from kjnb.model.spec import JobSpec
from kjnb.model.values import whole
from kjnb.run import job as job_said
from kjnb.run import unfinished
from kjnb.run.creation import compare, create
from kjnb.run.follow import selector
from kjnb.stage.folder import Stage

Json = dict[str, Any]
ROUNDS = 4  # of looking which indexes are free, when others retry at the same time
FIXED = {"seed": "what the indexes draw", "files": "what lies in the run's folder"}


@dataclass(frozen=True)
class Retry:
    """A retry with everything decided: of which run, where, and what is asked for."""

    stage: Stage
    cluster: Cluster
    facts: Json
    name: str
    spec: JobSpec
    indexes: tuple[int, ...]
    id: str


def retry(stage: Stage, cluster: Cluster, indexes: Any, changes: Json) -> str:
    """Run the indexes again that have no result, or those of them that are named; returns what to say of it.

    Indexes that a Job of the run is still trying are left to it. The settings are those of the run's latest Job with
    `changes` over them. UsageError for an index that has a result or is still tried, and for what cannot change.
    """
    for _ in range(ROUNDS):
        facts = stage.facts()
        _refuse(stage, facts)
        spec = changed(facts, changes)
        jobs = _jobs(cluster, facts, stage)
        facts = stage.facts()
        chosen, said = choose(stage, facts, jobs, indexes)
        if not chosen:
            return said
        asked = Retry(stage, cluster, facts, _name(cluster, facts), fitting(spec, chosen), chosen, secrets.token_hex(6))
        if _make(asked):
            return f"retrying {indexes_text(chosen)} of {facts['name']} as {asked.name}"
    raise Conflict(f"others retry {facts['name']} at the same time", fix="run.retry() once more")


def _refuse(stage: Stage, facts: Json) -> None:
    name, whose = facts["name"], facts.get("owner") or owner()
    if whose != owner():
        raise UsageError(f"{name} is a run of {whose}, who alone can retry it", fix="launch the task as a run of yours")
    if stage.root.name != name:
        what = f"this run of {name} was set aside when another took its name, and is only read"
        raise UsageError(what, fix="launch it again under another name")


def changed(facts: Json, changes: Json) -> JobSpec:
    """The settings of the run's latest Job with `changes` over them; of the environment, variable by variable."""
    for name, what in FIXED.items():
        if changes.get(name) is not None:
            raise UsageError(
                f"{name} cannot change in a retry: {what} belongs to the run as a whole",
                fix=f"launch it again with another {name}",
            )
    asked = JobSpec.checked(environ=os.environ, **changes)
    given = {name: getattr(asked, name) for name, value in changes.items() if value is not None}
    before = JobSpec.checked(**(facts["jobs"][-1].get("spec") or facts["spec"]))
    if "env" in given:
        given["env"] = tuple({**dict(before.env), **dict(given["env"])}.items())
    return replace(before, **given)


def fitting(spec: JobSpec, indexes: tuple[int, ...]) -> JobSpec:
    """A spec for so many indexes: a Job cannot allow more to fail than it has."""
    most = spec.max_failed_indexes
    return spec if most is None else replace(spec, max_failed_indexes=min(most, len(indexes)))


# ---- which indexes


def choose(stage: Stage, facts: Json, jobs: list[Json], indexes: Any) -> tuple[tuple[int, ...], str]:
    """Which indexes to run again; if none, what to say instead."""
    name, completions = facts["name"], int(facts["plan"]["completions"])
    tried = still_tried(facts, jobs)
    if indexes is not None:
        return _named(stage, facts, tried, indexes), ""
    done = np.zeros(completions, dtype=np.bool_)
    done[[index for index in stage.committed() if not stage.damaged(index)]] = True
    chosen = np.flatnonzero(~done & ~tried)
    if len(chosen):
        return tuple(chosen.tolist()), ""
    if done.all():
        return (), f"{name} has all {completions:,} results: there is nothing to retry"
    left = np.flatnonzero(~done)
    return (), f"{name}: {indexes_text(left)} without a result {'is' if len(left) == 1 else 'are'} still being tried"


def still_tried(facts: Json, jobs: list[Json]) -> npt.NDArray[np.bool_]:
    """Which indexes the latest Job that has them may still bring to an end of its own."""
    completions = int(facts["plan"]["completions"])
    there = {job["metadata"]["name"]: job for job in jobs}
    found = np.zeros(completions, dtype=np.bool_)
    for name, indexes in job_said.maps(facts).items():
        where = slice(None) if indexes is None else np.asarray(indexes, dtype=np.int64)
        job, size = there.get(name), completions if indexes is None else len(indexes)
        if job is None or job_said.is_over(job) or job["metadata"].get("deletionTimestamp"):
            found[where] = False
            continue
        status = job.get("status") or {}
        ended = (parse_intervals(status.get(which), size) for which in ("completedIndexes", "failedIndexes"))
        found[where] = ~np.logical_or(*ended)
    return found


def _named(stage: Stage, facts: Json, tried: npt.NDArray[np.bool_], indexes: Any) -> tuple[int, ...]:
    """The indexes that the user named, each checked."""
    name, completions = facts["name"], len(tried)
    asked = [indexes] if isinstance(indexes, int) or not isinstance(indexes, Iterable) else list(indexes)
    numbers = [whole(index) for index in asked]
    odd = [a for a, n in zip(asked, numbers, strict=True) if n is None or not 0 <= n < completions]
    if odd or not asked:
        what = f"{name} has no index {odd[0]!r}" if odd else "no index was named"
        raise UsageError(what, fix=f"its indexes are 0 to {completions - 1}; without any, all that miss a result")
    chosen = sorted({number for number in numbers if number is not None})
    going = [index for index in chosen if tried[index]]
    if going:
        what = f"{indexes_text(going)} of {name} {'is' if len(going) == 1 else 'are'} still being tried"
        raise UsageError(what, fix="wait for it, or run.stop() ends what runs", run=name)
    committed = set(stage.committed())
    done = [index for index in chosen if index in committed and not stage.damaged(index, wholly=True)]
    if done:
        raise UsageError(
            f"{indexes_text(done)} of {name} {'has its result' if len(done) == 1 else 'have their results'}, "
            "and a result is committed once",
            fix="leave it out; launching with fresh=True (--fresh) runs everything again",
        )
    return tuple(chosen)


# ---- the transaction


def _jobs(cluster: Cluster, facts: Json, stage: Stage) -> list[Json]:
    """The run's Jobs, once every retry that was cut off is finished or removed."""
    jobs: list[Json] = cluster.list("jobs", selector(facts))["items"]
    cut_off = [job for job in jobs if job_said.is_unfinished(job)]
    for job in cut_off:
        with unfinished.taken_over(cluster, job) as mine:
            if mine is not None:
                unfinished.settle(cluster, mine, stage)
    return cluster.list("jobs", selector(facts))["items"] if cut_off else jobs


def _name(cluster: Cluster, facts: Json) -> str:
    """The next name; one that a Job of an earlier launch still has is passed over."""
    number = len(facts["jobs"])
    while True:
        name = retry_name(facts["name"], number)
        try:
            labels = cluster.get("jobs", name)["metadata"].get("labels") or {}
        except NotFound:
            return name
        if labels.get(LAUNCH_LABEL) == facts["launch"]:
            return name  # somebody else is quicker: creating it will tell
        number += 1


def _make(asked: Retry) -> bool:
    """Create the Job, and everything of it; False if somebody else got the name, and is then waited for."""
    body = _body(asked)
    with unfinished.at_work(asked.id):
        job = create(asked.cluster, body)
        if job is None:
            unfinished.wait_while_under_way(asked.cluster, asked.name)
            return False
        try:
            compare(asked.cluster, job, body)
            for index in asked.indexes:
                asked.stage.withdraw(index)
            about = {"name": asked.name, "uid": job["metadata"]["uid"], "spec": asked.spec.as_dict()}
            asked.stage.add_job({**about, "created": asked.cluster.clock.now()}, asked.indexes)
        except BaseException:
            with contextlib.suppress(ClusterError):  # the next attach or retry removes it
                unfinished.remove(asked.cluster, job, asked.stage)
            raise
        unfinished.resume(asked.cluster, job)
    return True


def _body(asked: Retry) -> Json:
    body = manifest(
        asked.spec,
        name=asked.name,
        run=asked.facts["name"],
        launch=asked.facts["launch"],
        owner=owner(),
        completions=len(asked.indexes),
        stage=str(asked.stage.root),
        site=Site.read(asked.cluster.defaults(), sys.executable),
    )
    body["metadata"]["annotations"] |= {
        job_said.FINGERPRINT: str(asked.facts["fingerprint"]),
        job_said.LAUNCHER: unfinished.launcher(),
        job_said.RETRY: asked.id,
    }
    return body
