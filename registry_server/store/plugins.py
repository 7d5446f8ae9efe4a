"""Rows of plugins and releases, and the documents made of them."""

from datetime import datetime

import msgspec
from msgspec import Struct

from registry_server.contract import routes
from registry_server.contract.names import lookalike_key
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import (
    NO_CONTENTS,
    Author,
    Contents,
    Engine,
    EntryListing,
    PluginDocument,
    PluginSummary,
    Release,
    ReleaseDependencies,
)
from registry_server.store import reviews
from registry_server.store.database import Connection, Row

IMAGINED_RATINGS, IMAGINED_SUM = 4, 14.0
"""Four imagined ratings of 3.5 shrink a mean: one lone 5 does not beat fifty of 4.8."""

_files_decoder = msgspec.json.Decoder(tuple[EntryListing, ...])
_dependencies_decoder = msgspec.json.Decoder(ReleaseDependencies)
_engine_decoder = msgspec.json.Decoder(Engine)
_contents_decoder = msgspec.json.Decoder(Contents)


class PluginFields(Struct, frozen=True, kw_only=True):
    """What the newest manifest says about a plugin as a whole."""

    display_name: str
    description: str
    author: Author
    repository: str
    license: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]


class NewRelease(Struct, frozen=True, kw_only=True):
    version: str
    description: str
    dependencies: ReleaseDependencies
    engine: Engine
    framework: str
    contents: Contents
    integrity: str
    size: int
    files: tuple[EntryListing, ...]
    readme: str
    publisher_id: int


class StoredRelease(Struct, frozen=True, kw_only=True):
    id: int
    plugin_id: int
    integrity: str
    size: int
    held: str
    """Why the plugin waits for an admin; empty: it does not."""
    quarantine: str
    """Why the release, or the plugin, is in quarantine."""


def plugin_id(connection: Connection, name: str) -> int | None:
    row = connection.execute("SELECT id FROM plugins WHERE name = ?", (name,)).fetchone()
    return row["id"] if row else None


def name_of_lookalike(connection: Connection, name: str) -> str | None:
    """The published name that `name` equals once case and dashes are gone, or None."""
    row = connection.execute(
        "SELECT name FROM plugins WHERE lookalike = ?", (lookalike_key(name),)
    ).fetchone()
    return row["name"] if row else None


def plugin_names(connection: Connection) -> list[str]:
    return [row["name"] for row in connection.execute("SELECT name FROM plugins WHERE document IS NOT NULL")]


def add_plugin(
    connection: Connection, name: str, fields: PluginFields, *, held: str = "", now: datetime
) -> int:
    """A plugin that is `held` (with the reason) has no document, and so is in no list and no feed."""
    cursor = connection.execute(
        "INSERT INTO plugins (name, lookalike, display_name, description, author_name, author_email,"
        " author_github, repository, license, held, created_at, updated_at)"
        " VALUES (?,?,'','','','','','','',?,?,?)",
        (name, lookalike_key(name), held, now.isoformat(), now.isoformat()),
    )
    assert cursor.lastrowid is not None
    set_fields(connection, cursor.lastrowid, fields)
    return cursor.lastrowid


def set_fields(connection: Connection, plugin: int, fields: PluginFields) -> None:
    connection.execute(
        "UPDATE plugins SET display_name=?, description=?, author_name=?, author_email=?, author_github=?,"
        " repository=?, license=? WHERE id=?",
        (
            fields.display_name,
            fields.description,
            fields.author.name,
            fields.author.email or "",
            fields.author.github or "",
            fields.repository,
            fields.license,
            plugin,
        ),
    )
    connection.execute("DELETE FROM labels WHERE plugin_id = ?", (plugin,))
    labels = [("category", fields.categories), ("tag", fields.tags)]
    connection.executemany(
        "INSERT INTO labels (plugin_id, kind, label, place) VALUES (?, ?, ?, ?)",
        [(plugin, kind, label, place) for kind, all_ in labels for place, label in enumerate(all_)],
    )


def fields_of(connection: Connection, plugin: int) -> PluginFields:
    row = connection.execute("SELECT * FROM plugins WHERE id = ?", (plugin,)).fetchone()
    return PluginFields(
        display_name=row["display_name"],
        description=row["description"],
        author=_author(row),
        repository=row["repository"],
        license=row["license"],
        categories=_labels(connection, plugin, "category"),
        tags=_labels(connection, plugin, "tag"),
    )


