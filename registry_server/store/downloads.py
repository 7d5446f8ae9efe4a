"""Download counts per plugin, version and UTC day."""

from collections.abc import Mapping

from msgspec import Struct

from registry_server.contract.review_wire import DailyDownloads, PluginDownloads, VersionDownloads
from registry_server.store.database import Connection


class DownloadKey(Struct, frozen=True):
    plugin_id: int
    version: str
    day: str


def add_counts(connection: Connection, counted: Mapping[DownloadKey, int]) -> None:
    connection.executemany(
        "INSERT INTO downloads (plugin_id, version, day, count) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (plugin_id, day, version) DO UPDATE SET count = count + excluded.count",
        [(key.plugin_id, key.version, key.day, count) for key, count in counted.items()],
    )
    connection.executemany(
        "UPDATE plugins SET downloads = downloads + ? WHERE id = ?",
        [(count, key.plugin_id) for key, count in counted.items()],
    )


def plugins_outdated(connection: Connection) -> list[int]:
    """Plugins whose documented count lags so far behind that followers should hear of it.

    A twentieth more, at least one: a plugin's whole life of downloads costs a few hundred changes.
    """
    rows = connection.execute("SELECT id FROM plugins WHERE downloads > documented_downloads * 1.05")
    return [row["id"] for row in rows]


def daily_counts(
    connection: Connection, since: str, *, plugin: int | None = None, owner: int | None = None
) -> list[DailyDownloads]:
    """Days from `since` on that had any, oldest first; of a plugin, of a user together, or of all."""
    where, values = "", list[object]([since])
    if plugin is not None:
        where, values = " AND plugin_id = ?", [since, plugin]
    elif owner is not None:
        where = " AND plugin_id IN (SELECT plugin_id FROM owners WHERE user_id = ?)"
        values = [since, owner]
    rows = connection.execute(
        f"SELECT day, sum(count) AS count FROM downloads WHERE day >= ?{where} GROUP BY day ORDER BY day",  # noqa: S608
        values,
    )
    return [DailyDownloads(day=row["day"], downloads=row["count"]) for row in rows]


def version_counts(connection: Connection, plugin: int) -> list[VersionDownloads]:
    """Most first."""
    rows = connection.execute(
        "SELECT version, sum(count) AS count FROM downloads WHERE plugin_id = ? GROUP BY version"
        " ORDER BY count DESC, version",
        (plugin,),
    )
    return [VersionDownloads(version=row["version"], downloads=row["count"]) for row in rows]


def most_downloaded(connection: Connection, since: str, limit: int) -> list[PluginDownloads]:
    rows = connection.execute(
        "SELECT name, sum(count) AS count FROM downloads JOIN plugins ON plugins.id = plugin_id"
        " WHERE day >= ? AND document IS NOT NULL GROUP BY plugin_id ORDER BY count DESC, name LIMIT ?",
        (since, limit),
    )
    return [PluginDownloads(name=row["name"], downloads=row["count"]) for row in rows]


def count_since(connection: Connection, plugin: int, since: str) -> int:
    count: int = connection.execute(
        "SELECT coalesce(sum(count), 0) FROM downloads WHERE plugin_id = ? AND day >= ?", (plugin, since)
    ).fetchone()[0]
    return count
