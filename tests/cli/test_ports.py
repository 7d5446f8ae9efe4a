"""Serving on a port that cannot be had: a sentence, and never two registries on one port."""

import io
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_server.cli.run import run
from registry_server.store.folder import is_served
from tests.support.server import free_port, running_server


@pytest.fixture
def taken_port() -> Any:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        yield listener.getsockname()[1]


@pytest.mark.network
def test_registry_server_names_a_taken_port(taken_port: int, tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert run(["init", "--data", str(tmp_path / "r")], stdout=out, stderr=err) == 0

    status = run(["serve", "--data", str(tmp_path / "r"), "--port", str(taken_port)], stdout=out, stderr=err)

    assert status == 1
    assert f"port {taken_port} on 127.0.0.1 cannot be used" in err.getvalue()
    assert "--port" in err.getvalue()


@pytest.mark.network
def test_serve_names_a_taken_port(taken_port: int, cli: Callable[..., Any]) -> None:
    result = cli(f"serve --port {taken_port}")

    assert (result.status, "cannot be used" in result.err) == (1, True)


@pytest.mark.network
def test_a_second_server_on_a_folder_is_refused_and_the_operator_is_not(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        err = io.StringIO()
        folder = ["--data", str(server.data)]

        second = run(["serve", *folder, "--port", str(free_port())], stdout=io.StringIO(), stderr=err)
        beside = run(["user", "create", "ada", *folder], stdout=io.StringIO(), stderr=io.StringIO())

        assert second == 3
        assert f"another process is serving {server.data}" in err.getvalue()
        assert beside == 0
    assert not is_served(server.data)


def test_a_folder_that_is_no_registry_is_not_made_one(tmp_path: Path) -> None:
    err = io.StringIO()

    assert run(["serve", "--data", str(tmp_path / "nothing")], stdout=io.StringIO(), stderr=err) == 1
    assert "there is no registry" in err.getvalue()
    assert not (tmp_path / "nothing").exists()
