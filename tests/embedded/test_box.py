"""What is around a container: a /tmp of its own, mounts, a folder to begin in, another user; and without bubblewrap."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kjnb.embedded.container import bubblewrap, identity
from kjnb.embedded.container.pod_env import Unready
from tests.embedded.node import Node, node, terminated

NEEDS_BUBBLEWRAP = pytest.mark.skipif(bubblewrap.program() is None, reason="bubblewrap does not work here")
SCRATCH = {"volumes": [{"name": "v", "emptyDir": {}}]}
MOUNT = {"volumeMounts": [{"name": "v", "mountPath": "/scratch-of-a-test"}]}


@pytest.fixture
def without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The switch that its users have."""
    monkeypatch.setenv("KJNB_NO_BWRAP", "1")
    bubblewrap.program.cache_clear()
    yield
    bubblewrap.program.cache_clear()


def run(tmp_path: Path, scenario: Any, **options: Any) -> None:
    async def main() -> None:
        async with node(tmp_path / "state", **options) as here:
            await scenario(here)

    asyncio.run(main())


def shell(here: Node, script: str, **more: Any) -> dict[str, Any]:
    return here.pod(["sh", "-c", script], image="busybox:1.36", **more)


async def said(here: Node, pod: dict[str, Any]) -> str:
    """The log of a pod that succeeds."""
    assert (await here.ran(pod))["status"]["phase"] == "Succeeded", here.log(pod)
    return here.log(pod)


