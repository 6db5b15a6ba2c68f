"""PURE: what a container's environment and command line are, from the pod, its ConfigMaps and Secrets.

As the kubelet resolves them, before any shell: values in order, `$(NAME)` of what came before, `$$` for one dollar.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from kjnb.embedded.api.quantity import parse

Object = dict[str, Any]
Lookup = Callable[[str, str], Object | None]  # (resource, name) in the pod's namespace

REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")
KEYED = re.compile(r"^metadata\.(labels|annotations)\['([^']+)'\]$")
SOURCES = {
    "configMapKeyRef": ("configmaps", "configmap"),
    "secretKeyRef": ("secrets", "secret"),
    "configMapRef": ("configmaps", "configmap"),
    "secretRef": ("secrets", "secret"),
}


class Unready(Exception):  # noqa: N818 - a state that may pass, as the kubelet's reasons are
    """A container that cannot be made now: the waiting `reason` and `message`, and the events that say so.

    `events` are (type, reason, message) about the container; FailedMount is about the pod, and its waiting reason
    stands without a message.
    """

    def __init__(
        self, reason: str, message: str, event: str = "Failed", events: Iterable[tuple[str, str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.about_pod = event == "FailedMount"
        text = message if self.about_pod else f"Error: {message}"
        self.events = list(events) or [("Warning", event, text)]

    @classmethod
    def mount(cls, volume: str, why: str) -> Unready:
        """A volume that cannot be set up: nothing of its pod starts."""
        return cls("ContainerCreating", f'MountVolume.SetUp failed for volume "{volume}" : {why}', "FailedMount")

    @property
    def waiting(self) -> dict[str, str]:
        """The container's `waiting` state."""
        return {"reason": self.reason} | ({} if self.about_pod else {"message": self.message})


def environment(
    pod: Object, container: Object, base: Mapping[str, str], lookup: Lookup, allocatable: Mapping[str, str]
) -> dict[str, str]:
    """The container's variables over those of its image. Unready if something it names is not there."""
    env = dict(base)
    for source in container.get("envFrom") or ():
        env.update(_whole(source, lookup))
    for variable in container.get("env") or ():
        if "valueFrom" in variable:
            value = _from(variable["valueFrom"], pod, container, lookup, allocatable)
            if value is None:
                continue
        else:
            value = expand(variable.get("value") or "", env)
        env[variable["name"]] = value
    broken = next((name for name, value in env.items() if "\0" in value), None)
    if broken is not None:
        raise Unready("CreateContainerError", f'the value of "{broken}" holds a zero byte, which no variable can')
    return env


def command(
    container: Object, env: Mapping[str, str], entrypoint: Iterable[str] = (), arguments: Iterable[str] = ()
) -> list[str]:
    """Program and arguments: those of the pod, expanded; the image's where the pod has none.

    A command of the pod's replaces the image's entry point and its arguments, arguments of the pod's only the latter.
    """
    own, given = container.get("command") or (), container.get("args") or ()
    first = [expand(word, env) for word in own] or [*entrypoint]
    return first + ([expand(word, env) for word in given] if own or given else [*arguments])


def expand(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` by its value, `$$` by one dollar; a name that is not set stays as it is written."""
    if "$" not in text:
        return text
    return REFERENCE.sub(lambda found: "$" if found[1] is None else env.get(found[1], found[0]), text)


def contents(resource: str, obj: Object) -> dict[str, bytes]:
    """Keys and values of a ConfigMap or Secret."""
    if resource == "secrets":
        return {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}
    plain = {key: value.encode() for key, value in (obj.get("data") or {}).items()}
    return plain | {key: base64.b64decode(value) for key, value in (obj.get("binaryData") or {}).items()}


def _whole(source: Object, lookup: Lookup) -> dict[str, str]:
    kind = "configMapRef" if "configMapRef" in source else "secretRef"
    found = _find(kind, source[kind], lookup)
    prefix = source.get("prefix") or ""
    return {prefix + key: value.decode(errors="surrogateescape") for key, value in (found or {}).items()}


def _find(kind: str, reference: Object, lookup: Lookup) -> dict[str, bytes] | None:
    resource, word = SOURCES[kind]
    obj = lookup(resource, reference["name"])
    if obj is not None:
        return contents(resource, obj)
    if reference.get("optional"):
        return None
    raise Unready("CreateContainerConfigError", f'{word} "{reference["name"]}" not found')


def _from(source: Object, pod: Object, container: Object, lookup: Lookup, allocatable: Mapping[str, str]) -> str | None:
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return resource_field(container, source["resourceFieldRef"], allocatable)
    kind = next((name for name in ("configMapKeyRef", "secretKeyRef") if name in source), "")
    if not kind:
        raise Unready("CreateContainerConfigError", f"a variable's source is not known here: {', '.join(source)}")
    reference = source[kind]
    found = _find(kind, reference, lookup)
    if found is None:
        return None
    if reference["key"] in found:
        return found[reference["key"]].decode(errors="surrogateescape")
    if reference.get("optional"):
        return None
    word = "ConfigMap" if kind == "configMapKeyRef" else "Secret"
    place = f"{pod['metadata'].get('namespace', 'default')}/{reference['name']}"
    raise Unready("CreateContainerConfigError", f"couldn't find key {reference['key']} in {word} {place}")


def field(pod: Object, path: str) -> str:
    """A field of the pod by the downward API's path."""
    keyed = KEYED.match(path)
    if keyed:
        return str((pod["metadata"].get(keyed[1]) or {}).get(keyed[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        entries = pod["metadata"].get(path.partition(".")[2]) or {}
        return "\n".join(f"{key}={json.dumps(entries[key], ensure_ascii=False)}" for key in sorted(entries))
    if path in ("status.hostIPs", "status.podIPs"):
        return "127.0.0.1"
    defaults = {"status.hostIP": "127.0.0.1", "status.podIP": "127.0.0.1", "spec.serviceAccountName": "default"}
    section, _, name = path.partition(".")
    return str((pod.get(section) or {}).get(name) or defaults.get(path, ""))


def resource_field(container: Object, reference: Object, allocatable: Mapping[str, str]) -> str:
    """A request or limit of the container in units of the divisor, rounded up; the node's where none is set."""
    kind, _, name = reference["resource"].partition(".")
    resources = container.get("resources") or {}
    given = (resources.get(kind) or {}).get(name)
    if given is None and kind == "requests":
        given = (resources.get("limits") or {}).get(name)
    if given is None:
        given = allocatable.get(name, "0")
    divisor = parse(reference.get("divisor") or "1") or Fraction(1)
    return str(-(-parse(given) // divisor))
