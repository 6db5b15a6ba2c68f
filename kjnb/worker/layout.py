"""Every name in a run's folder, and the claim by which one attempt's result becomes the index's.

A result is written under the attempt's own name, then the index is claimed by linking a finished file to
`commits/<index>`. A link never replaces, so of several attempts one wins and the others change nothing. Nothing is
synced to the disk: any process may die at any time without harm, and what a power loss tears is noticed by length and
checksum when it is read. This file is copied into the stage next to the worker and imports nothing of kjnb.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMAT = 1


class TornError(Exception):
    """A file of the stage is shorter or other than what was written."""


PLACES = {
    "root": "",
    "task": "task.pkl",
    "about": "task.json",
    "run": "run.json",
    "worker": "worker.py",
    "lib": "lib",
    "modules": "lib/kjnb_worker",
    "src": "src",
    "files": "files",
    "parts": "parts/parts.arrow",
    "pickled": "parts/pickled.bin",
    "offsets": "parts/offsets.bin",
    "table": "parts/table.arrow",
    "digest": "parts/digest",
    "results": "results",
    "commits": "commits",
    "attempts": "attempts",
    "records": "record",
    "logs": "logs",
    "retries": "retries",
}
LINE = 9  # bytes of a line in a retry's index map: eight digits


class Layout:
    """Every name in a stage: as a path, or by `place` as text, which costs a pod less."""

    root: Path
    task: Path
    about: Path
    run: Path
    worker: Path
    lib: Path
    modules: Path
    src: Path
    files: Path
    parts: Path
    pickled: Path
    offsets: Path
    table: Path
    digest: Path
    results: Path
    commits: Path
    attempts: Path
    records: Path
    logs: Path
    retries: Path

    def __init__(self, root: str | Path) -> None:
        self.folder = os.fspath(root)

    def __getattr__(self, name: str) -> Path:
        if name not in PLACES:
            raise AttributeError(name)
        path = Path(self.folder, PLACES[name])
        setattr(self, name, path)
        return path

    def place(self, name: str) -> str:
        """The same as text."""
        return f"{self.folder}/{PLACES[name]}"

    def result(self, index: int, attempt: str, kind: str) -> Path:
        """An attempt's own result."""
        return self.results / f"{index:05d}-{attempt}.{kind}"

    def commit(self, index: int) -> Path:
        """What makes a result the index's."""
        return self.commits / f"{index:05d}"

    def account(self, index: int, attempt: str) -> Path:
        """The worker's own account of an attempt."""
        return self.attempts / f"{index:05d}-{attempt}.json"

    def log(self, index: int, attempt: str) -> Path:
        """The saved log of an attempt."""
        return self.logs / f"{index:05d}-{attempt}.log"

    def record(self, writer: str, number: int) -> Path:
        """One segment of what a client saw."""
        return self.records / f"{writer}-{number}.jsonl"

    def retry(self, job: str) -> Path:
        """What is said of a further Job of the run."""
        return self.retries / f"{job}.json"

    def index_map(self, job: str) -> Path:
        """The run's index of each completion index of a further Job, a line each."""
        return self.retries / f"{job}.indexes"

    def part_files(self) -> tuple[Path, ...]:
        """All files of the parts that are there, but for their digest."""
        known = (self.parts, self.pickled, self.offsets, self.table)
        return tuple(path for path in known if path.is_file())

    def folders(self) -> tuple[Path, ...]:
        """What workers and clients write into."""
        return (self.results, self.commits, self.attempts, self.records, self.logs)


def run_index(layout: Layout, job: str, index: int) -> int:
    """The run's index that a completion index of a further Job stands for."""
    with open(f"{layout.place('retries')}/{job}.indexes", "rb", 0) as file:
        line = os.pread(file.fileno(), LINE, index * LINE)
    if len(line) != LINE:
        raise TornError(f"retries/{job}.indexes is shorter than it was written")
    return int(line)


def checksum(content: Any) -> str:
    """What tells a torn file."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def commit(layout: Layout, index: int, attempt: str, kind: str, content: Any) -> bool:
    """Write a result and claim its index; False if another attempt has it already."""
    name = f"{index:05d}-{attempt}.{kind}"
    path = f"{layout.place('results')}/{name}"
    claim = f"{layout.place('results')}/{index:05d}-{attempt}.claim"
    about = {"result": name, "kind": kind, "attempt": attempt, "length": len(content), "checksum": checksum(content)}
    try:
        write(path, content)
        write(claim, json.dumps(about).encode())
        won = link(claim, f"{layout.place('commits')}/{index:05d}")
    except BaseException:
        remove(path)
        raise
    finally:
        remove(claim)
    if not won:
        remove(path)
    return won


def write(path: str, content: Any) -> None:
    """Write a file that nobody reads before it is whole."""
    with open(path, "wb", 0) as file:
        written = file.write(content)
        while written < len(content):  # a disk that fills up says so at the next write
            written += file.write(memoryview(content)[written:])


def remove(path: str) -> None:
    """Remove a file that may not be there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def link(claim: str, path: str) -> bool:
    """Claim a path for a finished file; False if it is another's."""
    try:
        os.link(claim, path)
    except FileExistsError:
        return os.stat(claim).st_nlink == 2  # a network file system may have linked and lost the answer
    return True


def read_commit(layout: Layout, index: int) -> dict[str, Any] | None:
    """The winner's claim on an index, if there is one."""
    try:
        with open(f"{layout.place('commits')}/{index:05d}", "rb", 0) as file:
            content = file.read()
    except FileNotFoundError:
        return None
    try:
        about: dict[str, Any] = json.loads(content)
        return about if about.keys() >= {"result", "kind", "attempt", "length", "checksum"} else _torn(index)
    except ValueError:
        return _torn(index)


def _torn(index: int) -> dict[str, Any]:
    raise TornError(f"commits/{index:05d} is damaged")


def read_result(layout: Layout, claim: Mapping[str, Any]) -> bytes:
    """The bytes of a committed result, as they were written."""
    name = os.path.basename(str(claim["result"]))
    try:
        content = (layout.results / name).read_bytes()
    except FileNotFoundError:
        raise TornError(f"results/{name} is gone") from None
    if len(content) != claim["length"] or checksum(content) != claim["checksum"]:
        raise TornError(f"results/{name} is not what was committed: {len(content):,} of {claim['length']:,} bytes")
    return content
