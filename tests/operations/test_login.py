"""Logging in and out: what is asked of the registry, what is kept, and what stands in the way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from donkeytui.embedded import EmbeddedTransport
from donkeytui.events import Event, Notice
from donkeytui.operations.login import (
    Login,
    finish_github_login,
    log_in_by_password,
    log_in_with_token,
    log_out,
    machine_label,
    start_github_login,
    who_am_i,
)
from donkeytui.operations.tokens import create_token, list_tokens, revoke_token
from donkeytui.problems import ConfigInvalid, OfflineMissing, RegistryUnreachable
from donkeytui.session import Session
from donkeytui.settings import RegistryEntry
from registry_server.contract.account_wire import DeviceStart, TokenRequest
from registry_server.contract.problems import (
    Forbidden,
    LoginRefused,
    RateLimited,
    TokenNotFound,
    Unauthorized,
)
from registry_server.contract.routes import LABEL_MAX
from registry_server.contract.tokens import is_token, make_token
from registry_server.github import GitHub, Person, Polled
from registry_server.http.app import build_app
from registry_server.limits import RateLimits
from registry_server.operations import tokens as server_tokens
from registry_server.registry import Registry
from registry_server.settings import GitHubSettings
from tests.support.builders import FixedClock
from tests.support.team import PASSWORD, give_password, open_team, token_of

Run = Callable[..., Any]
MAIN = RegistryEntry("main", "http://127.0.0.1:4873")


class AgreeableGitHub(GitHub):
    """GitHub, where the person agrees after so many polls, or never with a negative number."""

    def __init__(
        self, polls: int, *, interval: int = 5, uri: str = "https://github.com/login/device"
    ) -> None:
        super().__init__(GitHubSettings(client_id="ours"))
        self.polls = polls
        self._answer = DeviceStart(
            handle="h1", user_code="WDJB-MJHT", verification_uri=uri, expires_in=60, interval=interval
        )

    def start(self) -> DeviceStart:
        return self._answer

    def poll(self, handle: str) -> Polled:
        assert handle == "h1"
        self.polls -= 1
        is_agreed = self.polls == 0
        return Polled(person=Person(7, "Octocat") if is_agreed else None, interval=6)


class Waiting:
    """Time that passes at once, and is written down."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture
def team(tmp_path: Path, clock: FixedClock) -> Any:
    registry = open_team(tmp_path / "srv", clock)
    yield registry
    registry.close()


@pytest.fixture
def run(team: Registry, in_session: Run) -> Run:
    """One operation on a session towards the team's registry, as if across a network."""

    def run(operation: Callable[[Session], Any], **changed: Any) -> Any:
        transport = EmbeddedTransport(build_app(team, is_local=False))
        return in_session(operation, **{"transport": transport, "registry": MAIN, **changed})

    return run


@pytest.fixture
def logged_in(run: Run, team: Registry) -> Login:
    give_password(team, "ada")
    made: Login = run(lambda session: log_in_by_password(session, "ada", PASSWORD))
    return made


def working(team: Registry) -> list[str]:
    """Labels of the tokens that work."""
    return [token.label for token in server_tokens.list_tokens(team) if token.revoked_at is None]


def unreachable() -> httpx.MockTransport:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    return httpx.MockTransport(refuse)


# Logging in.


def test_a_password_gets_a_token_that_is_kept_and_used(logged_in: Login, run: Run, tmp_path: Path) -> None:
    assert (logged_in.user, logged_in.registry, logged_in.pattern) == ("ada", "main", "*")
    assert logged_in.scopes == ("account", "publish", "publish-new", "rate", "yank")
    assert (logged_in.place, logged_in.token) == ("file", "")
    assert logged_in.file == str(tmp_path / "data" / "private" / "credentials.json")
    assert run(who_am_i).user == "ada"


def test_the_token_is_labelled_with_the_machine(logged_in: Login, team: Registry) -> None:
    assert working(team) == [machine_label()]


def test_the_label_fits_whatever_the_machine_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "evil\x1b[31m\n" + "x" * 200)

    label = machine_label()

    assert len(label) <= LABEL_MAX
    assert label.isprintable()


def test_a_wrong_password_keeps_nothing(run: Run, team: Registry, tmp_path: Path) -> None:
    give_password(team, "ada")

    with pytest.raises(LoginRefused):
        run(lambda session: log_in_by_password(session, "ada", "wrong"))

    assert not (tmp_path / "data" / "private").exists()


def test_a_token_that_ran_out_does_not_stand_in_the_way_of_the_next(
    logged_in: Login, run: Run, clock: FixedClock
) -> None:
    clock.now = clock.now.replace(year=2027)
    with pytest.raises(Unauthorized):
        run(who_am_i)

    run(lambda session: log_in_by_password(session, "ada", PASSWORD))

    assert run(who_am_i).user == "ada"


