"""Ratings and reviews: one a user and plugin, changeable; sums kept on the plugin's row."""

from datetime import datetime

from registry_server.contract.wire import Rating
from registry_server.store.accounts import User
from registry_server.store.database import Connection


def put_rating(
    connection: Connection, plugin: int, user: User, *, rating: int, review: str, now: datetime
) -> None:
    connection.execute(
        "INSERT INTO ratings (plugin_id, user_id, rating, review, created_at, updated_at)"
        " VALUES (?,?,?,?,?,?) ON CONFLICT (plugin_id, user_id) DO UPDATE"
        " SET rating = excluded.rating, review = excluded.review, updated_at = excluded.updated_at",
        (plugin, user.id, rating, review, now.isoformat(), now.isoformat()),
    )
    _sum_up(connection, plugin)


def delete_rating(connection: Connection, plugin: int, user: User) -> None:
    connection.execute("DELETE FROM ratings WHERE plugin_id = ? AND user_id = ?", (plugin, user.id))
    _sum_up(connection, plugin)


def list_ratings(connection: Connection, plugin: int, *, offset: int, limit: int) -> list[Rating]:
    rows = connection.execute(
        "SELECT users.name, rating, review, updated_at FROM ratings JOIN users ON users.id = user_id"
        " WHERE plugin_id = ? ORDER BY updated_at DESC, users.name LIMIT ? OFFSET ?",
        (plugin, limit, offset),
    )
    return [
        Rating(
            author=row["name"],
            rating=row["rating"],
            review=row["review"],
            created_at=datetime.fromisoformat(row["updated_at"]),
        )
        for row in rows
    ]


def _sum_up(connection: Connection, plugin: int) -> None:
    connection.execute(
        "UPDATE plugins SET rating_sum = (SELECT coalesce(sum(rating), 0) FROM ratings WHERE plugin_id = id),"
        " rating_count = (SELECT count(*) FROM ratings WHERE plugin_id = id) WHERE id = ?",
        (plugin,),
    )
