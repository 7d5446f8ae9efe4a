"""Who is calling, and what they may do."""

from datetime import datetime
from fnmatch import fnmatchcase

from msgspec import Struct

from registry_server.contract.account_wire import SCOPES, Scope
from registry_server.contract.problems import Forbidden, PluginNotFound, Unauthorized
from registry_server.contract.tokens import is_token
from registry_server.registry import Registry
from registry_server.store import accounts, owners, plugins
from registry_server.store.accounts import User
from registry_server.store.database import Connection

LOCAL_USER = "local"


class Caller(Struct, frozen=True, kw_only=True):
    user: User
    scopes: frozenset[str]
    pattern: str = "*"
    address: str = ""
    """Where the request came from; empty inside this process."""
    token_id: int | None = None
    expires_at: datetime | None = None
    """Of the token."""

    @property
    def is_admin(self) -> bool:
        """Whether they act as one: an admin's narrower token does not."""
        return self.user.is_admin and "admin" in self.scopes


OPERATOR = Caller(user=User(0, "operator", True), scopes=frozenset(SCOPES))
"""Whoever runs the program on the registry's own data folder."""


def authenticate(registry: Registry, authorization: str | None, address: str = "") -> Caller | None:
    """The caller a header `Bearer dkt_...` stands for; None without a header.

    Raises `Unauthorized` for a token that is malformed, unknown, expired or revoked, or whose user is
    disabled.
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
    if row.is_disabled:
        raise _unauthorized(f"the account `{row.user.name}` is disabled", "")
    return Caller(
        user=row.user,
        scopes=row.scopes,
        pattern=row.pattern,
        address=address,
        token_id=row.id,
        expires_at=row.expires_at,
    )


def local_caller(registry: Registry) -> Caller:
    """The owner of an embedded registry: whoever runs the program."""
    user = accounts.find_user(registry.database.read(), LOCAL_USER)
    if user is None:
        with registry.database.write() as connection:
            user = accounts.ensure_user(connection, LOCAL_USER, is_admin=True, now=registry.clock())
    return Caller(user=user, scopes=frozenset(SCOPES))


def require_caller(caller: Caller | None) -> Caller:
    """Raises `Unauthorized` without a caller."""
    if caller is None:
        raise _unauthorized("this needs a token", "")
    return caller


def require(caller: Caller | None, scope: Scope, name: str = "") -> Caller:
    """The caller, when a token allows `scope` (for the plugin `name`).

    Raises `Unauthorized` without a caller and `Forbidden` for one who may not.
    """
    caller = require_caller(caller)
    if scope not in caller.scopes and not caller.is_admin:
        allowed = ", ".join(sorted(caller.scopes)) or "only reading"
        raise Forbidden(
            f"the token does not allow `{scope}`",
            detail=f"it allows {allowed}",
            hint="donkeytui login"
            if "account" not in caller.scopes
            else f"make one that does: donkeytui token create --scope {scope}",
        )
    _check_pattern(caller, name)
    return caller


def require_admin(caller: Caller | None, name: str = "") -> Caller:
    """The caller, when they act as an admin (on the plugin `name`)."""
    caller = require_caller(caller)
    if not caller.is_admin:
        raise Forbidden(
            "this is for admins",
            detail=f"{caller.user.name} is none"
            if not caller.user.is_admin
            else "the token does not allow `admin`",
            hint="ask the registry's operator",
        )
    _check_pattern(caller, name)
    return caller


def require_owner(connection: Connection, caller: Caller, name: str) -> int:
    """The plugin's id, when the caller owns it or is an admin.

    Who changes something asks in the transaction of the change: an owner may be removed at any moment.
    """
    plugin = plugins.plugin_id(connection, name)
    if plugin is None:
        raise PluginNotFound(f"there is no plugin `{name}`")
    if not caller.is_admin and not owners.is_owner(connection, plugin, caller.user):
        raise Forbidden(
            f"`{name}` is not yours",
            detail=f"it belongs to {', '.join(owners.owner_names(connection, plugin)) or 'nobody'},"
            f" you are {caller.user.name}",
            hint="ask an owner to invite you",
        )
    return plugin


def _check_pattern(caller: Caller, name: str) -> None:
    if name and not fnmatchcase(name, caller.pattern):
        raise Forbidden(
            f"the token is not for `{name}`", detail=f"it is for plugins named like `{caller.pattern}`"
        )


def _unauthorized(title: str, detail: str) -> Unauthorized:
    return Unauthorized(title, detail=detail, hint="donkeytui login, or a token in DONKEYTUI_TOKEN")
