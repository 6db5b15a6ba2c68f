"""Pods become processes, and their status says what became of them, in a real kubelet's words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kjnb.embedded.container import bubblewrap
from kjnb.embedded.controllers.node_admission import rejection
from kjnb.embedded.supervisor.memory import NAME, _own_group
from tests.embedded.node import Node, node, terminated

SH = "busybox:1.36"


def run(tmp_path: Path, scenario: Any, **options: Any) -> None:
    async def main() -> None:
        async with node(tmp_path / "state", **options) as here:
            await scenario(here)

    asyncio.run(main())


def shell(here: Node, script: str, **more: Any) -> dict[str, Any]:
    return here.pod(["sh", "-c", script], image=SH, **more)


def test_a_command_runs_and_its_log_is_kept_private(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = await here.ran(shell(here, "echo out; echo err >&2; echo again"))
        assert pod["status"]["phase"] == "Succeeded"
        assert here.log(pod) == "out\nerr\nagain\n"
        path = here.kubelet.log_file(pod["metadata"]["uid"], "worker")
        assert path
        assert path.stat().st_mode & 0o777 == 0o600
        assert terminated(pod)["exitCode"] == 0
        assert terminated(pod)["reason"] == "Completed"
        assert terminated(pod)["containerID"].startswith("process://")
        conditions = {c["type"]: (c["status"], c.get("reason")) for c in pod["status"]["conditions"]}
        assert conditions["Ready"] == ("False", "PodCompleted")
        assert conditions["Initialized"] == ("True", "PodCompleted")
        assert [reason for reason, _ in here.events(pod)]
        assert {"Pulled", "Created", "Started"} <= {reason for reason, _ in here.events(pod)}

    run(tmp_path, scenario)


def test_exit_codes_and_signals(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        failed = await here.ran(shell(here, "exit 42"))
        assert failed["status"]["phase"] == "Failed"
        assert terminated(failed)["exitCode"] == 42
        assert terminated(failed)["reason"] == "Error"
        killed = await here.ran(shell(here, "kill -9 $$$$"))
        assert terminated(killed)["exitCode"] == 137
        assert terminated(killed)["reason"] == "Error"

    run(tmp_path, scenario)


def test_a_command_that_is_not_there_is_a_start_error(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = await here.ran(here.pod(["/no/such/program"], image=SH))
        assert terminated(pod)["exitCode"] == 128
        assert terminated(pod)["reason"] == "StartError"
        assert terminated(pod)["message"] == (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
            "runc create failed: unable to start container process: error during container init: "
            'exec: "/no/such/program": stat /no/such/program: no such file or directory'
        )
        unknown = await here.ran(here.pod(["no-such-program"], image=SH))
        assert "executable file not found in $PATH" in terminated(unknown)["message"]

    run(tmp_path, scenario)


def test_an_image_without_a_command_waits_and_names_two_ways_out(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = here.pod(image="team/worker:1.0")
        reason = "CreateContainerError"
        await here.eventually(lambda: _waiting(here, pod).get("reason") == reason)
        message = _waiting(here, pod)["message"]
        assert "no command specified" in message
        assert "a command" in message
        assert "cluster.toml" in message
        assert ("Failed", f"Error: {message}") in here.events(pod)
        assert here.now(pod)["status"]["phase"] == "Pending"

    run(tmp_path, scenario)


def test_a_missing_configmap_is_waited_for(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        key = {"name": "later", "key": "colour"}
        env = [{"name": "COLOUR", "valueFrom": {"configMapKeyRef": key}}]
        pod = shell(here, "echo $COLOUR", container={"env": env})
        await here.eventually(lambda: _waiting(here, pod).get("reason") == "CreateContainerConfigError")
        assert _waiting(here, pod)["message"] == 'configmap "later" not found'
        here.store.create(
            "configmaps",
            {"kind": "ConfigMap", "metadata": {"name": "later", "namespace": "default"}, "data": {"colour": "blue"}},
        )
        assert (await here.ran(pod))["status"]["phase"] == "Succeeded"
        assert here.log(pod) == "blue\n"

    run(tmp_path, scenario)


def test_a_pod_that_is_deleted_gets_sigterm_and_its_grace(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        script = "trap 'echo bye; exit 0' TERM; echo ready; sleep 300 & wait"
        pod = shell(here, script, metadata={"finalizers": ["tests/look"]})
        await here.running(pod)
        await here.eventually(lambda: here.log(pod) == "ready\n")
        here.delete(pod, grace=20)
        over = await here.ran(pod)
        assert over["status"]["phase"] == "Succeeded"
        assert over["metadata"]["deletionGracePeriodSeconds"] == 0
        assert here.log(pod) == "ready\nbye\n"

    run(tmp_path, scenario)


def test_a_pod_that_ignores_sigterm_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = shell(here, "trap '' TERM; echo ready; sleep 300", metadata={"finalizers": ["tests/look"]})
        await here.eventually(lambda: here.log(pod) == "ready\n")
        here.delete(pod, grace=1)
        assert terminated(await here.ran(pod))["exitCode"] == 137

    run(tmp_path, scenario)


def test_a_deleted_pod_without_finalizers_is_gone_with_its_folders(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = shell(here, "sleep 300")
        await here.running(pod)
        here.delete(pod, grace=1)
        await here.eventually(lambda: not here.now(pod))
        uid = pod["metadata"]["uid"]
        await here.eventually(lambda: not (here.state / "pods" / uid).exists())

    run(tmp_path, scenario)


def test_the_pods_own_deadline(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = await here.ran(
            shell(here, "sleep 300", spec={"activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 1})
        )
        assert pod["status"]["phase"] == "Failed"
        assert pod["status"]["reason"] == "DeadlineExceeded"
        assert terminated(pod)["exitCode"] == 137

    run(tmp_path, scenario)


def test_containers_restart_on_failure(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        script = 'if [ ! -e "$HOME/tried" ]; then touch "$HOME/tried"; exit 1; fi'
        pod = await here.ran(shell(here, script, spec={"restartPolicy": "OnFailure"}))
        shown = pod["status"]["containerStatuses"][0]
        assert pod["status"]["phase"] == "Succeeded"
        assert shown["restartCount"] == 1
        assert shown["lastState"]["terminated"]["exitCode"] == 1

    run(tmp_path, scenario)


def test_init_containers_come_first_and_every_container_must_succeed(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        def container(name: str, script: str) -> dict[str, Any]:
            return {"name": name, "image": SH, "command": ["sh", "-c", script]}

        ready = {
            "initContainers": [container("prepare", 'echo prepared > "$HOME/note"')],
            "containers": [container("reads", 'cat "$HOME/note"')],
        }
        pod = await here.ran(here.pod(spec=ready))
        assert pod["status"]["phase"] == "Succeeded"
        assert here.log(pod, "reads") == "prepared\n"
        mixed = {"containers": [container("good", "true"), container("bad", "exit 6")]}
        pod = await here.ran(here.pod(spec=mixed))
        assert pod["status"]["phase"] == "Failed"
        assert [terminated(pod, i)["exitCode"] for i in (0, 1)] == [6, 0]  # sorted by name
        broken = {"initContainers": [container("fetch", "exit 5")], "containers": [container("main", "true")]}
        pod = await here.ran(here.pod(spec=broken))
        assert pod["status"]["phase"] == "Failed"
        assert pod["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}

    run(tmp_path, scenario)


def test_the_last_words_as_termination_message(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
        pod = await here.ran(shell(here, "echo the last line; exit 4", container=policy))
        assert terminated(pod)["message"] == "the last line\n"

    run(tmp_path, scenario)


def test_memory_beyond_the_limit_is_the_end(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        script = "x = bytearray(400_000_000); import time; time.sleep(60)"
        limit = {"resources": {"limits": {"memory": "32Mi"}}}
        pod = await here.ran(here.pod(["python", "-c", script], container=limit))
        assert terminated(pod)["exitCode"] == 137
        assert terminated(pod)["reason"] == "OOMKilled"
        killed_itself = await here.ran(here.pod(["sh", "-c", "kill -9 $$$$"], container=limit))
        assert terminated(killed_itself)["exitCode"] == 137
        assert terminated(killed_itself)["reason"] == "Error"  # whatever became of the one before in its group

    run(tmp_path, scenario)


def test_memory_groups_are_given_again_and_go_with_the_supervisor(tmp_path: Path) -> None:
    async def scenario(here: Node) -> set[Path]:
        limit = {"resources": {"limits": {"memory": "64Mi"}}}
        for _ in range(5):
            await here.ran(shell(here, "true", container=limit))
        home, _ = _own_group()
        found = set(home.glob(f"{NAME}{here.supervisor_pid()}-*")) if home else set()
        assert len(found) <= 2  # the one for finding out, and the pods'
        return found

    groups: set[Path] = set()

    async def kept(here: Node) -> None:
        groups.update(await scenario(here))

    run(tmp_path, kept)
    assert not [group for group in groups if group.exists()]


def test_volumes_need_bubblewrap_and_work_with_it(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        spec = {"volumes": [{"name": "scratch", "emptyDir": {}}]}
        mount = {"volumeMounts": [{"name": "scratch", "mountPath": "/scratch-of-a-test"}]}
        pod = await here.ran(shell(here, "cd /scratch-of-a-test && echo x > f && ls", spec=spec, container=mount))
        assert pod["status"]["phase"] == "Succeeded"
        assert here.log(pod) == "f\n"
        assert not Path("/scratch-of-a-test").exists()

    if bubblewrap.program() is None:
        pytest.skip("bubblewrap does not work here")
    run(tmp_path, scenario)


def test_few_writes_for_a_short_pod(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pods = [shell(here, "true") for _ in range(20)]
        for pod in pods:
            await here.ran(pod)
        since = int(pods[-1]["metadata"]["resourceVersion"])
        watch = here.store.watch("pods", since)
        written = [event async for event in _drain(watch)]
        assert len(written) <= 3 * len(pods)

    run(tmp_path, scenario)


async def _drain(watch: Any) -> Any:
    while not watch.idle:
        for event in await watch.__anext__():
            yield event


def _waiting(here: Node, pod: dict[str, Any]) -> dict[str, Any]:
    shown = here.now(pod)["status"].get("containerStatuses") or [{}]
    return dict(shown[0].get("state", {}).get("waiting") or {})


def test_a_pod_that_its_node_does_not_take_fails_and_never_runs(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        refused = await here.ran(shell(here, "echo no", container={"resources": {"requests": {"cpu": "5000"}}}))
        status = refused["status"]
        assert (status["phase"], status["reason"]) == ("Failed", "OutOfcpu")
        words = "Node didn't have enough resource: cpu, requested: 5000000, used: 0, capacity:"
        assert status["message"].startswith(f"Pod was rejected: {words}")
        assert not {"conditions", "containerStatuses", "podIP"} & status.keys()
        assert [reason for reason, message in here.events(refused) if message.startswith(words)] == ["OutOfcpu"]
        assert (await here.ran(shell(here, "echo yes")))["status"]["phase"] == "Succeeded"

    run(tmp_path, scenario, admit=rejection)