@NEEDS_BUBBLEWRAP
def test_every_container_has_a_tmp_and_a_hostname_of_its_own(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        for _ in range(2):
            pod = shell(here, "ls /tmp | grep -c mine; touch /tmp/mine-of-a-test; mktemp; hostname; uname -n")
            lines = (await said(here, pod)).splitlines()
            assert lines[0] == "0"
            assert lines[2:] == [pod["metadata"]["name"]] * 2
        assert not Path("/tmp/mine-of-a-test").exists()
        two = [
            {
                "name": name,
                "image": "busybox",
                "command": ["sh", "-c", "touch /tmp/$$$$; sleep 0.3; ls -d /tmp/[0-9]* | wc -l"],
            }
            for name in ("one", "two")
        ]
        pod = here.pod(spec={"containers": two})
        await here.ran(pod)
        assert (here.log(pod, "one"), here.log(pod, "two")) == ("1\n", "1\n")

    run(tmp_path, scenario)


@NEEDS_BUBBLEWRAP
def test_in_a_box_a_program_ends_as_it_would_outside(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        codes = {"exit 7": 7, "kill -9 $$$$": 137, "kill -TERM $$$$": 143}
        pods = [shell(here, script, spec=SCRATCH, container=MOUNT) for script in codes]
        missing = here.pod(["/scratch-of-a-test/none"], image="busybox", spec=SCRATCH, container=MOUNT)
        for pod, code in zip(pods, codes.values(), strict=True):
            assert terminated(await here.ran(pod))["exitCode"] == code
        assert terminated(await here.ran(missing))["reason"] == "StartError"
        graceful = shell(
            here, "trap 'echo bye; exit 3' TERM; echo up; sleep 100 & wait", metadata={"finalizers": ["tests/look"]}
        )
        await here.eventually(lambda: here.log(graceful) == "up\n")
        here.delete(graceful, grace=20)
        assert terminated(await here.ran(graceful))["exitCode"] == 3

    run(tmp_path, scenario)


@NEEDS_BUBBLEWRAP
def test_a_folder_to_begin_in_is_made_where_it_is_missing(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        missing = shell(here, "pwd; touch x; ls", container={"workingDir": "/app-of-a-test/deep"})
        mounted = shell(here, "pwd", spec=SCRATCH, container={"workingDir": "/scratch-of-a-test", **MOUNT})
        there = shell(here, "pwd", container={"workingDir": "/usr"})
        assert await said(here, missing) == "/app-of-a-test/deep\nx\n"
        assert await said(here, mounted) == "/scratch-of-a-test\n"
        assert await said(here, there) == "/usr\n"
        assert not Path("/app-of-a-test").exists()

    run(tmp_path, scenario)


@NEEDS_BUBBLEWRAP
def test_a_read_only_root_leaves_volumes_writable(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        script = (
            "for f in /usr/x /tmp/x /x $HOME/x; do touch $f 2>/dev/null && echo $f; done; "
            "echo >/dev/null && touch /scratch-of-a-test/x && echo done"
        )
        container = {"securityContext": {"readOnlyRootFilesystem": True}, **MOUNT}
        assert await said(here, shell(here, script, spec=SCRATCH, container=container)) == "done\n"
        script = tmp_path / "script.py"
        script.write_text("import os; os.mkdir('x')")
        pod = await here.ran(here.pod([sys.executable, str(script)], container=container, spec=SCRATCH))
        assert "Read-only file system" in here.log(pod)

    run(tmp_path, scenario)


@NEEDS_BUBBLEWRAP
def test_a_local_pod_sees_this_machines_tmp_and_is_boxed_only_for_what_it_asks(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        script = tmp_path / "script.py"
        script.write_text("import os, sys, tempfile; print(os.path.isdir(sys.argv[1]), tempfile.gettempdir())")
        argv = [sys.executable, str(script), str(tmp_path)]
        same = {"name": "v", "hostPath": {"path": str(tmp_path)}}
        read_only = {"volumeMounts": [{"name": "v", "mountPath": str(tmp_path), "readOnly": True}]}
        own_path = {"volumeMounts": [{"name": "v", "mountPath": str(tmp_path)}]}
        for container, forked in ((own_path, True), (read_only, False)):
            pod = here.pod(argv, spec={"volumes": [same]}, container=container)
            spec = {**pod["spec"]["containers"][0]}
            order = here.kubelet.orders.order(pod, spec, f"{pod['metadata']['uid']}_worker_0", "/dev/null")
            assert (order.python is not None, order.wrapped) == (forked, not forked)
            found, tmp = (await said(here, pod)).split()
            assert found == "True"
            assert tmp.startswith(str(here.state / "pods" / pod["metadata"]["uid"] / "tmp"))

    run(tmp_path, scenario)


def test_without_bubblewrap_a_pod_that_needs_it_waits_and_says_what_to_install(
    tmp_path: Path, without_bubblewrap: None
) -> None:
    async def scenario(here: Node) -> None:
        pod = shell(here, "true", spec=SCRATCH, container=MOUNT)
        waiting = await here.eventually(lambda: here.waiting(pod).get("message") and here.waiting(pod))
        assert waiting["reason"] == "CreateContainerConfigError"
        assert waiting["message"].startswith("mounting /scratch-of-a-test needs bubblewrap")
        assert "package bubblewrap" in waiting["message"]
        assert ("Failed", f"Error: {waiting['message']}") in here.events(pod)
        nowhere = shell(here, "true", container={"workingDir": "/app-of-a-test"})
        await here.eventually(lambda: "mounting /app-of-a-test needs" in here.waiting(nowhere).get("message", ""))
        assert await said(here, shell(here, "[[ 1 == 1 ]] && echo plain")) == "plain\n"
        host = "mine" if os.geteuid() == 0 else socket.gethostname()
        assert await said(here, shell(here, "hostname", spec={"hostname": "mine"})) == f"{host}\n"

    run(tmp_path, scenario)


POD = {"metadata": {"name": "p", "namespace": "team", "uid": "u"}}
BREAKS = 'container\'s runAsUser breaks non-root policy (pod: "p_team(u)", container: c)'
PLACE = '(pod: "p_team(u)", container: c)'


@pytest.mark.parametrize(
    ("of_pod", "own", "uid", "words"),
    [
        ({}, {}, 0, ""),
        ({"runAsNonRoot": True}, {}, 1000, ""),
        ({"runAsNonRoot": True}, {"runAsNonRoot": False}, 0, ""),
        ({"runAsNonRoot": True, "runAsUser": 7}, {}, 0, ""),
        ({"runAsNonRoot": True}, {}, 0, f"container has runAsNonRoot and image will run as root {PLACE}"),
        ({"runAsUser": 7}, {"runAsNonRoot": True, "runAsUser": 0}, 9, BREAKS),
    ],
)  # fmt: skip
def test_who_must_not_be_root(of_pod: Any, own: Any, uid: int, words: str) -> None:
    pod, container = {**POD, "spec": {"securityContext": of_pod}}, {"name": "c", "securityContext": own}
    if not words:
        identity.require_not_root(pod, container, uid)
        return
    with pytest.raises(Unready) as caught:
        identity.require_not_root(pod, container, uid)
    assert caught.value.waiting == {"reason": "CreateContainerConfigError", "message": words}


def test_the_containers_own_words_come_first() -> None:
    pod = {"spec": {"securityContext": {"runAsUser": 5, "runAsGroup": 6, "supplementalGroups": [8], "fsGroup": 9}}}
    own = {"runAsUser": 7, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
    found = identity.wanted(pod, {"securityContext": own})
    assert found == identity.Identity(7, 6, (8, 9), True, True)
    assert identity.words(found)[1:] == ["--reuid=7", "--regid=6", "--groups=8,9", "--no-new-privs", "--"]
    assert identity.words(identity.Identity(7))[1:] == ["--reuid=7", "--regid=0", "--clear-groups", "--"]
    assert identity.words(identity.Identity()) == []


@NEEDS_BUBBLEWRAP
def test_another_user_where_the_cluster_is_roots(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        context = {"runAsUser": 4711, "runAsGroup": 4712, "supplementalGroups": [4713], "fsGroup": 4714}
        script = "id -u; id -g; id -G; touch /tmp/x /scratch-of-a-test/x && echo written"
        pod = shell(here, script, spec={"securityContext": context, **SCRATCH}, container=MOUNT)
        lines = (await said(here, pod)).splitlines()
        mine = [str(os.getuid()), str(os.getgid())]
        assert lines[:2] == (["4711", "4712"] if os.geteuid() == 0 else mine)
        assert os.geteuid() != 0 or lines[2] == "4712 4713 4714"
        assert lines[-1] == "written"
        quiet = {"securityContext": {"allowPrivilegeEscalation": False}}
        assert await said(here, shell(here, "grep NoNewPrivs /proc/self/status", container=quiet)) == "NoNewPrivs:\t1\n"

    run(tmp_path, scenario)
