"""Run the app on a port under granian, until told to stop."""

import asyncio
import logging
import signal
from collections.abc import Callable

from granian.constants import Interfaces
from granian.server.embed import Server

from registry_server.http.app import build_app
from registry_server.registry import Registry


async def serve(registry: Registry, *, host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serves until SIGINT or SIGTERM; requests under way are finished, counts are written down.

    Raises `OSError` when the port cannot be had.
    """
    logging.getLogger("_granian").setLevel(logging.ERROR)
    server = Server(
        build_app(registry, is_local=False),
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    serving = asyncio.ensure_future(server.serve())
    await asyncio.sleep(0)
    if not serving.done():
        on_ready()
    await serving
