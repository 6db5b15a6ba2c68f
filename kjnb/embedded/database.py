"""The objects on disk: one sqlite table in WAL mode, written once per group commit.

Durability is against the death of any process (synchronous=NORMAL): what a power loss can cost is the last commits.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

Key = tuple[str, str, str]
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT, namespace TEXT, name TEXT, body BLOB NOT NULL,
    PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version (id INTEGER PRIMARY KEY CHECK (id = 0), rv INTEGER NOT NULL);
"""


class Database:
    """Opens or makes the file at `path`, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)

    def load(self) -> tuple[int, Iterator[tuple[Key, dict[str, Any]]]]:
        """The version of the last commit, and every object with its key."""
        row = self._db.execute("SELECT rv FROM version").fetchone()
        found = self._db.execute("SELECT resource, namespace, name, body FROM objects")
        return (row[0] if row else 0), (((r, ns, n), msgspec.json.decode(body)) for r, ns, n, body in found)

    def write(self, version: int, changes: dict[Key, bytes | None]) -> None:
        """Commit the changes (None: removed) as one transaction. OSError when the disk does not take them."""
        puts = [(*key, body) for key, body in changes.items() if body is not None]
        gone = [key for key, body in changes.items() if body is None]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", puts)
            self._db.executemany("DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?", gone)
            self._db.execute("INSERT OR REPLACE INTO version VALUES (0, ?)", (version,))
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise OSError(f"the cluster's state could not be written: {error}") from error

    def close(self) -> None:
        """Fold the log into the file and close it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()
