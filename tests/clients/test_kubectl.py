"""kubectl as people type it: each verb against a running cluster, its output as a real cluster would have it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.waiting import eventually

pytestmark = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
    pytest.mark.timeout(300),
]
NAMESPACE = "play"
MANIFEST = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: applied, labels: {set: a}}
data: {a: "1"}
"""
JOB = """\
---
apiVersion: batch/v1
kind: Job
metadata: {name: applied, labels: {set: a}}
spec:
  suspend: true
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "busybox:1.36", command: ["true"]}]
"""


class Kubectl:
    """`kubectl(words)` is what it prints; `no(words)` what it says when it fails."""

    def __init__(self, kubeconfig, cache):
        self.start = ["kubectl", "--kubeconfig", str(kubeconfig), "--cache-dir", str(cache), "--namespace", NAMESPACE]

    def run(self, *words, stdin=None, **env):
        command = [*self.start, *words]
        given = {**os.environ, **env} if env else None
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, env=given)

    def __call__(self, *words, stdin=None, **env):
        done = self.run(*words, stdin=stdin, **env)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def no(self, *words, stdin=None):
        done = self.run(*words, stdin=stdin)
        assert done.returncode != 0, f"{words}: {done.stdout}"
        assert "goroutine" not in done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def kubectl(kubeconfig, tmp_path_factory):
    made = Kubectl(kubeconfig, tmp_path_factory.mktemp("kubectl-cache"))
    assert made("create", "namespace", NAMESPACE) == f"namespace/{NAMESPACE} created\n"
    yield made
    made("delete", "namespace", NAMESPACE)


@pytest.fixture(scope="module")
def hello(kubectl):
    """A Job that has printed three lines and is complete."""
    kubectl("create", "job", "hello", "--image=busybox:1.36", "--", "sh", "-c", "echo one; echo two; echo three")
    kubectl("wait", "--for=condition=complete", "job/hello", "--timeout=60s")
    return kubectl("get", "pods", "-l", "job-name=hello", "-o", "jsonpath={.items[0].metadata.name}")


@pytest.fixture(scope="module")
def sleeper(kubectl):
    """A running pod."""
    script = "echo begun; while true; do sleep 1; done"
    kubectl("run", "sleeper", "--image=busybox:1.36", "--restart=Never", "--", "sh", "-c", script)
    kubectl("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=60s")
    return "sleeper"


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_get_in_every_form(kubectl, hello):
    head, row = rows(kubectl("get", "jobs", "-o", "wide"))
    assert head[:5] == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    assert row[:3] == ["hello", "Complete", "1/1"]
    assert row[5:7] == ["hello", "busybox:1.36"]
    assert kubectl("get", "pods", "-l", "job-name=hello", "-o", "name") == f"pod/{hello}\n"
    columns = kubectl("get", "pods", "-l", "job-name=hello", "-o", "custom-columns=N:.metadata.name,P:.status.phase")
    assert rows(columns) == [["N", "P"], [hello, "Succeeded"]]
    shown = kubectl("get", "pod", hello, "--show-labels", "--no-headers")
    assert rows(shown)[0][1:3] == ["0/1", "Completed"]
    assert "job-name=hello" in shown
    assert "kind: Job" in kubectl("get", "job", "hello", "-o", "yaml")
    assert '"kind": "List"' in kubectl("get", "jobs,cm", "-o", "json")
    assert kubectl("get", "job", "hello", "-o", "go-template={{.status.succeeded}}") == "1"


def test_get_some_of_many(kubectl, hello):
    ended = kubectl("get", "pods", "-A", "--field-selector", "status.phase=Succeeded", "--sort-by=.metadata.name")
    assert hello in ended
    assert rows(ended)[0][0] == "NAMESPACE"
    assert kubectl("get", "pods", "-l", "job-name=hello,!nobody", "--no-headers", "--chunk-size=1").startswith(hello)
    assert "field label not supported: nope" in kubectl.no("get", "pods", "--field-selector", "nope=1")
    assert kubectl.no("get", "pod", "nobody") == 'Error from server (NotFound): pods "nobody" not found\n'
    assert "doesn't have a resource type" in kubectl.no("get", "widgets")
    assert "job.batch/hello" in kubectl("get", "all")


def test_get_and_watch(kubectl, hello):
    watched = kubectl.run("get", "pods", "-l", "job-name=hello", "-w", "--request-timeout=1s")
    assert rows(watched.stdout)[1][0] == hello


