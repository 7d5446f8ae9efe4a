"""A registry that several people share: ada owns `auth`, grace and root own nothing, eve is nobody yet."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from registry_server.contract.account_wire import SCOPES
from registry_server.operations import users
from registry_server.operations.publish import publish
from registry_server.operations.tokens import create_token
from registry_server.registry import Registry, open_registry
from registry_server.store import changes, plugins
from registry_server.store.downloads import DownloadKey, add_counts
from tests.support.asgi_calls import a_caller
from tests.support.builders import package

PASSWORD = "correct horse battery"
OWN_SCOPES = tuple(scope for scope in SCOPES if scope != "admin")


def open_team(
    folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC), **options: Any
) -> Registry:
    """`auth` has the releases 1.0.0 and 1.1.0. Nobody has a password yet."""
    registry = open_registry(folder, clock, **options)
    for name in ("ada", "grace", "root"):
        users.create_user(registry, name, is_admin=name == "root")
    ada = a_caller(registry, "ada", *OWN_SCOPES)
    for version in ("1.0.0", "1.1.0"):
        publish(registry, ada, package("auth", version))
    return registry


def token_of(registry: Registry, user: str, *scopes: str, days: float = 30, pattern: str = "*") -> str:
    """With every scope but admin unless told."""
    lifetime = timedelta(days=days)
    return create_token(registry, user, scopes=scopes or OWN_SCOPES, lifetime=lifetime, pattern=pattern)


def give_password(registry: Registry, user: str) -> None:
    users.reset_password(registry, user, PASSWORD)


def add_downloads(registry: Registry, name: str, version: str, counts: dict[str, int]) -> None:
    """Counts by day, as if they had been flushed."""
    with registry.database.write() as connection:
        plugin = plugins.plugin_id(connection, name)
        assert plugin is not None
        add_counts(connection, {DownloadKey(plugin, version, day): count for day, count in counts.items()})
        changes.record(connection, plugin, registry.clock())
