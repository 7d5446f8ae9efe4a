"""Access tokens: make, list, revoke. Nobody gives away more than they have."""

import contextlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from registry_server.contract.account_wire import (
    SCOPES,
    IssuedToken,
    TokenInfo,
    TokenRequest,
)
from registry_server.contract.names import NAME_MAX, is_name
from registry_server.contract.problems import (
    Forbidden,
    InvalidName,
    InvalidRequest,
    TokenNotFound,
    Unauthorized,
)
from registry_server.contract.routes import LABEL_MAX, NAME_PATTERN_MAX, TOKEN_DAYS_MAX
from registry_server.contract.tokens import RANDOM_BYTES, is_token, make_token
from registry_server.operations.accounts import OPERATOR, Caller, require, require_caller
from registry_server.operations.audit import log
from registry_server.registry import Registry
from registry_server.store import accounts
from registry_server.store.accounts import User
from registry_server.store.database import Connection

LIFETIME_MAX = timedelta(days=TOKEN_DAYS_MAX)
ANYBODY = "anybody"
"""Whoever reports a leaked token, in the audit log."""


def create_token(
    registry: Registry,
    user_name: str,
    *,
    scopes: Iterable[str],
    pattern: str = "*",
    lifetime: timedelta | None = None,
    is_admin: bool = False,
    label: str = "",
) -> str:
    """The operator's way: a new token of `user_name` (made when unknown); the only time its text exists.

    Raises `InvalidRequest` for an unknown scope or a lifetime beyond `LIFETIME_MAX`, `InvalidName` for a
    user's name that is not formed like a plugin's.
    """
    check_user_name(user_name)
    with registry.database.write() as connection:
        user = accounts.ensure_user(connection, user_name, is_admin=is_admin, now=registry.clock())
        if "admin" in (scopes := tuple(scopes)) and not user.is_admin:
            raise InvalidRequest(
                f"{user_name} is no admin",
                detail="a token cannot make one",
                hint=f"registry-server user admin {user_name}",
            )
        return issue(
            connection,
            registry,
            user,
            caller=OPERATOR,
            request=TokenRequest(label=label, scopes=tuple(scopes), pattern=pattern),  # type: ignore[arg-type]
            lifetime=lifetime,
        ).token


def create_own_token(registry: Registry, caller: Caller | None, request: TokenRequest) -> IssuedToken:
    """A further token of the caller, allowed no more than the one shown.

    Raises `Forbidden` for scopes, names or a time beyond it.
    """
    caller = require(caller, "account")
    if beyond := set(request.scopes) - caller.scopes:
        raise Forbidden(
            f"the token cannot give `{min(beyond)}`",
            detail=f"it allows {', '.join(sorted(caller.scopes))} itself",
            hint="log in again: donkeytui login",
        )
    if caller.pattern not in ("*", request.pattern):
        raise Forbidden(
            f"the token cannot be for `{request.pattern[:NAME_PATTERN_MAX]}`",
            detail=f"the one shown is for plugins named like `{caller.pattern}`",
        )
    wanted = lifetime_of(request.days)
    with registry.database.write() as connection:
        lifetime = _within(_time_left(connection, registry, caller), wanted, registry)
        return issue(connection, registry, caller.user, caller=caller, request=request, lifetime=lifetime)


def lifetime_of(days: int | None) -> timedelta | None:
    """Raises `InvalidRequest` for days that no token lives."""
    if days is not None and not 0 < days <= TOKEN_DAYS_MAX:
        raise _lifetime_refused(LIFETIME_MAX, str(days))
    return timedelta(days=days) if days is not None else None


def _time_left(connection: Connection, registry: Registry, caller: Caller) -> timedelta | None:
    """Of the token shown; None for who needs none.

    Raises `Unauthorized` when it was revoked a moment ago: nothing that outlives it may come of it.
    """
    if caller.token_id is None or caller.expires_at is None:
        return None
    if accounts.is_revoked(connection, caller.token_id):
        raise Unauthorized("the token was revoked", hint="donkeytui login")
    return caller.expires_at - registry.clock()


def _within(left: timedelta | None, wanted: timedelta | None, registry: Registry) -> timedelta | None:
    """What was wanted, else what the settings say, and never longer than `left`.

    A day that has begun counts: 30 days are to be had by a token of 30 days that was made a moment ago.
    Raises `Forbidden` beyond that.
    """
    if left is None:
        return wanted
    if wanted is not None and wanted - left >= timedelta(days=1):
        raise Forbidden(
            f"the token cannot be for {wanted.days} days",
            detail=f"the one shown is good for {left.days} more",
            hint="log in again: donkeytui login",
        )
    return min(wanted or timedelta(days=registry.settings.tokens.default_days), left)


