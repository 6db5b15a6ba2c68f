"""What runs in a pod: one part in, one committed result out. It travels with the run and imports nothing of kjnb.

Started by `entrance.py` with JOB_COMPLETION_INDEX in the environment, it loads part and task, runs the task, commits
the result and writes its account: when it began and ended, what it used, what went wrong. stdout is the user's.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import linecache
import mmap
import os
import pickle
import platform
import random
import signal
import struct
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

SUCCEEDED = 0
FAILED = 1
TASK_UNLOADABLE = 87  # no pod of this run can load the task: the Job ends at its first one
FATAL = 88  # trying this index again would end the same way
OURS = (SUCCEEDED, TASK_UNLOADABLE, FATAL)
ENTRY = 48  # bytes an entry in offsets.bin: first row, rows, and two spans (Arrow, pickled) as uint64
SHA512 = getattr(random, "_sha512", hashlib.sha512)  # Python's own touches none of OpenSSL's pages
SAME_DIGITS = {"python": 2, "pandas": 2, "numpy": 1}  # how much of a version must be equal to load what travels


def _beside(name: str) -> ModuleType:
    """A module that lies next to this file in the stage, whatever else of that name is installed."""
    spec = importlib.util.spec_from_file_location(f"kjnb_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING or __package__:
    from kjnb.worker import blocks, codec
    from kjnb.worker.layout import Layout, TornError, commit, read_commit, run_index, write
else:
    blocks = _beside("blocks")
    codec = _beside("codec")
    layout = _beside("layout")
    Layout, TornError, write = layout.Layout, layout.TornError, layout.write
    commit, read_commit, run_index = layout.commit, layout.read_commit, layout.run_index


def mishap() -> ModuleType:
    """The module that words what went wrong; loaded when it is needed."""
    if __package__:
        from kjnb.worker import mishap as module

        return module
    return _beside("mishap")


class Attempt:
    """Who tries: the pod and its index. (A dataclass would cost each pod a millisecond.)"""

    def __init__(self, index: int, uid: str, pod: str, node: str, start: float) -> None:
        self.index, self.uid, self.pod, self.node, self.start = index, uid, pod, node, start

    @classmethod
    def of(cls, environ: Mapping[str, str], layout: Layout) -> Attempt:
        """From the pod's environment; the index is the run's, also when the Job is a retry with a map of its own."""
        index, retry = int(environ["JOB_COMPLETION_INDEX"]), environ.get("KJNB_RETRY")
        index = run_index(layout, retry, index) if retry else index
        uid = environ.get("KJNB_ATTEMPT") or uuid.uuid4().hex
        pod = environ.get("KJNB_POD") or platform.node()
        return cls(index, uid, pod, environ.get("KJNB_NODE", ""), time.time())


class UnloadableError(Exception):
    """The task cannot be loaded here; the sentence says why."""


# ---------------------------------------------------------------- parts


class Memory:
    """A private, writable map of a piece of a file, and where it lies."""

    def __init__(self, writable: mmap.mmap, address: int) -> None:
        self.writable, self.address = writable, address


def read_part(layout: Layout, index: int, *, trust: bool = True) -> Any:
    """The rows of one index as `df.iloc[…]` gives them; maps only its own bytes, copied when written to."""
    import pyarrow as pa

    with open(layout.place("offsets"), "rb", 0) as file:
        _, completions, _, prefix, size, _ = _entry(file.fileno(), 0)
        if not 0 <= index < completions:
            raise TornError(f"index {index} of a run with {completions} parts")
        row, rows, start, length, other, other_length = _entry(file.fileno(), index + 1)
    with open(layout.place("parts"), "rb", 0) as file:
        if os.fstat(file.fileno()).st_size < size:
            raise TornError(f"{layout.parts} is shorter than it was written")
        schema = pa.ipc.read_schema(pa.py_buffer(os.pread(file.fileno(), prefix, 0)))
        first = start - start % mmap.ALLOCATIONGRANULARITY
        mapped = mmap.mmap(file.fileno(), start - first + length, access=mmap.ACCESS_COPY, offset=first)
    whole = pa.py_buffer(mapped)
    batch = pa.ipc.read_record_batch(whole.slice(start - first, length), schema)
    pickled = codec.load_pickle(_span(layout.pickled, other, other_length), trust=trust) if other_length else ()
    meta = json.loads(schema.metadata[codec.META]) | {"span": (row, row + rows)}
    return codec.decode_frame(
        meta, batch, pickled, trust=trust, memory=Memory(mapped, whole.address), made=blocks.frame
    )


def _entry(descriptor: int, number: int) -> tuple[int, ...]:
    content = os.pread(descriptor, ENTRY, number * ENTRY)
    if len(content) != ENTRY:
        raise TornError("parts/offsets.bin is shorter than it was written")
    return struct.unpack("<6Q", content)


def _span(path: Path, start: int, length: int) -> bytes:
    with open(path, "rb") as file:
        content = os.pread(file.fileno(), length, start)
    if len(content) != length:
        raise TornError(f"{path} is shorter than it was written")
    return content


# ---------------------------------------------------------------- running the task


def call(task: Mapping[str, Any], part: Any, index: int, completions: int) -> Any:
    """Run a task on a part: the function with what it asks for, or the cell as a module of its own."""
    __tracebackhide__ = True  # in the notebook's `debug`, too, the task's frames come first
    given = {"index": index, "completions": completions}
    if task["kind"] == "cell":
        module = {"__name__": "__main__", "__builtins__": __builtins__, **task["names"], "part": part, **given}
        exec(task["code"], module)  # noqa: S102 - this is the user's cell
        return module.get(RESULT)
    keywords = {name: given[name] for name in task["passes"]} | task["args"]
    if task["part"] is None:
        return task["fn"](part, **keywords)
    return task["fn"](**({task["part"]: part} if task["part"] else {}), **keywords)


RESULT = "__kjnb_result__"


def seed(run_seed: Any, index: int) -> None:
    """Seed `random` and numpy's global generator from the run's seed and the partition: alike on every try."""
    import numpy as np

    words = SHA512(f"{run_seed}/{index}".encode()).digest()
    random.seed(words)
    np.random.seed(np.frombuffer(words, "<u4"))


def fill_linecache(sources: Mapping[str, str]) -> None:
    """Let tracebacks show the lines of a notebook's cells."""
    for name, text in sources.items():
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)


