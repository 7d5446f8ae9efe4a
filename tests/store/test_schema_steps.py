"""Databases as each earlier schema left them: brought up to date with every row kept, and at work again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlite_utils

from registry_server.contract.account_wire import SCOPES, OwnerRequest, QuarantineRequest
from registry_server.contract.problems import ProblemError, RegistryNewer
from registry_server.contract.review_wire import RatingRequest, RatingsQuery
from registry_server.contract.wire import ListQuery, PluginUpdate
from registry_server.operations import (
    browse,
    feed,
    lifecycle,
    moderation,
    owners,
    reviews,
    sessions,
    statistics,
    tokens,
    users,
)
from registry_server.operations.accounts import OPERATOR, Caller, authenticate
from registry_server.operations.publish import publish
from registry_server.registry import Registry, open_registry
from registry_server.store.migrations import MIGRATIONS
from tests.support.builders import FixedClock, package

STEPS = [step.name for step in MIGRATIONS.pending(sqlite_utils.Database(memory=True))]
EARLIER = STEPS[:-1]
Rows = dict[str, list[tuple[object, ...]]]


@contextmanager
def opened(folder: Path) -> Iterator[Registry]:
    registry = open_registry(folder, FixedClock())
    try:
        yield registry
    finally:
        registry.close()


def fill(registry: Registry) -> str:
    """Something in every table; returns a token of ada's."""
    token = tokens.create_token(registry, "ada", scopes=[scope for scope in SCOPES if scope != "admin"])
    bob_token = tokens.create_token(registry, "bob", scopes=["rate", "account"])
    ada, bob = (authenticate(registry, f"Bearer {each}") for each in (token, bob_token))
    for version in ("1.0.0", "1.1.0"):
        archive = package("auth", version, needs={"users": "^2.0.0"}, categories=["security"], tags=["jwt"])
        publish(registry, ada, archive)
    lifecycle.yank(registry, ada, "auth", "1.0.0", reason="broken")
    reviews.rate(registry, bob, "auth", RatingRequest(rating=4, review="Works."))
    reviews.vote_helpful(registry, ada, "auth", "bob", is_helpful=True)
    reviews.report(registry, ada, "auth", "bob", reason="too kind")
    owners.invite(registry, ada, "auth", OwnerRequest(user="bob"))
    moderation.reserve_name(registry, OPERATOR, "acme", "a trade mark")
    browse.count_download(registry, browse.read_package_bytes(registry, None, "auth", "1.1.0"), "1.1.0")
    statistics.flush_downloads(registry)
    feed.read_snapshot(registry)
    return token


def columns(connection: sqlite3.Connection) -> dict[str, list[str]]:
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " AND name NOT LIKE '_sqlite%' ORDER BY name"
    ).fetchall()
    return {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for (name,) in tables}


def rows(connection: sqlite3.Connection, of: dict[str, list[str]]) -> Rows:
    return {
        table: connection.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608 - our own tables
        for table, names in of.items()
    }


def as_step_left_it(folder: Path, step: str) -> tuple[Rows, dict[str, list[str]]]:
    """Puts the rows of the database in `folder` into one that has the schema up to `step`, in its place."""
    path = folder / "registry.sqlite"
    current = path.rename(path.with_suffix(".current"))
    following = STEPS[STEPS.index(step) + 1]
    with closing(sqlite3.connect(path)) as connection:
        MIGRATIONS.apply(sqlite_utils.Database(connection, execute_plugins=False), stop_before=following)
        connection.execute("ATTACH ? AS current", (str(current),))
        there = columns(connection)
        for table, names in there.items():
            listed = ", ".join(names)
            connection.execute(f"INSERT INTO main.{table} ({listed}) SELECT {listed} FROM current.{table}")  # noqa: S608
        connection.commit()
        kept = rows(connection, there)
    current.unlink()
    return kept, there


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, str]:
    folder = tmp_path / "registry"
    with opened(folder) as registry:
        token = fill(registry)
    return folder, token


def test_there_are_rows_in_every_table_to_lose(filled: tuple[Path, str]) -> None:
    with closing(sqlite3.connect(filled[0] / "registry.sqlite")) as connection:
        empty = [table for table, found in rows(connection, columns(connection)).items() if not found]

    assert empty == []
    assert len(EARLIER) >= 2


