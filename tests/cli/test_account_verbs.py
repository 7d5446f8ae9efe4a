"""login, logout, whoami, token: what is asked, what goes where, and that no token shows up by accident."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry_server.contract.account_wire import DeviceStart, OwnerRequest, QuarantineRequest
from registry_server.contract.tokens import is_token
from registry_server.github import GitHub, Person, Polled
from registry_server.operations import moderation
from registry_server.operations import owners as server_owners
from registry_server.operations.accounts import OPERATOR
from registry_server.settings import GitHubSettings
from tests.support.asgi_calls import a_caller
from tests.support.desks import Desks, open_desks
from tests.support.team import OWN_SCOPES, PASSWORD, give_password, token_of

pytestmark = pytest.mark.network

KEPT = "homes/ada/data/private/credentials.json"


class QuickGitHub(GitHub):
    """GitHub, where the person has agreed before they were asked."""

    def __init__(self) -> None:
        super().__init__(GitHubSettings(client_id="ours"))

    def start(self) -> DeviceStart:
        return DeviceStart(
            handle="h",
            user_code="WDJB-MJHT",
            verification_uri="https://github.com/login/device",
            expires_in=60,
            interval=1,
        )

    def poll(self, handle: str) -> Polled:
        assert handle == "h"
        return Polled(person=Person(7, "octocat"), interval=1)


class InterruptedGitHub(QuickGitHub):
    """GitHub, where the person presses Ctrl-C at their own machine instead."""

    def poll(self, handle: str) -> Polled:
        assert handle == "h"
        os.kill(os.getpid(), signal.SIGINT)
        return Polled(person=None, interval=60)


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture
def desks(cli: Callable[..., Any], tmp_path: Path) -> Iterator[Desks]:
    with open_desks(cli, tmp_path) as opened:
        yield opened


# login


def test_a_person_is_asked_for_name_and_password(desks: Desks, tmp_path: Path) -> None:
    give_password(desks.registry, "ada")

    done = desks("ada", "login", is_terminal=True, answer=f"ada\n{PASSWORD}\n")

    assert done.status == 0
    assert done.out == ""
    assert "user: password of ada: " in done.err
    assert "as \x1b[1mada\x1b[0m" in done.err
    assert "account, publish, publish-new, rate, yank" in done.err
    assert str(tmp_path / KEPT) in done.err
    assert desks("ada", "whoami").out.startswith("ada at ")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("login", "--user NAME --password-stdin, --token-stdin, or --github"),
        ("login --user ada", "donkeytui login --user ada --password-stdin"),
    ],
)
def test_without_a_terminal_nothing_is_asked(desks: Desks, line: str, hint: str) -> None:
    done = desks("ada", line, answer=f"ada\n{PASSWORD}\n")

    assert done.status == 1
    assert done.err.splitlines()[-1] == f"hint: {hint}"


def test_a_password_comes_through_stdin_with_its_spaces(desks: Desks) -> None:
    from registry_server.operations import users

    users.reset_password(desks.registry, "ada", "  spaced out  ")

    done = desks("ada", "login --user ada --password-stdin", answer="  spaced out  \n")

    assert done.status == 0


def test_a_wrong_password_ends_with_3_and_keeps_nothing(desks: Desks, tmp_path: Path) -> None:
    done = desks("ada", "login --user ada --password-stdin", answer="wrong\n")

    assert done.status == 3
    assert done.err.startswith("error: the user name or the password is wrong\n")
    assert not (tmp_path / KEPT).exists()


def test_an_input_that_ends_too_soon_is_told(desks: Desks) -> None:
    done = desks("ada", "login --user ada --password-stdin", answer="")

    assert done.status == 1
    assert "the input ended before what was asked for" in done.err


@pytest.mark.parametrize(
    "line",
    [
        "login --github --token-stdin",
        "login --user ada --github",
        "login --password-stdin",
        "login --token dkt_x",
        "token create --read-only --scope publish",
        "token create --scope everything",
        "token revoke all",
    ],
)
def test_wrong_usage_ends_with_2(desks: Desks, line: str) -> None:
    assert desks("ada", line).status == 2


def test_the_token_is_in_no_output_of_a_login(desks: Desks, tmp_path: Path) -> None:
    give_password(desks.registry, "ada")

    done = desks("ada", "login --user ada --password-stdin --json", answer=f"{PASSWORD}\n")

    token = msgspec.json.decode((tmp_path / KEPT).read_bytes())["tokens"][0]["token"]
    assert is_token(token)
    assert token not in done.out + done.err
    assert done.json["data"]["place"] == "file"
    assert token not in desks("ada", "whoami --json").out


def test_print_shows_the_token_alone_on_stdout_and_keeps_nothing(desks: Desks, tmp_path: Path) -> None:
    give_password(desks.registry, "ada")

    done = desks("ada", "login --user ada --password-stdin --print", answer=f"{PASSWORD}\n")

    assert is_token(done.out.removesuffix("\n"))
    assert not (tmp_path / KEPT).exists()


def test_a_token_at_hand_comes_through_stdin(desks: Desks) -> None:
    token = token_of(desks.registry, "grace", "rate")

    done = desks("grace", "login --token-stdin", answer=f"  {token}\n")

    assert done.status == 0
    assert token not in done.out + done.err
    assert desks("grace", "whoami").out.splitlines()[:2] == [
        f"grace at {desks.url.removeprefix('http://')}",
        "may     rate",
    ]


def test_a_token_of_another_registry_is_refused(desks: Desks, tmp_path: Path) -> None:
    done = desks("ada", "login --token-stdin", answer="dkt_" + "0" * 36 + "\n")

    assert done.status == 3
    assert not (tmp_path / KEPT).exists()


def test_a_login_through_github_shows_address_and_code(desks: Desks) -> None:
    desks.registry.github = QuickGitHub()

    done = desks("octo", "login --github --quiet")

    assert done.status == 0
    assert done.err == "open https://github.com/login/device\nand enter WDJB-MJHT\n"
    assert desks("octo", "whoami").out.startswith("octocat at ")


def test_ctrl_c_while_waiting_ends_with_130_and_leaves_nothing(desks: Desks, tmp_path: Path) -> None:
    desks.registry.github = InterruptedGitHub()

    done = desks("octo", "login --github")

    assert done.status == 130
    assert not (tmp_path / "homes" / "octo" / "data" / "private").exists()
    assert desks("octo", "whoami").status == 3


def test_where_there_are_two_ways_a_person_chooses(desks: Desks) -> None:
    desks.registry.github = QuickGitHub()
    give_password(desks.registry, "ada")

    done = desks("ada", "login", is_terminal=True, answer=f"p\nada\n{PASSWORD}\n")
    other = desks("octo", "login", is_terminal=True, answer="\n")

    assert done.status == other.status == 0
    assert desks("ada", "whoami").out.startswith("ada at ")
    assert desks("octo", "whoami").out.startswith("octocat at ")


def test_github_where_the_registry_has_none(desks: Desks) -> None:
    done = desks("ada", "login --github")

    assert done.status == 1
    assert done.err.splitlines() == [
        "error: this registry has no login by GitHub",
        "hint: donkeytui login --user NAME",
    ]


@pytest.mark.parametrize("verb", ["login", "logout"])
def test_the_embedded_registry_needs_no_login(cli: Callable[..., Any], verb: str) -> None:
    done = cli(verb)

    assert (done.status, done.out) == (0, "the embedded registry needs no login: it is yours\n")
    assert cli(f"{verb} --json").json["data"]["state"] == "not-needed"


# logout


def test_logout_ends_the_token(desks: Desks) -> None:
    token = desks.log_in("ada")

    done = desks("ada", "logout")

    assert done.status == 0
    assert done.out.startswith("✓ logged out of ")
    assert desks("ada", "whoami").status == 3
    assert desks("ada", "whoami", DONKEYTUI_TOKEN=token).status == 3
    assert desks("ada", "logout").out.startswith("nobody is logged in at ")


def test_logout_of_a_registry_that_is_gone(cli: Callable[..., Any], tmp_path: Path) -> None:
    with open_desks(cli, tmp_path) as desks:
        desks.log_in("ada")

    done = desks("ada", "logout")

    assert done.status == 0
    assert "it is forgotten here, but still good there until " in done.err
    assert "cannot be reached" in done.err
    assert "token revoke NUMBER" in done.err
    assert desks("ada", "logout").out.startswith("nobody is logged in at ")


def test_logout_with_only_the_variable_says_what_to_do(desks: Desks) -> None:
    token = token_of(desks.registry, "ada")

    done = desks("ada", "logout", DONKEYTUI_TOKEN=token)

    assert done.status == 1
    assert "error: the token comes from the variable DONKEYTUI_TOKEN, and stays in it\n" in done.err
    assert token not in done.out + done.err
    assert desks("ada", "whoami", DONKEYTUI_TOKEN=token).status == 0


# whoami


def test_whoami_for_nobody_says_how_to_log_in(desks: Desks) -> None:
    done = desks("ada", "whoami")

    assert done.status == 3
    assert done.err.splitlines()[-1] == "hint: donkeytui login"


def test_whoami_shows_what_waits(desks: Desks) -> None:
    registry = desks.registry
    ada = a_caller(registry, "ada", *OWN_SCOPES)
    server_owners.invite(registry, ada, "auth", OwnerRequest(user="grace"))
    moderation.quarantine(registry, OPERATOR, "auth", QuarantineRequest(reason="mines coins"))
    desks.log_in("ada")
    desks.log_in("grace")

    lines = desks("ada", "whoami").out.splitlines()
    invited = desks("grace", "whoami")

    assert lines[-1].split(maxsplit=2) == ["auth", "1.1.0", "quarantined: mines coins"]
    assert invited.out.splitlines()[-3:] == [
        "invitations",
        "  auth, from ada",
        "    donkeytui owner accept auth",
    ]
    data = desks("grace", "whoami --json").json["data"]
    assert (data["user"], data["place"]) == ("grace", "file")
    assert data["invitations"][0]["plugin"] == "auth"


def test_whoami_at_the_embedded_registry(cli: Callable[..., Any]) -> None:
    done = cli("whoami")

    assert done.status == 0
    assert done.out.splitlines()[0] == "local (admin) at embedded"
    assert done.out.splitlines()[2] == "token   none needed"


def test_whoami_with_a_damaged_store_says_how_to_mend_it(desks: Desks, tmp_path: Path) -> None:
    desks.log_in("ada")
    (tmp_path / KEPT).chmod(0o644)

    done = desks("ada", "whoami")

    assert done.status == 1
    assert done.err.splitlines()[-1] == f"hint: chmod 600 '{tmp_path / KEPT}'"


def test_a_variable_that_no_header_can_carry_is_no_bug(desks: Desks) -> None:
    done = desks("ada", "whoami", DONKEYTUI_TOKEN="dkt_\x07é")

    assert done.status == 1
    assert done.err.startswith("error: the token cannot be one\n")


# token


def test_token_create_prints_the_text_alone_on_stdout(desks: Desks) -> None:
    desks.log_in("ada")

    done = desks("ada", "token create --label ci --scope publish --scope yank --plugins 'auth*' --days 7")

    token = done.out.removesuffix("\n")
    assert done.status == 0
    assert is_token(token)
    assert token not in done.err
    assert "publish, yank, for plugins named like auth*" in done.err
    identity = desks("ci", "whoami --json", DONKEYTUI_TOKEN=token).json["data"]
    assert (identity["scopes"], identity["pattern"], identity["place"]) == (
        ["publish", "yank"],
        "auth*",
        "variable",
    )


def test_a_token_that_only_reads(desks: Desks) -> None:
    desks.log_in("ada")
    token = desks("ada", "token create --read-only").out.strip()

    assert "may     only reading" in desks("ci", "whoami", DONKEYTUI_TOKEN=token).out
    assert desks("ci", "yank auth@1.0.0", DONKEYTUI_TOKEN=token).status == 3


def test_token_list_is_a_record_each_in_a_pipe_and_never_has_a_text(desks: Desks) -> None:
    token = desks.log_in("ada")
    made = desks("ada", "token create --label ci").out.strip()

    piped = desks("ada", "token list")
    shown = desks("ada", "token list", is_terminal=True)
    data = desks("ada", "token list --json")

    assert piped.out.splitlines()[1].split("\t")[:4] == ["2", "ci", "publish", "*"]
    assert "ci" in shown.out
    assert [each["label"] for each in data.json["data"]["tokens"]] == ["", "ci"]
    for text in (token, made):
        assert text not in piped.out + piped.err + shown.out + shown.err + data.out


def test_token_revoke_ends_one(desks: Desks) -> None:
    desks.log_in("ada")
    made = desks("ada", "token create --label ci").out.strip()

    assert desks("ada", "token revoke 2").out == "✓ token 2 works no more\n"
    assert desks("ci", "whoami", DONKEYTUI_TOKEN=made).status == 3
    assert desks("ada", "token revoke 2").status == 1


def test_an_expired_token_says_when_it_ended_and_how_to_go_on(desks: Desks) -> None:
    token = token_of(desks.registry, "ada", days=1e-9)

    done = desks("ada", "token list", DONKEYTUI_TOKEN=token)

    assert done.status == 3
    assert done.err.startswith("error: the token has expired\nbecause: it was good until ")
    assert "donkeytui login" in done.err.splitlines()[-1]


@pytest.mark.parametrize("line", ["whoami", "token list", "token create", "login --token-stdin"])
def test_offline_says_so(desks: Desks, line: str) -> None:
    token = token_of(desks.registry, "ada")

    done = desks("ada", f"{line} --offline", answer=f"{token}\n", DONKEYTUI_TOKEN=token)

    assert done.status == 3
    assert done.err.startswith("error: this needs the registry, and the session is offline\n")
