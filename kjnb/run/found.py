"""Runs found again: by name in the session's cluster, in the user's registry, in the folder of all stages, by path.

Looking, not guessing: several runs by one name are told apart by context/namespace/name, and an unclear name is an
error that lists the candidates.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kjnb.cluster.client import Cluster
from kjnb.connect import SESSION, owner
from kjnb.errors import ClusterError, RunNotFound, StageError, UsageError
from kjnb.model.manifest import OWNER_LABEL, RUN_LABEL, STAGE_ANNOTATION, Site
from kjnb.run import job as job_said
from kjnb.run import registry, unfinished
from kjnb.stage.folder import Stage

Json = dict[str, Any]


class Place(NamedTuple):
    """Where a run was found: its stage, and its cluster unless only the stage is left.

    `gone`: its cluster was asked, and has no Job of it.
    """

    stage: Stage
    cluster: Cluster | None
    gone: bool = False


def find(name: str, cluster: Cluster | None = None) -> Place:
    """Find a run by name, by context/namespace/name, or by its stage's path or URL.

    Raises RunNotFound when there is none or more than one.
    """
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"a run is named by a text, not {name!r}", fix="kjnb.runs() lists yours")
    if name.startswith(("/", "~", ".")) or "://" in name:
        return _by_path(name)
    context, _, rest = name.rpartition("/")[0].partition("/")
    if "/" in name and not (context and rest):
        raise UsageError(f"{name!r} is neither a name nor context/namespace/name", fix="kjnb.runs() lists yours")
    if context:
        return _in_context(name, context, rest, name.rsplit("/", 1)[1])
    here = cluster or SESSION.connect()
    return _in_cluster(name, here) or _in_registry(name, here) or _beside(name, here) or _nowhere(name)


def _by_path(path: str) -> Place:
    stage = Stage.at(str(Path(path).expanduser()) if "://" not in path else path)
    if not stage.exists():
        raise RunNotFound(f"there is no run's stage at {path}", fix="it is the folder that has a run.json")
    return Place(stage, None)


def _in_context(full: str, context: str, namespace: str, name: str) -> Place:
    known = [e for e in registry.entries(name) if (e.context, e.namespace) == (context, namespace)]
    with contextlib.suppress(ClusterError, UsageError):
        cluster = SESSION.connect(context).in_namespace(namespace)
        place = _in_cluster(name, cluster)
        if place:
            return place
    for entry in known:
        if Stage.at(entry.stage).exists():
            return Place(Stage.at(entry.stage), None)
    return _nowhere(full)


def _in_cluster(name: str, cluster: Cluster) -> Place | None:
    """Find the run's Jobs; a launch or a retry that was cut off is finished here, or removed."""
    jobs = cluster.list("jobs", f"{RUN_LABEL}={name}")["items"]
    if jobs:
        job = next((job for job in jobs if job["metadata"]["name"] == name), jobs[-1])
        stage = Stage.at(job_said.annotation(job, STAGE_ANNOTATION))
        for one in filter(job_said.is_unfinished, jobs):
            _settle(name, cluster, one, stage)
        if not stage.exists():
            raise RunNotFound(
                f"{name} has a Job in {cluster.context}/{cluster.namespace}, and its stage {stage.url} cannot be seen",
                fix="is the folder mounted here? kjnb.launch(..., replace=True) starts it anew",
            )
        return Place(stage, cluster)
    return None


def _settle(name: str, cluster: Cluster, job: Json, stage: Stage) -> None:
    """Finish or remove what was cut off; of a run whose first Job is removed there is nothing left to find."""
    with unfinished.taken_over(cluster, job) as mine:
        settled = mine is None or unfinished.settle(cluster, mine, stage)
    if not settled and job["metadata"]["name"] == name:
        raise RunNotFound(
            f"the launch of {name} was cut off before its task was stored; its Job is removed", fix="launch it again"
        )


def _in_registry(name: str, here: Cluster) -> Place | None:
    """Look in the user's own list: a stage that is still there, with its cluster where that can be reached."""
    entries = [e for e in registry.entries(name) if Stage.at(e.stage).exists()]
    stages = {e.stage: e for e in entries}
    if len(stages) > 1:
        names = tuple(e.full_name for e in stages.values())
        raise RunNotFound(
            f"{name} is the name of {len(stages)} runs", fix=f"one of: {', '.join(names)}", candidates=names
        )
    for entry in stages.values():
        if (entry.context, entry.namespace) != (here.context, here.namespace):
            with contextlib.suppress(ClusterError, UsageError):
                place = _in_cluster(name, SESSION.connect(entry.context).in_namespace(entry.namespace))
                return place or Place(Stage.at(entry.stage), None, gone=True)
            return Place(Stage.at(entry.stage), None)
        return Place(Stage.at(entry.stage), None, gone=True)
    return None


