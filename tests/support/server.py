"""registry-server in a process of its own, on a loopback port."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec


class Server(msgspec.Struct, frozen=True):
    url: str
    token: str
    """The admin's."""
    pid: int = 0
    data: Path = Path()


@contextmanager
def running_server(folder: Path, **settings: str) -> Iterator[Server]:
    """An initialised registry with the starter plugins, serving until the block ends.

    `settings` are variables, REGISTRY_SERVER_LIMITS="false" for instance.
    """
    data = folder / "server"
    root = str(Path(__file__).parents[2])
    # Nobody reads what it says afterwards: a line a request would fill the pipe and stop the server.
    quiet = {"REGISTRY_SERVER_LOG_REQUESTS": "false"}
    environment = {**os.environ, "PYTHONPATH": root, **quiet, **settings}
    command = [sys.executable, "-m", "registry_server"]
    made = subprocess.run(
        [*command, "init", "--starter", "--data", str(data)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    port = free_port()
    process = subprocess.Popen(
        [*command, "serve", "--data", str(data), "--port", str(port)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "serving" in said, said
        yield Server(f"http://127.0.0.1:{port}", made.stdout.strip(), process.pid, data)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
