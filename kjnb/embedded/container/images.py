"""What an image stands for on a machine without images.

`local://INTERPRETER` is that Python with its environment: its folder begins PATH, and `[INTERPRETER, FILE.py, ...]` is
forked from its zygote. Any other image is taken to hold what this machine holds, without asking a registry: its command
is looked for on PATH. What it runs without a command is known of a few, and of those that `cluster.toml` maps.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from kjnb.embedded.container import image_names
from kjnb.embedded.container.pod_env import Unready

LOCAL = "local://"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STARTS_PYTHON_ANEW = ("PYTHON", "LD_", "MALLOC_", "LC_", "GLIBC_", "ARROW_")  # read once, when a process begins
LEAN = {"OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}  # one pod is one of many: no pools of its own
ALSO = ("TZ", "LANG", "LANGUAGE")
PAUSE = ("sh", "-c", "trap 'exit 0' INT TERM; while :; do sleep 86400 & wait; done")
UNRESOLVABLE = (".invalid", ".example")  # RFC 2606: no name server ever knows these, so nothing can be pulled there


class Image(NamedTuple):
    """What of an image matters here."""

    name: str
    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    python: str | None = None  # the interpreter that it stands for
    busybox: bool = False  # whether its `sh` is one that knows `[[ ]]` and $RANDOM
    variables: tuple[tuple[str, str], ...] = ()
    unknown: bool = False  # whether its entry point is


WELL_KNOWN = {
    "busybox": Image("busybox", arguments=("sh",), busybox=True),
    "alpine": Image("alpine", arguments=("/bin/sh",), busybox=True),
    "bash": Image("bash", arguments=("bash",), busybox=True),
    "debian": Image("debian", arguments=("bash",)),
    "ubuntu": Image("ubuntu", arguments=("/bin/bash",)),
    "python": Image("python", arguments=("python3",)),
    "pause": Image("pause", entrypoint=PAUSE),
}


def known(name: str, mapped: Mapping[str, Any]) -> Image:
    """What the image stands for; `mapped` is what cluster.toml says of images. Unready for what is no image's name."""
    if name.startswith(LOCAL):
        python = name.removeprefix(LOCAL)
        return Image(name, arguments=(python,), python=python)
    try:
        reference = image_names.parse(name)
    except ValueError as error:
        message = f'Failed to apply default image tag "{name}": couldn\'t parse image name "{name}": {error}'
        events = [("Warning", "InspectFailed", message), ("Warning", "Failed", "Error: InvalidImageName")]
        raise Unready("InvalidImageName", message, events=events) from None
    own = _mapping(name, reference, mapped)
    base = WELL_KNOWN.get(reference.last, Image(name, unknown=True))
    return _mapped(base, own)._replace(name=name) if own else base._replace(name=name)


