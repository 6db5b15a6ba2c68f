"""The table of what is served: a row a resource. A new one is a row here, a line in `fields.py`, its validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kjnb.embedded.api import defaults, newer_events
from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import core, job, pod_object

Object = dict[str, Any]
EVERY_VERB = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READ_VERBS = ("get", "list", "watch")
ONE_BY_ONE = tuple(verb for verb in EVERY_VERB if verb != "deletecollection")
ANY_FIELDS = frozenset({"metadata.name", "metadata.namespace"})


class Resource(NamedTuple):
    """One served kind; `default` fills in, the checks find what is wrong, `fields` are those to select by.

    A kind that is another view of what is stored has a `type` of its own and two ways between the views.
    """

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
    verbs: tuple[str, ...] = EVERY_VERB
    own_type: str = ""
    shown: Callable[[Object], Object] | None = None
    kept: Callable[[Object], Object] | None = None

    @property
    def type(self) -> str:
        """The kind's name in `fields.py`."""
        return self.own_type or self.kind

    def view(self, stored: Object) -> Object:
        """The object as this kind shows it."""
        return self.shown(stored) if self.shown else stored

    @property
    def api_version(self) -> str:
        """`v1`, `batch/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


def as_given(obj: Object) -> Object:
    """No defaults."""
    return obj


POD_FIELDS = ANY_FIELDS | {
    "spec.hostNetwork", "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
    "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
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
        short=("po",), subresources=("status", "log", "eviction", "binding"), categories=("all",), returns_deleted=True,
    ),
    Resource(
        "configmaps", "ConfigMap", "", "v1", True, as_given, core.entries, core.entries_update, short=("cm",),
    ),
    Resource(
        "secrets", "Secret", "", "v1", True, defaults.secret, core.secret, core.secret_update, ANY_FIELDS | {"type"},
    ),
    Resource("events", "Event", "", "v1", True, as_given, core.event, core.plain_update, EVENT_FIELDS, short=("ev",)),
    Resource(
        "nodes", "Node", "", "v1", False, as_given, core.plain, core.plain_update,
        ANY_FIELDS | {"spec.unschedulable"}, short=("no",), subresources=("status",),
    ),
    Resource(
        "namespaces", "Namespace", "", "v1", False, defaults.namespace, core.namespace, core.plain_update,
        ANY_FIELDS | {"name", "status.phase"}, short=("ns",), subresources=("status", "finalize"),
        returns_deleted=True, verbs=ONE_BY_ONE,
    ),
    Resource(
        "serviceaccounts", "ServiceAccount", "", "v1", True, as_given, core.plain, core.account_update, short=("sa",),
        returns_deleted=True,
    ),
    Resource(
        "services", "Service", "", "v1", True, as_given, core.plain, core.plain_update,
        ANY_FIELDS | {"spec.clusterIP", "spec.type"}, short=("svc",), categories=("all",), verbs=READ_VERBS,
    ),
    Resource(
        "events", "Event", "events.k8s.io", "v1", True, as_given, core.plain, core.plain_update,
        ANY_FIELDS | newer_events.SELECTED, short=("ev",), own_type="NewerEvent", shown=newer_events.shown,
        kept=newer_events.kept,
    ),
)  # fmt: skip
BY_PATH = {(one.group, one.version, one.plural): one for one in RESOURCES}
BY_PLURAL = {one.plural: one for one in RESOURCES if one.shown is None}
