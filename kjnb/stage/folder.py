"""Where a run lives: its task, parts, results, errors, logs and records, in one folder that outlives everything else.

Every file appears whole or not at all, and `run.json` comes last: a folder without it is not a run yet. Nothing is
unpickled that comes from somebody else, unless one says so.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import json
import os
import py_compile
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import msgspec
import pandas as pd

from kjnb.errors import StageError
from kjnb.model.collect import combine, combine_tables
from kjnb.model.indexes import interval_text
from kjnb.model.partition import Partitions
from kjnb.stage import parts
from kjnb.stage.parts import aside
from kjnb.task.task import Task
from kjnb.worker import attempt as worker
from kjnb.worker import blocks, codec, entrance, layout, mishap
from kjnb.worker.layout import Layout

MARKS = ("stopped", "deleted", "marked")
TRUST = "load it with trust=True if you trust who ran this: unpickling runs code"


class Stage:
    """A run's folder as the user `uid` (the process's own) sees it; `root` is its path and `url` the same as text."""

    def __init__(self, root: str | Path, uid: int | None = None) -> None:
        self.root = Path(root)
        self.uid = os.getuid() if uid is None else uid
        self.url = str(root)
        self._names = Layout(self.root)

    @classmethod
    def at(cls, root: str | Path) -> Stage:
        """The stage at a path, whether there is one yet or not."""
        return cls(Path(root).expanduser().absolute())

    def __repr__(self) -> str:
        return f"Stage.at({self.url!r})"

    # ------------------------------------------------------------ the run

    def exists(self) -> bool:
        """Whether a whole run lies here."""
        return self._names.run.is_file()

    def facts(self) -> dict[str, Any]:
        """run.json: name, fingerprint, launch, owner, plan, jobs, spec, versions, seed, …; or StageError.

        `jobs` has its retries, too. What was done to the run before the last of them (it was stopped, its Jobs were
        deleted) is of the past and left out.
        """
        facts: dict[str, Any] = self._json(self._names.run, "no run lies here")
        retried = [job for text in self._texts(self._names.retries, ".json") if (job := _whole(text))]
        if retried:
            further = {job["name"]: job for job in sorted(retried, key=lambda job: (len(job["name"]), job["name"]))}
            facts["jobs"] = [*(job for job in facts["jobs"] if job["name"] not in further), *further.values()]
            if facts.get("marked", 1) < len(facts["jobs"]):
                facts = {name: value for name, value in facts.items() if name not in MARKS}
        return facts

    def mark(self, **what: float) -> dict[str, Any]:
        """Write into run.json what was done to the run and its Jobs so far, and when; returns what it says now."""
        facts = self.facts()
        self.save_facts({**facts, **what, "marked": len(facts["jobs"])})
        return self.facts()

    def add_job(self, job: dict[str, Any], indexes: Sequence[int]) -> None:
        """Write what a retry is: name, uid, spec and created; `indexes` are the run's, one a completion index.

        The map is for its pods, and whole before the retry is known by anybody.
        """
        lines = "".join(f"{index:0{layout.LINE - 1}d}\n" for index in indexes)
        self._save(self._names.index_map(job["name"]), lines.encode())
        self._save(self._names.retry(job["name"]), json.dumps({**job, "indexes": interval_text(indexes)}).encode())

    def save_facts(self, facts: dict[str, Any]) -> None:
        """Replace run.json."""
        self._save(self._names.run, json.dumps(facts).encode())

    def put(self, task: Task, parts_: Partitions, facts: dict[str, Any]) -> list[str]:
        """Write a run, run.json last; parts that are here already are not written again. Returns lines to show."""
        names = self._names
        with self._errors("cannot be written"):
            for folder in (self.root, *names.folders()):
                folder.mkdir(parents=True, exist_ok=True)
            notes = self._put_parts(parts_, facts)
            self._put_worker()
            for relative, content in task.modules.items():
                self._save(names.src / relative, content)
            for name, path in task.files:
                _copy(Path(path), names.files / name)
            self._save(names.task, task.payload)
            self._save(names.about, json.dumps(about(task, parts_, facts)).encode())
            self.save_facts({"format": layout.FORMAT, "versions": versions(), **facts})
        return notes

    def _put_worker(self) -> None:
        self._save(self._names.worker, Path(entrance.__file__).read_bytes())
        for module in (worker, blocks, codec, layout, mishap):
            path = self._names.modules / Path(str(module.__file__)).name
            self._save(path, Path(str(module.__file__)).read_bytes())
            py_compile.compile(str(path), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, quiet=2)
        self._save(self._names.modules / "digest", entrance.digest(str(self._names.modules)))
        source = Path(cloudpickle.__file__).parent
        for file in sorted(source.glob("*.py")):
            self._save(self._names.lib / "cloudpickle" / file.name, file.read_bytes())

    def _put_parts(self, parts_: Partitions, facts: dict[str, Any]) -> list[str]:
        content = facts.get("parts") or parts.digest(parts_)
        known = self._names.digest
        if known.is_file() and known.read_text() == content and self._names.offsets.is_file():
            return []
        known.unlink(missing_ok=True)
        notes: list[str] = []
        if not self._link_parts(content):
            notes = parts.write(parts_, self._names)
            self._save(self._names.table, bytes(codec.encode_result(parts_.table())[1]))
        self._save(known, content.encode())
        return notes

    def _link_parts(self, content: str) -> bool:
        """Take the same parts from a run of this name that was set aside; files of parts are never written into."""
        self._names.parts.parent.mkdir(exist_ok=True)
        for beside in self.root.parent.glob(f"{glob.escape(self.root.name)}~*"):
            other = Layout(beside)
            with contextlib.suppress(OSError):
                if Stage(beside, self.uid).own() and other.digest.read_text() == content:
                    for file in other.part_files():
                        aside(self._names.parts.parent / file.name, functools.partial(os.link, file))
                    return True
        return False

    def task(self, *, trust: bool = False) -> Task:
        """The task as it was launched, without its modules' sources."""
        self._trusted(trust, "the task")
        saved = self._json(self._names.about, "the task is gone")
        with self._errors("cannot be read"):
            payload = self._names.task.read_bytes()
        carries = tuple((str(n), str(t), int(b)) for n, t, b in saved["carries"])
        return Task(
            saved["name"],
            saved["kind"],
            saved["source"],
            payload,
            carries,
            sources=saved["sources"],
            digest=saved["digest"],
        )

    def part(self, index: int, *, trust: bool = False) -> Any:
        """The rows of an index as its pod gets them."""
        with self._errors("cannot be read"):
            return worker.read_part(self._names, index, trust=trust or self.own())

    def index_table(self, *, trust: bool = False) -> pd.DataFrame:
        """One row an index: key or first and last label, rows, bytes."""
        with self._errors("cannot be read"):
            content, trusted = self._names.table.read_bytes(), trust or self.own()
            table: pd.DataFrame = codec.decode_result("arrow", content, trust=trusted)
            return table

    # ------------------------------------------------------------ results

    def committed(self) -> list[int]:
        """The indexes that have a result, in order."""
        try:
            return sorted(int(name) for name in os.listdir(self._names.commits) if name.isdigit())
        except FileNotFoundError:
            return []

    def commit(self, index: int) -> dict[str, Any] | None:
        """What was committed for an index: result, kind, attempt, length, checksum."""
        with self._errors("cannot be read"):
            return layout.read_commit(self._names, index)

    def damaged(self, index: int, *, wholly: bool = False) -> bool:
        """Whether an index has a claim on a result that is not there; with `wholly` its checksum is looked at, too."""
        try:
            claim = layout.read_commit(self._names, index)
            if claim is None:
                return False
            if wholly:
                layout.read_result(self._names, claim)
            path = self._names.results / os.path.basename(str(claim["result"]))
            return bool(path.stat().st_size != claim["length"])
        except (layout.TornError, FileNotFoundError):
            return True

    def withdraw(self, index: int) -> None:
        """Take back the claim on a result that is damaged, so that another attempt can have the index."""
        if self.damaged(index, wholly=True):
            self._names.commit(index).unlink(missing_ok=True)

    def result(self, index: int, *, trust: bool = False) -> Any:
        """The result of an index; StageError if there is none, if it is torn, or if it would have to be trusted."""
        kind, content = self._content(index)
        return self._decoded(index, kind, content, trust or self.own())

    def _content(self, index: int) -> tuple[str, bytes]:
        claim = self.commit(index)
        if claim is None:
            raise StageError(f"index {index} has no result in {self.url}", fix="see run.failures")
        with self._errors(f"has no readable result for index {index}", f"run.retry([{index}]) makes it once more"):
            return claim["kind"], layout.read_result(self._names, claim)

    def _decoded(self, index: int, kind: str, content: bytes, trust: bool) -> Any:
        try:
            return codec.decode_result(kind, content, trust=trust)
        except codec.UntrustedError:
            whose = f"another user's run ({self.url})"
            raise StageError(f"the result of index {index} is pickled, in {whose}", fix=TRUST) from None

    def collect(
        self, indexes: Sequence[int] | None = None, *, labels: pd.Index | None = None, trust: bool = False
    ) -> Any:
        """The results as one value, in index order: see `kjnb.model.collect`; rows are labelled by key or index."""
        chosen = list(self.committed() if indexes is None else indexes)
        if labels is None:
            labels = self.labels(chosen, trust=trust)
        contents = [self._content(index) for index in chosen]
        trusted = trust or self.own()
        whole = combine_tables([content for _, content in contents], trust=trusted) if _all_arrow(contents) else None
        if whole is not None:
            return whole
        values = [self._decoded(i, kind, content, trusted) for i, (kind, content) in zip(chosen, contents, strict=True)]
        return combine(values, chosen, labels)

    def labels(self, indexes: Sequence[int], *, trust: bool = False) -> pd.Index:
        """What the rows of these indexes are called: their key where each has one, else the index itself."""
        saved = self._json(self._names.about, "the task is gone")
        with self._errors("cannot be read"):
            by, keys = (codec.unplain(saved[name], trust=trust or self.own()) for name in ("by", "keys"))
        if keys is None:
            return pd.Index(list(indexes), name="index", dtype="int64")
        chosen = [keys[index] for index in indexes]
        return pd.MultiIndex.from_tuples(chosen, names=list(by)) if len(by) > 1 else pd.Index(chosen, name=by[0])

    # ------------------------------------------------------------ accounts, records, logs

    def attempts(self, of: Callable[[int], bool] | None = None) -> list[dict[str, Any]]:
        """Every attempt's own account, by index and start; with `of` only those of indexes it says yes to.

        The index is in a file's name, so the accounts of other indexes are not read.
        """
        texts = self._texts(self._names.attempts, ".json", of)
        found = [account for text in texts if (account := _whole(text)) is not None]
        return sorted(found, key=lambda account: (account["index"], account["start"]))

    def attempt(self, index: int, uid: str) -> dict[str, Any] | None:
        """One attempt's own account, None while there is none."""
        try:
            return _whole(self._names.account(index, uid).read_bytes())
        except FileNotFoundError:
            return None

    def record(self, writer: str, n: int, rows: list[dict[str, Any]]) -> None:
        """Keep a segment of what a client saw; segments never change."""
        content = "".join(json.dumps(row) + "\n" for row in rows)
        self._save(self._names.record(writer, n), content.encode())

    def records(self) -> list[dict[str, Any]]:
        """All that clients saw, segment by segment."""
        texts = self._texts(self._names.records, ".jsonl")
        return [row for text in texts for line in text.splitlines() if (row := _row(line)) is not None]

    def save_log(self, index: int, attempt: str, data: bytes) -> None:
        """Keep the log of an ended attempt."""
        self._save(self._names.log(index, attempt), data)

    def log(self, index: int, attempt: str) -> bytes | None:
        """The kept log of an attempt, None if there is none."""
        try:
            return self._names.log(index, attempt).read_bytes()
        except FileNotFoundError:
            return None

    def log_end(self, index: int, attempt: str, most: int) -> bytes | None:
        """The last `most` bytes of the kept log of an attempt, None if there is none."""
        try:
            with self._names.log(index, attempt).open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - most))
                return log.read(most)
        except FileNotFoundError:
            return None

    # ------------------------------------------------------------ the end

    def set_aside(self) -> Path | None:
        """Rename the run to the first free `<name>~n`, so that its results are never lost; None if there was none."""
        if not self.root.exists():
            return None
        number = 1
        while True:
            aside_ = self.root.with_name(f"{self.root.name}~{number}")
            with contextlib.suppress(FileExistsError, NotADirectoryError):
                aside_.mkdir()
                os.replace(self.root, aside_)
                return aside_
            number += 1

    def delete(self) -> tuple[int, int]:
        """Remove everything; returns how many results, and how many bytes of results, that were.

        The folder is renamed first, so that a pod which still writes finds nothing instead of filling it again.
        """
        gone = self.root.with_name(f".{self.root.name}.{secrets.token_hex(4)}")
        with self._errors("cannot be deleted"):
            results = [self.commit(index) or {} for index in self.committed()]
            os.replace(self.root, gone)
            shutil.rmtree(gone)
        return len(results), sum(int(claim.get("length", 0)) for claim in results)

    # ------------------------------------------------------------ trust and errors

    def own(self) -> bool:
        """Whether the run was put here by the user of this process."""
        try:
            return self._names.run.stat().st_uid == self.uid
        except FileNotFoundError:
            return self._names.run.parent.is_dir() and self.root.stat().st_uid == self.uid

    def _trusted(self, trust: bool, what: str) -> None:
        if not (trust or self.own()):
            raise StageError(f"{what} in {self.url} is pickled, by another user", fix=TRUST)

    def _save(self, path: Path, content: bytes) -> None:
        with self._errors("cannot be written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside(path, lambda beside: beside.write_bytes(content))

    def _json(self, path: Path, missing: str) -> Any:
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError:
            raise StageError(
                f"{missing}: {path} does not exist", fix="check the stage's path, or launch again"
            ) from None
        except (OSError, ValueError) as error:
            raise StageError(f"{path} cannot be read: {error}", fix="launch again with fresh=True") from error

    def _texts(self, folder: Path, suffix: str, of: Callable[[int], bool] | None = None) -> Iterator[bytes]:
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(suffix) and not name.startswith("."))
        except FileNotFoundError:
            return
        if of is not None:
            names = [name for name in names if of(int(name.partition("-")[0]))]
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                yield (folder / name).read_bytes()

    @contextlib.contextmanager
    def _errors(self, what: str, again: str = "launch again with fresh=True") -> Iterator[None]:
        """What the file system and the worker's files say, as a StageError."""
        try:
            yield
        except codec.UntrustedError:
            raise StageError(f"{self.url} holds pickled values of another user", fix=TRUST) from None
        except layout.TornError as error:
            raise StageError(f"{self.url} {what}: {error}", fix=again) from error
        except OSError as error:
            raise StageError(f"{self.url} {what}: {error}", fix="check its disk and its permissions") from error


