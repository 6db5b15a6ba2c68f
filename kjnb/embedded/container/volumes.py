"""A pod's volumes on this machine: folders of the pod, and what must be mounted to show them to a container.

A hostPath at its own path needs no mount. Everything else is a mount, and so needs bubblewrap.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kjnb.embedded.container import host_paths, volume_files
from kjnb.embedded.container.bubblewrap import Mount
from kjnb.embedded.container.pod_env import REFERENCE, Unready, expand
from kjnb.embedded.container.volume_files import Source

Object = dict[str, Any]


class Shown(NamedTuple):
    """A volume's place on this machine, and whether its containers may only read it."""

    place: Path
    read_only: bool = False


def set_up(folder: Path, source: Source) -> dict[str, Shown]:
    """Make and fill all volumes of a pod; Unready if one cannot be had: then nothing of the pod starts."""
    found = {}
    for volume in source.pod["spec"].get("volumes") or ():
        found[volume["name"]] = _one(volume, folder / "volumes", source)
    return found


def _one(volume: Object, root: Path, source: Source) -> Shown:
    name = str(volume["name"])
    if "/" in name or name in ("", ".", ".."):
        raise Unready.mount(name, "not a volume's name")
    own = root / name
    if "hostPath" in volume:
        return Shown(host_paths.place(volume["hostPath"], name))
    if volume_files.of_objects(volume):
        if not (own / "..data").is_symlink():  # later it is refreshed when its objects change, and stays when they go
            volume_files.write(own, volume_files.files(volume, source))
        return Shown(own, read_only=True)
    kinds = [key for key in volume if key != "name"]
    if kinds and kinds != ["emptyDir"]:
        raise Unready.mount(name, f"{kinds[0]} volumes cannot be had on this machine")
    if not own.exists():
        own.mkdir(parents=True)
        own.chmod(0o777)
    return Shown(own)


def refresh(folder: Path, source: Source) -> bool:
    """Write what the objects behind a running pod's volumes say now; whether anything changed.

    What has gone since stays as it was, as the kubelet leaves it.
    """
    changed = False
    for volume in source.pod["spec"].get("volumes") or ():
        place = folder / "volumes" / volume["name"]
        if not volume_files.of_objects(volume) or not place.is_dir():
            continue
        try:
            changed = volume_files.write(place, volume_files.files(volume, source)) or changed
        except Unready:
            continue
    return changed


def mounts(container: Object, shown: Mapping[str, Shown], env: Mapping[str, str]) -> list[Mount]:
    """What to mount where, a hostPath at its own path included."""
    found = []
    for wanted in container.get("volumeMounts") or ():
        volume = shown[wanted["name"]]
        below = _below_path(wanted, env)
        place = _inside(volume.place, below, container, wanted) if below else volume.place
        target = os.path.normpath(os.path.join("/", wanted["mountPath"]))
        found.append(Mount(str(place), target, bool(wanted.get("readOnly")) or volume.read_only))
    return found


def _below_path(wanted: Object, env: Mapping[str, str]) -> str:
    """The subPath of a mount, by its expression if it has one."""
    expression = wanted.get("subPathExpr") or ""
    missing = [one[1] for one in REFERENCE.finditer(expression) if one[1] is not None and one[1] not in env]
    if missing:
        raise Unready("CreateContainerConfigError", f'missing value for "{missing[0]}"')
    below = expand(expression, env) or wanted.get("subPath") or ""
    if below.startswith("/"):
        raise Unready("CreateContainerConfigError", f"error SubPath `{below}` must not be an absolute path")
    if ".." in below.split("/"):
        raise Unready("CreateContainerConfigError", f"unable to provision SubPath `{below}`: must not contain '..'")
    return below


def _inside(place: Path, below: str, container: Object, wanted: Object) -> Path:
    """A path in a volume, made as a folder if nothing is there; Unready if a link on the way leads out."""
    root = place.resolve()
    inner = (place / below).resolve()
    if not inner.is_relative_to(root):
        number = [one["mountPath"] for one in container["volumeMounts"]].index(wanted["mountPath"])
        raise Unready(
            "CreateContainerConfigError",
            f'failed to prepare subPath for volumeMount "{wanted["name"]}" of container "{container["name"]}"'
            f" (mount {number}): the path leaves its volume",
        )
    if not inner.exists():
        inner.mkdir(parents=True)
    return inner