def test_describe(kubectl, hello):
    job = kubectl("describe", "job", "hello")
    assert "Pods Statuses:    0 Active (0 Ready) / 1 Succeeded / 0 Failed" in job
    assert "SuccessfulCreate" in job
    pod = kubectl("describe", "pod", hello)
    for words in ("Controlled By:  Job/hello", "Exit Code:    0", "Scheduled", "Started"):
        assert words in pod
    node = kubectl("describe", "node")
    for words in ("Allocatable:", "KubeletReady", "Non-terminated Pods:"):
        assert words in node
    assert "Status:       Active" in kubectl("describe", "namespace", NAMESPACE)


def test_logs(kubectl, hello):
    assert kubectl("logs", "job/hello") == "one\ntwo\nthree\n"
    assert kubectl("logs", "-l", "job-name=hello", "--tail=1") == "three\n"
    assert kubectl("logs", hello, "--since=1h", "--tail=2", "--prefix") == (
        f"[pod/{hello}/hello] two\n[pod/{hello}/hello] three\n"
    )
    stamped = kubectl("logs", "job/hello", "--timestamps", "--all-containers").splitlines()
    assert [line.split("Z ")[1] for line in stamped] == ["one", "two", "three"]
    assert "previous terminated container" in kubectl.no("logs", hello, "--previous")


def test_logs_followed(kubectl):
    kubectl(
        "create", "job", "slow", "--image=busybox:1.36", "--", "sh", "-c", "for i in 1 2 3; do echo $i; sleep .5; done"
    )
    kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod", "-l", "job-name=slow", "--timeout=60s")
    assert kubectl("logs", "-f", "job/slow", "--pod-running-timeout=60s") == "1\n2\n3\n"
    assert kubectl("delete", "job", "slow", "--cascade=foreground", "--timeout=60s") == 'job.batch "slow" deleted\n'
    assert kubectl("get", "pods", "-l", "job-name=slow", "-o", "name") == ""


def test_apply_twice_and_prune(kubectl):
    both = MANIFEST + JOB
    assert kubectl("apply", "-f", "-", stdin=both) == "configmap/applied created\njob.batch/applied created\n"
    assert kubectl("apply", "-f", "-", stdin=both) == "configmap/applied unchanged\njob.batch/applied unchanged\n"
    changed = both.replace('a: "1"', 'a: "2"')
    tried = kubectl.run("diff", "-f", "-", stdin=changed)
    assert (tried.returncode, '+  a: "2"' in tried.stdout) == (1, True)
    assert "configured (server dry run)" in kubectl("apply", "-f", "-", "--dry-run=server", stdin=changed)
    assert kubectl("apply", "-f", "-", stdin=changed).startswith("configmap/applied configured\n")
    prune = ("--prune", "-l", "set=a", "--prune-allowlist=batch/v1/Job")
    assert kubectl("apply", "-f", "-", *prune, stdin=MANIFEST).endswith("job.batch/applied pruned\n")
    assert kubectl("replace", "-f", "-", stdin=MANIFEST) == "configmap/applied replaced\n"
    assert "AlreadyExists" in kubectl.no("create", "-f", "-", stdin=MANIFEST)


def test_unknown_fields(kubectl):
    odd = MANIFEST.replace("\ndata:", "\ndota:").replace("applied", "odd")
    assert 'unknown field "dota"' in kubectl.no("apply", "-f", "-", stdin=odd)
    warned = kubectl.run("apply", "--validate=warn", "-f", "-", stdin=odd)
    assert (warned.returncode, 'unknown field "dota"' in warned.stderr) == (0, True)


def test_change(kubectl):
    kubectl("create", "configmap", "one", "--from-literal=a=b")
    assert kubectl("label", "cm", "one", "x=y") == "configmap/one labeled\n"
    assert "already has a value" in kubectl.no("label", "cm", "one", "x=z")
    kubectl("label", "cm", "one", "x=z", "--overwrite")
    kubectl("annotate", "cm", "one", "note=hi")
    assert kubectl("label", "cm", "one", "x-") == "configmap/one unlabeled\n"
    kubectl("patch", "cm", "one", "-p", '{"data":{"c":"d"}}')
    kubectl("patch", "cm", "one", "--type=merge", "-p", '{"data":{"a":null}}')
    kubectl("patch", "cm", "one", "--type=json", "-p", '[{"op":"add","path":"/data/e","value":"f"}]')
    assert kubectl("get", "cm", "one", "-o", "jsonpath={.data}") == '{"c":"d","e":"f"}'
    assert "no changes made" in kubectl.run("edit", "cm", "one", EDITOR="true").stderr
    assert kubectl("edit", "cm", "one", EDITOR="sed -i s/hi/ho/") == "configmap/one edited\n"
    assert kubectl("delete", "cm", "-l", "nobody=here") == "No resources found\n"
    assert kubectl("delete", "cm", "one") == 'configmap "one" deleted\n'


