"""The server as a process: started once whoever asks, found again, replaced when it died, ended with its pods."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from kjnb import embedded
from tests.embedded.live import Client, configmap, job
from tests.homes import processes_of
from tests.waiting import eventually

MAPS = "/api/v1/namespaces/default/configmaps"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def home(tmp_path):
    yield tmp_path
    embedded.stop(tmp_path)
    assert processes_of(tmp_path) == []


def pid_of(home):
    return embedded.status(home)["pid"]


def test_many_starts_at_once_are_one_server(home):
    script = f"from kjnb import embedded; embedded.start({str(home)!r}); print(embedded.status({str(home)!r})['pid'])"
    ask = lambda _: subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)  # noqa: E731
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(ask, range(4)))
    assert {one.stdout.strip() for one in done} == {str(pid_of(home))}, [one.stderr for one in done]


def test_files_are_private_and_the_server_has_its_own_session(home):
    folder = embedded.start(home).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    open_to_others = [path.name for path in folder.iterdir() if path.is_file() and path.stat().st_mode & 0o077]
    assert open_to_others == []
    assert os.getsid(pid_of(home)) == pid_of(home)


def test_stop_ends_what_runs(home):
    assert embedded.stop(home) is False
    client = Client(embedded.start(home))
    client.call("POST", JOBS, job("sleeper", "exec sleep 1000"))
    running = lambda: [p for p in client.call("GET", PODS)[1]["items"] if p["status"]["phase"] == "Running"]  # noqa: E731
    eventually(running)
    server = psutil.Process(pid_of(home))
    ours = [p for p in psutil.process_iter() if str(home) in " ".join(_environment(p))]
    assert len(ours) >= 2
    client.close()
    assert embedded.stop(home) is True
    assert embedded.status(home)["running"] is False
    psutil.wait_procs([server], timeout=10)
    eventually(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in ours))


def test_a_stop_right_after_the_start_leaves_no_supervisor(home):
    """The server is asked to end while its supervisor is still starting."""
    embedded.start(home)
    assert embedded.stop(home) is True
    assert processes_of(home) == []


def test_stop_ends_what_a_killed_server_left(home):
    client = Client(embedded.start(home))
    client.call("POST", JOBS, job("sleeper", "exec sleep 1001"))
    eventually(lambda: [p for p in client.call("GET", PODS)[1]["items"] if p["status"]["phase"] == "Running"])
    client.close()
    os.kill(pid_of(home), signal.SIGKILL)
    eventually(lambda: not embedded.status(home)["running"])
    left = processes_of(home)
    assert any("kjnb.embedded.node.supervisor" in one.cmdline() for one in left)
    assert embedded.stop(home) is True
    assert processes_of(home) == []
    assert embedded.stop(home) is False


def _environment(process):
    try:
        return [*process.environ().values(), *process.cmdline()]
    except (psutil.Error, OSError):
        return []


def test_a_server_that_was_killed_is_replaced_and_knows_everything(home):
    client = Client(embedded.start(home))
    client.call("POST", MAPS, configmap("kept"))
    before, pid = client.url, pid_of(home)
    os.kill(pid, signal.SIGKILL)
    client.close()
    eventually(lambda: not embedded.status(home)["running"])
    again = Client(embedded.start(home))
    assert pid_of(home) != pid
    assert again.url == before, "its clients find it where it was"
    assert again.token == client.token
    assert again.call("GET", MAPS + "/kept")[0] == 200
    code, told = again.call("GET", MAPS + "?watch=1&resourceVersion=2")
    assert (code, told["reason"]) == (410, "Expired"), "the history went with the server"
    again.close()


def test_pods_outlive_a_server_that_is_killed(home):
    client = Client(embedded.start(home))
    waiting = job("long", f"while [ ! -e {home}/go ]; do sleep 0.05; done; echo done")
    template = waiting["spec"]["template"]["spec"]
    template["volumes"] = [{"name": "home", "hostPath": {"path": str(home)}}]
    template["containers"][0]["volumeMounts"] = [{"name": "home", "mountPath": str(home)}]
    client.call("POST", JOBS, waiting)
    eventually(lambda: [p for p in client.call("GET", PODS)[1]["items"] if p["status"]["phase"] == "Running"])
    os.kill(pid_of(home), signal.SIGKILL)
    client.close()
    eventually(lambda: not embedded.status(home)["running"])
    (home / "go").touch()
    again = Client(embedded.start(home))
    eventually(lambda: again.call("GET", JOBS + "/long")[1]["status"].get("succeeded") == 1)
    assert [p["status"]["phase"] for p in again.call("GET", PODS)[1]["items"]] == ["Succeeded"]
    again.close()


def test_a_stale_note_of_another_process_is_no_server(home):
    folder = embedded.start(home).parent
    embedded.stop(home)
    note = {"pid": os.getpid(), "started": 1.0, "port": 1, "version": "0", "ready": True}
    (folder / "server.json").write_text(json.dumps(note))
    assert embedded.status(home)["running"] is False
    assert embedded.start(home).exists()
    assert embedded.status(home)["running"] is True


def test_a_proxy_is_never_asked(home, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    embedded.start(home)
    assert embedded.status(home)["running"] is True


def test_a_server_that_cannot_start_says_why(home, monkeypatch):
    folder = embedded.kubeconfig(home).parent
    (folder / "objects.sqlite").mkdir(parents=True)
    with pytest.raises(embedded.StartError, match=r"server\.log"):
        embedded.start(home)


def test_a_port_that_is_taken_is_said(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(embedded.StartError, match=f"port {port} of 127.0.0.1 is taken"):
            embedded.start(home, port=port)
    assert processes_of(home) == []
    embedded.start(home, port=port)
    assert embedded.status(home)["port"] == port


def test_a_port_that_is_taken_meanwhile_is_changed(home):
    embedded.start(home)
    port = embedded.status(home)["port"]
    os.kill(pid_of(home), signal.SIGKILL)
    eventually(lambda: not embedded.status(home)["running"])
    with socket.create_server(("127.0.0.1", port)):
        client = Client(embedded.start(home))
        assert embedded.status(home)["port"] != port
        assert client.call("GET", "/version")[0] == 200
        client.close()


def test_asking_makes_no_folder(home):
    assert embedded.status(home / "new")["running"] is False
    assert embedded.stop(home / "new") is False
    assert not (home / "new").exists()


def test_a_home_that_is_no_folder(home):
    (home / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        embedded.start(home / "file")
    assert embedded.status(home / "file")["running"] is False
    assert embedded.stop(home / "file") is False


def test_a_home_with_a_long_path(home):
    """A unix socket's name has at most 107 bytes."""
    long = home / "a-folder-of-a-course" / ("with-a-long-name-" * 8)
    try:
        client = Client(embedded.start(long))
        client.call("POST", JOBS, job("there"))
        eventually(lambda: client.call("GET", JOBS + "/there")[1]["status"].get("succeeded") == 1)
        client.close()
    finally:
        embedded.stop(long)