def add_release(connection: Connection, plugin: int, release: NewRelease, now: datetime) -> None:
    connection.execute(
        "INSERT INTO releases (plugin_id, version, precedence, description, dependencies, engine, framework,"
        " contents, integrity, size, files, readme, publisher_id, created_at)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            plugin,
            release.version,
            precedence_text(release.version),
            release.description,
            msgspec.json.encode(release.dependencies).decode(),
            msgspec.json.encode(release.engine).decode(),
            release.framework,
            msgspec.json.encode(release.contents).decode(),
            release.integrity,
            release.size,
            msgspec.json.encode(release.files).decode(),
            release.readme,
            release.publisher_id,
            now.isoformat(),
        ),
    )
    connection.execute("UPDATE plugins SET updated_at = ? WHERE id = ?", (now.isoformat(), plugin))


def precedence_text(version: str) -> str:
    """The version without build metadata: two that differ only there cannot both exist."""
    return version.partition("+")[0]


def published_integrity(connection: Connection, plugin: int, version: str) -> str | None:
    """Integrity of the release that holds this version's place, or None."""
    row = connection.execute(
        "SELECT integrity FROM releases WHERE plugin_id = ? AND precedence = ?",
        (plugin, precedence_text(version)),
    ).fetchone()
    return row["integrity"] if row else None


def newest_integrity(connection: Connection) -> str | None:
    """Of the package published last; None in an empty registry."""
    row = connection.execute("SELECT integrity FROM releases ORDER BY id DESC LIMIT 1").fetchone()
    return row["integrity"] if row else None


def find_release(connection: Connection, name: str, version: str) -> StoredRelease | None:
    row = connection.execute(
        "SELECT releases.id, plugin_id, integrity, size, held,"
        " coalesce(nullif(releases.quarantine, ''), plugins.quarantine) AS quarantine FROM releases"
        " JOIN plugins ON plugins.id = plugin_id WHERE name = ? AND version = ?",
        (name, version),
    ).fetchone()
    if row is None:
        return None
    return StoredRelease(
        id=row["id"],
        plugin_id=row["plugin_id"],
        integrity=row["integrity"],
        size=row["size"],
        held=row["held"],
        quarantine=row["quarantine"],
    )


def readme_of(connection: Connection, release: StoredRelease) -> str:
    text: str = connection.execute("SELECT readme FROM releases WHERE id = ?", (release.id,)).fetchone()[0]
    return text


def files_of(connection: Connection, release: StoredRelease) -> tuple[EntryListing, ...]:
    text = connection.execute("SELECT files FROM releases WHERE id = ?", (release.id,)).fetchone()[0]
    return _files_decoder.decode(text)


def release_versions(connection: Connection, plugin: int) -> list[str]:
    """Versions of a plugin, highest precedence first."""
    rows = connection.execute("SELECT version FROM releases WHERE plugin_id = ?", (plugin,))
    versions = (parse_version(row["version"]) for row in rows)
    return [version.text for version in sorted(versions, key=lambda v: v.key, reverse=True)]


def set_yanked(connection: Connection, plugin: int, version: str, *, yanked: bool, reason: str) -> None:
    """Yanked again without a reason, the one given before stays."""
    connection.execute(
        "UPDATE releases SET yanked = ?1, yank_reason = iif(?1 AND ?2 = '', yank_reason, ?2)"
        " WHERE plugin_id = ?3 AND version = ?4",
        (int(yanked), reason, plugin, version),
    )


def set_deprecated(
    connection: Connection, plugin: int, version: str, *, message: str, successor: str
) -> None:
    """An empty message takes it back."""
    connection.execute(
        "UPDATE releases SET deprecated = ?, deprecation = ?, successor = ?"
        " WHERE plugin_id = ? AND version = ?",
        (int(bool(message)), message, successor, plugin, version),
    )


def download_count(connection: Connection, plugin: int) -> int:
    row = connection.execute("SELECT downloads FROM plugins WHERE id = ?", (plugin,)).fetchone()
    count: int = row["downloads"]
    return count


