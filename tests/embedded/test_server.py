"""The server as clients meet it: over TLS, with a token, by raw requests, the official client and kubectl."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from kjnb import embedded
from tests.embedded.live import MERGE, Client, Watching, configmap, job
from tests.waiting import eventually

MAPS = "/api/v1/namespaces/default/configmaps"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    home = tmp_path_factory.mktemp("server-home")
    made = Client(embedded.start(home, backoff_base=0.1))
    yield made
    made.close()
    embedded.stop(home)


@pytest.fixture
def maps(client):
    """Names of ConfigMaps that the test may use; they are gone afterwards."""
    yield ["one", "two", "three"]
    client.call("DELETE", MAPS + "?labelSelector=t")


def condition(client, name, kind):
    def holds():
        found = client.call("GET", f"{JOBS}/{name}")[1].get("status", {}).get("conditions") or []
        return any(one["type"] == kind and one["status"] == "True" for one in found)

    return eventually(holds, within=60)


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer wrong", "Basic abc", "Bearer \xe9"])
def test_nothing_without_the_token(client, token):
    headers = {"Authorization": token} if token is not None else {}
    for path in (MAPS, "/api", "/nonsense"):
        answer = client.http.request("GET", client.url + path, headers=headers)
        assert (answer.status, answer.json()["reason"]) == (401, "Unauthorized")
    for path in ("/version", "/healthz", "/readyz"):
        assert client.http.request("GET", client.url + path, headers=headers).status == 200


def test_pages_of_browsers_are_refused(client):
    assert client.call("GET", MAPS, Origin="https://example.com")[0] == 403


def test_the_version_says_what_it_is(client):
    told = client.call("GET", "/version")[1]
    assert told["gitVersion"].startswith("v1.36.2+kjnb.")
    assert (told["major"], told["minor"]) == ("1", "36")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nonsense", 404),
        ("GET", "/apis/nope/v1/things", 404),
        ("GET", "/api/v1/namespaces/default/widgets", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", PODS + "/a/exec", 404),
        ("POST", MAPS + "/a", 405),
        ("PUT", MAPS, 405),
        ("DELETE", JOBS + "/a/status", 405),
        ("POST", "/api", 405),
        ("OPTIONS", MAPS, 405),
    ],
)
def test_an_honest_no(client, method, path, code):
    got = client.call(method, path, {} if method in ("POST", "PUT") else None)
    assert got[0] == code


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{not json", {}, 400),
        (b"[]", {}, 400),
        (b'{"kind": "Pod", "apiVersion": "v1"}', {}, 400),
        (b'{"metadata": {"name": 7}}', {}, 400),
        (b'{"metadata": {}}', {}, 422),
        (b'{"metadata": {"name": "../../etc/passwd"}}', {}, 422),
        (b'{"metadata": {"name": "a", "namespace": "elsewhere"}}', {}, 400),
        (b"kind: ConfigMap", {"Content_Type": "text/plain"}, 415),
        (b"\xff\xfe", {"Content_Type": "application/vnd.kubernetes.protobuf"}, 400),
        (b" " * (3 * 1024 * 1024 + 1), {}, 413),
    ],
)
def test_a_bad_body_is_told_so(client, body, headers, code):
    got, said = client.call("POST", MAPS, body, **headers)
    assert (got, said["kind"], said["code"]) == (code, "Status", code)


def test_create_get_update_patch_delete(client, maps):
    code, made = client.call("POST", MAPS, configmap("one", t="1"))
    assert (code, made["data"]) == (201, {"k": "v"})
    assert client.call("POST", MAPS, configmap("one"))[1]["reason"] == "AlreadyExists"
    stale = {**made, "data": {"k": "2"}}
    assert client.call("PUT", MAPS + "/one", stale)[0] == 200
    assert client.call("PUT", MAPS + "/one", stale)[1]["reason"] == "Conflict"
    assert client.call("PATCH", MAPS + "/one", {"data": {"k": None, "n": "1"}}, **_under(MERGE))[1]["data"] == {
        "n": "1"
    }
    assert client.call("PATCH", MAPS + "/one", b"{}", Content_Type="application/apply-patch+yaml")[0] == 415
    wrong = {"preconditions": {"uid": "another"}}
    assert client.call("DELETE", MAPS + "/one", wrong)[1]["reason"] == "Conflict"
    assert client.call("DELETE", MAPS + "/one")[1]["status"] == "Success"
    assert client.call("GET", MAPS + "/one")[1]["details"] == {"name": "one", "kind": "configmaps"}


def _under(headers):
    return {name.replace("-", "_"): value for name, value in headers.items()}


def test_a_generated_name_and_a_try_only(client, maps):
    body = {"metadata": {"generateName": "gen-", "labels": {"t": "1"}}}
    assert client.call("POST", MAPS, body)[1]["metadata"]["name"].startswith("gen-")
    assert client.call("POST", MAPS + "?dryRun=All", configmap("two", t="1"))[0] == 201
    assert client.call("GET", MAPS + "/two")[0] == 404
    assert client.call("POST", MAPS + "?dryRun=Some", configmap("two", t="1"))[0] == 422


def test_unknown_fields_are_dropped_with_a_warning_or_refused(client):
    body = job("odd", suspend=True, completion=3)
    answer = client.answer("POST", JOBS + "?dryRun=All", body)
    assert answer.headers["Warning"] == '299 - "unknown field \\"spec.completion\\""'
    assert "completion" not in answer.json()["spec"]
    code, said = client.call("POST", JOBS + "?dryRun=All&fieldValidation=Strict", body)
    assert (code, 'unknown field "spec.completion"' in said["message"]) == (400, True)
    assert "Warning" not in client.answer("POST", JOBS + "?dryRun=All&fieldValidation=Ignore", body).headers


def test_fields_given_twice_are_told_or_refused(client):
    body = b'{"metadata": {"name": "twice"}, "data": {"k": "1"}, "data": {"k": "2"}}'
    answer = client.answer("POST", MAPS + "?dryRun=All", body)
    assert (answer.status, answer.headers["Warning"]) == (201, '299 - "duplicate field \\"data\\""')
    assert client.call("POST", MAPS + "?dryRun=All&fieldValidation=Strict", body)[0] == 400
    patch = b'{"data": {"k": "1", "k": "2"}}'
    path = MAPS + "/kjnb-defaults?dryRun=All&fieldValidation="
    code, said = client.call("PATCH", path + "Strict", patch, **_under(MERGE))
    assert (code, [cause["field"] for cause in said["details"]["causes"]]) == (422, ["patch"])
    assert client.call("PATCH", path + "Ignore", patch, **_under(MERGE))[0] == 200


@pytest.mark.parametrize("kind", ["merge", "strategic-merge"])
def test_a_patch_that_makes_no_object_of_the_kind_is_what_is_wrong(client, kind):
    client.call("POST", JOBS, job("typed", suspend=True))
    under = {"Content_Type": f"application/{kind}-patch+json"}
    code, said = client.call("PATCH", JOBS + "/typed", {"spec": {"parallelism": "x"}}, **under)
    assert (code, said["reason"], said["details"]["causes"][0]["field"]) == (422, "Invalid", "patch")
    strict = JOBS + "/typed?fieldValidation=Strict"
    code, said = client.call("PATCH", strict, {"spec": {"nope": 1}}, **under)
    assert (code, said["details"]["causes"][0]["field"]) == (422, "patch")
    code, said = client.call("PATCH", JOBS + "/typed", {"metadata": {"namespace": "other"}}, **under)
    assert (code, said["reason"]) == (400, "BadRequest")
    client.call("DELETE", JOBS + "/typed")


def test_wrong_metadata_is_told_by_the_server_and_by_the_kind(client):
    client.call("POST", JOBS, job("labelled", suspend=True))
    for path, times in ((JOBS + "/labelled", 4), (JOBS + "/labelled/status", 3), (MAPS + "/kjnb-defaults", 4)):
        patch = {"metadata": {"labels": {"a": "b c"}}}
        code, said = client.call("PATCH", path, patch, **_under(MERGE))
        assert (code, [cause["field"] for cause in said["details"]["causes"]]) == (422, ["metadata.labels"] * times)
    client.call("DELETE", JOBS + "/labelled")


def test_a_secret_that_is_no_base64_is_no_secret(client):
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "no!"}}
    code, said = client.call("POST", "/api/v1/namespaces/default/secrets", body)
    assert (code, said["reason"], "illegal base64 data" in said["message"]) == (400, "BadRequest", True)


def test_a_body_may_be_yaml(client):
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: written}\ndata: {k: v}\n"
    assert client.call("POST", MAPS + "?dryRun=All", body, Content_Type="application/yaml")[0] == 201


def test_what_is_warned_of_is_stored(client):
    answer = client.answer("POST", JOBS + "?dryRun=All", job("dotted.name"))
    assert (answer.status, "a DNS label is recommended" in answer.headers["Warning"]) == (201, True)


def test_what_pods_do_not_serve_is_said(client):
    for name in ("exec", "attach", "portforward", "ephemeralcontainers"):
        code, said = client.call("POST", f"{PODS}/a/{name}", {})
        assert (code, f"pods/{name} is not served" in said["message"]) == (404, True)
    code, said = client.call("PATCH", MAPS + "/a", b"{}", Content_Type="application/apply-patch+yaml")
    assert (code, "client-side apply" in said["message"]) == (415, True)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"propagationPolicy": "Sideways"}, 422),
        ({"propagationPolicy": "Orphan", "orphanDependents": True}, 422),
        ({"gracePeriodSeconds": "soon"}, 400),
        ({"gracePeriodSeconds": 2**40}, 400),
        ({"preconditions": 7}, 400),
        ({"dryRun": ["Some"]}, 422),
        ({"kind": "Job"}, 400),
        ({"preconditions": {"resourceVersion": "1"}}, 409),
        ({"dryRun": ["All"], "apiVersion": "batch/v1", "kind": "DeleteOptions"}, 200),
    ],
)
def test_options_of_deletes(client, options, code):
    assert client.call("DELETE", MAPS + "/kjnb-defaults", options)[0] == code
    assert client.call("GET", MAPS + "/kjnb-defaults")[0] == 200


def test_a_delete_that_takes_time_is_accepted(client, maps):
    held = configmap("one", t="1")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    client.call("POST", MAPS, held)
    assert client.call("DELETE", MAPS + "/one?orphanDependents=false")[0] == 202
    assert client.call("DELETE", MAPS + "/one?propagationPolicy=Background&gracePeriodSeconds=0")[0] == 200
    client.call("PATCH", MAPS + "/one", {"metadata": {"finalizers": None}}, **_under(MERGE))
    assert client.call("PUT", MAPS + "/one", configmap("one"))[0] == 404


def test_owners_are_merged_by_uid(client, maps):
    client.call("POST", MAPS, configmap("one", t="1"))
    for uid in ("1", "2"):
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": uid, "uid": uid}
        body = {"metadata": {"ownerReferences": [owner], "finalizers": ["example.com/hold"]}}
        client.call("PATCH", MAPS + "/one", body, Content_Type="application/strategic-merge-patch+json")
    owners = client.call("GET", MAPS + "/one")[1]["metadata"]["ownerReferences"]
    assert [one["uid"] for one in owners] == ["1", "2"]
    client.call("PATCH", MAPS + "/one", {"metadata": {"finalizers": None}}, **_under(MERGE))


def test_lists_in_pages(client, maps):
    for name in maps:
        client.call("POST", MAPS, configmap(name, t="1"))
    first = client.call("GET", MAPS + "?labelSelector=t&limit=2")[1]
    assert [one["metadata"]["name"] for one in first["items"]] == ["one", "three"]
    rest = client.call("GET", MAPS + f"?labelSelector=t&limit=2&continue={first['metadata']['continue']}")[1]
    assert [one["metadata"]["name"] for one in rest["items"]] == ["two"]
    assert "continue" not in rest["metadata"]


def test_a_watch_sees_what_enters_and_leaves_its_selector(client, maps):
    version = client.call("GET", MAPS)[1]["metadata"]["resourceVersion"]
    query = f"?watch=1&labelSelector=t&resourceVersion={version}&timeoutSeconds=4&allowWatchBookmarks=true"
    watching = Watching(client, MAPS + query)
    client.call("POST", MAPS, configmap("one", t="1"))
    client.call("POST", MAPS, configmap("other"))
    client.call("PATCH", MAPS + "/one", {"metadata": {"labels": {"t": None}}}, **_under(MERGE))
    client.call("PATCH", MAPS + "/one", {"metadata": {"labels": {"t": "2"}}}, **_under(MERGE))
    client.call("DELETE", MAPS + "/one")
    client.call("DELETE", MAPS + "/other")
    told = [("ADDED", "one"), ("DELETED", "one"), ("ADDED", "one"), ("DELETED", "one")]
    eventually(lambda: watching.seen()[:4] == told)
    watching.close()
    assert watching.seen()[4:] == [("BOOKMARK", "")], "a bookmark comes when the time is over"
    assert int(watching.events[-1]["object"]["metadata"]["resourceVersion"]) >= int(version) + 6


def test_tables_as_kubectl_asks_for_them(client):
    table = client.call("GET", "/api/v1/namespaces", Accept=TABLE)[1]
    assert (table["kind"], [one["name"] for one in table["columnDefinitions"]]) == ("Table", ["Name", "Status", "Age"])
    assert [row["cells"][0] for row in table["rows"]] == ["default", "kube-system"]


def test_site_defaults_and_node(client):
    data = client.call("GET", MAPS + "/kjnb-defaults")[1]["data"]
    assert set(data) == {"image", "python", "stage", "template", "backoffBase"}
    (node,) = client.call("GET", "/api/v1/nodes")[1]["items"]
    assert {"cpu", "memory", "pods"} <= node["status"]["allocatable"].keys()


def test_a_log_can_be_followed_while_it_grows(client):
    client.call("POST", JOBS, job("talker", "for i in 1 2 3; do echo line $i; sleep 0.2; done"))
    name = eventually(lambda: _pod_that_started(client, "talker"))
    assert client.answer("GET", f"{PODS}/{name}/log?follow=true").data == b"line 1\nline 2\nline 3\n"
    assert client.answer("GET", f"{PODS}/{name}/log?tailLines=1").data == b"line 3\n"
    assert client.answer("GET", f"{PODS}/{name}/log?limitBytes=4").data == b"line"
    assert client.call("GET", f"{PODS}/{name}/log?container=nobody")[0] == 400
    assert client.call("DELETE", JOBS + "/talker", {"propagationPolicy": "Background"})[0] == 200
    eventually(lambda: _pods(client, "talker") == [])


def _pods(client, name):
    return client.call("GET", f"{PODS}?labelSelector=job-name={name}")[1]["items"]


def _pod_that_started(client, name):
    started = [one for one in _pods(client, name) if one["status"]["phase"] != "Pending"]
    return started[0]["metadata"]["name"] if started else None


def test_the_official_client_runs_a_job(client):
    from kubernetes import client as official
    from kubernetes import config

    with config.new_client_from_config(str(client.kubeconfig)) as api:
        batch, core = official.BatchV1Api(api), official.CoreV1Api(api)
        batch.create_namespaced_job(
            "default", job("official", "echo $JOB_COMPLETION_INDEX", completions=2, completionMode="Indexed")
        )
        condition(client, "official", "Complete")
        assert batch.read_namespaced_job("official", "default").status.completed_indexes == "0,1"
        found = core.list_namespaced_pod("default", label_selector="job-name=official").items
        logs = {core.read_namespaced_pod_log(one.metadata.name, "default") for one in found}
        assert logs == {"0\n", "1\n"}
        batch.delete_namespaced_job("official", "default", propagation_policy="Foreground")
    eventually(lambda: client.call("GET", JOBS + "/official")[0] == 404)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_runs_a_job(client, tmp_path):
    def kubectl(*words, stdin=None):
        command = ["kubectl", "--kubeconfig", str(client.kubeconfig), "--cache-dir", str(tmp_path), *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=True).stdout

    manifest = """
