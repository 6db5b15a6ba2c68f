"""Whose a run's name is, when it is not free: ours and the same, ours and another, somebody else's, or no run's."""

from __future__ import annotations

from kjnb.cluster.client import Cluster
from kjnb.connect import owner
from kjnb.errors import NameTaken
from kjnb.model.manifest import OWNER_LABEL, RUN_LABEL
from kjnb.run.job import FINGERPRINT, Json, annotation


def refuse_foreign(name: str, cluster: Cluster, job: Json | None, facts: Json | None) -> None:
    """Raise NameTaken if the Job of that name is no run's, or the run is another user's."""
    labels = (job or {}).get("metadata", {}).get("labels") or {}
    if job is not None and labels.get(RUN_LABEL) != name:
        raise NameTaken(
            f"name {name!r} belongs to a Job in {cluster.context}/{cluster.namespace} that is not a run of kjnb",
            fix="choose another name",
        )
    whose = labels.get(OWNER_LABEL) or (facts or {}).get("owner") or owner()
    if whose != owner():
        raise NameTaken(
            f"name {name!r} belongs to a run of {whose}",
            fix=f"choose another name, or kjnb.attach({name!r}) to look at theirs",
        )


def fingerprint_of(job: Json | None, facts: Json | None) -> str:
    """Read the fingerprint of what has the name; the stage's word before the Job's."""
    if facts is not None:
        return str(facts.get("fingerprint", ""))
    return annotation(job, FINGERPRINT) if job else ""


def other_task(name: str, cluster: Cluster) -> NameTaken:
    """Build the error for a name that a run of another task, data or settings has."""
    return NameTaken(
        f"name {name!r} belongs to another run in {cluster.context}/{cluster.namespace}: its task, data or settings "
        "are not these",
        fix=f"replace=True (--replace) stops that one and keeps its results aside, another name runs beside it, "
        f"kjnb.attach({name!r}) goes on with it",
    )
