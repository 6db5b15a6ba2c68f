"""Launches that were cut off: a Job that was created suspended and never resumed by the one who launched it.

Whoever comes next, another launch or an attach, finishes it if its stage is complete and else removes it. So that
nobody does that to a launch still under way, the Job names the process that launches it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime

from kjnb.cluster.client import Cluster
from kjnb.errors import Conflict, NotFound
from kjnb.run.job import LAUNCH, LAUNCHED, LAUNCHER, RETRY, Json, annotation, is_unfinished, transaction
from kjnb.stage.folder import Stage

ELSEWHERE_SECONDS = 900  # a launcher on another machine has this long
_HERE: set[str] = set()  # the launches that threads of this process are at
_LOCK = threading.Lock()


def launcher() -> str:
    """Name this process so that others on this machine can tell whether it still lives."""
    import psutil

    return f"{socket.gethostname()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


@contextlib.contextmanager
def at_work(launch: str) -> Iterator[bool]:
    """Let the other threads of this process know that a launch is under way; False if one of them is at it."""
    with _LOCK:
        free = launch not in _HERE
        _HERE.add(launch)
    try:
        yield free
    finally:
        if free:
            _HERE.discard(launch)


@contextlib.contextmanager
def taken_over(cluster: Cluster, job: Json) -> Iterator[Json | None]:
    """Take over a launch that was cut off: its Job, to finish or to remove; None if that is not ours to do.

    One that is still under way is waited for.
    """
    if is_under_way(job, cluster.clock.now()):
        wait_while_under_way(cluster, job["metadata"]["name"])
        yield None
        return
    with at_work(transaction(job)) as free:
        yield claim(cluster, job) if free else None


def claim(cluster: Cluster, job: Json) -> Json | None:
    """Name this process as the launcher; None if somebody else did, or if the Job is not as it was any more."""
    mine = {"resourceVersion": job["metadata"]["resourceVersion"], "annotations": {LAUNCHER: launcher()}}
    try:
        return cluster.patch("jobs", job["metadata"]["name"], {"metadata": mine})
    except (Conflict, NotFound):
        return None


def is_under_way(job: Json, now: float) -> bool:
    """Whether another process may still be at it; `now` in seconds on the server's clock."""
    import psutil

    host, _, rest = annotation(job, LAUNCHER).partition("/")
    pid, _, start = rest.partition("/")
    if host != socket.gethostname():
        created = datetime.fromisoformat(job["metadata"]["creationTimestamp"]).timestamp()
        return now - created < ELSEWHERE_SECONDS
    if pid == str(os.getpid()):
        return transaction(job) in _HERE
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == start
    except (psutil.Error, ValueError):
        return False


def resume(cluster: Cluster, job: Json) -> None:
    """Let the Job run, and say in the same request that its launch is complete."""
    told = {"metadata": {"annotations": {LAUNCHED: "true"}}, "spec": {"suspend": False}}
    cluster.patch("jobs", job["metadata"]["name"], told)


def remove(cluster: Cluster, job: Json, stage: Stage) -> None:
    """Take away a Job that never ran, and what there is of its stage; of a retry only the Job."""
    try:
        mine = not stage.exists() or stage.facts().get("launch") == annotation(job, LAUNCH)
        if mine and stage.root.exists() and not annotation(job, RETRY) and not stage.committed():
            stage.delete()
    finally:
        cluster.delete("jobs", job["metadata"]["name"], uid=job["metadata"]["uid"])


def settle(cluster: Cluster, job: Json, stage: Stage) -> bool:
    """Finish a launch or a retry that was cut off, or remove it; False if it was removed."""
    if stage.exists() and job["metadata"]["uid"] in {known["uid"] for known in stage.facts()["jobs"]}:
        resume(cluster, job)
        return True
    remove(cluster, job, stage)
    return False


def wait_while_under_way(cluster: Cluster, name: str, seconds: float = 60.0) -> None:
    """Give another process's launch time to come to its end."""
    limit = time.monotonic() + seconds
    with contextlib.suppress(NotFound):
        while is_unfinished(job := cluster.get("jobs", name)) and is_under_way(job, cluster.clock.now()):
            if time.monotonic() > limit:
                return
            time.sleep(0.1)
