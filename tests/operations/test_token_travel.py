"""Which requests carry the token: writing, one's own, and reading once the registry wants it. No other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from donkeytui.embedded import EmbeddedTransport
from donkeytui.operations.login import log_in_with_token, who_am_i
from donkeytui.operations.rating import rate, read_reviews
from donkeytui.operations.statistics import plugin_stats, registry_stats
from donkeytui.operations.sync import sync
from donkeytui.operations.tokens import list_tokens
from donkeytui.problems import CredentialsUnusable, UnexpectedResponse
from donkeytui.session import Session
from donkeytui.settings import RegistryEntry
from registry_server.contract.problems import RateLimited, Unauthorized
from registry_server.contract.tokens import make_token
from registry_server.http.app import build_app
from registry_server.settings import Settings as ServerSettings
from tests.support.builders import FixedClock
from tests.support.team import open_team, token_of

Run = Callable[..., Any]
MAIN = RegistryEntry("main", "https://plugins.example.com")


class Watched(httpx.AsyncBaseTransport):
    """The registry, and what each request showed it."""

    def __init__(self, app: Any) -> None:
        self._inner = EmbeddedTransport(app)
        self.seen: list[tuple[str, str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        shown = request.headers.get("authorization", "")
        self.seen.append((request.method, request.url.path, shown.removeprefix("Bearer ")))
        return await self._inner.handle_async_request(request)


class Team(msgspec.Struct):
    run: Run
    watched: Watched
    token: str
    registry: Any

    def shown(self) -> set[str]:
        return {token for _, _, token in self.watched.seen}


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture(params=["open"])
def team(tmp_path: Path, in_session: Run, clock: FixedClock, request: pytest.FixtureRequest) -> Any:
    """ada, logged in at a registry across a network; reading is open unless told."""
    folder = tmp_path / "srv"
    settings = ServerSettings(data=folder, reading=request.param)
    registry = open_team(folder, clock, settings=settings)
    watched = Watched(build_app(registry, is_local=False))

    def run(operation: Callable[[Session], Any], **changed: Any) -> Any:
        return in_session(operation, **{"transport": watched, "registry": MAIN, **changed})

    made = Team(run, watched, token_of(registry, "grace"), registry)
    run(lambda session: log_in_with_token(session, made.token))
    watched.seen.clear()
    yield made
    registry.close()


def test_reading_shows_no_token(team: Team) -> None:
    team.run(sync)
    team.run(registry_stats)
    team.run(lambda session: read_reviews(session, "auth"))

    assert team.shown() == {""}


def test_writing_and_ones_own_show_it(team: Team) -> None:
    team.run(who_am_i)
    team.run(list_tokens)

    assert team.shown() == {team.token}


def test_a_rating_shows_it_and_the_sync_after_it_does_not(team: Team) -> None:
    team.run(lambda session: rate(session, "auth", 5))

    posted = [token for method, _, token in team.watched.seen if method == "POST"]
    assert posted == [team.token]
    assert {token for method, _, token in team.watched.seen if method == "GET"} == {""}


@pytest.mark.parametrize("team", ["token"], indirect=True)
def test_where_reading_needs_a_token_it_is_shown_after_one_refusal(team: Team) -> None:
    async def read_much(session: Session) -> None:
        await sync(session)
        await registry_stats(session)

    team.run(read_much)

    tokens = [token for _, _, token in team.watched.seen]
    assert tokens[0] == ""
    assert len(tokens) > 3
    assert set(tokens[1:]) == {team.token}


@pytest.mark.parametrize("team", ["token"], indirect=True)
def test_without_a_token_the_registrys_refusal_is_what_is_said(team: Team) -> None:
    with pytest.raises(Unauthorized) as refused:
        team.run(sync, data_dir=Path(team.registry.settings.data) / "nobody")

    assert refused.value.problem.title == "this registry is read with a token"
    assert refused.value.problem.hint == "donkeytui login"


def test_another_registry_never_sees_it(team: Team) -> None:
    elsewhere = RegistryEntry("evil", "https://evil.example.com")

    with pytest.raises(Unauthorized):
        team.run(list_tokens, registry=elsewhere)

    assert team.shown() == {""}


def test_a_redirect_is_not_followed_with_it(team: Team) -> None:
    asked: list[str] = []

    def elsewhere(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(307, headers={"Location": "https://evil.example.com/api/tokens"})

    with pytest.raises(UnexpectedResponse):
        team.run(list_tokens, transport=httpx.MockTransport(elsewhere))

    assert asked == ["plugins.example.com"]


def test_an_expired_token_keeps_nobody_from_reading(team: Team, clock: FixedClock) -> None:
    clock.now = clock.now.replace(year=2027)

    team.run(sync)
    found = team.run(lambda session: plugin_stats(session, "auth"))

    assert found.name == "auth"
    with pytest.raises(Unauthorized):
        team.run(list_tokens)


def test_a_file_others_can_read_stops_writing_and_not_reading(team: Team, tmp_path: Path) -> None:
    (tmp_path / "data" / "private" / "credentials.json").chmod(0o644)

    team.run(sync)
    assert team.run(lambda session: plugin_stats(session, "auth")).name == "auth"
    with pytest.raises(CredentialsUnusable):
        team.run(lambda session: rate(session, "auth", 5))

    assert team.shown() == {""}


def test_the_variable_goes_before_what_is_kept(team: Team) -> None:
    other = token_of(team.registry, "ada")

    identity = team.run(who_am_i, token=other)

    assert (identity.user, identity.place) == ("ada", "variable")
    assert team.shown() == {other}


def test_a_login_shows_no_older_token(team: Team) -> None:
    fresh = token_of(team.registry, "ada")

    team.run(lambda session: log_in_with_token(session, fresh))

    assert team.shown() == {fresh}
    assert team.run(who_am_i).user == "ada"


def test_a_token_that_does_not_work_is_not_kept(team: Team) -> None:
    with pytest.raises(Unauthorized):
        team.run(lambda session: log_in_with_token(session, make_token(b"0" * 32)))

    assert team.run(who_am_i).user == "grace"


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        ({"Retry-After": "30"}, "try again in 30 s"),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "try again later"),
        ({"Retry-After": "9" * 5000}, "try again later"),
        ({}, "try again later"),
    ],
)
def test_a_proxy_that_slows_us_down_says_when(team: Team, headers: dict[str, str], hint: str) -> None:
    slow = httpx.MockTransport(lambda _: httpx.Response(429, headers=headers, text="slow down"))

    with pytest.raises(RateLimited) as refused:
        team.run(registry_stats, transport=slow)

    assert refused.value.problem.hint == hint
    assert refused.value.exit_status == 3


def test_hostile_answers_are_cleaned_and_bounded(team: Team) -> None:
    answer = {"name": "auth\x1b]0;x\x07", "downloads": 1, "days": [{"day": "\u202e1", "downloads": 2}]}

    def answering(value: object) -> httpx.MockTransport:
        return httpx.MockTransport(lambda _: httpx.Response(200, content=msgspec.json.encode(value)))

    found = team.run(lambda session: plugin_stats(session, "auth"), transport=answering(answer))
    assert (found.name, found.days[0].day) == ("auth␛]0;x␇", "\ufffd1")
    for value in ({**answer, "downloads": 2**60}, {**answer, "name": "x" * (5 << 20)}, [], {"downloads": []}):
        with pytest.raises(UnexpectedResponse):
            team.run(lambda session: plugin_stats(session, "auth"), transport=answering(value))
