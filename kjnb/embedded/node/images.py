"""What an image stands for on a machine without images.

`local://INTERPRETER` is that Python with its environment: its folder begins PATH, and `[INTERPRETER, FILE.py, ...]` is
forked from its zygote. Any other image is taken to hold what this machine holds: its command is looked for on PATH.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from kjnb.embedded.node.pod_env import Unready

LOCAL = "local://"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STARTS_PYTHON_ANEW = ("PYTHON", "LD_", "MALLOC_", "LC_", "GLIBC_")  # read once, when a process begins
ALSO = ("TZ", "LANG", "LANGUAGE")


def interpreter(image: str) -> str | None:
    """The Python that an image names, or None."""
    return image.removeprefix(LOCAL) if image.startswith(LOCAL) else None


@lru_cache(maxsize=64)
def environment(image: str) -> dict[str, str]:
    """The image's own variables; HOME and TMPDIR are the pod's."""
    python = interpreter(image)
    path = f"{os.path.dirname(python)}:{SYSTEM_PATH}" if python else os.environ.get("PATH", SYSTEM_PATH)
    return {"PATH": path, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", **(_user_site(python) if python else {})}


def _user_site(python: str) -> dict[str, str]:
    """Let an interpreter outside of virtual environments find what `pip install --user` put into the real home."""
    base = Path.home() / ".local"
    in_venv = (Path(python).parent.parent / "pyvenv.cfg").exists()
    if in_venv or not any(base.glob("lib/python3*/site-packages")):
        return {}
    return {"PYTHONUSERBASE": str(base)}


def zygote_environment(image: str) -> dict[str, str]:
    """What a zygote of that image starts with: the image's variables, and a home where nothing is."""
    return {**environment(image), "HOME": "/nonexistent"}


def program(argv: list[str], env: Mapping[str, str], cwd: str) -> str:
    """The file that argv[0] names; "" if it is not on the container's PATH."""
    if "/" in argv[0]:
        return os.path.join(cwd, argv[0])
    return shutil.which(argv[0], path=env.get("PATH", SYSTEM_PATH)) or ""


def require_command(argv: list[str], container: Mapping[str, object]) -> None:
    """Unready, with the two ways out, for an image whose own entry point would be needed."""
    image = str(container.get("image", ""))
    if argv and (container.get("command") or image.startswith(LOCAL)):
        return
    raise Unready(
        "CreateContainerError",
        f'no command specified: image "{image}" is not pulled here, so its entry point is not known. Either give '
        f'container "{container.get("name")}" a command, or run it on a cluster that pulls images: '
        'kjnb.use("CONTEXT")',
    )


def zygote_for(argv: list[str], path: str, env: Mapping[str, str], image: str) -> str | None:
    """The interpreter whose zygote may fork this: `[INTERPRETER, FILE.py, ...]`, no variable of a fresh start."""
    python = interpreter(image)
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
