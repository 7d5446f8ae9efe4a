"""A transfer that broke goes on where it stopped, in this process or the next, and never mixes bytes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from donkeytui.embedded import EmbeddedTransport
from donkeytui.events import silent
from donkeytui.install.fetch import (
    Patience,
    fetch,
    fetch_one,
)
from donkeytui.install.partial import PARTIAL_FOLDER, PARTIALS_MAX, PARTIALS_MAX_BYTES
from donkeytui.install.plan import Download
from donkeytui.problems import OfflineMissing, RegistryUnreachable, UnexpectedResponse
from donkeytui.remote import RegistryClient, make_http_client
from donkeytui.settings import RegistryEntry
from registry_server.contract.archive import PACKAGE_MAX_BYTES
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import IntegrityMismatch, PackageTooLarge, RegistryBusy
from registry_server.http.app import build_app
from registry_server.operations.accounts import local_caller
from registry_server.operations.publish import publish as publish_operation
from registry_server.registry import Registry
from tests.support.builders import package
from tests.support.faults import Change, Endless, FaultyTransport, answer
from tests.support.plans import Goal
from tests.support.transfers import Asked, Paused, Recording, cut_after, with_headers

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
MAIN = RegistryEntry("main", "http://registry.invalid")
PACKAGE = package("auth")
SIZE = len(PACKAGE)
INTEGRITY = integrity_of(PACKAGE)
ETAG = f'"{INTEGRITY.removeprefix("sha256:")}"'
AUTH = Download(name="auth", version="1.0.0", integrity=INTEGRITY, size_bytes=SIZE, is_cached=False)
AT_ONCE = Patience(pauses=(0.0, 0.0))
ONE_TRY = Patience(pauses=())
BUSY = answer(503, b'{"code": "registry-busy", "title": "busy"}', "application/problem+json")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "packages"


@pytest.fixture
def partial(cache: Path) -> Path:
    """Where the package is as long as it is not whole; its folder is there."""
    path = cache / PARTIAL_FOLDER / INTEGRITY.removeprefix("sha256:")
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def recording(registry: Registry) -> Recording:
    """A registry with `auth` that remembers what it was asked for."""
    publish_operation(registry, local_caller(registry), PACKAGE)
    return Recording(EmbeddedTransport(build_app(registry, is_local=True)))


def with_client(transport: httpx.AsyncBaseTransport, act: Callable[[RegistryClient], Awaitable[T]]) -> T:
    async def run() -> T:
        async with make_http_client(MAIN.url, "", transport) as http:
            return await act(RegistryClient(http, MAIN.name))

    return asyncio.run(run())


def get(
    transport: httpx.AsyncBaseTransport, cache: Path, download: Download = AUTH, patience: Patience = AT_ONCE
) -> bytes:
    return with_client(transport, lambda client: fetch_one(download, client, cache, patience=patience))


def whole(status: int = 200) -> Asked:
    return Asked("", "", status)


def rest(offset: int, status: int = 206) -> Asked:
    return Asked(f"bytes={offset}-", ETAG, status)


def content(path: Path) -> bytes:
    return path.read_bytes()


def files(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


# Going on.


def test_a_broken_transfer_goes_on_where_it_stopped(recording: Recording, cache: Path) -> None:
    assert get(FaultyTransport(recording, cut_after(100)), cache) == PACKAGE
    assert recording.asked == [whole(), rest(100)]
    assert [path.name for path in files(cache)] == [INTEGRITY.removeprefix("sha256:")]


def test_two_breaks_are_overcome_and_the_third_is_the_problem(
    recording: Recording, cache: Path, partial: Path
) -> None:
    with pytest.raises(RegistryUnreachable):
        get(FaultyTransport(recording, cut_after(100), cut_after(50), cut_after(7)), cache)

    assert recording.asked == [whole(), rest(100), rest(150)]
    assert partial.read_bytes() == PACKAGE[:157]


def test_the_next_process_goes_on_where_the_last_one_stopped(
    recording: Recording, cache: Path, partial: Path
) -> None:
    partial.write_bytes(PACKAGE[:200])

    assert get(recording, cache) == PACKAGE
    assert recording.asked == [rest(200)]
    assert not partial.exists()


def test_a_refused_connection_is_tried_again_and_leaves_nothing(recording: Recording, cache: Path) -> None:
    refused = httpx.ConnectError("refused")
    transport = FaultyTransport(recording, refused, refused, refused)

    with pytest.raises(RegistryUnreachable):
        get(transport, cache)

    assert transport.unused == []
    assert files(cache) == []


def test_without_patience_there_is_one_try(recording: Recording, cache: Path) -> None:
    transport = FaultyTransport(recording, cut_after(100))

    with pytest.raises(RegistryUnreachable):
        get(transport, cache, patience=ONE_TRY)

    assert recording.asked == [whole()]


def test_a_registry_that_knows_no_ranges_sends_it_all_again(registry: Registry, cache: Path) -> None:
    publish_operation(registry, local_caller(registry), PACKAGE)
    plain = Recording(EmbeddedTransport(build_app(registry, is_local=True)), has_ranges=False)

    assert get(FaultyTransport(plain, cut_after(100)), cache) == PACKAGE
    assert plain.asked == [whole(), rest(100, status=200)]


def test_the_bytes_are_asked_for_as_they_are(recording: Recording, cache: Path) -> None:
    get(recording, cache)

    assert recording.headers[0]["accept-encoding"] == "identity"


def test_a_whole_package_whose_process_died_before_keeping_it_needs_no_request(
    recording: Recording, cache: Path, partial: Path
) -> None:
    partial.write_bytes(PACKAGE)

    assert get(recording, cache) == PACKAGE
    assert recording.asked == []
    assert not partial.exists()


def test_a_problem_of_the_registry_is_not_tried_again_and_costs_nothing_of_what_is_there(
    recording: Recording, cache: Path, partial: Path
) -> None:
    partial.write_bytes(PACKAGE[:200])

    for fault, kind in ((BUSY, RegistryBusy), (answer(502, b"<html>bad gateway</html>"), UnexpectedResponse)):
        with pytest.raises(kind):
            get(FaultyTransport(recording, fault), cache)

    assert recording.asked == [rest(200), rest(200)]
    assert partial.read_bytes() == PACKAGE[:200]


@given(
    begun=st.integers(0, SIZE),
    is_damaged=st.booleans(),
    cuts=st.lists(st.integers(0, SIZE), max_size=2),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_it_broke_the_package_comes_whole(
    recording: Recording,
    tmp_path_factory: pytest.TempPathFactory,
    begun: int,
    is_damaged: bool,
    cuts: list[int],
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    partial = cache / PARTIAL_FOLDER / INTEGRITY.removeprefix("sha256:")
    partial.parent.mkdir()
    partial.write_bytes(bytes(begun) if is_damaged else PACKAGE[:begun])

    assert get(FaultyTransport(recording, *map(cut_after, cuts)), cache) == PACKAGE
    assert [path.read_bytes() for path in files(cache)] == [PACKAGE]


# Bytes that do not fit together.


def damaged(response: httpx.Response, body: bytes) -> httpx.Response:
    content = body[:-1] + bytes([body[-1] ^ 1])
    return httpx.Response(
        response.status_code, headers=dict(response.headers), stream=httpx.ByteStream(content)
    )


def set_range(text: str) -> Change:
    return with_headers(lambda headers: headers.update({"content-range": text}))


OTHER_RANGES: dict[str, Change] = {
    "another beginning": set_range(f"bytes 99-{SIZE - 1}/{SIZE}"),
    "the beginning": set_range(f"bytes 0-{SIZE - 1}/{SIZE}"),
    "an earlier end": set_range(f"bytes 100-{SIZE - 2}/{SIZE}"),
    "no total": set_range(f"bytes 100-{SIZE - 1}/*"),
    "another unit": set_range(f"lines 100-{SIZE - 1}/{SIZE}"),
    "digits without end": set_range(f"bytes 100-{'9' * 5000}/{SIZE}"),
    "none at all": with_headers(lambda headers: headers.pop("content-range")),
}


@pytest.mark.parametrize("fault", OTHER_RANGES.values(), ids=OTHER_RANGES)
def test_another_part_than_asked_for_is_refused_and_nothing_stays_of_it(
    recording: Recording, cache: Path, partial: Path, fault: Change
) -> None:
    partial.write_bytes(PACKAGE[:100])
    transport = FaultyTransport(recording, fault)

    with pytest.raises(UnexpectedResponse, match="sent another part of `auth`"):
        get(transport, cache)

    assert files(cache) == []
    assert get(transport, cache) == PACKAGE
    assert recording.asked == [rest(100), whole()]


def test_a_part_that_nobody_asked_for_is_refused(recording: Recording, cache: Path) -> None:
    fault = with_headers(
        lambda headers: headers.update({"content-range": f"bytes 0-{SIZE - 1}/{SIZE}"}), status=206
    )

    with pytest.raises(UnexpectedResponse, match="sent another part"):
        get(FaultyTransport(recording, fault), cache)


def test_damage_in_what_was_there_is_overcome_by_one_try_as_a_whole(
    recording: Recording, cache: Path, partial: Path
) -> None:
    partial.write_bytes(bytes(100))

    assert get(recording, cache) == PACKAGE
    assert recording.asked == [rest(100), whole()]


def test_damage_that_stays_is_a_problem_after_that_one_try(
    recording: Recording, cache: Path, partial: Path
) -> None:
    partial.write_bytes(PACKAGE[:100])

    with pytest.raises(IntegrityMismatch) as caught:
        get(FaultyTransport(recording, damaged, damaged), cache)

    assert recording.asked == [rest(100), whole()]
    assert f"{SIZE} bytes" in caught.value.problem.detail
    assert files(cache) == []


def test_damage_that_came_whole_is_a_problem_at_once(recording: Recording, cache: Path) -> None:
    with pytest.raises(IntegrityMismatch):
        get(FaultyTransport(recording, damaged), cache)

    assert recording.asked == [whole()]
    assert files(cache) == []


@pytest.mark.parametrize("size_bytes", [SIZE, PACKAGE_MAX_BYTES], ids=["known", "unknown"])
def test_more_on_disk_than_the_package_has_begins_anew(
    recording: Recording, cache: Path, partial: Path, size_bytes: int
) -> None:
    partial.write_bytes(PACKAGE + b"more")

    assert get(recording, cache, structs.replace(AUTH, size_bytes=size_bytes)) == PACKAGE
    assert recording.asked[-1] == whole()


def test_the_rest_is_bounded_by_what_was_announced(recording: Recording, cache: Path, partial: Path) -> None:
    partial.write_bytes(PACKAGE[:100])
    endless = Endless()

    def endless_rest(response: httpx.Response, body: bytes) -> httpx.Response:
        return httpx.Response(206, headers=dict(response.headers), stream=endless)

    with pytest.raises(PackageTooLarge):
        get(FaultyTransport(recording, endless_rest), cache)

    assert endless.sent <= 2 * len(endless.CHUNK)
    assert files(cache) == []


# Stopping.


def test_a_download_that_is_cancelled_keeps_what_came(
    recording: Recording, cache: Path, partial: Path
) -> None:
    async def cancelled(client: RegistryClient) -> None:
        task = asyncio.ensure_future(fetch_one(AUTH, client, cache))
        await paused.has_come.wait()
        task.cancel()
        await task

    paused = Paused(100)
    with pytest.raises(asyncio.CancelledError):
        with_client(FaultyTransport(recording, paused), cancelled)

    assert partial.read_bytes() == PACKAGE[:100]
    assert get(recording, cache) == PACKAGE
    assert recording.asked == [whole(), rest(100)]


def test_a_download_below_its_rate_is_a_broken_transfer(
    recording: Recording, cache: Path, partial: Path
) -> None:
    partial.write_bytes(PACKAGE[:100])
    none_at_all = Patience(pauses=(), grace_seconds=0.0, bytes_per_second=10**12)

    with pytest.raises(RegistryUnreachable, match="`auth` 1\\.0\\.0 comes too slowly") as caught:
        get(FaultyTransport(recording, Paused(0)), cache, patience=none_at_all)

    assert caught.value.exit_status == 3
    assert f"100 of {SIZE} bytes" in caught.value.problem.detail
    assert partial.read_bytes() == PACKAGE[:100]


def test_patience_grows_with_the_size() -> None:
    patience = Patience(grace_seconds=30.0, bytes_per_second=2000)

    assert patience.seconds_for(0) == 30.0
    assert patience.seconds_for(20_000) == 40.0


# Two at once.


def test_two_downloads_of_one_package_do_not_share_a_file(
    recording: Recording, cache: Path, partial: Path
) -> None:
    paused = Paused(100)

    async def both(client: RegistryClient) -> tuple[bytes, bytes]:
        first = asyncio.ensure_future(fetch_one(AUTH, client, cache))
        await paused.has_come.wait()
        second = await fetch_one(AUTH, client, cache)
        begun.append(content(partial))
        paused.may_go_on.set()
        return await first, second

    begun: list[bytes] = []
    assert with_client(FaultyTransport(recording, paused), both) == (PACKAGE, PACKAGE)
    assert begun == [PACKAGE[:100]]
    assert recording.asked == [whole(), whole()]
    assert [path.read_bytes() for path in files(cache)] == [PACKAGE]


class TakenBetween(type(Path())):  # type: ignore[misc]
    """A path whose file another process moves away between our opening and our locking it, once."""

    moved: ClassVar[list[Path]] = []

    def open(self, *args: Any, **options: Any) -> Any:
        file = super().open(*args, **options)
        if not self.moved:
            self.moved.append(self)
            self.unlink()
        return file


def test_a_file_that_was_moved_before_it_could_be_locked_is_let_go(recording: Recording, cache: Path) -> None:
    TakenBetween.moved.clear()

    assert get(FaultyTransport(recording, cut_after(100)), TakenBetween(cache)) == PACKAGE
    assert len(TakenBetween.moved) == 1
    assert [path.read_bytes() for path in files(cache)] == [PACKAGE]


OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
import httpx
from donkeytui.install.fetch import fetch_one
from donkeytui.install.plan import Download
from donkeytui.remote import RegistryClient, make_http_client
from tests.support.builders import package

class Slow(httpx.AsyncByteStream):
    async def __aiter__(self):
        yield package("auth")[:100]
        print("100 bytes are there", flush=True)
        await asyncio.Event().wait()

async def main():
    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Slow()))
    async with make_http_client("http://registry.invalid", "", transport) as http:
        download = Download(
            name="auth", version="1.0.0", integrity=sys.argv[2], size_bytes=int(sys.argv[3]), is_cached=False
        )
        await fetch_one(download, RegistryClient(http, "main"), Path(sys.argv[1]))

asyncio.run(main())
"""