def test_a_printed_token_is_kept_nowhere(run: Run, team: Registry, tmp_path: Path) -> None:
    give_password(team, "ada")

    made = run(lambda session: log_in_by_password(session, "ada", PASSWORD, is_kept=False))

    assert made.place == "nowhere"
    assert is_token(made.token)
    assert not (tmp_path / "data" / "private").exists()
    assert run(who_am_i, token=made.token).user == "ada"


def test_a_token_at_hand_is_looked_at_before_it_is_kept(run: Run, team: Registry) -> None:
    token = token_of(team, "ada", "publish", pattern="auth-*", days=3)

    made = run(lambda session: log_in_with_token(session, token))

    assert (made.user, made.scopes, made.pattern) == ("ada", ("publish",), "auth-*")


@pytest.mark.parametrize("text", ["", "hunter2", "dkt_" + "0" * 36, "ghp_" + "0" * 36])
def test_what_is_no_token_is_sent_nowhere(run: Run, text: str) -> None:
    with pytest.raises(LoginRefused) as refused:
        run(lambda session: log_in_with_token(session, text), transport=unreachable())

    assert refused.value.problem.title == "this is not the text of a token"


def test_too_many_logins_say_when_to_come_again(tmp_path: Path, clock: FixedClock, in_session: Run) -> None:
    registry = open_team(tmp_path / "srv", clock, limits=RateLimits())
    transport = EmbeddedTransport(build_app(registry, is_local=False))

    def attempt() -> None:
        in_session(
            lambda session: log_in_by_password(session, "ada", "wrong"), transport=transport, registry=MAIN
        )

    refusals: list[Exception] = []
    while not (refusals and isinstance(refusals[-1], RateLimited)):
        assert len(refusals) < 200
        with pytest.raises((LoginRefused, RateLimited)) as refused:
            attempt()
        refusals.append(refused.value)

    registry.close()
    problem = refused.value.problem
    assert problem.hint.startswith("try again in ")
    assert problem.extra["retryAfter"] > 0
    assert refused.value.exit_status == 3


def test_a_login_over_plain_http_to_another_machine_warns_once(run: Run, team: Registry) -> None:
    events: list[Event] = []
    away = RegistryEntry("away", "http://registry.example.com:4873")
    token = token_of(team, "ada")

    run(lambda session: log_in_with_token(session, token, report=events.append), registry=away)

    warnings = [event for event in events if isinstance(event, Notice)]
    assert [(notice.code, notice.severity) for notice in warnings] == [("plain-http", "warning")]


def test_a_login_beside_the_variable_says_which_goes_first(run: Run, team: Registry) -> None:
    events: list[Event] = []
    token = token_of(team, "ada")

    run(
        lambda session: log_in_with_token(session, token, report=events.append),
        token=token_of(team, "grace"),
    )

    assert [event.code for event in events if isinstance(event, Notice)] == ["variable-first"]


# Through GitHub.


def by_github(run: Run, wait: Waiting, **changed: Any) -> Any:
    async def log_in(session: Session) -> Login:
        started = await start_github_login(session)
        return await finish_github_login(session, started, wait=wait)

    return run(log_in, **changed)


def test_github_is_asked_at_the_interval_it_wants(run: Run, team: Registry) -> None:
    team.github = AgreeableGitHub(3)
    wait = Waiting()

    made = by_github(run, wait)

    assert (made.user, made.place) == ("octocat", "file")
    assert wait.waits == [5, 6, 6]


def test_a_code_that_is_never_entered_ends_the_login(run: Run, team: Registry, tmp_path: Path) -> None:
    team.github = AgreeableGitHub(-1)
    wait = Waiting()

    with pytest.raises(LoginRefused) as refused:
        by_github(run, wait)

    assert refused.value.problem.title == "the code was not entered in time"
    assert 60 <= sum(wait.waits) < 66
    assert not (tmp_path / "data" / "private").exists()


def test_an_interrupted_login_leaves_nothing(run: Run, team: Registry, tmp_path: Path) -> None:
    team.github = AgreeableGitHub(9)

    async def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        by_github(run, interrupted)  # type: ignore[arg-type]

    assert not (tmp_path / "data" / "private").exists()
    assert working(team) == []


class LostPolls(httpx.AsyncBaseTransport):
    """The registry, but so many polls in a row get lost on the way."""

    def __init__(self, team: Registry, lost: int) -> None:
        self._inner = EmbeddedTransport(build_app(team, is_local=False))
        self._lost = lost

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/poll") and self._lost:
            self._lost -= 1
            raise httpx.ReadTimeout("nothing came", request=request)
        return await self._inner.handle_async_request(request)


def test_a_poll_that_gets_lost_is_tried_again_later(run: Run, team: Registry) -> None:
    team.github = AgreeableGitHub(1)
    wait = Waiting()

    assert by_github(run, wait, transport=LostPolls(team, 2)).user == "octocat"
    assert wait.waits == [5, 10, 15]


