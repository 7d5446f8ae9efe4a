"""httpx transport onto an ASGI app in this process: streaming, with the app's lifespan.

httpx's own ASGITransport runs no lifespan, collects a whole body before the client sees a byte, and
lets server bugs escape as bare exceptions, which no remote registry can do. This one hands chunks on
as they come, stops the app when the client closes early, and answers 500 where a server would.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from registry_server.contract.problems import ServerError
from registry_server.embedded import Embedded, open_embedded, serve_on_port

BASE_URL = "http://embedded.invalid"
"""Never resolved; `.invalid` is reserved, so that a mistake cannot reach a real host."""
_QUEUE_CHUNKS = 8

Message = MutableMapping[str, Any]
Asgi = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


class EmbeddedTransport(httpx.AsyncBaseTransport):
    """One request = one task of the app."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _Exchange(self._app, request)
        status, headers = await exchange.start()
        return httpx.Response(status, headers=headers, stream=exchange)


class _Exchange(httpx.AsyncByteStream):
    """One request and its response, chunk by chunk through a bounded queue."""

    def __init__(self, app: Asgi, request: httpx.Request) -> None:
        self._app = app
        self._request = request
        self._body = self._request_chunks()
        self._is_body_done = False
        self._is_broken = False
        self._is_closed = asyncio.Event()
        self._head: asyncio.Future[tuple[int, list[tuple[bytes, bytes]]]] = (
            asyncio.get_running_loop().create_future()
        )
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE_CHUNKS)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        self._task = asyncio.create_task(self._run())
        try:
            return await asyncio.shield(self._head)
        except BaseException:
            await self.aclose()
            raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self._chunks.get()) is not None:
            yield chunk
        if self._is_broken:
            raise httpx.RemoteProtocolError("the registry stopped in the middle of its answer")

    async def aclose(self) -> None:
        self._is_closed.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})  # not `await task`: the caller's own cancellation must get out

    async def _run(self) -> None:
        try:
            await self._app(_scope(self._request), self._receive, self._send)
        except Exception:  # a bug of the app is a 500 or a cut answer, as from a server
            self._is_broken = self._head.done()
        finally:
            if not self._head.done():
                self._head.set_result((500, []))
            if not self._is_closed.is_set():
                await self._chunks.put(None)

    async def _request_chunks(self) -> AsyncIterator[bytes]:
        assert isinstance(self._request.stream, httpx.AsyncByteStream)
        async for chunk in self._request.stream:
            yield chunk

    async def _receive(self) -> Message:
        if self._is_body_done:
            await self._is_closed.wait()
            return {"type": "http.disconnect"}
        try:
            chunk = await anext(self._body)
        except StopAsyncIteration:
            self._is_body_done = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            self._head.set_result((message["status"], headers))
        elif message["type"] == "http.response.body" and message.get("body"):
            await self._chunks.put(bytes(message["body"]))


def _scope(request: httpx.Request) -> dict[str, Any]:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.split(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (url.host, url.port or 80),
        "client": ("127.0.0.1", 0),
        "extensions": {},
    }


@contextlib.asynccontextmanager
async def running(data: Path, clock: Callable[[], datetime] | None = None) -> AsyncIterator[Embedded]:
    """The embedded registry of `data`, its lifespan entered; closed when the block ends."""
    embedded = await asyncio.to_thread(open_embedded, data, *([clock] if clock else []))
    try:
        async with lifespan_of(embedded.app):
            yield embedded
    finally:
        await asyncio.to_thread(embedded.close)


async def serve(data: Path, *, host: str, port: int, on_ready: Callable[[], None]) -> None:
    """The embedded registry of `data` on a port. Raises `OSError` when the port cannot be had."""
    await serve_on_port(data, host=host, port=port, on_ready=on_ready)


@contextlib.asynccontextmanager
async def lifespan_of(app: Asgi) -> AsyncIterator[None]:
    """The app's background work goes on inside. Raises `ServerError` when it cannot begin."""
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    outgoing: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, incoming.get, outgoing.put))
    await incoming.put({"type": "lifespan.startup"})
    started = await outgoing.get()
    if started["type"] == "lifespan.startup.failed":
        await task
        raise ServerError("the registry cannot start", detail=str(started.get("message", "")))
    try:
        yield
    finally:
        await incoming.put({"type": "lifespan.shutdown"})
        await task
