"""What a diagnosis reads of a pod: a small value made from the API's object, whatever of it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from kjnb.model.objects import Json, count, dig, items, mapping, moment, text, whole, words

BATCH = "batch.kubernetes.io"
ENDED = ("Succeeded", "Failed")


class Waiting(NamedTuple):
    """Why a container does not run yet."""

    reason: str
    message: str


class Ended(NamedTuple):
    """How a container ended."""

    code: int | None
    reason: str
    message: str
    finished: float | None


class Box(NamedTuple):
    """A container of a pod: what was asked for it and how it is. `init`: it runs before the others."""

    name: str
    image: str
    init: bool
    asked: dict[str, str]
    limits: dict[str, str]
    waiting: Waiting | None = None
    ended: Ended | None = None
    before: Ended | None = None
    restarts: int = 0


class Reference(NamedTuple):
    """A ConfigMap or Secret that a container takes variables from; `key` and `variable` are "" for all of it."""

    kind: str
    name: str
    key: str
    variable: str


class Pod(NamedTuple):
    """A pod. `index` is the completion index in its own Job, None without; `deleting` is when it must be gone.

    `conditions` are (status, reason, message) by type. Times are seconds since the epoch, None where unknown.
    """

    name: str
    uid: str
    job: str
    index: int | None  # type: ignore[assignment]
    phase: str
    reason: str = ""
    message: str = ""
    node: str = ""
    created: float | None = None
    deleting: float | None = None
    deadline: int | None = None
    failures: int = 0
    conditions: dict[str, tuple[str, str, str]] = {}  # noqa: RUF012  never changed
    boxes: tuple[Box, ...] = ()
    gates: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    selector: dict[str, str] = {}  # noqa: RUF012  never changed
    references: tuple[Reference, ...] = ()

    def held(self, condition: str) -> tuple[str, str] | None:
        """Reason and message of a condition that is True; else None."""
        status, reason, message = self.conditions.get(condition, ("", "", ""))
        return (reason, message) if status == "True" else None

    @property
    def active(self) -> bool:
        """Whether it may still do something: not ended, not being taken away."""
        return self.phase not in ENDED and self.deleting is None

    @property
    def finished(self) -> float | None:
        """When the last of its containers ended."""
        return max((box.ended.finished for box in self.boxes if box.ended and box.ended.finished), default=None)


def read_pod(pod: Json) -> Pod:
    """Read a pod as the API serves it."""
    meta, spec, status = mapping(pod, "metadata"), mapping(pod, "spec"), mapping(pod, "status")
    noted = mapping(meta, "annotations")
    failures = (f"{BATCH}/job-index-failure-count", f"{BATCH}/job-index-ignored-failure-count")
    return Pod(
        name=text(meta, "name"),
        uid=text(meta, "uid"),
        job=text(meta, "labels", f"{BATCH}/job-name"),
        index=whole(noted, f"{BATCH}/job-completion-index"),
        phase=text(status, "phase"),
        reason=text(status, "reason"),
        message=text(status, "message"),
        node=text(spec, "nodeName"),
        created=moment(meta, "creationTimestamp"),
        deleting=moment(meta, "deletionTimestamp"),
        deadline=whole(spec, "activeDeadlineSeconds"),
        failures=sum(count(noted, name) for name in failures),
        conditions={
            text(one, "type"): (text(one, "status"), text(one, "reason"), text(one, "message"))
            for one in items(status, "conditions")
        },
        boxes=tuple(boxes(spec, status)),
        gates=tuple(text(gate, "name") for gate in items(spec, "schedulingGates")),
        claims=tuple(filter(None, (text(v, "persistentVolumeClaim", "claimName") for v in items(spec, "volumes")))),
        selector=words(spec, "nodeSelector"),
        references=tuple(references(spec)),
    )


def boxes(spec: Json, status: Json) -> Iterator[Box]:
    """The containers of a pod, those that run first at the beginning."""
    for kind, init in (("initContainer", True), ("container", False)):
        how = {text(one, "name"): one for one in items(status, f"{kind}Statuses")}
        asked = {text(one, "name"): one for one in items(spec, f"{kind}s")}
        for name in {**asked, **how}:
            yield box(asked.get(name, {}), how.get(name, {}), init=init)


def box(asked: Json, how: Json, *, init: bool) -> Box:
    """One container, from its spec and its status."""
    limits = words(asked, "resources", "limits")
    waiting = dig(how, "state", "waiting")
    return Box(
        name=text(asked, "name") or text(how, "name"),
        image=text(asked, "image") or text(how, "image"),
        init=init,
        asked={**limits, **words(asked, "resources", "requests")},
        limits=limits,
        waiting=Waiting(text(waiting, "reason"), text(waiting, "message")) if isinstance(waiting, dict) else None,
        ended=ended(dig(how, "state", "terminated")),
        before=ended(dig(how, "lastState", "terminated")),
        restarts=count(how, "restartCount"),
    )


def ended(told: Any) -> Ended | None:
    """How a container ended, if it did."""
    if not isinstance(told, dict):
        return None
    return Ended(whole(told, "exitCode"), text(told, "reason"), text(told, "message"), moment(told, "finishedAt"))


def references(spec: Json) -> Iterator[Reference]:
    """The ConfigMaps and Secrets that a pod's variables come from."""
    for one in [*items(spec, "initContainers"), *items(spec, "containers")]:
        for kind, of_one, of_all in (
            ("ConfigMap", "configMapKeyRef", "configMapRef"),
            ("Secret", "secretKeyRef", "secretRef"),
        ):
            for variable in items(one, "env"):
                source = mapping(variable, "valueFrom", of_one)
                if source:
                    yield Reference(kind, text(source, "name"), text(source, "key"), text(variable, "name"))
            for source in items(one, "envFrom"):
                if text(source, of_all, "name"):
                    yield Reference(kind, text(source, of_all, "name"), "", "")


def latest(pods: Iterable[Pod]) -> list[Pod]:
    """Of each index the pod that was made last; every pod that has no index."""
    kept: dict[int | str, Pod] = {}
    for place, pod in enumerate(pods):
        key = f"{place}" if pod.index is None else pod.index
        if key not in kept or age(pod) > age(kept[key]):
            kept[key] = pod
    return list(kept.values())


def age(pod: Pod) -> tuple[float, int, str]:
    """What sorts the pods of an index by the order in which they were made."""
    return (pod.created or 0.0, pod.failures, pod.name)
