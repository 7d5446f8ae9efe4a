"""The two common kinds of route in a line each: one that reads JSON, one that changes something."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from registry_server.contract.wire import Success
from registry_server.http.routing import PRIVATE, REVALIDATE, Call, Lane, Route
from registry_server.limits import Rule

CallFunction = Callable[[Call], object]


def reads(
    path: str,
    call: CallFunction,
    summary: str,
    response: Any,
    *,
    query: type[Struct] | None = None,
    cache: str = REVALIDATE,
    lane: Lane | None = None,
    needs_token: bool = False,
    varies: bool = False,
    is_open: bool = False,
) -> Route:
    return Route(
        method="GET",
        path=path,
        call=call,
        summary=summary,
        response=response,
        query=query,
        cache=cache,
        lane=lane,
        needs_token=needs_token,
        varies=varies,
        is_open=is_open,
    )


def reads_own(
    path: str, call: CallFunction, summary: str, response: Any, *, query: type[Struct] | None = None
) -> Route:
    """What only the holder of a token sees: kept by nobody."""
    return reads(
        path,
        call,
        summary,
        response,
        query=query,
        cache=PRIVATE,
        lane="work",
        needs_token=True,
        varies=True,
    )


def writes(
    method: str,
    path: str,
    call: CallFunction,
    summary: str,
    *,
    body: type[Struct] | None = None,
    response: Any = Success,
    status: int = 200,
    limit: Rule = "write",
    needs_token: bool = True,
    is_open: bool = False,
    lane: Lane = "work",
    query: type[Struct] | None = None,
) -> Route:
    """Changes something: never cached, and off the loop."""
    return Route(
        method=method,
        path=path,
        call=call,
        summary=summary,
        response=response,
        body=body,
        query=query,
        status=status,
        cache=PRIVATE,
        lane=lane,
        limit=limit,
        needs_token=needs_token,
        is_open=is_open,
    )
