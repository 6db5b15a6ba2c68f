"""Containers on a real node: restarts with back-off, probes, hooks, sidecars, last words, deadlines, adoption."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kjnb.embedded.container import bubblewrap
from kjnb.embedded.log_times import LogTimes
from tests.embedded.node import Node, node, terminated

SH = "busybox:1.36"
QUICK = {"periodSeconds": 1, "failureThreshold": 1}


def run(tmp_path: Path, scenario: Any, **options: Any) -> None:
    async def main() -> None:
        async with node(tmp_path / "state", fork=False, **options) as here:
            await scenario(here)

    asyncio.run(main())


def shell(here: Node, script: str, policy: str = "Never", **more: Any) -> dict[str, Any]:
    spec = {"restartPolicy": policy, "terminationGracePeriodSeconds": 5, **more.pop("spec", {})}
    return here.pod(["sh", "-c", script], image=SH, spec=spec, **more)


def container(name: str, script: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": SH, "command": ["sh", "-c", script], **more}


def shown(here: Node, pod: dict[str, Any], name: str = "worker") -> dict[str, Any]:
    status = here.now(pod).get("status") or {}
    every = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    return next((one for one in every if one["name"] == name), {"state": {}, "restartCount": 0})


def ready(here: Node, pod: dict[str, Any]) -> bool:
    conditions = {one["type"]: one["status"] for one in here.now(pod)["status"].get("conditions") or ()}
    return conditions.get("Ready") == "True"


def reasons(here: Node, pod: dict[str, Any]) -> list[str]:
    return [reason for reason, _ in here.events(pod)]


def test_a_crash_loop_waits_longer_each_time_and_keeps_the_log_before(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = shell(here, 'echo again >> "$HOME/tries"; wc -l < "$HOME/tries"; exit 3', "OnFailure")
        meta = pod["metadata"]
        full = f"{meta['name']}_default({meta['uid']})"
        await here.eventually(lambda: "CrashLoopBackOff" in str(shown(here, pod)["state"]))
        waiting = shown(here, pod)
        assert waiting["state"]["waiting"]["message"] == (
            f"back-off 500ms restarting failed container=worker pod={full}"
        )
        assert waiting["restartCount"] == 1
        assert waiting["lastState"]["terminated"]["exitCode"] == 3
        assert here.now(pod)["status"]["phase"] == "Running"
        assert ("BackOff", f"Back-off restarting failed container worker in pod {full}") in here.events(pod)
        await here.eventually(lambda: shown(here, pod)["restartCount"] >= 3)
        logs = {path.name for path in (here.state / "pods" / meta["uid"]).glob("worker_*.log")}
        assert logs
        assert "worker_0.log" not in logs

    run(tmp_path, scenario, backoff_base=0.5)


def test_a_crash_loop_goes_on_after_a_restart_of_the_server(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = shell(here, 'echo x >> "$HOME/tries"; [ $(wc -l < "$HOME/tries") -ge 4 ]', "OnFailure")
        await here.eventually(lambda: shown(here, pod)["restartCount"] >= 1)
        await here.leave()
        again = Node(here.state, here.store, backoff_base=0.1)
        again.start()
        try:
            over = await again.ran(pod)
            assert over["status"]["phase"] == "Succeeded"
            assert over["status"]["containerStatuses"][0]["restartCount"] == 3
        finally:
            await again.leave()
            here.start()

    run(tmp_path, scenario)


def test_a_readiness_probe_decides_whether_a_pod_is_ready(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        probe = {"exec": {"command": ["sh", "-c", 'echo looking; test -e "$HOME/ready"']}, **QUICK}
        pod = shell(here, "sleep 300", container={"readinessProbe": probe})
        await here.eventually(lambda: "Unhealthy" in reasons(here, pod))
        assert ("Unhealthy", "Readiness probe failed: looking\n") in here.events(pod)
        await here.eventually(lambda: shown(here, pod).get("started"))
        assert not ready(here, pod)
        flag = here.state / "pods" / pod["metadata"]["uid"] / "ready"
        flag.touch()
        await here.eventually(lambda: ready(here, pod))
        assert shown(here, pod)["ready"]
        flag.unlink()
        await here.eventually(lambda: not ready(here, pod))
        assert shown(here, pod)["restartCount"] == 0

    run(tmp_path, scenario)


def test_a_failed_liveness_probe_starts_the_container_anew(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        probe = {"exec": {"command": ["sh", "-c", '! test -e "$HOME/ill"']}, **QUICK}
        script = 'test -e "$HOME/ill" && rm "$HOME/ill" && exec sleep 300; touch "$HOME/ill"; exec sleep 300'
        pod = shell(here, script, "OnFailure", container={"livenessProbe": probe})
        await here.eventually(lambda: shown(here, pod)["restartCount"] == 1)
        assert ("Killing", "Container worker failed liveness probe, will be restarted") in here.events(pod)
        assert shown(here, pod)["lastState"]["terminated"]["exitCode"] == 137

    run(tmp_path, scenario)


def test_a_container_that_never_restarts_ends_with_its_failed_startup_probe(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        probes = {
            "startupProbe": {"exec": {"command": ["sleep", "60"]}, "timeoutSeconds": 1, **QUICK},
            "livenessProbe": {"exec": {"command": ["false"]}, **QUICK},
        }
        pod = await here.ran(shell(here, "sleep 300", container=probes))
        assert terminated(pod)["exitCode"] == 137
        events = here.events(pod)
        assert ("Killing", "Container worker failed startup probe") in events
        assert ("Unhealthy", 'Startup probe failed: command timed out: "sleep 60" timed out after 1s') in events
        assert not any("Liveness" in text for _, text in events)
        assert not pod["status"]["containerStatuses"][0]["started"]

    run(tmp_path, scenario)


@pytest.fixture
def web() -> Iterator[http.server.ThreadingHTTPServer]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers.get("X-Who") == "me" and self.path == "/healthy" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_probes_by_http_and_tcp(tmp_path: Path, web: http.server.ThreadingHTTPServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]

    async def scenario(here: Node) -> None:
        def probed(**handler: Any) -> dict[str, Any]:
            ports = [{"name": "web", "containerPort": web.server_port}]
            return shell(here, "sleep 300", container={"ports": ports, "readinessProbe": {**handler, **QUICK}})

        headers = [{"name": "X-Who", "value": "me"}]
        good = [
            probed(httpGet={"path": "healthy", "port": "web", "httpHeaders": headers}),
            probed(tcpSocket={"port": "web"}),
        ]
        bad = {
            "HTTP probe failed with statuscode: 503": probed(httpGet={"port": "web"}),
            f'Get "http://127.0.0.1:{closed}/x": dial tcp 127.0.0.1:{closed}: connect: connection refused': probed(
                httpGet={"port": closed, "path": "/x"}
            ),
            f"dial tcp 127.0.0.1:{closed}: connect: connection refused": probed(tcpSocket={"port": closed}),
            "gRPC probes cannot be made on this machine: use exec, httpGet or tcpSocket": probed(grpc={"port": 1}),
        }
        for pod in good:
            await here.eventually(lambda pod=pod: ready(here, pod))
        for text, pod in bad.items():
            wanted = ("Unhealthy", f"Readiness probe failed: {text}")
            await here.eventually(lambda pod=pod, wanted=wanted: wanted in here.events(pod))
            assert not ready(here, pod)

    run(tmp_path, scenario)


def test_hooks_after_the_start_and_before_the_end(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        hooks = {
            "postStart": {"exec": {"command": ["sh", "-c", 'echo after > "$HOME/said"']}},
            "preStop": {"exec": {"command": ["sh", "-c", 'echo before >> "$HOME/said"']}},
        }
        script = "trap 'cat \"$HOME/said\"; exit 0' TERM; sleep 300 & wait"
        pod = shell(here, script, container={"lifecycle": hooks}, metadata={"finalizers": ["tests/look"]})
        await here.eventually(lambda: ready(here, pod))
        here.delete(pod, grace=20)
        over = await here.ran(pod)
        assert here.log(pod) == "after\nbefore\n"
        assert terminated(over)["exitCode"] == 0

    run(tmp_path, scenario)


def test_hooks_that_fail_are_told(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        broken = {"postStart": {"exec": {"command": ["false"]}}}
        pod = await here.ran(shell(here, "sleep 300", container={"lifecycle": broken}))
        assert terminated(pod)["exitCode"] == 137
        assert ("FailedPostStartHook", "PostStartHook failed") in here.events(pod)
        assert ("Killing", "FailedPostStartHook") in here.events(pod)
        hooks = {"preStop": {"exec": {"command": ["false"]}}}
        pod = shell(here, "sleep 300", container={"lifecycle": hooks}, metadata={"finalizers": ["tests/look"]})
        await here.running(pod)
        here.delete(pod, grace=2)
        await here.ran(pod)
        assert ("FailedPreStopHook", "PreStopHook failed") in here.events(pod)

    run(tmp_path, scenario)


def test_a_hook_that_takes_all_the_grace_is_ended(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        hooks = {"preStop": {"sleep": {"seconds": 100}}}
        pod = shell(here, "trap '' TERM; sleep 300", container={"lifecycle": hooks}, metadata={"finalizers": ["a/b"]})
        await here.running(pod)
        here.delete(pod, grace=1)
        assert terminated(await here.ran(pod))["exitCode"] == 137

    run(tmp_path, scenario)


def test_a_sidecar_runs_beside_the_rest_and_ends_after_it(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        beside = container(
            "beside", "trap 'echo bye; exit 3' TERM; touch \"$HOME/up\"; sleep 300 & wait", restartPolicy="Always",
            startupProbe={"exec": {"command": ["sh", "-c", 'test -e "$HOME/up"']}, "periodSeconds": 1},
        )  # fmt: skip
        spec = {"initContainers": [beside], "terminationGracePeriodSeconds": 20}
        pod = await here.ran(shell(here, 'test -e "$HOME/up"', spec=spec))
        assert pod["status"]["phase"] == "Succeeded"
        assert here.log(pod, "beside") == "bye\n"
        assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
        assert ("Killing", "Stopping container beside") in here.events(pod)

    run(tmp_path, scenario)


def test_a_container_restarts_by_its_own_rules(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        script = 'echo x >> "$HOME/tries"; [ $(wc -l < "$HOME/tries") -ge 2 ] || exit 42; exit 1'
        rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
        own = {"restartPolicy": "Never", "restartPolicyRules": rules}
        pod = await here.ran(shell(here, script, container=own))
        assert pod["status"]["phase"] == "Failed"
        one = pod["status"]["containerStatuses"][0]
        assert (one["restartCount"], one["state"]["terminated"]["exitCode"]) == (1, 1)
        assert one["lastState"]["terminated"]["exitCode"] == 42

    run(tmp_path, scenario)


def test_one_container_may_start_its_whole_pod_anew(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        codes = {"operator": "In", "values": [88]}
        rule = {
            "restartPolicy": "Never",
            "restartPolicyRules": [{"action": "RestartAllContainers", "exitCodes": codes}],
        }
        spec = {
            "initContainers": [container("prepare", 'echo x >> "$HOME/prepared"')],
            "containers": [
                container("main", '[ $(wc -l < "$HOME/prepared") = 2 ] || exit 88', **rule),
                container("other", '[ $(wc -l < "$HOME/prepared") = 2 ] || exec sleep 300'),
            ],
            "terminationGracePeriodSeconds": 1,
        }
        pod = await here.ran(here.pod(spec=spec))
        assert pod["status"]["phase"] == "Succeeded"
        every = [*pod["status"]["initContainerStatuses"], *pod["status"]["containerStatuses"]]
        assert [one["restartCount"] for one in every] == [1, 1, 1]

    run(tmp_path, scenario)


def test_times_of_lines_are_when_they_were_printed(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = shell(here, 'echo one; until test -e "$HOME/go"; do sleep 0.05; done; echo two; sleep 300')
        await here.eventually(lambda: here.log(pod) == "one\n")
        meta = pod["metadata"]
        path = here.kubelet.log_file(meta["uid"], "worker")
        assert path
        await here.eventually(lambda: path.with_suffix(".times").exists())
        first = path.stat().st_mtime
        (here.state / "pods" / meta["uid"] / "go").touch()
        await here.eventually(lambda: here.log(pod) == "one\ntwo\n")
        times = LogTimes(path)
        times.refresh()
        assert times.of(0, 0.0) == first
        assert times.of(4, path.stat().st_mtime) > first

    run(tmp_path, scenario)


def test_last_words(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = await here.ran(shell(here, "printf DONE > /dev/termination-log"))
        assert terminated(pod)["message"] == "DONE"
        own = {"terminationMessagePath": "/tmp/words", "terminationMessagePolicy": "FallbackToLogsOnError"}
        pod = await here.ran(
            shell(here, "echo log; head -c 5000 /dev/zero | tr '\\0' x > /tmp/words; exit 1", container=own)
        )
        assert terminated(pod)["message"] == "x" * 4096
        pod = await here.ran(shell(here, "echo log; exit 1", container=own))
        assert terminated(pod)["message"] == "log\n"
        pod = await here.ran(shell(here, "echo log", container=own))
        assert "message" not in terminated(pod)
        assert not Path("/tmp/words").exists()

    if bubblewrap.program() is None:
        pytest.skip("bubblewrap does not work here")
    run(tmp_path, scenario)


def test_a_deadline_may_be_set_while_a_pod_runs(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = shell(here, "sleep 300")
        await here.running(pod)
        now = here.now(pod)
        here.store.update("pods", {**now, "spec": {**now["spec"], "activeDeadlineSeconds": 1}})
        over = await here.ran(pod)
        assert (over["status"]["phase"], over["status"]["reason"]) == ("Failed", "DeadlineExceeded")

    run(tmp_path, scenario)


def test_probes_go_on_after_a_restart_of_the_server(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        probe = {"exec": {"command": ["sh", "-c", '! test -e "$HOME/ill"']}, **QUICK}
        both = {"livenessProbe": probe, "startupProbe": {"exec": {"command": ["true"]}, **QUICK}}
        pod = shell(here, "sleep 300", container=both)
        await here.eventually(lambda: shown(here, pod).get("started"))
        await here.leave()
        again = Node(here.state, here.store)
        again.start()
        try:
            (here.state / "pods" / pod["metadata"]["uid"] / "ill").touch()
            assert terminated(await again.ran(pod))["exitCode"] == 137
        finally:
            await again.leave()
            here.start()

    run(tmp_path, scenario)
