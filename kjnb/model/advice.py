"""What is unwise in a run before it is launched, or in a Job's manifest: each rule with its reason and its fix.

Advice never keeps anybody from launching. A WARNING is worth a line at launch, a NOTE only where advice is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from kjnb.model import sizing
from kjnb.model.causes import backoff
from kjnb.model.objects import Json, dig, items, mapping, text, whole, words
from kjnb.model.options import flag_of
from kjnb.model.quantity import cpu_quantity, memory_quantity, parse_quantity, size_text
from kjnb.model.spec import JobSpec

MANY_PODS, VERY_MANY_PODS = 10_000, 50_000
MANY_INDEXES = 1_000
SHORT_TTL = 3600  # seconds in which somebody would look
SECRET = ("PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "ACCESS_KEY", "CREDENTIAL")


class Level(IntEnum):
    """How much an advice matters."""

    WARNING = 0
    NOTE = 1


class Advice(NamedTuple):
    """One rule that has something to say. `reason` says what is unwise and why, `fix` what to do, in Python's words.

    `change` is the field of JobSpec and its better value, where that is all there is to it; None otherwise.
    """

    code: str
    level: Level
    reason: str
    fix: str
    change: tuple[str, Any] | None = None

    @property
    def flag(self) -> str:
        """The change as it is typed: "--parallelism 4"; "" where there is none."""
        return f"{flag_of(self.change[0])} {self.change[1]}" if self.change else ""

    def __str__(self) -> str:
        return f"{self.reason}; {self.fix}"


class Batch(NamedTuple):
    """What the rules look at, of a spec or of a manifest; None is unset or not known. Memory and sizes are bytes.

    `sizes` are rows of each partition, `part_bytes` the largest one's bytes, `room` and `node` the cores and bytes of
    the cluster and of its largest node. `stage`: results outlive the pods.
    """

    completions: int
    parallelism: int | None = None
    cpu: float | None = None
    memory: float | None = None
    memory_limit: float | None = None
    timeout: int | None = None
    deadline: int | None = None
    ttl: int | None = None
    per_index: int | None = None
    backoff_limit: int | None = None
    max_failed: int | None = None
    indexed: bool = True
    restarts: bool = False
    ignores_disruption: bool = True
    stage: bool = True
    image: str = ""
    env: tuple[str, ...] = ()
    sizes: Sequence[int] | None = None
    part_bytes: int | None = None
    room: tuple[float, int] | None = None
    node: tuple[float, int] | None = None

    @property
    def at_once(self) -> int:
        """How many indexes run at a time at most."""
        return min(self.completions, self.completions if self.parallelism is None else self.parallelism)


Rule = Callable[[Batch], Iterator[Advice]]


def advise(
    spec: JobSpec,
    completions: int,
    allocatable: tuple[float, int] | None = None,
    sizes: Any = None,
    *,
    node: tuple[float, int] | None = None,
    part_bytes: int | None = None,
) -> list[Advice]:
    """What is unwise in a run of that spec over so many partitions, warnings first.

    `allocatable` and `node` are cores and bytes of the cluster and of its largest node, `sizes` the rows of each
    partition, `part_bytes` the largest one's bytes; None where it is not known.
    """
    batch = Batch(
        completions=completions,
        parallelism=spec.parallelism,
        cpu=None if spec.cpu is None else float(parse_quantity(spec.cpu)),
        memory=None if spec.memory is None else float(parse_quantity(spec.memory)),
        memory_limit=None if spec.memory is None else float(parse_quantity(spec.memory)),
        timeout=spec.timeout,
        deadline=spec.active_deadline_seconds,
        ttl=spec.ttl_seconds_after_finished,
        per_index=spec.backoff_limit_per_index,
        max_failed=spec.max_failed_indexes,
        image=spec.image or "",
        env=tuple(name for name, _ in spec.env),
        sizes=None if sizes is None else [int(size) for size in sizes],
        part_bytes=part_bytes,
        room=allocatable,
        node=node,
    )
    return told(batch, OF_A_RUN)


def advise_manifest(
    job: Json, allocatable: tuple[float, int] | None = None, *, node: tuple[float, int] | None = None
) -> list[Advice]:
    """What is unwise in a batch/v1 Job as an object; it may lack anything."""
    spec, pod = mapping(job, "spec"), mapping(job, "spec", "template", "spec")
    boxes = items(pod, "containers")
    rules = items(spec, "podFailurePolicy", "rules")
    batch = Batch(
        completions=whole(spec, "completions") or whole(spec, "parallelism") or 1,
        parallelism=1 if (given := whole(spec, "parallelism")) is None else given,
        cpu=total(boxes, "requests", "cpu"),
        memory=total(boxes, "requests", "memory"),
        memory_limit=total(boxes, "limits", "memory"),
        timeout=whole(pod, "activeDeadlineSeconds"),
        deadline=whole(spec, "activeDeadlineSeconds"),
        ttl=whole(spec, "ttlSecondsAfterFinished"),
        per_index=whole(spec, "backoffLimitPerIndex"),
        backoff_limit=6 if (given := whole(spec, "backoffLimit")) is None else given,
        max_failed=whole(spec, "maxFailedIndexes"),
        indexed=text(spec, "completionMode") == "Indexed",
        restarts=text(pod, "restartPolicy") == "OnFailure",
        ignores_disruption=any(text(r, "action") == "Ignore" and items(r, "onPodConditions") for r in rules),
        stage=bool(dig(job, "metadata", "annotations", "kjnb.dev/stage")),
        image=next((text(box, "image") for box in boxes), ""),
        env=tuple(text(one, "name") for box in boxes for one in items(box, "env") if text(one, "value")),
        room=allocatable,
        node=node,
    )
    return told(batch, (*OF_A_RUN, *OF_A_MANIFEST))


def told(batch: Batch, rules: Sequence[Rule]) -> list[Advice]:
    """What the rules say, warnings first, else in the rules' order."""
    return sorted((advice for rule in rules for advice in rule(batch)), key=lambda advice: advice.level)


