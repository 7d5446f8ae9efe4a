"""Watches every request from outside the app: security headers, metrics, a line in the log."""

import secrets
import time
from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry_server.contract import routes
from registry_server.contract.problems import LoginRefused, Problem, RateLimited, Unauthorized
from registry_server.http.auth import address_of
from registry_server.http.logs import RequestLine, log_request, request_id_of
from registry_server.http.metrics import NoMetrics

_SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_KEY = "registry.observation"
HUNG_UP = 499
"""What is written down for a client that was gone before its answer began; nobody ever sees it."""


class Observation:
    """What the app learns of a request on its way, for whoever tells of it afterwards."""

    __slots__ = ("address", "problem", "route", "user")

    def __init__(self) -> None:
        self.route = ""
        self.user = ""
        self.address = ""
        self.problem: Problem | None = None


def observation_of(request: Request) -> Observation:
    """Of a request that nobody watches too: then nobody reads it."""
    found = request.scope.get(_KEY)
    if not isinstance(found, Observation):
        found = request.scope[_KEY] = Observation()
    return found


def with_security_headers(app: ASGIApp) -> ASGIApp:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_SECURITY_HEADERS]
            await send(message)

        await app(scope, receive, send_with_headers)

    return wrapped


def observed(app: ASGIApp, metrics: NoMetrics, *, is_logging: bool) -> ASGIApp:
    """`app` with the same headers, its requests counted and, if wanted, told of one by one."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        observation = scope[_KEY] = Observation()
        request_id = request_id_of(_header(scope, b"x-request-id"), secrets.token_hex(8))
        answered = {"status": HUNG_UP, "size": 0}

        async def watched_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered["status"] = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    *_SECURITY_HEADERS,
                    (b"x-request-id", request_id.encode()),
                ]
            else:
                answered["size"] += len(message.get("body", b""))
            await send(message)

        metrics.request_started()
        begun = time.perf_counter()
        try:
            await app(scope, receive, watched_send)
        except Exception:
            answered["status"] = 500
            raise
        finally:
            seconds = time.perf_counter() - begun
            metrics.request_finished(
                observation.route,
                scope["method"],
                status=answered["status"],
                seconds=seconds,
                size_bytes=answered["size"],
            )
            _count(metrics, scope, observation, answered["status"])
            if is_logging:
                log_request(
                    RequestLine(
                        method=scope["method"],
                        route=observation.route,
                        path=scope["path"],
                        status=answered["status"],
                        milliseconds=seconds * 1000,
                        size_bytes=answered["size"],
                        address=observation.address or address_of(Request(scope)),
                        user=observation.user,
                        request_id=request_id,
                    )
                )

    return wrapped


def _count(metrics: NoMetrics, scope: Scope, observation: Observation, status: int) -> None:
    problem, method = observation.problem, scope["method"]
    is_publish = (
        method == "POST" and observation.route == routes.PLUGINS and b"dryRun" not in scope["query_string"]
    )
    if problem is None:
        if is_publish:
            metrics.published(is_created=status == 201)
        elif status == 200 and method == "GET" and observation.route.endswith("/download"):
            metrics.downloaded()
        return
    if is_publish:
        metrics.publish_refused(problem.code)
    if problem.code == RateLimited.code:
        metrics.rate_limited(str(problem.extra.get("rule", "")))
    elif problem.code == LoginRefused.code or (
        problem.code == Unauthorized.code and _header(scope, b"authorization")
    ):
        metrics.authentication_failed()


def _header(scope: Scope | Mapping[str, object], name: bytes) -> str | None:
    headers = scope["headers"]
    assert isinstance(headers, list | tuple)
    return next((value.decode("latin-1") for key, value in headers if key == name), None)
