"""A Job's pods, as the Job controller and the API server's defaults make them from the template.

What pods of a Job have alike is built once and shared by all of them; only names, index and hostname are their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kjnb.embedded.api import defaults
from kjnb.embedded.controllers.job_pods import FAILURES, IGNORED, INDEX, TRACKING, Object

NAME_ROOM = 63 - 5  # a pod's name is a DNS label and ends in five random characters
INDEX_VARIABLE = {
    "name": "JOB_COMPLETION_INDEX",
    "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}},
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
        alike = defaults.pod({"spec": with_index(template["spec"]) if self._indexed else template["spec"]})
        self._spec: Object = alike["spec"]
        self._status: Object = alike["status"]
        self._owners = [owner_reference(job)]

    def pod(self, place: Place) -> Object:
        """A pod for that place."""
        prefix = name_prefix(self._job["metadata"]["name"], place.index)
        meta: Object = {
            "name": prefix[:NAME_ROOM] + self._names(),
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
    """The generateName of a pod; with an index a long Job name is cut to leave room for it."""
    end = "-" if index is None else f"-{index}-"
    return job_name + end if index is None else job_name[: NAME_ROOM - len(end)] + end


def with_index(spec: Object) -> Object:
    """The spec whose containers are told their completion index."""
    kinds = [kind for kind in ("initContainers", "containers") if spec.get(kind)]
    return {**spec, **{kind: [_told(container) for container in spec[kind]] for kind in kinds}}


def _told(container: Object) -> Object:
    env = container.get("env") or []
    if any(variable["name"] == INDEX_VARIABLE["name"] for variable in env):
        return container
    return {**container, "env": [*env, INDEX_VARIABLE]}
