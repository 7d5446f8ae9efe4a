"""The operator's side of accounts: make users, set passwords, roles and logins."""

from collections.abc import Callable

from registry_server.contract.problems import InvalidRequest, UserExists, UserNotFound
from registry_server.contract.routes import PASSWORD_MAX, PASSWORD_MIN
from registry_server.contract.wire import COUNT_MAX
from registry_server.operations import passwords
from registry_server.operations.accounts import OPERATOR
from registry_server.operations.audit import log
from registry_server.operations.tokens import check_user_name
from registry_server.registry import Registry
from registry_server.store import accounts
from registry_server.store.accounts import Account, User
from registry_server.store.database import Connection


def check_free(registry: Registry, name: str) -> None:
    """Raises `InvalidName`, or `UserExists`: before anybody thinks of a password."""
    check_user_name(name)
    if accounts.find_user(registry.database.read(), name) is not None:
        raise _exists(name)


def create_user(registry: Registry, name: str, *, password: str = "", is_admin: bool = False) -> User:
    """Without a password the user gets in by tokens of the operator's, or by GitHub once linked.

    Raises `UserExists`, `InvalidName`, or `InvalidRequest` for a password that is too short or too long.
    """
    check_user_name(name)
    hashed = passwords.hash_password(check_password(password)) if password else ""
    with registry.database.write() as connection:
        if accounts.find_user(connection, name) is not None:
            raise _exists(name)
        user = accounts.ensure_user(connection, name, is_admin=is_admin, now=registry.clock())
        if hashed:
            accounts.set_password(connection, user, hashed)
        log(connection, registry, OPERATOR, "user-create", name, detail="admin" if is_admin else "")
    return user


def list_users(registry: Registry) -> list[Account]:
    return accounts.list_accounts(registry.database.read())


def reset_password(registry: Registry, name: str, password: str) -> None:
    """Replaces whatever it was. Tokens stay good: revoke them where that matters."""
    hashed = passwords.hash_password(check_password(password))
    _change(
        registry,
        name,
        "user-password",
        lambda connection, user: accounts.set_password(connection, user, hashed),
    )


def set_admin(registry: Registry, name: str, *, is_admin: bool) -> None:
    """An admin's tokens lose what only admins may, at once, when the role goes."""
    _change(
        registry,
        name,
        "user-admin" if is_admin else "user-no-admin",
        lambda connection, user: accounts.set_admin(connection, user, is_admin=is_admin),
    )


def set_disabled(registry: Registry, name: str, *, is_disabled: bool) -> None:
    """A disabled user's tokens and logins do not work; plugins and reviews stay."""
    _change(
        registry,
        name,
        "user-disable" if is_disabled else "user-enable",
        lambda connection, user: accounts.set_disabled(connection, user, is_disabled=is_disabled),
    )


def link_github(registry: Registry, name: str, github_id: int) -> None:
    """Lets this GitHub account log in as the user.

    Raises `UserExists` when it belongs to another one.
    """
    if not 1 <= github_id <= COUNT_MAX:
        raise InvalidRequest(f"a GitHub account has a number, from 1 to {COUNT_MAX}")

    def link(connection: Connection, user: User) -> None:
        linked = accounts.find_github_account(connection, github_id)
        if linked is not None and linked.user != user:
            raise UserExists(f"the GitHub account {github_id} is linked to `{linked.user.name}`")
        accounts.set_github_id(connection, user, github_id)

    _change(registry, name, "user-link", link)


def find_user(connection: Connection, name: str) -> User:
    """Raises `UserNotFound`."""
    user = accounts.find_user(connection, name)
    if user is None:
        raise UserNotFound(f"there is no user `{name[:80]}`")
    return user


def _exists(name: str) -> UserExists:
    return UserExists(f"there is a user `{name}` already", hint=f"registry-server user password {name}")


def check_password(password: str) -> str:
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise InvalidRequest(
            f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters, this one {len(password)}"
        )
    return password


def _change(
    registry: Registry,
    name: str,
    action: str,
    change: Callable[[Connection, User], None],
) -> None:
    with registry.database.write() as connection:
        user = find_user(connection, name)
        change(connection, user)
        log(connection, registry, OPERATOR, action, user.name)
