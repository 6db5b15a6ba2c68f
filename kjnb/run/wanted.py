"""What a launch is to be, decided before anything is created: settings, name, fingerprint, stage, and what to say.

A launch, a trial and a dry run all begin here; what is there already under the name is looked at here, too.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from kjnb.cluster.client import Cluster
from kjnb.connect import owner
from kjnb.errors import NotFound, UsageError
from kjnb.model import sizing
from kjnb.model.advice import Advice, Level, advise
from kjnb.model.fingerprint import fingerprint
from kjnb.model.manifest import RUN_LABEL, Site, manifest
from kjnb.model.names import check_name, run_name
from kjnb.model.partition import Partitions
from kjnb.model.quantity import cpu_quantity, memory_quantity, parse_quantity, size_text
from kjnb.model.spec import JobSpec
from kjnb.run import job as job_said
from kjnb.run import unfinished
from kjnb.stage import parts
from kjnb.stage.folder import Stage
from kjnb.task.task import Task

Json = dict[str, Any]


class Part(NamedTuple):
    """Which partition of how many a trial is."""

    index: int  # type: ignore[assignment]  # the API's word is worth more than tuple.index
    completions: int


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
    trial: Part | None = None
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
            **({"trial": self.trial._asdict()} if self.trial else {}),
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


def decide(
    spec: JobSpec, task: Task, planned: Partitions, cluster: Cluster, name: str | None, trial: Part | None = None
) -> Wanted:
    """Decide everything; reads the cluster, changes nothing. UsageError for what cannot be launched."""
    site = site_of(cluster)
    content = parts.digest(planned)
    same = fingerprint(task.digest, f"{content} {trial}" if trial else content, planned.plan, spec)
    completions = planned.plan.completions
    told = check_name(name, completions) if name is not None else ""
    chosen, notes = settings_of(spec, planned, cluster)
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
        trial=trial,
        stage=Stage.at(f"{site.stage.rstrip('/')}/{final}"),
        notes=(*_where(cluster), *notes, *planned.notes, _travels(task)),
    )


def site_of(cluster: Cluster) -> Site:
    """What the cluster wants by default. UsageError if it does not say where runs are kept."""
    site = Site.read(cluster.defaults(), sys.executable)
    if not site.stage:
        raise UsageError(
            f"the cluster {cluster.context} does not say where runs are kept",
            fix=f"kjnb.use({cluster.target!r}, stage='/a/folder/that/its/pods/see')",
        )
    return site


def room_of(cluster: Cluster) -> sizing.Room | None:
    """What the cluster gives to pods in all; None if it does not say."""
    given = cluster.allocatable()
    return sizing.Room(*given) if given else None


def settings_of(spec: JobSpec, planned: Partitions, cluster: Cluster) -> tuple[JobSpec, list[str]]:
    """Fill in what was not said: processor, memory and parallelism, with a line that says what was chosen."""
    unset = [n for n in ("cpu", "memory", "parallelism") if getattr(spec, n) is None]
    largest = largest_part(planned)
    if not unset:
        return spec, _unwise(spec, planned, None)
    room = room_of(cluster)
    completions = planned.plan.completions
    cpu = spec.cpu or cpu_quantity(sizing.cpu(room))
    memory = spec.memory or memory_quantity(sizing.memory(largest, room))
    fits = sizing.parallelism(completions, room, float(parse_quantity(cpu)), int(parse_quantity(memory)))
    chosen = replace(spec, cpu=cpu, memory=memory, parallelism=spec.parallelism or fits)
    which = "chosen" if len(unset) == 3 else f"chosen: {', '.join(unset)}"
    said = f"{chosen.parallelism} at a time, each {cpu} CPU and {memory} ({which})"
    return chosen, [said, *_unwise(chosen, planned, room)]


def largest_part(planned: Partitions) -> int:
    """Bytes of the largest partition, estimated."""
    return int(planned.plan.sizes.max() * planned.row_bytes)


def advised(spec: JobSpec, planned: Partitions, cluster: Cluster) -> list[Advice]:
    """Everything that is unwise in a run, as far as it can be told of this cluster; warnings first."""
    nodes = cluster.nodes()
    node = (max(cores for cores, _ in nodes), max(memory for _, memory in nodes)) if nodes else None
    room = None if nodes is None else (sum(cores for cores, _ in nodes), sum(memory for _, memory in nodes))
    plan, largest = planned.plan, largest_part(planned)
    return advise(spec, plan.completions, room, plan.sizes, node=node, part_bytes=largest)


def _unwise(spec: JobSpec, planned: Partitions, room: sizing.Room | None) -> list[str]:
    """Say what matters of what is unwise; the rest is told where advice is asked for."""
    told = advise(spec, planned.plan.completions, room, planned.plan.sizes, part_bytes=largest_part(planned))
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


# ---- what is there, and what is to be


def known_of(wanted: Wanted, *, ask: bool) -> Known:
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


def body_of(wanted: Wanted) -> Json:
    """Build the Job to create."""
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
