"""Every kind of damage is found and named; what can be mended is, once, and nothing else changes."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from filelock import FileLock

from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import InvalidRequest, RegistryBusy
from registry_server.contract.wire import ListQuery
from registry_server.operations import browse, feed
from registry_server.operations.backup import back_up
from registry_server.operations.check import CheckReport, check
from registry_server.operations.index import follow_feed
from registry_server.operations.reindex import reindex
from registry_server.operations.repair import repair
from registry_server.registry import Registry
from registry_server.search.index import SearchIndex
from registry_server.store import changes, folder
from registry_server.store.migrations import MIGRATIONS
from tests.support.builders import MOMENT, FixedClock, package, tree

Publish = Callable[..., Any]
LATER = FixedClock(MOMENT + timedelta(days=400))


@pytest.fixture
def data(registry: Registry) -> Path:
    return registry.database.path.parent


@pytest.fixture
def filled(registry: Registry, publish: Publish) -> None:
    """Three releases, a snapshot and an index, all of now."""
    publish("users", categories=["people"], tags=["people", "login"])
    publish("auth", "1.0.0", needs={"users": "^1.0.0"})
    publish("auth", "1.1.0", needs={"users": "^1.0.0"})
    feed.read_snapshot(registry)
    follow_feed(registry)


def write(registry: Registry, statement: str, *values: object) -> None:
    with registry.database.write() as connection:
        connection.execute(statement, values)


def damage(data: Path, *statements: str) -> None:
    """As a tool that knows neither foreign keys nor us would write."""
    connection = sqlite3.connect(data / "registry.sqlite", isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def codes(report: CheckReport) -> list[str]:
    return [finding.code for finding in report.findings]


def blob_of(data: Path, archive: bytes) -> Path:
    return folder.blob_path(data / "packages", integrity_of(archive))


def assert_mended(data: Path, *expected: str) -> None:
    """Found, mended at the first go, gone afterwards, and a second repair writes nothing."""
    assert set(codes(check(data, is_stopped=True))) == set(expected)

    report = repair(data, is_stopped=True)

    assert {finding.code for finding in report.mended} == set(expected)
    assert report.remaining.findings == ()
    assert check(data, is_stopped=True).findings == ()
    before = tree(data / "packages")
    assert repair(data, is_stopped=True).mended == ()
    assert tree(data / "packages") == before


# What is in order.


def test_a_registry_in_order_has_no_findings(registry: Registry, data: Path, filled: None) -> None:
    report = check(data, is_stopped=True)

    assert report.findings == ()
    assert report.is_clean
    assert (report.plugins, report.packages) == (2, 3)
    assert report.package_bytes == sum(path.size for path in folder.list_blobs(data / "packages"))


def test_followers_that_lag_are_in_order(data: Path, filled: None, publish: Publish) -> None:
    publish("later")

    assert check(data).findings == ()


def test_an_empty_registry_is_in_order(data: Path) -> None:
    assert check(data, is_stopped=True).findings == ()


def test_downloads_that_are_not_announced_yet_are_in_order(
    registry: Registry, data: Path, filled: None
) -> None:
    write(registry, "UPDATE plugins SET documented_downloads = 100, downloads = 100 WHERE name = 'auth'")
    write(
        registry,
        "INSERT INTO downloads SELECT id, '1.0.0', '2026-03-14', 103 FROM plugins WHERE name = 'auth'",
    )
    with registry.database.write() as connection:
        changes.record(connection, 2, MOMENT)
        connection.execute("UPDATE plugins SET downloads = 103 WHERE name = 'auth'")

    assert check(data).findings == ()


def test_a_plugin_without_a_document_is_left_alone(registry: Registry, data: Path, filled: None) -> None:
    """It waits for an admin: to render it would be to publish it."""
    write(registry, "UPDATE plugins SET document = NULL, summary = NULL, etag = NULL WHERE name = 'auth'")

    repair(data)

    assert [name for name, _ in changes.all_documents(registry.database.read())] == ["users"]


def test_checking_writes_nothing(data: Path, filled: None, registry: Registry) -> None:
    (data / "packages" / "ab").mkdir(exist_ok=True)
    (data / "packages" / "ab" / ".new-left").write_bytes(b"x")
    registry.close()
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in data.rglob("*.sqlite")}
    files = tree(data)

    check(data, is_stopped=True)

    assert tree(data) == files
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in before} == before


def test_without_a_registry_there_is_nothing_to_check(tmp_path: Path) -> None:
    for verb in (check, repair):
        with pytest.raises(InvalidRequest, match="there is no registry"):
            verb(tmp_path)
    assert list(tmp_path.iterdir()) == []


# Packages.


def test_a_missing_and_a_damaged_package_need_a_backup(
    data: Path, tmp_path: Path, filled: None, publish: Publish
) -> None:
    publish("billing")
    back_up(data, tmp_path / "backup")
    blob_of(data, package("billing")).unlink()
    damaged = blob_of(data, package("auth", needs={"users": "^1.0.0"}))
    damaged.write_bytes(b"!" + damaged.read_bytes()[1:])

    report = check(data)

    assert sorted(codes(report)) == ["package-damaged", "package-missing"]
    assert {finding.remedy for finding in report.findings} == {"backup"}
    assert {finding.text for finding in report.findings} == {
        "the package of `billing` 1.0.0 is missing",
        "the package of `auth` 1.0.0 has other bytes than its name says",
    }
    assert repair(data).remaining.findings == report.findings
    mended = repair(data, backup=tmp_path / "backup")
    assert len(mended.mended) == 2
    assert check(data, is_stopped=True).findings == ()


def test_a_backup_that_lacks_them_too_brings_nothing(data: Path, tmp_path: Path, filled: None) -> None:
    back_up(data, tmp_path / "backup")
    for root in (data, tmp_path / "backup"):
        shutil.rmtree(root / "packages")

    report = repair(data, backup=tmp_path / "backup")

    assert report.mended == ()
    assert codes(report.remaining) == ["package-missing"] * 3


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_ordinary_file_is_no_package(
    data: Path, tmp_path: Path, filled: None, publish: Publish, kind: str
) -> None:
    publish("billing")
    path = blob_of(data, package("billing"))
    path.rename(tmp_path / "moved")
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(tmp_path / "moved")
        case "pipe":
            os.mkfifo(path)

    [finding] = check(data, is_stopped=True).findings
    assert (finding.code, finding.remedy) == ("package-damaged", "backup")
    assert repair(data, is_stopped=True).remaining.findings == (finding,)


# Leftovers.


def test_what_killed_publishes_left_is_swept(registry: Registry, data: Path, filled: None) -> None:
    registry.packages.put(b"nobody named me")
    (data / "packages" / "ab").mkdir(exist_ok=True)
    (data / "packages" / "ab" / ".new-half").write_bytes(b"half")
    (data / ".restoring").mkdir()
    (data / ".restoring" / "x").touch()
    named = tree(data / "packages").keys()

    assert_mended(data, "blob-unnamed", "temporary-file")
    assert len(named) - len(tree(data / "packages")) == 2
    assert not (data / ".restoring").exists()


def test_young_files_may_belong_to_a_publish_and_stay(registry: Registry, data: Path, filled: None) -> None:
    integrity = registry.packages.put(b"a publish is under way")
    path = registry.packages.path(integrity)
    os.utime(path, (MOMENT.timestamp(), MOMENT.timestamp()))

    for minutes, is_left in ((0, True), (59, True), (61, False)):
        clock = FixedClock(MOMENT + timedelta(minutes=minutes))
        assert check(data, clock=clock).is_clean == is_left
        repair(data, clock=clock)
        assert path.exists() == is_left


def test_bytes_that_are_published_again_become_young(registry: Registry, data: Path) -> None:
    path = registry.packages.path(registry.packages.put(b"published twice"))
    os.utime(path, (1, 1))

    registry.packages.put(b"published twice")

    assert path.stat().st_mtime > MOMENT.timestamp()


def test_files_of_others_are_nobody_elses_business(data: Path, filled: None) -> None:
    (data / "packages" / "README").write_text("hands off")
    (data / "packages" / "ab").mkdir(exist_ok=True)
    (data / "packages" / "ab" / "notes.txt").write_text("mine")

    assert check(data, is_stopped=True).findings == ()


def test_a_database_that_fits_no_package_has_none_removed(
    registry: Registry, data: Path, publish: Publish
) -> None:
    """Somebody made a new database beside the old packages."""
    for number in range(30):
        registry.packages.put(f"package {number}".encode())
    before = tree(data / "packages")

    report = repair(data, clock=LATER, is_stopped=True)

    [finding] = report.remaining.findings
    assert (finding.code, finding.remedy) == ("blob-unnamed", "person")
    assert tree(data / "packages") == before


# Rows and documents.


@pytest.mark.parametrize(
    "column",
    ["document = x'7b7d'", "etag = 'old'", "summary = NULL", "document = CAST('{' AS BLOB)"],
)
def test_a_document_that_is_not_what_the_rows_say_is_made_again(
    registry: Registry, data: Path, filled: None, column: str
) -> None:
    before = browse.plugin_document(registry, "auth")
    write(registry, f"UPDATE plugins SET {column} WHERE name = 'auth'")  # noqa: S608

    assert_mended(data, "plugin-document")
    assert browse.plugin_document(registry, "auth") == before
    assert changes.current_serial(registry.database.read()) == 4


def test_sums_are_added_up_again(registry: Registry, data: Path, filled: None) -> None:
    write(
        registry,
        "INSERT INTO ratings (plugin_id, user_id, rating, review, created_at, updated_at)"
        " SELECT plugins.id, users.id, 4, '', '', '' FROM plugins, users WHERE plugins.name = 'auth'",
    )
    write(registry, "UPDATE plugins SET downloads = 17 WHERE name = 'users'")

    # The document holds the rating too, so it is not what the rows say either once they add up.
    report = repair(data)

    assert {(finding.code, finding.subject) for finding in report.mended} >= {
        ("rating-sum", "auth"),
        ("download-sum", "users"),
    }
    assert check(data).is_clean
    rows = registry.database.read().execute(
        "SELECT downloads, rating_sum, rating_count FROM plugins ORDER BY name"
    )
    assert [tuple(row) for row in rows] == [(0, 4, 1), (0, 0, 0)]


def test_followers_hear_of_a_count_that_was_too_high(registry: Registry, data: Path, filled: None) -> None:
    write(registry, "UPDATE plugins SET downloads = 17 WHERE name = 'auth'")
    with registry.database.write() as connection:
        changes.record(connection, 2, MOMENT)

    assert_mended(data, "download-sum")
    [change] = feed.read_changes(registry, 4).changes
    assert change.document is not None
    assert (change.name, change.document.downloads) == ("auth", 0)


def test_labels_out_of_order_are_numbered_again(registry: Registry, data: Path, filled: None) -> None:
    write(registry, "UPDATE labels SET place = place * 5 + 3 WHERE kind = 'tag'")

    assert_mended(data, "label-order")
    rows = registry.database.read().execute("SELECT label FROM labels WHERE kind = 'tag' ORDER BY place")
    assert [row["label"] for row in rows] == ["people", "login"]


def test_rows_that_point_nowhere_are_removed(registry: Registry, data: Path, filled: None) -> None:
    damage(
        data,
        "INSERT INTO tokens (user_id, digest, label, scopes, pattern, created_at, expires_at)"
        " VALUES (99, 'd', '', 'rate', '*', '2026-01-01', '2026-01-01')",
        "INSERT INTO owners VALUES (98, 99)",
        "INSERT INTO ratings (plugin_id, user_id, rating, review, created_at, updated_at)"
        " VALUES (97, 99, 5, '', '', '')",
        "INSERT INTO labels VALUES (96, 'tag', 'x', 0)",
        "INSERT INTO downloads VALUES (95, '1.0.0', '2026-01-01', 3)",
    )
    owners = registry.database.read().execute("SELECT count(*) FROM owners").fetchone()[0]

    assert_mended(data, "orphan-rows")
    left = registry.database.read().execute("SELECT count(*) FROM owners").fetchone()[0]
    assert left == owners - 1


def test_a_rating_of_nobody_goes_and_no_longer_counts(registry: Registry, data: Path, filled: None) -> None:
    damage(
        data,
        "INSERT INTO ratings (plugin_id, user_id, rating, review, created_at, updated_at)"
        " SELECT id, 99, 5, '', '', '' FROM plugins WHERE name = 'auth'",
        "UPDATE plugins SET rating_sum = 5, rating_count = 1 WHERE name = 'auth'",
    )

    report = repair(data)

    assert "orphan-rows" in {finding.code for finding in report.mended}
    assert report.remaining.is_clean
    assert changes.all_documents(registry.database.read())[0][1].find(b'"ratingCount":1') == -1


def test_releases_of_a_publisher_who_is_gone_need_a_backup(data: Path, filled: None) -> None:
    damage(data, "UPDATE releases SET publisher_id = 99 WHERE version = '1.1.0'")

    report = repair(data)

    assert ("orphan-rows", "backup") in {(found.code, found.remedy) for found in report.remaining.findings}


def test_a_plugin_without_an_owner_is_for_a_person_to_decide(
    registry: Registry, data: Path, filled: None
) -> None:
    write(registry, "DELETE FROM owners WHERE plugin_id = 2")

    report = repair(data)

    [finding] = report.remaining.findings
    assert (finding.code, finding.subject, finding.remedy) == ("owner-missing", "auth", "person")


@pytest.mark.parametrize(
    "column", ["dependencies = '{'", "version = 'one'", "created_at = 'yesterday'", "engine = '[]'"]
)
def test_rows_that_cannot_be_read_need_a_backup(
    registry: Registry, data: Path, filled: None, column: str
) -> None:
    write(registry, f"UPDATE releases SET {column} WHERE version = '1.1.0'")  # noqa: S608

    [finding] = check(data).findings
    assert (finding.code, finding.subject, finding.remedy) == ("plugin-unreadable", "auth", "backup")
    assert repair(data).remaining.findings == (finding,)


def test_the_rest_is_mended_where_something_cannot_be(registry: Registry, data: Path, filled: None) -> None:
    registry.packages.put(b"left over")
    write(registry, "UPDATE releases SET engine = '[]' WHERE version = '1.1.0'")
    write(registry, "UPDATE plugins SET document = x'7b', downloads = 5 WHERE name = 'auth'")
    write(registry, "UPDATE plugins SET etag = '' WHERE name = 'users'")
    for path in (data / "search").glob("g*/manifest.json"):
        path.write_bytes(b"{")

    report = repair(data, is_stopped=True)

    assert [finding.code for finding in report.remaining.of("backup")] == ["plugin-unreadable"]
    assert {finding.code for finding in report.mended} == {"blob-unnamed", "plugin-document", "download-sum"}
    assert repair(data, is_stopped=True).remaining.findings == report.remaining.findings


# The feed and its followers.


@pytest.mark.parametrize("serials", [(1,), (2,), (1, 2)])
def test_gaps_in_the_feed_are_filled_and_followers_begin_again(
    registry: Registry, data: Path, filled: None, serials: tuple[int, ...]
) -> None:
    epoch = feed.read_changes(registry, 0).epoch
    for serial in serials:
        write(registry, "DELETE FROM changes WHERE serial = ?", serial)
    unannounced = ["feed-entry"] if 1 in serials else []

    assert_mended(data, "feed-gap", *unannounced)
    rows = registry.database.read().execute("SELECT serial FROM changes ORDER BY serial").fetchall()
    assert [row["serial"] for row in rows] == list(range(1, len(rows) + 1))
    page = feed.read_changes(registry, 0)
    assert page.epoch != epoch
    assert {change.name for change in page.changes} == {"auth", "users"}


def test_a_huge_gap_is_not_filled(registry: Registry, data: Path, filled: None) -> None:
    write(registry, "UPDATE changes SET serial = 2000000000 WHERE serial = 3")

    [finding] = check(data).findings
    assert (finding.code, finding.remedy) == ("feed-gap", "backup")


def test_a_plugin_nobody_heard_of_is_announced(registry: Registry, data: Path, filled: None) -> None:
    write(registry, "UPDATE changes SET name = 'users'")

    assert_mended(data, "feed-entry")
    assert [change.name for change in feed.read_changes(registry, 3).changes] == ["auth"]


@pytest.mark.parametrize("fault", ["gone", "damaged", "truncated", "row", "ahead", "short"])
def test_a_snapshot_that_cannot_be_used_is_made_again(
    registry: Registry, data: Path, filled: None, fault: str
) -> None:
    before = feed.read_snapshot(registry)
    path = registry.shards.path(before.shards[0].digest)
    match fault:
        case "gone":
            path.unlink()
        case "damaged":
            path.write_bytes(bytes(before.shards[0].size))
        case "truncated":
            path.write_bytes(path.read_bytes()[:10])
        case "row":
            write(
                registry,
                "UPDATE shards SET digest = 'nonsense' WHERE number = (SELECT min(number) FROM shards)",
            )
        case "ahead":
            write(registry, "UPDATE meta SET value = '77' WHERE key = 'snapshot'")
        case "short":
            write(registry, "UPDATE shards SET plugins = plugins + 1")

    report = repair(data, is_stopped=True)

    assert "shards" in {finding.code for finding in report.mended}
    assert report.remaining.is_clean
    assert feed.read_snapshot(registry) == before
    assert all(feed.read_shard(registry, shard.digest) for shard in before.shards)


@pytest.mark.parametrize("fault", ["ahead", "foreign", "short", "damaged"])
def test_an_index_that_follows_wrongly_is_built_again(
    registry: Registry, data: Path, filled: None, fault: str
) -> None:
    index = SearchIndex(data / "search")
    epoch = changes.read_epoch(registry.database.read())
    match fault:
        case "ahead":
            index.apply([], [], epoch=epoch, cursor=99)
        case "foreign":
            index.rebuild([], epoch="another", cursor=3)
        case "short":
            index.apply([], ["auth"], epoch=epoch, cursor=3)
        case "damaged":
            for path in (data / "search").glob("g*/manifest.json"):
                path.write_bytes(b"{")

    assert_mended(data, "search-index")
    assert [hit.name for hit in browse.list_plugins(registry, ListQuery(q="auth")).plugins] == ["auth"]


def test_an_index_nobody_made_yet_is_in_order(data: Path, filled: None) -> None:
    shutil.rmtree(data / "search")

    assert check(data).findings == ()


# The database itself.


def test_a_file_that_is_no_database_needs_a_backup(registry: Registry, data: Path, filled: None) -> None:
    registry.close()
    (data / "registry.sqlite").write_bytes(b"no database at all" * 1000)

    for report in (check(data), repair(data).remaining):
        [finding] = report.findings
        assert (finding.code, finding.remedy) == ("database-damaged", "backup")


def test_an_empty_file_is_not_taken_for_an_empty_registry(
    registry: Registry, data: Path, filled: None
) -> None:
    registry.close()
    (data / "registry.sqlite").write_bytes(b"")
    before = tree(data)

    report = repair(data, is_stopped=True, clock=LATER)

    assert codes(report.remaining) == ["database-damaged"]
    assert tree(data) == before


def test_pages_that_were_overwritten_need_a_backup(registry: Registry, data: Path, filled: None) -> None:
    registry.close()
    path = data / "registry.sqlite"
    content = bytearray(path.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    path.write_bytes(content)

    report = repair(data)

    assert report.mended == ()
    assert set(codes(report.remaining)) == {"database-damaged"}


def test_an_index_of_the_database_is_made_again(registry: Registry, data: Path, filled: None) -> None:
    registry.close()
    damage(
        data,
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_schema SET sql = 'CREATE INDEX changes_by_name ON changes (at)'"
        " WHERE name = 'changes_by_name'",
    )
    damage(data, "INSERT INTO changes VALUES (4, 'auth', '2026-01-01')")
    damage(
        data,
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_schema SET sql = 'CREATE INDEX changes_by_name ON changes (name)'"
        " WHERE name = 'changes_by_name'",
    )

    assert_mended(data, "database-index")


def test_an_older_schema_is_brought_up_to_date_before_the_rest_is_looked_at(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "registry.sqlite")
    MIGRATIONS.apply(sqlite_utils.Database(connection), stop_before="002_contents")
    connection.execute("INSERT INTO meta VALUES ('epoch', 'abc')")
    connection.execute("INSERT INTO tokens VALUES (1, 99, 'd', '', 'rate', '*', '', '', NULL)")
    connection.commit()
    connection.close()

    assert codes(check(tmp_path)) == ["schema-old"]
    report = repair(tmp_path)

    assert [finding.code for finding in report.mended] == ["schema-old", "orphan-rows"]
    assert check(tmp_path).findings == ()


# Building the index.


def test_reindex_builds_from_the_rows_whatever_was_there(
    registry: Registry, data: Path, filled: None
) -> None:
    shutil.rmtree(data / "search")
    (data / "search").mkdir()
    (data / "search" / "current").write_text("nowhere")

    assert reindex(registry) == 2
    assert [hit.name for hit in browse.list_plugins(registry, ListQuery(q="users")).plugins] == ["users"]


def test_reindex_beside_another_writer_says_so(registry: Registry, data: Path, filled: None) -> None:
    with FileLock(data / "search" / "write.lock"), pytest.raises(RegistryBusy, match="another process"):
        reindex(registry)


def test_reindex_where_no_folder_can_be_says_what_to_remove(
    registry: Registry, data: Path, filled: None
) -> None:
    shutil.rmtree(data / "search")
    (data / "search").write_text("a file")

    with pytest.raises(RegistryBusy) as caught:
        reindex(registry)
    assert "which is only an index" in caught.value.problem.hint
