"""What admins decide: marks, held names, quarantine, reserved names. Each with its reason, none silent."""

from registry_server.contract.account_wire import Flags, QuarantineEntry, QuarantineRequest
from registry_server.contract.names import check_name
from registry_server.contract.problems import InvalidRequest, PluginNotFound, VersionNotFound
from registry_server.contract.routes import NOTE_MAX
from registry_server.operations.accounts import Caller, require_admin
from registry_server.operations.audit import log
from registry_server.operations.words import check_line
from registry_server.registry import Registry
from registry_server.store import changes, moderation, owners, plugins
from registry_server.store.database import Connection


def set_flags(registry: Registry, caller: Caller | None, name: str, flags: Flags) -> None:
    """Marks a plugin as verified or featured, or takes a mark away."""
    caller = require_admin(caller, name)
    with registry.database.write() as connection:
        plugin = _plugin(connection, name)
        moderation.set_flag(connection, plugin, verified=flags.verified, featured=flags.featured)
        changes.record(connection, plugin, registry.clock())
        marks = (("verified", flags.verified), ("featured", flags.featured))
        said = ", ".join(f"{mark}: {'yes' if value else 'no'}" for mark, value in marks if value is not None)
        log(connection, registry, caller, "flag", name, detail=said)


def quarantine(registry: Registry, caller: Caller | None, name: str, request: QuarantineRequest) -> None:
    """Takes a release, or a plugin with all its releases, out of circulation: all see it, nobody gets it.

    Raises `VersionNotFound`, or `InvalidRequest` without a reason.
    """
    caller = require_admin(caller, name)
    check_line("reason", request.reason, NOTE_MAX)
    if not request.reason.strip():
        raise InvalidRequest("a quarantine has a reason", detail="everybody sees it")
    _set(registry, caller, name, version=request.version, reason=request.reason.strip())


def lift(registry: Registry, caller: Caller | None, name: str, version: str = "") -> None:
    """Ends a quarantine, or lets a name that was held pass.

    Raises `InvalidRequest` when there is neither.
    """
    caller = require_admin(caller, name)
    connection = registry.database.read()
    plugin = _plugin(connection, name)
    if not version and moderation.held_reason(connection, plugin):
        with registry.database.write() as connection:
            moderation.end_hold(connection, plugin)
            changes.record(connection, plugin, registry.clock())
            log(connection, registry, caller, "name-pass", name)
        return
    if not moderation.quarantine_reason(connection, plugin, version):
        what = f"`{name}` {version}" if version else f"`{name}`"
        raise InvalidRequest(
            f"{what} is neither held nor in quarantine", hint="registry-server quarantine list"
        )
    _set(registry, caller, name, version=version, reason="")


def list_moderated(registry: Registry, caller: Caller | None) -> list[QuarantineEntry]:
    """What is held or in quarantine, by name."""
    require_admin(caller)
    connection = registry.database.read()
    return [
        QuarantineEntry(
            plugin=name,
            version=version,
            kind="held" if kind == "held" else "quarantined",
            reason=reason,
            owners=tuple(owners.owner_names(connection, plugin)),
        )
        for plugin, name, version, kind, reason in moderation.moderated(connection)
    ]


def reserve_name(registry: Registry, caller: Caller | None, name: str, reason: str) -> None:
    """Keeps a name for admins to give away."""
    caller = require_admin(caller)
    check_name(name)
    check_line("reason", reason, NOTE_MAX)
    with registry.database.write() as connection:
        moderation.reserve_name(connection, name, reason)
        log(connection, registry, caller, "name-reserve", name, detail=reason)


def free_name(registry: Registry, caller: Caller | None, name: str) -> None:
    caller = require_admin(caller)
    with registry.database.write() as connection:
        if not moderation.free_name(connection, name):
            raise InvalidRequest(
                f"`{name[:80]}` is not reserved by an admin", hint="registry-server name list"
            )
        log(connection, registry, caller, "name-free", name)


def list_reserved(registry: Registry) -> list[tuple[str, str]]:
    """Name and reason of what admins reserved; the program's own list is not among them."""
    return moderation.reserved_names(registry.database.read())


def _set(registry: Registry, caller: Caller, name: str, *, version: str, reason: str) -> None:
    with registry.database.write() as connection:
        plugin = _plugin(connection, name)
        if version and version not in plugins.release_versions(connection, plugin):
            raise VersionNotFound(f"`{name}` has no release {version[:100]}")
        moderation.set_quarantine(connection, plugin, version=version, reason=reason)
        changes.record(connection, plugin, registry.clock())
        subject = f"{name} {version}".strip()
        log(
            connection,
            registry,
            caller,
            "quarantine" if reason else "quarantine-lift",
            subject,
            detail=reason,
        )


def _plugin(connection: Connection, name: str) -> int:
    plugin = plugins.plugin_id(connection, name)
    if plugin is None:
        raise PluginNotFound(f"there is no plugin `{name[:100]}`")
    return plugin