def check_versions(wanted: Mapping[str, str]) -> None:
    """Refuse to load what another Python or pandas has written."""
    for library, text in wanted.items():
        digits = SAME_DIGITS.get(library, 0)
        here = version(library)
        if digits and here.split(".")[:digits] != text.split(".")[:digits]:
            raise UnloadableError(
                f"the notebook has {library} {text}, this pod's image has {library} {here or 'not at all'}: "
                f"use an image with {library} {'.'.join(text.split('.')[:digits])}"
            )


def version(library: str) -> str:
    """The version of a library here, "" if there is none."""
    if library == "python":
        return platform.python_version()
    try:
        return str(getattr(__import__(library), "__version__", ""))
    except ImportError:
        return ""


def prepare(layout: Layout, about: Mapping[str, Any]) -> None:
    """Paths, files and lines as the task finds them in the notebook."""
    check_versions(about["versions"])
    src = layout.place("src")
    sys.path[0:1] = [src] if _is_stage(sys.path[:1], layout) else [src, *sys.path[:1]]
    if about["versions"].get("cloudpickle") != version("cloudpickle"):
        for name in [name for name in sys.modules if name.partition(".")[0] == "cloudpickle"]:
            del sys.modules[name]
        sys.path.insert(1, layout.place("lib"))
    fill_linecache(about["sources"])
    if not os.access(".", os.W_OK):
        os.chdir(tempfile.mkdtemp())
    sys.path.append(os.getcwd())
    for name in _names(layout.place("files")):
        with contextlib.suppress(FileExistsError):
            os.symlink(f"{layout.place('files')}/{name}", name)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _is_stage(first: list[str], layout: Layout) -> bool:
    return bool(first) and (first[0] == layout.folder or os.path.realpath(first[0]) == os.path.realpath(layout.folder))


def load_task(layout: Layout) -> dict[str, Any]:
    """The task, or UnloadableError with what is missing here."""
    try:
        with open(layout.place("task"), "rb") as file:
            task: dict[str, Any] = pickle.load(file)
    except ImportError as error:
        raise UnloadableError(f"the task needs {error.name or error}, which this pod's image cannot import") from error
    return task


# ---------------------------------------------------------------- the account


def usage() -> dict[str, float]:
    """Peak memory in bytes and CPU seconds of this process and its ended children."""
    spent, peak = os.times(), 0
    try:
        status = os.open("/proc/self/status", os.O_RDONLY)
        text = os.read(status, 1 << 16)
        os.close(status)
        start = text.index(b"VmHWM:") + 6
        peak = int(text[start : text.index(b"kB", start)]) * 1024
    except (OSError, ValueError):  # not Linux
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu = time.process_time() + spent.children_user + spent.children_system
    return {"max_rss_bytes": peak, "cpu_seconds": cpu}


