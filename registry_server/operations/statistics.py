"""Downloads: write down what was counted in memory, and the series made of it."""

from datetime import timedelta

from msgspec import Struct

from registry_server.contract.problems import UserNotFound
from registry_server.contract.review_wire import (
    AuthorStats,
    OwnedPluginStats,
    PluginStats,
    RegistryStats,
)
from registry_server.operations.accounts import Caller
from registry_server.operations.browse import visible_plugin
from registry_server.operations.sessions import OWNED_SHOWN, plugin_state
from registry_server.registry import Registry
from registry_server.search.index import IndexDamaged
from registry_server.store import accounts, changes, downloads, listing, moderation, owners, plugins, reviews
from registry_server.store.database import Connection

REGISTRY_DAYS, PLUGIN_DAYS, RECENT_DAYS, WEEK_DAYS = 90, 365, 30, 7
MOST_DOWNLOADED = 10


class Figures(Struct, frozen=True, kw_only=True):
    feed_serial: int
    index_serial: int
    """Serial of the feed that the search index has reached."""
    plugins: int
    releases: int
    database_bytes: int
    """Of the database file and its write-ahead log."""


def flush_downloads(registry: Registry) -> int:
    """Stores counted downloads; returns how many there were. A kill loses at most those since the last."""
    counted = registry.downloads.take()
    if not counted:
        return 0
    try:
        with registry.database.write() as connection:
            downloads.add_counts(connection, counted)
            for plugin in downloads.plugins_outdated(connection):
                changes.record(connection, plugin, registry.clock())
    except BaseException:
        registry.downloads.give_back(counted)
        raise
    return sum(counted.values())


def registry_stats(registry: Registry) -> RegistryStats:
    connection = registry.database.read()
    plugin_count, releases, downloaded, rated = listing.counts(connection)
    return RegistryStats(
        plugins=plugin_count,
        releases=releases,
        downloads=downloaded,
        ratings=rated,
        days=tuple(downloads.daily_counts(connection, _day(registry, REGISTRY_DAYS))),
        most_downloaded=tuple(
            downloads.most_downloaded(connection, _day(registry, WEEK_DAYS), MOST_DOWNLOADED)
        ),
    )


def read_figures(registry: Registry) -> Figures:
    """What a monitor wants to know of the registry at this moment."""
    connection = registry.database.read()
    plugin_count, releases, _, _ = listing.counts(connection)
    try:
        manifest = registry.index.manifest()
    except IndexDamaged:
        manifest = None
    return Figures(
        feed_serial=changes.current_serial(connection),
        index_serial=manifest.cursor if manifest is not None else 0,
        plugins=plugin_count,
        releases=releases,
        database_bytes=registry.database.size_bytes(),
    )


def plugin_stats(registry: Registry, caller: Caller | None, name: str) -> PluginStats:
    """Per version too, when the caller owns the plugin."""
    plugin = visible_plugin(registry, name)
    connection = registry.database.read()
    is_theirs = caller is not None and (caller.is_admin or owners.is_owner(connection, plugin, caller.user))
    return PluginStats(
        name=name,
        downloads=plugins.download_count(connection, plugin),
        days=tuple(downloads.daily_counts(connection, _day(registry, PLUGIN_DAYS), plugin=plugin)),
        versions=tuple(downloads.version_counts(connection, plugin)) if is_theirs else (),
    )


def author_stats(registry: Registry, caller: Caller | None, user_name: str) -> AuthorStats:
    """What belongs to a user; what is held only they and admins see.

    Raises `UserNotFound`.
    """
    connection = registry.database.read()
    user = accounts.find_user(connection, user_name)
    if user is None:
        raise UserNotFound(f"there is no user `{user_name[:80]}`")
    sees_all = caller is not None and (caller.is_admin or caller.user == user)
    owned = owners.owned_plugins(connection, user, OWNED_SHOWN)
    shown = [plugin for plugin in owned if sees_all or not moderation.held_reason(connection, plugin)]
    return AuthorStats(
        user=user.name,
        plugins=tuple(_owned(connection, plugin, _day(registry, RECENT_DAYS)) for plugin in shown),
        days=tuple(downloads.daily_counts(connection, _day(registry, REGISTRY_DAYS), owner=user.id)),
    )


def _owned(connection: Connection, plugin: int, since: str) -> OwnedPluginStats:
    summary = listing.stored_summary(connection, plugin)
    state, reason = plugin_state(connection, plugin)
    return OwnedPluginStats(
        name=summary.name,
        latest_version=summary.latest_version,
        downloads=plugins.download_count(connection, plugin),
        recent_downloads=downloads.count_since(connection, plugin, since),
        rating=summary.rating,
        rating_count=summary.rating_count,
        review_count=reviews.totals(connection, plugin).reviews if summary.rating_count else 0,
        state=state or ("deprecated" if summary.deprecated else ""),
        reason=reason,
    )


def _day(registry: Registry, days: int) -> str:
    """The UTC day from which the last `days` are counted, today included."""
    return f"{registry.clock() - timedelta(days=days - 1):%Y-%m-%d}"
