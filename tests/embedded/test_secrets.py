"""What must not be seen: the token anywhere but in its files, a file by others, a path outside of the state folder."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import psutil
import pytest

from kjnb import embedded
from kjnb.embedded import credentials
from tests import homes
from tests.embedded.live import MERGE, Client, configmap, job
from tests.homes import processes_of
from tests.waiting import eventually

JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
SECRET_FILES = {"token", "kubeconfig"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One for all of these tests."""
    with homes.own_home(tmp_path_factory.mktemp("secrets") / "home") as own:
        yield own


@pytest.fixture(scope="module")
def client(home):
    """Of a server that was started under a generous umask; a pod has run there, so all its files are made."""
    before = os.umask(0)
    try:
        made = Client(embedded.start(home))
    finally:
        os.umask(before)
    made.call("POST", PODS, pod("first"))
    ran(made, "first")
    yield made
    made.close()


def pod(name: str, script: str = "true", **spec: Any) -> dict[str, Any]:
    container = {"name": "worker", "image": "busybox", "command": ["sh", "-c", script]}
    return {"metadata": {"name": name}, "spec": {"restartPolicy": "Never", "containers": [container], **spec}}


def ran(client: Client, name: str) -> dict[str, Any]:
    phases = ("Succeeded", "Failed")
    return eventually(lambda: (found := client.call("GET", f"{PODS}/{name}")[1])["status"]["phase"] in phases and found)


def test_every_file_and_folder_is_the_owner_s_whatever_the_umask(client, home):
    client.call("POST", PODS, pod("writes", "umask; echo x > $HOME/own"))
    python = pod("writes-python", "")
    python["spec"]["containers"][0].update(
        image=f"local://{sys.executable}", command=[sys.executable, "-c", "print(1)"]
    )
    client.call("POST", PODS, python)
    for name in ("writes", "writes-python"):
        assert ran(client, name)["status"]["phase"] == "Succeeded"
    assert client.answer("GET", f"{PODS}/writes/log").data == b"0022\n", "a pod has the usual umask, not the server's"
    folder = embedded.kubeconfig(home).parent
    names = {path.name for path in folder.iterdir()}
    assert {"objects.sqlite", "objects.sqlite-wal", "server.key", "server.log", "token", "supervisor.journal"} <= names
    assert folder.stat().st_mode & 0o777 == 0o700
    own = [path for path in folder.rglob("*") if path.relative_to(folder).parts[0] != "pods"]
    open_to_others = [str(path) for path in own if not path.is_symlink() and path.stat().st_mode & 0o077]
    assert open_to_others == []
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder / "pods").iterdir())


def test_the_token_is_in_its_files_and_nowhere_else(client, home):
    client.call("POST", PODS, pod("looks", "env; cat /proc/self/cmdline; ls -l /proc/self/fd | wc -l; sleep 30"))
    eventually(lambda: client.call("GET", f"{PODS}/looks")[1]["status"]["phase"] == "Running")
    client.call("GET", "/nothing/there")
    client.call("POST", JOBS, b"{")
    client.call("GET", "/api", Authorization="Bearer wrong")
    secret = client.token.encode()
    folder = embedded.kubeconfig(home).parent
    for process in processes_of(home):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                assert secret not in pathlib.Path(f"/proc/{process.pid}/{name}").read_bytes(), process
    holding = {path.name for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()}
    assert holding == SECRET_FILES
    for command in ("status", "kubeconfig"):
        said = subprocess.run(
            [sys.executable, "-m", "kjnb", "cluster", command],
            capture_output=True,
            timeout=60,
            env={**os.environ, "KJNB_HOME": str(home)},
        )
        assert secret not in said.stdout + said.stderr