def total(boxes: Sequence[Json], kind: str, resource: str) -> float | None:
    """What the containers of a pod ask for together; None if one of them says nothing that can be read."""
    found = []
    for box in boxes:
        amounts = words(box, "resources", "limits") | words(box, "resources", kind)
        given = amounts if kind == "requests" else words(box, "resources", kind)
        try:
            found.append(float(parse_quantity(given.get(resource, ""))))
        except (ValueError, ArithmeticError):
            return None
    return sum(found) if found else None


# ---------------------------------------------------------------- room


def too_big(batch: Batch) -> Iterator[Advice]:
    """A pod that asks for more than the largest node has, or where nodes are not known the cluster."""
    most, of = (batch.node, "the largest node") if batch.node else (batch.room, "all of it")
    if most is None:
        return
    if batch.cpu is not None and batch.cpu > most[0]:
        asked = f"{batch.cpu:g} CPU ({of} is {most[0]:g})"
        yield no_room("cpu", asked, cpu_quantity(max(0.001, math.floor(most[0] * 1000) / 1000)))
    if batch.memory is not None and batch.memory > most[1]:
        asked = f"{memory_quantity(batch.memory)} of memory ({of} is {size_text(most[1])})"
        yield no_room("memory", asked, memory_quantity(sizing.MOST_OF_ALL * most[1]))


def no_room(field: str, asked: str, better: str) -> Advice:
    """No pod can start."""
    reason = f"no pod can start: the cluster has no room for {asked}"
    return Advice("node-too-small", Level.WARNING, reason, f"ask for less: {field}={better!r}", (field, better))


def too_wide(batch: Batch) -> Iterator[Advice]:
    """More at a time than the cluster can hold: the others wait."""
    fits = fitting(batch)
    if fits is None or not 1 <= fits < batch.at_once:
        return
    level = Level.WARNING if batch.at_once > 2 * fits else Level.NOTE
    reason = f"the cluster has room for {fits:,} at a time, {batch.at_once:,} are asked for: the others wait"
    yield Advice("parallelism-over-room", level, reason, f"say parallelism={fits}", ("parallelism", fits))


def fitting(batch: Batch) -> int | None:
    """How many pods the cluster can hold; None where that is not known."""
    if batch.room is None:
        return None
    pairs = zip(batch.room, (batch.cpu, batch.memory), strict=True)
    return min((int(most / asked) for most, asked in pairs if asked), default=None)


def too_narrow(batch: Batch) -> Iterator[Advice]:
    """Fewer partitions than may run at a time."""
    if batch.parallelism is not None and batch.parallelism > batch.completions:
        reason = f"parallelism is {batch.parallelism:,}, and there are only {batch.completions:,} partitions"
        fix = f"make more partitions, or say parallelism={batch.completions}"
        yield Advice("few-partitions", Level.NOTE, reason, fix, ("parallelism", batch.completions))