def about(task: Task, parts_: Partitions, facts: dict[str, Any]) -> dict[str, Any]:
    """task.json: what the worker needs besides the task itself, and what a report shows of it."""
    plan = parts_.plan
    trial = facts.get("trial") or {}  # of one partition: it is the task's index of so many, whatever the Job's is
    return {
        "format": layout.FORMAT,
        "name": task.name,
        "kind": task.kind,
        "source": task.source,
        "sources": task.sources,
        "carries": task.carries,
        "modules": sorted(task.modules),
        "files": [name for name, _ in task.files],
        "digest": task.digest,
        "versions": versions(),
        "completions": plan.completions,
        **trial,
        "by": codec.plain(list(plan.by), pickled=True),
        "keys": codec.plain(None if plan.keys is None else list(plan.keys), pickled=True),
        "seed": facts.get("seed"),
        "retry_on": list((facts.get("spec") or {}).get("retry_on") or ()),
    }


def versions() -> dict[str, str]:
    """What must fit in the pods: Python and the libraries that write what travels."""
    return {name: worker.version(name) for name in ("python", "pandas", "numpy", "pyarrow", "cloudpickle")}


def _whole(text: bytes) -> dict[str, Any] | None:
    """An account, None if a power loss tore it: it is lost, what the others say is not."""
    try:
        account: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return account


def _row(line: bytes) -> dict[str, Any] | None:
    """A row of a record, None if it is torn; rows are many, and msgspec reads them in a third of the time."""
    try:
        row: dict[str, Any] = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return row


def _all_arrow(contents: list[tuple[str, bytes]]) -> bool:
    return bool(contents) and all(kind == "arrow" for kind, _ in contents)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    copy: Callable[..., Any] = shutil.copytree if source.is_dir() else shutil.copy2
    copy(source, target, **({"dirs_exist_ok": True} if source.is_dir() else {}))
