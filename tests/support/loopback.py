"""A registry of this process on a loopback port, for faces that open their own connections."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from granian.constants import Interfaces
from granian.server.embed import Server

from tests.support.server import free_port

START_SECONDS = 20
STOP_SECONDS = 20


@contextmanager
def on_loopback(app: Any) -> Iterator[str]:
    """The address under which `app` answers until the block ends."""
    port = free_port()
    server = Server(
        app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, websockets=False, log_enabled=False
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        thread.join(STOP_SECONDS)
        assert not thread.is_alive()


def _wait_for(port: int) -> None:
    """Until it accepts connections, or the time is up."""
    import socket
    import time

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
