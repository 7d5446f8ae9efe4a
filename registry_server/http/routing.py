"""Typed routes: decode, call one function, encode; conditional and HEAD requests for all alike.

A `Route` says everything there is to know of an endpoint, so that documentation can be made from it.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, get_args

import msgspec
from anyio import to_thread
from msgspec import Struct
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from registry_server.contract.problems import (
    InvalidRequest,
    PackageTooLarge,
    ProblemError,
    ReadOnly,
    Unauthorized,
)
from registry_server.contract.routes import REQUEST_BODY_MAX_BYTES
from registry_server.http.auth import address_of, caller_of, limit_key_of, registry_of
from registry_server.http.forms import drain, received_upload
from registry_server.http.observing import observation_of
from registry_server.http.problems import problem_of, problem_response
from registry_server.http.ranges import requested_range
from registry_server.limits import Allowance, Rule, limit_headers
from registry_server.operations.accounts import Caller, require
from registry_server.registry import Registry

REVALIDATE = "no-cache"
IMMUTABLE = "public, max-age=31536000, immutable"
PRIVATE = "no-store"


_KIND = re.compile(r":\w+\}")


class _NumberConvertor(Convertor[int]):
    """`{number:number}`: a row's number. starlette's own `int` takes more digits than SQLite or Python do."""

    regex = "[0-9]{1,15}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("number", _NumberConvertor())


Lane = Literal["work", "logins", "publishes"]
"""What waits for its own kind only: `work` changes or gathers, `logins` think long or ask elsewhere."""


class Call(Struct, frozen=True, kw_only=True):
    """One request, decoded."""

    registry: Registry
    caller: Caller | None
    address: str
    """Where it came from."""
    path: Mapping[str, Any]
    query: Any
    """Instance of the route's `query` type."""
    body: Any
    """Instance of the route's `body` type, or an `Upload`."""


class Reply(Struct, frozen=True, kw_only=True):
    """A body that is not JSON of a Struct, or not only that."""

    body: bytes
    media_type: str = "application/json"
    status: int | None = None
    """Another than the route's."""
    etag: str = ""
    """Without quotes; empty: made from the body."""
    headers: Mapping[str, str] = {}
    has_ranges: bool = False
    on_sent: Callable[[], None] | None = None
    """Called when the body is sent from its first byte on: not for HEAD, 304 or a resumed download."""


class Later(Struct, frozen=True):
    """The rest of a call that turned out to be long; runs in a thread."""

    finish: Callable[[], object]


class Route(Struct, frozen=True, kw_only=True):
    method: str
    path: str
    call: Callable[[Call], object]
    """Gives a Struct or a list of them (sent as JSON), a `Reply`, or `Later` one of these."""
    summary: str
    response: Any = None
    """What the JSON is an encoding of; None for other media types."""
    media_type: str = "application/json"
    """Of a successful answer, for the documentation."""
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    is_upload: bool = False
    """The body is the form of a publish."""
    status: int = 200
    also: tuple[Any, ...] = ()
    """What an answer with status 200 may hold, where `status` is another."""
    cache: str = REVALIDATE
    lane: Lane | None = None
    """Runs in a thread of this lane; None: is so short that a thread costs more."""
    limit: Rule | None = None
    """What a request costs its sender."""
    limited_by: str = ""
    """The query parameter without which a request costs nothing; empty: each costs."""
    needs_token: bool = False
    """For the documentation; operations decide."""
    is_open: bool = False
    """Also where reading needs a token, and where nothing may change."""
    varies: bool = False
    """Whether the answer depends on who asks."""

    @property
    def shown_path(self) -> str:
        """Without the kinds of the parameters."""
        return _KIND.sub("}", self.path)


def starlette_route(route: Route) -> StarletteRoute:
    async def endpoint(request: Request) -> Response:
        observation = observation_of(request)
        observation.route = route.path
        try:
            return await _answer(request, route)
        except Exception as error:  # the border: whatever happens becomes an answer
            observation.problem = problem_of(error, request)
            # It and the future that brought it from a thread hold each other, and with their frames ten
            # megabytes of package, until the collector comes by: seldom, where little is made.
            error.__traceback__ = None
            return problem_response(observation.problem)

    return StarletteRoute(route.path, endpoint, methods=[route.method], name=route.path)


async def _answer(request: Request, route: Route) -> Response:
    registry, address = registry_of(request), address_of(request)
    observation = observation_of(request)
    observation.address = address
    try:
        caller = caller_of(request, address)
        observation.user = caller.user.name if caller is not None else ""
        _check_open(registry, route, caller)
        if route.is_upload:  # before ten megabytes are read for nothing
            require(caller, "publish")
        allowance = None
        if route.limit is not None and (not route.limited_by or request.query_params.get(route.limited_by)):
            allowance = registry.limits.spend(route.limit, limit_key_of(caller, address))
        query = decode_query(request, route.query)
    except ProblemError:
        if route.is_upload:
            await drain(request)
        raise
    async with _body(request, route) as body:
        call = Call(
            registry=registry,
            caller=caller,
            address=address,
            path=request.path_params,
            query=query,
            body=body,
        )
        result = await _called(request, route, call)
    if route.method != "GET":
        request.app.state.on_change()
    response = _respond(request, route, result, is_private=registry.settings.reading == "token")
    _say_allowance(registry, route, response, allowance, limit_key_of(caller, address))
    return response


