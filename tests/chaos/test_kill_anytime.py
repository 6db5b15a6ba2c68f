"""kill -9 of the server at any moment: nothing that was answered is lost, nothing runs twice, every exit code is true.

Moments are drawn: before, within and after the n-th commit, and from outside after some milliseconds. The seed is
printed; KJNB_SEED gives it again.
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
import urllib3

from kjnb import embedded
from kjnb.embedded import daemon, state
from kjnb.embedded.controllers.job_pods import index_of
from kjnb.embedded.store.store import Event
from tests.chaos.mortal import HISTORY, MOMENTS
from tests.embedded.ledger import Ledger
from tests.embedded.live import Client, configmap, job
from tests.rounds import rounds
from tests.waiting import eventually

ROOT = pathlib.Path(__file__).parents[2]
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
INDEXES = {"plain": 100, "python": 100, "again": 30, "first": 40, "codes": 40}
DEATHS = rounds(10, 60)


class Servers:
    """One server after the other on one home, each with its own end."""

    def __init__(self, home: pathlib.Path) -> None:
        self.home = home
        self.folder = state.cluster_folder(home)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, commits: int = 0, moment: str = "before") -> bool:
        """Whether it came up before it died."""
        self.home.mkdir(exist_ok=True)
        with (self.home / "servers.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.chaos.mortal", str(self.home), str(commits), moment]
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        eventually(lambda: self.dead or self._ready(), within=60)
        return not self.dead

    def _ready(self) -> bool:
        found = state.announced(self.folder)
        return found is not None and found.pid == self.process.pid and daemon.answers(self.folder, found.port)

    @property
    def dead(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait(20) == -signal.SIGKILL, (self.home / "servers.log").read_text()[-2000:]


def shell(name: str, script: str, ran: pathlib.Path, **spec: Any) -> dict[str, Any]:
    """An Indexed Job whose pods write down their index when they begin."""
    mark = f'echo "$JOB_COMPLETION_INDEX" >> {ran}/{name}\n'
    limits = {"completions": INDEXES[name], "parallelism": 6, "completionMode": "Indexed", "backoffLimitPerIndex": 0}
    made = job(name, mark + script, **{**limits, **spec})
    template = made["spec"]["template"]["spec"]
    template["volumes"] = [{"name": "ran", "hostPath": {"path": str(ran)}}]
    template["containers"][0]["volumeMounts"] = [{"name": "ran", "mountPath": str(ran)}]
    return made


def jobs(ran: pathlib.Path) -> list[dict[str, Any]]:
    """Plain commands, forked Python workers, a restart in the pod, an init container, every exit code."""
    script = ran / "worker.py"
    script.write_text(
        "import os, time\n"
        f"with open({str(ran / 'python')!r}, 'a') as file:\n"
        "    file.write(os.environ['JOB_COMPLETION_INDEX'] + '\\n')\n"
        "time.sleep(int(os.environ['JOB_COMPLETION_INDEX']) % 7 / 10)\n"
    )
    python = shell("python", "", ran)
    container = python["spec"]["template"]["spec"]["containers"][0]
    container.update(image=f"local://{sys.executable}", command=[sys.executable, str(script)])
    again = shell("again", f"mkdir {ran}/again-$JOB_COMPLETION_INDEX 2>/dev/null && exit 3; exit 0", ran)
    again["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    del again["spec"]["backoffLimitPerIndex"]
    again["spec"]["backoffLimit"] = 1000
    first = shell("first", f"test $(grep -cx $JOB_COMPLETION_INDEX {ran}/init) = 1", ran)
    template = first["spec"]["template"]["spec"]
    init = {**template["containers"][0], "name": "init"}
    init["command"] = ["sh", "-c", f'echo "$JOB_COMPLETION_INDEX" >> {ran}/init; sleep 0.1']
    template["initContainers"] = [init]
    return [
        shell("plain", "sleep 0.$((JOB_COMPLETION_INDEX % 4))", ran),
        python,
        again,
        first,
        shell("codes", "exit $((JOB_COMPLETION_INDEX + 5))", ran, maxFailedIndexes=INDEXES["codes"]),
    ]


def write_until_dead(client: Client, servers: Servers, names: list[str], at_most: int) -> None:
    """Create objects for as long as somebody answers; those that were answered for are in `names`."""
    for _ in range(at_most):
        if servers.dead or finished(client):
            return
        name = f"kept-{len(names)}"
        try:
            code, _ = client.call("POST", MAPS, configmap(name))
        except (urllib3.exceptions.HTTPError, OSError):
            return
        assert code in (201, 409)  # 409: it was written, and the server died before it could say so
        names.append(name)


def finished(client: Client) -> bool:
    try:
        found = client.call("GET", JOBS)[1]["items"]
    except (urllib3.exceptions.HTTPError, OSError):
        return False
    return len(found) == len(INDEXES) and all(over(one) for one in found)


def over(one: dict[str, Any]) -> bool:
    return any(c["type"] in ("Complete", "Failed") for c in one["status"].get("conditions", ()))


def committed_events(history: pathlib.Path) -> list[Event]:
    """Every change that was committed, over all servers; what was written down and lost is left out."""
    kept: list[dict[str, Any]] = []
    for line in history.read_text().splitlines():
        record = json.loads(line)
        if "begun" in record:
            kept = [one for one in kept if one["rv"] <= record["begun"]]
        else:
            kept.append(record)
    now: dict[tuple[str, str], dict[str, Any]] = {}
    events = []
    for one in kept:
        key = (one["resource"], one["obj"]["metadata"]["name"])
        events.append(Event(one["type"], one["resource"], one["obj"], now.get(key), one["rv"]))
        now[key] = one["obj"]
    return events


def check_history(history: pathlib.Path) -> dict[str, Ledger]:
    """Go through all of it with a ledger for each Job."""
    ledgers = {name: Ledger() for name in INDEXES}
    for event in committed_events(history):
        owner = event.obj["metadata"]["name"]
        if event.resource == "pods":
            owner = event.obj["metadata"]["ownerReferences"][0]["name"]
        if owner in ledgers:
            ledgers[owner].take(event)
    return ledgers


def check_runs(ran: pathlib.Path, pods: list[dict[str, Any]]) -> None:
    """What ran, as it wrote down itself, and what the statuses say of it."""
    for name, times in (("plain", 1), ("python", 1), ("again", 2), ("first", 1), ("init", 1), ("codes", 1)):
        lines = Counter((ran / name).read_text().split())
        assert lines == {str(index): times for index in range(INDEXES.get(name, INDEXES["first"]))}, name
    by_job: dict[str, list[dict[str, Any]]] = {name: [] for name in INDEXES}
    for pod in pods:
        by_job[pod["metadata"]["labels"]["job-name"]].append(pod)
    for name, found in by_job.items():
        assert sorted(map(index_of, found)) == list(range(INDEXES[name])), f"a pod for every index, once: {name}"
        for pod in found:
            (status,) = pod["status"]["containerStatuses"]
            code = index_of(pod) + 5 if name == "codes" else 0
            assert status["state"]["terminated"]["exitCode"] == code, pod["status"]
            assert status["restartCount"] == (name == "again")
            if name == "again":
                assert status["lastState"]["terminated"]["exitCode"] == 3
    failed = [pod for found in by_job.values() for pod in found if pod["status"]["phase"] == "Failed"]
    assert len(failed) == INDEXES["codes"]


@pytest.mark.parametrize("seed", range(rounds(1, 5)))
@pytest.mark.timeout(rounds(240, 900))
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a socket killed in its handshake
def test_the_server_is_killed_again_at_any_moment(home, tmp_path, seed):
    seed = int(os.environ.get("KJNB_SEED", random.randrange(10**6) + seed))
    print(f"KJNB_SEED={seed}")
    draw = random.Random(seed)
    ran = tmp_path / "ran"
    ran.mkdir()
    servers = Servers(home)
    assert servers.start()
    client = Client(servers.folder / "kubeconfig")
    for manifest in jobs(ran):
        assert client.call("POST", JOBS, manifest)[0] == 201
    kept: list[str] = []
    for _ in range(DEATHS):
        servers.kill()
        moment = draw.choice((*MOMENTS, "outside"))
        number = draw.randint(1, 120)
        print(f"dies {moment} commit {number}" if moment in MOMENTS else f"is killed after {number} requests")
        if servers.start(number if moment in MOMENTS else 0, moment):
            write_until_dead(client, servers, kept, 1000 if moment in MOMENTS else number // 2)
    servers.kill()
    assert servers.start()
    eventually(lambda: finished(client), within=120)
    code, told = client.call("GET", MAPS)
    assert code == 200
    assert set(kept) <= {one["metadata"]["name"] for one in told["items"]}
    pods = client.call("GET", PODS)[1]["items"]
    found = {one["metadata"]["name"]: one["status"] for one in client.call("GET", JOBS)[1]["items"]}
    client.close()
    servers.process.send_signal(signal.SIGTERM)
    assert servers.process.wait(60) == 0
    check_runs(ran, pods)
    ledgers = check_history(servers.folder / HISTORY)
    assert {name: one.status for name, one in ledgers.items()} == found
    assert embedded.status(home)["running"] is False
