"""The server as a process: started once whoever asks, found again, replaced when it died, ended with its pods."""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from kjnb import embedded
from kjnb.embedded import daemon, state
from kjnb.embedded.supervisor import processes
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
    assert any("kjnb.embedded.supervisor.supervisor" in one.cmdline() for one in left)
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


def test_stop_ends_a_server_whose_note_is_missing_or_of_another_clock(home):
    """A note that an earlier kjnb wrote may tell the start time by another clock: the lock says who serves."""
    folder = embedded.start(home).parent
    pid = pid_of(home)
    note = json.loads((folder / "server.json").read_text())
    (folder / "server.json").write_text(json.dumps(note | {"started": 1.5}))
    assert embedded.stop(home)
    assert state.process_started(pid) is None
    embedded.start(home)
    pid = pid_of(home)
    (folder / "server.json").unlink()
    assert embedded.stop(home)
    assert state.process_started(pid) is None
    assert not embedded.stop(home)


def test_only_a_process_that_lives_is_believed_to_hold_the_place(tmp_path):
    """What is written in the lock is the last holder's until the next has signed; its pid may be anybody's by now."""
    assert state.holder(tmp_path) is None
    lock = os.open(tmp_path / "server.lock", os.O_CREAT | os.O_RDWR)
    try:
        assert state.holder(tmp_path) is None
        fcntl.flock(lock, fcntl.LOCK_EX)
        for text in (b"", b"17\n", json.dumps([os.getpid(), 1.5]).encode(), b"[1]"):
            os.ftruncate(lock, 0)
            os.pwrite(lock, text, 0)
            assert state.holder(tmp_path) == state.NOBODY, text
        state.sign(lock)
        assert state.holder(tmp_path) == (os.getpid(), state.process_started(os.getpid()))
    finally:
        os.close(lock)


def test_stop_waits_for_a_server_whose_starter_was_killed(home):
    """It has no place yet, and no note: whoever stops must not find nothing and leave it to come up."""
    script = """
import os, sys
from kjnb.embedded import daemon, state
root = state.home_folder(sys.argv[1])
folder = state.made_folder(root)
with state.locked(folder / "start.lock") as starting:
    daemon._spawn(root, folder, {}, starting)
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script, str(home)], check=True, timeout=60)
    assert embedded.stop(home) is True
    assert processes_of(home) == []


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


def _boot_anew(folder, machine=None):
    """Leave the folder as an earlier boot's, with what a machine that was switched off leaves behind."""
    earlier = folder.with_name(f"{folder.name[:-8]}00000000")
    folder.rename(earlier)
    journal = earlier / "supervisor.journal"
    journal.write_text(journal.read_text().replace(processes.boot_id(), "00000000-1111"))
    left = {"pid": os.getpid(), "started": state.process_started(os.getpid()), "port": 1, "version": "0", "ready": True}
    (earlier / "server.json").write_text(json.dumps(left))
    with socket.socket(socket.AF_UNIX) as stale, contextlib.chdir(earlier):
        pathlib.Path("supervisor.sock").unlink(missing_ok=True)
        stale.bind("supervisor.sock")  # nobody listens there any more
    if machine is not None:
        (earlier / "machine").write_text(machine)
    return earlier


def _switch_off(home, client):
    """All processes of the cluster at once, as by a power loss."""
    folder = embedded.kubeconfig(home).parent
    supervisor = int((folder / "supervisor.lock").read_text())
    for pid in (pid_of(home), supervisor):
        os.kill(pid, signal.SIGKILL)
    client.close()
    for process in processes_of(home):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    eventually(lambda: processes_of(home) == [])
    return folder


def test_a_machine_that_was_started_anew_has_its_objects_and_says_what_became_of_its_pods(home):
    client = Client(embedded.start(home))
    client.call("POST", MAPS, configmap("kept"))
    client.call("POST", JOBS, job("done"))
    client.call("POST", JOBS, job("cut", "exec sleep 1002", backoffLimit=0))
    eventually(lambda: client.call("GET", JOBS + "/done")[1]["status"].get("succeeded") == 1)
    eventually(lambda: client.call("GET", JOBS + "/cut")[1]["status"].get("ready") == 1)
    token = client.token
    earlier = _boot_anew(_switch_off(home, client))
    assert embedded.status(home)["running"] is False
    client = Client(embedded.start(home))
    assert not earlier.exists()
    assert client.token == token
    assert client.call("GET", MAPS + "/kept")[0] == 200
    assert client.call("GET", JOBS + "/done")[1]["status"]["succeeded"] == 1
    eventually(lambda: client.call("GET", JOBS + "/cut")[1]["status"].get("failed") == 1)
    (pod,) = client.call("GET", PODS + "?labelSelector=job-name%3Dcut")[1]["items"]
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "ContainerStatusUnknown")
    assert "machine was started anew" in ended["message"]
    client.call("POST", JOBS, job("after"))
    eventually(lambda: client.call("GET", JOBS + "/after")[1]["status"].get("succeeded") == 1)
    client.close()


def test_the_folder_of_another_machine_of_the_same_name_is_left_alone(home):
    client = Client(embedded.start(home))
    client.call("POST", MAPS, configmap("theirs"))
    client.close()
    embedded.stop(home)
    earlier = _boot_anew(embedded.kubeconfig(home).parent, machine="another")
    client = Client(embedded.start(home))
    assert client.call("GET", MAPS + "/theirs")[0] == 404
    assert (earlier / "objects.sqlite").exists()
    client.close()


