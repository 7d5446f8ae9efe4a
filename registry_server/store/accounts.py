"""Users and tokens. Only the SHA-256 of a token is stored, and only a slow hash of a password."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from registry_server.contract.account_wire import TokenInfo
from registry_server.store.database import Connection, Row

TOKENS_SHOWN = 500


class User(Struct, frozen=True):
    id: int
    name: str
    is_admin: bool


class Account(Struct, frozen=True, kw_only=True):
    """A user as the operator sees them."""

    user: User
    password: str
    """What `passwords` made of it; empty: this user has none."""
    github_id: int | None
    is_disabled: bool
    created_at: str


class TokenRow(Struct, frozen=True, kw_only=True):
    id: int
    user: User
    scopes: frozenset[str]
    pattern: str
    """Names the token is good for; `*` stands for any run of characters."""
    expires_at: datetime
    is_revoked: bool
    is_disabled: bool
    """Whether its user is."""


def ensure_user(connection: Connection, name: str, *, is_admin: bool, now: datetime) -> User:
    """The user called `name`, made when there is none; an existing one keeps its role."""
    connection.execute(
        "INSERT INTO users (name, is_admin, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
        (name, int(is_admin), now.isoformat()),
    )
    user = find_user(connection, name)
    assert user is not None
    return user


def find_user(connection: Connection, name: str) -> User | None:
    row = connection.execute("SELECT id, name, is_admin FROM users WHERE name = ?", (name,)).fetchone()
    return _user(row) if row else None


def find_account(connection: Connection, name: str) -> Account | None:
    row = connection.execute("SELECT * FROM users WHERE name = ?", (name,)).fetchone()
    return _account(row) if row else None


def find_github_account(connection: Connection, github_id: int) -> Account | None:
    row = connection.execute("SELECT * FROM users WHERE github_id = ?", (github_id,)).fetchone()
    return _account(row) if row else None


def list_accounts(connection: Connection) -> list[Account]:
    return [_account(row) for row in connection.execute("SELECT * FROM users ORDER BY name")]


def set_password(connection: Connection, user: User, password: str) -> None:
    connection.execute("UPDATE users SET password = ? WHERE id = ?", (password, user.id))


def set_github_id(connection: Connection, user: User, github_id: int | None) -> None:
    connection.execute("UPDATE users SET github_id = ? WHERE id = ?", (github_id, user.id))


def set_admin(connection: Connection, user: User, *, is_admin: bool) -> None:
    connection.execute("UPDATE users SET is_admin = ? WHERE id = ?", (int(is_admin), user.id))


def set_disabled(connection: Connection, user: User, *, is_disabled: bool) -> None:
    connection.execute("UPDATE users SET is_disabled = ? WHERE id = ?", (int(is_disabled), user.id))


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
) -> int:
    """Returns the token's number."""
    cursor = connection.execute(
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
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def find_token(connection: Connection, secret: str) -> TokenRow | None:
    row = connection.execute(
        "SELECT tokens.id AS token, users.id, users.name, users.is_admin, users.is_disabled, scopes, pattern,"
        " expires_at, revoked_at FROM tokens JOIN users ON users.id = user_id WHERE digest = ?",
        (_digest(secret),),
    ).fetchone()
    if row is None:
        return None
    return TokenRow(
        id=row["token"],
        user=_user(row),
        scopes=frozenset(row["scopes"].split()),
        pattern=row["pattern"],
        expires_at=datetime.fromisoformat(row["expires_at"]),
        is_revoked=row["revoked_at"] is not None,
        is_disabled=bool(row["is_disabled"]),
    )


def is_revoked(connection: Connection, token_id: int) -> bool:
    row = connection.execute("SELECT revoked_at FROM tokens WHERE id = ?", (token_id,)).fetchone()
    return row is None or row["revoked_at"] is not None


def list_tokens(connection: Connection) -> list[TokenInfo]:
    """Of all users, whether they still work or not; oldest first."""
    rows = connection.execute(
        "SELECT tokens.*, users.name FROM tokens JOIN users ON users.id = user_id ORDER BY tokens.id"
    )
    return _tokens(rows)


def working_tokens(connection: Connection, user: User, now: datetime) -> list[TokenInfo]:
    """Of one user, oldest first; of very many the newest."""
    rows = connection.execute(
        "SELECT * FROM (SELECT tokens.*, users.name FROM tokens JOIN users ON users.id = user_id"
        " WHERE user_id = ? AND revoked_at IS NULL AND expires_at > ? ORDER BY tokens.id DESC LIMIT ?)"
        " ORDER BY id",
        (user.id, now.isoformat(), TOKENS_SHOWN),
    )
    return _tokens(rows)


def _tokens(rows: Iterable[Row]) -> list[TokenInfo]:
    return [
        TokenInfo(
            id=row["id"],
            user=row["name"],
            label=row["label"],
            scopes=tuple(row["scopes"].split()),
            pattern=row["pattern"],
            created_at=datetime.fromisoformat(row["created_at"]),
            expires_at=datetime.fromisoformat(row["expires_at"]),
            revoked_at=datetime.fromisoformat(row["revoked_at"]) if row["revoked_at"] else None,
        )
        for row in rows
    ]


def revoke_token(connection: Connection, token_id: int, now: datetime, *, user: User | None = None) -> bool:
    """False when `user` (None: anybody) has no such token that still works."""
    cursor = connection.execute(
        "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
        " AND user_id = coalesce(?, user_id)",
        (now.isoformat(), token_id, user.id if user else None),
    )
    return cursor.rowcount == 1


def _user(row: Row) -> User:
    return User(row["id"], row["name"], bool(row["is_admin"]))


def _account(row: Row) -> Account:
    return Account(
        user=_user(row),
        password=row["password"],
        github_id=row["github_id"],
        is_disabled=bool(row["is_disabled"]),
        created_at=row["created_at"],
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
