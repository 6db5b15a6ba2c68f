"""Environments that hold one generation of the official client: made once, kept beside pytest's cache, found again."""

from __future__ import annotations

import contextlib
import fcntl
import pathlib
import subprocess
import sys
import sysconfig
from collections.abc import Iterator

GENERATIONS = {"36": "kubernetes==36.*", "37": "kubernetes>=37"}  # dicts and own models; pydantic
MINUTES = 600


def python_of(folder: pathlib.Path, generation: str, *, everything_else: bool = False) -> pathlib.Path:
    """The interpreter of that generation's environment, which is made when it is not there.

    With `everything_else`, what it does not have itself comes from the environment of the tests: what kjnb and pytest
    need. Its own client is found first.
    """
    place = folder / "-".join([generation, sys.implementation.cache_tag, *(["road"] if everything_else else [])])
    with one_at_a_time(folder / f"{place.name}.lock"):
        if not (place / "whole").exists():
            run(sys.executable, "-m", "venv", "--clear", str(place))
            pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            run(str(place / "bin" / "python"), *pip, GENERATIONS[generation])
            if everything_else:
                (packages,) = place.glob("lib/python*/site-packages")
                (packages / "everything_else.pth").write_text(sysconfig.get_path("purelib") + "\n")
            (place / "whole").touch()
    return place / "bin" / "python"


def run(*command: str) -> None:
    """Run it; what it said is in the failure."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=MINUTES)
    assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"


@contextlib.contextmanager
def one_at_a_time(path: pathlib.Path) -> Iterator[None]:
    """Two runs of the tests do not make the same environment at once."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
