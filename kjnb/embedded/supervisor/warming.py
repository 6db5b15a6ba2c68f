"""What a zygote does before its first fork, so that no pod has to: imports, first uses, and a heap that pods share.

A forked pod copies every page that it writes to, and in CPython looking at an object is writing to it: the pages a pod
touches decide what it costs. So what most pods do first is done here a few times, and the gaps that this leaves in the
heap are filled: what a pod makes then lies together, not strewn over pages that it would have to copy. Runs in the
notebook's interpreter, like `zygote.py`, and needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import io
import itertools
import mmap
import os
import sys
from collections.abc import Callable
from typing import Any

WARM = ("pandas", "numpy", "numpy.random", "pyarrow", "pyarrow.ipc", "pyarrow.compute", "cloudpickle")
WORKER = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "worker"))
ROUNDS = 8  # after as many runs an adaptive interpreter has settled on how it runs a function
POOL = 16 * 1024  # bytes in which CPython keeps small objects of one size, beginning with a header
HEADER = 48
SMALL = 512  # bytes: larger objects are malloc's
MOST_FILL = 200_000  # objects of one size; a safeguard
HUGE = 2 * 1024 * 1024  # bytes of a huge page
PAGE = 4096
DENSE = 64  # of the 512 pages of a huge one: where fewer are there, small ones cost less
ARENA = 1 << 20  # bytes that CPython asks for at a time
ARENAS = 34  # what the imports below fill
STOPGAPS = 64
MADV_COLLAPSE = 25  # since Linux 6.1; an older kernel refuses it, and all stays as it is
_kept: list[object] = []


def warm() -> list[str]:
    """Import what data work begins with, where it is installed, and use it; return what was found."""
    found = []
    reserve()
    for name in WARM:
        try:
            __import__(name)
            found.append(name)
        except Exception:  # noqa: BLE001, S112 - a broken installation is the pod's to report
            continue
    if "pandas" in found:
        for _ in range(ROUNDS):
            with contextlib.suppress(Exception):
                exercise(sys.modules["pandas"])
    with contextlib.suppress(Exception):
        rehearse()
    if "tempfile" in sys.modules:
        vars(sys.modules["tempfile"])["tempdir"] = None  # found by warming up; each child has a TMPDIR of its own
    gc.collect()
    fill_small_gaps()
    fill_large_gaps()
    gc.freeze()
    collapse()
    return found


def reserve() -> None:
    """Let CPython ask for its arenas now, so that they lie side by side and not among libraries: huge pages need that.

    Meanwhile something else fills the gaps that are large enough for one. An arena with one object in it is kept, and
    filled before another is asked for.
    """
    stopgaps = [mmap.mmap(-1, ARENA, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for _ in range(STOPGAPS)]
    size = SMALL - sys.getsizeof(b"")
    objects = [b""] * (ARENAS * ARENA // SMALL)  # whole from the start: a list that grows would lie between them
    for place in range(len(objects)):
        objects[place] = bytes(size)
    _kept.extend({id(one) // ARENA: one for one in objects}.values())
    for stopgap in stopgaps:
        stopgap.close()


def exercise(pandas: Any) -> None:
    """Do what most pods do first: what is set up lazily is then shared, not made again in every child."""
    frame = pandas.DataFrame({"key": ["a", "b", "a"], "value": [1.0, 2.0, 3.0], "count": [1, 2, 3]})
    frame.groupby("key").agg({"value": "mean", "count": "sum"}).sort_values("value").reset_index().to_string()
    frame.groupby("key")["value"].mean()
    frame[frame["value"] > 1].groupby(["key", "count"]).size()
    frame.merge(frame, on="key").describe()
    if "pyarrow" in sys.modules:  # nothing that wakes Arrow's threads: a fork keeps only one
        arrow = sys.modules["pyarrow"]
        table = arrow.Table.from_pandas(frame, nthreads=1)
        with arrow.ipc.new_stream(arrow.BufferOutputStream(), table.schema) as writer:
            writer.write_table(table)
        table.to_pandas(use_threads=False)


def rehearse() -> None:
    """Load kjnb's own worker and let it run a few parts; a stage that holds the same one need not load it again."""
    entrance = _load("kjnb_entrance", os.path.join(WORKER, "entrance.py"))
    rehearsal = _load("kjnb_rehearsal", os.path.join(WORKER, "rehearsal.py"))
    path, here = list(sys.path), os.getcwd()
    try:
        worker = entrance.load(WORKER)
        worker.DIGEST = entrance.digest(WORKER)
        rehearsal.rehearse(worker, ROUNDS)
    finally:
        os.chdir(here)
        sys.path[:] = path
        for name in ("kjnb_entrance", "kjnb_rehearsal"):
            del sys.modules[name]


def _load(name: str, path: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def fill_small_gaps() -> None:
    """Use up CPython's half-used pools: what a child makes then lies in pools of its own."""
    empty = sys.getsizeof(b"")
    made: dict[int, Callable[[], object]] = {16: object, 32: lambda: len(_kept) + 0.5}
    for size in range(16, SMALL + 1, 16):
        make = made.get(size, lambda size=size: bytes(size - empty))
        for _ in range(MOST_FILL):
            one = make()
            _kept.append(one)
            if id(one) % POOL == HEADER:  # the first of a fresh pool
                break


def fill_large_gaps() -> None:
    """Use up the gaps in malloc's heap, a size after the other, until it gives what lies at its end."""
    malloc = getattr(ctypes.CDLL(None), "malloc", None)
    if malloc is None or sys.platform != "linux":
        return
    malloc.restype, malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    for size in itertools.chain(range(65536, 1024, -1024), range(1016, 8, -16)):
        last, in_a_row = 0, 0
        for _ in range(MOST_FILL):
            here = malloc(size) or 0
            in_a_row = in_a_row + 1 if 0 < here - last - size <= 24 else 0  # next to the one before, but for its header
            last = here
            if in_a_row == 8 or not here:
                break


def collapse() -> None:
    """Let the heap lie in huge pages: a fork copies one entry for 512 pages, and the pod's end clears one.

    A pod that writes to one gets small pages there, and copies no more than before.
    """
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if madvise is None or sys.platform != "linux":
        return
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    with open("/proc/self/pagemap", "rb", buffering=0) as pages:
        for start, end in heap():
            for place in range(-(-start // HUGE) * HUGE, end - HUGE + 1, HUGE):
                if present(pages, place) >= DENSE:
                    madvise(place, HUGE, MADV_COLLAPSE)


def present(pages: io.RawIOBase, place: int) -> int:
    """How many pages of the huge one at `place` are there; of each the kernel says so in the highest of 64 bits."""
    pages.seek(place // PAGE * 8)
    entries = pages.read(HUGE // PAGE * 8) or b""
    return sum(entry >> 7 for entry in entries[7::8])


def heap() -> list[tuple[int, int]]:
    """Where this process has memory of no file that it may write to: CPython's arenas and malloc's heap."""
    with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
        lines = [line.split(None, 5) for line in maps]
    ours = [words[0] for words in lines if words[1] == "rw-p" and "".join(words[5:]).strip() in ("", "[heap]")]
    return [(int(start, 16), int(end, 16)) for start, _, end in (span.partition("-") for span in ours)]
