"""Ratings and reviews: one a user and plugin, changeable; sums kept on the plugin's row.

A hidden review keeps its row, so that its author is not asked to write it again, and counts for nothing.
"""

from datetime import datetime

from msgspec import Struct

from registry_server.contract.review_wire import Rating, ReviewReport, ReviewSort
from registry_server.store.accounts import User
from registry_server.store.database import Connection, Row

_ORDERS: dict[ReviewSort, str] = {
    "recent": "updated_at DESC",
    "helpful": "helpful DESC, updated_at DESC",
    "highest": "rating DESC, updated_at DESC",
    "lowest": "rating, updated_at DESC",
}


class Totals(Struct, frozen=True):
    stars: tuple[int, ...]
    """How many gave 1, 2, 3, 4 and 5."""
    reviews: int


def put_rating(
    connection: Connection, plugin: int, user: User, *, rating: int, review: str | None, now: datetime
) -> None:
    """Replaces an earlier one, with None but for its words; what was answered to other words goes."""
    connection.execute(
        "INSERT INTO ratings (plugin_id, user_id, rating, review, created_at, updated_at)"
        " VALUES (?1,?2,?3,coalesce(?4, ''),?5,?5) ON CONFLICT (plugin_id, user_id) DO UPDATE"
        " SET rating = excluded.rating, updated_at = excluded.updated_at,"
        " reply = iif(review = coalesce(?4, review), reply, ''),"
        " replied_by = iif(review = coalesce(?4, review), replied_by, ''),"
        " review = coalesce(?4, review)",
        (plugin, user.id, rating, review, now.isoformat()),
    )
    _sum_up(connection, plugin)


def delete_rating(connection: Connection, plugin: int, user: User) -> bool:
    """False when there was none."""
    cursor = connection.execute("DELETE FROM ratings WHERE plugin_id = ? AND user_id = ?", (plugin, user.id))
    _sum_up(connection, plugin)
    return cursor.rowcount == 1


def has_rating(connection: Connection, plugin: int, author: User) -> bool:
    query = "SELECT 1 FROM ratings WHERE plugin_id = ? AND user_id = ?"
    return connection.execute(query, (plugin, author.id)).fetchone() is not None


def hidden_reason(connection: Connection, plugin: int, author: User) -> str:
    """Empty when the author's review is shown, or there is none."""
    row = connection.execute(
        "SELECT hidden FROM ratings WHERE plugin_id = ? AND user_id = ?", (plugin, author.id)
    ).fetchone()
    return row["hidden"] if row else ""


def set_reply(connection: Connection, plugin: int, author: User, *, reply: str, by: User) -> None:
    connection.execute(
        "UPDATE ratings SET reply = ?, replied_by = ? WHERE plugin_id = ? AND user_id = ?",
        (reply, by.name if reply else "", plugin, author.id),
    )


def set_hidden(connection: Connection, plugin: int, author: User, *, reason: str) -> None:
    """Empty shows it again; reports of it are done with either way."""
    connection.execute(
        "UPDATE ratings SET hidden = ? WHERE plugin_id = ? AND user_id = ?", (reason, plugin, author.id)
    )
    connection.execute(
        "DELETE FROM review_reports WHERE plugin_id = ? AND author_id = ?", (plugin, author.id)
    )
    _sum_up(connection, plugin)


def set_helpful(connection: Connection, plugin: int, author: User, *, voter: User, is_helpful: bool) -> None:
    if is_helpful:
        query = "INSERT OR IGNORE INTO helpful_votes (plugin_id, author_id, voter_id) VALUES (?, ?, ?)"
    else:
        query = "DELETE FROM helpful_votes WHERE plugin_id = ? AND author_id = ? AND voter_id = ?"
    connection.execute(query, (plugin, author.id, voter.id))


def add_report(
    connection: Connection, plugin: int, author: User, *, reporter: User, reason: str, now: datetime
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO review_reports (plugin_id, author_id, reporter_id, reason, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (plugin, author.id, reporter.id, reason, now.isoformat()),
    )


def list_reports(connection: Connection, limit: int) -> list[ReviewReport]:
    """Oldest first."""
    rows = connection.execute(
        "SELECT plugins.name AS plugin, author.name AS author, reporter.name AS reporter, review, reason,"
        " review_reports.created_at FROM review_reports JOIN plugins ON plugins.id = review_reports.plugin_id"
        " JOIN users AS author ON author.id = author_id JOIN users AS reporter ON reporter.id = reporter_id"
        " JOIN ratings ON ratings.plugin_id = review_reports.plugin_id AND ratings.user_id = author_id"
        " ORDER BY review_reports.created_at LIMIT ?",
        (limit,),
    )
    return [
        ReviewReport(
            plugin=row["plugin"],
            author=row["author"],
            review=row["review"],
            reporter=row["reporter"],
            reason=row["reason"],
            created_at=datetime.fromisoformat(row["created_at"]),
        )
        for row in rows
    ]


def list_ratings(
    connection: Connection, plugin: int, *, sort: ReviewSort, offset: int, limit: int
) -> list[Rating]:
    rows = connection.execute(
        "SELECT users.name, ratings.*, (SELECT count(*) FROM helpful_votes"  # noqa: S608
        " WHERE helpful_votes.plugin_id = ratings.plugin_id AND author_id = ratings.user_id) AS helpful"
        " FROM ratings JOIN users ON users.id = user_id WHERE plugin_id = ?"
        f" ORDER BY {_ORDERS[sort]}, users.name LIMIT ? OFFSET ?",
        (plugin, limit, offset),
    )
    return [_rating(row) for row in rows]


def totals(connection: Connection, plugin: int) -> Totals:
    stars = [0] * 5
    reviews = 0
    rows = connection.execute(
        "SELECT rating, count(*) AS count, sum(review != '') AS reviews FROM ratings"
        " WHERE plugin_id = ? AND hidden = '' GROUP BY rating",
        (plugin,),
    )
    for row in rows:
        stars[row["rating"] - 1] = row["count"]
        reviews += row["reviews"]
    return Totals(tuple(stars), reviews)


def _rating(row: Row) -> Rating:
    return Rating(
        author=row["name"],
        rating=row["rating"],
        review="" if row["hidden"] else row["review"],
        created_at=datetime.fromisoformat(row["created_at"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
        helpful=row["helpful"],
        reply="" if row["hidden"] else row["reply"],
        replied_by="" if row["hidden"] else row["replied_by"],
        hidden=row["hidden"],
    )


def _sum_up(connection: Connection, plugin: int) -> None:
    connection.execute(
        "UPDATE plugins SET (rating_sum, rating_count) = (SELECT coalesce(sum(rating), 0), count(*)"
        " FROM ratings WHERE plugin_id = plugins.id AND hidden = '') WHERE id = ?",
        (plugin,),
    )