@pytest.mark.parametrize("step", EARLIER)
def test_an_earlier_database_keeps_every_row(filled: tuple[Path, str], step: str) -> None:
    folder, _ = filled
    kept, there = as_step_left_it(folder, step)

    with opened(folder) as registry:
        found = rows(registry.database.read(), there)

        assert {table: list(map(tuple, each)) for table, each in found.items()} == kept
        integrity = registry.database.read().execute("PRAGMA integrity_check").fetchone()[0]
        assert integrity == "ok"
        assert registry.database.read().execute("PRAGMA foreign_key_check").fetchall() == []


def shape(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(folder / "registry.sqlite")) as connection:
        return {
            name: sorted(row[1:] for row in connection.execute(f"PRAGMA table_info({name})"))
            for name in columns(connection)
        }


@pytest.mark.parametrize("step", EARLIER)
def test_an_earlier_database_ends_with_the_schema_of_a_new_one(
    filled: tuple[Path, str], tmp_path: Path, step: str
) -> None:
    as_step_left_it(filled[0], step)
    for folder in (filled[0], tmp_path / "new"):
        with opened(folder):
            pass

    assert shape(filled[0]) == shape(tmp_path / "new")


@pytest.mark.parametrize("step", EARLIER)
def test_an_earlier_database_works_as_if_it_had_always_been_so(filled: tuple[Path, str], step: str) -> None:
    folder, token = filled
    as_step_left_it(folder, step)

    with opened(folder) as registry:
        ada = authenticate(registry, f"Bearer {token}")
        assert ada is not None
        assert browse.read_package_bytes(registry, None, "auth", "1.1.0").data
        assert browse.list_plugins(registry, ListQuery(q="auth")).pagination.total == 1
        assert browse.list_plugins(registry, ListQuery(category="security")).pagination.total == 1
        assert feed.read_changes(registry, 0).changes
        assert feed.read_snapshot(registry).releases == 2
        assert reviews.list_ratings(registry, "auth", RatingsQuery()).average == 4.0
        assert statistics.plugin_stats(registry, ada, "auth").downloads == 1
        assert sessions.session_state(registry, ada).plugins[0].name == "auth"
        change_everything(registry, ada)
        assert browse.list_plugins(registry, ListQuery(q="other words")).pagination.total == 1
        assert feed.read_snapshot(registry).releases == 3


def change_everything(registry: Registry, ada: Caller) -> None:
    publish(registry, ada, package("auth", "1.2.0"))
    lifecycle.unyank(registry, ada, "auth", "1.0.0")
    lifecycle.update_plugin(registry, ada, "auth", PluginUpdate(description="Other words."))
    users.create_user(registry, "carl", password="correct horse battery")
    users.link_github(registry, "carl", 7)
    owners.invite(registry, ada, "auth", OwnerRequest(user="carl"))
    carl = authenticate(registry, f"Bearer {tokens.create_token(registry, 'carl', scopes=['rate'])}")
    reviews.rate(registry, carl, "auth", RatingRequest(rating=2, review="Slow."))
    reviews.vote_helpful(registry, carl, "auth", "bob", is_helpful=True)
    reviews.answer(registry, ada, "auth", "carl", reply="Faster soon.")
    reviews.hide(registry, OPERATOR, "auth", "carl", reason="rude")
    moderation.quarantine(registry, OPERATOR, "auth", QuarantineRequest(reason="a trial", version="1.0.0"))
    moderation.lift(registry, OPERATOR, "auth", "1.0.0")


def test_a_database_of_a_newer_program_is_refused_and_left_alone(filled: tuple[Path, str]) -> None:
    path = filled[0] / "registry.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        MIGRATIONS.apply(sqlite_utils.Database(connection, execute_plugins=False))
        names = [row[1] for row in connection.execute("PRAGMA table_info(_sqlite_migrations)")]
        values = {"migration_set": "registry", "name": "999_later", "applied_at": "2030-01-01"}
        used = [name for name in names if name in values]
        connection.execute(
            f"INSERT INTO _sqlite_migrations ({', '.join(used)}) VALUES ({', '.join('?' * len(used))})",  # noqa: S608
            [values[name] for name in used],
        )
        connection.commit()
        before = "\n".join(connection.iterdump())

    with pytest.raises(RegistryNewer, match="a newer version of this program wrote") as refused:
        open_registry(filled[0], FixedClock())

    assert "999_later" in refused.value.problem.detail
    assert refused.value.problem.hint
    with closing(sqlite3.connect(path)) as connection:
        assert "\n".join(connection.iterdump()) == before


def test_a_file_that_is_no_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite").write_bytes(b"This is not a database, and quite long for a header. " * 20)

    with pytest.raises(ProblemError, match="damaged"):
        open_registry(tmp_path, FixedClock())
