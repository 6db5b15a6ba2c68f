"""What `kubectl get` prints."""

from datetime import UTC, datetime, timedelta

import pytest

from kjnb.embedded.api import pod_words, tables

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


def ago(seconds):
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def meta(name="x", **more):
    return {"name": name, "creationTimestamp": ago(90), **more}


def rows(resource, obj, include="None"):
    return tables.table(resource, [obj], NOW, include=include, version="7", columns=True)["rows"][0]["cells"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (185, "3m5s"),
        (600, "10m"),
        (10799, "179m"),
        (10800, "3h"),
        (11100, "3h5m"),
        (8 * 3600, "8h"),
        (48 * 3600, "2d"),
        (51 * 3600, "2d3h"),
        (8 * 86400, "8d"),
        (730 * 86400, "2y"),
        (740 * 86400, "2y10d"),
    ],
)
def test_an_age_in_words(seconds, words):
    assert tables.age(seconds) == words


def job(status=None, spec=None, **more):
    template = {"spec": {"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "j"}]}}
    return {"metadata": meta(**more), "spec": {"template": template, **(spec or {})}, "status": status or {}}


def condition(kind, **more):
    return {"type": kind, "status": "True", **more}


def test_a_job():
    done = {"startTime": ago(80), "completionTime": ago(70), "succeeded": 3, "conditions": [condition("Complete")]}
    selector = {"matchLabels": {"b": "2", "a": "1"}}
    got = rows("jobs", job(done, {"completions": 3, "selector": selector}))
    assert got == ["x", "Complete", "3/3", "10s", "90s", "a,b", "i,j", "a=1,b=2"]
    failed = {"startTime": ago(80), "conditions": [condition("Failed", lastTransitionTime=ago(50))]}
    assert rows("jobs", job(failed, {"completions": 3}))[1:4] == ["Failed", "0/3", "30s"]
    assert rows("jobs", job({"startTime": ago(80)}, {"parallelism": 2}))[1:4] == ["Running", "0/1 of 2", "80s"]
    assert rows("jobs", job(None, {"parallelism": 1}))[2:4] == ["0/1", ""]
    assert rows("jobs", job())[-1] == "<none>"


@pytest.mark.parametrize("word", ["Suspended", "FailureTarget", "SuccessCriteriaMet"])
def test_a_job_in_one_word(word):
    assert tables.job_state(job({"conditions": [condition(word)]})) == word
    assert tables.job_state(job({"conditions": [condition(word)]}, deletionTimestamp=ago(0))) == "Terminating"


def pod(status=None, spec=None, **more):
    return {"metadata": meta(**more), "spec": {"containers": [{}, {}], **(spec or {})}, "status": status or {}}


def container(**state):
    return {"state": state, "ready": "running" in state}


def test_a_pod():
    running = {
        "phase": "Running",
        "podIPs": [{"ip": "10.0.0.1"}],
        "containerStatuses": [container(running={}), container()],
    }
    got = rows("pods", pod(running, {"nodeName": "n"}))
    assert got == ["x", "1/2", "Running", "0", "90s", "10.0.0.1", "n", "<none>", "<none>"]
    assert rows("pods", pod({"podIP": "10.0.0.2"}))[5:7] == ["10.0.0.2", "<none>"]
    again = {"restartCount": 2, "state": {}, "lastState": {"terminated": {"finishedAt": ago(60)}}}
    assert rows("pods", pod({"containerStatuses": [again]}))[3] == "2 (60s ago)"
    assert rows("pods", pod({"containerStatuses": [{"restartCount": 2}]}))[3] == "2"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({}, "Unknown"),
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}, "SchedulingGated"),
        ({"containerStatuses": [container(waiting={"reason": "ErrImagePull"})]}, "ErrImagePull"),
        ({"containerStatuses": [container(terminated={"reason": "Error"})]}, "Error"),
        ({"containerStatuses": [container(terminated={"signal": 9})]}, "Signal:9"),
        ({"containerStatuses": [container(terminated={"exitCode": 3})]}, "ExitCode:3"),
        ({"containerStatuses": [container(terminated={"reason": "Completed"}), container(running={})]}, "NotReady"),
        (
            {
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [container(terminated={"reason": "Completed"}), container(running={})],
            },
            "Running",
        ),
        ({"phase": "Running", "containerStatuses": [{"state": {"running": {}}, "ready": False}]}, "Running"),
        ({"initContainerStatuses": [container(waiting={"reason": "PodInitializing"})]}, "Init:0/2"),
        ({"initContainerStatuses": [container(terminated={"exitCode": 0}), container(running={})]}, "Init:1/2"),
        ({"initContainerStatuses": [container(terminated={"exitCode": 1, "reason": "Error"})]}, "Init:Error"),
        ({"initContainerStatuses": [container(waiting={"reason": "ErrImagePull"})]}, "Init:ErrImagePull"),
        ({"phase": "Running", "initContainerStatuses": [container(terminated={"exitCode": 0})]}, "Running"),
    ],
)
def test_a_pod_in_one_word(status, word):
    assert pod_words.state(pod(status, {"initContainers": [{}, {}]})) == word