apiVersion: batch/v1
kind: Job
metadata: {name: indexed-processor}
spec:
  completions: 5
  parallelism: 5
  completionMode: Indexed
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: worker
        image: data-processor:2.0
        command: [/bin/sh, -c, 'echo "Processing partition $JOB_COMPLETION_INDEX"']
"""
    assert kubectl("create", "-f", "-", stdin=manifest) == "job.batch/indexed-processor created\n"
    kubectl("wait", "--for=condition=complete", "job/indexed-processor", "--timeout=50s")
    assert kubectl("get", "jobs", "indexed-processor").splitlines()[1].split()[:3] == [
        "indexed-processor",
        "Complete",
        "5/5",
    ]
    assert len(kubectl("get", "pods", "-l", "job-name=indexed-processor", "--no-headers").splitlines()) == 5
    third = "job-name=indexed-processor,batch.kubernetes.io/job-completion-index=3"
    assert kubectl("logs", "-l", third) == "Processing partition 3\n"
    assert "Completed Indexes:  0-4" in kubectl("describe", "job", "indexed-processor")
    assert kubectl("create", "job", "plain", "--image=busybox:1.36", "--", "true") == "job.batch/plain created\n"
    kubectl("delete", "job", "indexed-processor", "plain")
    eventually(lambda: kubectl("get", "pods", "-l", "job-name=indexed-processor", "-o", "name") == "")
