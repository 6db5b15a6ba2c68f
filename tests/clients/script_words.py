"""What the checks share: the client, set up from the kubeconfig that the command line names, and words for asking."""
# ruff: noqa: PT017  (there is no pytest here)

from __future__ import annotations

import json
import sys
import threading
import time
import uuid

from kubernetes import client, config
from kubernetes.client.rest import ApiException

MOST = 60.0
CHECKS = []


def check(function):
    """One of the checks, in this order."""
    CHECKS.append(function)
    return function


def until(predicate, within=MOST):
    """The predicate's first true value."""
    limit, pause = time.monotonic() + within, threading.Event()
    while not (value := predicate()):
        assert time.monotonic() < limit, f"not within {within} s: {predicate}, last {value!r}"
        pause.wait(0.05)
    return value


def refused(code, call, *args, **kwargs):
    """The call is refused with that code; the Status that says so."""
    try:
        call(*args, **kwargs)
    except ApiException as error:
        assert error.status == code, error
        said = json.loads(error.body)
        assert (said["kind"], said["code"]) == ("Status", code), said
        return said
    raise AssertionError(f"{call} was not refused")


def answer(given):
    """An answer as a dict: one generation gives models where the other gives dicts."""
    return given if isinstance(given, dict) else API.sanitize_for_serialization(given)


def lost(raw, kept, path=""):
    """The fields of an answer that the client's model does not keep."""
    if raw in (None, "", [], {}):
        return []
    if isinstance(raw, dict):
        kept = kept if isinstance(kept, dict) else {}
        return [name for key, value in raw.items() for name in lost(value, kept.get(key), f"{path}.{key}")]
    if isinstance(raw, list):
        kept = kept if isinstance(kept, list) and len(kept) == len(raw) else [None] * len(raw)
        return [name for i, value in enumerate(raw) for name in lost(value, kept[i], f"{path}[{i}]")]
    return [path] if kept is None else []


def whole(call, *args, **kwargs):
    """The typed model of an answer holds all that the answer says."""
    raw = json.loads(call(*args, _preload_content=False, **kwargs).data)
    model = call(*args, **kwargs)
    assert lost(raw, API.sanitize_for_serialization(model)) == []
    return model


def named(kind):
    """A name that nobody has."""
    return f"{kind}-{uuid.uuid4().hex[:8]}"


def container(script, **more):
    """A container that runs a shell script."""
    return client.V1Container(name="main", image="busybox:1.36", command=["sh", "-c", script], **more)


def a_pod(name, script="true", **spec):
    """A pod."""
    kept = {"restart_policy": "Never", "termination_grace_period_seconds": 0, **spec}
    return client.V1Pod(
        api_version="v1",
        kind="Pod",
        metadata=client.V1ObjectMeta(name=name, labels={"app": name}),
        spec=client.V1PodSpec(containers=[container(script)], **kept),
    )


def a_job(name, script="true", **spec):
    """A Job."""
    pod = client.V1PodSpec(restart_policy="Never", termination_grace_period_seconds=0, containers=[container(script)])
    template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels={"app": name}), spec=pod)
    return client.V1Job(
        api_version="batch/v1",
        kind="Job",
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1JobSpec(template=template, **spec),
    )


def a_map(name, **data):
    """A ConfigMap."""
    meta = client.V1ObjectMeta(name=name, labels={"app": name})
    return client.V1ConfigMap(api_version="v1", kind="ConfigMap", metadata=meta, data=data)


def condition(job, kind):
    """Whether the Job has that condition."""
    found = BATCH.read_namespaced_job(job, NS)
    return any(one.type == kind and one.status == "True" for one in found.status.conditions or [])


def log(pod, **options):
    """What the pod printed; one of the clients makes text of bytes by writing them as Python would."""
    return CORE.read_namespaced_pod_log(pod, NS, _preload_content=False, **options).data.decode()


def phase(pod):
    """The pod's phase."""
    return CORE.read_namespaced_pod(pod, NS).status.phase


config.load_kube_config(sys.argv[1])
API = client.ApiClient()
BATCH, CORE, NS = client.BatchV1Api(API), client.CoreV1Api(API), named("clients")
