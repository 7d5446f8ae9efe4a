"""RegistryClient: typed calls over httpx; problem+json back into ProblemError.

The same client for a registry in this process and for one across a network; what comes back is
foreign either way, so sizes are bounded and forms are checked here.

The token goes along with writing, with reading what is the caller's own, and with any reading once the
registry has answered that it wants one; never after a redirect, because none is followed.
"""

import io
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
import msgspec

from donkeytui.problems import RegistryUnreachable, UnexpectedResponse
from registry_server.contract import routes
from registry_server.contract.foreign import clean
from registry_server.contract.problems import InvalidRequest, Problem, RateLimited, error_from_problem
from registry_server.contract.wire import ChangePage, CheckReport, PublishReceipt, Snapshot

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 20.0
UPLOAD_IDLE_SECONDS = 60.0
JSON_MAX_BYTES = 64 << 20
RETRY_AFTER_MAX_SECONDS = 7 * 86_400
SHARD_MAX_BYTES = 64 << 20

_SECONDS = re.compile(r"[0-9]{1,6}\Z")
_REST = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})\Z")

_SHOWN = "donkeytui.token"
"""Extension of a request: the token to show with it; empty: none. Reading says it, writing need not."""
_KEPT = "kept"
"""Its value for the token that is kept, and what is meant without it."""

T = TypeVar("T")
FindToken = Callable[[], Awaitable[str]]


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A package on its way."""

    offset: int | None
    """Where in the package the chunks begin: 0, or what was asked for; None for any other part of it."""
    chunks: AsyncIterator[bytes]


def make_http_client(
    base_url: str, token: str | FindToken, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """`token` is the text, or who looks it up once a request needs it; empty: there is none.

    Redirects are not followed: a token goes to the origin it was given for and nowhere else.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"User-Agent": routes.CALLER_AGENT},
        auth=_Token(token) if token else None,
        transport=transport,
        # Loading all authorities takes longer than a request, and plain http has no use for them.
        verify=not base_url.startswith("http://"),
        timeout=httpx.Timeout(IDLE_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=transport is None,
    )


class _Token(httpx.Auth):
    """Reading is open to most: an expired token must not keep anybody from it, nor travel for nothing."""

    def __init__(self, token: str | FindToken) -> None:
        self._token = token

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = request.extensions.get(_SHOWN, _KEPT)
        if token == _KEPT:
            token = self._token if isinstance(self._token, str) else await self._token()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        yield request


class _Counted(io.BytesIO):
    """Tells how far it was read."""

    def __init__(self, data: bytes, on_sent: Callable[[int], None]) -> None:
        super().__init__(data)
        self._on_sent = on_sent

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self._on_sent(self.tell())
        return chunk


