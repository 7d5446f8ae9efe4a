"""Local mirror of a registry's feed (SQLite): apply pages, answer search, detail and resolution.

A cache: whatever is wrong with it, it can be thrown away and synced again. One transaction a page,
rows and cursor together, so a kill between two pages only means that the next sync goes on there.
A plugin that is gone keeps a row without a document, so that the search index can follow by serial.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from donkeytui.problems import CacheUnusable, CatalogueDamaged
from registry_server.contract.names import lookalike_key
from registry_server.contract.wire import Change, PluginDocument

SCHEMA_VERSION = 1
BUSY_SECONDS = 10.0
_UNUSABLE = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    )
)
"""Errors of the place, not of the file: throwing the catalogue away would mend nothing."""
_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE plugins (name TEXT PRIMARY KEY, lookalike TEXT NOT NULL, serial INTEGER NOT NULL,"
    " downloads INTEGER NOT NULL, updated TEXT NOT NULL, featured INTEGER NOT NULL, document BLOB)",
    "CREATE INDEX plugins_by_serial ON plugins (serial)",
    "CREATE INDEX plugins_by_lookalike ON plugins (lookalike)",
    "CREATE INDEX plugins_by_downloads ON plugins (downloads)",
    "CREATE INDEX plugins_by_updated ON plugins (updated)",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

_decoder = msgspec.json.Decoder(PluginDocument)
_encoder = msgspec.json.Encoder(order="sorted")


class Catalogue:
    """The catalogue of one registry in one file; safe between processes and between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._generation = 0
        """Raised when the file is thrown away: connections of before must not be used again."""

    @property
    def _path(self) -> Path:
        return self.folder / "catalogue.sqlite"

    def epoch(self) -> str:
        return self._meta("epoch")

    def cursor(self) -> int:
        return int(self._meta("cursor") or 0)

    def synced_at(self) -> datetime | None:
        """When the registry last confirmed that this is its state; None before the first sync."""
        text = self._meta("synced_at")
        return datetime.fromisoformat(text) if text else None

    def apply(self, changes: Iterable[Change], *, epoch: str, cursor: int) -> int:
        """Applies one page; returns how many plugins changed. Twice the same page changes nothing."""
        rows = [_row(change) for change in changes]
        with self._write() as connection:
            _put(connection, rows)
            _set_meta(connection, {"epoch": epoch, "cursor": str(cursor)})
        return len(rows)

    def replace(self, documents: Iterable[PluginDocument], *, epoch: str, cursor: int) -> int:
        """The whole catalogue anew, as a snapshot has it."""
        rows = [_row(Change(serial=cursor, name=doc.name, document=doc)) for doc in documents]
        with self._write() as connection:
            connection.execute("DELETE FROM plugins")
            _put(connection, rows)
            _set_meta(connection, {"epoch": epoch, "cursor": str(cursor)})
        return len(rows)

    def confirm(self, now: datetime) -> None:
        with self._write() as connection:
            _set_meta(connection, {"synced_at": now.isoformat()})

    def get(self, name: str) -> PluginDocument | None:
        rows = self._read("SELECT document FROM plugins WHERE name = ?", (name,))
        return self._decode(rows[0][0]) if rows and rows[0][0] else None

    def get_many(self, names: Sequence[str]) -> dict[str, PluginDocument]:
        marks = ",".join("?" * len(names))
        rows = self._read(f"SELECT name, document FROM plugins WHERE name IN ({marks})", tuple(names))  # noqa: S608
        return {name: self._decode(document) for name, document in rows if document}

    def name_like(self, name: str) -> str | None:
        """The plugin `name` stands for once case and dashes are ignored."""
        query = "SELECT name FROM plugins WHERE lookalike = ? AND document IS NOT NULL"
        rows = self._read(query, (lookalike_key(name),))
        found: str | None = rows[0][0] if rows else None
        return found

    def names(self) -> list[str]:
        rows = self._read("SELECT name FROM plugins WHERE document IS NOT NULL ORDER BY name")
        return [row[0] for row in rows]

    def count(self) -> int:
        count: int = self._read("SELECT count(*) FROM plugins WHERE document IS NOT NULL")[0][0]
        return count

    def most_downloaded(self, limit: int) -> list[PluginDocument]:
        """Only plugins that were downloaded at all."""
        return self._documents("downloads > 0 ORDER BY downloads DESC, name", limit)

    def recently_updated(self, limit: int, offset: int = 0) -> list[PluginDocument]:
        return self._documents("1 ORDER BY updated DESC, name", limit, offset)

    def featured(self, limit: int) -> list[PluginDocument]:
        return self._documents("featured ORDER BY downloads DESC, name", limit)

    def changed_names(self, since: int) -> list[str]:
        return [row[0] for row in self._read("SELECT name FROM plugins WHERE serial > ?", (since,))]

    def all_documents(self) -> Iterator[PluginDocument]:
        for (data,) in self._read("SELECT document FROM plugins WHERE document IS NOT NULL ORDER BY name"):
            yield self._decode(data)

    def discard(self) -> None:
        """Throws the catalogue away; the next use finds an empty one."""
        self.close()
        with _translated():
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        self._generation += 1
        while self._connections:
            self._connections.pop().close()

    def _documents(self, where: str, limit: int, offset: int = 0) -> list[PluginDocument]:
        query = f"SELECT document FROM plugins WHERE document IS NOT NULL AND {where} LIMIT ? OFFSET ?"  # noqa: S608
        return [self._decode(data) for (data,) in self._read(query, (limit, offset))]

    def _decode(self, data: bytes) -> PluginDocument:
        try:
            return _decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise damaged(str(error)) from error

    def _meta(self, key: str) -> str:
        rows = self._read("SELECT value FROM meta WHERE key = ?", (key,))
        value: str = rows[0][0] if rows else ""
        return value

    def _read(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with _translated():
            return self._open().execute(query, values).fetchall()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with _translated():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite itself rolls back when the disk is full; a second time would hide that error.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        """This thread's connection."""
        if getattr(self._local, "generation", None) != self._generation:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._local.connection = _connect(self._path)
            self._local.generation = self._generation
            self._connections.append(self._local.connection)
        connection: sqlite3.Connection = self._local.connection
        return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise damaged(f"it has schema {version}")
        if version == 0:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _SCHEMA:
                    connection.execute(statement)
            connection.execute("COMMIT")
        # A cache may lose its last transactions in a power cut, never its consistency.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA trusted_schema=OFF")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.ProgrammingError as error:
        # Closed by another thread that threw the catalogue away.
        raise _unusable(error) from error
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNUSABLE:
            raise _unusable(error) from error
        raise damaged(str(error)) from error
    except OSError as error:
        raise _unusable(error) from error


def damaged(detail: str) -> CatalogueDamaged:
    return CatalogueDamaged(
        "the catalogue on this machine is damaged", detail=detail, hint="donkeytui sync makes it anew"
    )


def _unusable(error: Exception) -> CacheUnusable:
    return CacheUnusable(
        "the catalogue on this machine cannot be used",
        detail=str(error),
        hint="free its folder, or choose another one with DONKEYTUI_CACHE_DIR",
    )


def _row(change: Change) -> tuple[str, str, int, int, str, int, bytes | None]:
    document = change.document
    return (
        change.name,
        lookalike_key(change.name),
        change.serial,
        document.downloads if document else 0,
        document.updated_at.isoformat() if document else "",
        int(document.featured) if document else 0,
        _encoder.encode(document) if document else None,
    )


def _put(
    connection: sqlite3.Connection, rows: list[tuple[str, str, int, int, str, int, bytes | None]]
) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO plugins (name, lookalike, serial, downloads, updated, featured, document)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def _set_meta(connection: sqlite3.Connection, values: dict[str, str]) -> None:
    connection.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", list(values.items()))