def test_a_pod_inherits_nothing(client):
    """No descriptor of the server's, of the supervisor's or of a zygote's: what it has open is its own."""
    script = (
        "import os; print(sorted(int(one) for one in os.listdir('/proc/self/fd'))[:-1], os.environ.get('KJNB_HOME'))"
    )
    client.call("POST", PODS, pod("shell", "ls /proc/self/fd"))
    python = pod("python", "")
    path = pathlib.Path(client.kubeconfig.parent.parent.parent / "fds.py")
    path.write_text(script)
    python["spec"]["containers"][0].update(image=f"local://{sys.executable}", command=[sys.executable, str(path)])
    client.call("POST", PODS, python)
    for name in ("shell", "python"):
        ran(client, name)
    assert client.answer("GET", f"{PODS}/shell/log").data.split() == [b"0", b"1", b"2", b"3"]  # 3: of ls itself
    assert client.answer("GET", f"{PODS}/python/log").data == b"[0, 1, 2] None\n"


def test_short_of_memory_a_pod_ends_before_who_looks_after_it(client, home):
    client.call("POST", PODS, pod("score", "cat /proc/self/oom_score_adj"))
    python = pod("score-python", "")
    path = home / "score.py"
    path.write_text("print(open('/proc/self/oom_score_adj').read(), end='')")
    python["spec"]["containers"][0].update(image=f"local://{sys.executable}", command=[sys.executable, str(path)])
    client.call("POST", PODS, python)
    for name in ("score", "score-python"):
        ran(client, name)
        assert client.answer("GET", f"{PODS}/{name}/log").data == b"500\n"
    supervisor = int((embedded.kubeconfig(home).parent / "supervisor.lock").read_text())
    for pid in (supervisor, embedded.status(home)["pid"]):
        assert int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text()) < 500


UP = ["..", "../x", "a/../../x", "/etc/x", "..\\x", "x/..", "a\x00b", "%2e%2e", "."]


@pytest.mark.parametrize("name", [*UP, "a/b", "-x", "A", "x" * 300])
def test_names_that_are_paths_are_no_names(client, home, name):
    before = listing(home)
    for manifest in (pod(name), pod("x", containers=[{"name": name, "image": "busybox", "command": ["true"]}])):
        assert client.call("POST", PODS, manifest)[0] in (400, 422)
    volume = pod("y", volumes=[{"name": name, "emptyDir": {}}])
    volume["spec"]["containers"][0]["volumeMounts"] = [{"name": name, "mountPath": "/x"}]
    assert client.call("POST", PODS, volume)[0] in (400, 422)
    assert client.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})[0] in (400, 422)
    assert client.call("POST", JOBS, job(name))[0] in (400, 422)
    assert client.call("POST", MAPS, configmap(name))[0] in (400, 422)
    assert listing(home) == before


def listing(home: pathlib.Path) -> set[str]:
    """What lies beside the state folder, and in it beside what pods are for."""
    folder = embedded.kubeconfig(home).parent
    return {
        str(path) for top in (home, home / "cluster", folder) for path in top.iterdir() if "sqlite" not in path.name
    }


@pytest.mark.parametrize("name", ["..%2f..", "%252e%252e", "..%2f..%2ftoken", "x%2f..", "%00"])
def test_paths_of_requests_find_objects_not_files(client, name):
    client.call("POST", PODS, pod("there"))
    ran(client, "there")
    for path in (f"{PODS}/{name}", f"{PODS}/{name}/log", f"/api/v1/namespaces/{name}/pods/there/log"):
        answer = client.answer("GET", path)
        assert answer.status in (400, 404), path
        assert client.token.encode() not in answer.data
    for query in (
        f"container={name}",
        f"container=..%2f..%2f..%2ftoken&previous={name}",
        "container=worker%2f..%2fworker",
    ):
        answer = client.answer("GET", f"{PODS}/there/log?{query}")
        assert answer.status == 400, query


