"""PURE: what the API server fills in where a manifest is silent. Each function gives a new object.

Given values always win: every function lays the defaults under them.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
MAX_INT32 = 2**31 - 1
SYSTEM_PRIORITIES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
DEFAULT_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for what in ("not-ready", "unreachable")
]


def job(obj: Object) -> Object:
    """Defaults of a batch/v1 Job."""
    spec: Object = dict(obj.get("spec") or {})
    if "completions" not in spec and "parallelism" not in spec:
        spec |= {"completions": 1, "parallelism": 1}
    per_index = "backoffLimitPerIndex" in spec
    spec = {
        "parallelism": 1,
        "completionMode": "NonIndexed",
        "backoffLimit": MAX_INT32 if per_index else 6,
        "suspend": False,
        "manualSelector": False,
        "podReplacementPolicy": "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed",
        **spec,
    }
    if "podFailurePolicy" in spec:
        spec["podFailurePolicy"] = failure_policy(spec["podFailurePolicy"])
    template: Object = spec.get("template") or {}
    spec["template"] = {**template, "spec": pod_spec(template.get("spec") or {})}
    return {**obj, "spec": spec}


def failure_policy(policy: Object) -> Object:
    """A pod condition's status is True unless it is given."""
    rules = [failure_rule(rule) for rule in policy.get("rules") or []]
    return {**policy, "rules": rules or None}


def failure_rule(rule: Object) -> Object:
    """One rule of a podFailurePolicy."""
    if "onPodConditions" not in rule:
        return rule
    return {**rule, "onPodConditions": [{"status": "True", **condition} for condition in rule["onPodConditions"]]}


def pod_spec(spec: Object) -> Object:
    """Defaults of a pod's spec, in a template or not."""
    filled: Object = {
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        **spec,
        "containers": [container(one) for one in spec.get("containers") or []],
    }
    if spec.get("initContainers"):
        filled["initContainers"] = [container(one) for one in spec["initContainers"]]
    if spec.get("volumes"):
        filled["volumes"] = [volume(one) for one in spec["volumes"]]
    if spec.get("serviceAccountName"):
        filled.setdefault("serviceAccount", spec["serviceAccountName"])
    return filled


def container(given: Object) -> Object:
    """Defaults of one container."""
    filled = {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": pull_policy(given.get("image", "")),
        "resources": {},
        **given,
    }
    if given.get("env"):
        filled["env"] = [env_var(one) for one in given["env"]]
    if given.get("ports"):
        filled["ports"] = [{"protocol": "TCP", **port} for port in given["ports"]]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in given:
            seconds = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
            filled[probe] = handler(seconds | given[probe])
    if given.get("lifecycle"):
        hooks = given["lifecycle"].items()
        filled["lifecycle"] = {name: handler(hook) if isinstance(hook, dict) else hook for name, hook in hooks}
    return filled


def handler(given: Object) -> Object:
    """A request goes to / over HTTP, a gRPC health check to the server as a whole."""
    if "httpGet" in given:
        return {**given, "httpGet": {"path": "/", "scheme": "HTTP", **given["httpGet"]}}
    return {**given, "grpc": {"service": "", **given["grpc"]}} if "grpc" in given else given


def on_host(one: Object) -> Object:
    """On the host's network, a container's ports are the host's; a template does not say so."""
    if "ports" not in one:
        return one
    return {**one, "ports": [{**({"hostPort": port["containerPort"]} if port.get("containerPort") else {}), **port}
                             for port in one["ports"]]}  # fmt: skip


def pull_policy(image: str) -> str:
    """Always for an image without a tag or with `latest`, else IfNotPresent."""
    name = image.rpartition("/")[2]
    if "@" in name:
        return "IfNotPresent"
    _, _, tag = name.partition(":")
    return "Always" if tag in ("", "latest") and not image.startswith("local://") else "IfNotPresent"


def env_var(given: Object) -> Object:
    """The version of a field reference, the divisor of a resource reference."""
    return {**given, "valueFrom": env_source(given["valueFrom"])} if given.get("valueFrom") else given


