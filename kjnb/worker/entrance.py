"""`python <stage>/worker.py <stage>`: starts the worker, whose modules lie compiled beside it.

Python compiles a script anew each time it runs, and this is what runs once an index, so it is as short as it can be.
This file is copied into the stage and imports nothing of kjnb.
"""

from __future__ import annotations

import importlib.util
import os
import sys

WORKER = "lib/kjnb_worker/attempt.py"


def start(root: str) -> int:
    """Run the index that the environment names, with the worker in the stage at `root`."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), WORKER)
    spec = importlib.util.spec_from_file_location("kjnb_worker", path)
    assert spec is not None
    assert spec.loader is not None
    worker = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = worker
    spec.loader.exec_module(worker)
    code: int = worker.main(root)
    return code


if __name__ == "__main__":
    sys.exit(start(sys.argv[1]))
