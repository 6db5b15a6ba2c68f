"""What is known of a run's attempts, gathered from the three places where it may be.

The cluster has the pods that are still there, the stage has what clients saw (records, logs) and what the workers say
of themselves (accounts). Each may lack what another has; here they are one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from kjnb.cluster import decode
from kjnb.cluster.client import Cluster
from kjnb.errors import ClusterError
from kjnb.model.facts import Fact, PodSeen
from kjnb.model.indexes import run_index
from kjnb.model.state import RunState, State
from kjnb.run import failures as failed
from kjnb.run import job as job_said
from kjnb.run import recorder
from kjnb.run.follow import selector
from kjnb.stage.folder import Stage

Json = dict[str, Any]


class Tried(NamedTuple):
    """One attempt at an index that has begun: its pod's uid and name, and when (seconds since the epoch)."""

    uid: str
    pod: str
    start: float


def pods(cluster: Cluster | None, facts: Json, labels: str = "", fields: str = "") -> list[PodSeen]:
    """The run's pods as the cluster has them now, with the run's indexes; none if it does not answer.

    `labels` and `fields` select some of them, so that looking at a few costs nothing that grows with the run.
    """
    found: list[Fact] = []
    if cluster is not None:
        chosen = f"{selector(facts)},{labels}" if labels else selector(facts)
        with contextlib.suppress(ClusterError):
            for raw in cluster.pages("pods", chosen, fields):
                found += decode.page("pods", raw).facts
    return of_the_run(found, facts, lambda _: True)


def recorded_pods(stage: Stage, facts: Json, of: Callable[[int], bool]) -> list[PodSeen]:
    """Pods as any client saw them last, of the indexes of the run that `of` says yes to."""
    rows = [row for row in stage.records() if row.get("fact") == "pod"]
    return of_the_run(recorder.facts(rows), facts, of)


def of_the_run(seen: Iterable[Fact], facts: Json, of: Callable[[int], bool]) -> list[PodSeen]:
    """The pods among these facts, each with its index of the run in place of that of its Job."""
    maps, size = job_said.maps(facts), int(facts["plan"]["completions"])
    told = (f._replace(index=run_index(maps, size, f.job, f.index)) for f in seen if isinstance(f, PodSeen))
    return [pod for pod in told if pod.index >= 0 and of(pod.index)]


def completion_indexes(facts: Json, index: int) -> list[int]:
    """The completion indexes that an index of the run has in its Jobs."""
    maps = job_said.maps(facts).values()
    return sorted({index if known is None else known.index(index) for known in maps if known is None or index in known})


def tried(stage: Stage, cluster: Cluster | None, facts: Json, index: int) -> list[Tried]:
    """All attempts at an index, oldest first."""
    accounts = stage.attempts(lambda i: i == index)
    known = {a["attempt"]: Tried(a["attempt"], a["pod"], a["start"]) for a in accounts}
    places = ",".join(map(str, completion_indexes(facts, index)))
    here = pods(cluster, facts, f"{decode.INDEX} in ({places})")
    for pod in [*recorded_pods(stage, facts, lambda i: i == index), *here]:
        if pod.index == index and pod.phase != "Pending":
            known[pod.uid] = Tried(pod.uid, pod.name, pod.created)
    return sorted(known.values(), key=lambda t: t.start)


def save_logs(stage: Stage, cluster: Cluster | None, facts: Json) -> None:
    """Put the log of every attempt that began into the stage, before its pod goes."""
    if cluster is None:
        return
    begun = [p for p in pods(cluster, facts) if p.phase not in ("Pending", "Unknown")]
    with ThreadPoolExecutor(8, thread_name_prefix="kjnb-logs") as pool:
        list(pool.map(lambda p: recorder.save_log(stage, cluster, p.index, p.uid, p.name), begun))


def failures(stage: Stage, cluster: Cluster | None, facts: Json, state: RunState) -> Iterator[failed.Failure]:
    """Tell of every index with a failed attempt and no result; of every one without a result once the run is over."""
    done = set(stage.committed())
    ours = ("failed", "terminated")
    accounts = _by_index(a for a in stage.attempts(lambda i: i not in done) if a["outcome"] in ours)
    here = pods(cluster, facts, fields="status.phase=Failed")
    seen = {p.uid: p for p in [*recorded_pods(stage, facts, lambda i: i not in done), *here]}
    ended = _by_index(p._asdict() for p in seen.values() if p.phase == "Failed")
    for index in range(len(state.states)):
        told, lost = accounts.get(index, []), ended.get(index, [])
        how = State(int(state.states[index]))
        if index in done or not (state.over or told or lost or how in (State.FAILED, State.LOST)):
            continue
        yield _failure(stage, index, int(state.tries[index]), told, lost, how.name.lower())


def _failure(stage: Stage, index: int, tries: int, told: list[Json], lost: list[Json], how: str) -> failed.Failure:
    """Tell of one index by its last attempt: the pod's if one is known to have ended, with the account it left."""
    pod = max(lost, key=lambda p: (p["created"], p["rv"]), default=None)
    account = max(told, key=lambda a: a["end"], default=None)
    if pod:
        account = next((a for a in told if a["attempt"] == pod["uid"]), account if not pod["finished"] else None)
    uid = pod["uid"] if pod else account["attempt"] if account else ""
    tries = max(tries, len({*(a["attempt"] for a in told), *(p["uid"] for p in lost)}))
    how = "stopped" if tries and how in ("queued", "starting", "running") else how
    return failed.row(index, tries, account, pod, stage.log(index, uid) if uid else None, how)


def _by_index(rows: Iterable[Json]) -> dict[int, list[Json]]:
    found: dict[int, list[Json]] = {}
    for row in rows:
        found.setdefault(int(row["index"]), []).append(row)
    return found
