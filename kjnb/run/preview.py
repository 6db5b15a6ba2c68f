"""A look ahead that costs little: what a launch would choose, what is unwise in it, and its Job, without any digest.

A dry run knows more and reads all the data for it; this is for a form that is looked at while it is filled in.
"""

from __future__ import annotations

from typing import NamedTuple

from kjnb.cluster.client import Cluster
from kjnb.connect import owner
from kjnb.model.advice import Advice
from kjnb.model.manifest import LAUNCH_LABEL, manifest
from kjnb.model.names import run_name
from kjnb.model.partition import Partitions
from kjnb.model.spec import JobSpec
from kjnb.run.wanted import advised, settings_of, site_of
from kjnb.task.task import Task

UNKNOWN = "xxxxxx"  # instead of the fingerprint's digits


class Preview(NamedTuple):
    """What is chosen for the settings that were left out, in a sentence; the advice; the Job as YAML."""

    chosen: str
    advice: tuple[Advice, ...]
    yaml: str


def previewed(spec: JobSpec, task: Task, parts: Partitions, cluster: Cluster, name: str | None) -> Preview:
    """Look at a launch; reads the cluster, changes nothing. UsageError for what cannot be launched."""
    from yaml import safe_dump

    site = site_of(cluster)
    whole, notes = settings_of(spec, parts, cluster)
    called = name or run_name(parts.name or task.name, UNKNOWN, len(parts))
    stage = f"{site.stage.rstrip('/')}/{called}"
    job = manifest(
        whole, name=called, run=called, launch="", owner=owner(), completions=len(parts), stage=stage, site=site
    )
    for said in (
        job["metadata"]["labels"],
        job["metadata"]["annotations"],
        job["spec"]["template"]["metadata"]["labels"],
    ):
        said.pop(LAUNCH_LABEL, None)
    unwise = advised(whole, parts, cluster)
    chosen = next((note for note in notes if note not in set(map(str, unwise))), "")
    return Preview(chosen, tuple(unwise), str(safe_dump(job, sort_keys=False)).rstrip())
