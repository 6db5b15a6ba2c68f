"""What people do with the official Python client, in either of its generations; run as `python script.py KUBECONFIG`.

It knows the client and nothing else, so that it runs in an environment that holds only that. Each check prints
`ok NAME` or its traceback and `FAILED NAME`; the exit status says whether all passed.
"""
# ruff: noqa: BLE001  (there is no pytest here)

from __future__ import annotations

import sys
import time
import traceback

import script_streams  # noqa: F401  (its checks are added to the others)
from kubernetes import client, watch
from script_words import (
    API,
    BATCH,
    CHECKS,
    CORE,
    NS,
    a_job,
    a_map,
    a_pod,
    answer,
    check,
    condition,
    log,
    named,
    phase,
    refused,
    until,
    whole,
)


@check
def version():
    assert client.VersionApi(API).get_code().git_version.startswith("v1.")
    assert "v1" in client.CoreApi(API).get_api_versions().versions
    assert "batch" in [group.name for group in client.ApisApi(API).get_api_versions().groups]
    names = [resource.name for resource in client.BatchV1Api(API).get_api_resources().resources]
    assert {"jobs", "jobs/status"} <= set(names)


@check
def nodes():
    for node in whole(CORE.list_node).items:
        read = whole(CORE.read_node, node.metadata.name)
        assert read.metadata.labels["kubernetes.io/hostname"]
        assert read.status.allocatable["cpu"]
        ready = [one.status for one in read.status.conditions if one.type == "Ready"]
        assert ready == ["True"]


@check
def job_from_models():
    name = named("job")
    spec = {
        "completions": 3,
        "parallelism": 2,
        "completion_mode": "Indexed",
        "backoff_limit_per_index": 1,
        "max_failed_indexes": 1,
        "pod_failure_policy": client.V1PodFailurePolicy(
            rules=[
                client.V1PodFailurePolicyRule(
                    action="FailIndex",
                    on_exit_codes=client.V1PodFailurePolicyOnExitCodesRequirement(operator="In", values=[42]),
                )
            ]
        ),
    }
    made = BATCH.create_namespaced_job(NS, a_job(name, 'test "$JOB_COMPLETION_INDEX" != 1 || exit 42', **spec))
    assert (made.metadata.name, made.spec.suspend) == (name, False)
    until(lambda: condition(name, "Failed"))
    done = whole(BATCH.read_namespaced_job, name, NS)
    assert (done.status.completed_indexes, done.status.failed_indexes) == ("0,2", "1")
    assert (done.status.succeeded, done.status.failed) == (2, 1)
    assert done.status.start_time.tzinfo
    whole(BATCH.read_namespaced_job_status, name, NS)
    assert name in [one.metadata.name for one in whole(BATCH.list_namespaced_job, NS).items]
    assert name in [one.metadata.name for one in BATCH.list_job_for_all_namespaces().items]
    pods = whole(CORE.list_namespaced_pod, NS, label_selector=f"job-name={name}").items
    codes = {int(pod.metadata.annotations["batch.kubernetes.io/job-completion-index"]): pod for pod in pods}
    assert codes[1].status.container_statuses[0].state.terminated.exit_code == 42
    whole(CORE.list_namespaced_event, NS, field_selector=f"involvedObject.name={name}")
    deleted = answer(BATCH.delete_namespaced_job(name, NS, propagation_policy="Foreground"))
    assert deleted["kind"] in ("Job", "Status")
    until(lambda: not CORE.list_namespaced_pod(NS, label_selector=f"job-name={name}").items)
    refused(404, BATCH.read_namespaced_job, name, NS)


