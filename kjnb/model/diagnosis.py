"""Why a run does not go on, or what it lost: its state, Jobs, pods and cluster events → findings, each with its fix.

Everything may be partial: an object lacks fields, pods are gone, events may not be read. Then less is said; nothing
here raises, and what is stuck without a known reason is said to be so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kjnb.model.attempts import State
from kjnb.model.causes import backoff, creation, ended, jobs, pods, told
from kjnb.model.causes.remedy import Scene
from kjnb.model.facts import JobSeen
from kjnb.model.failures import Failure
from kjnb.model.findings import CLOCK, Cause, Diagnosis, Finding, Rank, about, ordered, short
from kjnb.model.indexes import indexes_text, intervals
from kjnb.model.objects import Json, count, dig, items, mapping, moment, text, whole, words
from kjnb.model.podfacts import Pod, latest, read_pod
from kjnb.model.runstate import RunState

__all__ = ["Cause", "Diagnosis", "Finding", "Pod", "Rank", "Seen", "diagnose", "read_pod", "short"]

MISSING_SECONDS = 10.0  # a controller may take some to make pods
OF_NODES = ("image-", "volume-", "evicted", "disrupted", "container-", "host-port", "not-stopping")


class Seen(NamedTuple):
    """What was read of a run on its cluster: its Jobs and pods, and events (None: they may not be read).

    `cores` and `memory` (bytes) are the largest node's; `backoff` the seconds before a first retry.
    """

    jobs: Sequence[Json] = ()
    pods: Sequence[Pod] = ()
    events: Sequence[Json] | None = None
    cores: float | None = None
    memory: int | None = None
    backoff: float = backoff.BASE


class Case(NamedTuple):
    """One Job of the run with its pods, and what fixes depend on."""

    name: str
    job: Json
    pods: tuple[Pod, ...]
    scene: Scene
    state: RunState | None

    def index_of(self, pod: Pod) -> int | None:
        """The run's index of a pod; None if it has none."""
        where = self.state.jobs.get(self.name) if self.state else None
        if pod.index is None or where is None:
            return pod.index
        return where[pod.index] if pod.index < len(where) else None

    def state_of(self, pod: Pod) -> State | None:
        """The state of a pod's index, None where it is not known."""
        index = self.index_of(pod)
        if self.state is None or index is None or index >= self.state.completions:
            return None
        return State(int(self.state.states[index]))


def diagnose(state: RunState | None, seen: Seen, now: float) -> tuple[Finding, ...]:
    """What is wrong, the most important first; empty if all is well. `now`: epoch seconds on the cluster's clock."""
    events = told.read(seen.events)
    cases = list(cases_of(state, seen))
    failures = {one.index: one for one in state.failures} if state else {}
    blamed: list[tuple[Cause, Pod, int | None]] = []
    found: list[Finding] = []
    for case in cases:
        found += of_job(case, events, now, seen.backoff, stopped=bool(state and state.outcome == "stopped"))
        blamed += of_pods(case, events, now, failures)
    blamed += of_state(state, cases, failures, {index for _, _, index in blamed if index is not None})
    return ordered([*found, *gathered(blamed), *lost(state)])


def cases_of(state: RunState | None, seen: Seen) -> Iterator[Case]:
    """The run's Jobs: as they are, else as they were last seen, else what their pods tell of them."""
    here = {text(job, "metadata", "name"): job for job in seen.jobs}
    known = {name: job_as_seen(fact) for name, fact in (state.seen if state else {}).items() if name not in here}
    every = {**known, **here} or {pod.job: {} for pod in seen.pods}
    for name, job in every.items():
        own = tuple(pod for pod in seen.pods if pod.job in (name, ""))
        rules = items(job, "spec", "podFailurePolicy", "rules")
        ignores = any(text(r, "action") == "Ignore" and items(r, "onPodConditions") for r in rules)
        scene = Scene(
            going=not jobs.is_over(job) and not dig(job, "gone"),
            ignores_disruption=ignores,
            cores=seen.cores,
            memory=seen.memory,
            namespace=text(job, "metadata", "namespace"),
        )
        yield Case(name, job, own, scene, state)


