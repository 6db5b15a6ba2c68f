"""Limits of what pods write on disk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kjnb.embedded.container import bubblewrap, disk_use
from tests.embedded.node import node


def pod(*limits: str | None, size: str | None = None) -> dict[str, Any]:
    def container(number: int, limit: str | None) -> dict[str, Any]:
        return {"name": f"c{number}", "resources": {"limits": {"ephemeral-storage": limit}} if limit else {}}

    volumes = [{"name": "v", "emptyDir": {"sizeLimit": size} if size else {}}, {"name": "none", "configMap": {}}]
    containers = [container(number, limit) for number, limit in enumerate(limits)]
    meta = {"name": "p", "namespace": "n", "uid": "u"}
    return {"metadata": meta, "spec": {"containers": containers, "volumes": volumes}}


def written(place: Path, kibibytes: int) -> None:
    """So much in a log, or in a file of a folder."""
    file = place if place.suffix == ".log" else place / "file"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * 1024 * kibibytes)


@pytest.mark.parametrize(
    ("asked", "places", "words"),
    [
        (pod(None), {"pods/volumes/v": 900}, ""),
        (pod(None, size="500Ki"), {"pods/volumes/v": 100, "pods/work": 800}, ""),
        (pod(None, size="500Ki"), {"pods/volumes/v": 600}, 'Usage of EmptyDir volume "v" exceeds the limit "500Ki". '),
        (
            pod("500Ki"),
            {"pods/volumes/v": 300, "pods/work": 300},
            "Pod ephemeral local storage usage exceeds the total limit of containers 500Ki. ",
        ),
        (
            pod("100Ki", "100Ki"),
            {"pods/tmp_c0_0": 101, "pods/c1_0.log": 101},
            "Pod ephemeral local storage usage exceeds the total limit of containers 204800. ",
        ),
        (
            pod("100Ki", None),
            {"pods/tmp_c0_1": 60, "pods/c0_0.log": 60},
            'Container c0 exceeded its local ephemeral storage limit "100Ki". ',
        ),
        (pod("100Ki", None), {"pods/tmp_c1_0": 600, "pods/c1_0.log": 60}, ""),
    ],
)
def test_what_is_over_its_limit(tmp_path: Path, asked: Any, places: dict[str, int], words: str) -> None:
    for place, kibibytes in places.items():
        written(tmp_path / place, kibibytes)
    assert disk_use.overuse(asked, tmp_path / "pods") == words
    assert disk_use.has_limits(asked) == (asked != pod(None))


@pytest.mark.skipif(bubblewrap.program() is None, reason="bubblewrap does not work here")
def test_a_pod_over_its_limit_is_evicted(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path / "state", fork=False, look_every=0.1) as here:
            spec = {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]}
            mount = {"volumeMounts": [{"name": "v", "mountPath": "/scratch-of-a-test"}]}
            script = "head -c 3000000 /dev/zero > /scratch-of-a-test/x; sleep 300"
            over = await here.ran(here.pod(["sh", "-c", script], image="busybox", spec=spec, container=mount))
            why = 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". '
            told = [over["status"][key] for key in ("phase", "reason", "message")]
            assert told == ["Failed", "Evicted", why]
            assert ("Evicted", why) in here.events(over)

    asyncio.run(main())
