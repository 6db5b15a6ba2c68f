"""Checks of what follows the cluster or goes through other doors of the client: watches, informers, dynamic, YAML."""
# ruff: noqa: PT017  (there is no pytest here)

from __future__ import annotations

import pathlib
import tempfile
import threading

from kubernetes import utils, watch
from kubernetes.client.rest import ApiException
from script_words import API, BATCH, CORE, MOST, NS, a_map, a_pod, answer, check, named, until


@check
def watched():
    first, second = named("watch-a"), named("watch-b")
    labels = {"watched": "yes"}
    for name in (first, second):
        made = a_map(name, key="value")
        made.metadata.labels = labels
        if name == second:
            version = CORE.list_namespaced_config_map(NS, label_selector="watched=yes").metadata.resource_version
        CORE.create_namespaced_config_map(NS, made)
    CORE.patch_namespaced_config_map(second, NS, {"data": {"key": "other"}})
    CORE.delete_collection_namespaced_config_map(NS, label_selector="watched=yes")
    seen = watch.Watch().stream(
        CORE.list_namespaced_config_map,
        namespace=NS,
        resource_version=version,
        label_selector="watched=yes",
        timeout_seconds=2,
    )
    told = [(event["type"], event["object"].metadata.name) for event in seen]
    assert told[:2] == [("ADDED", second), ("MODIFIED", second)]
    assert sorted(told[2:]) == sorted([("DELETED", first), ("DELETED", second)])


@check
def watched_from_the_start():
    name = named("initial")
    CORE.create_namespaced_config_map(NS, a_map(name))
    for event in watch.Watch().stream(CORE.list_namespaced_config_map, namespace=NS, timeout_seconds=10):
        if event["object"].metadata.name == name:
            assert event["type"] == "ADDED"
            break
    else:
        raise AssertionError("not seen")


@check
def watched_from_too_long_ago():
    try:
        for _ in watch.Watch().stream(
            CORE.list_namespaced_config_map, namespace=NS, resource_version="1", timeout_seconds=5
        ):
            break
    except ApiException as error:
        assert error.status == 410, error
    else:
        raise AssertionError("a history from before the server's last start")


@check
def informer():
    try:
        from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer
    except ImportError:
        return  # an older client
    name, there = named("told"), named("there")
    CORE.create_namespaced_config_map(NS, a_map(there, k="v"))
    seen = {kind: threading.Event() for kind in (ADDED, MODIFIED, DELETED)}
    told = SharedInformer(list_func=CORE.list_namespaced_config_map, namespace=NS, resync_period=2)

    def noticed(kind):
        told.add_event_handler(kind, lambda one: answer(one)["metadata"]["name"] == name and seen[kind].set())

    for kind in seen:
        noticed(kind)
    resynced = threading.Event()
    told.add_event_handler(MODIFIED, lambda one: answer(one)["metadata"]["name"] == there and resynced.set())
    told.start()
    try:
        until(lambda: told.cache.get_by_key(f"{NS}/{there}"))
        CORE.create_namespaced_config_map(NS, a_map(name, k="v"))
        assert seen[ADDED].wait(MOST)
        CORE.patch_namespaced_config_map(name, NS, {"data": {"k": "w"}})
        assert seen[MODIFIED].wait(MOST)
        assert answer(told.cache.get_by_key(f"{NS}/{name}"))["data"] == {"k": "w"}
        CORE.delete_namespaced_config_map(name, NS)
        assert seen[DELETED].wait(MOST)
        assert told.cache.get_by_key(f"{NS}/{name}") is None
        assert resynced.wait(MOST)
    finally:
        told.stop()


@check
def dynamic_client():
    from kubernetes.dynamic import DynamicClient
    from kubernetes.dynamic.exceptions import NotFoundError

    dynamic = DynamicClient(API)
    jobs = dynamic.resources.get(api_version="batch/v1", kind="Job")
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    name = named("dynamic")
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
    body["spec"] = {"suspend": True, "template": {"spec": API.sanitize_for_serialization(a_pod("x").spec)}}
    assert jobs.create(body=body, namespace=NS).metadata.name == name
    assert jobs.get(name=name, namespace=NS).spec.suspend is True
    patch = {"spec": {"parallelism": 4}}
    kind = "application/merge-patch+json"
    assert jobs.patch(name=name, namespace=NS, body=patch, content_type=kind).spec.parallelism == 4
    assert name in [one.metadata.name for one in jobs.get(namespace=NS).items]
    seen = next(iter(jobs.watch(namespace=NS, name=name, timeout=10)))
    assert seen["object"].metadata.name == name
    jobs.delete(name=name, namespace=NS, body={"propagationPolicy": "Background"})
    until(lambda: name not in [one.metadata.name for one in jobs.get(namespace=NS).items])
    try:
        maps.get(name="nobody", namespace=NS)
    except NotFoundError:
        pass
    else:
        raise AssertionError("found nobody")


YAML = """
apiVersion: v1
kind: ConfigMap
metadata: {name: from-yaml}
data: {a: "1"}
---
apiVersion: v1
kind: List
items:
- apiVersion: batch/v1
  kind: Job
  metadata: {name: from-yaml}
  spec:
    suspend: true
    template:
      spec:
        restartPolicy: Never
        containers: [{name: main, image: busybox, command: ["true"]}]
- apiVersion: v1
  kind: Pod
  metadata: {name: from-yaml}
  spec:
    nodeSelector: {never: there}
    containers: [{name: main, image: busybox, command: ["true"]}]
"""


@check
def yaml_files():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "all.yaml")
        path.write_text(YAML)
        utils.create_from_yaml(API, str(path), namespace=NS)
        assert CORE.read_namespaced_config_map("from-yaml", NS).data == {"a": "1"}
        assert BATCH.read_namespaced_job("from-yaml", NS).spec.suspend is True
        assert CORE.read_namespaced_pod("from-yaml", NS).spec.node_selector == {"never": "there"}
        try:
            utils.create_from_yaml(API, str(path), namespace=NS)
        except utils.FailToCreateError as error:
            assert [one.status for one in error.api_exceptions] == [409, 409, 409]
        else:
            raise AssertionError("made twice")
    utils.create_from_dict(API, {**a_map_dict(), "metadata": {"name": "from-dict"}}, namespace=NS)
    assert CORE.read_namespaced_config_map("from-dict", NS).data == {"a": "1"}


def a_map_dict():
    """A ConfigMap as a document."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}