def document_bytes(connection: Connection, name: str) -> tuple[bytes, str] | None:
    """The ready JSON of a plugin and its ETag."""
    row = connection.execute("SELECT document, etag FROM plugins WHERE name = ?", (name,)).fetchone()
    return (row["document"], row["etag"]) if row and row["document"] else None


def make_document(connection: Connection, plugin: int) -> PluginDocument:
    row = connection.execute("SELECT * FROM plugins WHERE id = ?", (plugin,)).fetchone()
    releases = _releases(connection, row)
    count = row["rating_count"]
    rated = reviews.totals(connection, plugin) if count else None
    return PluginDocument(
        id=str(plugin),
        name=row["name"],
        display_name=row["display_name"] or row["name"],
        description=row["description"],
        author=_author(row),
        repository=row["repository"] or None,
        license=row["license"],
        categories=_labels(connection, plugin, "category"),
        tags=_labels(connection, plugin, "tag"),
        downloads=row["downloads"],
        rating=round(row["rating_sum"] / count, 2) if count else 0.0,
        rating_count=count,
        rating_score=round((row["rating_sum"] + IMAGINED_SUM) / (count + IMAGINED_RATINGS), 3),
        rating_stars=rated.stars if rated else (),
        review_count=rated.reviews if rated else 0,
        versions=releases,
        latest_version=latest_version(releases),
        created_at=datetime.fromisoformat(row["created_at"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
        verified=bool(row["verified"]),
        featured=bool(row["featured"]),
        quarantine=row["quarantine"],
    )


def latest_version(releases: tuple[Release, ...]) -> str:
    """What a person means by the newest; `releases` are sorted, highest first."""
    present = [release for release in releases if not (release.yanked or release.quarantine)]
    current = [release for release in present if not release.deprecated]
    stable = [release for release in current if "-" not in precedence_text(release.version)]
    best = stable or current or present or releases
    return best[0].version if best else ""


def summary_of(document: PluginDocument) -> PluginSummary:
    return PluginSummary(
        name=document.name,
        display_name=document.display_name,
        description=document.description,
        author=document.author.name,
        latest_version=document.latest_version,
        categories=document.categories,
        tags=document.tags,
        license=document.license,
        downloads=document.downloads,
        rating=document.rating,
        rating_count=document.rating_count,
        verified=document.verified,
        featured=document.featured,
        deprecated=document.is_deprecated,
        quarantined=bool(document.quarantine),
        created_at=document.created_at,
        updated_at=document.updated_at,
    )


def _author(row: Row) -> Author:
    return Author(
        name=row["author_name"], email=row["author_email"] or None, github=row["author_github"] or None
    )


def _contents(row: Row) -> Contents:
    contents = _contents_decoder.decode(row["contents"])
    return NO_CONTENTS if contents == NO_CONTENTS else contents


def _labels(connection: Connection, plugin: int, kind: str) -> tuple[str, ...]:
    query = "SELECT label FROM labels WHERE plugin_id = ? AND kind = ? ORDER BY place"
    return tuple(row["label"] for row in connection.execute(query, (plugin, kind)))


def _releases(connection: Connection, plugin: Row) -> tuple[Release, ...]:
    rows = connection.execute(
        "SELECT releases.*, users.name AS publisher FROM releases JOIN users ON users.id = publisher_id"
        " WHERE plugin_id = ?",
        (plugin["id"],),
    )
    releases = [
        Release(
            version=row["version"],
            checksum=row["integrity"],
            size=row["size"],
            package_url=routes.download(plugin["name"], row["version"]),
            framework=row["framework"],
            engine=_engine_decoder.decode(row["engine"]),
            dependencies=_dependencies_decoder.decode(row["dependencies"]),
            created_at=datetime.fromisoformat(row["created_at"]),
            description=row["description"],
            deprecated=bool(row["deprecated"]),
            deprecation=row["deprecation"],
            successor=row["successor"],
            yanked=bool(row["yanked"]),
            yank_reason=row["yank_reason"],
            publisher=row["publisher"],
            quarantine=row["quarantine"] or plugin["quarantine"],
            contents=_contents(row),
        )
        for row in rows
    ]
    return tuple(sorted(releases, key=lambda r: parse_version(r.version).key, reverse=True))