def test_a_folder_of_an_earlier_boot_that_somebody_holds_is_left_alone(home):
    client = Client(embedded.start(home))
    client.call("POST", MAPS, configmap("theirs"))
    client.close()
    embedded.stop(home)
    earlier = _boot_anew(embedded.kubeconfig(home).parent)
    with (earlier / "server.lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        client = Client(embedded.start(home))
    assert client.call("GET", MAPS + "/theirs")[0] == 404
    client.close()


def test_a_network_file_system_is_noticed(tmp_path):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        "23 22 0:40 / /home rw shared:2 - nfs4 server:/home rw\n"
        "24 23 0:41 / /home/my\\040disk rw - xfs /dev/sdb1 rw\n"
    )
    kind = lambda path: state.network_file_system(pathlib.Path(path), mounts)  # noqa: E731
    assert [kind("/home/me/.kjnb"), kind("/homes"), kind("/home/my disk/x"), kind("/home/my")] == [
        "nfs4",
        "",
        "",
        "nfs4",
    ]
    assert state.network_file_system(pathlib.Path("/x"), tmp_path / "none") == ""


def test_an_unused_server_ends_and_one_whose_pods_run_does_not(home):
    client = Client(embedded.start(home, idle=0.5))
    client.call("POST", JOBS, job("short", "sleep 3"))
    eventually(lambda: client.call("GET", JOBS + "/short")[1]["status"].get("ready") == 1)
    server = psutil.Process(pid_of(home))
    pod = next(one for one in processes_of(home) if "sleep 3" in " ".join(one.cmdline()))
    psutil.wait_procs([pod], timeout=20)
    client.close()
    psutil.wait_procs([server], timeout=20)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
    eventually(lambda: processes_of(home) == [])
    assert embedded.status(home)["running"] is False
    client = Client(embedded.start(home))
    assert client.call("GET", JOBS + "/short")[1]["status"].get("succeeded") == 1, "it ended before its server"
    client.close()


def test_a_home_that_is_removed_ends_its_server(home, tmp_path):
    own = tmp_path / "removed"
    embedded.start(own)
    assert len(processes_of(own)) >= 2
    shutil.rmtree(own)
    eventually(lambda: processes_of(own) == [])


def test_a_home_that_is_removed_and_made_anew_has_one_server(home):
    embedded.start(home)
    first = pid_of(home)
    shutil.rmtree(embedded.kubeconfig(home).parent)
    client = Client(embedded.start(home))
    eventually(lambda: state.process_started(first) is None)
    client.call("POST", JOBS, job("works"))
    eventually(lambda: client.call("GET", JOBS + "/works")[1]["status"].get("succeeded") == 1)
    client.close()
    embedded.stop(home)
    eventually(lambda: processes_of(home) == [])


def test_stop_gives_pods_the_time_that_they_ask_for(home):
    client = Client(embedded.start(home))
    graceful = job("graceful", "trap 'sleep 0.3; echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done")
    graceful["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 20
    client.call("POST", JOBS, graceful)
    log = lambda: [path.read_text() for path in home.glob("cluster/*/pods/*/*_0.log")]  # noqa: E731
    eventually(lambda: log() == ["up\n"])
    client.close()
    assert embedded.stop(home) is True
    assert log() == ["up\nbye\n"]


def test_damaged_objects_are_kept_aside_and_the_user_is_told(home):
    folder = embedded.start(home).parent
    embedded.stop(home)
    (folder / "objects.sqlite").write_bytes(b"no database " * 1000)
    with pytest.warns(daemon.ClusterWarning, match=r"could not be read .* kept in .*damaged-1"):
        client = Client(embedded.start(home))
    assert client.call("GET", MAPS)[0] == 200
    client.close()


def test_a_full_disk_is_a_status_and_passes(home):
    client = Client(embedded.start(home))
    folder = embedded.kubeconfig(home).parent
    large = lambda name: configmap(name) | {"data": {"k": "x" * 100_000}}  # noqa: E731
    assert client.call("POST", MAPS, large("before"))[0] == 201
    server = psutil.Process(pid_of(home))
    most = max(path.stat().st_size for path in folder.glob("objects.sqlite*"))
    server.rlimit(psutil.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    numbers = itertools.count()
    refused = eventually(
        lambda: (found := client.call("POST", MAPS, large(f"more-{next(numbers)}")))[0] != 201 and found
    )
    assert (refused[0], refused[1]["reason"]) == (500, "InternalError")
    assert "could not be written" in refused[1]["message"]
    assert client.call("POST", MAPS, configmap("refused"))[0] == 500
    server.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    eventually(lambda: client.call("POST", MAPS, configmap("after"))[0] in (201, 409))
    assert client.call("GET", MAPS + "/refused")[0] == 404
    assert pid_of(home) == server.pid
    client.call("POST", JOBS, job("works"))
    eventually(lambda: client.call("GET", JOBS + "/works")[1]["status"].get("succeeded") == 1)
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
    with pytest.warns(daemon.ClusterWarning, match=r"is one of kjnb 0\.0\.1, .*`kjnb cluster stop`"):
        embedded.start(home)
    assert pid_of(home) == pid