def test_a_process_that_is_killed_leaves_what_came_to_the_others(
    recording: Recording, cache: Path, partial: Path, tmp_path: Path
) -> None:
    """While it lives its file is its own, also for another project of another process."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(cache), INTEGRITY, str(SIZE)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "100 bytes are there\n"
            while_it_lives = get(recording, cache)
            held = partial.read_bytes()
        finally:
            other.send_signal(signal.SIGKILL)
    [kept] = [path for path in files(cache) if path != partial]
    kept.unlink()

    assert get(recording, cache) == while_it_lives == PACKAGE
    assert held == PACKAGE[:100]
    assert recording.asked == [whole(), rest(100)]


# What killed processes leave.


def leave(folder: Path, number: int, size_bytes: int = 1) -> Path:
    """A partial file, the older the smaller its number."""
    path = folder / f"{number:064x}"
    with path.open("wb") as file:
        file.truncate(size_bytes)
    os.utime(path, (number, number))
    return path


def sweep(recording: Recording, cache: Path, project: Path) -> None:
    """What the next fetch of anything does first."""
    plan = Goal().add("auth").plan(project)
    with_client(recording, lambda client: fetch(plan, client, cache, silent))


def test_only_the_newest_partial_files_stay(
    recording: Recording, cache: Path, partial: Path, project: Path
) -> None:
    left = [leave(partial.parent, number) for number in range(1, PARTIALS_MAX + 9)]

    sweep(recording, cache, project)

    assert [path for path in left if path.exists()] == left[-PARTIALS_MAX:]


def test_partial_files_are_bounded_in_bytes(
    recording: Recording, cache: Path, partial: Path, project: Path
) -> None:
    each = PARTIALS_MAX_BYTES // 4
    left = [leave(partial.parent, number, size_bytes=each) for number in range(1, 7)]

    sweep(recording, cache, project)

    assert [path for path in left if path.exists()] == left[-4:]


def test_what_no_other_download_can_take_up_goes(
    recording: Recording, cache: Path, partial: Path, project: Path
) -> None:
    own = partial.with_name(f"{partial.name}.0a1b2c3d")
    own.write_bytes(PACKAGE[:100])

    sweep(recording, cache, project)

    assert not own.exists()


def test_what_is_in_use_is_not_swept(recording: Recording, cache: Path, partial: Path, project: Path) -> None:
    paused = Paused(100)
    plan = Goal().add("auth").plan(project)

    async def second_sweeps(client: RegistryClient) -> bytes:
        first = asyncio.ensure_future(fetch_one(AUTH, client, cache))
        await paused.has_come.wait()
        for number in range(10**10, 10**10 + PARTIALS_MAX):
            leave(partial.parent, number)
        await fetch(plan, client, cache, silent)
        begun.append(content(partial))
        paused.may_go_on.set()
        return await first

    begun: list[bytes] = []
    assert with_client(FaultyTransport(recording, paused), second_sweeps) == PACKAGE
    assert begun == [PACKAGE[:100]]


# One package alone.


def test_one_package_comes_from_the_cache_the_second_time(recording: Recording, cache: Path) -> None:
    first, second = get(recording, cache), get(recording, cache)

    assert first == second == PACKAGE
    assert recording.asked == [whole()]


def test_one_package_that_the_cache_lacks_is_named_when_offline(cache: Path, partial: Path) -> None:
    partial.write_bytes(PACKAGE[:100])

    with pytest.raises(OfflineMissing, match=r"`auth` 1\.0\.0 is not on this machine"):
        asyncio.run(fetch_one(AUTH, None, cache))

    assert partial.read_bytes() == PACKAGE[:100]
