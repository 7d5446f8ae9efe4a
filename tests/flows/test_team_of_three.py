"""One walk over real HTTP: a server in a process of its own, three people at machines of their own.

The last test types a password into a real terminal, to see that nobody else does.
"""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_server.contract.tokens import is_token
from tests.support.builders import write_plugin
from tests.support.server import Server, running_server

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"
TYPING_SECONDS = 30


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the users ada and grace; nobody reads without a token."""
    settings = {"REGISTRY_SERVER_LIMITS": "false", "REGISTRY_SERVER_READING": "token"}
    with running_server(tmp_path_factory.mktemp("server"), **settings) as running:
        for user in ("ada", "grace"):
            operate(running, "user", "create", user, "--password-stdin", answer=PASSWORD)
        yield running


def operate(server: Server, *arguments: str, answer: str = "") -> str:
    """What the operator does beside the running server."""
    done = subprocess.run(
        [sys.executable, "-m", "registry_server", *arguments, "--data", str(server.data)],
        input=answer + "\n",
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.stdout


def home(folder: Path, user: str, server: Server) -> dict[str, str]:
    return {
        "DONKEYTUI_REGISTRY": server.url,
        "DONKEYTUI_DATA_DIR": str(folder / user / "data"),
        "DONKEYTUI_CACHE_DIR": str(folder / user / "cache"),
        "DONKEYTUI_CONFIG": str(folder / user / "config.toml"),
    }


def test_three_people_share_a_registry_that_is_read_with_a_token(
    server: Server, cli: Callable[..., Any], tmp_path: Path
) -> None:
    def at(user: str, line: str, **options: Any) -> Any:
        return cli(line, **{**home(tmp_path, user, server), **options})

    def done(user: str, line: str, **options: Any) -> Any:
        result = at(user, line, **options)
        assert result.status == 0, (line, result.err)
        return result

    # A stranger is told what to do, for reading too.
    refused = at("eve", "search auth")
    assert (refused.status, refused.err.splitlines()[-1]) == (3, "hint: donkeytui login")

    for user in ("ada", "grace"):
        done(user, f"login --user {user} --password-stdin", answer=PASSWORD + "\n")
    assert "auth-jwt" in done("ada", "search auth").out

    for version in ("1.0.0", "1.1.0"):
        folder = write_plugin(tmp_path / version, "greeter", version)
        done("ada", f"publish {folder} --no-tools")
    done("grace", "rate greeter 4 --review 'Greets well.'")
    done("ada", "review reply greeter grace 'Thanks.'")
    assert "Thanks." in done("grace", "info greeter --reviews").out

    done("grace", "install greeter@1.0.0 --yes --no-npm")
    done("ada", "yank greeter@1.0.0 --reason 'too loud'")
    done("grace", "sync")
    assert "too loud" in at("grace", "audit").out

    done("ada", "owner invite greeter grace")
    assert "donkeytui owner accept greeter" in done("grace", "whoami").out
    done("grace", "owner accept greeter")
    done("grace", "unyank greeter@1.0.0")

    token = done("grace", "token create --label ci --read-only").out.strip()
    assert is_token(token)
    assert "greeter" in done("ci", "search greeter", DONKEYTUI_TOKEN=token).out
    assert at("ci", "yank greeter@1.0.0", DONKEYTUI_TOKEN=token).status == 3

    done("ada", "logout")
    assert at("ada", "whoami").status == 3


def typed(command: list[str], environment: dict[str, str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Exit status and screen of a program in a terminal of its own; each answer is typed after its prompt."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    screen, at = "", 0
    deadline = time.monotonic() + TYPING_SECONDS
    with contextlib.suppress(OSError):  # how Linux says that the program has ended
        while time.monotonic() < deadline:
            if answers and (found := screen.find(answers[0][0], at)) >= 0:
                at = found + len(answers[0][0])
                os.write(ours, answers.pop(0)[1].encode())
            if select.select([ours], [], [], 1)[0]:
                data = os.read(ours, 4096)
                if not data:
                    break
                screen += data.decode()
    os.close(ours)
    return program.wait(timeout=TYPING_SECONDS), screen


def test_a_typed_password_is_not_on_the_screen(server: Server, tmp_path: Path) -> None:
    environment = {**os.environ, **home(tmp_path, "ada", server), "PYTHONPATH": str(ROOT), "TERM": "dumb"}
    command = [sys.executable, "-m", "donkeytui", "login"]

    status, screen = typed(
        command, environment, [("user: ", "ada\n"), ("password of ada: ", PASSWORD + "\n")]
    )

    assert status == 0, screen
    assert "as ada" in screen
    assert PASSWORD not in screen
    assert "dkt_" not in screen
