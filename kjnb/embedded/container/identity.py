"""Who a container runs as, and what it may not gain: the part of its security context that this machine can honour.

Only root can become somebody else. For everybody else a pod runs as its owner, whatever it asks for.
"""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from typing import Any, NamedTuple

from kjnb.embedded.container.pod_env import Unready

Object = dict[str, Any]


class Identity(NamedTuple):
    """None and empty where a container is to be as its cluster is."""

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] = ()
    no_new_privileges: bool = False
    read_only_root: bool = False

    @property
    def changes(self) -> bool:
        """Whether the program must be started by one that changes it."""
        return self.uid is not None or self.gid is not None or bool(self.groups) or self.no_new_privileges


def wanted(pod: Object, container: Object) -> Identity:
    """What the pod asks for, the container's own words first."""
    of_pod, own = pod["spec"].get("securityContext") or {}, container.get("securityContext") or {}
    both = {**of_pod, **{key: value for key, value in own.items() if value is not None}}
    extra = [*(of_pod.get("supplementalGroups") or ())]
    if of_pod.get("fsGroup") is not None:
        extra.append(of_pod["fsGroup"])
    return Identity(
        both.get("runAsUser"),
        both.get("runAsGroup"),
        tuple(dict.fromkeys(extra)),
        own.get("allowPrivilegeEscalation") is False,
        bool(own.get("readOnlyRootFilesystem")),
    )


def require_not_root(pod: Object, container: Object, own_uid: int) -> None:
    """Unready, in the kubelet's words, for a container that must not be root and would be."""
    of_pod, own = pod["spec"].get("securityContext") or {}, container.get("securityContext") or {}
    must_not = own["runAsNonRoot"] if own.get("runAsNonRoot") is not None else of_pod.get("runAsNonRoot")
    if not must_not:
        return
    asked = wanted(pod, container).uid
    meta = pod["metadata"]
    place = f'(pod: "{meta["name"]}_{meta.get("namespace", "default")}({meta["uid"]})", container: {container["name"]})'
    if asked == 0:
        raise Unready("CreateContainerConfigError", f"container's runAsUser breaks non-root policy {place}")
    if asked is None and own_uid == 0:
        message = f"container has runAsNonRoot and image will run as root {place}"
        raise Unready("CreateContainerConfigError", message)


def possible(asked: Identity) -> Identity:
    """The part of it that can be had: another user only for root, and nothing without util-linux's setpriv."""
    if setpriv() is None:
        return Identity(read_only_root=asked.read_only_root)
    if os.geteuid() != 0:
        return asked._replace(uid=None, gid=None, groups=())
    return asked


@lru_cache(maxsize=1)
def setpriv() -> str | None:
    """The program that changes who one is and runs another."""
    return shutil.which("setpriv")


def words(identity: Identity) -> list[str]:
    """The beginning of a command line that runs the rest as this identity."""
    if not identity.changes:
        return []
    found = [setpriv() or "setpriv"]
    if identity.uid is not None:
        found.append(f"--reuid={identity.uid}")
    if identity.gid is not None or identity.uid is not None:
        found.append(f"--regid={identity.gid or 0}")
    if identity.groups:
        found.append(f"--groups={','.join(str(group) for group in identity.groups)}")
    elif len(found) > 1:
        found.append("--clear-groups")
    if identity.no_new_privileges:
        found.append("--no-new-privs")
    return [*found, "--"]