def write_account(layout: Layout, attempt: Attempt, outcome: str, code: int, **more: Any) -> None:
    """The attempt's own account, whole or not at all; a full disk loses the account, not the exit code."""
    loaded = {name: sys.modules.get(name) for name in ("pandas", "numpy", "pyarrow", "cloudpickle")}
    account = {
        "index": attempt.index,
        "attempt": attempt.uid,
        "pod": attempt.pod,
        "node": attempt.node,
        "start": attempt.start,
        "end": time.time(),
        "outcome": outcome,
        "exit_code": code,
        "error": more.get("error"),
        "rows": more.get("rows"),
        "usage": usage(),
        "versions": {"python": platform.python_version()}
        | {name: str(getattr(module, "__version__", "")) for name, module in loaded.items() if module},
    }
    name = f"{attempt.index:05d}-{attempt.uid}.json"
    beside = f"{layout.place('attempts')}/.{name}"
    try:
        write(beside, json.dumps(account).encode(errors="replace"))
        os.replace(beside, f"{layout.place('attempts')}/{name}")
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        print(f"the account of this attempt could not be written: {error}", file=sys.stderr)  # noqa: T201


# ---------------------------------------------------------------- the entrance


@contextlib.contextmanager
def terminated(tell: Callable[[], None]) -> Iterator[None]:
    """On SIGTERM tell why and end with 143, as far as the task lets Python get to it."""

    def end(number: int, _frame: Any) -> None:
        try:
            tell()
            sys.stdout.flush()  # refuses if the task was just writing
        finally:
            os._exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(root: str, environ: Mapping[str, str] = os.environ) -> int:
    """Run one index of the stage at `root`; returns the exit code."""
    layout = Layout(root)
    attempt = Attempt.of(environ, layout)
    if environ is os.environ:  # a task that reads it means the run's index
        os.environ["JOB_COMPLETION_INDEX"] = str(attempt.index)
    with terminated(lambda: write_account(layout, attempt, "terminated", 143)):
        try:
            if read_commit(layout, attempt.index) is not None:
                return _end(layout, attempt, "superseded", SUCCEEDED)
            with open(layout.place("about"), "rb") as file:
                about = json.loads(file.read()) | retry_on(environ)
            prepare(layout, about)
            task = load_task(layout)
        except Exception as error:  # noqa: BLE001 - the entrance
            return _failed(layout, attempt, error, TASK_UNLOADABLE, {})
        return _run(layout, attempt, about, task)


def retry_on(environ: Mapping[str, str]) -> dict[str, list[str]]:
    """What a retry says of the errors to try again, instead of what the launch said."""
    said = environ.get("KJNB_RETRY_ON")
    return {} if said is None else {"retry_on": [name for name in said.split(",") if name]}


def _run(layout: Layout, attempt: Attempt, about: Mapping[str, Any], task: Mapping[str, Any]) -> int:
    sources, rows = about["sources"], None
    try:
        part = read_part(layout, attempt.index)
        rows = len(part)
        index = about.get("index", attempt.index)  # a trial has one part, which is said to be another's
        seed(about["seed"], index)
        value = call(task, part, index, about["completions"])
        del part
    except BaseException as error:  # noqa: BLE001 - the entrance: sys.exit and Ctrl-C of the task as well
        code = mishap().exit_code(error, tuple(about["retry_on"]), OURS)
        return _failed(layout, attempt, error, code, sources, rows)
    try:
        kind, content = codec.encode_result(value)
    except Exception as error:  # noqa: BLE001 - whatever an object's own pickling raises
        reason = TypeError(f"the result, a {type(value).__name__}, cannot be pickled: {error}")
        return _failed(layout, attempt, reason.with_traceback(None), FATAL, sources, rows)
    try:
        won = commit(layout, attempt.index, attempt.uid, kind, content)
    except OSError as error:  # a full disk, a quota, a folder that is gone
        full = OSError(error.errno, f"the result cannot be stored in {layout.root}: {error.strerror}")
        return _failed(layout, attempt, full, FAILED, sources, rows)
    return _end(layout, attempt, "succeeded" if won else "superseded", SUCCEEDED, rows)


def _end(layout: Layout, attempt: Attempt, outcome: str, code: int, rows: int | None = None) -> int:
    write_account(layout, attempt, outcome, code, rows=rows)
    return code


def _failed(
    layout: Layout, attempt: Attempt, error: BaseException, code: int, sources: Mapping[str, str], rows: Any = None
) -> int:
    about = mishap().describe(error, sources, layout.place("src"), (__file__, codec.__file__))
    sys.stdout.flush()
    print(about["traceback"], end="", file=sys.stderr, flush=True)  # noqa: T201 - the log's tail
    write_account(layout, attempt, "failed", code, error=about, rows=rows)
    return code
