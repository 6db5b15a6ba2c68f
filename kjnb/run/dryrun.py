"""A dry run: what a launch would create, what would travel, and what the cluster says to it; nothing is created."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from typing import Any

from kjnb.cluster.client import Cluster
from kjnb.cluster.dropped import dropped
from kjnb.errors import ClusterError, Conflict, NameTaken, Unreachable
from kjnb.model.names import MOST_RETRIES, retry_name
from kjnb.model.partition import describe
from kjnb.run import job as job_said
from kjnb.run import names_taken
from kjnb.run.wanted import Json, Known, Wanted, advised, body_of, known_of


@dataclass(frozen=True)
class DryRun:
    """A launch that was not made. `accepted`: whether the cluster would take the Job under this name.

    `verdict` are the cluster's words and what launching would do, `notes` what was chosen and what travels, `advice`
    what is unwise; a sentence each. `manifest` is the Job as it would be sent.
    """

    name: str
    accepted: bool
    verdict: tuple[str, ...]
    notes: tuple[str, ...]
    advice: tuple[str, ...]
    manifest: Json

    @property
    def yaml(self) -> str:
        """The Job as YAML."""
        from yaml import safe_dump

        return str(safe_dump(self.manifest, sort_keys=False)).rstrip()

    @property
    def sentences(self) -> tuple[str, ...]:
        """Everything but the YAML, a line each."""
        return ("dry run: nothing was created", *self.verdict, *self.notes, *self.advice)

    def __repr__(self) -> str:
        return "\n".join([*self.sentences, "", self.yaml])

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(line) for line in self.sentences)
        return f"<div>{lines}<details><summary>YAML</summary><pre>{html.escape(self.yaml)}</pre></details></div>"


def rehearsed(wanted: Wanted) -> DryRun:
    """Ask the cluster what it would say to a launch. Raises Unreachable; a refusal is part of the answer."""
    wanted = replace(wanted, id=wanted.fingerprint[:12])  # the same launch shows the same YAML
    body = body_of(wanted)
    del body["metadata"]["annotations"][job_said.LAUNCHER]
    accepted, said = asked(wanted.cluster, body)
    free, there = standing(wanted, known_of(wanted, ask=True))
    first, unwise = f"{wanted.name} would be {describe(wanted.parts)}", advice(wanted)
    notes = (first, *(note for note in wanted.notes if note not in unwise))
    return DryRun(wanted.name, accepted and free, (*said, *there), notes, unwise, body)


def advice(wanted: Wanted) -> tuple[str, ...]:
    """Everything that is unwise in it, as far as it can be told of this cluster."""
    return tuple(map(str, advised(wanted.spec, wanted.parts, wanted.cluster)))


def asked(cluster: Cluster, body: Json) -> tuple[bool, list[str]]:
    """Whether the cluster would accept a Job, and its words; a name that is taken is no matter here."""
    try:
        job, warnings = cluster.create("jobs", body, dry_run=True)
    except Conflict:
        other = retry_name(body["metadata"]["name"], MOST_RETRIES)
        return asked(cluster, {**body, "metadata": {**body["metadata"], "name": other}})
    except Unreachable:
        raise
    except ClusterError as error:
        return False, [f"refused: {error.what}", *([error.fix] if error.fix else [])]
    lost = list(dropped(body["spec"], job["spec"], "spec"))
    if lost:
        return False, [f"{cluster.context} does not know {', '.join(lost[:5])}: launching would be refused"]
    return True, [f"{cluster.context} accepts the Job", *(f"it warns: {warning}" for warning in warnings)]


def standing(wanted: Wanted, known: Known) -> tuple[bool, list[str]]:
    """Whether the name can be had, and what launching would find under it."""
    if known.nothing:
        return True, []
    try:
        names_taken.refuse_foreign(wanted.name, wanted.cluster, known.job, known.facts)
        if wanted.fingerprint != names_taken.fingerprint_of(known.job, known.facts):
            raise names_taken.other_task(wanted.name, wanted.cluster)
    except NameTaken as error:
        return False, [error.what, error.fix]
    return True, [f"{wanted.name} is there already: launching {_there(wanted, known)}"]


def _there(wanted: Wanted, known: Known) -> str:
    done, of = len(wanted.stage.committed()), wanted.parts.plan.completions
    if done == of:
        return f"attaches to it; it has all {of:,} results"
    over: Any = all(map(job_said.is_over, known.jobs))
    return f"retries what it lacks; it is over with {done:,} of {of:,} results" if over else "attaches to it; it runs"
