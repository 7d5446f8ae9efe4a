"""The feed: every change in its transaction, serials without gaps, shards that only change when touched."""

import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import (
    CursorGone,
    InvalidRequest,
    NameTaken,
    ProblemError,
    RegistryBusy,
    RouteNotFound,
    VersionExists,
)
from registry_server.contract.review_wire import DailyDownloads, RatingRequest
from registry_server.contract.wire import Deprecation, ListQuery, PluginDocument, PluginUpdate
from registry_server.operations import browse, feed, lifecycle, reviews, statistics
from registry_server.operations.accounts import Caller
from registry_server.operations.publish import publish as publish_operation
from registry_server.operations.statistics import flush_downloads
from registry_server.operations.tokens import create_token
from registry_server.registry import Registry, open_registry
from registry_server.store import changes, plugins
from tests.support.asgi_calls import a_caller
from tests.support.builders import FixedClock, package
from tests.support.threads import together

Publish = Callable[..., Any]
Catalogue = dict[str, PluginDocument]


def serials(registry: Registry) -> list[int]:
    rows = registry.database.read().execute("SELECT serial FROM changes ORDER BY serial")
    return [row["serial"] for row in rows]


def follow(
    registry: Registry, *, limit: int = 500, known: Catalogue | None = None, since: int = 0
) -> Catalogue:
    """What a follower knows after the last page, read `limit` log entries at a time."""
    catalogue = dict(known or {})
    while True:
        page = feed.read_changes(registry, since, limit)
        for change in page.changes:
            if change.document is None:
                catalogue.pop(change.name, None)
            else:
                catalogue[change.name] = change.document
        since = page.cursor
        if not page.has_more:
            return catalogue


def release_integrity(registry: Registry, name: str, version: str) -> str | None:
    connection = registry.database.read()
    plugin = plugins.plugin_id(connection, name)
    return None if plugin is None else plugins.published_integrity(connection, plugin, version)


def download(registry: Registry, name: str, count: int, version: str = "1.0.0") -> None:
    for _ in range(count):
        browse.count_download(registry, browse.read_package_bytes(registry, None, name, version), version)


# Serials and pages.


def test_serials_have_no_gaps_when_several_publish_at_once(registry: Registry, owner: Caller) -> None:
    def publish_some(thread: int) -> None:
        for number in range(4):
            publish_operation(registry, owner, package(f"plugin{thread}x{number}"))

    together([partial(publish_some, thread) for thread in range(4)])

    assert serials(registry) == list(range(1, 17))
    assert len(follow(registry)) == 16


def test_a_refused_or_repeated_publish_takes_no_serial(
    registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth-jwt")
    publish("auth-jwt")
    with pytest.raises(VersionExists):
        publish("auth-jwt", description="Other bytes")
    with pytest.raises(NameTaken):
        publish("authJwt")
    publish("mail")

    assert serials(registry) == [1, 2]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 500])
def test_pages_of_any_size_end_the_same(registry: Registry, publish: Publish, limit: int) -> None:
    for name in ("auth", "mail", "auth", "users", "mail", "auth"):
        publish(name, f"1.{len(serials(registry))}.0")

    catalogue = follow(registry, limit=limit)

    assert catalogue == follow(registry)
    assert {name: len(document.versions) for name, document in catalogue.items()} == {
        "auth": 3,
        "mail": 2,
        "users": 1,
    }


def test_pages_read_while_others_publish_end_the_same(registry: Registry, publish: Publish) -> None:
    publish("auth")
    publish("mail")
    first = feed.read_changes(registry, 0, 1)
    publish("auth", "1.1.0")
    publish("users")

    known = {change.name: change.document for change in first.changes if change.document}

    assert follow(registry, limit=1, known=known, since=first.cursor) == follow(registry)


def test_applying_a_page_twice_changes_nothing(registry: Registry, publish: Publish) -> None:
    publish("auth")
    publish("auth", "1.1.0")
    once = follow(registry)

    assert follow(registry, known=once, since=0) == once


