"""Volumes of every kind, their files, and paths that would lead out of them."""

from __future__ import annotations

import asyncio
import base64
import socket
from pathlib import Path
from typing import Any

import pytest

from kjnb.embedded.container import bubblewrap, host_paths, volume_files, volumes
from kjnb.embedded.container.bubblewrap import Mount
from kjnb.embedded.container.pod_env import Unready
from kjnb.embedded.container.volume_files import File, Source
from tests.embedded.node import Node, node

NEEDS_BUBBLEWRAP = pytest.mark.skipif(bubblewrap.program() is None, reason="bubblewrap does not work here")
OBJECTS = {
    ("configmaps", "cm"): {"data": {"a": "1", "b": "2"}, "binaryData": {"c": base64.b64encode(b"\0").decode()}},
    ("secrets", "sec"): {"data": {"token": base64.b64encode(b"t0p").decode()}},
    ("configmaps", "evil"): {"data": {"../../out": "x", "..data": "x"}},
}
POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "team", "uid": "u", "labels": {"b": 'x"y', "a": "1"}},
    "spec": {"containers": [{"name": "worker", "resources": {"limits": {"cpu": "2"}}}]},
}
ALLOCATABLE = {"cpu": "4", "memory": "1Gi"}


def source(*given: dict[str, Any], objects: Any = OBJECTS) -> Source:
    pod = {**POD, "spec": {**POD["spec"], "volumes": list(given)}}
    return Source(pod, lambda resource, name: objects.get((resource, name)), ALLOCATABLE)


def files(volume: dict[str, Any]) -> dict[str, File]:
    return volume_files.files({"name": "v", **volume}, source())


def refused(volume: dict[str, Any]) -> str:
    with pytest.raises(Unready) as caught:
        files(volume)
    error = caught.value
    assert error.waiting == {"reason": "ContainerCreating"}
    assert error.events == [("Warning", "FailedMount", error.message)]
    start = 'MountVolume.SetUp failed for volume "v" : '
    assert error.message.startswith(start)
    return error.message.removeprefix(start)


def test_files_of_every_source() -> None:
    assert files({"configMap": {"name": "cm"}}) == {
        "a": File(b"1", 0o644), "b": File(b"2", 0o644), "c": File(b"\0", 0o644),
    }  # fmt: skip
    items = [{"key": "token", "path": "deep/t", "mode": 0o440}]
    assert files({"secret": {"secretName": "sec", "items": items}}) == {"deep/t": File(b"t0p", 0o440)}
    assert files({"secret": {"secretName": "sec", "defaultMode": 0o400}}) == {"token": File(b"t0p", 0o400)}
    told = [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "worker", "resource": "limits.cpu", "divisor": "1m"}},
        {"path": "mem", "resourceFieldRef": {"containerName": "worker", "resource": "limits.memory"}, "mode": 0o600},
    ]
    assert files({"downwardAPI": {"items": told}}) == {
        "labels": File(b'a="1"\nb="x\\"y"', 0o644), "cpu": File(b"2000", 0o644), "mem": File(b"1073741824", 0o600),
    }  # fmt: skip
    sources = [{"configMap": {"name": "cm", "items": [{"key": "a", "path": "x"}]}}, {"secret": {"name": "sec"}}]
    sources += [{"downwardAPI": {"items": told[:1]}}, {"configMap": {"name": "none", "optional": True}}]
    assert list(files({"projected": {"sources": sources, "defaultMode": 0o444}})) == ["x", "token", "labels"]


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        (
            {"configMap": {"name": "cm", "items": [{"key": "z", "path": "z"}]}},
            "configmap references non-existent config key: z",
        ),
        (
            {"secret": {"secretName": "sec", "items": [{"key": "z", "path": "z"}]}},
            "references non-existent secret key: z",
        ),
        ({"projected": {"sources": [{"secret": {"name": "none"}}]}}, 'secret "none" not found'),
        ({"configMap": {"name": "evil"}}, "invalid path: must not contain '..': ../../out"),
        (
            {"configMap": {"name": "cm", "items": [{"key": "a", "path": "/etc/passwd"}]}},
            "invalid path: must be relative path: /etc/passwd",
        ),
        (
            {"configMap": {"name": "evil", "items": [{"key": "..data", "path": "..data"}]}},
            "invalid path: must not start with '..': ..data",
        ),
    ],
)
def test_what_is_missing_or_leads_out_keeps_the_pod_from_starting(volume: dict[str, Any], words: str) -> None:
    assert refused(volume) == words


def test_a_service_account_token_is_refused_in_a_sentence() -> None:
    assert "no service account tokens here" in refused({"projected": {"sources": [{"serviceAccountToken": {}}]}})


