"""Rows as a check and a backup read them, and the few rows a repair sets right.

Only asks for columns and tables that every schema has had since the first, so that what is added
later neither breaks a check nor slips out of a backup: the database is copied as a whole.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from registry_server.contract.problems import ProblemError
from registry_server.contract.wire import PluginDocument
from registry_server.store import changes, plugins, reviews
from registry_server.store.database import Connection, Row

FORMER = "former-epochs"
FAULTS_MAX = 100
GAPS_MAX = 10_000
_OF_AN_INDEX = re.compile(r"missing from index|wrong # of entries in index|non-unique entry in index")
_CHILDREN = (
    "helpful_votes",
    "review_reports",
    "invitations",
    "tokens",
    "owners",
    "labels",
    "ratings",
    "downloads",
)
"""Tables whose rows mean nothing without what they point to."""


class NeededBlob(Struct, frozen=True, kw_only=True):
    """The package of a release."""

    name: str
    version: str
    integrity: str
    size: int


class Orphans(Struct, frozen=True, kw_only=True):
    """Rows of `table` that point to a row of `parent` that is not there."""

    table: str
    parent: str
    count: int

    @property
    def is_removable(self) -> bool:
        return self.table in _CHILDREN


class PluginRow(Struct, frozen=True, kw_only=True):
    id: int
    name: str
    downloads: int
    documented_downloads: int
    rating_sum: int
    rating_count: int
    has_document: bool


class Counts(Struct, frozen=True, kw_only=True):
    epoch: str
    former_epochs: tuple[str, ...]
    """What it was before a restore or a repair had followers begin again, the last first."""
    serial: int
    plugins: int
    releases: int


def read_counts(connection: Connection) -> Counts:
    """Raises `RegistryDamaged` for a database that was never set up."""
    former = changes.read_meta(connection, FORMER) if changes.has_meta(connection, FORMER) else ""
    return Counts(
        epoch=changes.read_epoch(connection),
        former_epochs=tuple(former.split()),
        serial=changes.current_serial(connection),
        plugins=connection.execute("SELECT count(*) FROM plugins").fetchone()[0],
        releases=connection.execute("SELECT count(*) FROM releases").fetchone()[0],
    )


def needed_blobs(connection: Connection) -> list[NeededBlob]:
    """Every package a release names, by digest."""
    rows = connection.execute(
        "SELECT name, version, integrity, size FROM releases JOIN plugins ON plugins.id = plugin_id"
        " ORDER BY integrity, name, version"
    )
    return [NeededBlob(name=row[0], version=row[1], integrity=row[2], size=row[3]) for row in rows]


def has_tables(connection: Connection) -> bool:
    """False for a database nobody ever set up, or one that lost everything."""
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None


def is_named(connection: Connection, integrity: str) -> bool:
    return (
        connection.execute("SELECT 1 FROM releases WHERE integrity = ?", (integrity,)).fetchone() is not None
    )


def database_faults(connection: Connection) -> list[str]:
    """What SQLite finds wrong with the file, in its words; empty when all is well."""
    rows = connection.execute(f"PRAGMA integrity_check({FAULTS_MAX})")
    return [row[0] for row in rows if row[0] != "ok"]


def is_of_an_index(fault: str) -> bool:
    """Whether only an index is wrong, which can be made again from its table."""
    return _OF_AN_INDEX.search(fault) is not None


def list_orphans(connection: Connection) -> list[Orphans]:
    counts: dict[tuple[str, str], int] = {}
    for row in connection.execute("PRAGMA foreign_key_check"):
        counts[row["table"], row["parent"]] = counts.get((row["table"], row["parent"]), 0) + 1
    return [
        Orphans(table=table, parent=parent, count=count) for (table, parent), count in sorted(counts.items())
    ]


def list_plugins(connection: Connection) -> list[PluginRow]:
    return [_plugin_row(row) for row in connection.execute("SELECT * FROM plugins ORDER BY name")]


def find_plugin(connection: Connection, name: str) -> PluginRow | None:
    row = connection.execute("SELECT * FROM plugins WHERE name = ?", (name,)).fetchone()
    return _plugin_row(row) if row else None


def is_document_current(connection: Connection, plugin: PluginRow) -> bool:
    """Whether document, summary and ETag are what the rows render to.

    Downloads are counted on between two renderings, so the number of the last one is put in.

    Raises `ValueError` when the rows cannot be rendered.
    """
    try:
        made = plugins.make_document(connection, plugin.id)
    except (ProblemError, msgspec.MsgspecError, TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    document: PluginDocument = msgspec.structs.replace(made, downloads=plugin.documented_downloads)
    data = changes.encode_document(document)
    row = connection.execute(
        "SELECT document, summary, etag FROM plugins WHERE id = ?", (plugin.id,)
    ).fetchone()
    summary = msgspec.json.encode(plugins.summary_of(document))
    return tuple(row) == (data, summary, hashlib.sha256(data).hexdigest()[:32])


def rating_sums(connection: Connection, plugin: int) -> tuple[int, int]:
    """Sum and number of the ratings that count."""
    stars = reviews.totals(connection, plugin).stars
    return sum(number * count for number, count in enumerate(stars, start=1)), sum(stars)


def download_sums(connection: Connection) -> dict[int, int]:
    rows = connection.execute("SELECT plugin_id, sum(count) FROM downloads GROUP BY plugin_id")
    return {row[0]: row[1] for row in rows}


def plugins_with_label_gaps(connection: Connection) -> list[str]:
    """Names of plugins whose categories or tags do not have the places 0, 1, 2 and so on."""
    rows = connection.execute(
        "SELECT DISTINCT name FROM (SELECT plugin_id FROM labels GROUP BY plugin_id, kind"
        " HAVING min(place) != 0 OR max(place) != count(*) - 1 OR count(DISTINCT place) != count(*))"
        " JOIN plugins ON plugins.id = plugin_id ORDER BY name"
    )
    return [row["name"] for row in rows]


def ownerless(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM plugins WHERE id NOT IN"
        " (SELECT plugin_id FROM owners JOIN users ON users.id = user_id) ORDER BY name"
    )
    return [row["name"] for row in rows]


def releaseless(connection: Connection) -> list[str]:
    """Plugins that the feed offers without a single release."""
    rows = connection.execute(
        "SELECT name FROM plugins WHERE document IS NOT NULL"
        " AND id NOT IN (SELECT plugin_id FROM releases) ORDER BY name"
    )
    return [row["name"] for row in rows]


def serial_gaps(connection: Connection) -> list[range]:
    """Runs of serials that the feed skips."""
    rows = connection.execute(
        "SELECT serial, lag(serial, 1, 0) OVER (ORDER BY serial) AS before FROM changes ORDER BY serial"
    )
    return [range(row["before"] + 1, row["serial"]) for row in rows if row["serial"] != row["before"] + 1]


def plugins_without_entry(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM plugins WHERE document IS NOT NULL AND name NOT IN (SELECT name FROM changes)"
        " ORDER BY name"
    )
    return [row["name"] for row in rows]


# What a repair writes; each inside a transaction of the caller's.


def rebuild_indexes(connection: Connection) -> None:
    connection.execute("REINDEX")


def remove_orphans(connection: Connection) -> None:
    """Rows of `_CHILDREN` that point nowhere; again and again, for one may have been another's parent."""
    for _ in _CHILDREN:
        found = {orphans.table for orphans in list_orphans(connection) if orphans.is_removable}
        for table in found:
            _remove_orphans_of(connection, table)