def test_a_registry_that_is_gone_ends_the_login_with_that(run: Run, team: Registry) -> None:
    team.github = AgreeableGitHub(1, interval=1)

    with pytest.raises(RegistryUnreachable):
        by_github(run, Waiting(), transport=LostPolls(team, 99))


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "file:///etc/passwd", "github.com", ""])
def test_nobody_is_sent_to_an_address_that_is_none_of_the_web(run: Run, team: Registry, uri: str) -> None:
    team.github = AgreeableGitHub(1, uri=uri)

    with pytest.raises(LoginRefused) as refused:
        by_github(run, Waiting())

    assert refused.value.problem.title == "the registry sends you to an address that is none of the web"


# Logging out.


def test_logging_out_ends_the_token_there_and_here(logged_in: Login, run: Run, team: Registry) -> None:
    ended = run(log_out)

    assert (ended.state, ended.user) == ("ended", "ada")
    assert working(team) == []
    with pytest.raises(Unauthorized):
        run(who_am_i)


def test_a_token_that_was_revoked_before_is_forgotten_all_the_same(
    logged_in: Login, run: Run, team: Registry
) -> None:
    server_tokens.revoke_token(team, 1)

    assert run(log_out).state == "was-over"
    assert run(log_out).state == "not-logged-in"


def test_logging_out_of_a_registry_that_is_gone_says_the_token_is_still_good(
    logged_in: Login, run: Run, team: Registry
) -> None:
    ended = run(log_out, transport=unreachable())

    assert (ended.state, ended.user) == ("still-good", "ada")
    assert ended.reason == "the registry `main` cannot be reached"
    assert ended.expires_at == logged_in.expires_at
    assert run(log_out).state == "not-logged-in"
    assert working(team) == [machine_label()]


def test_logging_out_offline_too(logged_in: Login, run: Run) -> None:
    ended = run(log_out, is_offline=True)

    assert ended.state == "still-good"
    assert run(log_out).state == "not-logged-in"


def test_a_token_in_the_variable_cannot_be_forgotten(run: Run, team: Registry) -> None:
    token = token_of(team, "ada")

    with pytest.raises(ConfigInvalid):
        run(log_out, token=token)

    assert run(who_am_i, token=token).user == "ada"


def test_beside_the_variable_the_kept_token_is_the_one_that_ends(
    logged_in: Login, run: Run, team: Registry
) -> None:
    other = token_of(team, "grace")

    ended = run(log_out, token=other)

    assert (ended.state, ended.user, ended.has_variable) == ("ended", "ada", True)
    assert run(who_am_i, token=other).user == "grace"


def test_the_embedded_registry_needs_none_of_it(in_session: Run) -> None:
    assert in_session(log_out).state == "not-needed"
    identity = in_session(who_am_i)
    assert (identity.user, identity.place, identity.is_admin) == ("local", "not-needed", True)


# Who one is, and further tokens.


def test_nobody_is_told_how_to_log_in_without_a_request(run: Run) -> None:
    with pytest.raises(Unauthorized) as refused:
        run(who_am_i, transport=unreachable())

    assert refused.value.problem.title == "you are not logged in at `main`"
    assert refused.value.problem.hint == "donkeytui login"


def test_offline_nobody_can_say_who_one_is(logged_in: Login, run: Run) -> None:
    with pytest.raises(OfflineMissing):
        run(who_am_i, is_offline=True)


def test_who_one_is_comes_with_ones_plugins(logged_in: Login, run: Run) -> None:
    identity = run(who_am_i)

    assert identity.place == "file"
    assert [(plugin.name, plugin.latest_version) for plugin in identity.plugins] == [("auth", "1.1.0")]


def test_a_further_token_is_made_listed_and_ended(logged_in: Login, run: Run) -> None:
    request = TokenRequest(label="ci", scopes=("publish",), pattern="auth*", days=7)

    made = run(lambda session: create_token(session, request))
    listed = run(list_tokens)
    run(lambda session: revoke_token(session, made.id))

    assert is_token(made.token)
    assert [(token.label, token.scopes) for token in listed][1:] == [("ci", ("publish",))]
    assert [token.label for token in run(list_tokens)] == [machine_label()]
    with pytest.raises(Unauthorized):
        run(who_am_i, token=made.token)


def test_a_token_gives_no_more_than_it_has(logged_in: Login, run: Run) -> None:
    with pytest.raises(Forbidden):
        run(lambda session: create_token(session, TokenRequest(scopes=("admin",))))
    with pytest.raises(TokenNotFound):
        run(lambda session: revoke_token(session, 99))


def test_a_made_up_token_is_nobodys(run: Run) -> None:
    with pytest.raises(Unauthorized):
        run(who_am_i, token=make_token(b"9" * 32))
