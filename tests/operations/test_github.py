"""Login by GitHub's device flow (RFC 8628), against a stand-in of GitHub over real HTTP."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_server.contract.account_wire import AuditQuery, DevicePoll, DeviceStart, IssuedToken
from registry_server.contract.problems import (
    InvalidRequest,
    LoginRefused,
    ProblemError,
    RegistryBusy,
    UpstreamFailed,
)
from registry_server.github import ANSWER_MAX_BYTES, GRANT, PENDING_MAX, GitHub, _Pending
from registry_server.operations import users
from registry_server.operations.accounts import OPERATOR, authenticate
from registry_server.operations.audit import read_log
from registry_server.operations.sessions import login_methods, poll_device_login, start_device_login
from registry_server.registry import Registry, open_registry
from registry_server.settings import Settings
from registry_server.store import accounts
from tests.support.builders import FixedClock
from tests.support.github_stand_in import ACCESS_TOKEN, CLIENT_ID, DEVICE, Answer, StandIn, github_stand_in

pytestmark = pytest.mark.network

CODE, TOKEN, USER = "/login/device/code", "/login/oauth/access_token", "/user"
PENDING = {"error": "authorization_pending"}
GRANTED = {"access_token": ACCESS_TOKEN, "token_type": "bearer", "scope": ""}
OCTOCAT = {"id": 583231, "login": "Octocat", "name": "The Octocat", "email": None}


class Ticks:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with github_stand_in() as started:
        started.will_answer(CODE, DEVICE)
        started.will_answer(TOKEN, GRANTED)
        started.will_answer(USER, OCTOCAT)
        yield started


def opened(folder: Path, stand_in: StandIn, ticks: Ticks, *allowed: str) -> Registry:
    github = stand_in.settings(*allowed)
    kept = Settings(data=folder, github=github)
    return open_registry(folder, FixedClock(), settings=kept, github=GitHub(github, ticks))


@pytest.fixture
def connected(tmp_path: Path, stand_in: StandIn, ticks: Ticks) -> Iterator[Registry]:
    registry = opened(tmp_path / "connected", stand_in, ticks)
    yield registry
    registry.close()


def poll(registry: Registry, started: DeviceStart, label: str = "") -> IssuedToken | None:
    return poll_device_login(registry, DevicePoll(handle=started.handle, label=label), "203.0.113.9").token


def logged_in(registry: Registry) -> IssuedToken:
    token = poll(registry, start_device_login(registry))
    assert token is not None
    return token


def audit(registry: Registry) -> list[tuple[str, str, str, str]]:
    entries = read_log(registry, OPERATOR, AuditQuery())
    return [(entry.actor, entry.action, entry.detail, entry.address) for entry in reversed(entries)]


# What is asked, and what the person gets to see.


def test_a_start_shows_what_to_enter_where_and_keeps_the_device_code(
    connected: Registry, stand_in: StandIn
) -> None:
    started = start_device_login(connected)

    [asked] = stand_in.asked
    assert (asked.method, asked.path, asked.form) == ("POST", CODE, {"client_id": CLIENT_ID})
    assert asked.headers["Accept"] == "application/json"
    assert (started.user_code, started.verification_uri) == (DEVICE["user_code"], DEVICE["verification_uri"])
    assert (started.expires_in, started.interval) == (900, 5)
    assert DEVICE["device_code"] not in str(started)


def test_who_agreed_gets_a_token_of_ours_and_an_account_of_that_name(
    connected: Registry, stand_in: StandIn
) -> None:
    token = poll(connected, start_device_login(connected), "laptop")

    assert token is not None
    assert (token.user, token.label) == ("octocat", "laptop")
    assert "admin" not in token.scopes
    caller = authenticate(connected, f"Bearer {token.token}")
    assert caller is not None
    assert caller.user.name == "octocat"
    assert stand_in.asked[1].form == {
        "client_id": CLIENT_ID,
        "device_code": DEVICE["device_code"],
        "grant_type": GRANT,
    }
    assert stand_in.asked[2].headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"


def test_nothing_of_githubs_token_is_kept(connected: Registry) -> None:
    token = logged_in(connected)

    kept = "\n".join(connected.database.read().iterdump())
    assert "octocat" in kept
    for secret in (ACCESS_TOKEN, str(DEVICE["device_code"]), token.token):
        assert secret not in kept


def test_an_account_made_by_a_login_is_in_the_audit_once(connected: Registry) -> None:
    logged_in(connected)
    logged_in(connected)

    first, *tokens = audit(connected)
    assert first[:3] == ("octocat", "user-create", "GitHub 583231")
    assert [action for _, action, _, _ in tokens] == ["token-create", "token-create"]
    assert {address for *_, address in audit(connected)} == {"203.0.113.9"}


def test_who_was_renamed_at_github_stays_who_they_are_here(connected: Registry, stand_in: StandIn) -> None:
    logged_in(connected)
    stand_in.will_answer(USER, {**OCTOCAT, "login": "monalisa"})

    assert logged_in(connected).user == "octocat"


# Waiting.


def test_until_the_person_agrees_it_is_pending(connected: Registry, stand_in: StandIn, ticks: Ticks) -> None:
    stand_in.will_answer(TOKEN, PENDING, PENDING, GRANTED)
    started = start_device_login(connected)
    answers = []
    for _ in range(3):
        answers.append(poll(connected, started))
        ticks.now += started.interval

    assert [answer is None for answer in answers] == [True, True, False]


def test_github_is_asked_once_in_the_interval_however_often_we_are(
    connected: Registry, stand_in: StandIn, ticks: Ticks
) -> None:
    stand_in.will_answer(TOKEN, PENDING)
    started = start_device_login(connected)
    for _ in range(10):
        assert poll(connected, started) is None
        ticks.now += 1.0

    assert stand_in.count(TOKEN) == 2


def test_who_is_told_to_slow_down_waits_longer_from_then_on(
    connected: Registry, stand_in: StandIn, ticks: Ticks
) -> None:
    stand_in.will_answer(TOKEN, {"error": "slow_down", "interval": 10}, PENDING, GRANTED)
    started = start_device_login(connected)
    told = poll_device_login(connected, DevicePoll(handle=started.handle))
    ticks.now += 9.9
    too_early = poll(connected, started)
    asked_before = stand_in.count(TOKEN)
    ticks.now += 0.1
    poll(connected, started)

    assert (told.state, told.interval) == ("pending", 10)
    assert (too_early, asked_before, stand_in.count(TOKEN)) == (None, 1, 2)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("access_denied", LoginRefused, "the login was refused at GitHub"),
        ("expired_token", LoginRefused, "the code was not entered in time"),
        ("incorrect_client_credentials", UpstreamFailed, "GitHub refuses the login"),
    ],
)
def test_a_login_that_ends_without_success_says_why_and_is_over(
    connected: Registry, stand_in: StandIn, error: str, kind: type[ProblemError], words: str
) -> None:
    stand_in.will_answer(TOKEN, {"error": error, "error_description": "..."})
    started = start_device_login(connected)

    with pytest.raises(kind, match=words):
        poll(connected, started)

    with pytest.raises(InvalidRequest, match="no such login under way"):
        poll(connected, started)


def test_a_code_that_nobody_entered_runs_out_without_asking_github(
    connected: Registry, stand_in: StandIn, ticks: Ticks
) -> None:
    started = start_device_login(connected)
    ticks.now += started.expires_in + 1

    with pytest.raises(InvalidRequest, match="no such login under way"):
        poll(connected, started)
    assert stand_in.count(TOKEN) == 0


def test_a_finished_login_cannot_be_used_twice(connected: Registry) -> None:
    started = start_device_login(connected)
    assert poll(connected, started) is not None

    with pytest.raises(InvalidRequest, match="no such login under way"):
        poll(connected, started)


@pytest.mark.parametrize("handle", ["", "made-up", "x" * 201, "x" * 100_000])
def test_a_handle_that_was_not_given_is_refused(connected: Registry, handle: str) -> None:
    with pytest.raises(InvalidRequest, match="no such login under way"):
        poll_device_login(connected, DevicePoll(handle=handle))


def test_only_so_many_logins_wait_at_once(stand_in: StandIn, ticks: Ticks) -> None:
    github = GitHub(stand_in.settings(), ticks)
    github._pending |= {str(number): _Pending("code", 2000.0, 5, 1000.0) for number in range(PENDING_MAX)}

    with pytest.raises(RegistryBusy, match="too many logins wait"):
        github.start()
    ticks.now = 2001.0
    assert github.start().user_code == DEVICE["user_code"]


# What goes wrong at the other end.


STRANGE: list[Any] = [
    b"",
    b"not json",
    b"\xff\xfe",
    b"[" * 5000,
    b"null",
    [],
    {},
    {"message": "no"},
]
HURT: list[Any] = [
    None,
    Answer({"message": "Bad gateway"}, 502),
    Answer(b"", 302, {"Location": "http://127.0.0.1:9/elsewhere"}),
    Answer(b"{}", 200, {"Content-Length": "50"}),
    Answer(b"not gzip", 200, {"Content-Encoding": "gzip"}),
    b'{"a":"' + b"x" * ANSWER_MAX_BYTES + b'"}',
    Answer(gzip.compress(b" " * (1 << 20)), 200, {"Content-Encoding": "gzip"}),
]


@pytest.mark.parametrize("answer", [*STRANGE, *HURT], ids=lambda answer: str(answer)[:40])
def test_whatever_github_answers_to_a_start_is_a_problem_and_never_a_bug(
    connected: Registry, stand_in: StandIn, answer: Any
) -> None:
    stand_in.will_answer(CODE, answer)

    with pytest.raises(UpstreamFailed) as refused:
        start_device_login(connected)

    assert refused.value.problem.hint
    assert {asked.path for asked in stand_in.asked} == {CODE}


@pytest.mark.parametrize("answer", [*STRANGE[:-2], *HURT], ids=lambda answer: str(answer)[:40])
def test_a_poll_that_github_does_not_answer_can_be_repeated(
    connected: Registry, stand_in: StandIn, ticks: Ticks, answer: Any
) -> None:
    stand_in.will_answer(TOKEN, answer, GRANTED)
    started = start_device_login(connected)

    with pytest.raises(UpstreamFailed):
        poll(connected, started)
    ticks.now += started.interval

    assert poll(connected, started) is not None


@pytest.mark.parametrize(
    "person",
    [
        *STRANGE,
        {"id": "583231", "login": "octocat"},
        {"id": 0, "login": "octocat"},
        {"id": -1, "login": "octocat"},
        {"id": 10**30, "login": "octocat"},
        {"id": 1, "login": None},
        None,
        Answer(b"", 302, {"Location": "/login/device/code"}),
    ],
    ids=lambda answer: str(answer)[:40],
)
def test_who_cannot_be_told_apart_gets_nothing(connected: Registry, stand_in: StandIn, person: Any) -> None:
    stand_in.will_answer(USER, person)

    with pytest.raises(UpstreamFailed):
        logged_in(connected)

    assert accounts.list_accounts(connected.database.read()) == []


@pytest.mark.parametrize("token", ["a\r\nX-Injected: yes", "snow☃man", "\x00"], ids=ascii)
def test_a_token_that_is_no_header_is_a_problem(connected: Registry, stand_in: StandIn, token: str) -> None:
    stand_in.will_answer(TOKEN, {"access_token": token})

    with pytest.raises(UpstreamFailed):
        logged_in(connected)

    assert all("X-Injected" not in asked.headers for asked in stand_in.asked)


@pytest.mark.parametrize(
    ("said", "expires_in", "interval"), [((0, 0), 30, 1), ((-5, -5), 30, 1), ((10**9, 10**9), 3600, 60)]
)
def test_times_stay_within_reason(
    connected: Registry, stand_in: StandIn, said: tuple[int, int], expires_in: int, interval: int
) -> None:
    stand_in.will_answer(CODE, {**DEVICE, "expires_in": said[0], "interval": said[1]})

    started = start_device_login(connected)

    assert (started.expires_in, started.interval) == (expires_in, interval)


def test_nobody_listening_is_a_problem(tmp_path: Path, ticks: Ticks) -> None:
    with github_stand_in() as gone:
        pass
    registry = opened(tmp_path / "alone", gone, ticks)

    with pytest.raises(UpstreamFailed, match="GitHub does not answer"):
        start_device_login(registry)
    registry.close()


# Who may log in as whom.


def test_an_account_made_here_is_not_had_by_its_name_at_github(connected: Registry) -> None:
    users.create_user(connected, "octocat")
    before = audit(connected)

    with pytest.raises(LoginRefused, match="the name `octocat` cannot be had here") as refused:
        logged_in(connected)

    assert "registry-server user link NAME 583231" in refused.value.problem.hint
    assert audit(connected) == before


def test_an_operator_links_an_account_to_github(connected: Registry) -> None:
    users.create_user(connected, "mona")
    users.create_user(connected, "other")
    users.link_github(connected, "mona", 583231)

    assert logged_in(connected).user == "mona"
    with pytest.raises(ProblemError, match="linked to `mona`"):
        users.link_github(connected, "other", 583231)


@pytest.mark.parametrize("login", ["operator", "Anybody", "", "-", "a--b", "x" * 65, "../admin", "☃"])
def test_a_login_that_is_no_name_here_makes_no_account(
    connected: Registry, stand_in: StandIn, login: str
) -> None:
    stand_in.will_answer(USER, {"id": 7, "login": login})

    with pytest.raises(LoginRefused, match="cannot be had here"):
        logged_in(connected)

    assert accounts.list_accounts(connected.database.read()) == []


def test_only_those_on_the_list_log_in(tmp_path: Path, stand_in: StandIn, ticks: Ticks) -> None:
    registry = opened(tmp_path / "listed", stand_in, ticks, "monalisa")

    with pytest.raises(LoginRefused, match="the GitHub account `Octocat` may not log in here"):
        logged_in(registry)
    stand_in.will_answer(USER, {"id": 8, "login": "MonaLisa"})

    assert logged_in(registry).user == "monalisa"
    assert [account.user.name for account in accounts.list_accounts(registry.database.read())] == ["monalisa"]
    registry.close()


def test_a_disabled_account_stays_out(connected: Registry) -> None:
    logged_in(connected)
    users.set_disabled(connected, "octocat", is_disabled=True)

    with pytest.raises(LoginRefused, match="the account `octocat` is disabled"):
        logged_in(connected)


def test_a_registry_without_github_says_so(registry: Registry, connected: Registry) -> None:
    assert login_methods(connected).github
    assert not login_methods(registry).github
    with pytest.raises(InvalidRequest, match="no login by GitHub"):
        start_device_login(registry)
    with pytest.raises(InvalidRequest, match="no such login"):
        poll_device_login(registry, DevicePoll(handle="x"))