def _remove_orphans_of(connection: Connection, table: str) -> None:
    """By the foreign keys themselves: `foreign_key_check` gives no row ids for tables without them."""
    keys: dict[int, list[tuple[str, str, str]]] = {}
    for key in connection.execute(f"PRAGMA foreign_key_list({table})"):
        keys.setdefault(key["id"], []).append((key["table"], key["from"], key["to"]))
    for columns in keys.values():
        parent = columns[0][0]
        same = " AND ".join(f"{parent}.{to} = {table}.{here}" for _, here, to in columns)
        connection.execute(
            f"DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM {parent} WHERE {same})"  # noqa: S608
        )


def set_sums(connection: Connection, plugin: PluginRow) -> None:
    """Ratings and downloads as their rows add up."""
    rating_sum, rating_count = rating_sums(connection, plugin.id)
    downloads = download_sums(connection).get(plugin.id, 0)
    connection.execute(
        "UPDATE plugins SET rating_sum = ?, rating_count = ?, downloads = ? WHERE id = ?",
        (rating_sum, rating_count, downloads, plugin.id),
    )


def number_labels(connection: Connection, name: str) -> None:
    """Places 0, 1, 2 and so on, in the order there is."""
    rows = connection.execute(
        "SELECT plugin_id, kind, label FROM labels JOIN plugins ON plugins.id = plugin_id WHERE name = ?"
        " ORDER BY kind, place, label",
        (name,),
    ).fetchall()
    for kind in {row["kind"] for row in rows}:
        ordered = [row for row in rows if row["kind"] == kind]
        connection.executemany(
            "UPDATE labels SET place = ? WHERE plugin_id = ? AND kind = ? AND label = ?",
            [(place, *row) for place, row in enumerate(ordered)],
        )


def fill_gaps(connection: Connection, gaps: Sequence[range], now: datetime) -> None:
    """An entry may be repeated freely, so each gap is filled with the one that follows it."""
    for gap in gaps:
        following = connection.execute("SELECT name FROM changes WHERE serial = ?", (gap.stop,)).fetchone()[0]
        connection.executemany(
            "INSERT INTO changes (serial, name, at) VALUES (?, ?, ?)", _entries(gap, following, now)
        )


def begin_epoch(connection: Connection, epoch: str) -> None:
    """Followers begin again. The earlier epochs are kept: by them a backup knows its registry."""
    former = changes.read_meta(connection, FORMER) if changes.has_meta(connection, FORMER) else ""
    changes.write_meta(connection, FORMER, f"{changes.read_epoch(connection)} {former}".strip())
    changes.write_meta(connection, "epoch", epoch)


def forget_shards(connection: Connection) -> None:
    changes.drop_shards(connection)
    connection.execute("DELETE FROM meta WHERE key IN ('snapshot', 'shards')")


def _entries(gap: range, name: str, now: datetime) -> Iterator[tuple[int, str, str]]:
    return ((serial, name, now.isoformat()) for serial in gap)


def _plugin_row(row: Row) -> PluginRow:
    return PluginRow(
        id=row["id"],
        name=row["name"],
        downloads=row["downloads"],
        documented_downloads=row["documented_downloads"],
        rating_sum=row["rating_sum"],
        rating_count=row["rating_count"],
        has_document=row["document"] is not None,
    )
