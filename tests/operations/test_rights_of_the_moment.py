"""What somebody may do is asked at the moment of the change, and a token never reaches beyond its pattern."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from msgspec.structs import replace

from registry_server.contract.account_wire import (
    SCOPES,
    Flags,
    OwnerRequest,
    QuarantineRequest,
    TokenRequest,
)
from registry_server.contract.problems import Forbidden, Unauthorized
from registry_server.contract.review_wire import RatingRequest
from registry_server.contract.wire import PluginUpdate
from registry_server.operations import lifecycle, moderation, owners, reviews, tokens
from registry_server.operations.accounts import Caller, authenticate
from registry_server.operations.publish import publish
from registry_server.registry import Registry
from registry_server.store.database import Connection
from tests.support.asgi_calls import a_caller
from tests.support.builders import package

EVERYDAY = [scope for scope in SCOPES if scope != "admin"]


@pytest.fixture
def ada(registry: Registry) -> Caller:
    """Owns `auth` together with `grace`, who reviewed nothing; `bob` reviewed it."""
    ada = a_caller(registry, "ada", *EVERYDAY)
    publish(registry, ada, package("auth"))
    bob = a_caller(registry, "bob", *EVERYDAY)
    reviews.rate(registry, bob, "auth", RatingRequest(rating=2, review="slow"))
    owners.invite(registry, ada, "auth", OwnerRequest(user=a_caller(registry, "grace").user.name))
    owners.accept(registry, a_caller(registry, "grace", *EVERYDAY), "auth")
    return ada


class Overtaken:
    """A database whose next write comes just after somebody else's."""

    def __init__(self, registry: Registry, overtake: Callable[[], None]) -> None:
        self._registry = registry
        self._database = registry.database
        self._overtake = overtake

    def read(self) -> Connection:
        return self._database.read()

    def write(self) -> AbstractContextManager[Connection]:
        self._registry.database = self._database
        self._overtake()
        return self._database.write()

    def close(self) -> None:
        self._database.close()


Write = Callable[[Registry, Caller], object]

WRITES: dict[str, Write] = {
    "update": lambda r, c: lifecycle.update_plugin(r, c, "auth", PluginUpdate(description="mine")),
    "yank": lambda r, c: lifecycle.yank(r, c, "auth", "1.0.0"),
    "invite": lambda r, c: owners.invite(r, c, "auth", OwnerRequest(user="bob")),
    "remove": lambda r, c: owners.remove(r, c, "auth", "grace"),
    "answer": lambda r, c: reviews.answer(r, c, "auth", "bob", reply="no"),
}


@pytest.mark.parametrize("name", WRITES)
def test_an_owner_who_was_removed_a_moment_ago_changes_nothing(
    registry: Registry, ada: Caller, name: str
) -> None:
    grace = a_caller(registry, "grace", *EVERYDAY)
    overtaken = Overtaken(registry, lambda: owners.remove(registry, grace, "auth", "ada"))
    registry.database = overtaken  # type: ignore[assignment]

    with pytest.raises(Forbidden) as caught:
        WRITES[name](registry, ada)

    assert caught.value.problem.title == "`auth` is not yours"


def test_a_token_that_was_revoked_a_moment_ago_makes_no_other(registry: Registry) -> None:
    secret = tokens.create_token(registry, "ada", scopes=EVERYDAY)
    caller = authenticate(registry, f"Bearer {secret}")
    assert caller is not None
    assert caller.token_id is not None
    tokens.revoke_token(registry, caller.token_id)

    with pytest.raises(Unauthorized):
        tokens.create_own_token(registry, caller, TokenRequest())
    assert all(token.revoked_at for token in tokens.list_tokens(registry))


ADMIN_WRITES: dict[str, Write] = {
    "flags": lambda r, c: moderation.set_flags(r, c, "auth", Flags(verified=True)),
    "quarantine": lambda r, c: moderation.quarantine(r, c, "auth", QuarantineRequest(reason="bad")),
    "lift": lambda r, c: moderation.lift(r, c, "auth"),
    "hide": lambda r, c: reviews.hide(r, c, "auth", "bob", reason="rude"),
}


@pytest.mark.parametrize("name", ADMIN_WRITES)
def test_an_admins_token_for_some_names_moderates_no_others(
    registry: Registry, ada: Caller, name: str
) -> None:
    admin = tokens.create_token(registry, "root", scopes=SCOPES, is_admin=True)
    whole = authenticate(registry, f"Bearer {admin}")
    assert whole is not None
    if name == "lift":
        ADMIN_WRITES["quarantine"](registry, whole)

    with pytest.raises(Forbidden) as caught:
        ADMIN_WRITES[name](registry, replace(whole, pattern="team-*"))

    assert caught.value.problem.title == "the token is not for `auth`"
    ADMIN_WRITES[name](registry, replace(whole, pattern="au*"))