async def _called(request: Request, route: Route, call: Call) -> object:
    """What the route gives, in the thread it wants."""
    lanes = request.app.state.lanes
    if route.lane is not None:
        result = await to_thread.run_sync(route.call, call, limiter=lanes[route.lane])
    else:
        result = route.call(call)
    if isinstance(result, Later):
        result = await to_thread.run_sync(result.finish, limiter=lanes["work"])
    return result


def check_reader(registry: Registry, caller: Caller | None) -> None:
    """Raises `Unauthorized` for a stranger where reading needs a token."""
    if caller is None and registry.settings.reading == "token":
        raise Unauthorized("this registry is read with a token", hint="donkeytui login")


def _check_open(registry: Registry, route: Route, caller: Caller | None) -> None:
    if route.is_open:
        return
    check_reader(registry, caller)
    if registry.settings.read_only and route.method != "GET":
        raise ReadOnly("the registry takes no changes at the moment", hint="try again later")


def _say_allowance(
    registry: Registry, route: Route, response: Response, allowance: Allowance | None, key: str
) -> None:
    if allowance is None or route.limit is None:
        return
    if response.status_code == 304:
        registry.limits.refund(route.limit, key)
        return
    response.headers.update(limit_headers(allowance))


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
    _check_words(given, kind)
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest("a parameter has the wrong form", detail=str(error)[:300]) from error


def _check_words(given: Mapping[str, str], kind: type[Struct]) -> None:
    """Refuses the words that msgspec takes besides those of the documentation: `null`, `1` for true."""
    for field in msgspec.structs.fields(kind):
        text = given.get(field.encode_name)
        kinds = (field.type, *get_args(field.type))
        if text is None or str in kinds:
            continue
        if (bool in kinds and text not in ("true", "false")) or text.casefold() == "null":
            raise InvalidRequest(
                f"the parameter `{field.encode_name}` cannot be `{text[:60]}`",
                hint="write true or false, or leave it out" if bool in kinds else "leave it out",
            )


async def read_bounded(request: Request, limit: int) -> bytes:
    """Raises `PackageTooLarge` as soon as more than `limit` bytes came."""
    chunks, size = list[bytes](), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise PackageTooLarge(f"the request is larger than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


@asynccontextmanager
async def _body(request: Request, route: Route) -> AsyncIterator[Struct | None]:
    if not route.is_upload:
        yield await _decode_body(request, route.body)
        return
    async with request.app.state.lanes["uploads"], received_upload(request) as upload:
        yield upload


async def _decode_body(request: Request, kind: type[Struct] | None) -> Struct | None:
    if kind is None and request.method in ("GET", "HEAD"):
        return None
    data = await read_bounded(request, REQUEST_BODY_MAX_BYTES)
    if kind is None:
        if data.strip() not in (b"", b"{}"):
            raise InvalidRequest("this address takes no body", detail=f"{len(data)} bytes were sent")
        return None
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


def _respond(request: Request, route: Route, result: object, *, is_private: bool) -> Response:
    reply = result if isinstance(result, Reply) else Reply(body=msgspec.json.encode(result))
    status = reply.status or route.status
    # What is read with a token only is not for caches that many share.
    cache = route.cache.replace("public", "private") if is_private and not route.is_open else route.cache
    headers = {"Cache-Control": cache, **reply.headers}
    if route.method != "GET":
        return Response(reply.body, status, headers, reply.media_type)
    if route.varies or is_private:
        headers["Vary"] = "Authorization"
    etag = f'"{reply.etag or hashlib.sha256(reply.body).hexdigest()[:32]}"'
    headers["ETag"] = etag
    if _is_known(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    if reply.has_ranges:
        headers["Accept-Ranges"] = "bytes"
    if request.method == "HEAD":
        headers["Content-Length"] = str(len(reply.body))
        return Response(None, status, headers, reply.media_type)
    wanted = requested_range(request.headers, len(reply.body), etag) if reply.has_ranges else None
    if reply.on_sent and (wanted is None or wanted[0] == 0):
        reply.on_sent()
    if wanted is None:
        return Response(reply.body, status, headers, reply.media_type)
    headers["Content-Range"] = f"bytes {wanted[0]}-{wanted[1]}/{len(reply.body)}"
    return Response(reply.body[wanted[0] : wanted[1] + 1], 206, headers, reply.media_type)


def _is_known(if_none_match: str, etag: str) -> bool:
    given = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return etag in given or given == ["*"]
