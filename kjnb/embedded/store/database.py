"""The objects on disk: one sqlite table in WAL mode, written once per group commit.

Durability is against the death of any process (synchronous=NORMAL): what a power loss can cost is the last commits. A
file that cannot be read is kept aside, never overwritten; one that vanishes is noticed, and made again by who has all
of it in memory.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from kjnb.embedded.store.sharing import Sharing

Key = tuple[str, str, str]
Rows = list[tuple[Key, dict[str, Any]]]
FORMAT = 1  # of the file; a later one is not ours to read
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT, namespace TEXT, name TEXT, body BLOB NOT NULL,
    PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version (id INTEGER PRIMARY KEY CHECK (id = 0), rv INTEGER NOT NULL);
"""
LOG = logging.getLogger("kjnb.embedded")


class Database:
    """Opens or makes the file at `path`, readable by its owner only. OSError when it is not to be had."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unreadable = False
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            self._open()

    def _open(self) -> None:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        self._inode = os.stat(self.path).st_ino
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")  # needs no shared memory: a shared home has none
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found > FORMAT:
                self._db.close()
                raise OSError(f"{self.path} was written by a later kjnb: install that one, or name another KJNB_HOME")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(SCHEMA)
            if found != FORMAT:
                self._db.execute(f"PRAGMA user_version={FORMAT}")
        except sqlite3.OperationalError as error:
            raise OSError(f"{self.path}: {error}") from error

    def load(self) -> tuple[int, Rows]:
        """The version of the last commit, and every object with its key; nothing where the file is damaged."""
        try:
            return self._read()
        except sqlite3.OperationalError as error:
            raise OSError(f"{self.path}: {error}") from error
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
            self._set_aside(error)
            self._open()
        return 0, []

    def _read(self) -> tuple[int, Rows]:
        row = self._db.execute("SELECT rv FROM version").fetchone()
        found = self._db.execute("SELECT resource, namespace, name, body FROM objects")
        decode = Sharing().decode
        return (row[0] if row else 0), [((r, ns, n), decode(body)) for r, ns, n, body in found]

    def _set_aside(self, why: Exception) -> None:
        """Keep a file that cannot be read, and what belongs to it, under another name."""
        with contextlib.suppress(sqlite3.Error, AttributeError):
            self._db.close()
        number = 1
        while (kept := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self.path}{ending}", f"{kept}{ending}")
        LOG.warning("the cluster's objects could not be read (%s): they are kept in %s", why, kept)

    @property
    def lost(self) -> bool:
        """Whether what is written goes nowhere: the file was removed or replaced, or is damaged."""
        try:
            return self._unreadable or os.stat(self.path).st_ino != self._inode
        except OSError:
            return True

    def renew(self) -> None:
        """Make the file anew, without what was in it: the caller writes everything next. OSError."""
        if self._unreadable:
            self._set_aside(sqlite3.DatabaseError("it is damaged"))
        else:
            LOG.warning("%s was removed: it is written anew", self.path)
            self._forget()
        self._open()
        self._unreadable = False

    def _forget(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        for ending in ("-wal", "-shm"):  # of a file that is no more: they would be taken for the new one's
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.path}{ending}")

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
        except sqlite3.Error as error:
            self._unreadable = not isinstance(error, sqlite3.OperationalError)
            with contextlib.suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            raise OSError(f"the cluster's state could not be written: {error}") from error

    def close(self) -> None:
        """Fold the log into the file and close it; what a full disk keeps in the log is read from there."""
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()
