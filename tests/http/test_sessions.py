"""Logging in and out, and tokens that people make themselves: over HTTP, as strangers come."""

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_server.contract.account_wire import SCOPES, AuditQuery, TokenRequest
from registry_server.contract.names import is_name
from registry_server.contract.problems import Forbidden, InvalidName, InvalidRequest
from registry_server.contract.tokens import make_token
from registry_server.http.app import build_app
from registry_server.http.logs import logging_to
from registry_server.limits import RateLimits
from registry_server.operations.accounts import OPERATOR, Caller, authenticate
from registry_server.operations.audit import read_log
from registry_server.operations.passwords import hash_password
from registry_server.operations.tokens import create_own_token, create_token, list_tokens
from registry_server.operations.users import create_user, reset_password, set_admin, set_disabled
from registry_server.registry import Registry, open_registry
from registry_server.settings import Settings, TokenSettings
from registry_server.store import accounts
from tests.support.asgi_calls import Api, problem_code
from tests.support.builders import MOMENT, FixedClock

PASSWORD = "correct horse battery"
EVERYDAY = tuple(scope for scope in SCOPES if scope != "admin")


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def api(registry: Registry, hashed: str) -> Api:
    user = create_user(registry, "ada")
    with registry.database.write() as connection:
        accounts.set_password(connection, user, hashed)
    return Api(build_app(registry, is_local=False))


def log_in(api: Api, user: str = "ada", password: str = PASSWORD, **more: Any) -> Any:
    return api("POST", "/api/session", json={"user": user, "password": password, **more})


def logged_in(api: Api, **more: Any) -> Api:
    answer = log_in(api, **more)
    assert answer.status_code == 200, answer.text
    return api.with_token(answer.json()["token"])


def audit(registry: Registry) -> list[tuple[str, str, str]]:
    """Actor, action and subject, oldest first."""
    entries = read_log(registry, OPERATOR, AuditQuery())
    return [(entry.actor, entry.action, entry.subject) for entry in reversed(entries)]


# Login by password.


def test_a_login_gives_a_token_that_says_what_it_is_for(api: Api) -> None:
    answer = log_in(api, label="laptop", days=7)

    body = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (body["user"], body["label"], body["pattern"]) == ("ada", "laptop", "*")
    assert set(body["scopes"]) == set(EVERYDAY)
    assert datetime.fromisoformat(body["expiresAt"]) == MOMENT + timedelta(days=7)
    state = api.with_token(body["token"]).get("/api/session").json()
    assert (state["user"], state["isAdmin"], state["expiresAt"]) == ("ada", False, body["expiresAt"])


def test_a_login_without_wishes_lives_as_long_as_the_settings_say(api: Api) -> None:
    body = log_in(api).json()

    assert datetime.fromisoformat(body["expiresAt"]) == MOMENT + timedelta(days=TokenSettings().default_days)
    assert body["label"] == "login"


def test_an_admins_login_may_do_what_admins_may(api: Api, registry: Registry) -> None:
    set_admin(registry, "ada", is_admin=True)

    assert "admin" in log_in(api).json()["scopes"]


def test_a_wrong_name_and_a_wrong_password_say_the_same(api: Api, registry: Registry) -> None:
    create_user(registry, "bob")  # has no password at all
    before = audit(registry)

    answers = [log_in(api, "ada", "wrong"), log_in(api, "nobody"), log_in(api, "bob", ""), log_in(api, "bob")]

    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1
    assert problem_code(answers[0]) == "login-refused"
    assert audit(registry) == before


def test_a_disabled_user_learns_it_only_with_the_right_password(api: Api, registry: Registry) -> None:
    set_disabled(registry, "ada", is_disabled=True)

    right, wrong = log_in(api), log_in(api, password="wrong")

    assert (right.status_code, wrong.status_code) == (403, 403)
    assert right.json()["title"] == "the account `ada` is disabled"
    assert wrong.json()["title"] == "the user name or the password is wrong"


