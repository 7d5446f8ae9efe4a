"""The ASGI app of one open registry: routes, security headers, and the flush of download counts."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry_server.http.api import api_routes
from registry_server.http.pages import page_routes
from registry_server.http.problems import method_not_allowed, not_found
from registry_server.operations.statistics import flush_downloads
from registry_server.registry import Registry

FLUSH_SECONDS = 5.0

_log = logging.getLogger(__name__)

PUBLISHES_AT_ONCE = 2
"""Checking a package takes a thread for seconds at worst: readers must not wait for all of them."""

_SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def build_app(registry: Registry, *, is_local: bool, flush_seconds: float = FLUSH_SECONDS) -> ASGIApp:
    """`is_local`: every caller is the owner; only for an app that no socket leads to."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        flushing = asyncio.create_task(_flush_forever(registry, flush_seconds))
        try:
            yield
        finally:
            flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await flushing
            await asyncio.to_thread(flush_downloads, registry)

    app = Starlette(
        routes=[*api_routes(), *page_routes()],
        exception_handlers={404: not_found, 405: method_not_allowed},
        lifespan=lifespan,
    )
    app.state.registry = registry
    app.state.is_local = is_local
    app.state.publishing = asyncio.Semaphore(PUBLISHES_AT_ONCE)
    return _with_security_headers(app)


async def _flush_forever(registry: Registry, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(flush_downloads, registry)
        except Exception:  # nothing is lost: the counts wait for the next time
            _log.exception("download counts cannot be written down")


def _with_security_headers(app: ASGIApp) -> ASGIApp:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_SECURITY_HEADERS]
            await send(message)

        await app(scope, receive, send_with_headers)

    return wrapped