def test_files_of_an_earlier_boot_are_of_no_matter(home):
    folder = embedded.start(home).parent
    embedded.stop(home)
    earlier = folder.with_name(f"{folder.name[:-8]}00000000")
    shutil.copytree(folder, earlier, ignore=shutil.ignore_patterns("*.sock"))
    left = {"pid": 1, "started": 1.0, "port": 1, "version": "0", "ready": True}
    (folder / "server.json").write_text(json.dumps(left))
    with socket.socket(socket.AF_UNIX) as stale, contextlib.chdir(folder):
        pathlib.Path("supervisor.sock").unlink(missing_ok=True)
        stale.bind("supervisor.sock")  # nobody listens there any more
    client = Client(embedded.start(home))
    client.call("POST", JOBS, job("anew"))
    eventually(lambda: client.call("GET", JOBS + "/anew")[1]["status"].get("succeeded") == 1)
    client.close()


def test_a_client_that_leaves_its_watch_is_no_news(home):
    folder = embedded.start(home).parent
    client = Client(embedded.kubeconfig(home))
    for _ in range(3):
        stream = client.http.request(
            "GET", client.url + PODS + "?watch=1", headers=client.headers, preload_content=False
        )
        stream.connection.sock.shutdown(socket.SHUT_RDWR)
        stream.close()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", embedded.status(home)["port"])) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                plain.recv(100)
    client.call("POST", MAPS, configmap("after"))
    client.close()
    assert "WARNING" not in (folder / "server.log").read_text()


def _pretend_an_upgrade(folder):
    note = json.loads((folder / "server.json").read_text())
    (folder / "server.json").write_text(json.dumps({**note, "version": "0.0.1"}))


def test_a_server_of_another_version_is_replaced_when_idle(home):
    folder = embedded.start(home).parent
    pid = pid_of(home)
    _pretend_an_upgrade(folder)
    embedded.start(home)
    assert pid_of(home) != pid
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_server_of_another_version_is_kept_while_its_pods_run(home):
    kubeconfig = embedded.start(home)
    client, pid = Client(kubeconfig), pid_of(home)
    client.call("POST", JOBS, job("sleeper", "exec sleep 1000"))
    eventually(lambda: client.call("GET", PODS)[1]["items"])
    client.close()
    _pretend_an_upgrade(kubeconfig.parent)
    embedded.start(home)
    assert pid_of(home) == pid