def env_source(source: Object) -> Object:
    """The same, of what holds the reference."""
    if "fieldRef" in source:
        return {**source, "fieldRef": {"apiVersion": "v1", **source["fieldRef"]}}
    if "resourceFieldRef" in source:
        return {**source, "resourceFieldRef": {"divisor": "0", **source["resourceFieldRef"]}}
    return source


def volume(given: Object) -> Object:
    """A volume without a source is an emptyDir; files of the API's own kinds are mode 0644."""
    for kind in ("configMap", "secret", "projected", "downwardAPI"):
        if kind in given:
            return {**given, kind: {"defaultMode": 0o644, **filled_files(kind, given[kind])}}
    if "hostPath" in given:
        return {**given, "hostPath": {"type": "", **given["hostPath"]}}
    return given if len(given) > 1 else {**given, "emptyDir": {}}


def filled_files(kind: str, given: Object) -> Object:
    """References to fields of the pod have a version, tokens a time to live."""
    if kind == "downwardAPI":
        return {**given, "items": [env_source(item) for item in given["items"]]} if given.get("items") else given
    if kind != "projected" or not given.get("sources"):
        return given
    return {**given, "sources": [projected_source(one) for one in given["sources"]]}


def projected_source(one: Object) -> Object:
    """One source of a projected volume."""
    if "serviceAccountToken" in one:
        return {**one, "serviceAccountToken": {"expirationSeconds": 3600, **one["serviceAccountToken"]}}
    if "downwardAPI" in one:
        return {**one, "downwardAPI": filled_files("downwardAPI", one["downwardAPI"])}
    return one


def pod(obj: Object) -> Object:
    """Defaults of a pod, with what admission adds: service account, priority, tolerations, requests from limits."""
    spec: Object = pod_spec(obj.get("spec") or {})
    for kind in ("containers", "initContainers"):
        if kind in spec:
            filled = [requests_from_limits(one) for one in spec[kind]]
            spec[kind] = [on_host(one) for one in filled] if spec.get("hostNetwork") else filled
    spec = {
        "restartPolicy": "Always",
        "serviceAccountName": "default",
        "serviceAccount": spec.get("serviceAccountName", "default"),
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": SYSTEM_PRIORITIES.get(spec.get("priorityClassName", ""), 0),
        **spec,
    }
    tolerated = {one.get("key") for one in spec.get("tolerations") or []}
    added = [one for one in DEFAULT_TOLERATIONS if one["key"] not in tolerated]
    spec["tolerations"] = [*(spec.get("tolerations") or []), *added]
    return {
        **obj,
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": qos_class(spec), **(obj.get("status") or {})},
    }


def requests_from_limits(one: Object) -> Object:
    """A limit without a request is the request, too."""
    resources = one.get("resources") or {}
    limits = resources.get("limits")
    if not limits:
        return one
    return {**one, "resources": {**resources, "requests": {**limits, **(resources.get("requests") or {})}}}


def qos_class(spec: Object) -> str:
    """Guaranteed where all limits of cpu and memory equal the requests, BestEffort where there are neither."""
    asked = [one.get("resources") or {} for one in (*spec["containers"], *spec.get("initContainers", ()))]
    limits, requests = ([_core(some.get(kind)) for some in asked] for kind in ("limits", "requests"))
    if not any(limits) and not any(requests):
        return "BestEffort"
    return "Guaranteed" if all(len(some) == 2 for some in limits) and limits == requests else "Burstable"


def _core(resources: Object | None) -> Object:
    return {name: amount for name, amount in (resources or {}).items() if name in ("cpu", "memory")}


def namespace(obj: Object) -> Object:
    """A namespace is active and finalized by Kubernetes, and can be selected by its name."""
    meta = obj["metadata"]
    labels = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": meta.get("name", "")}
    under: Object = {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    return {**under, **obj, "metadata": {**meta, "labels": labels}}


def secret(obj: Object) -> Object:
    """A secret without a type is Opaque; stringData becomes data."""
    import base64

    told = obj.get("stringData") or {}
    kept = {name: value for name, value in obj.items() if name != "stringData"}
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in told.items()}
    if encoded:
        kept["data"] = {**(obj.get("data") or {}), **encoded}
    return {"type": "Opaque", **kept}
