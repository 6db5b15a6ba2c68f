"""Images without images: names, what they run without a command, and what cluster.toml says of them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from kjnb.embedded.container import image_names, images
from kjnb.embedded.container.pod_env import Unready
from kjnb.embedded.container.settings import Settings
from tests.embedded.node import Node, node, terminated

PAUSE = "registry.k8s.io/pause:3.10.2"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"
DIGEST = "sha256:" + "0" * 64


def run(tmp_path: Path, scenario: Any, **options: Any) -> None:
    async def main() -> None:
        async with node(tmp_path / "state", **options) as here:
            await scenario(here)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("busybox", ("docker.io", "library/busybox", "latest", "")),
        ("busybox:1.36", ("docker.io", "library/busybox", "1.36", "")),
        ("team/worker", ("docker.io", "team/worker", "latest", "")),
        ("index.docker.io/library/a", ("docker.io", "library/a", "latest", "")),
        ("localhost/a:1", ("localhost", "a", "1", "")),
        ("registry:5000/a/b:1", ("registry:5000", "a/b", "1", "")),
        ("Registry/a", ("Registry", "a", "latest", "")),
        (BUSYBOX, ("registry.k8s.io", "e2e-test-images/busybox", "1.37.0-1", "")),
        (f"a@{DIGEST}", ("docker.io", "library/a", "", DIGEST)),
        (f"a:1@{DIGEST}", ("docker.io", "library/a", "1", DIGEST)),
    ],
)
def test_a_name_and_its_parts(name: str, parts: tuple[str, ...]) -> None:
    assert image_names.parse(name) == parts


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Worker Image:latest", "invalid reference format: repository name (library/Worker Image) must be lowercase"),
        ("a:b:c", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("../../etc/passwd", "invalid reference format"),
        ("a" * 64, f"invalid repository name ({'a' * 64}), cannot specify 64-byte hexadecimal strings"),
        ("x/" + "z" * 260, "repository name must not be more than 255 characters"),
    ],
)
def test_what_is_no_name(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"invalid|repository") as caught:
        image_names.parse(name)
    assert str(caught.value) == words
    with pytest.raises(Unready) as refused:
        images.known(name, {})
    assert refused.value.waiting == {
        "reason": "InvalidImageName",
        "message": f'Failed to apply default image tag "{name}": couldn\'t parse image name "{name}": {words}',
    }
    assert [event[1] for event in refused.value.events] == ["InspectFailed", "Failed"]


def test_the_entry_that_names_an_image_most_closely(tmp_path: Path) -> None:
    file = tmp_path / "cluster.toml"
    settings = Settings(file)
    assert settings.images() == {}
    file.write_text(
        '[images."team/worker"]\ncommand = ["any"]\nargs = ["--fast"]\n'
        '[images."team/worker:2"]\ncommand = ["second"]\n'
        '[images."docker.io/library/tool"]\npython = "/opt/tool/bin/python"\nenv = { MODE = "batch" }\n'
        '[images.busybox]\nargs = ["true"]\n'
    )

    def asked(name: str) -> tuple[str, ...]:
        image = images.known(name, settings.images())
        return image.entrypoint + image.arguments

    assert asked("team/worker:1") == ("any", "--fast")
    assert asked(f"team/worker@{DIGEST}") == ("any", "--fast")
    assert asked("team/worker:2") == ("second",)
    assert asked("busybox:1.36") == ("true",)
    assert asked("alpine") == ("/bin/sh",)
    assert asked("unheard-of") == ()
    tool = images.known("tool:7", settings.images())
    assert (tool.python, tool.entrypoint) == ("/opt/tool/bin/python", ("/opt/tool/bin/python",))
    assert images.environment(tool)["MODE"] == "batch"
    assert images.environment(tool)["PATH"].startswith("/opt/tool/bin:")
    file.write_text("[images.busybox]\nargs = ['false', 'now']\n")
    assert asked("busybox:1.36") == ("false", "now")
    file.write_text("[images.busybox]\ncmd = ['false']\n")
    with pytest.raises(Unready, match="cmd"):
        settings.images()
    with pytest.raises(Unready, match="cannot be used"):  # as long as it stays so
        settings.images()
    file.unlink()
    assert asked("busybox:1.36") == ("sh",)


def test_what_well_known_images_run_without_a_command(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        shell, paused = here.pod(image=BUSYBOX), here.pod(image=PAUSE, metadata={"finalizers": ["tests/look"]})
        words = here.pod(image=BUSYBOX, container={"args": ["echo", "said"]})
        knows = here.pod(["/bin/sh", "-c", '[[ -n "$RANDOM" ]] && exit $(( RANDOM % 2 + 40 ))'], image=BUSYBOX)
        assert (await here.ran(shell))["status"]["phase"] == "Succeeded"
        assert (await here.ran(words))["status"]["phase"] == "Succeeded"
        assert here.log(words) == "said\n"
        assert terminated(await here.ran(knows))["exitCode"] in (40, 41), here.log(knows)
        await here.running(paused)
        here.delete(paused, grace=20)
        assert terminated(await here.ran(paused))["exitCode"] == 0

    run(tmp_path, scenario)


def test_a_mapping_is_found_without_a_restart(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        pod = here.pod(image="team/worker:1", container={"args": ["more"]})
        waiting = await here.eventually(lambda: here.waiting(pod).get("reason") and here.waiting(pod))
        assert waiting["reason"] == "CreateContainerError"
        # arguments alone are no command: they would be the entry point's
        assert "command" in waiting["message"]
        assert str(here.state / "cluster.toml") in waiting["message"]
        (here.state / "cluster.toml").write_text('[images."team/worker"]\ncommand = ["echo", "mapped"]\n')
        assert (await here.ran(pod))["status"]["phase"] == "Succeeded"
        assert here.log(pod) == "mapped more\n"

    run(tmp_path, scenario)


def test_names_that_cannot_be_and_registries_that_cannot_exist(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        wrong = here.pod(["true"], image="Worker Image:latest")
        far = here.pod(["true"], image="registry.example/team/worker:9.9")
        never = here.pod(["true"], image="registry.invalid/a", container={"imagePullPolicy": "Never"})
        await here.eventually(lambda: here.waiting(wrong).get("reason") == "InvalidImageName")
        await here.eventually(lambda: here.waiting(far).get("reason") == "ErrImagePull")
        assert "no such host" in here.waiting(far)["message"]
        await here.eventually(lambda: here.waiting(far).get("reason") == "ImagePullBackOff")
        assert [reason for reason, _ in here.events(far)] == ["Pulling", "Failed", "Failed", "BackOff", "Failed"]
        await here.eventually(lambda: here.waiting(never).get("reason") == "ErrImageNeverPull")
        assert ("Failed", "Error: InvalidImageName") in here.events(wrong)

    run(tmp_path, scenario)


def test_an_image_mapped_to_an_interpreter_is_forked_as_one(tmp_path: Path) -> None:
    async def scenario(here: Node) -> None:
        script = tmp_path / "script.py"
        script.write_text("import sys, os; print(sys.argv[1:], sys.prefix, os.environ['MODE'])")
        (here.state / "cluster.toml").write_text(
            f'[images."team/py"]\npython = "{sys.executable}"\nenv = {{ MODE = "batch" }}\n'
        )
        pod = here.pod(image="team/py:3", container={"args": [str(script), "one"]})
        assert (await here.ran(pod))["status"]["phase"] == "Succeeded", here.log(pod)
        assert here.log(pod) == f"['one'] {sys.prefix} batch\n"

    run(tmp_path, scenario)
