"""Withdraw and describe what is published: yank, unyank, deprecate, change the plugin's own words."""

from msgspec import structs

from registry_server.contract.manifest import CATEGORIES_MAX, LABEL_HINT, TAGS_MAX, label_fault
from registry_server.contract.problems import InvalidRequest, VersionNotFound
from registry_server.contract.ranges import parse_range
from registry_server.contract.routes import NOTE_MAX
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import Deprecation, PluginUpdate
from registry_server.operations.accounts import Caller, require, require_owner
from registry_server.operations.audit import log
from registry_server.operations.words import check_line
from registry_server.registry import Registry
from registry_server.store import changes, plugins
from registry_server.store.database import Connection


def yank(registry: Registry, caller: Caller | None, name: str, version: str, *, reason: str = "") -> None:
    """Hides a release from new resolutions; who has it locked can still download it."""
    check_line("reason", reason, NOTE_MAX)
    _set_yanked(registry, require(caller, "yank", name), name, version, reason=reason, yanked=True)


def unyank(registry: Registry, caller: Caller | None, name: str, version: str) -> None:
    _set_yanked(registry, require(caller, "yank", name), name, version, reason="", yanked=False)


def update_plugin(registry: Registry, caller: Caller | None, name: str, update: PluginUpdate) -> None:
    """Changes what `update` names and leaves the rest.

    Raises `InvalidRequest` for what a manifest could not say, and when a deprecation's range fits no release.
    """
    caller = require(caller, "publish", name)
    _check_update(update)
    with registry.database.write() as connection:
        plugin = require_owner(connection, caller, name)
        before = plugins.fields_of(connection, plugin)
        after = plugins.PluginFields(
            display_name=_or(update.display_name, before.display_name),
            description=_or(update.description, before.description),
            author=before.author,
            repository=_or(update.repository, before.repository),
            license=before.license,
            categories=before.categories if update.categories is None else _unique(update.categories),
            tags=before.tags if update.tags is None else _unique(update.tags),
        )
        plugins.set_fields(connection, plugin, after)
        if update.deprecation is not None:
            _deprecate(connection, plugin, name, update.deprecation)
        changes.record(connection, plugin, registry.clock())
        log(connection, registry, caller, "update", name, detail=_changed(update))


def _changed(update: PluginUpdate) -> str:
    deprecation = update.deprecation
    if deprecation is not None:
        said = deprecation.message or deprecation.successor or "taken back"
        return f"deprecation of {deprecation.version}: {said}"
    return ", ".join(field for field, value in structs.asdict(update).items() if value is not None)


def _check_update(update: PluginUpdate) -> None:
    labels = (("categories", update.categories, CATEGORIES_MAX), ("tags", update.tags, TAGS_MAX))
    for field, given, limit in labels:
        if fault := label_fault(given or (), field, limit):
            raise InvalidRequest(fault, hint=LABEL_HINT)
    message = update.deprecation.message if update.deprecation else ""
    for field, text, limit in (
        ("displayName", update.display_name, 80),
        ("description", update.description, 300),
        ("repository", update.repository, 300),
        ("deprecation", message, NOTE_MAX),
    ):
        check_line(field, text or "", limit)
    if update.repository and not update.repository.startswith(("https://", "http://")):
        raise InvalidRequest(f"`repository` is `{update.repository[:80]}`", hint="use an https:// address")


def _unique(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels))


def _or(value: str | None, otherwise: str) -> str:
    return otherwise if value is None else value


def _deprecate(connection: Connection, plugin: int, name: str, wanted: Deprecation) -> None:
    meant = parse_range(wanted.version)
    versions = [parse_version(text) for text in plugins.release_versions(connection, plugin)]
    chosen = [version for version in versions if meant.allows(version, include_prerelease=meant.is_any)]
    if not chosen:
        raise InvalidRequest(f"no release of `{name}` is in `{wanted.version}`")
    message, successor = wanted.message, wanted.successor
    if successor:
        if successor == name or plugins.document_bytes(connection, successor) is None:
            raise InvalidRequest(f"`{successor[:80]}` is no plugin that could follow `{name}`")
        # The sentence has it too, so that every reader of the message sees it.
        message = message if successor in message else f"{message}; use `{successor}`".removeprefix("; ")
    for version in chosen:
        plugins.set_deprecated(connection, plugin, version.text, message=message, successor=successor)


def _set_yanked(
    registry: Registry, caller: Caller, name: str, version: str, *, yanked: bool, reason: str
) -> None:
    with registry.database.write() as connection:
        plugin = require_owner(connection, caller, name)
        registry.limits.spend("yank", f"user {caller.user.id}")
        if plugins.find_release(connection, name, version) is None:
            raise VersionNotFound(f"`{name}` has no release {version[:100]}")
        plugins.set_yanked(connection, plugin, version, yanked=yanked, reason=reason)
        changes.record(connection, plugin, registry.clock())
        log(connection, registry, caller, "yank" if yanked else "unyank", f"{name} {version}", detail=reason)
