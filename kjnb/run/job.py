"""What a run's Job says of itself: its annotations, and whether it is over."""

from __future__ import annotations

from typing import Any

from kjnb.model.indexes import Maps, index_maps
from kjnb.model.manifest import LAUNCH_LABEL

LAUNCH = LAUNCH_LABEL  # the annotation has the label's name
RETRY = "kjnb.dev/retry"  # the id of the transaction that made a further Job of a run
FINGERPRINT = "kjnb.dev/fingerprint"
LAUNCHER = "kjnb.dev/launcher"  # host/pid/start of the process
LAUNCHED = "kjnb.dev/launched"  # set by the same request that resumes
Json = dict[str, Any]


def annotation(job: Json, name: str) -> str:
    """Read an annotation; empty when it is not there."""
    return str((job["metadata"].get("annotations") or {}).get(name, ""))


def transaction(job: Json) -> str:
    """Tell the launch or the retry that made a Job from all others."""
    return annotation(job, RETRY) or annotation(job, LAUNCH)


def maps(facts: Json) -> Maps:
    """Read which indexes of the run each of its Jobs has, in the order of their making."""
    return index_maps(facts["jobs"], int(facts["plan"]["completions"]))


def is_unfinished(job: Json) -> bool:
    """Whether a Job was created by a launch that has not come to its end."""
    return bool(job["spec"].get("suspend")) and bool(annotation(job, LAUNCHER)) and not annotation(job, LAUNCHED)


def is_over(job: Json) -> bool:
    """Whether a Job has come to its end."""
    conditions = job.get("status", {}).get("conditions") or []
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)
