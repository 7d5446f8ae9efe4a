"""Typed routes: decode, call one function, encode; conditional and HEAD requests for all alike.

A `Route` says everything there is to know of an endpoint, so that documentation can be made from it.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from registry_server.contract.problems import InvalidRequest, PackageTooLarge
from registry_server.contract.routes import REQUEST_BODY_MAX_BYTES
from registry_server.http.auth import caller_of, registry_of
from registry_server.http.problems import problem_of, problem_response
from registry_server.http.ranges import requested_range
from registry_server.operations.accounts import Caller
from registry_server.registry import Registry

REVALIDATE = "no-cache"
IMMUTABLE = "public, max-age=31536000, immutable"
PRIVATE = "no-store"


class Call(Struct, frozen=True, kw_only=True):
    """One request, decoded."""

    registry: Registry
    caller: Caller | None
    path: Mapping[str, str]
    query: Any
    """Instance of the route's `query` type."""
    body: Any
    """Instance of the route's `body` type."""


class Reply(Struct, frozen=True, kw_only=True):
    """A body that is not JSON of a Struct, or not only that."""

    body: bytes
    media_type: str = "application/json"
    etag: str = ""
    """Without quotes; empty: made from the body."""
    headers: Mapping[str, str] = {}
    has_ranges: bool = False
    on_sent: Callable[[], None] | None = None
    """Called when the body is sent from its first byte on: not for HEAD, 304 or a resumed download."""


class Route(Struct, frozen=True, kw_only=True):
    method: str
    path: str
    call: Callable[[Call], object]
    """Gives a Struct or a list of them (sent as JSON), or a `Reply`."""
    summary: str
    response: Any = None
    """What the JSON is an encoding of; None for other media types."""
    media_type: str = "application/json"
    """Of a successful answer, for the documentation."""
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    status: int = 200
    cache: str = REVALIDATE
    is_blocking: bool = False
    """Writes, reads packages or searches: runs in a thread, so that an embedding app never freezes."""


def starlette_route(route: Route) -> StarletteRoute:
    async def endpoint(request: Request) -> Response:
        try:
            call = Call(
                registry=registry_of(request),
                caller=caller_of(request),
                path=request.path_params,
                query=decode_query(request, route.query),
                body=await _decode_body(request, route.body),
            )
            result = await run_in_threadpool(route.call, call) if route.is_blocking else route.call(call)
            return _respond(request, route, result)
        except Exception as error:  # the border: whatever happens becomes an answer
            return problem_response(problem_of(error, request))

    return StarletteRoute(route.path, endpoint, methods=[route.method])


def guarded(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that reads its request itself, with the same treatment of failures."""

    async def safe(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Exception as error:
            return problem_response(problem_of(error, request))

    return safe


def decode_query(request: Request, kind: type[Struct] | None) -> Struct | None:
    """Raises `InvalidRequest` for a parameter that is unknown, given twice or of the wrong form."""
    known = {field.encode_name for field in msgspec.structs.fields(kind)} if kind else set[str]()
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            allowed = ", ".join(sorted(known)) or "none"
            raise InvalidRequest(f"there is no parameter `{name[:60]}`", detail=f"known here: {allowed}")
        if name in given:
            raise InvalidRequest(f"the parameter `{name}` is given twice")
        given[name] = value
    if kind is None:
        return None
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest("a parameter has the wrong form", detail=str(error)[:300]) from error


async def read_bounded(request: Request, limit: int) -> bytes:
    """Raises `PackageTooLarge` as soon as more than `limit` bytes came."""
    chunks, size = list[bytes](), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise PackageTooLarge(f"the request is larger than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


async def _decode_body(request: Request, kind: type[Struct] | None) -> Struct | None:
    if kind is None:
        return None
    data = await read_bounded(request, REQUEST_BODY_MAX_BYTES)
    try:
        raw = msgspec.json.decode(data or b"{}")
        known = {field.encode_name for field in msgspec.structs.fields(kind)}
        if isinstance(raw, dict) and (unknown := set(raw) - known):
            raise InvalidRequest(
                f"there is no field `{min(unknown)[:60]}`", detail=f"known: {', '.join(sorted(known))}"
            )
        return msgspec.convert(raw, kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidRequest("the body has the wrong form", detail=str(error)[:300]) from error


def _respond(request: Request, route: Route, result: object) -> Response:
    reply = result if isinstance(result, Reply) else Reply(body=msgspec.json.encode(result))
    headers = {"Cache-Control": route.cache, **reply.headers}
    if route.method != "GET":
        return Response(reply.body, route.status, headers, reply.media_type)
    etag = f'"{reply.etag or hashlib.sha256(reply.body).hexdigest()[:32]}"'
    headers["ETag"] = etag
    if _is_known(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    if reply.has_ranges:
        headers["Accept-Ranges"] = "bytes"
    if request.method == "HEAD":
        headers["Content-Length"] = str(len(reply.body))
        return Response(None, route.status, headers, reply.media_type)
    wanted = requested_range(request.headers, len(reply.body), etag) if reply.has_ranges else None
    if reply.on_sent and (wanted is None or wanted[0] == 0):
        reply.on_sent()
    if wanted is None:
        return Response(reply.body, route.status, headers, reply.media_type)
    headers["Content-Range"] = f"bytes {wanted[0]}-{wanted[1]}/{len(reply.body)}"
    return Response(reply.body[wanted[0] : wanted[1] + 1], 206, headers, reply.media_type)


def _is_known(if_none_match: str, etag: str) -> bool:
    given = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return etag in given or given == ["*"]
