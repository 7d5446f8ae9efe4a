"""Who is calling, what they may do, and the tokens they show."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import Struct

from registry_server.contract.names import NAME_MAX, is_name
from registry_server.contract.problems import (
    Forbidden,
    InvalidName,
    InvalidRequest,
    PluginNotFound,
    Unauthorized,
)
from registry_server.contract.tokens import RANDOM_BYTES, is_token, make_token
from registry_server.registry import Registry
from registry_server.store import accounts, plugins
from registry_server.store.accounts import TokenListing, User

Scope = Literal["publish-new", "publish", "yank", "rate", "admin"]
SCOPES: tuple[Scope, ...] = ("publish-new", "publish", "yank", "rate", "admin")
LOCAL_USER = "local"
DEFAULT_LIFETIME = timedelta(days=30)
LIFETIME_MAX = timedelta(days=365)


class Caller(Struct, frozen=True, kw_only=True):
    user: User
    scopes: frozenset[str]
    pattern: str = "*"


def authenticate(registry: Registry, authorization: str | None) -> Caller | None:
    """The caller a header `Bearer dkt_...` stands for; None without a header.

    Raises `Unauthorized` for a token that is malformed, unknown, expired or revoked.
    """
    if not authorization:
        return None
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not is_token(secret.strip()):
        raise _unauthorized("the token is not one of this registry's", "its form is wrong")
    row = accounts.find_token(registry.database.read(), secret.strip())
    if row is None:
        raise _unauthorized("the token is not one of this registry's", "nobody here was given it")
    if row.is_revoked:
        raise _unauthorized("the token was revoked", "")
    if row.expires_at <= registry.clock():
        raise _unauthorized("the token has expired", f"it was good until {row.expires_at:%Y-%m-%d %H:%M} UTC")
    return Caller(user=row.user, scopes=row.scopes, pattern=row.pattern)


def local_caller(registry: Registry) -> Caller:
    """The owner of an embedded registry: whoever runs the program."""
    user = accounts.find_user(registry.database.read(), LOCAL_USER)
    if user is None:
        with registry.database.write() as connection:
            user = accounts.ensure_user(connection, LOCAL_USER, is_admin=True, now=registry.clock())
    return Caller(user=user, scopes=frozenset(SCOPES))


def require(caller: Caller | None, scope: Scope, name: str = "") -> Caller:
    """The caller, when a token allows `scope` (for the plugin `name`).

    Raises `Unauthorized` without a caller and `Forbidden` for one who may not.
    """
    if caller is None:
        raise _unauthorized("this needs a token", "")
    if scope not in caller.scopes and "admin" not in caller.scopes:
        allowed = ", ".join(sorted(caller.scopes)) or "nothing"
        raise Forbidden(
            f"the token does not allow `{scope}`",
            detail=f"it allows {allowed}",
            hint="ask the registry's operator for a token with this scope",
        )
    if name and not fnmatchcase(name, caller.pattern):
        raise Forbidden(
            f"the token is not for `{name}`", detail=f"it is for plugins named like `{caller.pattern}`"
        )
    return caller


def require_owner(registry: Registry, caller: Caller, name: str) -> int:
    """The plugin's id, when the caller owns it or is an admin."""
    connection = registry.database.read()
    plugin = plugins.plugin_id(connection, name)
    if plugin is None:
        raise PluginNotFound(f"there is no plugin `{name}`")
    is_admin = caller.user.is_admin and "admin" in caller.scopes
    if not is_admin and not accounts.is_owner(connection, plugin, caller.user):
        raise Forbidden(
            f"`{name}` is not yours",
            detail=f"it belongs to {', '.join(accounts.owner_names(connection, plugin)) or 'nobody'},"
            f" you are {caller.user.name}",
            hint="ask an owner to add you",
        )
    return plugin


def create_token(
    registry: Registry,
    user_name: str,
    *,
    scopes: Iterable[str],
    pattern: str = "*",
    lifetime: timedelta = DEFAULT_LIFETIME,
    is_admin: bool = False,
) -> str:
    """A new token of `user_name` (made when unknown); the only time its text exists.

    Raises `InvalidRequest` for an unknown scope or a lifetime beyond `LIFETIME_MAX`, `InvalidName` for a
    user's name that is not formed like a plugin's.
    """
    wanted = frozenset(scopes)
    if unknown := wanted - set(SCOPES):
        raise InvalidRequest(f"`{min(unknown)}` is not a scope", hint=f"scopes are {', '.join(SCOPES)}")
    if not timedelta(0) < lifetime <= LIFETIME_MAX:
        raise InvalidRequest(
            "a token lives between a moment and 365 days", detail=f"asked for {lifetime.days} days"
        )
    if not is_name(user_name):
        raise InvalidName(
            f"`{user_name[:NAME_MAX]}` is not a name for a user",
            detail=f"it has lower case letters, digits and single dashes (or camelCase), up to {NAME_MAX}",
            hint="registry-server token create ada",
        )
    secret = make_token(secrets.token_bytes(RANDOM_BYTES))
    now = registry.clock()
    with registry.database.write() as connection:
        user = accounts.ensure_user(connection, user_name, is_admin=is_admin, now=now)
        accounts.add_token(
            connection,
            user,
            secret=secret,
            label="",
            scopes=wanted,
            pattern=pattern,
            now=now,
            lifetime=lifetime,
        )
    return secret


def list_tokens(registry: Registry) -> list[TokenListing]:
    return accounts.list_tokens(registry.database.read())


def revoke_token(registry: Registry, token_id: int) -> None:
    """Raises `InvalidRequest` when there is no working token of this number."""
    with registry.database.write() as connection:
        if not accounts.revoke_token(connection, token_id, registry.clock()):
            raise InvalidRequest(f"there is no working token {token_id}", hint="registry-server token list")


def owner_names(registry: Registry, name: str) -> list[str]:
    connection = registry.database.read()
    plugin = plugins.plugin_id(connection, name)
    if plugin is None:
        raise PluginNotFound(f"there is no plugin `{name}`")
    return accounts.owner_names(connection, plugin)


def _unauthorized(title: str, detail: str) -> Unauthorized:
    return Unauthorized(
        title,
        detail=detail,
        hint="put a token of this registry into DONKEYTUI_TOKEN (registry-server token create)",
    )