def issue(
    connection: Connection,
    registry: Registry,
    user: User,
    *,
    caller: Caller,
    request: TokenRequest,
    lifetime: timedelta | None,
) -> IssuedToken:
    """Checked, stored and logged; `lifetime` None: as long as the settings say."""
    lifetime = timedelta(days=registry.settings.tokens.default_days) if lifetime is None else lifetime
    longest = LIFETIME_MAX if caller is OPERATOR else timedelta(days=registry.settings.tokens.max_days)
    _check_request(request, lifetime, longest)
    secret = make_token(secrets.token_bytes(RANDOM_BYTES))
    now = registry.clock()
    scopes = frozenset[str](request.scopes)
    number = accounts.add_token(
        connection,
        user,
        secret=secret,
        label=request.label,
        scopes=scopes,
        pattern=request.pattern,
        now=now,
        lifetime=lifetime,
    )
    log(
        connection,
        registry,
        caller,
        "token-create",
        user.name,
        detail=f"{number}: {' '.join(sorted(scopes))}",
    )
    return IssuedToken(
        token=secret,
        id=number,
        user=user.name,
        label=request.label,
        scopes=tuple(sorted(scopes)),
        pattern=request.pattern,
        expires_at=now + lifetime,
    )


def list_tokens(registry: Registry) -> list[TokenInfo]:
    """Of everybody, for the operator."""
    return accounts.list_tokens(registry.database.read())


def list_own_tokens(registry: Registry, caller: Caller | None) -> list[TokenInfo]:
    """The caller's that still work."""
    caller = require(caller, "account")
    return accounts.working_tokens(registry.database.read(), caller.user, registry.clock())


def revoke_token(registry: Registry, token_id: int, caller: Caller = OPERATOR) -> None:
    """Useless at once. Raises `TokenNotFound` when there is no working token of this number."""
    _revoke(registry, caller, token_id, owner=None)


def revoke_own_token(registry: Registry, caller: Caller | None, token_id: int) -> None:
    """The caller's own, or as an admin anybody's; the one shown needs no scope for it."""
    caller = require_caller(caller)
    if token_id != caller.token_id:
        require(caller, "account")
    _revoke(registry, caller, token_id, owner=None if caller.is_admin else caller.user)


def revoke_leaked_token(registry: Registry, secret: str, address: str) -> None:
    """Whoever can show a token may end it. Says nothing of whether there was one."""
    if not is_token(secret):
        raise InvalidRequest(
            "this is not the text of a token", detail="it begins with dkt_ and has 40 characters"
        )
    row = accounts.find_token(registry.database.read(), secret)
    if row is not None and not row.is_revoked:
        finder = Caller(user=User(0, ANYBODY, False), scopes=frozenset(), address=address)
        with contextlib.suppress(TokenNotFound):  # somebody was quicker
            _revoke(registry, finder, row.id, owner=None, action="token-leaked")


def _revoke(
    registry: Registry, caller: Caller, token_id: int, *, owner: User | None, action: str = "token-revoke"
) -> None:
    with registry.database.write() as connection:
        if not accounts.revoke_token(connection, token_id, registry.clock(), user=owner):
            program = "registry-server" if caller is OPERATOR else "donkeytui"
            raise TokenNotFound(f"there is no working token {token_id}", hint=f"{program} token list")
        log(connection, registry, caller, action, str(token_id))


def is_user_name(name: str) -> bool:
    """Formed like a plugin's, and not what the audit log calls somebody who is no user."""
    return is_name(name) and name.casefold() not in (OPERATOR.user.name, ANYBODY)


def check_user_name(name: str) -> None:
    if is_name(name) and not is_user_name(name):
        raise InvalidName(
            f"a user cannot be called `{name}`",
            detail="the audit log means somebody else by it",
            hint="choose another name",
        )
    if not is_name(name):
        raise InvalidName(
            f"`{name[:NAME_MAX]}` is not a name for a user",
            detail=f"it has lower case letters, digits and single dashes (or camelCase), up to {NAME_MAX}",
            hint="registry-server user create ada",
        )


def _lifetime_refused(longest: timedelta, asked: str) -> InvalidRequest:
    return InvalidRequest(
        f"a token lives between a moment and {longest.days} days", detail=f"asked for {asked} days"
    )


def _check_request(request: TokenRequest, lifetime: timedelta, longest: timedelta) -> None:
    if unknown := set(request.scopes) - set(SCOPES):
        raise InvalidRequest(f"`{min(unknown)}` is not a scope", hint=f"scopes are {', '.join(SCOPES)}")
    if not timedelta(0) < lifetime <= longest:
        raise _lifetime_refused(longest, str(lifetime.days))
    if not 0 < len(request.pattern) <= NAME_PATTERN_MAX or not request.pattern.isprintable():
        raise InvalidRequest("the pattern of names cannot be read", hint="write it like `team-*`")
    if len(request.label) > LABEL_MAX or not (request.label == "" or request.label.isprintable()):
        raise InvalidRequest(f"a label has at most {LABEL_MAX} readable characters")