@pytest.mark.parametrize(
    "wish",
    [
        {"days": 0},
        {"days": -1},
        {"days": 91},
        {"days": 366},
        {"days": 10**10},
        {"days": 10**30},
        {"label": "x" * 81},
        {"label": "bell\a"},
        {"scopes": ["admin"]},
    ],
    ids=str,
)
def test_a_login_that_asks_for_too_much_is_refused(api: Api, registry: Registry, wish: Any) -> None:
    answer = log_in(api, **wish)

    assert answer.status_code == 422, answer.text
    assert problem_code(answer) == "invalid-request"
    assert list_tokens(registry) == []


def test_guessing_a_password_is_slowed_down_for_the_name_from_wherever_it_comes(
    tmp_path: Path, clock: FixedClock
) -> None:
    registry = open_registry(tmp_path / "limited", clock, limits=RateLimits())
    create_user(registry, "ada", password=PASSWORD)
    api = Api(build_app(registry, is_local=False))
    answers = [log_in(api, user, "wrong").status_code for user in ("ada", "Ada", "ADA") * 4]

    refused = log_in(api)

    assert answers[:10] == [403] * 10
    assert answers[10:] == [429] * 2
    assert problem_code(refused) == "rate-limited"
    assert int(refused.headers["retry-after"]) > 0
    registry.close()


# The end of a token.


def test_a_logout_ends_the_token_at_once_and_no_other(api: Api) -> None:
    one, other = logged_in(api), logged_in(api)

    answer = one("DELETE", "/api/session")

    assert answer.json() == {"success": True}
    assert problem_code(one.get("/api/plugins")) == "unauthorized"
    assert other.get("/api/session").status_code == 200


def test_a_disabled_users_tokens_do_not_work_until_enabled_again(api: Api, registry: Registry) -> None:
    ada = logged_in(api)
    set_disabled(registry, "ada", is_disabled=True)
    while_disabled = ada.get("/api/session").status_code
    set_disabled(registry, "ada", is_disabled=False)

    assert while_disabled == 401
    assert ada.get("/api/session").status_code == 200


def test_an_admin_who_is_none_any_more_is_none_at_once(api: Api, registry: Registry) -> None:
    set_admin(registry, "ada", is_admin=True)
    ada = logged_in(api)
    before = ada.get("/api/audit").status_code
    set_admin(registry, "ada", is_admin=False)

    assert before == 200
    assert ada.get("/api/audit").status_code == 403
    assert ada.get("/api/session").json()["isAdmin"] is False


def test_a_leaked_token_is_ended_by_whoever_shows_it(api: Api, registry: Registry) -> None:
    secret = log_in(api).json()["token"]

    answer = api("POST", "/api/tokens/leaked", json={"token": secret})

    assert answer.json() == {"success": True}
    assert api.with_token(secret).get("/api/session").status_code == 401
    assert audit(registry)[-1] == ("anybody", "token-leaked", str(list_tokens(registry)[0].id))


def test_a_leak_report_says_nothing_of_whether_there_was_such_a_token(api: Api, registry: Registry) -> None:
    secret, never = log_in(api).json()["token"], make_token(bytes(32))
    first = api("POST", "/api/tokens/leaked", json={"token": secret})
    before = audit(registry)

    again = api("POST", "/api/tokens/leaked", json={"token": secret})
    unknown = api("POST", "/api/tokens/leaked", json={"token": never})

    assert first.content == again.content == unknown.content
    assert first.status_code == again.status_code == unknown.status_code == 200
    assert audit(registry) == before


@pytest.mark.parametrize("number", ["0", "7", "999999999999999", "9" * 19, "9" * 5000, "-1", "x"])
def test_a_token_that_is_not_there_cannot_be_ended(api: Api, number: str) -> None:
    answer = logged_in(api)("DELETE", f"/api/tokens/{number}")

    assert answer.status_code == 404
    assert problem_code(answer) in ("token-not-found", "route-not-found")


# Passwords.