def test_a_page_says_each_plugin_once_with_its_newest_serial(registry: Registry, publish: Publish) -> None:
    for number in range(3):
        publish("auth", f"1.{number}.0")
    publish("mail")
    publish("auth", "1.3.0")

    page = feed.read_changes(registry, 0)

    assert [(change.serial, change.name) for change in page.changes] == [(4, "mail"), (5, "auth")]


def test_a_removed_plugin_is_a_tombstone(registry: Registry, publish: Publish) -> None:
    publish("auth")
    publish("mail")
    known = follow(registry)
    with registry.database.write() as connection:
        connection.execute(
            "DELETE FROM releases WHERE plugin_id = (SELECT id FROM plugins WHERE name = 'mail')"
        )
        connection.execute("DELETE FROM plugins WHERE name = 'mail'")
        connection.execute("INSERT INTO changes (serial, name, at) VALUES (3, 'mail', '')")

    [change] = feed.read_changes(registry, 2).changes

    assert (change.name, change.document) == ("mail", None)
    assert set(follow(registry, known=known, since=2)) == {"auth"}
    assert feed.read_snapshot(registry).plugins == 1


def test_a_follower_that_is_up_to_date_gets_nothing(registry: Registry, publish: Publish) -> None:
    publish("auth")

    page = feed.read_changes(registry, 1)

    assert (page.changes, page.cursor, page.has_more) == ((), 1, False)


def test_a_follower_of_another_history_must_start_over(registry: Registry, publish: Publish) -> None:
    publish("auth")

    with pytest.raises(CursorGone):
        feed.read_changes(registry, 2)


