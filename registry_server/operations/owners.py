"""Who a plugin belongs to: invite, accept, leave. A plugin always has an owner."""

from registry_server.contract.account_wire import OwnerRequest, Owners
from registry_server.contract.problems import InvalidRequest, LastOwner, UserNotFound
from registry_server.operations.accounts import Caller, require, require_owner
from registry_server.operations.audit import log
from registry_server.operations.browse import visible_plugin
from registry_server.operations.users import find_user
from registry_server.registry import Registry
from registry_server.store import owners, plugins
from registry_server.store.database import Connection

OWNERS_MAX = 100


def list_owners(registry: Registry, name: str) -> Owners:
    return _owners(registry.database.read(), visible_plugin(registry, name))


def invite(registry: Registry, caller: Caller | None, name: str, request: OwnerRequest) -> Owners:
    """Offers a share of the plugin; it is theirs once they accept. Again changes nothing.

    Raises `UserNotFound`, or `InvalidRequest` for somebody who owns it already.
    """
    caller = require(caller, "account", name)
    with registry.database.write() as connection:
        plugin = require_owner(connection, caller, name)
        user = find_user(connection, request.user)
        if owners.is_owner(connection, plugin, user):
            raise InvalidRequest(f"`{name}` belongs to {user.name} already")
        invited = owners.invited_names(connection, plugin)
        if user.name not in invited:
            if len(owners.owner_names(connection, plugin)) + len(invited) >= OWNERS_MAX:
                raise InvalidRequest(f"`{name}` has {OWNERS_MAX} owners and invitations already")
            owners.invite(connection, plugin, user, by=caller.user, now=registry.clock())
            log(connection, registry, caller, "owner-invite", name, detail=user.name)
        return _owners(connection, plugin)


def remove(registry: Registry, caller: Caller | None, name: str, user_name: str) -> None:
    """Takes a share or an offer back; owners may leave by themselves.

    Raises `LastOwner`, or `UserNotFound` for somebody who neither owns it nor was invited.
    """
    caller = require(caller, "account", name)
    with registry.database.write() as connection:
        plugin = require_owner(connection, caller, name)
        user = find_user(connection, user_name)
        if not owners.end_invitation(connection, plugin, user):
            if not owners.remove_owner(connection, plugin, user):
                raise UserNotFound(f"`{name}` does not belong to {user.name}")
            if not owners.owner_names(connection, plugin):
                raise LastOwner(
                    f"{user.name} is the last owner of `{name}`",
                    detail="a plugin must belong to somebody",
                    hint=f"donkeytui owner invite {name} USER",
                )
        log(connection, registry, caller, "owner-remove", name, detail=user.name)


def accept(registry: Registry, caller: Caller | None, name: str) -> None:
    """Raises `InvalidRequest` when the caller was not invited."""
    _answer(registry, caller, name, is_accepted=True)


def decline(registry: Registry, caller: Caller | None, name: str) -> None:
    _answer(registry, caller, name, is_accepted=False)


def _owners(connection: Connection, plugin: int) -> Owners:
    return Owners(
        owners=tuple(owners.owner_names(connection, plugin)),
        invited=tuple(owners.invited_names(connection, plugin)),
    )


def _answer(registry: Registry, caller: Caller | None, name: str, *, is_accepted: bool) -> None:
    caller = require(caller, "account", name)
    with registry.database.write() as connection:
        plugin = plugins.plugin_id(connection, name)
        if plugin is None or not owners.end_invitation(connection, plugin, caller.user):
            raise InvalidRequest(f"you were not invited to own `{name[:80]}`", hint="donkeytui whoami")
        if is_accepted:
            owners.add_owner(connection, plugin, caller.user)
        log(connection, registry, caller, "owner-accept" if is_accepted else "owner-decline", name)