def _beside(name: str, here: Cluster) -> Place | None:
    """Look in the folder where the cluster keeps all stages."""
    root = stage_root(here)
    stage = Stage.at(f"{root}/{name}") if root else None
    return Place(stage, None) if stage is not None and stage.exists() else None


def _nowhere(name: str) -> Place:
    known = sorted({e.name for e in registry.entries()})
    near = [k for k in known if name in k or k in name][:3] or difflib.get_close_matches(name, known, n=1)
    raise RunNotFound(
        f"there is no run {name!r} in this cluster, in your registry or among the stages",
        fix=f"did you mean {', '.join(near)}?" if near else "kjnb.runs(all=True) lists what there is",
        candidates=tuple(near),
    )


def home_of(facts: Json) -> Cluster:
    """The cluster and namespace where a run was launched, which may have no Job of it any more."""
    context, namespace = str(facts.get("context", "")), str(facts.get("namespace", ""))
    here = SESSION.connect()
    if (here.context, here.namespace) == (context, namespace):
        return here
    return SESSION.connect(context).in_namespace(namespace)


def stage_root(cluster: Cluster) -> str:
    """The folder of all stages of a cluster; empty if it does not say."""
    with contextlib.suppress(ClusterError):
        return Site.read(cluster.defaults(), sys.executable).stage.rstrip("/")
    return ""


def rows(cluster: Cluster, *, all: bool) -> Iterator[Json]:
    """One row a run: those with a Job in the cluster, then those in the registry that have none there."""
    seen: set[str] = set()
    selector = RUN_LABEL if all else f"{RUN_LABEL},{OWNER_LABEL}={owner()}"
    for stage, jobs in _by_stage(cluster.list("jobs", selector)["items"]).items():
        seen.add(stage)
        yield _job_row(stage, jobs, cluster)
    for entry in registry.entries():
        if entry.stage not in seen and (all or entry.owner == owner()):
            row = _stage_row(entry)
            if row:
                yield row
            seen.add(entry.stage)


def _by_stage(jobs: list[Json]) -> dict[str, list[Json]]:
    """The Jobs of each run together, the oldest first."""
    found: dict[str, list[Json]] = {}
    for job in sorted(jobs, key=lambda job: str(job["metadata"]["creationTimestamp"])):
        found.setdefault(job_said.annotation(job, STAGE_ANNOTATION), []).append(job)
    return found


def _job_row(root: str, jobs: list[Json], cluster: Cluster) -> Json:
    """One run by its Jobs, and by its stage: a retry has but some of the indexes, and Jobs may be gone."""
    stage, meta, stopped = Stage.at(root), jobs[0]["metadata"], False
    done = int((jobs[0].get("status") or {}).get("succeeded") or 0)
    completions = int(jobs[0]["spec"].get("completions") or 0)
    with contextlib.suppress(StageError, OSError):
        facts = stage.facts()
        completions, stopped = int(facts["plan"]["completions"]), bool(facts.get("stopped"))
        done = done if len(facts["jobs"]) == 1 else len(stage.committed())
    going = [job for job in jobs if not job_said.is_over(job)]
    over = "succeeded" if done >= completions else "stopped" if stopped else "failed"
    awake = "suspended" if all(job["spec"].get("suspend") for job in going) else "running"
    return {
        "name": meta["labels"][RUN_LABEL],
        "state": awake if going else over,
        "done": done,
        "indexes": completions,
        "launched": meta["creationTimestamp"],
        "owner": meta["labels"].get(OWNER_LABEL, ""),
        "context": cluster.context,
        "namespace": cluster.namespace,
        "stage": root,
    }


def _stage_row(entry: registry.Entry) -> Json | None:
    stage = Stage.at(entry.stage)
    try:
        facts, done = stage.facts(), len(stage.committed())
    except (StageError, OSError):
        return None
    completions = int(facts["plan"]["completions"])
    return {
        "name": entry.name,
        "state": "succeeded" if done == completions else "stopped" if facts.get("stopped") else "no Job",
        "done": done,
        "indexes": completions,
        "launched": entry.launched,
        "owner": entry.owner,
        "context": entry.context,
        "namespace": entry.namespace,
        "stage": os.fspath(entry.stage),
    }
