"""The feed: an append-only log of which plugin changed, with gap-free serials.

An entry says that the document of one plugin is now what the plugin's row holds: a page of changes
carries each name once, with its current document. So applying a page twice, or in pieces, ends the
same, and a plugin with many releases costs one document, not one a release.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec
from msgspec import Struct

from registry_server.contract.problems import RegistryDamaged
from registry_server.contract.wire import Change, ChangePage, PluginDocument
from registry_server.store import moderation, plugins
from registry_server.store.database import Connection

SHARDS_FEW, SHARDS_MANY = 4, 64
MANY_PLUGINS = 500
"""Up to here few shards do: a first sync is a request each, and all of them are small."""
_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(PluginDocument)


def record(connection: Connection, plugin: int, now: datetime) -> int:
    """Renders the plugin's document and appends a change; returns its serial.

    Must run inside the transaction that changed the rows. A plugin that is held has no document yet, and
    nothing of it reaches the feed.
    """
    if moderation.held_reason(connection, plugin):
        return current_serial(connection)
    document = plugins.make_document(connection, plugin)
    data = encode_document(document)
    connection.execute(
        "UPDATE plugins SET document = ?, summary = ?, etag = ?, documented_downloads = downloads"
        " WHERE id = ?",
        (
            data,
            msgspec.json.encode(plugins.summary_of(document)),
            hashlib.sha256(data).hexdigest()[:32],
            plugin,
        ),
    )
    serial = current_serial(connection) + 1
    connection.execute(
        "INSERT INTO changes (serial, name, at) VALUES (?, ?, ?)", (serial, document.name, now.isoformat())
    )
    return serial


def encode_document(document: PluginDocument) -> bytes:
    """Canonical JSON of a document: what shards contain, one a line."""
    return _encoder.encode(document)


def current_serial(connection: Connection) -> int:
    serial: int = connection.execute("SELECT coalesce(max(serial), 0) FROM changes").fetchone()[0]
    return serial


def read_page(connection: Connection, since: int, limit: int) -> ChangePage:
    """Changes after `since`, oldest first, each name once; at most `limit` log entries are read."""
    with one_moment(connection):
        last = current_serial(connection)
        cursor = min(since + limit, last)
        rows = connection.execute(
            "SELECT max(serial) AS serial, changes.name, document FROM changes LEFT JOIN plugins USING (name)"
            " WHERE serial > ? AND serial <= ? GROUP BY changes.name ORDER BY 1",
            (since, cursor),
        ).fetchall()
        epoch = read_epoch(connection)
    changes = tuple(
        Change(
            serial=row["serial"],
            name=row["name"],
            document=_decoder.decode(row["document"]) if row["document"] else None,
        )
        for row in rows
    )
    return ChangePage(epoch=epoch, changes=changes, cursor=max(cursor, since), has_more=cursor < last)


@contextmanager
def one_moment(connection: Connection) -> Iterator[None]:
    """What is read inside, on a reader, is all of the same moment, whoever writes meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def read_epoch(connection: Connection) -> str:
    return read_meta(connection, "epoch")


def read_meta(connection: Connection, key: str) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise RegistryDamaged(
            f"the registry's database has no `{key}`",
            detail="it was not set up completely",
            hint="move the data folder away to start over",
        )
    value: str = row["value"]
    return value


def write_meta(connection: Connection, key: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


def has_meta(connection: Connection, key: str) -> bool:
    return connection.execute("SELECT 1 FROM meta WHERE key = ?", (key,)).fetchone() is not None


def shard_count(plugins: int) -> int:
    return SHARDS_FEW if plugins <= MANY_PLUGINS else SHARDS_MANY


def shard_number(name: str, count: int) -> int:
    return hashlib.sha256(name.encode()).digest()[0] % count


class ShardRow(Struct, frozen=True):
    number: int
    digest: str
    size: int
    plugins: int
    releases: int


def shard_rows(connection: Connection) -> dict[int, ShardRow]:
    rows = connection.execute("SELECT number, digest, size, plugins, releases FROM shards ORDER BY number")
    return {row["number"]: ShardRow(*row) for row in rows}


def put_shard(connection: Connection, row: ShardRow) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO shards (number, digest, size, plugins, releases) VALUES (?, ?, ?, ?, ?)",
        (row.number, row.digest, row.size, row.plugins, row.releases),
    )


def drop_shards(connection: Connection) -> None:
    connection.execute("DELETE FROM shards")


def names_changed(connection: Connection, since: int) -> set[str]:
    rows = connection.execute("SELECT DISTINCT name FROM changes WHERE serial > ?", (since,))
    return {row["name"] for row in rows}


def all_documents(connection: Connection) -> list[tuple[str, bytes]]:
    """Name and canonical document of every plugin, sorted by name."""
    rows = connection.execute("SELECT name, document FROM plugins WHERE document IS NOT NULL ORDER BY name")
    return [(row["name"], row["document"]) for row in rows]
