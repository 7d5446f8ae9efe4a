"""Waiting for a server that says it serves a moment before its port is open."""

import contextlib
import socket
import time

PATIENCE_SECONDS = 20.0


def wait_until_listening(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection((host, int(port)), 5):
            return
    raise AssertionError(f"nobody listens at {url}")
