"""Log in, log out, and what a token stands for.

A login ends in a token like any other. By password, or by GitHub's device flow (RFC 8628): the registry asks
GitHub for a code, the person enters it there, and the registry asks GitHub who that was. GitHub's own
token is used for that one question and never kept.
"""

from typing import Literal

from registry_server.contract.account_wire import (
    SCOPES,
    DevicePoll,
    DeviceStart,
    DeviceState,
    IssuedToken,
    LoginMethods,
    LoginRequest,
    OwnedPlugin,
    PasswordChange,
    SessionState,
    TokenRequest,
)
from registry_server.contract.problems import InvalidRequest, LoginRefused
from registry_server.operations import passwords
from registry_server.operations.accounts import Caller, require, require_caller
from registry_server.operations.audit import log
from registry_server.operations.tokens import is_user_name, issue, lifetime_of, revoke_own_token
from registry_server.operations.users import check_password
from registry_server.registry import Registry
from registry_server.store import accounts, listing, moderation, owners
from registry_server.store.accounts import Account
from registry_server.store.database import Connection

_HANDLE_MAX = 200
OWNED_SHOWN = 200
"""Plugins of one user that an answer has."""


def login_methods(registry: Registry) -> LoginMethods:
    return LoginMethods(github=registry.github is not None)


def log_in(registry: Registry, request: LoginRequest, address: str = "") -> IssuedToken:
    """Raises `LoginRefused` without saying whether the name or the password was wrong, or `RateLimited`."""
    registry.limits.spend("login", f"name {request.user[:80].casefold()}")
    account = accounts.find_account(registry.database.read(), request.user)
    is_right = passwords.is_password(request.password, account.password if account else "")
    if account is None or not is_right:
        raise LoginRefused(
            "the user name or the password is wrong", hint="the registry's operator can set a new password"
        )
    return _open(registry, account, label=request.label, days=request.days, address=address)


def start_device_login(registry: Registry) -> DeviceStart:
    """Raises `InvalidRequest` when this registry has no login by GitHub, or `UpstreamFailed`."""
    github = registry.github
    if github is None:
        raise InvalidRequest("this registry has no login by GitHub", hint="donkeytui login --user NAME")
    return github.start()


def poll_device_login(registry: Registry, request: DevicePoll, address: str = "") -> DeviceState:
    """Whether the person has agreed by now.

    Raises `LoginRefused` when they said no, came too late, or may not log in here.
    """
    github = registry.github
    if github is None or len(request.handle) > _HANDLE_MAX:
        raise InvalidRequest("there is no such login under way", hint="donkeytui login --github")
    found = github.poll(request.handle)
    if found.person is None:
        return DeviceState(state="pending", interval=found.interval)
    person = found.person
    allowed = registry.settings.github.allowed_logins
    if allowed and person.login.casefold() not in {login.casefold() for login in allowed}:
        raise LoginRefused(
            f"the GitHub account `{person.login[:80]}` may not log in here", hint="ask the operator"
        )
    account = _github_account(registry, person.id, person.login, address=address)
    token = _open(registry, account, label=request.label, days=None, address=address)
    return DeviceState(state="done", token=token)


def log_out(registry: Registry, caller: Caller | None) -> None:
    """Ends the token shown."""
    caller = require_caller(caller)
    if caller.token_id is None:
        raise InvalidRequest(
            "there is no session to end", detail="the embedded registry knows you without a token"
        )
    revoke_own_token(registry, caller, caller.token_id)


def change_password(registry: Registry, caller: Caller | None, request: PasswordChange) -> None:
    """Raises `LoginRefused` when `current` is wrong."""
    caller = require(caller, "account")
    registry.limits.spend("login", f"name {caller.user.name.casefold()}")
    account = accounts.find_account(registry.database.read(), caller.user.name)
    if account is None or not passwords.is_password(request.current, account.password):
        raise LoginRefused("the current password is wrong")
    hashed = passwords.hash_password(check_password(request.new))
    with registry.database.write() as connection:
        accounts.set_password(connection, account.user, hashed)
        log(connection, registry, caller, "user-password", account.user.name)


def session_state(registry: Registry, caller: Caller | None) -> SessionState:
    """Who the token stands for, what belongs to them in whatever state, and what they were offered."""
    caller = require_caller(caller)
    connection = registry.database.read()
    return SessionState(
        user=caller.user.name,
        is_admin=caller.is_admin,
        scopes=tuple(sorted(caller.scopes)),
        pattern=caller.pattern,
        expires_at=caller.expires_at,
        plugins=tuple(
            _owned(connection, plugin)
            for plugin in owners.owned_plugins(connection, caller.user, OWNED_SHOWN)
        ),
        invitations=tuple(owners.invitations_of(connection, caller.user)),
    )


def _open(registry: Registry, account: Account, *, label: str, days: int | None, address: str) -> IssuedToken:
    if account.is_disabled:
        raise LoginRefused(
            f"the account `{account.user.name}` is disabled", hint="ask the registry's operator"
        )
    caller = Caller(user=account.user, scopes=frozenset(), address=address)
    scopes = SCOPES if account.user.is_admin else tuple(scope for scope in SCOPES if scope != "admin")
    request = TokenRequest(label=label or "login", scopes=scopes)
    lifetime = lifetime_of(days)
    with registry.database.write() as connection:
        return issue(connection, registry, account.user, caller=caller, request=request, lifetime=lifetime)


def _github_account(registry: Registry, github_id: int, login: str, *, address: str) -> Account:
    """The linked account, or a new one of the same name.

    Raises `LoginRefused` when the name belongs to somebody else here: whoever has a name at GitHub has no
    right to an account that was made here under it.
    """
    name = login.casefold()
    with registry.database.write() as connection:
        account = accounts.find_github_account(connection, github_id)
        if account is not None:
            return account
        if not is_user_name(name) or accounts.find_user(connection, name) is not None:
            raise LoginRefused(
                f"the name `{name[:80]}` cannot be had here",
                detail="it belongs to an account that is not linked to GitHub, or is no name here",
                hint=f"ask the operator for: registry-server user link NAME {github_id}",
            )
        user = accounts.ensure_user(connection, name, is_admin=False, now=registry.clock())
        accounts.set_github_id(connection, user, github_id)
        creator = Caller(user=user, scopes=frozenset(), address=address)
        log(connection, registry, creator, "user-create", name, detail=f"GitHub {github_id}")
        found = accounts.find_github_account(connection, github_id)
        assert found is not None
        return found


def _owned(connection: Connection, plugin: int) -> OwnedPlugin:
    state, reason = plugin_state(connection, plugin)
    summary = listing.stored_summary(connection, plugin)
    return OwnedPlugin(
        name=summary.name,
        latest_version=summary.latest_version,
        state=state,
        reason=reason,
    )


def plugin_state(connection: Connection, plugin: int) -> tuple[Literal["", "held", "quarantined"], str]:
    """The state that somebody else put a plugin into, and why."""
    if held := moderation.held_reason(connection, plugin):
        return "held", held
    if reason := moderation.quarantine_reason(connection, plugin):
        return "quarantined", reason
    return "", ""
