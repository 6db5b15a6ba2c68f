"""What is around a container's program: its mounts, its /tmp, its hostname, who it is; and what that costs.

A pod of a `local://` image is this machine's Python: it sees what this machine has, with a TMPDIR of its own, and is
put into bubblewrap only for what it asks for, so that most are forked. A pod of any other image always is, where
bubblewrap works (2 ms), and has a /tmp of its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from kjnb.embedded.container import bubblewrap, folders, identity, images
from kjnb.embedded.container.bubblewrap import Mount
from kjnb.embedded.container.identity import Identity
from kjnb.embedded.container.images import Image
from kjnb.embedded.container.pod_env import Unready
from kjnb.embedded.supervisor import wire

Object = dict[str, Any]


class Box(NamedTuple):
    """`folder` is the pod's own, `tmp` the container's."""

    folder: Path
    tmp: str
    image: Image
    mounts: list[Mount]
    who: Identity

    @property
    def asked(self) -> list[str]:
        """Mount points that the machine does not show by itself."""
        return [mount.target for mount in self.mounts if not mount.is_there]

    @property
    def is_open(self) -> bool:
        """Whether its program may be forked: nothing is around it."""
        return not (self.asked or any(mount.read_only for mount in self.mounts) or self.who != Identity())


def make(pod: Object, container: Object, folder: Path, process: str, image: Image, mounts: list[Mount]) -> Box:
    """The box of a container and its folders. Unready if it must not be who it would be."""
    identity.require_not_root(pod, container, os.geteuid())
    who = identity.possible(identity.wanted(pod, container))
    whose = "_".join(process.split("_")[1:3])  # a guest of a container has its /tmp
    folders.make(f"{folder}/work")
    tmp = folders.make(str(folder / f"tmp_{whose}"))
    if who.uid is not None:
        Path(tmp).chmod(0o1777)
    return Box(folder, tmp, image, mounts, who)


def variables(box: Box, hostname: str) -> dict[str, str]:
    """What the machine, not the image, says; another user cannot enter the pod's folder."""
    if box.who.uid is not None:
        return {"HOME": "/", "HOSTNAME": hostname}
    return {"HOME": str(box.folder), "TMPDIR": box.tmp, "HOSTNAME": hostname}


def working_directory(box: Box, asked: str | None) -> tuple[str, Box]:
    """Where the program begins; a folder that this machine lacks is made for it, as container runtimes do."""
    if not asked:
        return "/" if box.who.uid is not None else f"{box.folder}/work", box
    path = os.path.normpath(os.path.join("/", asked))
    if os.path.isdir(path) or any(path == mount.target or path.startswith(f"{mount.target}/") for mount in box.mounts):
        return path, box
    made = box.folder / "made" / str(len(box.mounts))
    made.mkdir(mode=0o755, parents=True, exist_ok=True)
    return path, box._replace(mounts=[*box.mounts, Mount(str(made), path)])


def close(order: wire.Start, box: Box) -> wire.Start:
    """The order with the box around its program. Unready if that needs bubblewrap and there is none."""
    if not order.path or order.python or not _is_there(order.path, box):
        return order  # what cannot begin is refused by the kernel, not by a wrapper
    bwrap = bubblewrap.program()
    if bwrap is None and box.asked:
        raise Unready("CreateContainerConfigError", f"mounting {', '.join(box.asked)} {bubblewrap.MISSING}")
    if bwrap is None:
        return _changed(order, box.who)
    if box.image.python and box.is_open and os.geteuid() == 0:
        return order
    return _wrapped(order, box, bwrap)


def _is_there(path: str, box: Box) -> bool:
    """Whether the program is there, seen from within the box."""
    for mount in sorted(box.mounts, key=lambda mount: -len(mount.target)):
        if path.startswith(f"{mount.target}/"):
            path = mount.source + path.removeprefix(mount.target)
            break
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _changed(order: wire.Start, who: Identity) -> wire.Start:
    """Only another user, without bubblewrap."""
    before = identity.words(who)
    if before:
        order.path, order.argv = before[0], [*before, order.path, *order.argv[1:]]
    return order


def _wrapped(order: wire.Start, box: Box, bwrap: str) -> wire.Start:
    mounts = list(box.mounts)
    private = not box.image.python and not order.path.startswith(f"{bubblewrap.TMP}/")
    covered = private and not any(mount.target == bubblewrap.TMP for mount in mounts)
    above = [mount.target for mount in mounts] + ([bubblewrap.TMP] if covered else [])
    if any(str(box.folder).startswith(f"{target}/") for target in above):
        mounts.append(Mount(str(box.folder), str(box.folder), box.who.read_only_root))
    shell = images.bash() if box.image.busybox else None
    if shell and os.path.realpath("/bin/sh") != os.path.realpath(shell):
        mounts.append(Mount(shell, os.path.realpath("/bin/sh"), read_only=True))
    frame = bubblewrap.Frame(order.hostname, box.who.read_only_root, box.tmp if covered else None)
    before = identity.words(box.who)
    path, argv = (before[0], [*before, order.path, *order.argv[1:]]) if before else (order.path, order.argv)
    argv = bubblewrap.wrap(bwrap, path, argv, mounts, frame)
    order.cwd, argv = _start_folder(order.cwd, argv)
    order.path, order.argv, order.hostname, order.wrapped = bwrap, argv, None, True
    return order


def _start_folder(cwd: str, argv: list[str]) -> tuple[str, list[str]]:
    """bubblewrap itself begins where this machine has a folder, its program where it was asked for."""
    return ("/" if not os.path.isdir(cwd) else cwd), [argv[0], "--chdir", cwd, *argv[1:]]
