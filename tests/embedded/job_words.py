"""Jobs and pods for tests in a few words: `pods("0:Succeeded 1:Failed")`."""

from __future__ import annotations

import itertools
from typing import Any

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.controllers.job_pods import FAILURES, IGNORED, INDEX, TRACKING

NOW = 1_800_000_000.0
TEMPLATE = {
    "metadata": {"labels": {"batch.kubernetes.io/controller-uid": "job-uid", "batch.kubernetes.io/job-name": "job"}},
    "spec": {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "worker", "image": "busybox", "command": ["true"]}],
    },
}


def job(completions: int | None = 3, parallelism: int = 3, *, status: dict | None = None, meta=(), **spec: Any) -> dict:
    """An Indexed Job as the API server stores it; fields of the spec by name, `restart` for its pods' policy."""
    template = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": spec.pop("restart", "Never")}}
    given = {"completions": completions, "parallelism": parallelism, "backoffLimit": 6, "completionMode": "Indexed"}
    if "backoffLimitPerIndex" in spec:
        given["backoffLimit"] = 2**31 - 1
    selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": "job-uid"}}
    given |= {"selector": selector, "suspend": False, "template": template, **spec}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "job", "namespace": "default", "uid": "job-uid", **dict(meta)},
        "spec": {key: value for key, value in given.items() if value is not None},
        "status": status or {},
    }


def pods(words: str, *, restarts: int = 0, age: float = 100.0) -> list[dict]:
    """Pods in words of the form `[index:]Phase[/flag…]`.

    Flags: `deleting`, `free` (without the Job's finalizer), `unbound` (on no node), `ready[=AGE]`, `exit=N`,
    `at=-SECONDS` (when it ended, from NOW), `failures=N`, `ignored=N`, `uid=NAME`, `condition=TYPE`.
    """
    return [_pod(word, number, restarts, age) for number, word in enumerate(words.split())]


def _pod(word: str, number: int, restarts: int, age: float) -> dict:
    index, _, rest = word.rpartition(":")
    phase, *flags = rest.split("/")
    known = dict(flag.partition("=")[::2] for flag in flags)
    name = known.get("uid", f"pod-{number}")
    meta: dict[str, Any] = {"name": name, "namespace": "default", "uid": name, "resourceVersion": "1"}
    meta["labels"] = dict(TEMPLATE["metadata"]["labels"])
    meta["creationTimestamp"] = stamp(NOW - age + number)
    meta["annotations"] = {INDEX: index} if index else {}
    for flag, annotation in (("failures", FAILURES), ("ignored", IGNORED)):
        if flag in known:
            meta["annotations"][annotation] = known[flag]
    if "free" not in known:
        meta["finalizers"] = [TRACKING]
    if "deleting" in known:
        meta["deletionTimestamp"] = stamp(NOW)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": "job-uid", "controller": True}
    meta["ownerReferences"] = [{**owner, "blockOwnerDeletion": True}]
    status: dict[str, Any] = {"phase": phase, "conditions": []}
    if "ready" in known:
        since = stamp(NOW - float(known["ready"] or age))
        status["conditions"].append({"type": "Ready", "status": "True", "lastTransitionTime": since})
    if "condition" in known:
        status["conditions"].append({"type": known["condition"], "status": "True"})
    container: dict[str, Any] = {"name": "worker", "restartCount": restarts, "state": {"running": {}}}
    if phase in ("Succeeded", "Failed"):
        code = int(known.get("exit", phase == "Failed"))
        end = {"exitCode": code, "finishedAt": stamp(NOW + float(known.get("at", -1000)))}
        container["state"] = {"terminated": end}
    status["containerStatuses"] = [container]
    node = {} if "unbound" in known else {"nodeName": "node"}
    return {"kind": "Pod", "metadata": meta, "spec": {**TEMPLATE["spec"], **node}, "status": status}


def numbered():
    """Names for new pods: 00000, 00001, …"""
    counter = itertools.count()
    return lambda: f"{next(counter):05d}"