def many_pods(batch: Batch) -> Iterator[Advice]:
    """So many pods that the cluster is busy with them."""
    if batch.completions <= MANY_PODS:
        return
    level = Level.WARNING if batch.completions > VERY_MANY_PODS else Level.NOTE
    reason = f"{batch.completions:,} partitions are as many pods, each of which is started, watched and cleaned up"
    yield Advice("many-pods", level, reason, f"make fewer and larger partitions: partitions={MANY_INDEXES}")


# ---------------------------------------------------------------- partitions


def skewed(batch: Batch) -> Iterator[Advice]:
    """One partition that takes as long as all others together."""
    sizes = np.asarray(batch.sizes if batch.sizes is not None else [], dtype=np.int64)
    if len(sizes) < 2 or not sizes.sum():
        return
    largest, share = int(sizes.max()), sizes.sum() / min(batch.at_once, len(sizes))
    usual = float(np.median(sizes))
    if largest > 2 * share and batch.at_once > 1:
        which = int(sizes.argmax())
        reason = (
            f"partition {which} has {largest:,} of {int(sizes.sum()):,} rows (half have {usual:,.0f} or fewer): "
            "the run takes as long as it does"
        )
        fix = "partition by more columns, or by rows where groups need not stay whole: partitions=N"
        yield Advice("skewed", Level.WARNING, reason, fix)
    empty = int((sizes == 0).sum())
    if empty:
        reason = f"{empty:,} of {len(sizes):,} partitions have no rows, and cost a pod each"
        yield Advice("empty-partitions", Level.NOTE, reason, "make fewer partitions")


def little_memory(batch: Batch) -> Iterator[Advice]:
    """A largest partition that hardly fits into a pod."""
    if batch.memory is None or batch.part_bytes is None:
        return
    least = sizing.INTERPRETER // 2 + 2 * batch.part_bytes
    if batch.memory < least and batch.part_bytes > batch.memory / 8:
        better = memory_quantity(sizing.memory(batch.part_bytes, None))
        reason = (
            f"the largest partition has {size_text(batch.part_bytes)}, and a pod {memory_quantity(batch.memory)} of "
            "memory: what works on it needs a few times as much"
        )
        fix = f"say memory={better!r}, or make more partitions"
        yield Advice("little-memory", Level.WARNING, reason, fix, ("memory", better))


# ---------------------------------------------------------------- time


def out_of_time(batch: Batch) -> Iterator[Advice]:
    """Limits of time that contradict each other."""
    if batch.timeout is None or batch.deadline is None:
        return
    if batch.timeout >= batch.deadline:
        reason = f"an attempt may take {batch.timeout:,} s, the whole run only {batch.deadline:,} s"
        longer = batch.timeout * math.ceil(batch.completions / max(1, batch.at_once)) * 2
        fix = f"say active_deadline_seconds={longer}, or a shorter timeout"
        yield Advice("timeout-over-deadline", Level.WARNING, reason, fix, ("active_deadline_seconds", longer))
        return
    needed = batch.timeout * math.ceil(batch.completions / max(1, batch.at_once))
    if needed > batch.deadline:
        reason = (
            f"if attempts take the {batch.timeout:,} s that they may, the run takes {needed:,} s, "
            f"and its deadline is {batch.deadline:,} s"
        )
        fix = f"say active_deadline_seconds={needed}"
        yield Advice("deadline-too-short", Level.NOTE, reason, fix, ("active_deadline_seconds", needed))


def gone_early(batch: Batch) -> Iterator[Advice]:
    """A Job that is removed before anybody has looked at it."""
    if batch.ttl is None or batch.ttl >= SHORT_TTL:
        return
    what = "logs of its pods go with it" if batch.stage else "results and logs of its pods go with it"
    reason = f"the cluster removes the Job {batch.ttl:,} s after its end, and the {what}"
    level = Level.NOTE if batch.stage and batch.ttl else Level.WARNING
    field = "ttl_seconds_after_finished"
    yield Advice("ttl-before-collection", level, reason, f"say {field}=86400, or leave it out", (field, 86400))


# ---------------------------------------------------------------- failures