@pytest.mark.parametrize(("since", "limit"), [(-1, 500), (0, 0), (0, 501), (0, -1)])
def test_pages_are_bounded(registry: Registry, since: int, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        feed.read_changes(registry, since, limit)


def test_the_feed_tells_no_secrets(registry: Registry, publish: Publish) -> None:
    publish("auth")
    secret = create_token(registry, "ada", scopes=["rate"])
    [digest] = registry.database.read().execute("SELECT digest FROM tokens").fetchone()

    [(_, document)] = changes.all_documents(registry.database.read())

    assert secret.encode() not in document
    assert digest.encode() not in document


# What writes a change.


def yank(registry: Registry, owner: Caller) -> None:
    lifecycle.yank(registry, owner, "auth", "1.0.0", reason="broken")


def unyank(registry: Registry, owner: Caller) -> None:
    lifecycle.unyank(registry, owner, "auth", "1.0.0")


def deprecate(registry: Registry, owner: Caller) -> None:
    change = PluginUpdate(deprecation=Deprecation(version="^1.0.0", message="use passport"))
    lifecycle.update_plugin(registry, owner, "auth", change)


def describe(registry: Registry, owner: Caller) -> None:
    lifecycle.update_plugin(registry, owner, "auth", PluginUpdate(description="New words"))


def rate(registry: Registry, owner: Caller) -> None:
    reviews.rate(registry, a_caller(registry, "bob", "rate"), "auth", RatingRequest(rating=4))


def unrate(registry: Registry, owner: Caller) -> None:
    reviews.unrate(registry, a_caller(registry, "bob", "rate"), "auth")


@pytest.mark.parametrize(
    ("operation", "shown"),
    [
        (yank, lambda document: (document.versions[0].yanked, document.versions[0].yank_reason)),
        (deprecate, lambda document: (document.versions[0].deprecated, document.versions[0].deprecation)),
        (describe, lambda document: (True, document.description)),
        (rate, lambda document: (document.rating_count, document.rating)),
    ],
)
def test_what_changes_a_document_is_one_change(
    registry: Registry,
    owner: Caller,
    publish: Publish,
    operation: Callable[[Registry, Caller], None],
    shown: Callable[[PluginDocument], object],
) -> None:
    publish("auth")
    publish("mail")
    before = follow(registry)

    operation(registry, owner)

    page = feed.read_changes(registry, 2)
    [change] = page.changes
    assert (change.serial, change.name) == (3, "auth")
    assert change.document is not None
    assert shown(change.document) != shown(before["auth"])
    assert shown(change.document) in {(True, "broken"), (True, "use passport"), (True, "New words"), (1, 4.0)}


@pytest.mark.parametrize(("operation", "undone"), [(yank, unyank), (rate, unrate)])
def test_what_was_taken_back_leaves_the_document_as_it_was(
    registry: Registry,
    owner: Caller,
    publish: Publish,
    operation: Callable[[Registry, Caller], None],
    undone: Callable[[Registry, Caller], None],
) -> None:
    publish("auth")
    before = follow(registry)

    operation(registry, owner)
    undone(registry, owner)

    assert serials(registry) == [1, 2, 3]
    assert follow(registry) == before


def test_a_deprecation_is_taken_back_with_an_empty_message(
    registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    publish("auth", "2.0.0")
    before = follow(registry)

    deprecate(registry, owner)
    deprecated = [release.version for release in follow(registry)["auth"].versions if release.deprecated]
    lifecycle.update_plugin(registry, owner, "auth", PluginUpdate(deprecation=Deprecation(message="")))

    assert deprecated == ["1.0.0"]
    assert follow(registry) == before


def test_a_change_that_is_refused_takes_no_serial(
    registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    stranger = a_caller(registry, "bob", "publish", "yank", "rate")
    attempts: list[Callable[[], None]] = [
        lambda: lifecycle.yank(registry, stranger, "auth", "1.0.0"),
        lambda: lifecycle.yank(registry, owner, "auth", "9.0.0"),
        lambda: describe(registry, stranger),
        lambda: reviews.rate(registry, stranger, "auth", RatingRequest(rating=6)),
        lambda: reviews.rate(registry, stranger, "nobody", RatingRequest(rating=3)),
        lambda: lifecycle.update_plugin(
            registry, owner, "auth", PluginUpdate(deprecation=Deprecation(version="^9", message="x"))
        ),
    ]

    for attempt in attempts:
        with pytest.raises(ProblemError):
            attempt()

    assert serials(registry) == [1]


# Snapshots.


def test_an_untouched_shard_keeps_its_digest(registry: Registry, publish: Publish) -> None:
    for name in ("auth", "mail", "users", "vault", "audit", "search"):
        publish(name)
    feed.read_snapshot(registry)
    before = changes.shard_rows(registry.database.read())

    publish("auth", "1.1.0")
    feed.read_snapshot(registry)

    after = changes.shard_rows(registry.database.read())
    touched = changes.shard_number("auth", changes.SHARDS_FEW)
    assert len(before) > 1
    assert before.keys() == after.keys()
    assert {number for number in before if before[number] != after[number]} == {touched}


def test_a_registry_that_has_grown_is_cut_anew_into_more_shards(registry: Registry, publish: Publish) -> None:
    names = ("auth", "mail", "users", "vault", "audit", "search")
    for name in names:
        publish(name)
    with registry.database.write() as connection:
        # As if it had been large before; what the old shards held is in the new ones.
        changes.write_meta(connection, "shards", str(changes.SHARDS_MANY))

    publish("auth", "1.1.0")
    snapshot = feed.read_snapshot(registry)

    assert snapshot.plugins == len(names)
    assert set(changes.shard_rows(registry.database.read())) <= set(range(changes.SHARDS_FEW))
    assert (changes.shard_count(500), changes.shard_count(501)) == (4, 64)


def test_a_snapshot_without_changes_is_the_same_snapshot(registry: Registry, publish: Publish) -> None:
    publish("auth")
    publish("mail")

    assert feed.read_snapshot(registry) == feed.read_snapshot(registry)


def test_what_was_taken_back_gives_the_old_shard_again(
    registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    before = feed.read_snapshot(registry)
    yank(registry, owner)
    between = feed.read_snapshot(registry)
    unyank(registry, owner)

    after = feed.read_snapshot(registry)

    assert between.shards != before.shards
    assert after.shards == before.shards
    assert (before.serial, between.serial, after.serial) == (1, 2, 3)


def test_a_shard_of_an_older_snapshot_can_be_fetched_for_an_hour(
    registry: Registry, publish: Publish, clock: FixedClock
) -> None:
    publish("auth")
    [old] = feed.read_snapshot(registry).shards
    clock.now = datetime.fromtimestamp(registry.shards.path(old.digest).stat().st_mtime, UTC)
    publish("auth", "1.1.0")
    [new] = feed.read_snapshot(registry).shards
    at_first = feed.read_shard(registry, old.digest)
    clock.now += timedelta(hours=1, seconds=1)
    publish("auth", "1.2.0")
    feed.read_snapshot(registry)

    assert integrity_of(at_first) == old.digest
    assert integrity_of(feed.read_shard(registry, new.digest)) == new.digest
    with pytest.raises(RouteNotFound):
        feed.read_shard(registry, old.digest)


def test_equal_registries_have_equal_shards(tmp_path: Path) -> None:
    snapshots = []
    for folder in ("one", "two"):
        registry = open_registry(tmp_path / folder, FixedClock())
        for name in ("auth", "mail"):
            publish_operation(registry, a_caller(registry, "ada", "publish", "publish-new"), package(name))
        snapshots.append(feed.read_snapshot(registry))
        registry.close()

    first, second = snapshots
    assert first.shards == second.shards
    assert first.epoch != second.epoch


# Reopening.


def test_the_epoch_and_the_feed_outlive_the_process(tmp_path: Path) -> None:
    first = open_registry(tmp_path, FixedClock())
    publish_operation(first, a_caller(first, "ada", "publish", "publish-new"), package("auth"))
    before, snapshot = feed.read_changes(first, 0), feed.read_snapshot(first)
    first.close()

    second = open_registry(tmp_path, FixedClock())
    after = feed.read_changes(second, 0)
    publish_operation(second, a_caller(second, "ada", "publish", "publish-new"), package("mail"))

    assert after == before
    assert len(before.epoch) == 16
    assert serials(second) == [1, 2]
    assert set(snapshot.shards) < set(feed.read_snapshot(second).shards)
    second.close()


def test_what_was_acknowledged_is_on_disk(registry: Registry, publish: Publish, tmp_path: Path) -> None:
    """A copy of the folder as it lies there, as after a kill: nothing was closed or flushed."""
    receipt = publish("auth")
    shutil.copytree(tmp_path / "data" / "registry", tmp_path / "copy")

    reopened = open_registry(tmp_path / "copy", FixedClock())

    assert release_integrity(reopened, "auth", "1.0.0") == receipt.integrity
    assert browse.read_package_bytes(reopened, None, "auth", "1.0.0").data == package("auth")
    assert follow(reopened) == follow(registry)
    assert browse.list_plugins(reopened, ListQuery(q="auth")).pagination.total == 1
    reopened.close()


# Faults between the blob and the row.


@pytest.fixture
def failing(registry: Registry) -> Callable[[str], None]:
    """From then on, writing a row of this table fails."""

    def fail(table: str) -> None:
        with registry.database.write() as connection:
            connection.execute(
                f"CREATE TRIGGER fault BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'a fault'); END"
            )

    return fail


@pytest.mark.parametrize("table", ["plugins", "owners", "releases", "changes"])
def test_a_fault_in_the_transaction_leaves_no_row_only_a_blob(
    registry: Registry, publish: Publish, failing: Callable[[str], None], table: str
) -> None:
    failing(table)

    with pytest.raises(sqlite3.IntegrityError, match="a fault"):
        publish("auth")

    assert release_integrity(registry, "auth", "1.0.0") is None
    assert plugins.name_of_lookalike(registry.database.read(), "auth") is None
    assert serials(registry) == []
    assert registry.packages.get(integrity_of(package("auth"))) == package("auth")


@pytest.mark.parametrize("table", ["releases", "changes"])
def test_a_fault_leaves_the_earlier_releases_as_they_were(
    registry: Registry, publish: Publish, failing: Callable[[str], None], table: str
) -> None:
    publish("auth")
    before = follow(registry), browse.plugin_document(registry, "auth")
    failing(table)

    with pytest.raises(sqlite3.IntegrityError, match="a fault"):
        publish("auth", "1.1.0", description="New words")

    assert release_integrity(registry, "auth", "1.1.0") is None
    assert (follow(registry), browse.plugin_document(registry, "auth")) == before


def test_after_a_fault_the_same_publish_succeeds(
    registry: Registry, publish: Publish, failing: Callable[[str], None]
) -> None:
    failing("changes")
    with pytest.raises(sqlite3.IntegrityError):
        publish("auth")
    with registry.database.write() as connection:
        connection.execute("DROP TRIGGER fault")

    assert publish("auth").created is True
    assert serials(registry) == [1]


def test_a_full_disk_says_so_and_loses_nothing(registry: Registry, publish: Publish) -> None:
    publish("auth")
    with registry.database.write() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(RegistryBusy) as caught:
        publish("mail", extra={"README.md": "x" * 200_000})
    with registry.database.write() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")

    assert caught.value.problem.detail == "database or disk is full"
    assert release_integrity(registry, "mail", "1.0.0") is None
    assert publish("mail").created is True
    assert set(follow(registry)) == {"auth", "mail"}


def test_without_a_blob_there_is_no_row(registry: Registry, publish: Publish) -> None:
    folder = registry.packages.path(integrity_of(package("auth"))).parent
    folder.write_text("a file where the folder should be")

    with pytest.raises(RegistryBusy) as caught:
        publish("auth")

    assert caught.value.problem.title == "the registry cannot store the package"
    assert release_integrity(registry, "auth", "1.0.0") is None
    assert serials(registry) == []


def test_half_a_blob_left_by_a_crash_is_written_anew(registry: Registry, publish: Publish) -> None:
    blob = registry.packages.path(integrity_of(package("auth")))
    blob.parent.mkdir()
    blob.write_bytes(package("auth")[:100])

    publish("auth")

    assert browse.read_package_bytes(registry, None, "auth", "1.0.0").data == package("auth")
    assert [path.name for path in blob.parent.iterdir()] == [blob.name]


# Downloads.


def test_downloads_are_counted_in_memory_and_written_by_the_flush(
    registry: Registry, publish: Publish
) -> None:
    publish("auth")
    download(registry, "auth", 3)
    before = statistics.plugin_stats(registry, None, "auth").downloads

    assert flush_downloads(registry) == 3
    assert flush_downloads(registry) == 0
    assert before == 0
    assert statistics.plugin_stats(registry, None, "auth").downloads == 3
    assert follow(registry)["auth"].downloads == 3


def test_downloads_are_told_by_the_day(registry: Registry, clock: FixedClock, publish: Publish) -> None:
    publish("auth")
    publish("auth", "1.1.0")
    download(registry, "auth", 2)
    clock.now += timedelta(days=1)
    download(registry, "auth", 1)
    download(registry, "auth", 4, "1.1.0")
    flush_downloads(registry)
    download(registry, "auth", 1)
    flush_downloads(registry)

    stats = statistics.plugin_stats(registry, None, "auth")

    assert stats.downloads == 8
    assert stats.days == (
        DailyDownloads(day="2026-03-14", downloads=2),
        DailyDownloads(day="2026-03-15", downloads=6),
    )


def test_followers_hear_of_downloads_when_the_count_has_moved_by_a_twentieth(
    registry: Registry, publish: Publish
) -> None:
    publish("auth")
    download(registry, "auth", 100)
    flush_downloads(registry)
    told = serials(registry)
    download(registry, "auth", 5)
    flush_downloads(registry)
    quiet = serials(registry)
    download(registry, "auth", 1)
    flush_downloads(registry)

    assert (told, quiet, serials(registry)) == ([1, 2], [1, 2], [1, 2, 3])
    assert follow(registry)["auth"].downloads == 106


def test_counts_that_cannot_be_written_wait_for_the_next_flush(
    registry: Registry, publish: Publish, failing: Callable[[str], None]
) -> None:
    publish("auth")
    download(registry, "auth", 2)
    failing("downloads")
    with pytest.raises(sqlite3.IntegrityError):
        flush_downloads(registry)
    download(registry, "auth", 1)
    with registry.database.write() as connection:
        connection.execute("DROP TRIGGER fault")

    assert flush_downloads(registry) == 3
    assert statistics.plugin_stats(registry, None, "auth").downloads == 3
