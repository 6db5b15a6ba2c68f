"""`python <stage>/worker.py <stage>`: starts the worker, whose modules lie compiled beside it.

Python compiles a script anew each time it runs, and this is what runs once an index, so it is as short as it can be.
This file is copied into the stage and imports nothing of kjnb.
"""

from __future__ import annotations

import os
import sys
from typing import Any

NAME = "kjnb_worker"
FOLDER = "lib/kjnb_worker"
FILES = ("attempt.py", "blocks.py", "codec.py", "layout.py", "mishap.py")


def start(root: str) -> int:
    """Run the index that the environment names, with the worker in the stage at `root`."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), FOLDER)
    code: int = (_loaded(folder) or load(folder)).main(root)
    return code


def _loaded(folder: str) -> Any:
    """The worker that this process was forked with, if it is the very one of this stage; else None."""
    worker = sys.modules.get(NAME)
    if worker is None:
        return None
    try:
        with open(folder + "/digest", "rb", 0) as file:
            return worker if file.read() == worker.DIGEST else None
    except OSError:
        return None


def load(folder: str) -> Any:
    """Load the worker from a folder; it is known by what its files hold."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(NAME, os.path.join(folder, FILES[0]))
    assert spec is not None
    assert spec.loader is not None
    worker = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = worker
    spec.loader.exec_module(worker)
    return worker


def digest(folder: str) -> bytes:
    """What tells one worker from another: all that its files hold."""
    import hashlib

    found = hashlib.blake2b(digest_size=16)
    for name in FILES:
        with open(os.path.join(folder, name), "rb") as file:
            content = file.read()
        found.update(len(content).to_bytes(8, "little") + content)
    return found.hexdigest().encode()


if __name__ == "__main__":
    sys.exit(start(sys.argv[1]))
