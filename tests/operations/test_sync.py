"""The catalogue follows the registry; whatever the registry does, the catalogue stays usable."""

import asyncio
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import zstandard

import donkeytui
from donkeytui.embedded import EmbeddedTransport
from donkeytui.events import Event, Notice
from donkeytui.operations.search import search
from donkeytui.operations.sync import (
    SyncReport,
    age_text,
    catalogue_state,
    ensure_index,
    refresh_if_stale,
    sync,
)
from donkeytui.problems import CacheUnusable, OfflineMissing, RegistryUnreachable, UnexpectedResponse
from donkeytui.session import Session, open_session
from donkeytui.settings import RegistryEntry, Settings
from registry_server.contract import routes
from registry_server.contract.problems import IntegrityMismatch, ProblemError, Unauthorized
from registry_server.contract.wire import Change, ChangePage
from registry_server.http.app import build_app
from registry_server.registry import Registry
from registry_server.store import changes as change_store
from tests.support.builders import MOMENT, FixedClock, document, release
from tests.support.faults import FaultyTransport
from tests.support.feeds import URL, Feed, json_answer, problem_answer

ROOT = Path(donkeytui.__file__).parents[1]
AUTH = document("auth", release("1.0.0"), description="Signs people in.", updated_at=MOMENT)
USERS = document("users", release("1.0.0"), description="Accounts.", updated_at=MOMENT)

Run = Callable[..., Any]


@pytest.fixture
def remote(in_session: Run) -> Run:
    """Runs an operation on a session whose registry is across a network: `transport`."""

    def remote(
        operation: Callable[[Session], Any], transport: httpx.AsyncBaseTransport, **changed: Any
    ) -> Any:
        entry = RegistryEntry("main", URL)
        return in_session(operation, transport=transport, registry=entry, **changed)

    return remote


@pytest.fixture
def counted(registry: Registry) -> FaultyTransport:
    """The real registry, as if across a network, with its requests written down."""
    return FaultyTransport(EmbeddedTransport(build_app(registry, is_local=True)))


async def contents(session: Session) -> tuple[list[str], list[str]]:
    """The names in the catalogue, and those the index has."""
    ensure_index(session)
    return session.catalogue.names(), sorted(hit.name for hit in search(session, "", limit=100).hits)


def after(*operations: Callable[[Session], Any]) -> Callable[[Session], Any]:
    async def each(session: Session) -> Any:
        return [await operation(session) for operation in operations][-1]

    return each


# The ordinary way.


def test_first_sync_takes_a_snapshot_and_later_ones_only_what_changed(
    publish: Run, remote: Run, counted: FaultyTransport
) -> None:
    publish("auth")
    publish("users")
    first = remote(sync, counted)

    assert (first.plugins, first.changed, first.registry) == (2, 2, "main")
    assert counted.requests[0] == routes.SNAPSHOT
    assert counted.requests[-1] == routes.CHANGES

    counted.requests.clear()
    publish("auth", "1.1.0")
    second = remote(sync, counted)

    assert (second.plugins, second.changed) == (2, 1)
    assert second.cursor > first.cursor
    assert counted.requests == [routes.CHANGES]


def test_nothing_new_costs_one_request(publish: Run, remote: Run, counted: FaultyTransport) -> None:
    publish("auth")
    remote(sync, counted)
    counted.requests.clear()

    assert remote(sync, counted).changed == 0
    assert counted.requests == [routes.CHANGES]


def test_an_empty_registry_gives_an_empty_catalogue(remote: Run, counted: FaultyTransport) -> None:
    assert remote(sync, counted).plugins == 0
    assert remote(contents, counted) == ([], [])


def test_catalogue_and_index_hold_what_the_registry_has(publish: Run, in_session: Run) -> None:
    for name in ("auth", "users", "email"):
        publish(name)

    assert in_session(after(sync, contents)) == (["auth", "email", "users"],) * 2


def test_a_search_after_a_sync_finds_the_newest_release(publish: Run, in_session: Run) -> None:
    publish("auth")
    in_session(sync)
    publish("auth", "2.0.0", description="Now with zebras.")
    in_session(sync)

    async def find(session: Session) -> Any:
        return search(session, "zebras").hits

    (hit,) = in_session(find)
    assert (hit.name, hit.version) == ("auth", "2.0.0")