def test_a_changed_password_is_the_one_that_counts(api: Api, registry: Registry) -> None:
    change = {"current": PASSWORD, "new": "an entirely different one"}

    answer = logged_in(api)("PUT", "/api/session/password", json=change)

    assert answer.json() == {"success": True}
    assert log_in(api).status_code == 403
    assert log_in(api, password=change["new"]).status_code == 200
    assert audit(registry)[-2] == ("ada", "user-password", "ada")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"current": "wrong", "new": "an entirely different one"}, "login-refused"),
        ({"current": PASSWORD, "new": "too short"}, "invalid-request"),
        ({"current": PASSWORD, "new": "x" * 201}, "invalid-request"),
        ({"current": PASSWORD}, "invalid-request"),
    ],
)
def test_a_refused_change_leaves_the_password(
    api: Api, registry: Registry, change: dict[str, str], code: str
) -> None:
    ada = logged_in(api)
    before = audit(registry)

    answer = ada("PUT", "/api/session/password", json=change)

    assert problem_code(answer) == code
    assert audit(registry) == before
    assert log_in(api).status_code == 200


# Tokens that a token makes.


def test_a_token_made_by_a_token_is_listed_without_its_text(api: Api) -> None:
    ada = logged_in(api)

    made = ada("POST", "/api/tokens", json={"label": "build", "pattern": "team-*", "days": 3})
    listed = ada.get("/api/tokens")

    assert made.status_code == 201
    assert made.json()["scopes"] == ["publish"]
    assert [token["label"] for token in listed.json()] == ["login", "build"]
    assert made.json()["token"] not in listed.text
    assert listed.headers["cache-control"] == "no-store"


def test_only_tokens_that_work_are_listed(api: Api, clock: FixedClock) -> None:
    ada = logged_in(api)
    brief = ada("POST", "/api/tokens", json={"label": "brief", "days": 1}).json()
    ended = ada("POST", "/api/tokens", json={"label": "ended"}).json()
    ada("DELETE", f"/api/tokens/{ended['id']}")
    clock.now += timedelta(days=2)

    assert [token["label"] for token in ada.get("/api/tokens").json()] == ["login"]
    assert api.with_token(brief["token"]).get("/api/session").status_code == 401


def test_a_token_cannot_outlive_the_one_that_makes_it(api: Api, clock: FixedClock) -> None:
    ada = logged_in(api, days=10)
    end = clock.now + timedelta(days=10)
    clock.now += timedelta(hours=1)

    as_long = ada("POST", "/api/tokens", json={"days": 10})
    unasked = ada("POST", "/api/tokens", json={})
    longer = ada("POST", "/api/tokens", json={"days": 11})

    assert [datetime.fromisoformat(each.json()["expiresAt"]) for each in (as_long, unasked)] == [end, end]
    assert problem_code(longer) == "forbidden"
    assert longer.json()["detail"] == "the one shown is good for 9 more"


@pytest.mark.parametrize("days", [0, -1, 366, 10**10, 10**30])
def test_days_that_no_token_lives_are_refused(api: Api, days: int) -> None:
    ada = logged_in(api)

    assert problem_code(ada("POST", "/api/tokens", json={"days": days})) == "invalid-request"