@check
def job_changed():
    name = named("changed")
    made = BATCH.create_namespaced_job(NS, a_job(name, suspend=True, parallelism=1))
    refused(409, BATCH.create_namespaced_job, NS, a_job(name))
    patched = BATCH.patch_namespaced_job(name, NS, {"metadata": {"labels": {"a": "b"}}})
    assert patched.metadata.labels["a"] == "b"
    steps = [{"op": "replace", "path": "/spec/parallelism", "value": 3}]
    assert BATCH.patch_namespaced_job(name, NS, steps).spec.parallelism == 3
    made.spec.parallelism = 2
    refused(409, BATCH.replace_namespaced_job, name, NS, made)
    fresh = until(lambda: condition(name, "Suspended")) and BATCH.read_namespaced_job(name, NS)
    fresh.spec.parallelism = 2
    assert BATCH.replace_namespaced_job(name, NS, fresh).spec.parallelism == 2
    said = refused(422, BATCH.patch_namespaced_job, name, NS, {"spec": {"completionMode": "Indexed"}})
    assert said["details"]["causes"]
    told = BATCH.patch_namespaced_job_status(name, NS, {"metadata": {"annotations": {"x": "y"}}})
    assert told.metadata.name == name
    tried = BATCH.create_namespaced_job(NS, a_job(name + "-dry"), dry_run="All")
    assert tried.metadata.uid
    refused(404, BATCH.read_namespaced_job, name + "-dry", NS)
    BATCH.patch_namespaced_job(name, NS, {"spec": {"suspend": False}})
    until(lambda: condition(name, "Complete"))
    BATCH.delete_namespaced_job(name, NS, body=client.V1DeleteOptions(propagation_policy="Background"))


@check
def jobs_deleted_together():
    for _ in range(2):
        job = a_job(named("many"), suspend=True)
        job.metadata.labels = {"many": "yes"}
        BATCH.create_namespaced_job(NS, job)
    BATCH.delete_collection_namespaced_job(NS, label_selector="many=yes", propagation_policy="Background")
    until(lambda: not BATCH.list_namespaced_job(NS, label_selector="many=yes").items)


@check
def pod_from_a_dict():
    name = named("plain")
    command = ["/bin/sh", "-c", "echo begun; while true; do date; sleep 0.2; done"]
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"image": "busybox", "name": "sleep", "args": command}]},
    }
    assert whole(CORE.read_namespaced_service_account, "default", NS).metadata.name == "default"
    made = CORE.create_namespaced_pod(body=manifest, namespace=NS)
    assert (made.metadata.name, made.status.phase) == (name, "Pending")
    until(lambda: phase(name) == "Running")
    running = whole(CORE.read_namespaced_pod, name, NS)
    assert running.status.container_statuses[0].state.running.started_at
    assert CORE.list_pod_for_all_namespaces().items
    until(lambda: "begun" in log(name))
    assert CORE.patch_namespaced_pod(name, NS, {"metadata": {"labels": {"x": "1"}}}).metadata.labels["x"] == "1"
    CORE.delete_namespaced_pod(name=name, body={}, namespace=NS, grace_period_seconds=0)
    until(lambda: name not in [pod.metadata.name for pod in CORE.list_namespaced_pod(NS).items])


@check
def logs():
    name = named("logs")
    CORE.create_namespaced_pod(NS, a_pod(name, "for i in 1 2 3; do echo line $i; sleep 0.3; done"))
    until(lambda: phase(name) in ("Running", "Succeeded"))
    followed = watch.Watch().stream(CORE.read_namespaced_pod_log, name=name, namespace=NS)
    assert list(followed) == ["line 1", "line 2", "line 3"]
    until(lambda: phase(name) == "Succeeded")
    assert log(name) == "line 1\nline 2\nline 3\n"
    assert log(name, tail_lines=1) == "line 3\n"
    assert log(name, limit_bytes=4) == "line"
    stamped = log(name, timestamps=True).splitlines()
    assert stamped[0].endswith("Z line 1")
    assert stamped[0].startswith("20")
    refused(400, CORE.read_namespaced_pod_log, name, NS, container="nobody")
    refused(400, CORE.read_namespaced_pod_log, name, NS, previous=True)


@check
def eviction():
    name = named("evicted")
    CORE.create_namespaced_pod(NS, a_pod(name, "sleep 60"))
    until(lambda: phase(name) == "Running")
    wanted = client.V1Eviction(metadata=client.V1ObjectMeta(name=name, namespace=NS))
    CORE.create_namespaced_pod_eviction(name, NS, wanted)
    until(lambda: name not in [pod.metadata.name for pod in CORE.list_namespaced_pod(NS).items])


