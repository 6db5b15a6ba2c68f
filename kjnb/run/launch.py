"""The one way to a run, whatever door it came through: `submit`, a transaction over the cluster and the stage.

The suspended Job is the lock on the name. Only who created it writes the stage; then the Job is resumed, and from that
request on the run is complete. A launch cut off between any two steps leaves one suspended Job that names it, which the
next launch or attach finishes or removes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, overload

from kjnb.cluster.client import Cluster
from kjnb.connect import SESSION, owner
from kjnb.errors import ClusterError, Conflict, NotFound, StageError, UsageError
from kjnb.model import sizing
from kjnb.model.partition import Partitions, describe, partition
from kjnb.model.spec import JobSpec
from kjnb.run import job as job_said
from kjnb.run import names_taken, registry, unfinished
from kjnb.run.creation import compare, create
from kjnb.run.dryrun import DryRun, rehearsed
from kjnb.run.handle import Run, retried
from kjnb.run.trial import Trial, chosen_index, one_part, outcome
from kjnb.run.wanted import Json, Known, Part, Wanted, body_of, decide, known_of, room_of, settings_of
from kjnb.task import notebook
from kjnb.task.task import Task

ROUNDS = 4  # of looking who has the name, when others launch the same at the same time
GONE_SECONDS = 60.0


@overload
def launch(fn: Callable[..., Any] | str, data: Any, *, dry_run: Literal[True], **settings: Any) -> DryRun: ...
@overload
def launch(fn: Callable[..., Any] | str, data: Any, *, trial: int, **settings: Any) -> Trial: ...
@overload
def launch(
    fn: Callable[..., Any] | str,
    data: Any,
    *,
    partitions: int | None = None,
    by: Any = None,
    rows: int | None = None,
    args: Mapping[str, Any] | None = None,
    name: str | None = None,
    fresh: bool = False,
    replace: bool = False,
    dry_run: Literal[False] = False,
    trial: None = None,
    cluster: Any = None,
    **settings: Any,
) -> Run: ...
def launch(
    fn: Callable[..., Any] | str,
    data: Any,
    *,
    partitions: int | None = None,
    by: Any = None,
    rows: int | None = None,
    args: Mapping[str, Any] | None = None,
    name: str | None = None,
    fresh: bool = False,
    replace: bool = False,
    dry_run: bool = False,
    trial: int | None = None,
    cluster: Any = None,
    **settings: Any,
) -> Run | DryRun | Trial:
    """Run `fn` on every partition of `data` (a DataFrame, or Partitions), each in a pod of its own; returns at once.

    `fn` may be a cell's text, too: `In[7]` is what cell 7 of this notebook says.
    `fn(part)` is also given `index` and `completions` if it has parameters of those names, and `args`. `settings` are
    the fields of JobSpec: parallelism, cpu="500m", memory="512Mi", backoff_limit_per_index, timeout, seed, … What is
    unset is chosen and printed. A launch that was made before attaches to its run, or retries what it lacks; `fresh`
    runs it again; `replace` stops another run that has the name. `dry_run` creates nothing and returns a DryRun: what
    would be created, and what the cluster says to it. `trial` runs one partition only (its index, or True for the
    largest), waits, and returns a Trial. Raises UsageError (before anything is created) or ClusterError.
    """
    is_trial = trial is not None and trial is not False
    if dry_run and is_trial:
        raise UsageError(
            "dry_run and trial were both given: one creates nothing, the other a run", fix="say one of them"
        )
    spec = JobSpec.checked(environ=os.environ, **settings)
    task = _task(fn, data, args, spec)
    chosen = SESSION.connect(cluster)
    called = task.name if task.kind == "cell" else ""
    planned = plan(data, chosen, spec, partitions=partitions, by=by, rows=rows, name=called)
    if dry_run:
        return rehearsed(decide(spec, task, planned, chosen, name))
    if is_trial:
        return tried(spec, task, planned, chosen, trial, name=name, fresh=fresh, say=_say)
    run = submit(spec, task, planned, chosen, name=name, fresh=fresh, replace=replace)
    _say(run)
    return run


def _task(fn: Callable[..., Any] | str, data: Any, args: Mapping[str, Any] | None, spec: JobSpec) -> Task:
    """The task of a function, or of a cell's text, as a `%%kjob` cell over that data has it."""
    shipped: dict[str, Any] = {"files": spec.files, "env": dict(spec.env)}
    if not isinstance(fn, str):
        return Task.function(fn, args, **shipped)
    if args:
        raise UsageError("args are a function's, and a cell was given", fix="let the cell use the notebook's own names")
    names = notebook.names()
    frame = notebook.name_of(data, names)
    return Task.cell(fn, names, frame_name=frame, label=frame or "cell", **shipped)


def _say(run: Run) -> None:
    """Make a run the session's last, and print what its launch has to say."""
    SESSION.last_run = run.name
    for note in run.notes:
        print(note)  # noqa: T201


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
        partitions = sizing.partitions(len(data), room_of(cluster), spec.parallelism)
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
    trial: Part | None = None,
) -> Run:
    """Launch, or attach to the run that is the same; prints nothing: `run.notes` are the lines to show."""
    wanted = decide(spec, task, planned, cluster, name, trial)
    asks = False
    for _ in range(ROUNDS):
        known = known_of(wanted, ask=asks)
        run = _create(wanted) if known.nothing else _answer(wanted, known, fresh=fresh, replace=replace)
        if run is not None:
            return run
        asks = True
    raise Conflict(f"others launch {wanted.name} at the same time", fix="try again, or choose another name")


def tried(
    spec: JobSpec,
    task: Task,
    planned: Partitions,
    cluster: Cluster,
    index: Any,
    *,
    name: str | None = None,
    fresh: bool = False,
    say: Callable[[Run], None],
) -> Trial:
    """Run one partition as a small run of its own; `say` is given that run once it is launched. Waits for its end."""
    number = chosen_index(planned, index)
    whole, _ = settings_of(spec, planned, cluster)
    alone = dataclasses.replace(whole, parallelism=1, backoff_limit_per_index=0, max_failed_indexes=None)
    part = one_part(planned, number)
    part = dataclasses.replace(part, name=f"{name or part.name or task.name}-trial-{number}")
    run = submit(alone, task, part, cluster, fresh=fresh, trial=Part(number, len(planned)))
    say(run)
    return outcome(run, planned, whole)


# ---- the name is free: create, fill, resume


def _create(wanted: Wanted) -> Run | None:
    """Create the Job, and everything of it; None if somebody else got the name meanwhile."""
    body = body_of(wanted)
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