SIDECAR = {"initContainers": [{"name": "side", "restartPolicy": "Always"}, {"name": "first"}]}
SIDE = {"name": "side", "started": True, "ready": True, "state": {"running": {}}, "restartCount": 3}
INITIALIZED = {"conditions": [{"type": "Initialized", "status": "True"}]}


def ended(code, reason=None, **more):
    return {"name": "c", "state": {"terminated": {"exitCode": code, "reason": reason}}, **more}


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({"phase": "Pending"}, ["0/3", "Pending", "0"]),
        ({"initContainerStatuses": [{**SIDE, "started": False}]}, ["0/3", "Init:0/2", "3"]),
        ({"initContainerStatuses": [SIDE, {"name": "first", "restartCount": 1}]}, ["1/3", "Init:1/2", "4"]),
        (
            {
                "phase": "Running",
                "initContainerStatuses": [SIDE, ended(0, restartCount=1)],
                "containerStatuses": [container(running={}), container(running={})],
            },
            ["3/3", "Running", "3"],
        ),
        (
            {
                **INITIALIZED,
                "phase": "Succeeded",
                "initContainerStatuses": [{**ended(137, "Error"), "name": "side"}, ended(0)],
                "containerStatuses": [ended(0, "Completed"), ended(0, "Completed")],
            },
            ["0/3", "Completed", "0"],
        ),
    ],
)
def test_a_pod_with_a_sidecar(status, shown):
    assert rows("pods", pod(status, SIDECAR))[1:4] == shown


def test_readiness_gates():
    conditions = [{"type": "a", "status": "True"}, {"type": "b", "status": "False"}]
    gates = {"readinessGates": [{"conditionType": name} for name in "abc"]}
    assert rows("pods", pod({"conditions": conditions}, gates))[8] == "1/3"


def test_a_pod_that_is_being_deleted():
    assert pod_words.state(pod({"phase": "Running"}, deletionTimestamp=ago(0))) == "Terminating"
    assert pod_words.state(pod({"phase": "Failed"}, deletionTimestamp=ago(0))) == "Failed"
    assert pod_words.state(pod({"reason": "NodeLost"}, deletionTimestamp=ago(0))) == "Unknown"


def test_the_other_kinds():
    event = {
        "metadata": meta(),
        "involvedObject": {"kind": "Pod", "name": "p"},
        "type": "Normal",
        "reason": "Started",
        "message": "m",
        "lastTimestamp": ago(5),
        "firstTimestamp": ago(9),
        "source": {"component": "kubelet", "host": "n"},
    }
    assert rows("events", event) == ["5s", "Normal", "Started", "pod/p", "", "kubelet, n", "m", "9s", 1, "x"]
    node = {"metadata": meta(), "spec": {"unschedulable": True}, "status": {"conditions": [condition("Ready")]}}
    assert rows("nodes", node)[1] == "Ready,SchedulingDisabled"
    assert rows("nodes", {"metadata": meta()})[1] == "NotReady"
    about = {"osImage": "Debian", "kernelVersion": "6.1", "kubeletVersion": "v1"}
    status = {"nodeInfo": about, "addresses": [{"type": "InternalIP", "address": "::1"}]}
    labels = {"node-role.kubernetes.io/gpu": "", "kubernetes.io/role": "a", "x": "y"}
    got = rows("nodes", {"metadata": {**meta(), "labels": labels}, "status": status})
    assert (got[2], got[4:]) == ("a,gpu", ["v1", "::1", "<none>", "Debian", "6.1", "<unknown>"])
    assert rows("namespaces", {"metadata": meta(), "status": {"phase": "Active"}}) == ["x", "Active", "90s"]
    assert rows("configmaps", {"metadata": meta(), "data": {"a": "b"}, "binaryData": {"c": "d"}}) == ["x", 2, "90s"]
    assert rows("secrets", {"metadata": meta(), "type": "Opaque"}) == ["x", "Opaque", 0, "90s"]
    assert rows("somethings", {"metadata": {"name": "x"}}) == ["x", "<unknown>"]


def test_columns_and_what_rows_carry():
    names = [(one["name"], one["priority"], one["type"]) for one in tables.definitions("events")]
    assert names[0] == ("Last Seen", 0, "string")
    assert ("Count", 1, "integer") in names
    for include, kind in (("Metadata", "PartialObjectMetadata"), ("Object", "ConfigMap")):
        obj = {"kind": "ConfigMap", "metadata": meta()}
        table = tables.table("configmaps", [obj], NOW, include=include, version="7", columns=False)
        assert table["rows"][0]["object"]["kind"] == kind
        assert (table["columnDefinitions"], table["metadata"]) == ([], {"resourceVersion": "7"})
    assert (
        tables.table("configmaps", [obj], NOW, include="None", version="7", columns=True)["rows"][0]["object"] is None
    )


def test_services_and_accounts():
    at = {"port": 443, "protocol": "TCP"}
    spec = {"type": "ClusterIP", "clusterIP": "127.0.0.1", "ports": [at], "selector": {"a": "b"}}
    wanted = ["x", "ClusterIP", "127.0.0.1", "<none>", "443/TCP", "90s", "a=b"]
    assert rows("services", {"metadata": meta(), "spec": spec}) == wanted
    assert rows("services", {"metadata": meta()})[4:] == ["<none>", "90s", "<none>"]
    assert rows("serviceaccounts", {"metadata": meta()}) == ["x", 0, "90s"]
