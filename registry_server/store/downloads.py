"""Download counts per plugin, version and UTC day."""

from collections.abc import Mapping

from msgspec import Struct

from registry_server.contract.wire import DailyDownloads
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


def daily_counts(connection: Connection, plugin: int, days: int) -> list[DailyDownloads]:
    """The last `days` days that had any, oldest first."""
    rows = connection.execute(
        "SELECT day, sum(count) AS count FROM downloads WHERE plugin_id = ? GROUP BY day"
        " ORDER BY day DESC LIMIT ?",
        (plugin, days),
    ).fetchall()
    return [DailyDownloads(day=row["day"], downloads=row["count"]) for row in reversed(rows)]
