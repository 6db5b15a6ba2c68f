"""A Job's pods, as the Job controller and the API server's defaults make them from the template.

What pods of a Job have alike is built once and shared by all of them; only names, index and hostname are their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kjnb.embedded.controllers.job_pods import FAILURES, IGNORED, INDEX, TRACKING, Object

NAME_ROOM = 63 - 5  # a pod's name is a DNS label and ends in five random characters
INDEX_VARIABLE = {
    "name": "JOB_COMPLETION_INDEX",
    "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}},
}
TOLERATED = ("not-ready", "unreachable")
ADMITTED: dict[str, Any] = {
    "serviceAccountName": "default",
    "serviceAccount": "default",
    "tolerations": [
        {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for what in TOLERATED
    ],
    "priority": 0,
    "enableServiceLinks": True,
    "preemptionPolicy": "PreemptLowerPriority",
}


@dataclass(frozen=True)
class Place:
    """What one new pod is for: its completion index, if any, and what its index's counts stand at."""

    index: int | None = None
    failures: int | None = None
    ignored: int = 0


class Mould:
    """Makes the pods of one Job; `names` gives five random characters."""

    def __init__(self, job: Object, names: Callable[[], str]) -> None:
        self._job = job
        self._names = names
        template = job["spec"]["template"]
        self._meta: Object = template.get("metadata") or {}
        self._indexed = job["spec"].get("completionMode") == "Indexed"
        self._spec = pod_spec(template["spec"], self._indexed)
        self._status = {"phase": "Pending", "qosClass": qos_class(self._spec)}
        self._owners = [owner_reference(job)]

    def pod(self, place: Place) -> Object:
        """A pod for that place."""
        prefix = name_prefix(self._job["metadata"]["name"], place.index)
        meta: Object = {
            "name": prefix + self._names(),
            "generateName": prefix,
            "namespace": self._job["metadata"]["namespace"],
            "generation": 1,
            "labels": {**(self._meta.get("labels") or {})},
            "annotations": {**(self._meta.get("annotations") or {})},
            "ownerReferences": self._owners,
            "finalizers": [*(self._meta.get("finalizers") or ()), TRACKING],
        }
        spec = self._spec
        if place.index is not None:
            meta["labels"][INDEX] = meta["annotations"][INDEX] = str(place.index)
            spec = {**spec, "hostname": f"{self._job['metadata']['name']}-{place.index}"}
        if place.failures is not None:
            meta["annotations"][FAILURES] = str(place.failures)
        if place.ignored:
            meta["annotations"][IGNORED] = str(place.ignored)
        if not meta["annotations"]:
            del meta["annotations"]
        return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": self._status}


def owner_reference(job: Object) -> Object:
    """What a pod says of the Job that controls it."""
    who = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
    return {**who, "controller": True, "blockOwnerDeletion": True}


def name_prefix(job_name: str, index: int | None) -> str:
    """What a pod's name begins with, up to its random end; a long Job name is cut."""
    end = "-" if index is None else f"-{index}-"
    return job_name[: NAME_ROOM - len(end)] + end


def pod_spec(template: Object, indexed: bool) -> Object:
    """The spec that a Job's pods share."""
    spec = {**ADMITTED, **template}
    if template.get("serviceAccountName"):
        spec["serviceAccount"] = template["serviceAccountName"]
    if template.get("tolerations"):
        spec["tolerations"] = [*template["tolerations"], *_missing(template["tolerations"])]
    for kind in ("initContainers", "containers"):
        if template.get(kind):
            spec[kind] = [_container(container, indexed) for container in template[kind]]
    return spec


def _missing(given: list[Object]) -> list[Object]:
    keys = {toleration.get("key") for toleration in given}
    return [toleration for toleration in ADMITTED["tolerations"] if toleration["key"] not in keys]


def _container(container: Object, indexed: bool) -> Object:
    asked = container.get("resources") or {}
    limits = asked.get("limits") or {}
    if limits:
        requests = {**limits, **(asked.get("requests") or {})}
        container = {**container, "resources": {**asked, "requests": requests}}
    env = container.get("env") or []
    if indexed and all(variable["name"] != INDEX_VARIABLE["name"] for variable in env):
        container = {**container, "env": [*env, INDEX_VARIABLE]}
    return container


def qos_class(spec: Object) -> str:
    """Guaranteed where all limits of cpu and memory equal the requests, BestEffort where there are neither."""
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    asked = [container.get("resources") or {} for container in containers]
    limits = [_core(some.get("limits")) for some in asked]
    requests = [_core(some.get("requests")) for some in asked]
    if not any(limits) and not any(requests):
        return "BestEffort"
    return "Guaranteed" if all(len(some) == 2 for some in limits) and limits == requests else "Burstable"


def _core(resources: Object | None) -> Object:
    return {name: amount for name, amount in (resources or {}).items() if name in ("cpu", "memory")}
