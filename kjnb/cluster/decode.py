"""Bytes of pods and Jobs, as the API server sends them, to the facts that `reduce` takes.

Only the fields that are used are read: a pod of 5,000 bytes costs microseconds this way and a hundred times that as an
object of the client's model classes.
"""

# ruff: noqa: D101  the objects here are Kubernetes' own; their names say what they are

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec

from kjnb.model.facts import JobSeen, PodSeen

JOB_NAME = "batch.kubernetes.io/job-name"
INDEX = "batch.kubernetes.io/job-completion-index"


class Labels(msgspec.Struct):
    job: str = msgspec.field(default="", name=JOB_NAME)


class Annotations(msgspec.Struct):
    index: str = msgspec.field(default="", name=INDEX)


class Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    uid: str = ""
    resource_version: str = "0"
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: Labels | None = None
    annotations: Annotations | None = None


class Ended(msgspec.Struct, rename="camel"):
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Running(msgspec.Struct, rename="camel"):
    started_at: datetime | None = None


class Waiting(msgspec.Struct):
    reason: str = ""
    message: str = ""


class ContainerState(msgspec.Struct):
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Ended | None = None


class Container(msgspec.Struct):
    state: ContainerState = msgspec.field(default_factory=ContainerState)


class Condition(msgspec.Struct, rename="camel"):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class PodStatus(msgspec.Struct, rename="camel"):
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    start_time: datetime | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[Container] | None = None


class PodSpec(msgspec.Struct, rename="camel"):
    node_name: str = ""


class Pod(msgspec.Struct):
    metadata: Meta
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class JobSpec(msgspec.Struct):
    parallelism: int = 1
    suspend: bool = False


class JobStatus(msgspec.Struct, rename="camel"):
    active: int = 0
    ready: int = 0
    succeeded: int = 0
    failed: int = 0
    terminating: int | None = 0
    completed_indexes: str = ""
    failed_indexes: str = ""
    start_time: datetime | None = None
    completion_time: datetime | None = None
    conditions: list[Condition] | None = None


class Job(msgspec.Struct):
    metadata: Meta
    spec: JobSpec = msgspec.field(default_factory=JobSpec)
    status: JobStatus = msgspec.field(default_factory=JobStatus)


class Line(msgspec.Struct):
    """One line of a watch."""

    type: str
    object: msgspec.Raw


class Bookmark(msgspec.Struct):
    metadata: Meta


class Refused(msgspec.Struct):
    """The Status that an ERROR line carries."""

    code: int = 0
    reason: str = ""
    message: str = ""


class ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = "0"


class Pods(msgspec.Struct):
    metadata: ListMeta
    items: list[Pod] | None = None


class Jobs(msgspec.Struct):
    metadata: ListMeta
    items: list[Job] | None = None


line = msgspec.json.Decoder(Line).decode
bookmark = msgspec.json.Decoder(Bookmark).decode
refused = msgspec.json.Decoder(Refused).decode
_pod = msgspec.json.Decoder(Pod).decode
_job = msgspec.json.Decoder(Job).decode
_pods = msgspec.json.Decoder(Pods).decode
_jobs = msgspec.json.Decoder(Jobs).decode


class Page(NamedTuple):
    """What a page of a list told: the list's version, and the facts."""

    version: str
    facts: list[PodSeen | JobSeen]


def page(resource: str, raw: bytes) -> Page:
    """Read one page of a list of "pods" or "jobs"."""
    if resource == "pods":
        pods = _pods(raw)
        return Page(pods.metadata.resource_version, [pod_seen(p) for p in pods.items or [] if _is_ours(p)])
    jobs = _jobs(raw)
    return Page(jobs.metadata.resource_version, [job_seen(j) for j in jobs.items or []])


def changed(resource: str, kind: str, raw: msgspec.Raw) -> tuple[str, Iterator[PodSeen | JobSeen]]:
    """Read the object of an ADDED, MODIFIED or DELETED line: its version, and the fact if it is one."""
    gone = kind == "DELETED"
    if resource == "pods":
        pod = _pod(raw)
        return pod.metadata.resource_version, iter([pod_seen(pod, gone=gone)] if _is_ours(pod) else [])
    job = _job(raw)
    return job.metadata.resource_version, iter([job_seen(job, gone=gone)])


def _is_ours(pod: Pod) -> bool:
    meta = pod.metadata
    return bool(meta.annotations and meta.annotations.index.isdigit() and meta.labels and meta.labels.job)


def pod_seen(pod: Pod, *, gone: bool = False) -> PodSeen:
    """Reduce a pod to its fact; reason and message say why it waits, or why it ended."""
    meta, status = pod.metadata, pod.status
    state = status.container_statuses[0].state if status.container_statuses else ContainerState()
    ended = state.terminated
    reason, message = _why(status, state)
    begun = (ended and ended.started_at) or (state.running and state.running.started_at) or None
    return PodSeen(
        job=meta.labels.job if meta.labels else "",
        uid=meta.uid,
        name=meta.name,
        index=int(meta.annotations.index) if meta.annotations else -1,
        phase=status.phase,
        reason=reason,
        message=message,
        exit_code=ended.exit_code if ended else None,
        created=_seconds(meta.creation_timestamp) or 0.0,
        started=_seconds(begun or status.start_time),
        finished=_seconds(ended.finished_at if ended else None),
        node=pod.spec.node_name,
        deleting=meta.deletion_timestamp is not None,
        gone=gone,
        rv=int(meta.resource_version),
    )


def _why(status: PodStatus, state: ContainerState) -> tuple[str, str]:
    """Choose what explains the pod: the pod's own reason, its disruption, its container's, or why it has no node."""
    by_type = {c.type: c for c in status.conditions or []}
    if status.reason:
        return status.reason, status.message
    disrupted = by_type.get("DisruptionTarget")
    if disrupted and disrupted.status == "True":
        return disrupted.reason or "DisruptionTarget", disrupted.message
    told = state.terminated or state.waiting
    if told and told.reason:
        return told.reason, told.message
    scheduled = by_type.get("PodScheduled")
    if scheduled and scheduled.status == "False":
        return scheduled.reason, scheduled.message
    return "", status.message


def job_seen(job: Job, *, gone: bool = False) -> JobSeen:
    """Reduce a Job to its fact."""
    meta, spec, status = job.metadata, job.spec, job.status
    conditions = status.conditions or []
    over = [c.last_transition_time for c in conditions if c.type in ("Complete", "Failed") and c.status == "True"]
    return JobSeen(
        name=meta.name,
        uid=meta.uid,
        rv=int(meta.resource_version),
        completed=status.completed_indexes,
        failed=status.failed_indexes,
        active=status.active,
        ready=status.ready,
        succeeded=status.succeeded,
        failures=status.failed,
        terminating=status.terminating or 0,
        suspended=spec.suspend,
        parallelism=spec.parallelism,
        started=_seconds(status.start_time),
        ended=_seconds(status.completion_time or (over[0] if over else None)),
        conditions=tuple((c.type, c.status, c.reason, c.message) for c in conditions),
        gone=gone,
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
