"""The plugins a fresh embedded registry carries, published like any other.

What is done is read from the registry itself, release by release; the edition of the shipped
plugins is noted last. So an interrupted start goes on where it was, and a newer program adds what is new.
"""

from collections.abc import Callable
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec
from msgspec import Struct

from registry_server.contract.account_wire import SCOPES
from registry_server.contract.archive import Entry, pack
from registry_server.contract.integrity import integrity_of
from registry_server.contract.wire import Deprecation, PluginUpdate
from registry_server.operations.accounts import Caller
from registry_server.operations.lifecycle import update_plugin
from registry_server.operations.publish import publish
from registry_server.registry import Registry
from registry_server.store import accounts, changes, owners, plugins

PUBLISHER = "donkeylabs"


class StarterRelease(Struct, frozen=True):
    name: str
    version: str


class StarterDeprecation(Struct, frozen=True):
    name: str
    version: str
    message: str


class StarterList(Struct, frozen=True):
    order: tuple[StarterRelease, ...]
    """Older releases first, dependencies before dependents."""
    deprecated: tuple[StarterDeprecation, ...] = ()


def is_due(registry: Registry) -> bool:
    """Whether this edition of the starter plugins is not completely published yet."""
    connection = registry.database.read()
    return (
        not changes.has_meta(connection, "starter") or changes.read_meta(connection, "starter") != _edition()
    )


def publish_starter(registry: Registry, on_published: Callable[[str, int, int], None]) -> None:
    """Publishes what is missing; names somebody else took meanwhile are left to them."""
    starter = read_starter_list()
    with registry.database.write() as connection:
        user = accounts.ensure_user(connection, PUBLISHER, is_admin=False, now=registry.clock())
    caller = Caller(user=user, scopes=frozenset(SCOPES) - {"admin"})
    for number, release in enumerate(starter.order, start=1):
        if _is_open(registry, release, caller):
            publish(registry, caller, pack_starter(release))
        on_published(release.name, number, len(starter.order))
    for deprecation in starter.deprecated:
        _deprecate(registry, caller, deprecation)
    with registry.database.write() as connection:
        changes.write_meta(connection, "starter", _edition())


def read_starter_list() -> StarterList:
    return msgspec.json.decode(_root().joinpath("starter.json").read_bytes(), type=StarterList)


def pack_starter(release: StarterRelease) -> bytes:
    folder = _root().joinpath("plugins", release.name, release.version)
    entries = {path: Entry(data=data) for path, data in _read_tree(folder, "")}
    return pack(entries, name=release.name, version=release.version)


def _is_open(registry: Registry, release: StarterRelease, caller: Caller) -> bool:
    connection = registry.database.read()
    plugin = plugins.plugin_id(connection, release.name)
    if plugin is None:
        return plugins.name_of_lookalike(connection, release.name) is None
    is_ours = owners.is_owner(connection, plugin, caller.user)
    return is_ours and plugins.published_integrity(connection, plugin, release.version) is None


def _deprecate(registry: Registry, caller: Caller, deprecation: StarterDeprecation) -> None:
    connection = registry.database.read()
    plugin = plugins.plugin_id(connection, deprecation.name)
    if plugin is None or not owners.is_owner(connection, plugin, caller.user):
        return
    wanted = Deprecation(version=deprecation.version, message=deprecation.message)
    update_plugin(registry, caller, deprecation.name, PluginUpdate(deprecation=wanted))


def _edition() -> str:
    return integrity_of(_root().joinpath("starter.json").read_bytes())


def _root() -> Traversable:
    return files("registry_server.starter")


def _read_tree(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        path = f"{prefix}{item.name}"
        found += _read_tree(item, f"{path}/") if item.is_dir() else [(path, item.read_bytes())]
    return found
