"""The one way to a run, whatever door it came through: `submit`, a transaction over the cluster and the stage.

The suspended Job is the lock on the name. Only who created it writes the stage; then the Job is resumed, and from that
request on the run is complete. A launch cut off between any two steps leaves one suspended Job that names it, which the
next launch or attach finishes or removes.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from kjnb.cluster.client import Cluster
from kjnb.connect import SESSION, owner
from kjnb.errors import ClusterError, Conflict, NotFound, StageError, UsageError
from kjnb.model import sizing
from kjnb.model.advice import Level, advise
from kjnb.model.fingerprint import fingerprint
from kjnb.model.manifest import RUN_LABEL, Site, manifest
from kjnb.model.names import check_name, run_name
from kjnb.model.partition import Partitions, describe, partition
from kjnb.model.quantity import cpu_quantity, memory_quantity, parse_quantity, size_text
from kjnb.model.spec import JobSpec
from kjnb.run import job as job_said
from kjnb.run import names_taken, registry, unfinished
from kjnb.run.creation import compare, create
from kjnb.run.handle import Run, retried
from kjnb.stage import parts
from kjnb.stage.folder import Stage
from kjnb.task.task import Task

Json = dict[str, Any]
ROUNDS = 4  # of looking who has the name, when others launch the same at the same time
GONE_SECONDS = 60.0


def launch(
    fn: Callable[..., Any],
    data: Any,
    *,
    partitions: int | None = None,
    by: Any = None,
    rows: int | None = None,
    args: Mapping[str, Any] | None = None,
    name: str | None = None,
    fresh: bool = False,
    replace: bool = False,
    cluster: Any = None,
    **settings: Any,
) -> Run:
    """Run `fn` on every partition of `data` (a DataFrame, or Partitions), each in a pod of its own; returns at once.

    `fn(part)` is also given `index` and `completions` if it has parameters of those names, and `args`. `settings` are
    the fields of JobSpec: parallelism, cpu="500m", memory="512Mi", backoff_limit_per_index, timeout, seed, … What is
    unset is chosen and printed. A launch that was made before attaches to its run; `fresh` runs it again; `replace`
    stops another run that has the name. Raises UsageError (before anything is created) or ClusterError.
    """
    spec = JobSpec.checked(environ=os.environ, **settings)
    task = Task.function(fn, args, files=spec.files, env=dict(spec.env))
    chosen = SESSION.connect(cluster)
    planned = plan(data, chosen, spec, partitions=partitions, by=by, rows=rows)
    run = submit(spec, task, planned, chosen, name=name, fresh=fresh, replace=replace)
    SESSION.last_run = run.name
    for note in run.notes:
        print(note)  # noqa: T201
    return run


def plan(
    data: Any,
    cluster: Cluster,
    spec: JobSpec,
    *,
    partitions: int | None = None,
    by: Any = None,
    rows: int | None = None,
    name: str = "",
) -> Partitions:
    """Partition as asked; a number that was not said follows from the frame and from what the cluster can give."""
    if isinstance(data, Partitions):
        said = {"partitions": partitions, "by": by, "rows": rows}
        odd = [k for k, v in said.items() if v is not None]
        if odd:
            raise UsageError(f"the data is partitioned already: {odd[0]} cannot change it", fix=f"leave {odd[0]} out")
        return data
    if partitions is None and by is None and rows is None and hasattr(data, "iloc") and len(data):
        partitions = sizing.partitions(len(data), _room(cluster), spec.parallelism)
    return partition(data, partitions, rows=rows, by=by, name=name)


def submit(
    spec: JobSpec,
    task: Task,
    planned: Partitions,
    cluster: Cluster,
    *,
    name: str | None = None,
    fresh: bool = False,
    replace: bool = False,
) -> Run:
    """Launch, or attach to the run that is the same; prints nothing: `run.notes` are the lines to show."""
    wanted = _wanted(spec, task, planned, cluster, name)
    asks = False
    for _ in range(ROUNDS):
        known = _known(wanted, ask=asks)
        run = _create(wanted) if known.nothing else _answer(wanted, known, fresh=fresh, replace=replace)
        if run is not None:
            return run
        asks = True
    raise Conflict(f"others launch {wanted.name} at the same time", fix="try again, or choose another name")


@dataclass(frozen=True)
class Wanted:
    """A launch with everything decided: what is asked for, under which name, and where."""

    spec: JobSpec
    task: Task
    parts: Partitions
    cluster: Cluster
    site: Site
    name: str
    fingerprint: str
    content: str  # the parts' digest
    stage: Stage
    notes: tuple[str, ...]
    id: str = field(default_factory=lambda: secrets.token_hex(6))

    def facts(self, job: Json) -> Json:
        """What run.json says of the run."""
        plan = self.parts.plan
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "launch": job_said.annotation(job, job_said.LAUNCH),
            "created": self.cluster.clock.now(),
            "owner": owner(),
            "context": self.cluster.context,
            "namespace": self.cluster.namespace,
            "spec": self.spec.as_dict(),
            "plan": {"completions": plan.completions, "kind": plan.kind, "by": [str(c) for c in plan.by]},
            "jobs": [{"name": self.name, "uid": job["metadata"]["uid"], "indexes": None}],
            "seed": self.seed,
            "task": self.task.name,
            "parts": self.content,
        }

    @property
    def seed(self) -> int:
        """The run's seed: as given, else from the fingerprint, so that the same launch draws the same numbers."""
        return self.spec.seed if self.spec.seed is not None else int(self.fingerprint[:8], 16)


