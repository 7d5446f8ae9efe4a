"""A registry of this process on a loopback port, for faces that open their own connections."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from granian.constants import Interfaces
from granian.server.embed import Server

from tests.support.server import free_port

START_SECONDS = 20
STOP_SECONDS = 20


class _Serving(threading.Thread):
    """A server on a loop of its own, which alone may stop it."""

    def __init__(self, app: Any, port: int) -> None:
        super().__init__(daemon=True)
        self._server = Server(
            app,
            address="127.0.0.1",
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
        )
        self._loop = asyncio.new_event_loop()

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._server.serve())
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._server.stop)
        self.join(STOP_SECONDS)
        assert not self.is_alive()


@contextmanager
def on_loopback(app: Any) -> Iterator[str]:
    """The address under which `app` answers until the block ends."""
    port = free_port()
    serving = _Serving(app, port)
    serving.start()
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        serving.stop()


def _wait_for(port: int) -> None:
    """Until it accepts connections, or the time is up."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
