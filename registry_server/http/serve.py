"""Run the app on a port under granian, until told to stop."""

import asyncio
import contextlib
import ctypes
import logging
import signal
import socket
from collections.abc import Callable

from granian.constants import Interfaces
from granian.server.embed import Server

from registry_server.http.app import build_app
from registry_server.registry import Registry

_M_TRIM_THRESHOLD = -1
"""From malloc.h of glibc; other C libraries have no `mallopt`, or ignore it."""
TRIM_BYTES = 1 << 16
LISTENING_PAUSE_SECONDS = 0.01


async def serve(registry: Registry, *, host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serves until SIGINT or SIGTERM; requests under way are finished, counts are written down.

    Raises `OSError` when the port cannot be had.
    """
    _check_port(host, port)
    _give_memory_back()
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
    if await _is_listening(host, port, serving):
        on_ready()
    try:
        await serving
    except RuntimeError as error:  # what granian raises when another process was quicker
        raise OSError(str(error)) from error


async def _is_listening(host: str, port: int, serving: asyncio.Future[None]) -> bool:
    """Waits until somebody is let in; False when the server ended instead."""
    open_to_all = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound
    while not serving.done():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(open_to_all.get(host, host), port)
            writer.close()
            return True
        await asyncio.sleep(LISTENING_PAUSE_SECONDS)
    return False


def _give_memory_back() -> None:
    """Tells glibc to return freed memory early: packages of 20 KB in flight otherwise leave 15 MB behind."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)


def _check_port(host: str, port: int) -> None:
    """granian shares a port with whoever has it: two registries would take turns answering."""
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
