"""What an operator's slips come to: a sentence and a status, never a half-done thing or a trace."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct

from registry_server.cli.run import run
from registry_server.contract.account_wire import QuarantineRequest
from registry_server.operations.accounts import OPERATOR
from registry_server.operations.moderation import quarantine
from registry_server.operations.publish import publish
from registry_server.operations.users import list_users
from registry_server.registry import open_registry
from tests.support.asgi_calls import a_caller
from tests.support.builders import package


class Outcome(Struct, frozen=True):
    status: int
    out: str
    err: str


Program = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry with the plugin `auth` 1.0.0."""
    data = tmp_path / "srv"
    registry = open_registry(data)
    ada = a_caller(registry, "ada", "publish", "publish-new")
    publish(registry, ada, package("auth"))
    publish(registry, ada, package("auth-jwt"))
    registry.close()
    return data


@pytest.fixture
def program(folder: Path) -> Program:
    def program(*arguments: str, typed: str = "") -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        status = run(
            [*arguments, "--data", str(folder)],
            environ={},
            stdin=io.StringIO(typed),
            stdout=out,
            stderr=err,
        )
        return Outcome(status, out.getvalue(), err.getvalue())

    return program


@pytest.mark.parametrize("typed", ["", "\n", "\r\n"])
def test_a_password_that_did_not_come_makes_no_user(program: Program, folder: Path, typed: str) -> None:
    outcome = program("user", "create", "grace", "--password-stdin", typed=typed)
    registry = open_registry(folder)
    users = [account.user.name for account in list_users(registry)]
    registry.close()

    assert (outcome.status, users) == (2, ["ada"])
    assert "there is no password on standard input" in outcome.err


def test_a_user_with_and_without_a_password_is_a_usage_error(program: Program) -> None:
    outcome = program("user", "create", "grace", "--password-stdin", "--no-password", typed="x" * 12)

    assert outcome.status == 2


@pytest.mark.parametrize(
    "arguments",
    [("token", "revoke"), ("user", "link", "ada"), ("audit", "--before")],
    ids=["token", "link", "audit"],
)
@pytest.mark.parametrize("number", ["0", "9" * 30])
def test_a_number_that_no_row_has_is_a_usage_error(
    program: Program, arguments: tuple[str, ...], number: str
) -> None:
    outcome = program(*arguments, number)

    assert outcome.status == 2
    assert "is not in the range" in outcome.err


def test_the_log_of_a_plugin_has_its_releases(program: Program, folder: Path) -> None:
    outcome = program("audit", "--plugin", "auth")

    assert [line.split("\t")[3:5] for line in outcome.out.splitlines()] == [["publish", "auth 1.0.0"]]


def test_what_an_admin_wrote_stays_in_its_field(program: Program, folder: Path) -> None:
    registry = open_registry(folder)
    quarantine(registry, OPERATOR, "auth", QuarantineRequest(reason="bad news"))
    with registry.database.write() as connection:  # as an older program might have taken it
        connection.execute(
            "UPDATE plugins SET quarantine = ? WHERE name = 'auth'", ("bad\tnews\n\x1b[2Jgone",)
        )
    registry.close()

    lines = program("quarantine", "list").out.splitlines()
    assert len(lines) == 1
    assert "\x1b" not in lines[0]
    assert len(lines[0].split("\t")) == 5
