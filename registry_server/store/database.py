"""The SQLite file of a registry: one writer connection, one reader connection a thread.

WAL, `synchronous=FULL`: what was acknowledged survives a power cut. Only the writer may checkpoint
and readers are `query_only`, which also stays clear of the WAL-reset bug of SQLite before 3.51.3.
"""

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlite_utils

from registry_server.contract.problems import RegistryBusy, RegistryDamaged, RegistryNewer
from registry_server.store.migrations import MIGRATIONS

Connection = sqlite3.Connection
Row = sqlite3.Row

BUSY_TIMEOUT_SECONDS = 10.0
BUSY_PAUSE_SECONDS = 0.01


class Database:
    """Holds the connections; safe to use from several threads and several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._readers: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._readers_lock = threading.Lock()
        self._is_closed = False
        with translated():
            self._writer = self._connect()
            try:
                self._use_wal()
                self._writer.execute("PRAGMA synchronous=FULL")
                self._writer.execute("PRAGMA foreign_keys=ON")
                self._migrate()
            except BaseException:
                self._writer.close()
                raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA trusted_schema=OFF")
        return connection

    def _use_wal(self) -> None:
        """SQLite does not wait here, whatever the timeout, when another process makes the same change."""
        deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
        while True:
            try:
                self._writer.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(BUSY_PAUSE_SECONDS)

    def _migrate(self) -> None:
        if steps := foreign_steps(self._writer):
            raise RegistryNewer(
                f"a newer version of this program wrote {self.path.parent}",
                detail=f"it took the steps {', '.join(steps[:5])} that this version does not know",
                hint="install the newer version, or restore a backup from before",
            )
        database = sqlite_utils.Database(self._writer, execute_plugins=False)
        if MIGRATIONS.pending(database):
            # Two processes may start on an empty folder at once: the lock makes the second one wait
            # and then find nothing pending.
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                MIGRATIONS.apply(database)
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def read(self) -> Connection:
        """This thread's reader; sees every committed transaction.

        Raises `RegistryBusy` once the database is closed.
        """
        if self._is_closed:
            raise RegistryBusy("the registry is closed", hint="try again when it runs")
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with translated():
                connection = self._connect()
                connection.execute("PRAGMA query_only=ON")
                connection.execute("PRAGMA wal_autocheckpoint=0")
            self._local.connection = connection
            self._keep(connection)
        return connection

    def _keep(self, connection: Connection) -> None:
        """Remembers this thread's reader and closes those of ended threads: thread pools shrink and grow."""
        with self._readers_lock:
            kept = [(threading.current_thread(), connection)]
            for thread, reader in self._readers:
                if thread.is_alive():
                    kept.append((thread, reader))
                else:
                    reader.close()
            self._readers = kept

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed when the block ends and rolled back when it raises.

        `BEGIN IMMEDIATE`, not sqlite-utils' deferred `atomic()`: a deferred transaction that reads
        before it writes fails at once when another process wrote in between, whatever the timeout.
        """
        with self._write_lock, translated():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # SQLite itself rolled back when the disk is full
                    self._writer.execute("ROLLBACK")
                raise

    def size_bytes(self) -> int:
        """Of the file and its write-ahead log."""
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        with self._write_lock, self._readers_lock:
            self._is_closed = True
            for _, reader in self._readers:
                reader.close()
            self._readers.clear()
            self._writer.close()


@contextmanager
def reading(path: Path, *, is_fixed: bool = False) -> Iterator[Connection]:
    """A database for looking at: no row is written, nothing migrated, and a server may go on beside it.

    All that is read inside is of one moment. `is_fixed`: a file that nobody writes, perhaps on a disk
    that cannot be written; a log beside it is not looked at.

    Raises `RegistryBusy` or `RegistryDamaged`.
    """
    # Not `mode=ro` for one in use: the log files it makes when it is alone would stay, and be those of
    # whoever looked, so that a server of another user could not open them.
    address = f"{path.absolute().as_uri()}?{'mode=ro&immutable=1' if is_fixed else 'mode=rw'}"
    with translated():
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA query_only=ON")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()


def copy_database(connection: Connection, target: Path) -> None:
    """All committed rows as one self-contained file, without holding up who writes meanwhile.

    In one step: page by page, SQLite would begin again with every write.

    Raises `OSError` when `target`'s disk is full.
    """
    with translated():
        copy = sqlite3.connect(target, isolation_level=None)
        try:
            _copy_pages(connection, copy, target)
            # Without this, whoever opens the copy needs a log beside it, and a place to write one.
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()


def _copy_pages(connection: Connection, copy: Connection, target: Path) -> None:
    try:
        connection.backup(copy)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:  # the copy's disk: nothing is written to the other
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
        raise


def missing_steps(connection: Connection) -> list[str]:
    """Steps of the schema that the database has yet to take."""
    return [
        step.name for step in MIGRATIONS.pending(sqlite_utils.Database(connection, execute_plugins=False))
    ]


def foreign_steps(connection: Connection) -> list[str]:
    """Steps the database took that this program does not know: a newer one wrote it."""
    applied = MIGRATIONS.applied(sqlite_utils.Database(connection, execute_plugins=False))
    known = {step.name for step in MIGRATIONS.pending(sqlite_utils.Database(memory=True))}
    return [step.name for step in applied if step.name not in known]


@contextmanager
def translated() -> Iterator[None]:
    """SQLite's own failures as problems a person can act on."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.OperationalError as error:
        raise RegistryBusy(
            "the registry's database cannot be used right now",
            detail=str(error),
            hint="try again in a moment; check free disk space and rights of the data folder",
        ) from error
    except sqlite3.DatabaseError as error:
        raise RegistryDamaged(
            "the registry's database is damaged",
            detail=str(error),
            hint="restore a backup, or move the data folder away to start over",
        ) from error
