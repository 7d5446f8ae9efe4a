"""Several threads, and several processes' worth of registries on one folder, all at once."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import (
    Forbidden,
    NameTaken,
    ProblemError,
    RegistryBusy,
    Unauthorized,
    VersionExists,
)
from registry_server.contract.review_wire import RatingRequest, RatingsQuery
from registry_server.contract.wire import ListQuery, PublishReceipt
from registry_server.operations import browse, feed, reviews, statistics
from registry_server.operations.accounts import Caller, authenticate, local_caller
from registry_server.operations.publish import publish as publish_operation
from registry_server.operations.statistics import flush_downloads
from registry_server.operations.tokens import create_token, list_tokens, revoke_token
from registry_server.registry import Registry, open_registry
from registry_server.store import changes
from tests.support.asgi_calls import a_caller
from tests.support.builders import FixedClock, package
from tests.support.threads import together

Publish = Callable[..., Any]
Outcome = PublishReceipt | ProblemError


@pytest.fixture
def neighbour(registry: Registry) -> Iterator[Registry]:
    """A second registry on the folder of the first, as another process would have it open."""
    opened = open_registry(registry.database.path.parent, FixedClock())
    yield opened
    opened.close()


def publish_all(registries: list[Registry], owner: Caller, archives: list[bytes]) -> list[Outcome]:
    """All at once, the registries in turn."""
    return together(
        [
            partial(publish_operation, registries[number % len(registries)], owner, archive)
            for number, archive in enumerate(archives)
        ]
    )


def receipts(outcomes: list[Outcome]) -> list[PublishReceipt]:
    return [outcome for outcome in outcomes if isinstance(outcome, PublishReceipt)]


def stored_blobs(registry: Registry) -> list[str]:
    return sorted(path.name for path in registry.packages.root.rglob("*") if path.is_file())


def listed(registry: Registry) -> set[str]:
    return {summary.name for summary in browse.list_plugins(registry, ListQuery(limit=50)).plugins}


def assert_gap_free(registry: Registry, last: int) -> None:
    rows = registry.database.read().execute("SELECT serial FROM changes ORDER BY serial")
    assert [row["serial"] for row in rows] == list(range(1, last + 1))


# One version, many publishers.


def test_the_same_bytes_from_many_threads_are_one_release(registry: Registry, owner: Caller) -> None:
    outcomes = publish_all([registry], owner, [package("auth")] * 8)

    assert len(receipts(outcomes)) == 8
    assert sum(receipt.created for receipt in receipts(outcomes)) == 1
    assert {receipt.integrity for receipt in receipts(outcomes)} == {integrity_of(package("auth"))}
    assert_gap_free(registry, 1)
    assert stored_blobs(registry) == [integrity_of(package("auth")).removeprefix("sha256:")]


def test_of_different_bytes_from_many_threads_one_wins_and_stays(registry: Registry, owner: Caller) -> None:
    archives = [package("auth", description=f"Number {number}") for number in range(8)]

    outcomes = publish_all([registry], owner, archives)
    again = publish_all([registry], owner, archives)

    [winner] = receipts(outcomes)
    assert [type(outcome) for outcome in outcomes].count(VersionExists) == 7
    assert winner.created is True
    # The winner may repeat itself; the others are refused as before.
    [repeated] = receipts(again)
    assert (repeated.created, repeated.integrity) == (False, winner.integrity)
    served = browse.read_package_bytes(registry, None, "auth", "1.0.0")
    assert integrity_of(served.data) == served.integrity == winner.integrity
    assert served.data == archives[outcomes.index(winner)]
    assert_gap_free(registry, 1)


def test_of_names_that_look_alike_one_wins(registry: Registry, owner: Caller) -> None:
    names = ["auth-jwt", "authJwt", "authjwt", "au-thjwt"]

    outcomes = publish_all([registry], owner, [package(name) for name in names])

    [winner] = receipts(outcomes)
    assert [type(outcome) for outcome in outcomes].count(NameTaken) == 3
    assert listed(registry) == {winner.plugin.name}


def test_of_two_users_who_claim_a_name_one_owns_it(registry: Registry) -> None:
    callers = [a_caller(registry, name, "publish", "publish-new") for name in ("ada", "bob")]
    archives = [package("auth", "1.0.0"), package("auth", "2.0.0")]

    outcomes = together(
        [
            partial(publish_operation, registry, caller, archive)
            for caller, archive in zip(callers, archives, strict=True)
        ]
    )

    [winner] = receipts(outcomes)
    [loser] = [outcome for outcome in outcomes if isinstance(outcome, ProblemError)]
    assert isinstance(loser, Forbidden)
    number = outcomes.index(winner)
    document, _ = browse.plugin_document(registry, "auth")
    assert document.count(b'"packageUrl":') == 1
    connection = registry.database.read()
    owners = connection.execute("SELECT name FROM owners JOIN users ON users.id = user_id").fetchall()
    assert [row["name"] for row in owners] == [callers[number].user.name]


def test_of_releases_that_contradict_in_their_migrations_not_both_get_in(
    registry: Registry, owner: Caller
) -> None:
    kept = {"migrations/001_create.ts": "export async function up() {}\n"}
    archives = [package("auth", "1.0.0", extra=kept), package("auth", "1.1.0")]

    publish_all([registry], owner, archives)

    rows = registry.database.read().execute("SELECT version FROM releases ORDER BY id")
    # After the older one the newer is refused; before it there was nothing it could contradict.
    assert [row["version"] for row in rows] in (["1.0.0"], ["1.1.0", "1.0.0"])


def test_no_plugin_of_many_is_lost(registry: Registry, owner: Caller) -> None:
    names = [f"plugin{number}" for number in range(24)]

    outcomes = publish_all([registry], owner, [package(name) for name in names])

    assert all(receipt.created for receipt in receipts(outcomes))
    assert len(receipts(outcomes)) == 24
    assert listed(registry) == set(names)
    assert_gap_free(registry, 24)
    assert feed.read_snapshot(registry).plugins == 24
    assert browse.list_plugins(registry, ListQuery(q="plugin", tag="")).pagination.total == 24


def test_releases_of_one_plugin_from_many_threads_are_all_there(registry: Registry, owner: Caller) -> None:
    versions = [f"1.{number}.0" for number in range(12)]

    outcomes = publish_all([registry], owner, [package("auth", version) for version in versions])

    assert len(receipts(outcomes)) == 12
    [change] = feed.read_changes(registry, 0).changes
    assert change.document is not None
    assert [release.version for release in change.document.versions] == versions[::-1]
    assert change.document.latest_version == "1.11.0"


# Two registries, one folder.


def test_two_registries_on_one_folder_lose_nothing(
    registry: Registry, neighbour: Registry, owner: Caller
) -> None:
    names = [f"plugin{number}" for number in range(24)]

    outcomes = publish_all([registry, neighbour], owner, [package(name) for name in names])

    assert len(receipts(outcomes)) == 24
    for either in (registry, neighbour):
        assert listed(either) == set(names)
        assert_gap_free(either, 24)
        assert browse.list_plugins(either, ListQuery(q="plugin")).pagination.total == 24
    assert feed.read_snapshot(registry) == feed.read_snapshot(neighbour)
    assert feed.read_changes(registry, 0) == feed.read_changes(neighbour, 0)


def test_two_registries_agree_on_who_published_a_version_first(
    registry: Registry, neighbour: Registry, owner: Caller
) -> None:
    archives = [package("auth", description=f"Number {number}") for number in range(8)]

    outcomes = publish_all([registry, neighbour], owner, archives)

    [winner] = receipts(outcomes)
    for either in (registry, neighbour):
        assert browse.read_package_bytes(either, None, "auth", "1.0.0").integrity == winner.integrity


def test_a_snapshot_stands_for_its_serial_whoever_writes_meanwhile(
    registry: Registry, neighbour: Registry, owner: Caller
) -> None:
    """Each change here is one plugin more, so a snapshot must hold as many as its serial says."""

    def publish_some() -> bool:
        for number in range(20):
            publish_operation(neighbour, owner, package(f"plugin{number}"))
        return True

    def read_some(reader: Registry) -> bool:
        taken = [feed.read_snapshot(reader) for _ in range(20)]
        return all(snapshot.plugins == snapshot.serial for snapshot in taken)

    outcomes = together([publish_some, partial(read_some, registry), partial(read_some, neighbour)])

    assert outcomes == [True, True, True]
    assert feed.read_snapshot(registry).serial == 20


def test_a_token_revoked_in_one_registry_is_useless_in_the_other(
    registry: Registry, neighbour: Registry
) -> None:
    header = f"Bearer {create_token(registry, 'ada', scopes=['rate'])}"
    known = authenticate(neighbour, header)
    [token] = list_tokens(neighbour)

    revoke_token(registry, token.id)

    assert known is not None
    with pytest.raises(Unauthorized):
        authenticate(neighbour, header)


def test_an_empty_folder_opened_by_several_at_once_becomes_one_registry(tmp_path: Path) -> None:
    for attempt in range(4):
        folder = tmp_path / f"data{attempt}"

        def open_and_read(folder: Path = folder) -> str:
            opened = open_registry(folder, FixedClock())
            try:
                return feed.read_changes(opened, 0).epoch
            finally:
                opened.close()

        epochs = together([open_and_read] * 6)

        assert len(set(epochs)) == 1, epochs
        assert isinstance(epochs[0], str)


# Counting.


def test_no_download_of_many_threads_is_lost(registry: Registry, publish: Publish) -> None:
    publish("auth")
    found = browse.read_package_bytes(registry, None, "auth", "1.0.0")

    def download_some() -> int:
        for _ in range(50):
            browse.count_download(registry, found, "1.0.0")
        return flush_downloads(registry)

    flushed = together([download_some] * 6)

    assert sum(count for count in flushed if isinstance(count, int)) + flush_downloads(registry) == 300
    assert statistics.plugin_stats(registry, None, "auth").downloads == 300


def test_no_rating_of_many_users_is_lost(registry: Registry, neighbour: Registry, publish: Publish) -> None:
    publish("auth")
    callers = [a_caller(registry, f"user{number}", "rate") for number in range(10)]

    together(
        [
            partial(
                reviews.rate, (registry, neighbour)[number % 2], caller, "auth", RatingRequest(rating=rating)
            )
            for number, caller in enumerate(callers)
            for rating in (2, 4)
        ]
    )

    page = reviews.list_ratings(registry, "auth", RatingsQuery())
    assert page.count == len(page.ratings) == 10
    assert round(page.average * 10) == sum(rating.rating for rating in page.ratings)
    assert_gap_free(registry, 21)


# What threads leave behind.


def test_readers_of_ended_threads_are_closed(registry: Registry) -> None:
    """Thread pools grow and shrink; each connection left open is two files."""
    for _ in range(20):
        together([lambda: changes.current_serial(registry.database.read())])

    assert len(registry.database._readers) <= 3


def test_a_closed_registry_opens_no_new_reader(tmp_path: Path) -> None:
    registry = open_registry(tmp_path, FixedClock())
    local_caller(registry)
    registry.close()

    [outcome] = together([lambda: feed.read_changes(registry, 0)])

    assert isinstance(outcome, RegistryBusy)
