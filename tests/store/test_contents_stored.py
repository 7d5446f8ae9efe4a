"""What a release does is kept with it, and stands wherever its document stands; older stores open."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import sqlite_utils
import zstandard

from registry_server.contract.archive import read_package
from registry_server.contract.contents import contents_of
from registry_server.contract.validation import check_package
from registry_server.contract.wire import Contents, FileCopy, PluginDocument
from registry_server.operations import browse, feed
from registry_server.operations.accounts import local_caller
from registry_server.operations.publish import publish as publish_operation
from registry_server.registry import Registry, open_registry
from registry_server.store.database import Database
from registry_server.store.migrations import MIGRATIONS
from tests.support.builders import FixedClock, package

Publish = Callable[..., Any]

EXTRA = {
    "manifest.json": json.dumps(
        {
            "envVars": ["JWT_SECRET"],
            "instructions": ["Make a secret."],
            "copy": [{"from": "page.svelte", "to": "src/routes/login/+page.svelte"}],
        }
    ),
    "page.svelte": "<p></p>\n",
    "client.ts": "export const load = (url: string) => fetch(url);\n",
    "migrations/001_create.ts": "export async function up() {}\n",
}
CONTENTS = Contents(
    labels=("network",),
    migrations=("001_create.ts",),
    env_vars=("JWT_SECRET",),
    copies=(FileCopy(source="page.svelte", target="src/routes/login/+page.svelte"),),
    instructions=("Make a secret.",),
    postinstall="bun run setup",
)


def publish_with_contents(publish: Publish, version: str = "1.0.0") -> None:
    publish("auth", version, hooks={"postinstall": "bun run setup"}, extra=EXTRA)


def stated(document: PluginDocument) -> dict[str, Contents]:
    return {release.version: release.contents for release in document.versions}


def documents_in_shards(registry: Registry) -> list[PluginDocument]:
    shards = [feed.read_shard(registry, shard.digest) for shard in feed.read_snapshot(registry).shards]
    lines = b"".join(zstandard.ZstdDecompressor().decompress(shard) for shard in shards).splitlines()
    return [msgspec.json.decode(line, type=PluginDocument) for line in lines]


def test_a_publish_states_the_contents_in_document_feed_and_shards(
    registry: Registry, publish: Publish
) -> None:
    publish("auth", "0.9.0")
    publish_with_contents(publish)

    expected = {"1.0.0": CONTENTS, "0.9.0": Contents()}
    body, _ = browse.plugin_document(registry, "auth")
    (change,) = feed.read_changes(registry, 0).changes
    (in_shard,) = documents_in_shards(registry)
    assert stated(msgspec.json.decode(body, type=PluginDocument)) == expected
    assert change.document is not None
    assert stated(change.document) == expected
    assert stated(in_shard) == expected


def test_a_release_without_any_says_nothing_of_them(registry: Registry, publish: Publish) -> None:
    publish("auth", extra={"migrations/001_create.ts": EXTRA["migrations/001_create.ts"]})
    publish("users")

    assert b'"contents":{"migrations":["001_create.ts"]}' in browse.plugin_document(registry, "auth")[0]
    assert b"contents" not in browse.plugin_document(registry, "users")[0]


def test_what_is_stated_is_what_a_client_tells_from_the_package(registry: Registry, publish: Publish) -> None:
    publish_with_contents(publish)
    body, _ = browse.plugin_document(registry, "auth")
    entries = read_package(package("auth", hooks={"postinstall": "bun run setup"}, extra=EXTRA))

    told = contents_of(entries, check_package(entries))

    assert stated(msgspec.json.decode(body, type=PluginDocument)) == {"1.0.0": told}


def test_a_store_from_before_contents_opens_and_goes_on(tmp_path: Path, clock: FixedClock) -> None:
    folder = tmp_path / "registry"
    folder.mkdir()
    _make_earlier_store(folder / "registry.sqlite")

    registry = open_registry(folder, clock)
    try:
        archive = package("auth", "1.1.0", hooks={"postinstall": "bun run setup"}, extra=EXTRA)
        publish_operation(registry, local_caller(registry), archive)
        body, _ = browse.plugin_document(registry, "auth")
    finally:
        registry.close()

    document = msgspec.json.decode(body, type=PluginDocument)
    assert stated(document) == {"1.1.0": CONTENTS, "1.0.0": Contents()}


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    _make_earlier_store(tmp_path / "a.db")

    for _ in range(2):
        database = Database(tmp_path / "a.db")
        rows = database.read().execute("SELECT version, contents FROM releases").fetchall()
        database.close()
        assert [tuple(row) for row in rows] == [("1.0.0", "{}")]


def _make_earlier_store(path: Path) -> None:
    """A store as the first schema had it, with one release whose bytes are gone."""
    connection = sqlite3.connect(path)
    MIGRATIONS.apply(sqlite_utils.Database(connection, execute_plugins=False), stop_before="002_contents")
    moment = "2026-01-01T00:00:00+00:00"
    connection.execute("INSERT INTO users VALUES (1, 'local', 1, ?)", (moment,))
    connection.execute(
        "INSERT INTO plugins (id, name, lookalike, display_name, description, author_name, author_email,"
        " author_github, repository, license, created_at, updated_at)"
        " VALUES (1, 'auth', 'auth', '', '', '', '', '', '', '', ?, ?)",
        (moment, moment),
    )
    connection.execute("INSERT INTO owners VALUES (1, 1)")
    connection.execute(
        "INSERT INTO releases (plugin_id, version, precedence, description, dependencies, engine, framework,"
        " integrity, size, files, readme, publisher_id, created_at)"
        " VALUES (1, '1.0.0', '1.0.0', '', '{}', '{}', '*', 'sha256:00', 1, '[]', '', 1, ?)",
        (moment,),
    )
    connection.commit()
    connection.close()
