"""Packages come into the cache whole and as announced, or not at all."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from donkeytui.embedded import EmbeddedTransport
from donkeytui.events import Event, StageAdvanced, StageFinished, StageStarted, silent
from donkeytui.install.fetch import Fetched, Patience, cached_integrities, fetch
from donkeytui.install.plan import InstallPlan
from donkeytui.operations.apply import apply_plan
from donkeytui.operations.changes import Changes, plan_changes
from donkeytui.problems import OfflineMissing, ProjectNotWritable, RegistryUnreachable, UnexpectedResponse
from donkeytui.remote import RegistryClient, make_http_client
from donkeytui.settings import RegistryEntry
from registry_server.contract.problems import (
    IntegrityMismatch,
    PackageTooLarge,
    ProblemError,
    VersionNotFound,
)
from registry_server.http.app import build_app
from registry_server.registry import Registry
from tests.support.builders import tree
from tests.support.faults import Change, Endless, FaultyTransport, Stalled, answer, dropped_after, other_body
from tests.support.plans import Goal

MAIN = RegistryEntry("main", "http://registry.invalid")
PROBLEM = "application/problem+json"
ONE_TRY = Patience(pauses=())
"""Trying again is `test_resume`'s matter."""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "packages"


@pytest.fixture
def faulty(registry: Registry, publish: Callable[..., Any]) -> Callable[..., FaultyTransport]:
    """A transport onto a registry with `auth` and `users`, whose next downloads meet the given faults."""
    publish("auth")
    publish("users")

    def faulty(*faults: Change | Exception) -> FaultyTransport:
        return FaultyTransport(EmbeddedTransport(build_app(registry, is_local=True)), *faults)

    return faulty


@pytest.fixture
def plan(project: Path) -> InstallPlan:
    return Goal().add("auth").plan(project)


def run(
    plan: InstallPlan,
    cache: Path,
    transport: httpx.AsyncBaseTransport | None,
    report: Callable[[Event], None] = silent,
) -> Fetched:
    """One fetch; without a transport, from the cache alone."""

    async def with_client() -> Fetched:
        if transport is None:
            return await fetch(plan, None, cache, report)
        async with make_http_client(MAIN.url, "", transport) as http:
            return await fetch(plan, RegistryClient(http, MAIN.name), cache, report, patience=ONE_TRY)

    return asyncio.run(with_client())


def files(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


def test_a_package_is_fetched_once_and_then_comes_from_the_cache(
    faulty: Callable[..., FaultyTransport], plan: InstallPlan, cache: Path
) -> None:
    transport = faulty()
    first, second = run(plan, cache, transport), run(plan, cache, transport)

    assert first.packages == second.packages == Goal().add("auth").packages
    assert transport.requests == ["/api/plugins/auth/1.0.0/download"]
    integrity = plan.downloads[0].integrity
    assert cached_integrities(cache, [integrity, "sha256:" + "0" * 64]) == {integrity}


def flipped(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1])


FAULTS: list[tuple[str, Change | Exception, type[ProblemError], int]] = [
    ("a changed byte", other_body(flipped), IntegrityMismatch, 4),
    ("a missing end", other_body(lambda body: body[:-10]), IntegrityMismatch, 4),
    ("nothing", other_body(lambda _: b""), IntegrityMismatch, 4),
    ("a byte too many", other_body(lambda body: body + b"\0"), PackageTooLarge, 4),
    ("a page instead", answer(200, b"<html>welcome to our network</html>"), IntegrityMismatch, 4),
    ("a connection that broke at once", dropped_after(0), RegistryUnreachable, 3),
    ("a connection that is refused", httpx.ConnectError("refused"), RegistryUnreachable, 3),
    ("a connection that stalls", httpx.ReadTimeout("slow"), RegistryUnreachable, 3),
    ("an answer that is no HTTP", httpx.RemoteProtocolError("illegal"), RegistryUnreachable, 3),
    ("a server's fault", answer(500, b"Internal Server Error"), UnexpectedResponse, 3),
    ("a gateway's page", answer(502, b"<html>bad gateway</html>"), UnexpectedResponse, 3),
    ("a page that is not found", answer(404, b"<html>no such page</html>"), UnexpectedResponse, 3),
    ("a way elsewhere", answer(302, b""), UnexpectedResponse, 3),
    ("a problem that is none", answer(500, b"{", PROBLEM), UnexpectedResponse, 3),
    ("a problem without an end", answer(500, b"[" * 200_000, PROBLEM), UnexpectedResponse, 3),
    (
        "a problem",
        answer(404, b'{"code": "version-not-found", "title": "gone"}', PROBLEM),
        VersionNotFound,
        1,
    ),
]


