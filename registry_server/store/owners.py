"""Who a plugin belongs to, and who was offered a share of it."""

from datetime import datetime

from registry_server.contract.account_wire import Invitation
from registry_server.store.accounts import User
from registry_server.store.database import Connection

INVITATIONS_SHOWN = 100


def add_owner(connection: Connection, plugin_id: int, user: User) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO owners (plugin_id, user_id) VALUES (?, ?)", (plugin_id, user.id)
    )


def remove_owner(connection: Connection, plugin_id: int, user: User) -> bool:
    """False when the plugin was not theirs."""
    cursor = connection.execute(
        "DELETE FROM owners WHERE plugin_id = ? AND user_id = ?", (plugin_id, user.id)
    )
    return cursor.rowcount == 1


def owner_names(connection: Connection, plugin_id: int) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM owners JOIN users ON users.id = user_id WHERE plugin_id = ? ORDER BY name",
        (plugin_id,),
    )
    return [row["name"] for row in rows]


def is_owner(connection: Connection, plugin_id: int, user: User) -> bool:
    query = "SELECT 1 FROM owners WHERE plugin_id = ? AND user_id = ?"
    return connection.execute(query, (plugin_id, user.id)).fetchone() is not None


def owned_plugins(connection: Connection, user: User, limit: int) -> list[int]:
    """Ids of the user's plugins: those that wait for an admin, then the most downloaded."""
    rows = connection.execute(
        "SELECT plugins.id FROM owners JOIN plugins ON plugins.id = plugin_id"
        " WHERE user_id = ? ORDER BY held = '', downloads DESC, name LIMIT ?",
        (user.id, limit),
    )
    return [row["id"] for row in rows]


def invite(connection: Connection, plugin_id: int, user: User, *, by: User, now: datetime) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO invitations (plugin_id, user_id, invited_by, created_at) VALUES (?, ?, ?, ?)",
        (plugin_id, user.id, by.id, now.isoformat()),
    )


def end_invitation(connection: Connection, plugin_id: int, user: User) -> bool:
    """False when there was none."""
    cursor = connection.execute(
        "DELETE FROM invitations WHERE plugin_id = ? AND user_id = ?", (plugin_id, user.id)
    )
    return cursor.rowcount == 1


def invited_names(connection: Connection, plugin_id: int) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM invitations JOIN users ON users.id = user_id WHERE plugin_id = ? ORDER BY name",
        (plugin_id,),
    )
    return [row["name"] for row in rows]


def invitations_of(connection: Connection, user: User) -> list[Invitation]:
    rows = connection.execute(
        "SELECT plugins.name, users.name AS invited_by, invitations.created_at FROM invitations"
        " JOIN plugins ON plugins.id = plugin_id JOIN users ON users.id = invited_by"
        " WHERE invitations.user_id = ? ORDER BY invitations.created_at DESC, plugins.name LIMIT ?",
        (user.id, INVITATIONS_SHOWN),
    )
    return [
        Invitation(
            plugin=row["name"],
            invited_by=row["invited_by"],
            created_at=datetime.fromisoformat(row["created_at"]),
        )
        for row in rows
    ]