class Known(NamedTuple):
    """What there is already under the name: a Job, a stage, both, or nothing; `jobs` are all that the run has."""

    job: Json | None
    facts: Json | None
    jobs: tuple[Json, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether the name is free."""
        return self.job is None and self.facts is None


def _wanted(spec: JobSpec, task: Task, planned: Partitions, cluster: Cluster, name: str | None) -> Wanted:
    site = Site.read(cluster.defaults(), sys.executable)
    if not site.stage:
        raise UsageError(
            f"the cluster {cluster.context} does not say where runs are kept",
            fix=f"kjnb.use({cluster.target!r}, stage='/a/folder/that/its/pods/see')",
        )
    content = parts.digest(planned)
    same = fingerprint(task.digest, content, planned.plan, spec)
    completions = planned.plan.completions
    told = check_name(name, completions) if name is not None else ""
    chosen, notes = _chosen(spec, planned, cluster)
    final = told or run_name(planned.name or task.name, same, completions)
    return Wanted(
        spec=chosen,
        task=task,
        parts=planned,
        cluster=cluster,
        site=site,
        name=final,
        fingerprint=same,
        content=content,
        stage=Stage.at(f"{site.stage.rstrip('/')}/{final}"),
        notes=(*_where(cluster), *notes, *planned.notes, _travels(task)),
    )


def _room(cluster: Cluster) -> sizing.Room | None:
    given = cluster.allocatable()
    return sizing.Room(*given) if given else None


def _chosen(spec: JobSpec, planned: Partitions, cluster: Cluster) -> tuple[JobSpec, list[str]]:
    """Fill in what was not said: processor, memory and parallelism, with a line that says what was chosen."""
    unset = [n for n in ("cpu", "memory", "parallelism") if getattr(spec, n) is None]
    largest = int(planned.plan.sizes.max() * planned.row_bytes)
    if not unset:
        return spec, _unwise(spec, planned, largest, None)
    room = _room(cluster)
    completions = planned.plan.completions
    cpu = spec.cpu or cpu_quantity(sizing.cpu(room))
    memory = spec.memory or memory_quantity(sizing.memory(largest, room))
    fits = sizing.parallelism(completions, room, float(parse_quantity(cpu)), int(parse_quantity(memory)))
    chosen = replace(spec, cpu=cpu, memory=memory, parallelism=spec.parallelism or fits)
    which = "chosen" if len(unset) == 3 else f"chosen: {', '.join(unset)}"
    said = f"{chosen.parallelism} at a time, each {cpu} CPU and {memory} ({which})"
    return chosen, [said, *_unwise(chosen, planned, largest, room)]


def _unwise(spec: JobSpec, planned: Partitions, largest: int, room: sizing.Room | None) -> list[str]:
    """Say what matters of what is unwise; the rest is told where advice is asked for."""
    told = advise(spec, planned.plan.completions, room, planned.plan.sizes, part_bytes=largest)
    return [str(one) for one in told if one.level == Level.WARNING]


def _where(cluster: Cluster) -> list[str]:
    """Say where this goes, the first time it goes to a real cluster."""
    if cluster.target == "local" or cluster.told_where:
        return []
    cluster.told_where = True
    return [f"on cluster {cluster.context} ({cluster.server}), namespace {cluster.namespace}"]


def _travels(task: Task) -> str:
    """List what goes to the pods, with sizes."""
    things = [f"{task.name} ({size_text(len(task.payload))})"]
    things += [f"{name} ({kind}, {size_text(size)})" for name, kind, size in task.carries]
    things += [f"module {module}" for module in _names(task.modules)]
    things += [f"file {file}" for file in _names(task.files)]
    return f"travels: {', '.join(things)}"


def _names(things: Any) -> list[str]:
    return [str(getattr(t, "name", t[0] if isinstance(t, tuple) else t)) for t in things or ()]


# ---- the name is free: create, fill, resume


def _known(wanted: Wanted, *, ask: bool) -> Known:
    """Look who has the name; the cluster need not be asked when there is no stage: creating the Job will tell.

    The stage is read after the Job: a launch writes it before it resumes the Job, so a Job that runs has one.
    """
    if not ask and not wanted.stage.exists():
        return Known(None, None)
    job = None
    with contextlib.suppress(NotFound):
        job = wanted.cluster.get("jobs", wanted.name)
    facts = wanted.stage.facts() if wanted.stage.exists() else None
    if facts is None or len(facts["jobs"]) == 1:
        return Known(job, facts, (job,) if job else ())
    return Known(job, facts, tuple(wanted.cluster.list("jobs", f"{RUN_LABEL}={wanted.name}")["items"]))


def _body(wanted: Wanted) -> Json:
    body = manifest(
        wanted.spec,
        name=wanted.name,
        run=wanted.name,
        launch=wanted.id,
        owner=owner(),
        completions=wanted.parts.plan.completions,
        stage=str(wanted.stage.root),
        site=wanted.site,
    )
    body["metadata"]["annotations"] |= {
        job_said.FINGERPRINT: wanted.fingerprint,
        job_said.LAUNCHER: unfinished.launcher(),
    }
    return body


def _create(wanted: Wanted) -> Run | None:
    """Create the Job, and everything of it; None if somebody else got the name meanwhile."""
    body = _body(wanted)
    with unfinished.at_work(wanted.id):
        job = create(wanted.cluster, body)
        return None if job is None else _complete(wanted, job, body)


def _complete(wanted: Wanted, job: Json, body: Json | None, *, note: str = "") -> Run:
    """Write the stage, resume the Job, enter the run in the registry; whatever fails before leaves nothing behind."""
    try:
        if body is not None:
            compare(wanted.cluster, job, body)
        told = wanted.stage.put(wanted.task, wanted.parts, wanted.facts(job))
    except BaseException:
        with contextlib.suppress(ClusterError, StageError, OSError):  # the next launch or attach removes it
            unfinished.remove(wanted.cluster, job, wanted.stage)
        raise
    unfinished.resume(wanted.cluster, job)
    _enter(wanted)
    first = f"{note or f'launched {wanted.name}'}: {describe(wanted.parts)}"
    return Run(wanted.stage, wanted.cluster, notes=[first, *wanted.notes, *told])


def _enter(wanted: Wanted) -> None:
    cluster = wanted.cluster
    registry.enter(
        registry.Entry(
            wanted.name, cluster.context, cluster.namespace, str(wanted.stage.root), owner(), cluster.clock.now()
        )
    )


# ---- the name is taken: attach, finish, set aside, or say whose it is


def _answer(wanted: Wanted, known: Known, *, fresh: bool, replace: bool) -> Run | None:
    """Give the run that has the name, if it is the same; None once the name has been made free."""
    names_taken.refuse_foreign(wanted.name, wanted.cluster, known.job, known.facts)
    if known.job is not None and job_said.is_unfinished(known.job):
        return _finish(wanted, known.job)
    same = wanted.fingerprint == names_taken.fingerprint_of(known.job, known.facts)
    if replace or (fresh and (same or all(map(job_said.is_over, known.jobs)))):
        _set_aside(wanted, known)
        return None
    if not same:
        raise names_taken.other_task(wanted.name, wanted.cluster)
    if known.facts is None:  # the Job is there, its stage is not: nothing can come of it any more
        _set_aside(wanted, known)
        return None
    return _attach(wanted, known)


def _finish(wanted: Wanted, job: Json) -> Run | None:
    """Finish a launch that was cut off, if it is this one; else take it away. One still under way is waited for."""
    with unfinished.taken_over(wanted.cluster, job) as mine:
        if mine is None:
            return None
        if job_said.annotation(mine, job_said.FINGERPRINT) == wanted.fingerprint:
            return _complete(wanted, mine, None, note=f"finished the launch of {wanted.name}, which had been cut off")
        unfinished.remove(wanted.cluster, mine, wanted.stage)
        return None


def _attach(wanted: Wanted, known: Known) -> Run:
    """Attach to the run that is the same; if it is over and results are missing, retry these. Say which."""
    run = Run(wanted.stage, wanted.cluster if known.jobs else None, gone=not known.jobs)
    done, of = len(wanted.stage.committed()), run.completions
    again = "fresh=True (--fresh) runs it again"
    if done == of:
        note = f"attached to {run.name}, which has all {of:,} results already; {again}"
    elif all(job_said.is_over(job) or job_said.is_unfinished(job) for job in known.jobs):
        said = retried(run, cluster=wanted.cluster)
        note = f"attached to {run.name}, which was over with {done:,} of {of:,} results: {said}; {again}"
    else:
        note = f"attached to {run.name}, which is running: {done:,} of {of:,} done"
    run.notes.append(note)
    return run


def _set_aside(wanted: Wanted, known: Known) -> None:
    """Make the name free: the old Jobs go, with every pod that could still write; the old stage keeps its results."""
    if known.facts is not None and not all(map(job_said.is_over, known.jobs)):
        Run(wanted.stage, wanted.cluster).stop()
    gone = [job["metadata"] for job in known.jobs]
    for meta in gone:
        wanted.cluster.delete("jobs", meta["name"], "Foreground", uid=meta["uid"])
    for meta in gone:
        _wait_until_gone(wanted.cluster, meta["name"], meta["uid"])
    if wanted.stage.exists():
        wanted.stage.set_aside()


def _wait_until_gone(cluster: Cluster, name: str, uid: str) -> None:
    limit = time.monotonic() + GONE_SECONDS
    pause = 0.01
    while time.monotonic() < limit:
        try:
            if cluster.get("jobs", name)["metadata"]["uid"] != uid:
                return
        except NotFound:
            return
        time.sleep(pause)
        pause = min(0.5, pause * 1.5)
    raise Conflict(
        f"the old pods of {name} are still there after {math.floor(GONE_SECONDS)} s",
        fix="try again when they have stopped, or choose another name",
    )
