"""PURE: what `kubectl get` prints: a Table of the columns that Kubernetes has for a kind, one row an object."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kjnb.embedded.api import pod_words

Object = dict[str, Any]
Row = Callable[[Object, datetime], list[Any]]
NONE = "<none>"
ROLE = "node-role.kubernetes.io/"
OF_NODES = ("InternalIP", "ExternalIP")


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time of the API; None when there is none."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def age(seconds: float) -> str:
    """A duration as kubectl words it: 59s, 3m5s, 12m, 5h10m, 2d3h, 12d, 2y10d."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    total = max(total, 0)
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return _pair(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    return _pair(days // 365, "y", days % 365, "d")


def _pair(big: int, unit: str, small: int, smaller: str) -> str:
    return f"{big}{unit}{small}{smaller}" if small else f"{big}{unit}"


def since(text: str | None, now: datetime) -> str:
    """The age of a time of the API."""
    then = moment(text)
    return age((now - then).total_seconds()) if then else "<unknown>"


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: Object, now: datetime) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def plain_row(obj: Object, now: datetime) -> list[Any]:
    """Name and age."""
    return [_name(obj), _age(obj, now)]


def job_row(job: Object, now: datetime) -> list[Any]:
    """Name, status, completions, duration, age; wide: containers, images, selector."""
    containers = job["spec"]["template"]["spec"].get("containers") or []
    labels = (job["spec"].get("selector") or {}).get("matchLabels") or {}
    names, images = (",".join(c.get(key, "") for c in containers) for key in ("name", "image"))
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or NONE
    return [_name(job), job_state(job), completions(job), duration(job, now), _age(job, now), names, images, selector]


def job_state(job: Object) -> str:
    """The Job in one word, from its conditions."""
    status = job.get("status") or {}
    true = {c["type"] for c in status.get("conditions") or [] if c["status"] == "True"}
    for word in ("Complete", "Failed"):
        if word in true:
            return word
    if job["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return next((w for w in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if w in true), "Running")


def completions(job: Object) -> str:
    """3/10; without completions as kubectl words a work queue."""
    succeeded = (job.get("status") or {}).get("succeeded", 0)
    wanted, parallelism = job["spec"].get("completions"), job["spec"].get("parallelism", 0)
    if wanted is not None:
        return f"{succeeded}/{wanted}"
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def duration(job: Object, now: datetime) -> str:
    """From the start to the end, or to now."""
    status = job.get("status") or {}
    start = moment(status.get("startTime"))
    if start is None:
        return ""
    failed = [c.get("lastTransitionTime") for c in status.get("conditions") or [] if c["type"] == "Failed"]
    end = moment(status.get("completionTime") or next(iter(failed), None)) or now
    return age((end - start).total_seconds())


def pod_row(pod: Object, now: datetime) -> list[Any]:
    """Name, ready, status, restarts, age; wide: IP, node, nominated node, readiness gates."""
    status = pod.get("status") or {}
    ips = [ip.get("ip") for ip in status.get("podIPs") or []]
    address = next(iter(ips), None) or status.get("podIP") or NONE
    return [
        _name(pod), pod_words.ready(pod), pod_words.state(pod), restarts(pod, now), _age(pod, now), address,
        pod["spec"].get("nodeName") or NONE, status.get("nominatedNodeName") or NONE, pod_words.gates(pod) or NONE,
    ]  # fmt: skip


def restarts(pod: Object, now: datetime) -> str:
    """0, or 2 (5m ago)."""
    count, last = pod_words.restarts(pod)
    return f"{count} ({since(last, now)} ago)" if count and last else str(count)


def event_row(event: Object, now: datetime) -> list[Any]:
    """Last seen, type, reason, object, message; wide: where it is from, first seen, count, name."""
    about, source = event.get("involvedObject") or {}, event.get("source") or {}
    last = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    first = event.get("firstTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    origin = ", ".join(filter(None, (source.get("component"), source.get("host")))) or event.get(
        "reportingComponent", ""
    )
    thing = f"{about.get('kind', '').lower()}/{about.get('name', '')}"
    return [
        since(last, now), event.get("type", ""), event.get("reason", ""), thing, about.get("fieldPath", ""), origin,
        event.get("message", ""), since(first, now), event.get("count") or 1, _name(event),
    ]  # fmt: skip


def node_row(node: Object, now: datetime) -> list[Any]:
    """Name, status, roles, age, version; wide: addresses, operating system, kernel, container runtime."""
    status = node.get("status") or {}
    about, addresses = status.get("nodeInfo") or {}, status.get("addresses") or []
    inner, outer = (next((a["address"] for a in addresses if a["type"] == kind), NONE) for kind in OF_NODES)
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or [])
    word = "Ready" if ready else "NotReady"
    word += ",SchedulingDisabled" if (node.get("spec") or {}).get("unschedulable") else ""
    parts = [about.get(part) or "<unknown>" for part in ("osImage", "kernelVersion", "containerRuntimeVersion")]
    return [_name(node), word, roles(node), _age(node, now), about.get("kubeletVersion", ""), inner, outer, *parts]


def roles(node: Object) -> str:
    """What a node is for, as its labels say."""
    labels = node["metadata"].get("labels") or {}
    found = {key.removeprefix(ROLE) for key in labels if key.startswith(ROLE) and key != ROLE}
    found |= {value for key, value in labels.items() if key == "kubernetes.io/role" and value}
    return ",".join(sorted(found)) or NONE


def namespace_row(namespace: Object, now: datetime) -> list[Any]:
    """Name, status, age."""
    return [_name(namespace), (namespace.get("status") or {}).get("phase", ""), _age(namespace, now)]


def configmap_row(configmap: Object, now: datetime) -> list[Any]:
    """Name, number of entries, age."""
    return [
        _name(configmap),
        len(configmap.get("data") or {}) + len(configmap.get("binaryData") or {}),
        _age(configmap, now),
    ]


def secret_row(secret: Object, now: datetime) -> list[Any]:
    """Name, type, number of entries, age."""
    return [_name(secret), secret.get("type", ""), len(secret.get("data") or {}), _age(secret, now)]


def service_row(service: Object, now: datetime) -> list[Any]:
    """Name, type, address, no outer address, ports, age; wide: selector."""
    spec = service.get("spec") or {}
    ports = ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in spec.get("ports") or [])
    selector = ",".join(f"{key}={value}" for key, value in sorted((spec.get("selector") or {}).items()))
    return [
        _name(service), spec.get("type", ""), spec.get("clusterIP", ""), NONE, ports or NONE, _age(service, now),
        selector or NONE,
    ]  # fmt: skip