def job_as_seen(fact: JobSeen) -> Json:
    """A Job's object as far as its fact tells it."""
    return {
        "metadata": {"name": fact.name},
        "spec": {"suspend": fact.suspended, "parallelism": fact.parallelism},
        "status": {
            "conditions": [{"type": c[0], "status": c[1], "reason": c[2], "message": c[3]} for c in fact.conditions],
            "failed": fact.failures,
            "active": fact.active,
            "failedIndexes": fact.failed,
        },
        "gone": fact.gone,
        "seen": True,
    }


# ---------------------------------------------------------------- what the Job tells


def of_job(case: Case, events: told.Told, now: float, base: float, *, stopped: bool) -> list[Finding]:
    """What the Job itself says, and why pods of it are not there."""
    stopping = [pod.deleting - now for pod in case.pods if pod.deleting is not None]
    said = jobs.causes(case.job, case.scene, max(stopping, default=None), stopped=stopped)
    if said or not case.scene.going or dig(case.job, "seen"):
        return [about(cause) for cause in said]
    pauses = list(waits(case, now, base))
    return pauses or missing(case, events, now)


def missing(case: Case, events: told.Told, now: float) -> list[Finding]:
    """Pods that should be there and are not: refused, or nobody knows why."""
    status, spec = mapping(case.job, "status"), mapping(case.job, "spec")
    active = max(count(status, "active"), sum(pod.active for pod in case.pods))
    left = max(0, (whole(spec, "completions") or 1) - count(status, "succeeded") - given_up(status))
    wanted = min(1 if (most := whole(spec, "parallelism")) is None else most, left)
    if active >= wanted or not case.job:
        return []
    refused = creation.latest(events.refusals.get(case.name, []))
    if refused:
        who = (
            f"{wanted - active} of {wanted} pods" if active else "its pod" if wanted == 1 else f"none of {wanted} pods"
        )
        cannot = "can" if who.startswith("none") else "cannot"
        return [about(creation.cause(refused, case.scene, active), f"{who} {cannot} be created")]
    since = last_move(case)
    if since is not None and now - since < MISSING_SECONDS:
        return []
    known = "" if events.readable else "its events, which may say why, cannot be read with your rights"
    said = f"{wanted - active} of {wanted} pods are missing" if active else "no pod of it is there"
    age = "" if since is None else f", {round(now - since)} s after {'the last one' if case.pods else 'its start'}"
    fix = f"kubectl describe job {case.name} tells all that is known; wait, or ask the cluster's owner"
    rank = Rank.WAITING if active else Rank.STUCK
    return [about(Cause("no-pods", f"{said}{age}", fix, "pods are missing", known, rank))]


def given_up(status: Json) -> int:
    """How many indexes a Job has given up."""
    try:
        return sum(last - first + 1 for first, last in intervals(text(status, "failedIndexes")))
    except ValueError:
        return 0


def last_move(case: Case) -> float | None:
    """When something last happened to the pods of a Job: one was made or ended, else the Job was started."""
    times = [moment(case.job, "status", "startTime")]
    times += [time for pod in case.pods for time in (pod.created, pod.finished)]
    return max((time for time in times if time is not None), default=None)


def waits(case: Case, now: float, base: float) -> Iterator[Finding]:
    """The pauses before the next tries, those of many indexes in one sentence."""
    pods_of = {pod.index: pod for pod in case.pods}
    alike: dict[tuple[int, int | None], list[backoff.Pause]] = {}
    for pause in backoff.pauses(case.job, case.pods, now, base):
        over = [case.state_of(pods_of[i]) in (State.FAILED, State.SUCCEEDED, State.RUNNING) for i in pause.indexes]
        if not any(over) and (pause.most is None or pause.failures < pause.most):
            alike.setdefault((pause.failures, pause.most), []).append(pause)
    for (failures, most), found in alike.items():
        mapped = (case.index_of(pods_of[index]) for pause in found for index in pause.indexes)
        yield pausing(failures, most, [one.left for one in found], [one for one in mapped if one is not None])


def pausing(failures: int, most: int | None, left: list[float], indexes: list[int]) -> Finding:
    """One pause, or several alike."""
    tries = f"{failures} attempt{'' if failures == 1 else 's'} failed"
    of = f" (attempt {failures + 1} of at most {most})" if most is not None else ""
    when = backoff.clock(left)
    cause = Cause(
        CLOCK,
        f"{tries}; the next one begins {when}{of}",
        f"nothing to do, it goes on by itself; run.logs({min(indexes, default=0)}) is what the last one printed",
        f"next try {when}",
        rank=Rank.WAITING,
    )
    return about(cause, indexes_text(indexes) if indexes else "", indexes=indexes)


