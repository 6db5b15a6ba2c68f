"""Files of volumes that come from objects: what they are, and how they are written so that a reader sees all or none.

A volume's folder looks as the kubelet makes it: a folder of this content, `..data` that points to it, and a link by
`..data` for each first name. New content is another folder and one rename of `..data`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kjnb.embedded.container.pod_env import SOURCES, Lookup, Unready, contents, field, resource_field

Object = dict[str, Any]
READABLE = 0o644
REFUSED = {
    "serviceAccountToken": "pods get no service account tokens here, for there is one user only",
    "clusterTrustBundle": "there are no ClusterTrustBundles here",
    "podCertificate": "no certificates are made for pods here",
}


class File(NamedTuple):
    """Content and permission bits."""

    data: bytes
    mode: int


class Source(NamedTuple):
    """What files are made from: the pod, its namespace's objects, and what the node can give."""

    pod: Object
    lookup: Lookup
    allocatable: Mapping[str, str]


def of_objects(volume: Object) -> bool:
    """Whether the volume's files come from objects, and so change with them."""
    return any(kind in volume for kind in ("configMap", "secret", "downwardAPI", "projected"))


def files(volume: Object, source: Source) -> dict[str, File]:
    """Path and file of all that a volume shows. Unready if something is missing."""
    name = volume["name"]
    if "projected" in volume:
        found = _projected(volume["projected"], name, source)
    else:
        kind = next(kind for kind in ("configMap", "secret", "downwardAPI") if kind in volume)
        found = _one(kind, volume[kind], name, volume[kind].get("defaultMode"), source)
    for path in found:
        _require_inside(path, name)
    return found


def _projected(projected: Object, volume: str, source: Source) -> dict[str, File]:
    found: dict[str, File] = {}
    for each in projected.get("sources") or ():
        for kind, told in each.items():
            if kind in REFUSED:
                raise Unready.mount(volume, f"{kind} cannot be had: {REFUSED[kind]}")
            if told is not None:
                found |= _one(kind, told, volume, projected.get("defaultMode"), source)
    return found


def _one(kind: str, told: Object, volume: str, mode: int | None, source: Source) -> dict[str, File]:
    mode = READABLE if mode is None else mode
    if kind == "downwardAPI":
        return {item["path"]: File(_told(item, source), _mode(item, mode)) for item in told.get("items") or ()}
    reference = "configMapRef" if kind == "configMap" else "secretRef"
    data = _data(reference, told, volume, source.lookup)
    if not told.get("items"):
        return {key: File(value, mode) for key, value in data.items()}
    missing = [item["key"] for item in told["items"] if item["key"] not in data]
    if missing and not told.get("optional"):
        words = "configmap references non-existent config" if kind == "configMap" else "references non-existent secret"
        raise Unready.mount(volume, f"{words} key: {missing[0]}")
    return {item["path"]: File(data[item["key"]], _mode(item, mode)) for item in told["items"] if item["key"] in data}


def _mode(item: Object, default: int) -> int:
    mode = item.get("mode")
    return default if mode is None else int(mode)


def _told(item: Object, source: Source) -> bytes:
    if "fieldRef" in item:
        return field(source.pod, item["fieldRef"]["fieldPath"]).encode()
    reference = item["resourceFieldRef"]
    containers = [*source.pod["spec"].get("containers", ()), *(source.pod["spec"].get("initContainers") or ())]
    container: Object = next((one for one in containers if one["name"] == reference.get("containerName")), {})
    return resource_field(container, reference, source.allocatable).encode()


def _data(reference: str, told: Object, volume: str, lookup: Lookup) -> dict[str, bytes]:
    resource, word = SOURCES[reference]
    name = told.get("secretName") or told.get("name") or ""
    obj = lookup(resource, name)
    if obj is not None:
        return contents(resource, obj)
    if told.get("optional"):
        return {}
    raise Unready.mount(volume, f'{word} "{name}" not found')


def _require_inside(path: str, volume: str) -> None:
    """Unready for a path that leaves its volume, or that one of our own names could be taken for."""
    if not path or path.startswith("/") or "\0" in path:
        raise Unready.mount(volume, f"invalid path: must be relative path: {path}")
    if ".." in path.split("/"):
        raise Unready.mount(volume, f"invalid path: must not contain '..': {path}")
    if path.startswith(".."):
        raise Unready.mount(volume, f"invalid path: must not start with '..': {path}")


def write(folder: Path, wanted: Mapping[str, File]) -> bool:
    """Let the folder show these files; whether anything changed."""
    current = folder / "..data"
    if current.is_symlink() and _shown(current) == wanted:
        return False
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    fresh.chmod(0o755)
    for path, file in wanted.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
        target.chmod(file.mode)
    before = os.readlink(current) if current.is_symlink() else None
    _point(current, fresh.name)
    _link(folder, {path.partition("/")[0] for path in wanted})
    if before:
        shutil.rmtree(folder / before, ignore_errors=True)
    return True


def _shown(root: Path) -> dict[str, File]:
    found = {}
    for path in root.rglob("*"):
        if path.is_file():
            with contextlib.suppress(OSError):
                found[str(path.relative_to(root))] = File(path.read_bytes(), path.stat().st_mode & 0o7777)
    return found


def _point(link: Path, target: str) -> None:
    new = link.with_name(f"{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def _link(folder: Path, names: set[str]) -> None:
    for name in names:
        link = folder / name
        if not link.is_symlink():
            if link.is_dir():
                shutil.rmtree(link)  # a subPath that nothing was there for made it
            link.symlink_to(f"..data/{name}")
    for entry in folder.iterdir():
        if entry.is_symlink() and entry.name not in names and entry.name != "..data":
            entry.unlink()