def account_row(account: Object, now: datetime) -> list[Any]:
    """Name, number of secrets, age."""
    return [_name(account), len(account.get("secrets") or []), _age(account, now)]


# name, type, shown only when wide
Columns = list[tuple[str, str, bool]]


def _columns(text: str) -> Columns:
    """`Name Ready Age +IP`: a + marks a wide column, _ stands for a blank, # for a whole number."""
    return [
        (word.strip("+#").replace("_", " "), "integer" if "#" in word else "string", "+" in word)
        for word in text.split()
    ]


PRINTED: dict[str, tuple[Columns, Row]] = {
    "jobs": (_columns("Name Status Completions Duration Age +Containers +Images +Selector"), job_row),
    "pods": (_columns("Name Ready Status Restarts Age +IP +Node +Nominated_Node +Readiness_Gates"), pod_row),
    "events": (
        _columns("Last_Seen Type Reason Object +Subobject +Source Message +First_Seen #+Count +Name"), event_row,
    ),
    "nodes": (
        _columns(
            "Name Status Roles Age Version +Internal-IP +External-IP +OS-Image +Kernel-Version +Container-Runtime"
        ),
        node_row,
    ),
    "namespaces": (_columns("Name Status Age"), namespace_row),
    "configmaps": (_columns("Name #Data Age"), configmap_row),
    "services": (_columns("Name Type Cluster-IP External-IP Port(s) Age +Selector"), service_row),
    "serviceaccounts": (_columns("Name #Secrets Age"), account_row),
    "secrets": (_columns("Name Type #Data Age"), secret_row),
}  # fmt: skip
PLAIN: tuple[Columns, Row] = (_columns("Name Age"), plain_row)


def definitions(resource: str) -> list[Object]:
    """The Table's columnDefinitions."""
    columns, _ = PRINTED.get(resource, PLAIN)
    return [
        {
            "name": name,
            "type": kind,
            "format": "name" if name == "Name" else "",
            "description": name,
            "priority": int(wide),
        }
        for name, kind, wide in columns
    ]


def table(resource: str, objects: list[Object], now: datetime, *, include: str, version: str, columns: bool) -> Object:
    """The Table of these objects. `include` is None, Metadata or Object: what each row carries of its object."""
    row = PRINTED.get(resource, PLAIN)[1]
    rows = [{"cells": row(obj, now), **_carried(obj, include)} for obj in objects]
    shown = {"columnDefinitions": definitions(resource) if columns else []}
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        **shown,
        "rows": rows,
    }


def _carried(obj: Object, include: str) -> Object:
    if include == "None":
        return {"object": None}
    if include == "Object":
        return {"object": obj}
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
    return {"object": partial}