def test_a_uid_is_the_server_s_to_choose(client, home):
    """Folders are named by it."""
    asked = pod("chosen", "pwd")
    asked["metadata"]["uid"] = "../../../chosen"
    made = client.call("POST", PODS, asked)
    assert made[0] == 201
    assert "/" not in made[1]["metadata"]["uid"]
    ran(client, "chosen")
    patch = {"metadata": {"uid": "../../../patched"}}
    assert client.call("PATCH", f"{PODS}/chosen", patch, **MERGE)[0] in (409, 422)
    assert list(home.rglob(f"{made[1]['metadata']['uid']}/*_0.log"))
    assert not list(home.rglob("*chosen*"))


needs_mounts = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@needs_mounts
@pytest.mark.parametrize("path", UP[:4])
def test_files_of_volumes_stay_in_them(client, home, path):
    client.call("POST", MAPS, configmap("files"))
    before = listing(home)
    volume = {"name": "v", "configMap": {"name": "files", "items": [{"key": "k", "path": path}]}}
    asked = pod("escapes", volumes=[volume])
    asked["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    assert client.call("POST", PODS, asked)[0] == 422
    for field in ("subPath", "subPathExpr"):
        mount = {"name": "v", "mountPath": "/v", field: path}
        asked = pod("below", volumes=[{"name": "v", "emptyDir": {}}])
        asked["spec"]["containers"][0]["volumeMounts"] = [mount]
        assert client.call("POST", PODS, asked)[0] == 422
    assert listing(home) == before


def waits_for(client: Client, name: str) -> str:
    """Why its container does not start; empty while nobody knows."""
    for one in client.call("GET", f"{PODS}/{name}")[1]["status"].get("containerStatuses", ()):
        reason = one["state"].get("waiting", {}).get("reason", str(one["state"]))
        return "" if reason == "ContainerCreating" else reason
    return ""


@needs_mounts
def test_a_sub_path_that_a_variable_or_a_link_leads_out_is_refused(client, home):
    outside = home / "outside"
    outside.mkdir()
    (outside / "secret").write_text("not for pods")
    shared = home / "shared"
    shared.mkdir()
    (shared / "link").symlink_to(outside)
    cases = {
        "variable": {"subPathExpr": "$(WHERE)"},
        "link": {"subPath": "link"},
        "below-link": {"subPath": "link/deeper"},
    }
    for name, field in cases.items():
        asked = pod(name, "cat /v/secret", volumes=[{"name": "v", "hostPath": {"path": str(shared)}}])
        container = asked["spec"]["containers"][0]
        container["env"] = [{"name": "WHERE", "value": "../outside"}]
        container["volumeMounts"] = [{"name": "v", "mountPath": "/v", **field}]
        assert client.call("POST", PODS, asked)[0] == 201
        assert eventually(lambda name=name: waits_for(client, name)) == "CreateContainerConfigError", name
    assert not (outside / "deeper").exists()


def test_a_certificate_is_renewed_in_time_and_the_token_stays(tmp_path):
    first = credentials.ensure(tmp_path)
    certificate = first.certificate.read_bytes()
    assert credentials.ensure(tmp_path) == first
    assert first.certificate.read_bytes() == certificate
    first.certificate.write_bytes(b"no certificate")
    assert credentials.ensure(tmp_path, days=80).token == first.token
    short = first.certificate.read_bytes()
    assert credentials.ensure(tmp_path).token == first.token
    assert first.certificate.read_bytes() not in (short, certificate), "one that ends soon is renewed"
    other, _ = credentials.self_signed()
    first.certificate.write_bytes(other)
    assert not credentials.is_good(first.certificate, first.key), "a certificate of another key is of no use"
    (tmp_path / "token").write_text("")
    assert len(credentials.ensure(tmp_path).token) >= credentials.TOKEN_BYTES


def test_the_server_is_seen_from_this_machine_only(client, home):
    listening = [
        one.laddr.ip
        for process in processes_of(home)
        for one in psutil.Process(process.pid).net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]
