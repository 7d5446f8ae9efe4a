"""The transport onto an app in this process: it streams, stops, fails and starts as a server would."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from donkeytui.embedded import BASE_URL, EmbeddedTransport, lifespan_of, running
from donkeytui.problems import RegistryUnreachable
from donkeytui.remote import RegistryClient, make_http_client
from registry_server.contract.problems import RegistryBusy
from registry_server.http.app import build_app
from registry_server.operations import statistics
from registry_server.registry import Registry, open_registry
from tests.support.builders import FixedClock, package

T = TypeVar("T")
Publish = Callable[..., Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

START = {"type": "http.response.start", "status": 200, "headers": [(b"x-kind", b"test")]}


def run(test: Callable[[], Awaitable[T]]) -> T:
    """Ends a test that hangs instead of hanging with it."""

    async def bounded() -> T:
        async with asyncio.timeout(20):
            return await test()

    return asyncio.run(bounded())


def client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=EmbeddedTransport(app), base_url=BASE_URL)


def chunk(data: bytes, *, is_last: bool = False) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": not is_last}


# Streams.


def test_the_first_chunk_arrives_while_the_app_is_still_at_work() -> None:
    go_on = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(START)
        await send(chunk(b"first"))
        await go_on.wait()
        await send(chunk(b"second", is_last=True))

    async def test() -> list[bytes]:
        received = []
        async with client(app) as http, http.stream("GET", "/") as response:
            assert response.headers["x-kind"] == "test"
            async for data in response.aiter_raw():
                received.append(data)
                go_on.set()
        return received

    assert run(test) == [b"first", b"second"]


def test_the_head_arrives_before_any_body() -> None:
    go_on = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({**START, "status": 203})
        await go_on.wait()
        await send(chunk(b"body", is_last=True))

    async def test() -> tuple[int, bytes]:
        async with client(app) as http, http.stream("GET", "/") as response:
            go_on.set()
            return response.status_code, await response.aread()

    assert run(test) == (203, b"body")


def test_an_app_does_not_run_far_ahead_of_a_slow_reader() -> None:
    sent = 0

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(START)
        for _ in range(1000):
            await send(chunk(b"x" * 10))
            sent += 1

    async def test() -> tuple[int, int]:
        async with client(app) as http, http.stream("GET", "/") as response:
            chunks = response.aiter_raw()
            await anext(chunks)
            for _ in range(100):
                await asyncio.sleep(0)
            ahead = sent
            total = 10 + sum([len(data) async for data in chunks])
        return ahead, total

    ahead, total = run(test)

    assert ahead < 20
    assert total == 10_000


def test_the_app_reads_a_body_while_it_is_still_being_made() -> None:
    heard = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        parts = []
        while (message := await receive())["more_body"]:
            parts.append(message["body"])
            heard.set()
        await send(START)
        await send(chunk(b"|".join(parts), is_last=True))

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await heard.wait()
        yield b"two"

    async def test() -> bytes:
        async with client(app) as http:
            return (await http.post("/", content=body())).content

    assert run(test) == b"one|two"


def test_the_scope_says_what_was_asked() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        seen.update(scope)
        await send(START)
        await send(chunk(b"", is_last=True))

    async def test() -> None:
        async with client(app) as http:
            await http.put("/a%2Fb/c%20d?q=%C3%BC&x=1", headers={"X-Kind": "test"})

    run(test)

    assert (seen["type"], seen["method"], seen["http_version"]) == ("http", "PUT", "1.1")
    assert (seen["path"], seen["raw_path"]) == ("/a/b/c d", b"/a%2Fb/c%20d")
    assert seen["query_string"] == b"q=%C3%BC&x=1"
    assert (b"x-kind", b"test") in seen["headers"]
    assert (b"host", b"embedded.invalid") in seen["headers"]


# Stops.


def make_endless(events: list[str]) -> Callable[..., Awaitable[None]]:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        try:
            await send(START)
            while True:
                await send(chunk(b"more"))
        finally:
            events.append("stopped")

    return app


def test_closing_a_response_early_stops_the_app() -> None:
    events: list[str] = []

    async def test() -> None:
        async with client(make_endless(events)) as http:
            async with http.stream("GET", "/") as response:
                await anext(response.aiter_raw())
            events.append("closed")

    run(test)

    assert events == ["stopped", "closed"]


def test_giving_up_before_the_head_stops_the_app() -> None:
    events: list[str] = []
    begun = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            events.append("stopped")

    async def test() -> None:
        async with client(app) as http:
            request = asyncio.ensure_future(http.get("/"))
            await begun.wait()
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request

    run(test)

    assert events == ["stopped"]


def test_no_task_outlives_its_request() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(START)
        await send(chunk(b"done", is_last=True))
        assert (await receive())["type"] == "http.request"
        await receive()  # waits for the disconnect, as frameworks do

    async def test() -> set[Any]:
        async with client(app) as http, http.stream("GET", "/") as response:
            assert await anext(response.aiter_raw()) == b"done"
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert run(test) == set()


# Fails.


def test_a_bug_of_the_app_is_a_500() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise ValueError("a bug")

    async def test() -> httpx.Response:
        async with client(app) as http:
            return await http.get("/")

    answer = run(test)

    assert (answer.status_code, answer.content) == (500, b"")


def test_an_app_that_answers_nothing_is_a_500() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        return

    async def test() -> int:
        async with client(app) as http:
            return (await http.get("/")).status_code

    assert run(test) == 500


async def cut_short(scope: Any, receive: Receive, send: Send) -> None:
    await send(START)
    await send(chunk(b"half of an ans"))
    raise ValueError("a bug")


def test_a_bug_in_the_middle_is_a_broken_answer_and_not_a_short_one() -> None:
    async def test() -> None:
        async with client(cut_short) as http:
            await http.get("/")

    with pytest.raises(httpx.RemoteProtocolError):
        run(test)


def test_the_client_tells_a_broken_answer_from_a_registrys_words() -> None:
    async def test() -> None:
        async with make_http_client(BASE_URL, "", EmbeddedTransport(cut_short)) as http:
            await RegistryClient(http, "embedded").readme("auth", "1.0.0")

    with pytest.raises(RegistryUnreachable):
        run(test)


# The life of the registry behind it.


def test_lifespan_starts_before_the_first_request_and_stops_after_the_last() -> None:
    events: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            events.append("request")
            await send(START)
            await send(chunk(b"", is_last=True))
            return
        for kind in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{kind}"
            events.append(kind)
            await send({"type": f"lifespan.{kind}.complete"})

    async def test() -> None:
        async with lifespan_of(app), client(app) as http:
            await http.get("/")

    run(test)

    assert events == ["startup", "request", "shutdown"]


def test_an_embedded_registry_runs_for_a_block_and_writes_its_counts_at_the_end(tmp_path: Path) -> None:
    async def test() -> int:
        async with running(tmp_path, FixedClock()) as embedded, client(embedded.app) as http:
            files = {"package": ("package.tar.gz", package("auth"), "application/gzip")}
            published = await http.post("/api/plugins", files=files)
            await http.get("/api/plugins/auth/1.0.0/download")
            return published.status_code

    status = run(test)
    reopened = open_registry(tmp_path, FixedClock())

    assert status == 201
    assert statistics.plugin_stats(reopened, None, "auth").downloads == 1
    reopened.close()


def test_an_embedded_registry_closes_when_the_block_fails(tmp_path: Path) -> None:
    async def test() -> int:
        with pytest.raises(KeyError):
            async with running(tmp_path, FixedClock()) as embedded:
                raise KeyError("the block's own fault")
        async with client(embedded.app) as http:
            return (await http.get("/readyz")).status_code

    assert run(test) == 503


def test_a_folder_that_cannot_be_used_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    async def test() -> None:
        async with running(tmp_path / "data"):
            pass

    with pytest.raises(RegistryBusy):
        run(test)


def test_counting_goes_on_after_a_flush_that_failed(
    registry: Registry, publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    publish("auth")
    with registry.database.write() as connection:
        connection.execute(
            "CREATE TRIGGER fault BEFORE INSERT ON downloads BEGIN SELECT RAISE(ABORT, 'a fault'); END"
        )
    app = build_app(registry, is_local=False, flush_seconds=0.001)

    async def test() -> None:
        async with lifespan_of(app), client(app) as http:
            await http.get("/api/plugins/auth/1.0.0/download")
            while not caplog.records:
                await asyncio.to_thread(statistics.registry_stats, registry)
            with registry.database.write() as connection:
                connection.execute("DROP TRIGGER fault")

    run(test)

    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].exc_info[0] is sqlite3.IntegrityError
    assert statistics.plugin_stats(registry, None, "auth").downloads == 1
