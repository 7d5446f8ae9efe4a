"""The ASGI app of one open registry: routes, what watches them, and the work in the background."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.types import ASGIApp

from registry_server import __version__
from registry_server.http.api import api_routes
from registry_server.http.metrics import Metrics, NoMetrics
from registry_server.http.observing import observed, with_security_headers
from registry_server.http.pages import page_routes
from registry_server.http.problems import method_not_allowed, not_found
from registry_server.operations.index import follow_feed
from registry_server.operations.statistics import flush_downloads, read_figures
from registry_server.registry import Registry

FLUSH_SECONDS = 5.0
"""How long a counted download may be unwritten, and a change from another process unnoticed."""

FOLLOW_PAUSE = 4
"""So many times as long as the index needed is waited before it follows again."""

UPLOADS_AT_ONCE = 16
THREADS = 4
"""Of each lane."""

_log = logging.getLogger(__name__)


def build_app(registry: Registry, *, is_local: bool, flush_seconds: float = FLUSH_SECONDS) -> ASGIApp:
    """`is_local`: every caller is the owner; only for an app that no socket leads to.

    Such an app has nobody to search in it either, so nothing follows its feed until somebody does.
    """
    settings = registry.settings
    metrics: NoMetrics = NoMetrics()
    if settings.metrics and not is_local:
        metrics = Metrics(__version__, lambda: read_figures(registry))
    changed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        app.state.on_change = lambda: loop.call_soon_threadsafe(changed.set)
        work = [_flush_forever(registry, flush_seconds)]
        if not is_local:
            work.append(_follow_forever(registry, changed, flush_seconds))
        async with _in_background(work):
            yield
        registry.is_followed = False
        await asyncio.to_thread(flush_downloads, registry)

    app = Starlette(
        routes=[*api_routes(metrics), *page_routes()],
        exception_handlers={404: not_found, 405: method_not_allowed},
        lifespan=lifespan,
    )
    app.state.registry = registry
    app.state.is_local = is_local
    app.state.on_change = _nothing
    # Each thread keeps a connection with its own memory of pages: a few do as much as many.
    app.state.lanes = {
        "work": CapacityLimiter(THREADS),
        # A password takes 32 MiB and a tenth of a second to check, GitHub up to ten seconds.
        "logins": CapacityLimiter(THREADS),
        # Checking a package takes seconds at worst: nobody else waits for it.
        "publishes": CapacityLimiter(settings.publishes_at_once),
        # Packages that wait for their turn lie in temporary files.
        "uploads": CapacityLimiter(UPLOADS_AT_ONCE),
    }
    if is_local:
        return with_security_headers(app)
    return observed(app, metrics, is_logging=settings.log.requests)


def _nothing() -> None:
    """Nobody follows."""


@contextlib.asynccontextmanager
async def _in_background(work: list[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _flush_forever(registry: Registry, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        # Nothing is lost when it fails: the counts wait for the next time.
        await _attempt(lambda: flush_downloads(registry), "download counts cannot be written down")


async def _follow_forever(registry: Registry, changed: asyncio.Event, seconds: float) -> None:
    """Keeps the index with the feed: at the start, after each change, and now and then for other processes.

    From its first success on searches take the index as it is; while it fails they see to it themselves.
    """
    while True:
        begun = time.perf_counter()
        registry.is_followed = await _attempt(
            lambda: follow_feed(registry), "the search index cannot follow the feed"
        )
        # Many changes in a row become one step: the index takes at most a fifth of the time.
        await asyncio.sleep(min(FOLLOW_PAUSE * (time.perf_counter() - begun), seconds))
        await wait_for_change(changed, seconds)
        changed.clear()


async def wait_for_change(changed: asyncio.Event, seconds: float) -> None:
    """Until it is set, or the time is up.

    Not with `asyncio.wait_for`: until Python 3.12 that loses a cancellation which comes as the event does,
    and a server told to stop right after a change would never end.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await changed.wait()


async def _attempt(work: Callable[[], object], complaint: str) -> bool:
    try:
        await asyncio.to_thread(work)
    except Exception:  # the background must not end before the server does
        _log.exception(complaint)
        return False
    return True