def test_optional_sources_may_be_missing() -> None:
    assert files({"configMap": {"name": "none", "optional": True}}) == {}
    items = [{"key": "z", "path": "z"}, {"key": "a", "path": "y"}]
    assert list(files({"configMap": {"name": "cm", "optional": True, "items": items}})) == ["y"]


def test_new_content_replaces_the_old_at_once(tmp_path: Path) -> None:
    place = tmp_path / "v"
    assert volume_files.write(place, {"a": File(b"1", 0o644), "d/e": File(b"2", 0o600)})
    assert not volume_files.write(place, {"a": File(b"1", 0o644), "d/e": File(b"2", 0o600)})
    assert (place / "d" / "e").stat().st_mode & 0o777 == 0o600
    before = (place / "..data").readlink()
    assert volume_files.write(place, {"a": File(b"3", 0o644)})
    assert (place / "a").read_bytes() == b"3"
    assert (place / "a").readlink() == Path("..data/a")
    assert sorted(path.name for path in place.iterdir()) == sorted([str((place / "..data").readlink()), "..data", "a"])
    assert not (place / before).exists()


def test_refreshing_keeps_what_has_gone(tmp_path: Path) -> None:
    volume = {"name": "v", "configMap": {"name": "cm"}}
    volumes.set_up(tmp_path, source(volume))
    assert not volumes.refresh(tmp_path, source(volume))
    newer = {("configmaps", "cm"): {"data": {"a": "9"}}}
    assert volumes.refresh(tmp_path, source(volume, objects=newer))
    assert not volumes.refresh(tmp_path, source(volume, objects={}))
    assert volumes.set_up(tmp_path, source(volume, objects={}))["v"].read_only  # for the next container of the pod
    assert (tmp_path / "volumes" / "v" / "a").read_text() == "9"


def test_host_paths_are_checked_by_type(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.touch()
    folder.mkdir()

    def place(path: Path, kind: str) -> Path:
        return host_paths.place({"path": str(path), "type": kind}, "v")

    assert place(tmp_path / "new" / "deep", "DirectoryOrCreate").is_dir()
    assert place(tmp_path / "other", "").is_dir()
    assert place(tmp_path / "touched", "FileOrCreate").is_file()
    assert place(file, "File") == file
    assert place(Path("/dev/null"), "CharDevice").exists()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert place(tmp_path / "s", "Socket").exists()
    for path, kind, words in (
        (file, "Directory", "is not a directory"),
        (file, "DirectoryOrCreate", "is not a directory"),
        (folder, "File", "is not a file"),
        (folder, "FileOrCreate", "is not a file"),
        (file, "Socket", "is not a socket file"),
        (file, "CharDevice", "is not a character device"),
        (file, "BlockDevice", "is not a block device"),
        (tmp_path / "none", "Directory", "is not a directory"),
        (tmp_path / "none", "File", "is not a file"),
    ):
        with pytest.raises(Unready, match=f"hostPath type check failed: {path} {words}"):
            place(path, kind)
    with pytest.raises(Unready, match="cannot make"):
        place(file / "below", "DirectoryOrCreate")
    with pytest.raises(Unready, match="Floppy is an invalid volume type"):
        place(file, "Floppy")


def container(**mount: Any) -> dict[str, Any]:
    return {"name": "worker", "volumeMounts": [{"name": "v", "mountPath": "/m", **mount}]}


def test_sub_paths_stay_in_their_volume(tmp_path: Path) -> None:
    shown = volumes.set_up(tmp_path, source({"name": "v", "emptyDir": {}}))
    place = tmp_path / "volumes" / "v"

    def mounted(env: dict[str, str] | None = None, **mount: Any) -> list[Mount]:
        return volumes.mounts(container(**mount), shown, env or {})

    assert mounted() == [Mount(str(place), "/m")]
    assert mounted(subPath="a/b", readOnly=True) == [Mount(str(place / "a" / "b"), "/m", True)]
    assert (place / "a" / "b").is_dir()
    assert mounted({"I": "7"}, subPathExpr="part-$(I)", mountPath="x/../y") == [Mount(str(place / "part-7"), "/y")]
    (place / "out").symlink_to(tmp_path)
    for told, words in (
        ({"subPath": "out/x"}, "leaves its volume"),
        ({"subPath": "../x"}, "must not contain '..'"),
        ({"subPathExpr": "$(I)"}, "unable to provision SubPath `../up`: must not contain '..'"),
        ({"subPathExpr": "$(J)"}, "error SubPath `/etc` must not be an absolute path"),
        ({"subPathExpr": "$(K)"}, 'missing value for "K"'),
    ):
        with pytest.raises(Unready) as caught:
            mounted({"I": "../up", "J": "/etc"}, **told)
        assert words in caught.value.message
        assert caught.value.reason == "CreateContainerConfigError"
    assert not (tmp_path / "x").exists()


def test_a_sub_path_of_a_configmap_is_its_file(tmp_path: Path) -> None:
    shown = volumes.set_up(tmp_path, source({"name": "v", "configMap": {"name": "cm"}}))
    (found,) = volumes.mounts(container(subPath="a"), shown, {})
    assert Path(found.source).read_text() == "1"
    assert found.read_only


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ({"name": "../../x", "emptyDir": {}}, "not a volume's name"),
        ({"name": "v", "nfs": {}}, "nfs volumes cannot be had on this machine"),
    ],
)
def test_volumes_that_cannot_be(tmp_path: Path, volume: dict[str, Any], words: str) -> None:
    with pytest.raises(Unready, match=words):
        volumes.set_up(tmp_path / "pod", source(volume))
    assert not (tmp_path / "pod").exists()