def _mapping(name: str, reference: image_names.Reference, mapped: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The entry that names the image most closely."""
    repository = name.partition("@")[0].removesuffix(f":{reference.tag}")
    for wanted in (name, repository, f"{reference.repository}:{reference.tag}", reference.repository):
        if wanted in mapped:
            found: Mapping[str, Any] = mapped[wanted]
            return found
    return None


def _mapped(base: Image, entry: Mapping[str, Any]) -> Image:
    command, python = entry.get("command"), entry.get("python")
    arguments = entry.get("args", () if command or python else base.arguments)
    return Image(
        base.name,
        tuple(command or ((python,) if python and not command else base.entrypoint)),
        tuple(arguments),
        python,
        base.busybox and not python,
        tuple((entry.get("env") or {}).items()),
    )


@lru_cache(maxsize=64)
def environment(image: Image) -> dict[str, str]:
    """The image's own variables; HOME and TMPDIR are the pod's."""
    python = image.python
    path = f"{os.path.dirname(python)}:{SYSTEM_PATH}" if python else os.environ.get("PATH", SYSTEM_PATH)
    user_site = _user_site(python) if python else {}
    return {"PATH": path, "LANG": "C.UTF-8", **LEAN, **user_site, **dict(image.variables)}


def _user_site(python: str) -> dict[str, str]:
    """Let an interpreter outside of virtual environments find what `pip install --user` put into the real home."""
    base = Path.home() / ".local"
    in_venv = (Path(python).parent.parent / "pyvenv.cfg").exists()
    if in_venv or not any(base.glob("lib/python3*/site-packages")):
        return {}
    return {"PYTHONUSERBASE": str(base)}


def zygote_environment(image: str) -> dict[str, str]:
    """What a zygote of that image starts with: the image's variables, and a home where nothing is."""
    return {**environment(known(image, {})), "HOME": "/nonexistent"}


def program(argv: list[str], env: Mapping[str, str], cwd: str, image: Image) -> str:
    """The file that argv[0] names; "" if it is not on the container's PATH."""
    shell = bash() if image.busybox and argv[0] in ("sh", "ash", "/bin/sh", "/bin/ash") else None
    if shell:
        return shell
    if "/" in argv[0]:
        return os.path.join(cwd, argv[0])
    return shutil.which(argv[0], path=env.get("PATH", SYSTEM_PATH)) or ""


@lru_cache(maxsize=1)
def bash() -> str | None:
    """This machine's bash: of its shells the one that understands what busybox's does."""
    return shutil.which("bash", path=SYSTEM_PATH)


def require_command(argv: list[str], container: Mapping[str, object], known: Image, settings: Path) -> None:
    """Unready, with the two ways out, for an image whose own entry point would be needed."""
    if argv and (container.get("command") or not known.unknown):
        return
    image = known.name
    raise Unready(
        "CreateContainerError",
        f'no command specified: image "{image}" is not pulled here, so its entry point is not known. Either give '
        f'container "{container.get("name")}" a command, or map the image to one in {settings}: '
        f'[images."{image}"] command = ["PROGRAM", "ARGUMENT"]',
    )


def require_pull(image: Image, policy: str | None) -> None:
    """Unready for an image of a registry that cannot exist: what a cluster says of a mistyped one can be rehearsed."""
    if image.python or not image.name or image.entrypoint:
        return
    reference = image_names.parse(image.name)
    host = reference.domain.partition(":")[0]
    if not host.endswith(UNRESOLVABLE):
        return
    if policy == "Never":
        message = f'Container image "{image.name}" is not present with pull policy of Never'
        events = [("Warning", "ErrImageNeverPull", message), ("Warning", "Failed", "Error: ErrImageNeverPull")]
        raise Unready("ErrImageNeverPull", message, events=events)
    where = f"https://{reference.domain}/v2/{reference.path}/manifests/{reference.digest or reference.tag}"
    message = (
        f'failed to pull and unpack image "{image.name}": failed to resolve image: failed to do request: '
        f'Head "{where}": dial tcp: lookup {host}: no such host'
    )
    events = [
        ("Normal", "Pulling", f'Pulling image "{image.name}"'),
        ("Warning", "Failed", f'Failed to pull image "{image.name}": {message}'),
        ("Warning", "Failed", "Error: ErrImagePull"),
    ]
    raise Unready("ErrImagePull", message, events=events)


def backed_off(error: Unready, image: str) -> Unready:
    """The same failure to pull when it was said once already: what is shown while the next try is waited for."""
    events = [
        ("Normal", "BackOff", f'Back-off pulling image "{image}"'),
        ("Warning", "Failed", "Error: ImagePullBackOff"),
    ]
    message = f'Back-off pulling image "{image}": ErrImagePull: {error.message}'
    return Unready("ImagePullBackOff", message, events=events)


def zygote_for(argv: list[str], path: str, env: Mapping[str, str], image: Image) -> str | None:
    """The interpreter whose zygote may fork this: `[INTERPRETER, FILE.py, ...]`, no variable of a fresh start."""
    python = image.python
    if python is None or len(argv) < 2 or not argv[1].endswith(".py") or argv[1].startswith("-"):
        return None
    if os.path.dirname(path) != os.path.dirname(python) or not _same_program(path, python):
        return None
    own = environment(image)
    changed = [name for name in env if env[name] != own.get(name)] + [name for name in own if name not in env]
    return None if any(_read_at_start(name) for name in changed) else python


def _read_at_start(name: str) -> bool:
    return name.startswith(STARTS_PYTHON_ANEW) or name.endswith("_NUM_THREADS") or name in ALSO


@lru_cache(maxsize=64)
def _same_program(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