def retries(batch: Batch) -> Iterator[Advice]:
    """Budgets for failures that are none, or have no end."""
    field = "backoff_limit_per_index"
    if batch.per_index == 0:
        reason = "an index that fails once has failed for good, even if the next try would do"
        yield Advice("no-retry", Level.NOTE, reason, f"say {field}=1", (field, 1))
    if batch.per_index is not None and batch.per_index > 6:
        waits = sum(backoff.delay(n) for n in range(1, batch.per_index + 1))
        reason = f"an index that always fails keeps the run for {waits / 60:,.0f} min with pauses alone"
        yield Advice("many-retries", Level.NOTE, reason, f"say {field}=3", (field, 3))
    if batch.per_index is not None and batch.completions >= MANY_INDEXES and batch.max_failed is None:
        some = max(10, batch.completions // 100)
        tries = batch.completions * (batch.per_index + 1)
        reason = f"a task that always fails is tried {tries:,} times before the run is over"
        fix = f"say max_failed_indexes={some}"
        yield Advice("no-end-of-failures", Level.NOTE, reason, fix, ("max_failed_indexes", some))


# ---------------------------------------------------------------- what runs


def loose_image(batch: Batch) -> Iterator[Advice]:
    """An image whose content may change between two pods."""
    name = batch.image.rpartition("/")[2]
    if batch.image and "://" not in batch.image and "@" not in name and name.partition(":")[2] in ("", "latest"):
        reason = f"the image {batch.image} has no version: two pods, or a retry, may not run the same"
        yield Advice("image-without-version", Level.NOTE, reason, "name its version: image='registry/name:1.2'")


def open_secrets(batch: Batch) -> Iterator[Advice]:
    """Variables that look like secrets, in plain sight."""
    named = [name for name in batch.env if any(word in name.upper() for word in SECRET)]
    if named:
        reason = f"the value of {', '.join(named)} stands in the Job for everybody who may read it"
        fix = "have the cluster's pod template (ConfigMap kjnb-defaults) take it from a Secret"
        yield Advice("secret-in-plain-sight", Level.NOTE, reason, fix)


# ---------------------------------------------------------------- what only a manifest can lack


def unbounded(batch: Batch) -> Iterator[Advice]:
    """Containers that do not say what they need."""
    place = "spec.template.spec.containers[…].resources"
    if batch.cpu is None or batch.memory is None:
        reason = "a container does not say what it needs: it goes to any node, however full, and is the first to go"
        yield Advice("no-requests", Level.WARNING, reason, f"set {place}.requests, cpu and memory")
    if batch.memory_limit is None:
        reason = "a container has no memory limit: it can take the memory of everything else on its node"
        yield Advice("no-limit", Level.WARNING, reason, f"set {place}.limits.memory")


def one_budget(batch: Batch) -> Iterator[Advice]:
    """One budget of failures for many indexes."""
    if batch.completions < 2 or batch.per_index is not None or batch.restarts:
        return
    limit = batch.backoff_limit
    if not batch.indexed:
        return
    reason = f"{batch.completions:,} indexes share one backoffLimit of {limit}: a few bad ones end all others"
    yield Advice("global-backoff-limit", Level.WARNING, reason, "set spec.backoffLimitPerIndex, of 1 for example")


def in_place(batch: Batch) -> Iterator[Advice]:
    """Restarts inside a pod."""
    if batch.restarts:
        reason = "restartPolicy OnFailure restarts in the same pod: the log and the reason of a failure are overwritten"
        yield Advice("restarts-in-place", Level.NOTE, reason, "set spec.template.spec.restartPolicy: Never")


def counts_disruption(batch: Batch) -> Iterator[Advice]:
    """Evictions that count as failures."""
    if not batch.ignores_disruption and not batch.restarts:
        reason = "a pod that the cluster takes away (drain, preemption) counts as a failure of its task"
        fix = "add a rule to spec.podFailurePolicy: action Ignore, onPodConditions DisruptionTarget"
        yield Advice("disruptions-count", Level.NOTE, reason, fix)


def endless(batch: Batch) -> Iterator[Advice]:
    """No deadline at all."""
    if batch.deadline is None:
        reason = "the Job has no deadline: one that cannot start waits for ever"
        yield Advice("no-deadline", Level.NOTE, reason, "set spec.activeDeadlineSeconds")


OF_A_RUN: tuple[Rule, ...] = (too_big, too_wide, skewed, little_memory, out_of_time, gone_early, many_pods)
OF_A_RUN += (too_narrow, retries, loose_image, open_secrets)
OF_A_MANIFEST: tuple[Rule, ...] = (unbounded, one_budget, in_place, counts_disruption, endless)