@check
def config_maps():
    name = named("map")
    CORE.create_namespaced_config_map(NS, a_map(name, **{"config.json": '{"a":"b"}', "plain": "x\ny\n"}))
    steps = [{"op": "replace", "path": "/data", "value": {"new_value": "json"}}]
    assert CORE.patch_namespaced_config_map(name, NS, steps).data == {"new_value": "json"}
    assert CORE.patch_namespaced_config_map(name, NS, {"data": {"new_value": "merge"}}).data == {"new_value": "merge"}
    read = whole(CORE.read_namespaced_config_map, name, NS)
    read.data["more"] = "1"
    assert CORE.replace_namespaced_config_map(name, NS, read).data["more"] == "1"
    CORE.delete_namespaced_config_map(name, NS, body={})
    assert CORE.list_namespaced_config_map(NS, label_selector=f"app={name}").items == []


@check
def secrets():
    name = named("secret")
    meta = client.V1ObjectMeta(name=name)
    CORE.create_namespaced_secret(NS, client.V1Secret(metadata=meta, string_data={"key": "value"}))
    read = whole(CORE.read_namespaced_secret, name, NS)
    assert (read.type, read.data) == ("Opaque", {"key": "dmFsdWU="})
    CORE.delete_namespaced_secret(name, NS)
    refused(404, CORE.read_namespaced_secret, name, NS)


@check
def services():
    assert client.CoreV1Api(API).list_namespaced_service(NS).items == []
    port = {"name": "port", "port": 80, "protocol": "TCP", "targetPort": 80}
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "none"}, "spec": {"ports": [port]}}
    refused(405, CORE.create_namespaced_service, NS, manifest)  # there is no network that one could serve


@check
def namespaces():
    name = named("space")
    CORE.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    assert whole(CORE.read_namespace, name).status.phase == "Active"
    CORE.create_namespaced_config_map(name, a_map("inside"))
    CORE.delete_namespace(name)
    until(lambda: name not in [one.metadata.name for one in CORE.list_namespace().items])
    refused(404, CORE.create_namespaced_config_map, name, a_map("inside"))


@check
def events():
    name = named("event")
    about = client.V1ObjectReference(kind="Pod", name="nobody", namespace=NS)
    meta = client.V1ObjectMeta(name=name)
    told = client.CoreV1Event(metadata=meta, involved_object=about, reason="Told", type="Normal")
    CORE.create_namespaced_event(NS, told)
    assert whole(CORE.read_namespaced_event, name, NS).reason == "Told"
    assert whole(CORE.list_event_for_all_namespaces).items


@check
def pages():
    for place in range(5):
        CORE.create_namespaced_config_map(NS, a_map(f"page-{place}", x="y"))
    seen, mark = [], None
    while True:
        page = CORE.list_namespaced_config_map(NS, limit=2, _continue=mark)
        seen += [one.metadata.name for one in page.items if one.metadata.name.startswith("page-")]
        mark = page.metadata._continue
        if not mark:
            break
    assert seen == [f"page-{place}" for place in range(5)]


@check
def reviews():
    spec = client.V1SelfSubjectAccessReviewSpec(
        resource_attributes=client.V1ResourceAttributes(verb="create", group="batch", resource="jobs", namespace=NS)
    )
    body = client.V1SelfSubjectAccessReview(spec=spec)
    assert client.AuthorizationV1Api(API).create_self_subject_access_review(body).status.allowed is True


def main() -> int:
    """Run them all in a namespace of their own."""
    CORE.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NS)))
    failed = []
    for one in CHECKS:
        begun = time.monotonic()
        try:
            one()
        except Exception:
            traceback.print_exc(file=sys.stdout)
            failed.append(one.__name__)
        told = "FAILED" if one.__name__ in failed else "ok"
        print(f"{told} {one.__name__} {time.monotonic() - begun:.1f}", flush=True)
    CORE.delete_namespace(NS)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