def run(tmp_path: Path, scenario: Any, **options: Any) -> None:
    async def main() -> None:
        async with node(tmp_path / "state", fork=False, **options) as here:
            await scenario(here)

    asyncio.run(main())


@NEEDS_BUBBLEWRAP
def test_pods_see_their_volumes(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    spec = {
        "volumes": [
            {"name": "host", "hostPath": {"path": str(shared), "type": "DirectoryOrCreate"}},
            {"name": "scratch", "emptyDir": {"medium": "Memory"}},
            {"name": "settings", "configMap": {"name": "settings"}},
        ]
    }
    mounted = [
        {"name": "host", "mountPath": "/data"},
        {"name": "scratch", "mountPath": "/scratch/deep"},
        {"name": "settings", "mountPath": "/etc/settings-of-a-test"},
        {"name": "settings", "mountPath": "/one", "subPath": "colour"},
    ]
    script = (
        "cat /etc/settings-of-a-test/colour /one; touch /scratch/deep/x && ls /scratch/deep; "
        "echo $HOSTNAME >> /data/who; touch /etc/settings-of-a-test/new 2>/dev/null || echo read-only"
    )

    async def scenario(here: Node) -> None:
        pods = [
            here.pod(
                ["sh", "-c", script], image="busybox", spec=spec, container={"volumeMounts": mounted},
            ) for _ in range(2)
        ]  # fmt: skip
        await here.eventually(lambda: any(reason == "FailedMount" for reason, _ in here.events(pods[0])))
        await here.eventually(lambda: here.waiting(pods[0]) == {"reason": "ContainerCreating"})
        here.store.create(
            "configmaps",
            {"kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "default"}, "data": {"colour": "blue"}},
        )
        for pod in pods:
            assert (await here.ran(pod))["status"]["phase"] == "Succeeded", here.log(pod)
            assert here.log(pod) == "blueblue" + "x\nread-only\n"
        assert sorted((shared / "who").read_text().split()) == sorted(pod["metadata"]["name"] for pod in pods)
        assert not Path("/etc/settings-of-a-test").exists()

    run(tmp_path, scenario)


@NEEDS_BUBBLEWRAP
def test_a_running_pod_sees_new_content(tmp_path: Path) -> None:
    item = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    sources = [{"secret": {"name": "key"}}, {"downwardAPI": {"items": [item]}}]
    spec = {
        "volumes": [
            {"name": "settings", "configMap": {"name": "settings"}},
            {
                "name": "all",
                "projected": {"sources": sources},
            },
        ]
    }
    mounted = [{"name": "settings", "mountPath": "/settings-of-a-test"}, {"name": "all", "mountPath": "/all-of-a-test"}]
    script = (
        'until grep -q new /settings-of-a-test/a; do sleep 0.05; done; echo "$(cat /settings-of-a-test/a)"; '
        "until grep -q new /all-of-a-test/token; do sleep 0.05; done; echo secret; "
        "until grep -q new /all-of-a-test/labels; do sleep 0.05; done; cat /all-of-a-test/labels"
    )

    def obj(kind: str, name: str, **data: str) -> dict[str, Any]:
        return {"kind": kind, "metadata": {"name": name, "namespace": "default"}, "data": data}

    async def scenario(here: Node) -> None:
        settings = here.store.create("configmaps", obj("ConfigMap", "settings", a="old"))
        key = here.store.create("secrets", obj("Secret", "key", token="b2xk"))
        pod = here.pod(["sh", "-c", script], image="busybox", spec=spec, container={"volumeMounts": mounted})
        await here.running(pod)
        here.store.update("configmaps", {**settings, "data": {"a": "new"}})
        here.store.update("secrets", {**key, "data": {"token": "bmV3"}})
        await here.eventually(lambda: here.log(pod) == "new\nsecret\n")
        now = here.now(pod)
        here.store.update("pods", {**now, "metadata": {**now["metadata"], "labels": {"is": "new"}}})
        assert (await here.ran(pod))["status"]["phase"] == "Succeeded"
        assert here.log(pod) == 'new\nsecret\nis="new"'

    run(tmp_path, scenario)