scopes = st.sets(st.sampled_from(SCOPES)).map(tuple)
patterns = st.sampled_from(["*", "team-*", "team-a", "other-*"])


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("sandbox")
    kept = Settings(data=folder, tokens=TokenSettings(max_days=365))
    registry = open_registry(folder, FixedClock(), settings=kept)
    create_user(registry, "ada", is_admin=True)
    yield registry
    registry.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    has=scopes,
    pattern=patterns,
    hours=st.integers(1, 24 * 90),
    wants=scopes,
    wanted_pattern=patterns,
    days=st.one_of(st.none(), st.integers(1, 365)),
)
def test_no_token_gives_more_than_it_has(
    sandbox: Registry,
    has: tuple[Any, ...],
    pattern: str,
    hours: int,
    wants: tuple[Any, ...],
    wanted_pattern: str,
    days: int | None,
) -> None:
    secret = create_token(sandbox, "ada", scopes=has, pattern=pattern, lifetime=timedelta(hours=hours))
    shown = authenticate(sandbox, f"Bearer {secret}")
    assert shown is not None
    request = TokenRequest(scopes=wants, pattern=wanted_pattern, days=days)

    try:
        made = create_own_token(sandbox, shown, request)
    except Forbidden:
        is_allowed = (
            ("account" in has or "admin" in has)
            and set(wants) <= set(has)
            and pattern in ("*", wanted_pattern)
            and (days is None or days * 24 < hours + 24)
        )
        assert not is_allowed
        return

    assert set(made.scopes) <= set(has)
    assert pattern in ("*", made.pattern)
    assert made.expires_at <= sandbox.clock() + timedelta(hours=hours)


def test_the_owner_of_an_embedded_registry_needs_no_token_and_cannot_log_out(registry: Registry) -> None:
    local = Api(build_app(registry, is_local=True))

    state, made = local.get("/api/session").json(), local("POST", "/api/tokens", json={"days": 90})

    assert (state["user"], state["isAdmin"], state["expiresAt"]) == ("local", True, None)
    assert made.status_code == 201
    assert problem_code(local("DELETE", "/api/session")) == "invalid-request"


@pytest.mark.parametrize("name", ["operator", "Operator", "anybody", "has space", "", "x" * 65])
def test_no_user_is_called_what_the_audit_log_means_by_others(registry: Registry, name: str) -> None:
    assert not is_name(name) or name.casefold() in (OPERATOR.user.name, "anybody")
    for make in (create_user, lambda where, who: create_token(where, who, scopes=[])):
        with pytest.raises(InvalidName):
            make(registry, name)


# What is written down.


@pytest.mark.parametrize("form", ["text", "json"])
def test_neither_logs_nor_the_database_have_a_token_or_a_password(
    api: Api, registry: Registry, form: Literal["text", "json"]
) -> None:
    written = io.StringIO()
    with logging_to(written, form=form, level="debug"):
        secret = log_in(api).json()["token"]
        ada = api.with_token(secret)
        made = ada("POST", "/api/tokens", json={"label": "build"}).json()["token"]
        ada.get(f"/api/plugins/{secret}")
        ada.get(f"/api/plugins?q={secret}")
        api("POST", "/api/tokens/leaked", json={"token": made})
        log_in(api, password="another secret thing")

    kept = "\n".join(registry.database.read().iterdump())
    assert "/api/plugins" in written.getvalue()
    assert "token-leaked" in kept
    for hidden in (secret, made, PASSWORD, "another secret thing"):
        assert hidden not in written.getvalue()
        assert hidden not in kept


def test_a_repeated_leak_or_logout_writes_one_entry(api: Api, registry: Registry) -> None:
    ada = logged_in(api)
    ada("DELETE", "/api/session")
    ada("DELETE", "/api/session")

    assert [action for _, action, _ in audit(registry)] == ["user-create", "token-create", "token-revoke"]


def test_an_operators_new_password_is_checked_like_any_other(registry: Registry) -> None:
    create_user(registry, "ada")

    with pytest.raises(InvalidRequest, match="10 to 200 characters"):
        reset_password(registry, "ada", "short")


def test_an_unknown_scope_or_pattern_is_refused(registry: Registry) -> None:
    create_user(registry, "ada")
    caller = Caller(user=OPERATOR.user, scopes=frozenset((*SCOPES, "fly")))

    with pytest.raises(InvalidRequest, match="`fly` is not a scope"):
        create_own_token(registry, caller, TokenRequest(scopes=("fly",)))  # type: ignore[arg-type]
    for pattern in ("", "x" * 101, "bell\a"):
        with pytest.raises(InvalidRequest, match="pattern"):
            create_token(registry, "ada", scopes=[], pattern=pattern)
