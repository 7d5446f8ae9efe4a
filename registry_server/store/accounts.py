"""Users, tokens and owners. Only the SHA-256 of a token is stored."""

import hashlib
from datetime import datetime, timedelta

from msgspec import Struct

from registry_server.store.database import Connection


class User(Struct, frozen=True):
    id: int
    name: str
    is_admin: bool


class TokenRow(Struct, frozen=True, kw_only=True):
    user: User
    scopes: frozenset[str]
    pattern: str
    """Names the token is good for; `*` stands for any run of characters."""
    expires_at: datetime
    is_revoked: bool


class TokenListing(Struct, frozen=True, kw_only=True):
    id: int
    user: str
    label: str
    scopes: tuple[str, ...]
    pattern: str
    created_at: str
    expires_at: str
    revoked_at: str | None


def ensure_user(connection: Connection, name: str, *, is_admin: bool, now: datetime) -> User:
    """The user called `name`, made when there is none; an existing one keeps its role."""
    connection.execute(
        "INSERT INTO users (name, is_admin, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
        (name, int(is_admin), now.isoformat()),
    )
    row = connection.execute("SELECT id, name, is_admin FROM users WHERE name = ?", (name,)).fetchone()
    return User(row["id"], row["name"], bool(row["is_admin"]))


def find_user(connection: Connection, name: str) -> User | None:
    row = connection.execute("SELECT id, name, is_admin FROM users WHERE name = ?", (name,)).fetchone()
    return User(row["id"], row["name"], bool(row["is_admin"])) if row else None


def add_token(
    connection: Connection,
    user: User,
    *,
    secret: str,
    label: str,
    scopes: frozenset[str],
    pattern: str,
    now: datetime,
    lifetime: timedelta,
) -> None:
    connection.execute(
        "INSERT INTO tokens (user_id, digest, label, scopes, pattern, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            user.id,
            _digest(secret),
            label,
            " ".join(sorted(scopes)),
            pattern,
            now.isoformat(),
            (now + lifetime).isoformat(),
        ),
    )


def find_token(connection: Connection, secret: str) -> TokenRow | None:
    row = connection.execute(
        "SELECT users.id, users.name, users.is_admin, scopes, pattern, expires_at, revoked_at"
        " FROM tokens JOIN users ON users.id = user_id WHERE digest = ?",
        (_digest(secret),),
    ).fetchone()
    if row is None:
        return None
    return TokenRow(
        user=User(row["id"], row["name"], bool(row["is_admin"])),
        scopes=frozenset(row["scopes"].split()),
        pattern=row["pattern"],
        expires_at=datetime.fromisoformat(row["expires_at"]),
        is_revoked=row["revoked_at"] is not None,
    )


def list_tokens(connection: Connection) -> list[TokenListing]:
    rows = connection.execute(
        "SELECT tokens.id, users.name, label, scopes, pattern, tokens.created_at, expires_at, revoked_at"
        " FROM tokens JOIN users ON users.id = user_id ORDER BY tokens.id"
    )
    return [
        TokenListing(
            id=row["id"],
            user=row["name"],
            label=row["label"],
            scopes=tuple(row["scopes"].split()),
            pattern=row["pattern"],
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            revoked_at=row["revoked_at"],
        )
        for row in rows
    ]


def revoke_token(connection: Connection, token_id: int, now: datetime) -> bool:
    """False when there is no such token that still works."""
    cursor = connection.execute(
        "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now.isoformat(), token_id)
    )
    return cursor.rowcount == 1


def add_owner(connection: Connection, plugin_id: int, user: User) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO owners (plugin_id, user_id) VALUES (?, ?)", (plugin_id, user.id)
    )


def owner_names(connection: Connection, plugin_id: int) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM owners JOIN users ON users.id = user_id WHERE plugin_id = ? ORDER BY name",
        (plugin_id,),
    )
    return [row["name"] for row in rows]


def is_owner(connection: Connection, plugin_id: int, user: User) -> bool:
    query = "SELECT 1 FROM owners WHERE plugin_id = ? AND user_id = ?"
    return connection.execute(query, (plugin_id, user.id)).fetchone() is not None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