class RegistryClient:
    """Calls of one registry; `name` is how messages call it."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        self._http = http
        self._name = name
        self._is_closed = False
        """Whether the registry wants a token for reading too."""

    async def snapshot(self) -> Snapshot:
        return await self._get(routes.SNAPSHOT, Snapshot)

    async def shard(self, digest: str) -> bytes:
        return await self._bytes(routes.shard(digest), SHARD_MAX_BYTES)

    async def changes(self, since: int) -> ChangePage:
        return await self._get(f"{routes.CHANGES}?since={since}", ChangePage)

    async def readme(self, name: str, version: str) -> str:
        data = await self._bytes(f"{routes.release(name, version)}/readme", JSON_MAX_BYTES)
        return data.decode("utf-8", "replace")

    @asynccontextmanager
    async def download(
        self, name: str, version: str, *, offset: int = 0, etag: str = ""
    ) -> AsyncIterator[Incoming]:
        """The package's bytes as they come; the caller bounds and verifies them.

        From `offset` on, if the registry's bytes still have `etag` and it knows ranges; else from 0.
        """
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers |= {"Range": f"bytes={offset}-", "If-Range": etag}
        with self._translated():
            async with self._reading(routes.download(name, version), headers=headers) as response:
                await self._check(response)
                yield Incoming(offset=_offset(response, offset), chunks=self._chunks(response))

    async def publish(
        self, archive: bytes, name: str, version: str, on_sent: Callable[[int], None] = lambda _sent: None
    ) -> PublishReceipt:
        """`on_sent` hears how many bytes of the package have left."""
        data = await self._post_package(_Counted(archive, on_sent), name, version, "")
        return self._decode(data, PublishReceipt)

    async def check_publish(self, archive: bytes, name: str, version: str) -> CheckReport:
        data = await self._post_package(io.BytesIO(archive), name, version, "?dryRun=true")
        return self._decode(data, CheckReport)

    async def _post_package(self, archive: io.BytesIO, name: str, version: str, query: str) -> bytes:
        return await self._send(
            "POST",
            routes.PLUGINS + query,
            data={"name": name, "version": version},
            files={"package": ("package.tar.gz", archive, "application/gzip")},
            timeout=httpx.Timeout(UPLOAD_IDLE_SECONDS, connect=CONNECT_SECONDS),
        )

    async def get_own(self, path: str, kind: type[T], *, limit: int, token: str = "") -> T:
        """What the holder of the token may see: of the kept one, unless another is given."""
        return self._decode(await self._bytes(path, limit, token=token or _KEPT), kind)

    async def get(self, path: str, kind: type[T], *, limit: int) -> T:
        return self._decode(await self._bytes(path, limit), kind)

    async def send(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        body: msgspec.Struct | None,
        limit: int,
        token: str | None = None,
    ) -> T:
        """Changes something. With the token that is kept, unless another, or none at all (""), is given."""
        options: dict[str, Any] = {} if token is None else {"extensions": {_SHOWN: token}}
        if body is not None:
            options["content"] = _encoded(body)
            options["headers"] = {"Content-Type": "application/json"}
        return self._decode(await self._send(method, path, limit=limit, **options), kind)

    async def _get(self, path: str, kind: type[T]) -> T:
        return await self.get(path, kind, limit=JSON_MAX_BYTES)

    async def _bytes(self, path: str, limit: int, token: str = "") -> bytes:
        with self._translated():
            async with self._reading(path, token=token) as response:
                await self._check(response)
                return await self._read(response, limit)

    @asynccontextmanager
    async def _reading(self, path: str, *, token: str = "", **options: Any) -> AsyncIterator[httpx.Response]:
        """Without a token first, unless one is given or the registry is known to want one."""
        token = token or (_KEPT if self._is_closed else "")
        async with self._http.stream("GET", path, extensions={_SHOWN: token}, **options) as response:
            is_refused = response.status_code == httpx.codes.UNAUTHORIZED and not token
            if not is_refused or self._http.auth is None:
                yield response
                return
        async with self._http.stream("GET", path, extensions={_SHOWN: _KEPT}, **options) as response:
            self._is_closed = response.is_success
            yield response

    async def _send(self, method: str, path: str, *, limit: int = JSON_MAX_BYTES, **options: Any) -> bytes:
        with self._translated():
            async with self._http.stream(method, path, **options) as response:
                await self._check(response)
                return await self._read(response, limit)

    async def _check(self, response: httpx.Response) -> None:
        """Raises the problem a response stands for."""
        if response.is_success:
            return
        body = await self._read(response, JSON_MAX_BYTES)
        if response.headers.get("content-type", "").startswith("application/problem+json"):
            raise error_from_problem(_cleaned(self._decode(body, Problem)))
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise self._too_many(response.headers.get("retry-after", ""))
        raise self._unexpected(f"it answered {response.status_code} {response.reason_phrase}".strip())

    async def _read(self, response: httpx.Response, limit: int) -> bytes:
        data = bytearray()
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > limit:
                raise self._unexpected(f"the answer is larger than {limit} bytes")
        return bytes(data)

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        async for chunk in response.aiter_raw():
            yield chunk

    def _decode(self, data: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise self._unexpected(str(error)[:200]) from error

    def _unexpected(self, detail: str) -> UnexpectedResponse:
        return UnexpectedResponse(
            f"the registry `{self._name}` did not answer as a registry does",
            detail=detail,
            hint="check its address: donkeytui registry list",
        )

    def _too_many(self, retry_after: str) -> RateLimited:
        """A proxy's refusal, which says nothing but how long to wait, if that."""
        seconds = int(retry_after) if _SECONDS.match(retry_after) else 0
        return RateLimited(
            f"the registry `{self._name}` wants fewer requests",
            hint=f"try again in {seconds} s" if 0 < seconds <= RETRY_AFTER_MAX_SECONDS else "try again later",
        )

    def _translated(self) -> "_Translated":
        return _Translated(self._name)


class _Translated:
    """Turns httpx's exceptions into problems."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, httpx.TimeoutException):
            raise RegistryUnreachable(
                f"the registry `{self._name}` does not answer",
                detail=f"no byte for {IDLE_SECONDS:.0f} s ({type(error).__name__})",
                hint="check the network, or work with what is here: --offline",
            ) from error
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            raise RegistryUnreachable(
                f"the registry `{self._name}` cannot be reached",
                detail=str(error) or type(error).__name__,
                hint="check its address (donkeytui registry list), or work with what is here: --offline",
            ) from error


def _offset(response: httpx.Response, asked: int) -> int | None:
    """A part counts only when it is the whole rest from `asked` on."""
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    match = _REST.match(response.headers.get("content-range", ""))
    if not asked or match is None:
        return None
    first, last, size_bytes = (int(group) for group in match.groups())
    return asked if first == asked and last == size_bytes - 1 else None


def _encoded(body: msgspec.Struct) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:  # half a character, from a terminal or a pipe of another encoding
        raise InvalidRequest("what you wrote has bytes that are no text", hint="write it in UTF-8") from error


def _cleaned(problem: Problem) -> Problem:
    """A server's sentences are foreign text too."""
    seconds = problem.extra.get("retryAfter")
    is_plausible = isinstance(seconds, int) and 0 < seconds <= RETRY_AFTER_MAX_SECONDS
    return msgspec.structs.replace(
        problem,
        code=clean(problem.code, 60),
        title=clean(problem.title, 300),
        detail=clean(problem.detail, 2000, multiline=True),
        hint=clean(problem.hint, 300),
        # What programs act on is our own to say; when to come again is a number and no more.
        extra={"retryAfter": seconds} if is_plausible else {},
    )
