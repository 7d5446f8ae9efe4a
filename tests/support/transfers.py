"""Transfers that end early, and a record of what was asked for to finish them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import httpx

from tests.support.faults import Change


class Asked(NamedTuple):
    range: str
    if_range: str
    status: int


class Recording(httpx.AsyncBaseTransport):
    """Passes requests on to `inner` and writes down what they asked for.

    `has_ranges` False stands for a registry that does not know any.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, *, has_ranges: bool = True) -> None:
        self._inner = inner
        self._has_ranges = has_ranges
        self.asked: list[Asked] = []
        self.headers: list[httpx.Headers] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.headers.append(request.headers.copy())
        wanted, if_range = request.headers.get("range", ""), request.headers.get("if-range", "")
        if not self._has_ranges and wanted:
            del request.headers["range"]
        response = await self._inner.handle_async_request(request)
        self.asked.append(Asked(wanted, if_range, response.status_code))
        return response


class _CutBody(httpx.AsyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._data
        raise httpx.ReadError("connection reset by peer")


def cut_after(size: int) -> Change:
    """The true answer, whole or a part, whose connection breaks once `size` bytes of it have come."""

    def changed(response: httpx.Response, body: bytes) -> httpx.Response:
        headers = dict(response.headers)
        return httpx.Response(response.status_code, headers=headers, stream=_CutBody(body[:size]))

    return changed


def with_headers(change: Callable[[httpx.Headers], object], *, status: int | None = None) -> Change:
    """The true body under other headers, or another status."""

    def changed(response: httpx.Response, body: bytes) -> httpx.Response:
        headers = response.headers.copy()
        change(headers)
        return httpx.Response(status or response.status_code, headers=headers, stream=httpx.ByteStream(body))

    return changed


class Paused(httpx.AsyncByteStream):
    """A body that stops after `size` bytes; `has_come` is set once the reader waits for more."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._body = b""
        self.has_come = asyncio.Event()
        self.may_go_on = asyncio.Event()

    def __call__(self, response: httpx.Response, body: bytes) -> httpx.Response:
        self._body = body
        return httpx.Response(response.status_code, headers=dict(response.headers), stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body[: self._size]
        self.has_come.set()
        await self.may_go_on.wait()
        yield self._body[self._size :]
