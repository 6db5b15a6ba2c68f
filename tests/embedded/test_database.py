"""The file of the objects: full, damaged, removed, of a later kjnb. What was answered for is never lost silently."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kjnb.embedded.store.database import FORMAT
from kjnb.embedded.store.store import Store


def opened(path: Path) -> Store:
    return Store(path, clock=lambda: datetime.now(UTC), new_uid=lambda: str(uuid.uuid4()))


def configmap(name: str) -> dict:
    return {"metadata": {"name": name, "namespace": "default"}, "data": {"k": "v"}}


def written(path: Path, *names: str) -> None:
    store = opened(path)
    for name in names:
        store.create("configmaps", configmap(name))
    store.close()


def names(store: Store) -> list[str]:
    return [one["metadata"]["name"] for one in store.list("configmaps")]


def damage(path: Path) -> None:
    """Overwrite the pages behind the first."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * (path.stat().st_size - 4096))


@pytest.mark.parametrize("how", ["no database at all", "damaged pages", "damaged bodies"])
def test_a_file_that_cannot_be_read_is_kept_aside(tmp_path, caplog, how):
    path = tmp_path / "objects.sqlite"
    written(path, *(f"kept-{number}" for number in range(200)))
    if how == "no database at all":
        path.write_bytes(b"what is this? " * 1000)
    elif how == "damaged pages":
        damage(path)
    else:
        with sqlite3.connect(path) as db:
            db.execute("UPDATE objects SET body = x'7b7b' WHERE name = 'kept-7'")
        db.close()
    before = path.read_bytes()
    with caplog.at_level(logging.WARNING):
        store = opened(path)
    assert names(store) == []
    kept = tmp_path / "objects.sqlite.damaged-1"
    assert kept.read_bytes() == before
    assert str(kept) in caplog.text
    assert kept.stat().st_mode & 0o077 == 0
    store.create("configmaps", configmap("anew"))
    store.close()
    again = opened(path)
    assert names(again) == ["anew"]
    again.close()


def test_a_file_of_a_later_kjnb_is_left_alone(tmp_path):
    path = tmp_path / "objects.sqlite"
    written(path, "one")
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version={FORMAT + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(OSError, match="later kjnb"):
        opened(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_that_vanishes_is_written_anew_from_memory(tmp_path, caplog, how):
    async def main() -> None:
        path = tmp_path / "objects.sqlite"
        store = opened(path)
        for number in range(20):
            store.create("configmaps", configmap(f"kept-{number:02}"))
        await store.committed()
        for file in tmp_path.iterdir():
            file.unlink()
        if how == "replaced":
            path.write_bytes(b"")
        store.create("configmaps", configmap("last"))
        store.remove("configmaps", "default", "kept-00")
        await store.committed()
        version = store.committed_version
        store.close()
        again = opened(path)
        assert names(again) == [*(f"kept-{number:02}" for number in range(1, 20)), "last"]
        assert again.resource_version == version
        again.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert "written anew" in caplog.text


FULL = """
import asyncio, os, resource, signal, sys
from pathlib import Path
from tests.embedded.test_database import configmap, names, opened

async def main(path):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = opened(path)
    store.create("configmaps", configmap("first"))
    await store.committed()
    most = max(file.stat().st_size for file in path.parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    answered, refused = ["first"], 0
    for number in range(4):
        store.create("configmaps", configmap(f"more-{number:02}") | {"data": {"k": "x" * 50_000}})
        try:
            await store.committed()
            answered.append(f"more-{number:02}")
        except OSError as error:
            assert "could not be written" in str(error) and store.trouble == str(error)
            refused += 1
    assert refused, most
    assert len(names(store)) == 5
    if sys.argv[2] == "dies":
        print(*answered, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await store.committed()
    assert not store.trouble
    print(*names(store), flush=True)
    store.close()

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("then", ["dies", "goes on"])
def test_a_full_disk_loses_nothing_that_was_answered(tmp_path, then):
    path = tmp_path / "objects.sqlite"
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(path), then],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert ran.stdout, ran.stderr
    store = opened(path)
    assert set(ran.stdout.split()) <= set(names(store))
    store.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
