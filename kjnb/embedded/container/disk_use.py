"""What pods write on disk against the limits that they set: emptyDir volumes, containers' and pods' ephemeral storage.

Looked at now and then, as a kubelet does; a pod over a limit is evicted.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kjnb.embedded.api.quantity import parse

Object = dict[str, Any]
STORAGE = "ephemeral-storage"
LOOK_EVERY = 10.0  # seconds


async def follow(
    pods: Callable[[], Iterable[Object]], folders: Path, evict: Callable[[str, str], None], every: float
) -> None:
    """Tell `evict` the uid of each pod over a limit, and in a sentence which; never ends."""
    while True:
        await asyncio.sleep(every)
        for pod in [pod for pod in pods() if has_limits(pod)]:
            uid = pod["metadata"]["uid"]
            why = await asyncio.to_thread(overuse, pod, folders / uid)
            if why:
                evict(uid, why)


def has_limits(pod: Object) -> bool:
    """Whether there is anything to look at."""
    return any(True for _ in _volume_limits(pod)) or any(_limit(one) for one in pod["spec"].get("containers") or ())


def _volume_limits(pod: Object) -> Iterable[tuple[str, str]]:
    for volume in pod["spec"].get("volumes") or ():
        limit = (volume.get("emptyDir") or {}).get("sizeLimit")
        if limit and parse(limit):
            yield volume["name"], limit


def _limit(container: Object) -> str | None:
    return ((container.get("resources") or {}).get("limits") or {}).get(STORAGE)


def overuse(pod: Object, folder: Path) -> str:
    """The first limit that the pod is over, in the kubelet's words; empty if it keeps all."""
    for name, limit in _volume_limits(pod):
        if size(folder / "volumes" / name) > parse(limit):
            return f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". '
    containers = pod["spec"].get("containers") or ()
    limits = [_limit(container) for container in containers]
    own = [_of_container(folder, container["name"]) for container in containers]
    together = sum(own) + size(folder / "work") + sum(size(path) for path in _scratch(pod, folder))
    if all(limits) and together > sum(parse(limit) for limit in limits if limit):
        total = sum(int(parse(limit)) for limit in limits if limit)
        return f"Pod ephemeral local storage usage exceeds the total limit of containers {_words(limits, total)}. "
    for container, most, used in zip(containers, limits, own, strict=True):
        if most and used > parse(most):
            return f'Container {container["name"]} exceeded its local ephemeral storage limit "{most}". '
    return ""


def _words(limits: list[str | None], total: int) -> str:
    return str(limits[0]) if len(limits) == 1 else str(total)


def _scratch(pod: Object, folder: Path) -> list[Path]:
    given = pod["spec"].get("volumes") or ()
    disks = [v["name"] for v in given if "emptyDir" in v and (v["emptyDir"] or {}).get("medium") != "Memory"]
    return [folder / "volumes" / name for name in disks]


def _of_container(folder: Path, name: str) -> int:
    """Its logs, and what is in its /tmp."""
    logs = sum(_bytes(log) for log in folder.glob(f"{name}_*") if log.is_file())
    return logs + sum(size(path) for path in folder.glob(f"tmp_{name}_*"))


def size(folder: Path) -> int:
    """Bytes on disk of all files below a folder; links are not followed."""
    return sum(_bytes(Path(root, name)) for root, _, names in os.walk(folder) for name in names)


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except OSError:
        return 0
