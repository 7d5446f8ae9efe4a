"""Faults at the borders: a disk that stops at the n-th call, answers of a registry that were changed."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from typing import Literal

import httpx

from donkeytui.install.disk import Disk, NewFile


class Killed(BaseException):
    """The process is gone: no handler of the code under test may hold it up."""


class CountingDisk(Disk):
    """Every state-changing call passes through `_call`, which subclasses make fail.

    It does not wait for the device: a process that dies takes nothing of what it wrote along.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    def _call(self, name: str, act: Callable[[], None], *, path: Path) -> None:
        self.calls.append(f"{name} {path.name}")
        act()

    def make_folder(self, path: Path) -> None:
        self._call("make_folder", lambda: Disk.make_folder(self, path), path=path)

    def write(self, path: Path, data: bytes) -> None:
        self._call("write", lambda: _write_new(path, data), path=path)

    def write_files(self, files: Sequence[NewFile]) -> None:
        """One after the other, so that every state in between is met."""
        for file in files:
            self.write(file.path, file.data)
            if file.is_executable:
                self.make_executable(file.path)

    def make_executable(self, path: Path) -> None:
        self._call("make_executable", lambda: Disk.make_executable(self, path), path=path)

    def move(self, source: Path, target: Path) -> None:
        self._call("move", lambda: Disk.move(self, source, target), path=target)

    def unlink(self, path: Path) -> None:
        self._call("unlink", lambda: Disk.unlink(self, path), path=path)

    def remove_folder(self, path: Path) -> None:
        self._call("remove_folder", lambda: Disk.remove_folder(self, path), path=path)

    def copy_mode(self, source: Path, target: Path) -> None:
        self._call("copy_mode", lambda: Disk.copy_mode(self, source, target), path=target)

    def copy_folder(self, source: Path, target: Path) -> None:
        self._call("copy_folder", lambda: Disk.copy_folder(self, source, target), path=target)

    def remove_empty(self, folder: Path, root: Path) -> None:
        self._call("remove_empty", lambda: Disk.remove_empty(self, folder, root), path=folder)

    def sync(self, folder: Path) -> None:
        self._call("sync", lambda: None, path=folder)

    def sync_all(self, folder: Path, *, but: Collection[Path] = ()) -> None:
        del but
        self._call("sync_all", lambda: None, path=folder)


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)


When = Literal["before", "after", "torn"]


class StopAfter(CountingDisk):
    """Kills the process at its n-th call: before it, after it, or (a write) with half of it done."""

    def __init__(self, stop: int, when: When = "before") -> None:
        super().__init__()
        self.stop = stop
        self.when = when

    def _call(self, name: str, act: Callable[[], None], *, path: Path) -> None:
        is_last = len(self.calls) + 1 == self.stop
        if is_last and self.when != "after":
            raise Killed
        super()._call(name, act, path=path)
        if is_last:
            raise Killed

    def write(self, path: Path, data: bytes) -> None:
        if self.when == "torn" and len(self.calls) + 1 == self.stop:
            path.write_bytes(data[: len(data) // 2])
        super().write(path, data)


class RefusingDisk(CountingDisk):
    """From its n-th call on says no, with `code`; like the real one it never fails at tidying and syncing."""

    def __init__(self, stop: int, code: int = errno.ENOSPC) -> None:
        super().__init__()
        self.stop = stop
        self.code = code

    def _call(self, name: str, act: Callable[[], None], *, path: Path) -> None:
        if len(self.calls) + 1 < self.stop:
            super()._call(name, act, path=path)
            return
        self.calls.append(f"{name} {path.name}")
        if name not in ("remove_folder", "remove_empty", "sync"):
            kind = PermissionError if self.code == errno.EACCES else OSError
            raise kind(self.code, "No space left on device", str(path))


Change = Callable[[httpx.Response, bytes], httpx.Response]
"""(the true answer, its body) -> what comes instead."""


class _Body(httpx.AsyncByteStream):
    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self._chunks = chunks
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        if self._error is not None:
            raise self._error


class FaultyTransport(httpx.AsyncBaseTransport):
    """Passes on to `inner`, but for paths that end in `suffix`: those meet the faults, in order.

    After the last fault answers are whole again. `requests` are the paths that were asked for.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport, *faults: Change | Exception, suffix: str = "/download"
    ) -> None:
        self._inner = inner
        self._suffix = suffix
        self.unused = list(faults)
        self.requests: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.url.path)
        if not request.url.path.endswith(self._suffix) or not self.unused:
            return await self._inner.handle_async_request(request)
        fault = self.unused.pop(0)
        if isinstance(fault, Exception):
            raise fault
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        await response.aclose()
        return fault(response, body)


def other_body(change: Callable[[bytes], bytes]) -> Change:
    """The same answer with other bytes, in two chunks."""

    def changed(response: httpx.Response, body: bytes) -> httpx.Response:
        new = change(body)
        half = len(new) // 2
        headers = {"content-type": response.headers["content-type"]}
        return httpx.Response(response.status_code, headers=headers, stream=_Body(new[:half], new[half:]))

    return changed


def dropped_after(size: int) -> Change:
    """The connection breaks once `size` bytes have come."""

    def changed(response: httpx.Response, body: bytes) -> httpx.Response:
        error = httpx.ReadError("connection reset by peer")
        return httpx.Response(200, stream=_Body(body[:size], error=error))

    return changed


def answer(status: int, body: bytes, media_type: str = "text/html") -> Change:
    """Something else altogether."""

    def changed(response: httpx.Response, _: bytes) -> httpx.Response:
        return httpx.Response(status, headers={"content-type": media_type}, stream=_Body(body))

    return changed


class Endless(httpx.AsyncByteStream):
    """A body that never ends; `sent` says how much of it was asked for."""

    CHUNK = b"\0" * 65536

    def __init__(self) -> None:
        self.sent = 0

    def __call__(self, _response: httpx.Response, _body: bytes) -> httpx.Response:
        return httpx.Response(200, stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += len(self.CHUNK)
            yield self.CHUNK


class Stalled(httpx.AsyncByteStream):
    """A body whose first byte never comes; `was_given_up` once nobody waits for it any more."""

    def __init__(self) -> None:
        self.was_given_up = False
        self._has_begun = asyncio.Event()

    def __call__(self, _response: httpx.Response, _body: bytes) -> httpx.Response:
        return httpx.Response(200, stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._has_begun.set()
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            self.was_given_up = True

    def then_an_error(self, _response: httpx.Response, _body: bytes) -> httpx.Response:
        """For another download: a 500 whose body comes once somebody waits for this one."""
        return httpx.Response(500, stream=_After(self._has_begun))


class _After(httpx.AsyncByteStream):
    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await self._event.wait()
        yield b"Internal Server Error"
