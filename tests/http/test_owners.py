"""Who a plugin belongs to: invited, accepted, declined, left; never nobody."""

from collections.abc import Callable
from typing import Any

import pytest

from registry_server.operations.users import create_user
from registry_server.registry import Registry
from tests.support.asgi_calls import Api, problem_code
from tests.support.town import Town, send

OWNERS = "/api/plugins/auth/owners"
INVITATION = "/api/session/invitations/auth"


@pytest.fixture
def town(registry: Registry) -> Town:
    return Town(registry)


@pytest.fixture
def ada(town: Town) -> Api:
    """Owns `auth`."""
    api = town("ada")
    assert send(api, "auth").status_code == 201
    return api


def owned(api: Api) -> list[str]:
    return [plugin["name"] for plugin in api.get("/api/session").json()["plugins"]]


def test_an_invitation_gives_nothing_until_it_is_accepted(town: Town, ada: Api) -> None:
    bob = town("bob")

    answer = ada("POST", OWNERS, json={"user": "bob"})
    too_early = send(bob, "auth", "1.1.0")
    waiting = bob.get("/api/session").json()["invitations"]
    bob("POST", INVITATION)

    assert answer.json() == {"owners": ["ada"], "invited": ["bob"]}
    assert problem_code(too_early) == "forbidden"
    assert waiting == [{"plugin": "auth", "invitedBy": "ada", "createdAt": "2026-03-14T09:26:53Z"}]
    assert town.anonymous.get(OWNERS).json() == {"owners": ["ada", "bob"], "invited": []}
    assert send(bob, "auth", "1.1.0").status_code == 201
    assert owned(bob) == ["auth"]
    assert [entry[:3] for entry in town.audit()[1:3]] == [
        ("ada", "owner-invite", "auth"),
        ("bob", "owner-accept", "auth"),
    ]


def test_who_declines_owns_nothing_and_can_be_asked_again(town: Town, ada: Api) -> None:
    bob = town("bob")
    ada("POST", OWNERS, json={"user": "bob"})

    bob("DELETE", INVITATION)
    late = bob("POST", INVITATION)
    again = ada("POST", OWNERS, json={"user": "bob"})

    assert problem_code(late) == "invalid-request"
    assert again.json() == {"owners": ["ada"], "invited": ["bob"]}


def test_an_invitation_can_be_taken_back(town: Town, ada: Api) -> None:
    bob = town("bob")
    ada("POST", OWNERS, json={"user": "bob"})

    ada("DELETE", f"{OWNERS}/bob")

    assert problem_code(bob("POST", INVITATION)) == "invalid-request"
    assert ada.get(OWNERS).json() == {"owners": ["ada"], "invited": []}


def test_asking_twice_invites_once(town: Town, ada: Api) -> None:
    town("bob")
    first = ada("POST", OWNERS, json={"user": "bob"})
    second = ada("POST", OWNERS, json={"user": "BOB"})

    assert first.json() == second.json()
    assert [entry[1] for entry in town.audit()] == ["publish", "owner-invite"]


@pytest.mark.parametrize("is_admin", [False, True])
def test_the_last_owner_stays_whoever_asks(town: Town, ada: Api, is_admin: bool) -> None:
    who = town("root", is_admin=True) if is_admin else ada
    before = town.audit()

    answer = who("DELETE", f"{OWNERS}/ada")

    assert (answer.status_code, problem_code(answer)) == (409, "last-owner")
    assert ada.get(OWNERS).json()["owners"] == ["ada"]
    assert town.audit() == before


def test_an_owner_may_leave_when_another_stays(town: Town, ada: Api) -> None:
    bob = town("bob")
    ada("POST", OWNERS, json={"user": "bob"})
    bob("POST", INVITATION)

    answer = ada("DELETE", f"{OWNERS}/ada")

    assert answer.json() == {"success": True}
    assert bob.get(OWNERS).json()["owners"] == ["bob"]
    assert problem_code(send(ada, "auth", "1.1.0")) == "forbidden"
    assert problem_code(bob("DELETE", f"{OWNERS}/bob")) == "last-owner"


def test_an_invited_user_does_not_keep_a_plugin_alive(town: Town, ada: Api) -> None:
    town("bob")
    ada("POST", OWNERS, json={"user": "bob"})

    assert problem_code(ada("DELETE", f"{OWNERS}/ada")) == "last-owner"


@pytest.mark.parametrize(
    ("method", "path", "user", "code"),
    [
        ("POST", OWNERS, "nobody", "user-not-found"),
        ("POST", OWNERS, "ada", "invalid-request"),
        ("DELETE", f"{OWNERS}/nobody", None, "user-not-found"),
        ("DELETE", f"{OWNERS}/carl", None, "user-not-found"),
        ("POST", "/api/plugins/nothing/owners", "carl", "plugin-not-found"),
        ("DELETE", "/api/plugins/nothing/owners/carl", None, "plugin-not-found"),
        ("POST", "/api/session/invitations/nothing", None, "invalid-request"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    town: Town, ada: Api, registry: Registry, method: str, path: str, user: str | None, code: str
) -> None:
    create_user(registry, "carl")
    before = town.audit()

    answer = ada(method, path, **({"json": {"user": user}} if user else {}))

    assert problem_code(answer) == code
    assert town.audit() == before


def test_a_held_plugins_owner_can_already_invite_others(
    town: Town, registry: Registry, publish: Callable[..., Any]
) -> None:
    publish("payments")
    with registry.database.write() as connection:
        connection.execute("UPDATE plugins SET verified = 1")
    ada, bob = town("ada"), town("bob")
    assert send(ada, "payment").json()["held"]

    answer = ada("POST", "/api/plugins/payment/owners", json={"user": "bob"})
    bob("POST", "/api/session/invitations/payment")

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"owners": ["ada"], "invited": ["bob"]}
    assert bob.get("/api/session").json()["plugins"][0]["state"] == "held"


def test_the_session_names_the_release_that_everybody_means_by_latest(town: Town, ada: Api) -> None:
    send(ada, "auth", "2.0.0-rc.1")

    [plugin] = ada.get("/api/session").json()["plugins"]

    assert plugin["latestVersion"] == "1.0.0"
    assert plugin["latestVersion"] == ada.get("/api/plugins/auth").json()["latestVersion"]