@pytest.mark.parametrize(
    ("fault", "kind", "status"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_a_bad_download_ends_in_its_problem_and_leaves_nothing_in_the_cache(
    faulty: Callable[..., FaultyTransport],
    plan: InstallPlan,
    cache: Path,
    fault: Change | Exception,
    kind: type[ProblemError],
    status: int,
) -> None:
    transport = faulty(fault)

    with pytest.raises(kind) as caught:
        run(plan, cache, transport)

    assert caught.value.exit_status == status
    assert transport.unused == []
    assert files(cache) == []
    assert run(plan, cache, transport).packages == Goal().add("auth").packages


def test_a_timeout_and_a_refused_connection_are_told_apart(
    faulty: Callable[..., FaultyTransport], plan: InstallPlan, cache: Path
) -> None:
    transport = faulty(httpx.ReadTimeout(""), httpx.ConnectError("refused"))

    with pytest.raises(RegistryUnreachable, match="`main` does not answer"):
        run(plan, cache, transport)
    with pytest.raises(RegistryUnreachable, match="`main` cannot be reached"):
        run(plan, cache, transport)


def test_what_a_server_says_is_cleaned(
    faulty: Callable[..., FaultyTransport], plan: InstallPlan, cache: Path
) -> None:
    title = json.dumps("gone\x1b[2J").encode()
    transport = faulty(answer(404, b'{"code": "version-not-found", "title": ' + title + b"}", PROBLEM))

    with pytest.raises(VersionNotFound) as caught:
        run(plan, cache, transport)

    assert "\x1b" not in caught.value.problem.title


def test_reading_stops_where_more_comes_than_was_announced(
    faulty: Callable[..., FaultyTransport], plan: InstallPlan, cache: Path
) -> None:
    endless = Endless()

    with pytest.raises(PackageTooLarge) as caught:
        run(plan, cache, faulty(endless))

    assert f"{plan.downloads[0].size_bytes} bytes were announced" in caught.value.problem.detail
    assert endless.sent <= 2 * len(endless.CHUNK)


def test_the_first_problem_comes_out_bare(
    faulty: Callable[..., FaultyTransport], project: Path, cache: Path
) -> None:
    both = Goal().add("auth").add("users").plan(project)

    with pytest.raises(IntegrityMismatch):
        run(both, cache, faulty(other_body(flipped), other_body(flipped)))


def test_a_problem_stops_the_other_downloads(
    faulty: Callable[..., FaultyTransport], project: Path, cache: Path
) -> None:
    both, stalled = Goal().add("auth").add("users").plan(project), Stalled()

    with pytest.raises(UnexpectedResponse):
        run(both, cache, faulty(stalled, stalled.then_an_error))

    assert stalled.was_given_up


def test_progress_is_reported_package_by_package(
    faulty: Callable[..., FaultyTransport], project: Path, cache: Path
) -> None:
    events: list[Event] = []
    run(Goal().add("auth").add("users").plan(project), cache, faulty(), events.append)

    assert events[0] == StageStarted(stage="download", total=2, unit="packages")
    assert events[-1] == StageFinished(stage="download")
    advanced = [event for event in events if isinstance(event, StageAdvanced)]
    assert [(event.done, event.total) for event in advanced] == [(1, 2), (2, 2)]
    assert {event.subject for event in advanced} == {"auth", "users"}


# The cache is only a folder.


@pytest.mark.parametrize("damage", [b"", b"other bytes"])
def test_a_damaged_file_in_the_cache_is_fetched_again(
    faulty: Callable[..., FaultyTransport], plan: InstallPlan, cache: Path, damage: bytes
) -> None:
    run(plan, cache, faulty())
    (kept,) = files(cache)
    good = kept.read_bytes()
    kept.write_bytes(damage)
    transport = faulty()

    assert run(plan, cache, transport).packages["auth"] == good
    assert len(transport.requests) == 1
    assert kept.read_bytes() == good


def test_the_cache_is_enough_when_offline(
    faulty: Callable[..., FaultyTransport], plan: InstallPlan, cache: Path
) -> None:
    online = run(plan, cache, faulty())

    assert run(plan, cache, None) == online


def test_what_the_cache_lacks_is_named_when_offline(plan: InstallPlan, cache: Path) -> None:
    with pytest.raises(OfflineMissing, match=r"`auth` 1\.0\.0 is not on this machine") as caught:
        run(plan, cache, None)

    assert caught.value.exit_status == 3
    assert plan.downloads[0].integrity in caught.value.problem.detail


def test_a_damaged_file_in_the_cache_does_not_count_when_offline(
    faulty: Callable[..., FaultyTransport], plan: InstallPlan, cache: Path
) -> None:
    run(plan, cache, faulty())
    files(cache)[0].write_bytes(b"damaged")

    with pytest.raises(OfflineMissing):
        run(plan, cache, None)


def test_a_cache_that_cannot_be_written_is_a_problem(
    faulty: Callable[..., FaultyTransport], plan: InstallPlan, cache: Path
) -> None:
    cache.write_text("a file where the cache should be")

    with pytest.raises(ProjectNotWritable, match="the package cache cannot be written"):
        run(plan, cache, faulty())


# As a whole.


@pytest.mark.parametrize("fault", [other_body(flipped), answer(502, b"bad gateway")], ids=["flipped", "gone"])
def test_an_install_that_cannot_fetch_leaves_the_project_alone(
    faulty: Callable[..., FaultyTransport],
    in_session: Callable[..., Any],
    project: Path,
    tmp_path: Path,
    fault: Change,
) -> None:
    before = tree(project)
    transport = faulty(fault)

    async def install(session: Any) -> None:
        await apply_plan(session, await plan_changes(session, Changes(install=("auth",))))

    with pytest.raises((IntegrityMismatch, UnexpectedResponse)):
        in_session(install, registry=MAIN, registries=(MAIN,), transport=transport)
    assert tree(project) == before
    assert not (project / ".donkeylabs").exists()
    assert not files(tmp_path / "cache" / "packages")

    in_session(install, registry=MAIN, registries=(MAIN,), transport=transport)
    assert "src/server/plugins/auth/index.ts" in tree(project)


def test_an_offline_install_takes_from_the_cache_what_the_plan_thought_was_missing(
    faulty: Callable[..., FaultyTransport], in_session: Callable[..., Any], project: Path, tmp_path: Path
) -> None:
    """The plan is made before; meanwhile another process fetched the package."""
    transport = faulty()

    async def make(session: Any) -> InstallPlan:
        return await plan_changes(session, Changes(install=("auth",)))

    plan = in_session(make, registry=MAIN, registries=(MAIN,), transport=transport)
    assert not plan.downloads[0].is_cached
    run(plan, tmp_path / "cache" / "packages", transport)

    in_session(lambda session: apply_plan(session, plan), registry=MAIN, registries=(MAIN,), is_offline=True)

    assert "src/server/plugins/auth/index.ts" in tree(project)
