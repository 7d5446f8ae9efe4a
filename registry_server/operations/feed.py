"""The feed for followers: pages of changes, and the whole catalogue as a snapshot of shards."""

from datetime import timedelta

import zstandard

from registry_server.contract.integrity import is_integrity
from registry_server.contract.problems import CursorGone, InvalidRequest, RouteNotFound
from registry_server.contract.routes import CHANGES_PAGE_MAX
from registry_server.contract.wire import ChangePage, Shard, Snapshot
from registry_server.registry import Registry
from registry_server.store import changes
from registry_server.store.changes import ShardRow
from registry_server.store.database import Connection

COMPRESSION_LEVEL = 12
SHARD_KEPT = timedelta(hours=1)
"""How long a shard that no snapshot names stays."""


def read_changes(registry: Registry, since: int, limit: int = CHANGES_PAGE_MAX) -> ChangePage:
    """Changes after `since`.

    Raises `CursorGone` when the feed never reached `since` (another registry, or a restored backup).
    """
    if not 1 <= limit <= CHANGES_PAGE_MAX:
        raise InvalidRequest(f"`limit` is 1 to {CHANGES_PAGE_MAX}, not {limit}")
    if since < 0:
        raise InvalidRequest(f"`since` is a serial, not {since}")
    connection = registry.database.read()
    last = changes.current_serial(connection)
    if since > last:
        raise CursorGone(
            f"this feed ends at {last}",
            detail=f"asked for changes after {since}",
            hint="start from /api/snapshot",
        )
    return changes.read_page(connection, since, limit)


def read_snapshot(registry: Registry) -> Snapshot:
    """The catalogue as it is now; shards that no change touched keep their digest."""
    with registry.snapshot_lock:
        connection = registry.database.read()
        if _snapshot_serial(connection) < changes.current_serial(connection):
            _write_shards(registry)
        with changes.one_moment(connection):
            rows = changes.shard_rows(connection).values()
            epoch, serial = changes.read_epoch(connection), _snapshot_serial(connection)
    return Snapshot(
        epoch=epoch,
        serial=serial,
        plugins=sum(row.plugins for row in rows),
        releases=sum(row.releases for row in rows),
        shards=tuple(Shard(digest=row.digest, size=row.size, plugins=row.plugins) for row in rows),
    )


def read_shard(registry: Registry, digest: str) -> bytes:
    """Compressed lines of one shard, of the present snapshot or of one not long ago."""
    if not is_integrity(digest) or not registry.shards.path(digest).is_file():
        raise RouteNotFound(f"there is no shard `{digest[:80]}`", hint="read /api/snapshot again")
    return registry.shards.get(digest)


def _snapshot_serial(connection: Connection) -> int:
    return int(changes.read_meta(connection, "snapshot")) if changes.has_meta(connection, "snapshot") else 0


def _shard_count(connection: Connection) -> int:
    """How many the shards there are were made for; 0 before the first."""
    return int(changes.read_meta(connection, "shards")) if changes.has_meta(connection, "shards") else 0


def _write_shards(registry: Registry) -> None:
    with registry.database.write() as connection:
        # Who read an older snapshot has this long to fetch its shards.
        named = {row.digest for row in changes.shard_rows(connection).values()}
        registry.shards.prune(named, before=registry.clock() - SHARD_KEPT)
        serial = changes.current_serial(connection)
        documents_by_name = changes.all_documents(connection)
        count = changes.shard_count(len(documents_by_name))
        touched = {
            changes.shard_number(name, count)
            for name in changes.names_changed(connection, _snapshot_serial(connection))
        }
        if count != _shard_count(connection):
            changes.drop_shards(connection)
            changes.write_meta(connection, "shards", str(count))
            touched = {changes.shard_number(name, count) for name, _ in documents_by_name}
        lines: dict[int, list[bytes]] = {number: [] for number in touched}
        for name, document in documents_by_name:
            if (number := changes.shard_number(name, count)) in lines:
                lines[number].append(document)
        for number, documents in lines.items():
            changes.put_shard(connection, _store_shard(registry, number, documents))
        changes.write_meta(connection, "snapshot", str(serial))


def _store_shard(registry: Registry, number: int, documents: list[bytes]) -> ShardRow:
    text = b"".join(document + b"\n" for document in documents)
    data = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=True).compress(text)
    digest = registry.shards.put(data)
    releases = sum(document.count(b'"packageUrl":') for document in documents)
    return ShardRow(number, digest, len(data), len(documents), releases)
