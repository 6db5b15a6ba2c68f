"""A container's volumes on this machine: folders of the pod, and what must be mounted to show them.

A hostPath at its own path needs no mount. Everything else is a mount, and so needs bubblewrap.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kjnb.embedded.node.bubblewrap import Mount
from kjnb.embedded.node.pod_env import SOURCES, Lookup, Unready, contents, expand, field

Object = dict[str, Any]


def mounts(pod: Object, container: Object, folder: Path, env: Mapping[str, str], lookup: Lookup) -> list[Mount]:
    """What to mount where; makes and fills the folders. Unready if a source is not there or cannot be had here."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    found = []
    for wanted in container.get("volumeMounts") or ():
        source: Path = _source(pod, volumes[wanted["name"]], folder, lookup)
        below = expand(wanted.get("subPathExpr") or "", env) or wanted.get("subPath") or ""
        if below:
            source = _below(source, below)
        if os.path.normpath(source) != os.path.normpath(wanted["mountPath"]):
            found.append(Mount(str(source), wanted["mountPath"], bool(wanted.get("readOnly"))))
    return found


def _below(source: Path, name: str) -> Path:
    inner = Path(os.path.normpath(source / name))
    if not inner.is_relative_to(source):
        raise Unready("CreateContainerConfigError", f'subPath "{name}" leaves its volume')
    if not inner.exists():
        inner.mkdir(parents=True)
    return inner


def _source(pod: Object, volume: Object, folder: Path, lookup: Lookup) -> Path:
    name = volume["name"]
    own: Path = folder / "volumes" / str(name)
    if "hostPath" in volume:
        return _host_path(dict(volume["hostPath"]), name)
    if "emptyDir" in volume:
        own.mkdir(parents=True, exist_ok=True)
        return own
    own.mkdir(parents=True, exist_ok=True)
    for path, data in _files(pod, volume, lookup).items():
        target = own / path
        if not target.resolve().is_relative_to(own.resolve()):
            raise Unready("ContainerCreating", f'volume "{name}": path "{path}" leaves the volume', "FailedMount")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return own


def _host_path(source: Object, name: str) -> Path:
    path = Path(str(source["path"]))
    if source.get("type") == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    if not path.exists() and source.get("type"):
        message = f'MountVolume.SetUp failed for volume "{name}" : hostPath type check failed: {path} is not there'
        raise Unready("ContainerCreating", message, "FailedMount")
    return path


def _files(pod: Object, volume: Object, lookup: Lookup) -> dict[str, bytes]:
    """Path and content of what a volume shows."""
    name = volume["name"]
    if "configMap" in volume:
        return _object_files("configMapRef", volume["configMap"], volume["configMap"].get("name", ""), name, lookup)
    if "secret" in volume:
        return _object_files("secretRef", volume["secret"], volume["secret"].get("secretName", ""), name, lookup)
    if "downwardAPI" in volume:
        items = volume["downwardAPI"].get("items") or ()
        return {
            item["path"]: field(pod, item["fieldRef"]["fieldPath"]).encode() for item in items if "fieldRef" in item
        }
    if "projected" in volume:
        files: dict[str, bytes] = {}
        for source in volume["projected"].get("sources") or ():
            shaped = {"secretName": source["secret"]["name"], **source["secret"]} if "secret" in source else None
            files |= _files(pod, {"name": name, **({"secret": shaped} if shaped else source)}, lookup)
        return files
    kind = next((key for key in volume if key != "name"), "none")
    message = f'MountVolume.SetUp failed for volume "{name}" : {kind} volumes cannot be had on this machine'
    raise Unready("ContainerCreating", message, "FailedMount")


def _object_files(kind: str, source: Object, name: str, volume: str, lookup: Lookup) -> dict[str, bytes]:
    resource, word = SOURCES[kind]
    obj = lookup(resource, name)
    if obj is None:
        if source.get("optional"):
            return {}
        message = f'MountVolume.SetUp failed for volume "{volume}" : {word} "{name}" not found'
        raise Unready("ContainerCreating", message, "FailedMount")
    data = contents(resource, obj)
    if "items" not in source:
        return data
    missing = [item["key"] for item in source["items"] if item["key"] not in data]
    if missing and not source.get("optional"):
        message = f'MountVolume.SetUp failed for volume "{volume}" : references non-existent config key: {missing[0]}'
        raise Unready("ContainerCreating", message, "FailedMount")
    return {item["path"]: data[item["key"]] for item in source["items"] if item["key"] in data}
