"""kill -9 of several processes of a cluster at once: what ran is said to be lost, and never runs beside its successor.

The supervisor is the parent of every container. Killed, it takes their exit codes with it: they are ended, their pods
fail with ContainerStatusUnknown, and the Job tries again. Whom and when is drawn; KJNB_SEED gives a printed seed again.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import sys
from collections import Counter
from typing import Any

import psutil
import pytest

from kjnb.embedded.controllers.job_pods import index_of
from tests.chaos.mortal import HISTORY
from tests.chaos.test_kill_anytime import JOBS, PODS, Servers, committed_events, over
from tests.embedded.live import Client, job
from tests.homes import processes_of
from tests.rounds import rounds
from tests.waiting import eventually

NAMES = ("plain", "python")
INDEXES = 60
ROUNDS = rounds(5, 40)
ALONE = """
import fcntl, os, time
index = os.environ["JOB_COMPLETION_INDEX"]
lock = open(f"{FOLDER}/python-lock-{index}", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    open(f"{FOLDER}/twice", "a").write(f"python {index}")
open(f"{FOLDER}/python", "a").write(f"{index}\\n")
time.sleep(0.2)
"""


def jobs(ran: pathlib.Path) -> list[dict[str, Any]]:
    """Two Jobs whose pods notice when another of their index runs beside them."""
    (ran / "alone.py").write_text(ALONE.replace("{FOLDER}", str(ran)))
    shell = (
        f"exec 9> {ran}/plain-lock-$JOB_COMPLETION_INDEX; flock -n 9 || echo plain >> {ran}/twice\n"
        f'echo "$JOB_COMPLETION_INDEX" >> {ran}/plain; sleep 0.2'
    )
    limits = {"completions": INDEXES, "parallelism": 6, "completionMode": "Indexed", "backoffLimitPerIndex": 50}
    made = [job(name, shell, **limits) for name in NAMES]
    for one in made:
        template = one["spec"]["template"]["spec"]
        template["volumes"] = [{"name": "ran", "hostPath": {"path": str(ran)}}]
        template["containers"][0]["volumeMounts"] = [{"name": "ran", "mountPath": str(ran)}]
    python = made[1]["spec"]["template"]["spec"]["containers"][0]
    python.update(image=f"local://{sys.executable}", command=[sys.executable, str(ran / "alone.py")])
    return made


class Victims:
    """The processes of one cluster, by what they are."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers

    def server(self) -> None:
        self.servers.kill()

    def supervisor(self) -> None:
        found = (self.servers.folder / "supervisor.lock").read_text()
        if found:
            self._kill([psutil.Process(int(found))])

    def both(self) -> None:
        self.server()
        self.supervisor()

    def zygotes(self) -> None:
        self._kill([one for one in processes_of(self.servers.home) if "zygote.py" in str(one.cmdline())])

    def everything(self) -> None:
        self.server()
        self._kill(processes_of(self.servers.home))

    @staticmethod
    def _kill(processes: list[psutil.Process]) -> None:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def ended(client: Client) -> bool:
    return all(over(one) for one in client.call("GET", JOBS)[1]["items"])


def lines(path: pathlib.Path) -> Counter[str]:
    return Counter(path.read_text().split()) if path.exists() else Counter()


@pytest.mark.parametrize("seed", range(rounds(1, 5)))
@pytest.mark.timeout(rounds(240, 900))
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a socket killed in its handshake
def test_several_are_killed_at_once(home, tmp_path, seed):
    seed = int(os.environ.get("KJNB_SEED", random.randrange(10**6) + seed))
    print(f"KJNB_SEED={seed}")
    draw = random.Random(seed)
    ran = tmp_path / "ran"
    ran.mkdir()
    servers = Servers(home)
    victims = Victims(servers)
    assert servers.start()
    client = Client(servers.folder / "kubeconfig")
    for manifest in jobs(ran):
        assert client.call("POST", JOBS, manifest)[0] == 201
    for _ in range(ROUNDS):
        least = sum((lines(ran / "plain") + lines(ran / "python")).values()) + draw.randint(1, 15)
        eventually(lambda n=least: sum((lines(ran / "plain") + lines(ran / "python")).values()) >= n or ended(client))
        whom = draw.choice((victims.server, victims.supervisor, victims.both, victims.zygotes, victims.everything))
        print(f"at {least}: {whom.__name__}")
        whom()
        if servers.dead:
            assert servers.start()
    eventually(lambda: ended(client), within=120)
    found = client.call("GET", JOBS)[1]["items"]
    client.close()
    servers.process.terminate()
    assert servers.process.wait(60) == 0
    assert not (ran / "twice").exists(), (ran / "twice").read_text()
    assert [one["status"]["completedIndexes"] for one in found] == [f"0-{INDEXES - 1}"] * 2
    check(ran, servers.folder / HISTORY)


def check(ran: pathlib.Path, history: pathlib.Path) -> None:
    """No pod of an index after one that succeeded; no process without a pod; what was lost is called so."""
    made: dict[str, Counter[str]] = {name: Counter() for name in NAMES}
    succeeded: set[tuple[str, int]] = set()
    for event in committed_events(history):
        if event.resource != "pods":
            continue
        key = (event.obj["metadata"]["labels"]["job-name"], index_of(event.obj))
        if event.type == "ADDED":
            assert key not in succeeded, f"{key} had succeeded"
            made[key[0]][str(key[1])] += 1
        phase = event.obj["status"].get("phase")
        if phase == "Succeeded":
            succeeded.add(key)
        elif phase == "Failed":
            (status,) = event.obj["status"]["containerStatuses"]
            assert status["state"]["terminated"]["reason"] == "ContainerStatusUnknown", status
    for name in NAMES:
        started = lines(ran / name)
        assert started.keys() == made[name].keys()
        assert all(started[index] <= made[name][index] for index in started), name


def test_the_pods_of_a_thousand_that_ended_and_of_many_that_run_are_taken_in_at_once(home, tmp_path):
    """After a kill, what runs is adopted and what has ended costs nothing: neither is started or written again."""
    ran = tmp_path / "ran"
    ran.mkdir()
    servers = Servers(home)
    assert servers.start()
    client = Client(servers.folder / "kubeconfig")
    size = rounds(200, 1000)
    running = rounds(40, 200)
    limits = {"completionMode": "Indexed", "backoffLimitPerIndex": 0}
    client.call("POST", JOBS, job("ended", "exit 0", completions=size, parallelism=20, **limits))
    eventually(lambda: over(client.call("GET", JOBS + "/ended")[1]), within=200)
    long = job(
        "long", f"while [ ! -e {ran}/go ]; do sleep 0.5; done", completions=running, parallelism=running, **limits
    )
    template = long["spec"]["template"]["spec"]
    template["volumes"] = [{"name": "ran", "hostPath": {"path": str(ran)}}]
    template["containers"][0]["volumeMounts"] = [{"name": "ran", "mountPath": str(ran)}]
    client.call("POST", JOBS, long)
    eventually(lambda: client.call("GET", JOBS + "/long")[1]["status"].get("ready") == running, within=200)
    before = {
        one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in client.call("GET", PODS)[1]["items"]
    }
    servers.kill()
    assert servers.start()
    (ran / "go").touch()
    eventually(lambda: over(client.call("GET", JOBS + "/long")[1]), within=200)
    after = client.call("GET", PODS)[1]["items"]
    assert {one["metadata"]["uid"] for one in after} == before.keys(), "no pod was made for one that was there"
    ended_before = [one for one in after if one["metadata"]["labels"]["job-name"] == "ended"]
    assert all(before[one["metadata"]["uid"]] == one["metadata"]["resourceVersion"] for one in ended_before)
    restarts = [one["status"]["containerStatuses"][0]["restartCount"] for one in after]
    assert restarts == [0] * (size + running)
    client.close()
    servers.process.terminate()
    assert servers.process.wait(60) == 0
