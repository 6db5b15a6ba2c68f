"""Namespaces, service accounts, services, evictions and both kinds of Events, as clients meet them."""

from __future__ import annotations

import pytest

from kjnb import embedded
from tests.embedded.live import MERGE, Client, Watching, configmap, job
from tests.waiting import eventually

SPACES = "/api/v1/namespaces"
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    home = tmp_path_factory.mktemp("kinds-home")
    made = Client(embedded.start(home, backoff_base=0.1))
    yield made
    made.close()
    embedded.stop(home)


def namespace(client, name, **labels):
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    return client.call("POST", SPACES, body)


def gone(client, path):
    return eventually(lambda: client.call("GET", path)[0] == 404)


def a_pod(name, script="sleep 600", **spec):
    one = {"name": "main", "image": "busybox:1.36", "command": ["sh", "-c", script]}
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [one], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def test_a_namespace_is_filled_then_emptied_then_gone(client):
    code, made = namespace(client, "team", **{"e2e-run": "x"})
    assert (code, made["status"]["phase"], made["spec"]["finalizers"]) == (201, "Active", ["kubernetes"])
    assert made["metadata"]["labels"] == {"e2e-run": "x", "kubernetes.io/metadata.name": "team"}
    eventually(lambda: client.call("GET", f"{SPACES}/team/serviceaccounts/default")[0] == 200)
    authority = eventually(lambda: client.call("GET", f"{SPACES}/team/configmaps/kube-root-ca.crt")[1].get("data"))
    assert authority["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    held = configmap("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    assert client.call("POST", f"{SPACES}/team/configmaps", held)[0] == 201
    assert client.call("POST", "/apis/batch/v1/namespaces/team/jobs", job("sleeper", "sleep 600"))[0] == 201
    code, leaving = client.call("DELETE", f"{SPACES}/team")
    assert (code, leaving["kind"], leaving["status"]["phase"]) == (200, "Namespace", "Terminating")
    code, refused = client.call("POST", f"{SPACES}/team/configmaps", configmap("late"))
    assert (code, refused["reason"]) == (403, "Forbidden")
    assert refused["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    eventually(lambda: client.call("GET", f"{SPACES}/team/pods")[1]["items"] == [], within=30)
    told = {one["type"]: one for one in client.call("GET", f"{SPACES}/team")[1]["status"]["conditions"]}
    assert told["NamespaceFinalizersRemaining"]["status"] == "True"
    assert "example.com/hold in 1 resource instances" in told["NamespaceFinalizersRemaining"]["message"]
    assert client.call("DELETE", f"{SPACES}/team")[0] == 200
    path = f"{SPACES}/team/configmaps/held"
    client.call("PATCH", path, {"metadata": {"finalizers": None}}, Content_Type=MERGE["Content-Type"])
    gone(client, f"{SPACES}/team")
    assert client.call("GET", f"{SPACES}/team/events")[1]["items"] == []
    assert client.call("POST", f"{SPACES}/team/configmaps", configmap("late"))[0] == 404


def test_a_namespace_waits_for_finalizers_of_its_own(client):
    namespace(client, "kept")
    patch = {"metadata": {"finalizers": ["example.com/hold"]}}
    client.call("PATCH", f"{SPACES}/kept", patch, Content_Type=MERGE["Content-Type"])
    client.call("DELETE", f"{SPACES}/kept")
    eventually(lambda: not client.call("GET", f"{SPACES}/kept")[1]["spec"].get("finalizers"))
    client.call("PATCH", f"{SPACES}/kept", {"metadata": {"finalizers": None}}, Content_Type=MERGE["Content-Type"])
    gone(client, f"{SPACES}/kept")


def test_some_namespaces_stay(client):
    for name in ("default", "kube-system"):
        assert client.call("DELETE", f"{SPACES}/{name}")[0] == 403
    assert client.call("DELETE", SPACES)[0] == 405
    assert client.call("PUT", f"{SPACES}/default/finalize", {"metadata": {"name": "default"}})[0] == 200


def test_what_every_namespace_has_comes_back(client):
    account = f"{SPACES}/default/serviceaccounts/default"
    uid = eventually(lambda: client.call("GET", account)[1]["metadata"].get("uid"))
    assert client.call("DELETE", account)[0] == 200
    eventually(lambda: client.call("GET", account)[1]["metadata"].get("uid") not in (None, uid))
    authority = f"{SPACES}/default/configmaps/kube-root-ca.crt"
    client.call("PATCH", authority, {"data": {"ca.crt": "mine"}}, Content_Type=MERGE["Content-Type"])
    eventually(lambda: client.call("GET", authority)[1]["data"]["ca.crt"] != "mine")


def test_the_site_defaults_come_back_when_somebody_clears_the_namespace(client):
    defaults = f"{SPACES}/default/configmaps/kjnb-defaults"
    before = client.call("GET", defaults)[1]
    assert client.call("DELETE", f"{SPACES}/default/configmaps")[0] == 200
    after = eventually(lambda: found if (found := client.call("GET", defaults)[1]).get("data") else None)
    assert after["data"] == before["data"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


def test_the_server_is_a_service(client):
    service = client.call("GET", f"{SPACES}/default/services/kubernetes")[1]
    assert service["spec"]["clusterIP"] == "127.0.0.1"
    assert client.url.endswith(f":{service['spec']['ports'][0]['port']}")
    assert client.call("DELETE", f"{SPACES}/default/services/kubernetes")[0] == 405
    assert client.call("POST", f"{SPACES}/default/services", service)[0] == 405


def test_the_node_can_be_chosen(client):
    (node,) = client.call("GET", "/api/v1/nodes?fieldSelector=spec.unschedulable=false&resourceVersion=0")[1]["items"]
    assert node["metadata"]["labels"]["kubernetes.io/hostname"]
    assert {"type": "Ready", "status": "True"}.items() <= node["status"]["conditions"][-1].items()
    assert client.call("GET", "/api/v1/nodes?fieldSelector=spec.unschedulable=true")[1]["items"] == []


def started(client, name):
    eventually(lambda: client.call("GET", f"{PODS}/{name}")[1]["status"]["phase"] == "Running", within=30)


def test_an_eviction_says_why_and_deletes(client):
    client.call("POST", PODS, a_pod("moved"))
    started(client, "moved")
    watching = Watching(client, f"{PODS}?watch=1&fieldSelector=metadata.name=moved&timeoutSeconds=6")
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "moved", "namespace": "default"}}
    path = f"{PODS}/moved/eviction"
    assert client.call("POST", path + "?dryRun=All", body)[0] == 201
    assert client.call("POST", path, {**body, "metadata": {"name": "other"}})[0] == 400
    assert client.call("POST", path, {**body, "kind": "Job"})[0] == 400
    wrong = {"deleteOptions": {"preconditions": {"uid": "another"}}}
    assert client.call("POST", path, {**body, **wrong})[0] == 409
    assert "deletionTimestamp" not in client.call("GET", f"{PODS}/moved")[1]["metadata"]
    code, said = client.call("POST", path, {**body, "deleteOptions": {"gracePeriodSeconds": 1}})
    assert (code, said["kind"], said["status"]) == (201, "Status", "Success")
    gone(client, f"{PODS}/moved")
    watching.close()
    last = watching.events[-1]
    assert last["type"] == "DELETED"
    (target,) = [one for one in last["object"]["status"]["conditions"] if one["type"] == "DisruptionTarget"]
    assert (target["reason"], target["message"]) == ("EvictionByEvictionAPI", "Eviction API: evicting")
    assert last["object"]["metadata"]["deletionGracePeriodSeconds"] <= 1
    assert client.call("POST", path, body)[0] == 404
    assert client.call("GET", path)[0] == 405


def test_a_pod_can_be_bound_by_hand(client):
    client.call("POST", PODS, a_pod("bound", "true", schedulerName="mine", schedulingGates=[{"name": "hold"}]))
    node = client.call("GET", "/api/v1/nodes")[1]["items"][0]["metadata"]["name"]
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "bound"}, "target": {"name": node}}
    path = f"{PODS}/bound/binding"
    assert client.call("POST", path, {**body, "target": {}})[0] == 422
    assert client.call("POST", path + "?dryRun=All", body)[0] == 201
    assert client.call("POST", path, body)[0] == 201
    assert client.call("POST", path, body)[1]["reason"] == "Conflict"
    eventually(lambda: client.call("GET", f"{PODS}/bound")[1]["status"]["phase"] == "Succeeded", within=30)
    client.call("DELETE", f"{PODS}/bound")


