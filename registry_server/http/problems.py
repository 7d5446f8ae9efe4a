"""Problem -> application/problem+json response; the only place where exceptions become status codes."""

import logging

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from registry_server.contract.problems import (
    MethodNotAllowed,
    Problem,
    ProblemError,
    RangeNotSatisfiable,
    RouteNotFound,
    ServerError,
)
from registry_server.contract.tokens import redact
from registry_server.limits import refusal_headers

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

_log = logging.getLogger(__name__)


def problem_of(error: Exception, request: Request) -> Problem:
    """What the caller may know of `error`; a bug is logged here and says nothing of itself outside."""
    if isinstance(error, ProblemError):
        return error.problem
    _log.exception("%s %s", request.method, redact(request.url.path), exc_info=error)
    return ServerError(
        "the registry made a mistake",
        detail="its log has the details",
        hint="try again, and tell the registry's operator if it stays so",
    ).problem


def problem_headers(problem: Problem) -> dict[str, str]:
    """What a client acts on besides the status, whatever form the answer has."""
    headers = {"Cache-Control": "no-store", **refusal_headers(problem.extra)}
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if problem.code == RangeNotSatisfiable.code:
        headers["Content-Range"] = f"bytes */{problem.extra.get('size', '*')}"
    return headers


def problem_response(problem: Problem) -> Response:
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status or 500,
        headers=problem_headers(problem),
        media_type=MEDIA_TYPE,
    )


async def not_found(request: Request, _: Exception) -> Response:
    path = request.url.path[:200]
    return problem_response(RouteNotFound(f"there is nothing at `{path}`", hint="see /api/plugins").problem)


async def method_not_allowed(request: Request, _: Exception) -> Response:
    allowed = ", ".join(sorted(_methods(request)))
    title, hint = f"`{request.method}` does not work on this address", f"these do: {allowed}"
    response = problem_response(MethodNotAllowed(title, hint=hint).problem)
    response.headers["Allow"] = allowed
    return response


def _methods(request: Request) -> set[str]:
    """Of all routes of this address; starlette itself tells those of the first one only."""
    return {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