def test_many_pages_of_changes_are_followed_to_the_end(remote: Run) -> None:
    feed = Feed(AUTH)
    remote(sync, feed)
    pages = [
        ChangePage(
            epoch="first",
            changes=(Change(serial=at, name=f"p{at}", document=document(f"p{at}", release("1.0.0"))),),
            cursor=at,
            has_more=at < 6,
        )
        for at in range(2, 7)
    ]
    feed.answers[routes.CHANGES] = lambda: json_answer(pages.pop(0))

    assert remote(sync, feed).changed == 5
    assert remote(contents, feed)[0] == ["auth", "p2", "p3", "p4", "p5", "p6"]


def test_a_removed_plugin_leaves_catalogue_and_index(remote: Run) -> None:
    feed = Feed(AUTH, USERS)
    remote(sync, feed)
    feed.publish(Change(serial=2, name="auth"))
    remote(sync, feed)

    assert remote(contents, feed) == (["users"], ["users"])


def test_the_same_page_twice_changes_nothing(remote: Run) -> None:
    feed = Feed(AUTH)
    remote(sync, feed)
    feed.publish(Change(serial=2, name="users", document=USERS))
    remote(sync, feed)
    before = remote(contents, feed)
    remote(sync, feed)

    assert remote(contents, feed) == before == (["auth", "users"], ["auth", "users"])


# Freshness.


def test_a_fresh_catalogue_asks_nothing(remote: Run, counted: FaultyTransport, clock: FixedClock) -> None:
    remote(refresh_if_stale, counted)
    counted.requests.clear()
    clock.now += timedelta(minutes=14)
    remote(refresh_if_stale, counted)

    assert counted.requests == []

    clock.now += timedelta(minutes=2)
    remote(refresh_if_stale, counted)
    assert counted.requests == [routes.CHANGES]


def down() -> Feed:
    feed = Feed()
    feed.answers = dict.fromkeys((routes.SNAPSHOT, routes.CHANGES), httpx.ConnectError("connection refused"))
    return feed


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.ConnectError("connection refused"), "registry-unreachable"),
        (httpx.ReadTimeout("no byte"), "registry-unreachable"),
        (httpx.Response(502, content=b"<html>bad gateway</html>"), "unexpected-response"),
        (httpx.Response(200, content=b"<html>log in to the hotel</html>"), "unexpected-response"),
        (httpx.Response(302, headers={"location": "https://elsewhere.test/"}), "unexpected-response"),
        (problem_answer("registry-busy", 503), "registry-busy"),
        (problem_answer("server-error", 500), "server-error"),
        (problem_answer("registry-damaged", 500), "registry-damaged"),
    ],
    ids=["refused", "silent", "gateway", "portal", "redirect", "busy", "bug", "damaged"],
)
def test_a_registry_that_does_not_answer_is_a_notice_when_there_is_a_catalogue(
    remote: Run, clock: FixedClock, answer: Any, code: str
) -> None:
    feed = Feed(AUTH)
    remote(sync, feed)
    clock.now += timedelta(hours=3)
    feed.answers[routes.CHANGES] = answer
    events: list[Event] = []

    async def refresh(session: Session) -> Any:
        await refresh_if_stale(session, events.append)
        return session.catalogue.names()

    assert remote(refresh, feed) == ["auth"]
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert (notice.severity, notice.code) == ("warning", code)
    assert notice.text.endswith("; this is the catalogue from 3 h ago")


def test_a_registry_that_does_not_answer_is_a_problem_without_a_catalogue(remote: Run) -> None:
    with pytest.raises(RegistryUnreachable) as caught:
        remote(refresh_if_stale, down())

    assert caught.value.problem.title == "the registry `main` cannot be reached"
    assert "--offline" in caught.value.problem.hint


def test_sync_itself_says_that_the_registry_does_not_answer(remote: Run) -> None:
    remote(sync, Feed(AUTH))

    with pytest.raises(RegistryUnreachable):
        remote(sync, down())


def test_who_may_not_read_is_told_so(remote: Run, clock: FixedClock) -> None:
    feed = Feed(AUTH)
    remote(sync, feed)
    clock.now += timedelta(hours=3)
    feed.answers[routes.CHANGES] = problem_answer("unauthorized", 401)

    with pytest.raises(Unauthorized):
        remote(refresh_if_stale, feed)


