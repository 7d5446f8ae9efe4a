"""The schema as numbered steps; a step that was released never changes, a new one is added."""

import sqlite_utils
from sqlite_utils import Migrations

MIGRATIONS = Migrations("registry")

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE users (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE,
        is_admin INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL) STRICT""",
    """CREATE TABLE tokens (
        id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id),
        digest TEXT NOT NULL UNIQUE, label TEXT NOT NULL, scopes TEXT NOT NULL, pattern TEXT NOT NULL,
        created_at TEXT NOT NULL, expires_at TEXT NOT NULL, revoked_at TEXT) STRICT""",
    """CREATE TABLE plugins (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, lookalike TEXT NOT NULL UNIQUE,
        display_name TEXT NOT NULL, description TEXT NOT NULL,
        author_name TEXT NOT NULL, author_email TEXT NOT NULL, author_github TEXT NOT NULL,
        repository TEXT NOT NULL, license TEXT NOT NULL,
        verified INTEGER NOT NULL DEFAULT 0, featured INTEGER NOT NULL DEFAULT 0,
        downloads INTEGER NOT NULL DEFAULT 0, documented_downloads INTEGER NOT NULL DEFAULT 0,
        rating_sum INTEGER NOT NULL DEFAULT 0, rating_count INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
        document BLOB, summary BLOB, etag TEXT) STRICT""",
    """CREATE TABLE labels (
        plugin_id INTEGER NOT NULL REFERENCES plugins(id) ON DELETE CASCADE,
        kind TEXT NOT NULL, label TEXT NOT NULL, place INTEGER NOT NULL,
        PRIMARY KEY (kind, label, plugin_id)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX labels_of_plugin ON labels (plugin_id)",
    """CREATE TABLE owners (
        plugin_id INTEGER NOT NULL REFERENCES plugins(id) ON DELETE CASCADE,
        user_id INTEGER NOT NULL REFERENCES users(id),
        PRIMARY KEY (plugin_id, user_id)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE releases (
        id INTEGER PRIMARY KEY, plugin_id INTEGER NOT NULL REFERENCES plugins(id),
        version TEXT NOT NULL, precedence TEXT NOT NULL, description TEXT NOT NULL,
        dependencies TEXT NOT NULL, engine TEXT NOT NULL, framework TEXT NOT NULL,
        integrity TEXT NOT NULL, size INTEGER NOT NULL, files TEXT NOT NULL, readme TEXT NOT NULL,
        publisher_id INTEGER NOT NULL REFERENCES users(id), created_at TEXT NOT NULL,
        yanked INTEGER NOT NULL DEFAULT 0, yank_reason TEXT NOT NULL DEFAULT '',
        deprecated INTEGER NOT NULL DEFAULT 0, deprecation TEXT NOT NULL DEFAULT '',
        UNIQUE (plugin_id, precedence)) STRICT""",
    "CREATE INDEX releases_by_integrity ON releases (integrity)",
    """CREATE TABLE ratings (
        plugin_id INTEGER NOT NULL REFERENCES plugins(id) ON DELETE CASCADE,
        user_id INTEGER NOT NULL REFERENCES users(id), rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
        review TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
        PRIMARY KEY (plugin_id, user_id)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE downloads (
        plugin_id INTEGER NOT NULL REFERENCES plugins(id) ON DELETE CASCADE, version TEXT NOT NULL,
        day TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (plugin_id, day, version)) STRICT, WITHOUT ROWID""",
    "CREATE TABLE changes (serial INTEGER PRIMARY KEY, name TEXT NOT NULL, at TEXT NOT NULL) STRICT",
    "CREATE INDEX changes_by_name ON changes (name)",
    """CREATE TABLE shards (
        number INTEGER PRIMARY KEY, digest TEXT NOT NULL, size INTEGER NOT NULL, plugins INTEGER NOT NULL,
        releases INTEGER NOT NULL) STRICT""",
)


@MIGRATIONS(name="001_start")
def _start(database: sqlite_utils.Database) -> None:
    for statement in _SCHEMA:
        database.execute(statement)


@MIGRATIONS(name="002_contents")
def _contents(database: sqlite_utils.Database) -> None:
    database.execute("ALTER TABLE releases ADD COLUMN contents TEXT NOT NULL DEFAULT '{}'")


_PEOPLE = (
    "ALTER TABLE users ADD COLUMN password TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE users ADD COLUMN github_id INTEGER",
    "ALTER TABLE users ADD COLUMN is_disabled INTEGER NOT NULL DEFAULT 0",
    "CREATE UNIQUE INDEX users_by_github ON users (github_id)",
    "CREATE INDEX tokens_by_user ON tokens (user_id)",
    "CREATE INDEX owners_by_user ON owners (user_id)",
    "CREATE INDEX downloads_by_day ON downloads (day)",
    """CREATE TABLE invitations (
        plugin_id INTEGER NOT NULL REFERENCES plugins(id) ON DELETE CASCADE,
        user_id INTEGER NOT NULL REFERENCES users(id),
        invited_by INTEGER NOT NULL REFERENCES users(id), created_at TEXT NOT NULL,
        PRIMARY KEY (plugin_id, user_id)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX invitations_by_user ON invitations (user_id)",
    """CREATE TABLE audit (
        id INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        subject TEXT NOT NULL, detail TEXT NOT NULL, address TEXT NOT NULL) STRICT""",
    """CREATE TABLE reserved_names (
        lookalike TEXT PRIMARY KEY, name TEXT NOT NULL, reason TEXT NOT NULL) STRICT""",
    "CREATE INDEX plugins_by_downloads ON plugins (downloads DESC, updated_at DESC, name)",
    "CREATE INDEX plugins_by_update ON plugins (updated_at DESC, name)",
    "ALTER TABLE plugins ADD COLUMN held TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE plugins ADD COLUMN quarantine TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE releases ADD COLUMN successor TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE releases ADD COLUMN quarantine TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE ratings ADD COLUMN reply TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE ratings ADD COLUMN replied_by TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE ratings ADD COLUMN hidden TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE helpful_votes (
        plugin_id INTEGER NOT NULL, author_id INTEGER NOT NULL,
        voter_id INTEGER NOT NULL REFERENCES users(id),
        PRIMARY KEY (plugin_id, author_id, voter_id),
        FOREIGN KEY (plugin_id, author_id) REFERENCES ratings (plugin_id, user_id) ON DELETE CASCADE)
        STRICT, WITHOUT ROWID""",
    """CREATE TABLE review_reports (
        plugin_id INTEGER NOT NULL, author_id INTEGER NOT NULL,
        reporter_id INTEGER NOT NULL REFERENCES users(id),
        reason TEXT NOT NULL, created_at TEXT NOT NULL,
        PRIMARY KEY (plugin_id, author_id, reporter_id),
        FOREIGN KEY (plugin_id, author_id) REFERENCES ratings (plugin_id, user_id) ON DELETE CASCADE)
        STRICT, WITHOUT ROWID""",
)


@MIGRATIONS(name="003_people")
def _people(database: sqlite_utils.Database) -> None:
    for statement in _PEOPLE:
        database.execute(statement)