def test_create_secret_and_try_a_job(kubectl):
    kubectl("create", "secret", "generic", "key", "--from-literal=a=b")
    assert "a:  1 bytes" in kubectl("describe", "secret", "key")
    assert kubectl("create", "job", "dry", "--image=busybox", "--dry-run=server", "-o", "name") == "job.batch/dry\n"
    assert "NotFound" in kubectl.no("get", "job", "dry")


def test_a_job_may_go_without_its_pods(kubectl):
    kubectl("create", "job", "left", "--image=busybox:1.36", "--", "true")
    kubectl("wait", "--for=condition=complete", "job/left", "--timeout=60s")
    kubectl("delete", "job", "left", "--cascade=orphan")
    assert kubectl("get", "pods", "-l", "job-name=left", "-o", "name").startswith("pod/left-")
    kubectl("delete", "pods", "-l", "job-name=left")


def test_run_and_wait(kubectl):
    kubectl("run", "runner", "--image=busybox:1.36", "--restart=Never", "--", "sh", "-c", "echo ran; sleep 60")
    kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/runner", "--timeout=60s")
    eventually(lambda: kubectl("logs", "runner") == "ran\n")
    assert kubectl("delete", "pod", "runner", "--grace-period=1", "--wait=false") == 'pod "runner" deleted\n'
    kubectl("wait", "--for=delete", "pod/runner", "--timeout=60s")


def test_what_is_served(kubectl):
    assert "batch/v1" in kubectl("api-versions").splitlines()
    resources = {tuple(row[:1]) for row in rows(kubectl("api-resources", "--no-headers"))}
    assert {("jobs",), ("pods",), ("configmaps",), ("nodes",)} <= resources
    assert "FIELD: completions <integer>" in kubectl("explain", "job.spec.completions")
    assert "podFailurePolicy" in kubectl("explain", "jobs", "--recursive")
    assert "Server Version: v1.36." in kubectl("version")
    assert "is running at" in kubectl("cluster-info")
    assert kubectl("get", "--raw", "/readyz") == "ok"


def test_who_may(kubectl):
    assert kubectl("auth", "can-i", "create", "jobs") == "yes\n"
    assert "[*]" in kubectl("auth", "can-i", "--list")
    assert "Username" in kubectl("auth", "whoami")


def test_events(kubectl, hello):
    assert "Job completed" in kubectl("events", "--for=job/hello")
    assert "SuccessfulCreate" in kubectl("get", "events", "--sort-by=.lastTimestamp")


def test_what_one_machine_cannot_do_is_said(kubectl, sleeper):
    assert "not available" in kubectl.no("top", "pods")
    for words in (("exec", sleeper, "--", "true"), ("attach", sleeper), ("port-forward", f"pod/{sleeper}", "8080:80")):
        assert "could not find the requested resource" in kubectl.no(*words)
    assert "could not find the requested resource" in kubectl.no("cp", f"{sleeper}:/x", "/tmp/never")
    assert "ephemeral containers are disabled" in kubectl.no("debug", sleeper, "--image=busybox", "--profile=general")
    assert "could not find the requested resource" in kubectl.no("create", "deployment", "d", "--image=busybox")


def test_a_node_is_emptied(kubectl, sleeper):
    node = kubectl("get", "nodes", "-o", "name").strip()
    kubectl("cordon", node)
    try:
        assert "SchedulingDisabled" in kubectl("get", "nodes")
        drained = kubectl("drain", node, "--force", "--grace-period=1", "--pod-selector=run=sleeper", "--timeout=60s")
        assert f"{node} drained" in drained
        assert "NotFound" in kubectl.no("get", "pod", sleeper)
    finally:
        kubectl("uncordon", node)
    kubectl("taint", "nodes", "--all", "a=b:PreferNoSchedule")
    assert kubectl("taint", "nodes", "--all", "a-").endswith(" untainted\n")