def test_a_status_takes_conditions_and_marks(client):
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    client.call("POST", jobs, job("marked", suspend=True))
    eventually(lambda: client.call("GET", f"{jobs}/marked")[1]["status"].get("conditions"))
    mine = {"type": "Custom", "status": "True", "reason": "Mine", "message": "kept"}
    known = client.call("GET", f"{jobs}/marked/status")[1]["status"]["conditions"]
    patch = {"metadata": {"annotations": {"a": "b"}}, "status": {"conditions": [*known, mine]}}
    code, made = client.call("PATCH", f"{jobs}/marked/status", patch, Content_Type=MERGE["Content-Type"])
    assert (code, made["metadata"]["annotations"]["a"]) == (200, "b")
    client.call("PATCH", f"{jobs}/marked", {"spec": {"suspend": False}}, Content_Type=MERGE["Content-Type"])

    def conditions():
        found = client.call("GET", f"{jobs}/marked/status")[1]["status"]["conditions"]
        return {one["type"] for one in found}

    eventually(lambda: "Complete" in conditions(), within=30)
    assert "Custom" in conditions()
    assert client.call("GET", f"{jobs}/marked/scale")[0] == 404
    client.call("DELETE", f"{jobs}/marked", {"propagationPolicy": "Background"})


def test_events_are_the_same_under_both_names(client):
    client.call("POST", PODS, a_pod("eventful", "true"))
    older, newer = "/api/v1/namespaces/default/events", "/apis/events.k8s.io/v1/namespaces/default/events"

    def about(path, field):
        return client.call("GET", f"{path}?fieldSelector={field}.name=eventful,reason=Started")[1]["items"]

    (one,) = eventually(lambda: about(older, "involvedObject"), within=30)
    (other,) = about(newer, "regarding")
    assert (other["note"], other["regarding"]) == (one["message"], one["involvedObject"])
    assert other["metadata"]["uid"] == one["metadata"]["uid"]
    assert client.call("GET", f"{older}?fieldSelector=source=kubelet,involvedObject.name=eventful")[1]["items"]
    whole = client.call("GET", f"{newer}/{one['metadata']['name']}")[1]
    assert (whole["apiVersion"], whole["kind"]) == ("events.k8s.io/v1", "Event")
    mine = {
        "metadata": {"name": "mine"}, "regarding": {"kind": "Pod", "name": "eventful", "namespace": "default"},
        "reason": "Tried", "note": "by hand", "type": "Normal", "action": "Try", "reportingController": "x.io/y",
        "reportingInstance": "z", "eventTime": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip
    assert client.call("POST", newer, mine)[0] == 201
    assert client.call("GET", f"{older}/mine")[1]["message"] == "by hand"
    watching = Watching(client, f"{newer}?watch=1&fieldSelector=reason=Tried&timeoutSeconds=2")
    patch = client.call("PATCH", f"{newer}/mine", {"note": "again"}, Content_Type=MERGE["Content-Type"])
    assert patch[1]["note"] == "again"
    assert client.call("DELETE", f"{newer}/mine")[0] == 200
    watching.close()
    assert [one["object"]["apiVersion"] for one in watching.events] == ["events.k8s.io/v1"] * 3
    client.call("DELETE", f"{PODS}/eventful")