# ---------------------------------------------------------------- what the pods tell


def of_pods(
    case: Case, events: told.Told, now: float, failures: Mapping[int, Failure]
) -> Iterator[tuple[Cause, Pod, int | None]]:
    """Why pods of a Job do not go on, or failed: of each index the latest, unless it has its result by now."""
    for pod in latest(case.pods):
        index = case.index_of(pod)
        if case.state_of(pod) == State.SUCCEEDED and pod.phase != "Succeeded":
            continue
        failure = failures.get(index) if index is not None else None
        own = failure if failure and failure.uid == pod.uid else None
        cause = pods.cause(pod, case.scene, events, now, own)
        if cause:
            yield cause, pod, index


def of_state(
    state: RunState | None, cases: Sequence[Case], failures: Mapping[int, Failure], covered: set[int]
) -> Iterator[tuple[Cause, Pod, int | None]]:
    """Failures that no pod tells of any more: it is gone, or another attempt runs."""
    scene = cases[-1].scene if cases else Scene(going=False)
    limits = limits_of(cases[-1].job) if cases else {}
    for index, failure in failures.items():
        if index in covered or state is None:
            continue
        pod = ended.unseen(failure, limits)
        cause = ended.bad(pod, scene, failure)
        if not failure.final and not state.over:
            cause = cause._replace(said=f"an attempt failed, another follows: {cause.said}", rank=Rank.NOTE)
        yield cause, pod, index


def limits_of(job: Json) -> dict[str, str]:
    """The limits of a Job's first container."""
    first = next(iter(items(job, "spec", "template", "spec", "containers")), {})
    return words(first, "resources", "limits")


def lost(state: RunState | None) -> list[Finding]:
    """Indexes that the cluster counts as done, without a result."""
    gone = (state.states == State.LOST).nonzero()[0].tolist() if state else []
    if not gone:
        return []
    said = "the pod ended well, but its result is not in the stage: it was taken away, or torn"
    cause = Cause("result-lost", said, "run.retry()", "results are lost", rank=Rank.FAILED)
    return [about(cause, indexes_text(gone), indexes=gone)]


# ---------------------------------------------------------------- many pods, one sentence


def gathered(blamed: Iterable[tuple[Cause, Pod, int | None]]) -> Iterator[Finding]:
    """One finding for all pods of the same cause."""
    alike: dict[tuple[str, str], list[tuple[Cause, Pod, int | None]]] = {}
    for one in blamed:
        alike.setdefault((one[0].code, one[0].said), []).append(one)
    for group in alike.values():
        cause = group[0][0]
        indexes = sorted({index for _, _, index in group if index is not None})
        members = [pod for _, pod, _ in group]
        said = re.sub(r"\bINDEX\b", str(indexes[0] if indexes else 0), cause.fix)
        named = cause._replace(fix=re.sub(r"\bPOD\b", members[0].name or "POD", said))
        who = subject(indexes, members, with_nodes=cause.code.startswith(OF_NODES))
        yield about(named, who, indexes=indexes, pods=[pod.name for pod in members if pod.name])


def subject(indexes: Sequence[int], members: Sequence[Pod], *, with_nodes: bool) -> str:
    """Who is meant: "index 3 (pod x, node n1)", "indexes 0-15 (nodes n1, n2)", "pods a, b"."""
    names = [pod.name for pod in members if pod.name]
    nodes = sorted({pod.node for pod in members if pod.node})
    where = (
        [f"node{'' if len(nodes) == 1 else 's'} {few(nodes)}"] if nodes and (with_nodes or len(members) == 1) else []
    )
    if not indexes:
        return f"pod{'' if len(names) == 1 else 's'} {few(names)}{f' ({where[0]})' if where else ''}"
    inside = [*([f"pod {names[0]}"] if len(members) == 1 and names else []), *where]
    return indexes_text(indexes) + (f" ({', '.join(inside)})" if inside else "")


def few(names: Sequence[str], most: int = 3) -> str:
    """Some names, and how many there are in all."""
    told = ", ".join(names[:most])
    return told if len(names) <= most else f"{told}, … ({len(names):,} in all)"
