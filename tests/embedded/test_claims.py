"""Which pods a Job takes for its own, and which it lets go."""

import pytest

from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.controllers.admission import refusal
from kjnb.embedded.controllers.claims import adopted, may_adopt, must_release, released, selects
from kjnb.embedded.controllers.job_pods import controller_of, deleting, tracked
from kjnb.embedded.controllers.pod_template import owner_reference
from tests.embedded.job_words import NOW, job, pods
from tests.embedded.simulation import Simulation

OVER = {"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": stamp(NOW)}]}


def expression(key, operator, *values):
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": [*values]} if values else {})}]}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, False),
        ({}, False),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        (expression("a", "In", "1", "2"), True),
        (expression("c", "In", "1"), False),
        (expression("a", "NotIn", "1"), False),
        (expression("c", "NotIn", "1"), True),
        (expression("a", "Exists"), True),
        (expression("a", "DoesNotExist"), False),
        ({"matchLabels": {"a": "1"}, **expression("b", "DoesNotExist")}, False),
    ],
)
def test_selectors(selector, matches):
    assert selects(selector, {"a": "1", "b": ""}) is matches


def orphan(words="Running/free", **labels):
    [pod] = pods(words)
    meta = {key: value for key, value in pod["metadata"].items() if key not in ("ownerReferences", "resourceVersion")}
    return {**pod, "metadata": {**meta, **({"labels": labels} if labels else {})}}


def test_who_adopts_whom():
    assert may_adopt(job(), orphan())
    assert may_adopt(job(), orphan("Succeeded/free"))
    assert not may_adopt(job(), orphan("Running/deleting"))
    assert not may_adopt(job(), orphan(app="x"))
    assert not may_adopt(job(), pods("Running")[0])
    assert not may_adopt(job(meta={"deletionTimestamp": stamp(NOW)}), orphan())
    assert not may_adopt(job(status=OVER), orphan())
    assert not may_adopt(job(managedBy="example.com/other"), orphan())


def test_adopting_undoes_releasing():
    other = {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u"}
    found = orphan()
    taken = adopted({**found, "metadata": {**found["metadata"], "ownerReferences": [other]}}, job())
    assert taken["metadata"]["ownerReferences"] == [other, owner_reference(job())]
    assert tracked(taken)
    free = released(taken, job())
    assert free["metadata"]["ownerReferences"] == [other]
    assert not tracked(free)
    assert "ownerReferences" not in released(adopted(found, job()), job())["metadata"]


def test_a_pod_is_let_go_when_its_labels_change_while_the_job_runs():
    stray = {**pods("Running")[0]}
    stray["metadata"] = {**stray["metadata"], "labels": {"app": "x"}}
    assert must_release(job(), stray)
    assert not must_release(job(), pods("Running")[0])
    assert not must_release(job(status=OVER), stray)


def test_a_relabelled_pod_is_replaced_and_may_come_back():
    cluster = Simulation()
    cluster.store.create("jobs", job(2, 2, completionMode="NonIndexed"))
    cluster.step()
    cluster.step()
    pod = cluster.pods()[0]
    labels = pod["metadata"]["labels"]
    cluster.store.update("pods", {**pod, "metadata": {**pod["metadata"], "labels": {"app": "x"}}})
    cluster.until(lambda: len(cluster.pods()) == 3)
    free = cluster.pods()[0]
    assert controller_of(free) is None
    assert not tracked(free)
    cluster.store.update("pods", {**free, "metadata": {**free["metadata"], "labels": labels}})
    cluster.until(lambda: sum(not deleting(pod) for pod in cluster.pods()) == 2)
    assert controller_of(cluster.pods()[0])["uid"] == "job-uid"
    assert cluster.job()["status"]["active"] == 2


def test_a_pod_that_lost_its_owner_is_adopted_again():
    cluster = Simulation()
    cluster.store.create("jobs", job(2, 2))
    cluster.step()
    cluster.step()
    pod = cluster.pods()[0]
    meta = {key: value for key, value in pod["metadata"].items() if key != "ownerReferences"}
    cluster.store.update("pods", {**pod, "metadata": meta})
    cluster.step()
    assert controller_of(cluster.pods()[0])["uid"] == "job-uid"
    assert len(cluster.pods()) == 2


def test_another_controllers_pod_is_left_alone():
    cluster = Simulation()
    cluster.store.create("jobs", job(1, 0))
    pod = orphan("Running")
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "r", "controller": True}
    cluster.store.create("pods", {**pod, "metadata": {**pod["metadata"], "ownerReferences": [owner]}})
    cluster.jobs.load()
    [found] = cluster.pods()
    assert found["metadata"]["ownerReferences"] == [owner]
    assert tracked(found)


# -- pods that the API server would refuse


def refused(known=False, **spec):
    pod = {"metadata": {"generateName": "j-", "namespace": "ns"}, "spec": spec}
    return refusal(pod, lambda resource, namespace, name: known)


def test_refusals():
    assert refused(serviceAccountName="default") == ""
    assert refused(known=True, serviceAccountName="me", priorityClassName="system-node-critical") == ""
    words = 'pods "j-" is forbidden: error looking up service account ns/me: serviceaccount "me" not found'
    assert refused(serviceAccountName="me") == words
    assert refused(priorityClassName="urgent") == (
        'pods "j-" is forbidden: no PriorityClass with name urgent was found'
    )


def told(cluster, reason):
    return [event for event in cluster.store.list("events") if event["reason"] == reason]


def test_a_job_whose_service_account_is_missing_says_so_and_starts_when_it_comes():
    cluster = Simulation()
    a_job = job(2, 2)
    template = a_job["spec"]["template"]
    spec = {**template["spec"], "serviceAccountName": "worker"}
    cluster.store.create("jobs", {**a_job, "spec": {**a_job["spec"], "template": {**template, "spec": spec}}})
    cluster.until(lambda: cluster.now > NOW + 40, tick=0.5)
    assert cluster.pods() == []
    status = cluster.job()["status"]
    assert "active" not in status
    assert status["startTime"] == stamp(NOW)
    [event] = told(cluster, "FailedCreate")
    assert event["message"].startswith('Error creating: pods "job-0-" is forbidden: error looking up service account')
    assert 4 <= event["count"] <= 7
    cluster.store.create("serviceaccounts", {"metadata": {"name": "worker", "namespace": "default"}})
    cluster.until(lambda: len(cluster.pods()) == 2, tick=0.5)


def test_nothing_is_started_in_a_namespace_that_goes():
    cluster = Simulation()
    going = {"name": "default", "deletionTimestamp": stamp(NOW), "finalizers": ["kubernetes"]}
    cluster.store.create("namespaces", {"kind": "Namespace", "metadata": going})
    cluster.store.create("jobs", job(2, 2))
    cluster.until(lambda: cluster.now > NOW + 5, tick=0.5)
    assert cluster.pods() == []
    assert told(cluster, "FailedCreate") == []
