"""What admins decided of plugins and releases: marks, held names, quarantine, reserved names."""

from registry_server.contract.names import lookalike_key
from registry_server.store.database import Connection

MODERATED_SHOWN = 1000


def set_flag(connection: Connection, plugin: int, *, verified: bool | None, featured: bool | None) -> None:
    """Marks that only an admin sets; None leaves one alone."""
    connection.execute(
        "UPDATE plugins SET verified = coalesce(?, verified), featured = coalesce(?, featured) WHERE id = ?",
        (verified, featured, plugin),
    )


def held_reason(connection: Connection, plugin: int) -> str:
    """Empty when the plugin is not held."""
    reason: str = connection.execute("SELECT held FROM plugins WHERE id = ?", (plugin,)).fetchone()["held"]
    return reason


def quarantine_reason(connection: Connection, plugin: int, version: str = "") -> str:
    """Of the plugin as a whole, or of one release by itself; empty when it is not in quarantine."""
    if version:
        query = "SELECT quarantine FROM releases WHERE plugin_id = ? AND version = ?"
        row = connection.execute(query, (plugin, version)).fetchone()
    else:
        row = connection.execute("SELECT quarantine FROM plugins WHERE id = ?", (plugin,)).fetchone()
    return row["quarantine"] if row else ""


def end_hold(connection: Connection, plugin: int) -> None:
    connection.execute("UPDATE plugins SET held = '' WHERE id = ?", (plugin,))


def set_quarantine(connection: Connection, plugin: int, *, version: str, reason: str) -> None:
    """Of one release, or with an empty `version` of the whole plugin; an empty reason lifts it."""
    if version:
        connection.execute(
            "UPDATE releases SET quarantine = ? WHERE plugin_id = ? AND version = ?",
            (reason, plugin, version),
        )
    else:
        connection.execute("UPDATE plugins SET quarantine = ? WHERE id = ?", (reason, plugin))


def moderated(connection: Connection) -> list[tuple[int, str, str, str, str]]:
    """Plugin id, name, version (empty: the plugin), `held` or `quarantined`, reason; by name."""
    rows = connection.execute(
        "SELECT id, name, '' AS version, 'held' AS kind, held AS reason FROM plugins WHERE held != ''"
        " UNION ALL SELECT id, name, '', 'quarantined', quarantine FROM plugins WHERE quarantine != ''"
        " UNION ALL SELECT plugins.id, name, version, 'quarantined', releases.quarantine FROM releases"
        " JOIN plugins ON plugins.id = plugin_id WHERE releases.quarantine != ''"
        " ORDER BY kind, name, version LIMIT ?",
        (MODERATED_SHOWN,),
    )
    return [tuple(row) for row in rows]


def popular_names(connection: Connection, downloads: int) -> list[str]:
    """Plugins that somebody may want to be taken for: verified, or downloaded this often."""
    rows = connection.execute(
        "SELECT name FROM plugins WHERE document IS NOT NULL AND (verified OR downloads >= ?)", (downloads,)
    )
    return [row["name"] for row in rows]


def reserve_name(connection: Connection, name: str, reason: str) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO reserved_names (lookalike, name, reason) VALUES (?, ?, ?)",
        (lookalike_key(name), name, reason),
    )


def free_name(connection: Connection, name: str) -> bool:
    """False when it was not reserved."""
    cursor = connection.execute("DELETE FROM reserved_names WHERE lookalike = ?", (lookalike_key(name),))
    return cursor.rowcount == 1


def reserved_reason(connection: Connection, name: str) -> str | None:
    row = connection.execute(
        "SELECT reason FROM reserved_names WHERE lookalike = ?", (lookalike_key(name),)
    ).fetchone()
    return row["reason"] if row else None


def reserved_names(connection: Connection) -> list[tuple[str, str]]:
    return [
        (row["name"], row["reason"])
        for row in connection.execute("SELECT name, reason FROM reserved_names ORDER BY name")
    ]
