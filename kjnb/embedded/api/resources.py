"""The table of what is served: a row a resource. A new one is a row here, a line in `fields.py`, its validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kjnb.embedded.api import defaults
from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import core, job, pod_object

Object = dict[str, Any]
EVERY_VERB = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
ANY_FIELDS = frozenset({"metadata.name", "metadata.namespace"})


class Resource(NamedTuple):
    """One served kind; `default` fills in, the checks find what is wrong, `fields` are those to select by."""

    plural: str
    kind: str
    group: str
    version: str
    namespaced: bool
    default: Callable[[Object], Object]
    check: Callable[[Object], list[FieldError]]
    check_update: Callable[[Object, Object], list[FieldError]]
    fields: frozenset[str] = ANY_FIELDS
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    default_propagation: str = "Background"
    returns_deleted: bool = False

    @property
    def api_version(self) -> str:
        """`v1`, `batch/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


def as_given(obj: Object) -> Object:
    """No defaults."""
    return obj


POD_FIELDS = ANY_FIELDS | {
    "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase",
    "status.podIP", "status.nominatedNodeName",
}  # fmt: skip
EVENT_FIELDS = ANY_FIELDS | {
    f"involvedObject.{part}"
    for part in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
} | {"reason", "reportingComponent", "source", "type"}  # fmt: skip

RESOURCES: tuple[Resource, ...] = (
    Resource(
        "jobs", "Job", "batch", "v1", True, defaults.job, job.job, job.job_update, ANY_FIELDS | {"status.successful"},
        subresources=("status",), categories=("all",), default_propagation="Orphan",
    ),
    Resource(
        "pods", "Pod", "", "v1", True, defaults.pod, pod_object.pod_object, pod_object.pod_update, POD_FIELDS,
        short=("po",), subresources=("status", "log"), categories=("all",), returns_deleted=True,
    ),
    Resource(
        "configmaps", "ConfigMap", "", "v1", True, as_given, core.entries, core.entries_update, short=("cm",),
    ),
    Resource(
        "secrets", "Secret", "", "v1", True, defaults.secret, core.entries, core.entries_update, ANY_FIELDS | {"type"},
    ),
    Resource("events", "Event", "", "v1", True, as_given, core.plain, core.plain_update, EVENT_FIELDS, short=("ev",)),
    Resource(
        "nodes", "Node", "", "v1", False, as_given, core.plain, core.plain_update,
        ANY_FIELDS | {"spec.unschedulable"}, short=("no",), subresources=("status",),
    ),
    Resource(
        "namespaces", "Namespace", "", "v1", False, defaults.namespace, core.namespace, core.plain_update,
        ANY_FIELDS | {"status.phase"}, short=("ns",), subresources=("status",), returns_deleted=True,
    ),
)  # fmt: skip
BY_PATH = {(one.group, one.version, one.plural): one for one in RESOURCES}
BY_PLURAL = {one.plural: one for one in RESOURCES}
