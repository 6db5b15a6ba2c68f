"""Creating a run's Job: its name is the lock, and the id in its annotations settles whose it is.

A reply may be lost after the Job was made, somebody else may have the name, and an older cluster drops the fields it
does not know: each is told here, for a launch and for a retry alike.
"""

from __future__ import annotations

from typing import Any

from kjnb.cluster.client import Cluster
from kjnb.cluster.dropped import FLOOR, dropped, since, too_old
from kjnb.errors import ClusterError, Conflict, NotFound, Unreachable, UsageError
from kjnb.run.job import transaction

Json = dict[str, Any]


def create(cluster: Cluster, body: Json) -> Json | None:
    """Create a Job; None if somebody else has the name."""
    try:
        return cluster.create("jobs", body)[0]
    except (Conflict, Unreachable) as error:
        return _mine(cluster, body, error)
    except ClusterError as error:
        older = _too_old(cluster, error)
        if older is None:
            raise
        raise older from error


def _mine(cluster: Cluster, body: Json, error: ClusterError) -> Json | None:
    """After a 409 or a lost reply: the Job, if it is the one that this very transaction created."""
    try:
        job = cluster.get("jobs", body["metadata"]["name"])
    except NotFound:
        if isinstance(error, Unreachable):
            raise error from None
        return None
    return job if transaction(job) == transaction(body) else None


def _too_old(cluster: Cluster, error: ClusterError) -> UsageError | None:
    """The reason behind a refusal of the Job, if the cluster is below the floor."""
    version = str(cluster.version().get("gitVersion", "")) if error.status in (400, 422) else ""
    if not too_old(version):
        return None
    return UsageError(
        f"the cluster {cluster.context} (Kubernetes {version}) refused the Job: {error.what}",
        fix=f"kjnb needs Kubernetes {FLOOR} or newer",
    )


def compare(cluster: Cluster, job: Json, body: Json) -> None:
    """Refuse a cluster that dropped what was asked for: it would run another Job than the one launched."""
    lost = list(dropped(body["spec"], job["spec"], "spec"))
    if lost:
        version = cluster.version().get("gitVersion", "this version")
        raise UsageError(
            f"the cluster {cluster.context} (Kubernetes {version}) does not know {', '.join(lost[:5])}",
            fix=f"Kubernetes {since(lost[0])} has it; kjnb needs at least {FLOOR}",
        )