# Offline.


def test_offline_goes_on_with_the_catalogue_and_asks_nothing(remote: Run, clock: FixedClock) -> None:
    feed = Feed(AUTH)
    remote(sync, feed)
    feed.requests.clear()
    clock.now += timedelta(days=30)

    async def refresh(session: Session) -> Any:
        await refresh_if_stale(session)
        return catalogue_state(session)

    state = remote(refresh, feed, is_offline=True)
    assert (state.plugins, state.is_offline, state.is_stale) == (1, True, True)
    assert feed.requests == []


def test_offline_without_a_catalogue_says_what_to_do(remote: Run) -> None:
    with pytest.raises(OfflineMissing) as caught:
        remote(refresh_if_stale, Feed(AUTH), is_offline=True)
    assert "donkeytui sync" in caught.value.problem.hint

    with pytest.raises(OfflineMissing):
        remote(sync, Feed(AUTH), is_offline=True)


def test_the_embedded_registry_is_never_offline(publish: Run, in_session: Run) -> None:
    publish("auth")

    assert in_session(sync, is_offline=True).plugins == 1


# Damage on this side.


def test_a_cache_that_cannot_be_written_is_a_problem_with_a_way_out(in_session: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(CacheUnusable) as caught:
        in_session(sync, cache_dir=tmp_path / "file")
    assert "DONKEYTUI_CACHE_DIR" in caught.value.problem.hint


def test_a_catalogue_that_cannot_be_opened_is_not_thrown_away(
    publish: Run, in_session: Run, settings: Settings
) -> None:
    publish("auth")
    catalogue_file(settings).mkdir(parents=True)

    with pytest.raises(CacheUnusable):
        in_session(sync)
    assert catalogue_file(settings).is_dir()


def catalogue_file(settings: Settings, name: str = "catalogue.sqlite") -> Path:
    return settings.cache_dir / "catalogues" / "embedded" / name


def wreck(path: Path, how: str) -> None:
    data = path.read_bytes()
    for other in ("-wal", "-shm"):
        path.with_name(path.name + other).unlink(missing_ok=True)
    if how == "table":
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE plugins")
        connection.close()
    elif how == "schema":
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    elif how == "document":
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE plugins SET document = '{', serial = 10000")
        connection.close()
    else:
        path.write_bytes({"garbage": b"garbage " * 1000, "half": data[: len(data) // 2], "empty": b""}[how])


@pytest.mark.parametrize("how", ["garbage", "half", "empty", "table", "schema"])
def test_a_damaged_catalogue_is_synced_anew(
    publish: Run, in_session: Run, settings: Settings, how: str
) -> None:
    publish("auth")
    publish("users")
    in_session(sync)
    wreck(catalogue_file(settings), how)

    assert in_session(sync).plugins == 2
    assert in_session(contents) == (["auth", "users"], ["auth", "users"])


def test_a_catalogue_that_was_damaged_is_said_to_be(
    publish: Run, in_session: Run, settings: Settings
) -> None:
    publish("auth")
    in_session(sync)
    wreck(catalogue_file(settings), "garbage")
    events: list[Event] = []

    async def watched(session: Session) -> SyncReport:
        return await sync(session, events.append)

    in_session(watched)
    assert "catalogue-damaged" in [event.code for event in events if isinstance(event, Notice)]


def test_a_damaged_catalogue_counts_as_none(publish: Run, in_session: Run, settings: Settings) -> None:
    publish("auth")
    in_session(sync)
    wreck(catalogue_file(settings), "garbage")

    async def state(session: Session) -> Any:
        return catalogue_state(session)

    assert in_session(state).synced_at is None
    assert in_session(after(refresh_if_stale, contents)) == (["auth"], ["auth"])


@pytest.mark.parametrize("suffix", ["manifest.json", "meta.json", ".term", ".idx", ".store", ".pos"])
def test_a_damaged_index_is_rebuilt_by_the_search_that_meets_it(
    publish: Run, in_session: Run, settings: Settings, suffix: str
) -> None:
    publish("auth")
    in_session(sync)
    root = catalogue_file(settings, "search")
    for path in (root / (root / "current").read_text()).iterdir():
        if path.name.endswith(suffix):
            path.unlink()

    async def find(session: Session) -> Any:
        return [hit.name for hit in search(session, "plugin made").hits]

    assert in_session(find) == ["auth"]


def test_a_lost_index_is_rebuilt_without_a_request(remote: Run, settings: Settings) -> None:
    feed = Feed(AUTH, USERS)
    remote(sync, feed)
    for path in settings.cache_dir.rglob("search/current"):
        path.unlink()
    feed.requests.clear()

    assert remote(contents, feed)[1] == ["auth", "users"]
    assert feed.requests == []


# Another history on the other side.


def test_another_registry_behind_the_same_address_starts_over(remote: Run) -> None:
    remote(sync, Feed(AUTH, epoch="first", serial=40))
    replaced = Feed(USERS, epoch="second", serial=60)

    assert remote(sync, replaced).plugins == 1
    assert remote(contents, replaced) == (["users"], ["users"])


def test_a_feed_that_lost_its_last_changes_starts_over(remote: Run) -> None:
    remote(sync, Feed(AUTH, USERS, serial=40))
    restored = Feed(USERS, serial=30)

    assert remote(sync, restored).cursor == 30
    assert remote(contents, restored) == (["users"], ["users"])


def test_an_embedded_registry_that_was_reset_starts_over(
    publish: Run, in_session: Run, registry: Registry
) -> None:
    publish("auth")
    in_session(sync)
    with registry.database.write() as connection:
        change_store.write_meta(connection, "epoch", "another")
    publish("users")

    assert in_session(after(sync, contents)) == (["auth", "users"], ["auth", "users"])


def test_a_failed_start_over_keeps_the_catalogue_there_was(remote: Run) -> None:
    feed = Feed(AUTH, epoch="first")
    remote(sync, feed)
    replaced = Feed(USERS, epoch="second")
    replaced.answers[routes.SNAPSHOT] = httpx.ReadError("connection reset")

    with pytest.raises(RegistryUnreachable):
        remote(sync, replaced)
    assert remote(contents, replaced) == (["auth"], ["auth"])


def test_a_history_that_changes_with_every_answer_is_given_up(remote: Run) -> None:
    feed = Feed(AUTH)
    feed.answers[routes.CHANGES] = json_answer(
        ChangePage(epoch="never-the-same", changes=(), cursor=1, has_more=False)
    )

    with pytest.raises(UnexpectedResponse) as caught:
        remote(sync, feed)
    assert "do not continue from its own snapshot" in caught.value.problem.detail


def test_a_snapshot_that_was_replaced_meanwhile_is_read_again(remote: Run) -> None:
    feed = Feed(AUTH)
    (gone,) = feed.packed
    feed.answers[f"{routes.SHARDS}/{gone}"] = problem_answer("route-not-found", 404)

    def newer() -> httpx.Response:
        feed.shards = [feed.shards[0], msgspec.json.encode(USERS)] if len(feed.requests) > 1 else feed.shards
        if len(feed.requests) > 1:
            feed.answers.clear()
        return json_answer(feed._snapshot())

    feed.answers[routes.SNAPSHOT] = newer

    assert remote(sync, feed).plugins == 2
    assert feed.requests.count(routes.SNAPSHOT) == 2


# A hostile feed.


def refuse(remote: Run, feed: Feed, problem: type[ProblemError] = UnexpectedResponse) -> ProblemError:
    """The sync of `feed` is refused, and the catalogue stays as it was."""

    async def refused(session: Session) -> ProblemError:
        catalogue = session.catalogue
        before = (catalogue.epoch(), catalogue.cursor(), list(catalogue.all_documents()))
        with pytest.raises(problem) as caught:
            await sync(session)
        assert (catalogue.epoch(), catalogue.cursor(), list(catalogue.all_documents())) == before
        return caught.value

    refusal: ProblemError = remote(refused, feed)
    return refusal


def renamed(name: str) -> Any:
    return msgspec.structs.replace(AUTH, name=name)


BAD_NAMES = ["../x", "", "a\\b", "\x1b[2J", "a" * 65, "ａuth", "a\n"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_what_is_not_a_name_never_enters_the_catalogue_by_a_snapshot(remote: Run, name: str) -> None:
    problem = refuse(remote, Feed(USERS, renamed(name))).problem

    assert "is not a plugin name" in problem.detail
    assert problem.detail.isprintable()


@pytest.mark.parametrize(("name", "is_gone"), [*((name, False) for name in BAD_NAMES), ("../x", True)])
def test_what_is_not_a_name_never_enters_the_catalogue_by_a_change(
    remote: Run, name: str, is_gone: bool
) -> None:
    feed = Feed(AUTH)
    remote(sync, feed)
    feed.publish(
        Change(serial=2, name="users", document=USERS),
        Change(serial=3, name=name, document=None if is_gone else renamed(name)),
    )

    refuse(remote, feed)


def test_a_change_that_carries_another_plugin_is_refused(remote: Run) -> None:
    feed = Feed(AUTH)
    remote(sync, feed)
    feed.publish(Change(serial=2, name="auth", document=USERS))

    assert "carries another plugin" in refuse(remote, feed).problem.detail


@pytest.mark.parametrize(("cursor", "has_more"), [(5, True), (4, True), (4, False), (0, False)])
def test_a_feed_that_does_not_come_forward_is_refused(remote: Run, cursor: int, has_more: bool) -> None:
    feed = Feed(AUTH, serial=5)
    remote(sync, feed)
    feed.page = ChangePage(epoch="first", changes=(), cursor=cursor, has_more=has_more)

    assert "after 5 end at" in refuse(remote, feed).problem.detail


def test_a_part_of_the_catalogue_with_another_digest_is_refused(remote: Run) -> None:
    feed = Feed(AUTH)
    (digest,) = feed.packed
    feed.answers[f"{routes.SHARDS}/{digest}"] = httpx.Response(200, content=b"something else")

    assert refuse(remote, feed, IntegrityMismatch).problem.title.startswith("a part of the catalogue")


def test_a_part_with_fewer_plugins_than_announced_is_refused(remote: Run) -> None:
    feed = Feed(AUTH, USERS)
    remote(sync, feed)
    replaced = shard_answer(Feed(epoch="second"), zstandard.ZstdCompressor().compress(b""))

    assert "has 0 plugins, 1 were announced" in refuse(remote, replaced).problem.detail


def shard_answer(feed: Feed, data: bytes) -> Feed:
    """Lets the snapshot name exactly `data` as its only shard."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    snapshot = msgspec.to_builtins(feed._snapshot())
    snapshot["shards"] = [{"digest": digest, "size": len(data), "plugins": 1}]
    feed.answers[routes.SNAPSHOT] = json_answer(snapshot)
    feed.answers[f"{routes.SHARDS}/{digest}"] = httpx.Response(200, content=data)
    return feed


def zstd_bomb() -> bytes:
    """A little over what a shard may unpack to, in a few kilobytes."""
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    zeros = bytes(1 << 20)
    return b"".join([*(packer.compress(zeros) for _ in range(257)), packer.flush()])


def test_a_part_that_unpacks_to_too_much_is_refused(remote: Run) -> None:
    bomb = zstd_bomb()

    assert len(bomb) < 100_000
    assert "unpacks to too much" in refuse(remote, shard_answer(Feed(), bomb)).problem.detail


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zstandard",
        zstandard.ZstdCompressor().compress(b"no json\n"),
        zstandard.ZstdCompressor().compress(b"[" * 100_000),
        zstandard.ZstdCompressor().compress(b'{"name":"auth"}\n'),
        zstandard.ZstdCompressor().compress(b"\xff\xfe\n"),
        zstandard.ZstdCompressor().compress(msgspec.json.encode(AUTH) * 50)[:-9],
    ],
    ids=["empty", "plain", "text", "deep", "incomplete", "bytes", "cut"],
)
def test_a_part_that_cannot_be_read_is_refused(remote: Run, data: bytes) -> None:
    remote(sync, Feed(USERS))

    refuse(remote, shard_answer(Feed(epoch="second"), data))


@pytest.mark.parametrize(
    "change",
    [
        {"serial": 2**80},
        {"serial": -1},
        {"document": {"downloads": 2**70}},
        {"document": {"downloads": -7}},
        {"document": {"updatedAt": "0001-01-01T00:00:00"}},
        {"document": {"updatedAt": "yesterday"}},
        {"document": {"versions": "none"}},
        {"document": {"author": None}},
        {"document": {"rating": "NaN"}},
    ],
    ids=str,
)
def test_values_no_catalogue_could_hold_are_refused(remote: Run, change: dict[str, Any]) -> None:
    feed = Feed(AUTH)
    remote(sync, feed)
    page = msgspec.to_builtins(
        ChangePage(
            epoch="first",
            changes=(Change(serial=2, name="users", document=USERS),),
            cursor=2,
            has_more=False,
        )
    )
    (only,) = page["changes"]
    document_fields = {**only["document"], **change.get("document", {})}
    page["changes"] = [{**only, **change, "document": document_fields}]
    feed.answers[routes.CHANGES] = httpx.Response(200, content=json.dumps(page).encode())

    refuse(remote, feed)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"epoch":"first","changes":[],"cursor":"x"}'],
    ids=["empty", "null", "list", "object", "bytes", "deep", "cursor"],
)
def test_answers_that_are_no_page_are_refused(remote: Run, body: bytes) -> None:
    feed = Feed(AUTH)
    remote(sync, feed)
    feed.answers[routes.CHANGES] = httpx.Response(200, content=body)

    refuse(remote, feed)


def test_unknown_fields_are_no_reason_to_refuse(remote: Run) -> None:
    feed = Feed()
    line = {**msgspec.to_builtins(AUTH), "colour": "red"}
    feed.shards = [msgspec.json.encode(line)]

    assert remote(sync, feed).plugins == 1


# Two at once.


def test_two_sessions_of_one_process_share_a_cache(
    publish: Run, settings: Settings, clock: FixedClock
) -> None:
    publish("auth")

    async def both() -> Any:
        async with open_session(settings, clock=clock) as one, open_session(settings, clock=clock) as two:
            await asyncio.gather(sync(one), sync(two))
            return await contents(one), await contents(two)

    first, second = asyncio.run(both())
    assert first == second == (["auth"], ["auth"])


def test_two_syncs_of_one_session_take_turns(publish: Run, in_session: Run) -> None:
    publish("auth")

    async def both(session: Session) -> Any:
        return await asyncio.gather(sync(session), sync(session))

    first, second = in_session(both)
    assert sorted((first.changed, second.changed)) == [0, 1]


PROGRAM = """
import asyncio, sys
from pathlib import Path
from donkeytui.operations.search import search
from donkeytui.operations.sync import ensure_index, sync
from donkeytui.session import open_session
from donkeytui.settings import read_settings

async def main():
    async with open_session(read_settings(working_folder=Path.cwd())) as session:
        await sync(session)
        print(session.catalogue.count())

asyncio.run(main())
"""


def test_two_processes_sync_one_cache_at_once(publish: Run, in_session: Run, settings: Settings) -> None:
    for number in range(6):
        publish(f"plugin-{number}")
    environment = {
        **os.environ,
        "DONKEYTUI_DATA_DIR": str(settings.data_dir),
        "DONKEYTUI_CACHE_DIR": str(settings.cache_dir),
        "PYTHONPATH": str(ROOT),
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            cwd=settings.project_start,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in running]

    assert [process.returncode for process in running] == [0, 0], outputs
    assert [out for out, _ in outputs] == ["6\n", "6\n"]
    names = [f"plugin-{number}" for number in range(6)]
    assert in_session(contents) == (names, names)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 day"),
        (9 * 86_400, "9 days"),
    ],
)
def test_ages_are_told_in_the_coarsest_unit(seconds: int, text: str) -> None:
    assert age_text(MOMENT, MOMENT + timedelta(seconds=seconds)) == text


# A search index that a verb without a search left behind.


async def names_found(session: Session) -> list[str]:
    await refresh_if_stale(session, with_index=True)
    return [hit.name for hit in search(session, "").hits]


@pytest.mark.parametrize("is_offline", [False, True])
def test_a_search_finds_what_an_earlier_verb_fetched(
    publish: Run, remote: Run, counted: FaultyTransport, is_offline: bool
) -> None:
    publish("auth")
    remote(refresh_if_stale, counted)

    assert remote(names_found, counted, is_offline=is_offline) == ["auth"]


def test_a_search_finds_what_was_fetched_before_the_registry_went_away(
    publish: Run, remote: Run, counted: FaultyTransport, clock: FixedClock
) -> None:
    publish("auth")
    remote(refresh_if_stale, counted)
    clock.now += timedelta(days=1)
    gone = FaultyTransport(counted, *[httpx.ConnectError("gone")] * 9, suffix="")

    assert remote(names_found, gone) == ["auth"]
