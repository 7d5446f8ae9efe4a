"""A small registry with somebody in every role, each with a token."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec

from registry_server.contract.account_wire import SCOPES, OwnerRequest, QuarantineRequest
from registry_server.contract.review_wire import RatingRequest
from registry_server.http.app import build_app
from registry_server.operations import moderation, owners, reviews
from registry_server.operations.accounts import Caller, authenticate
from registry_server.operations.passwords import hash_password
from registry_server.operations.publish import publish
from registry_server.operations.tokens import create_token, list_tokens, revoke_token
from registry_server.operations.users import set_disabled
from registry_server.registry import Registry, open_registry
from registry_server.settings import Settings
from registry_server.store import accounts
from tests.support.asgi_calls import Api
from tests.support.builders import MOMENT, FixedClock, package

PASSWORD = "correct horse battery"
EVERYDAY = tuple(scope for scope in SCOPES if scope != "admin")

PEOPLE = {
    "stranger": ("sam", EVERYDAY),
    "reader": ("ada", ()),
    "publisher": ("paul", ("publish",)),
    "owner": ("ada", EVERYDAY),
    "admin": ("root", SCOPES),
    "spare": ("ada", ()),
    "expired": ("ada", EVERYDAY),
    "revoked": ("ada", EVERYDAY),
    "disabled": ("dora", EVERYDAY),
}
"""Role -> user and scopes of the token."""


class Cast(msgspec.Struct, frozen=True):
    """A registry as it lies on the disk, and who has which token there."""

    folder: Path
    tokens: dict[str, str]
    spare: int
    """Number of a token of the owner's that nobody uses."""


def make_cast(folder: Path) -> Cast:
    """`auth` belongs to ada and carl, bob and sam rated it, sam and paul are invited, 1.1.0 is shut away."""
    clock = FixedClock(MOMENT)
    registry = open_registry(folder, clock)
    tokens = {
        role: create_token(
            registry,
            user,
            scopes=scopes,
            is_admin=user == "root",
            lifetime=timedelta(hours=1) if role == "expired" else timedelta(days=30),
            label=role,
        )
        for role, (user, scopes) in PEOPLE.items()
    }
    for scope in EVERYDAY:
        others = [other for other in EVERYDAY if other != scope]
        tokens[f"all but {scope}"] = create_token(registry, "ada", scopes=others)
    tokens["other names"] = create_token(registry, "ada", scopes=EVERYDAY, pattern="other-*")
    numbers = {token.label: token.id for token in list_tokens(registry) if token.label}
    _fill(registry, tokens)
    revoke_token(registry, numbers["revoked"])
    set_disabled(registry, "dora", is_disabled=True)
    registry.close()
    return Cast(folder, tokens, numbers["spare"])


def _fill(registry: Registry, tokens: dict[str, str]) -> None:
    def caller(role: str) -> Caller:
        found = authenticate(registry, f"Bearer {tokens[role]}")
        assert found is not None
        return found

    others = {name: create_token(registry, name, scopes=EVERYDAY) for name in ("bob", "carl")}
    bob, carl = (authenticate(registry, f"Bearer {token}") for token in others.values())
    for version in ("1.0.0", "1.1.0"):
        publish(registry, caller("owner"), package("auth", version, categories=["security"]))
    for who in (bob, caller("stranger")):
        reviews.rate(registry, who, "auth", RatingRequest(rating=4, review="Works."))
    for name in ("carl", "sam", "paul"):
        owners.invite(registry, caller("owner"), "auth", OwnerRequest(user=name))
    owners.accept(registry, carl, "auth")
    closed = QuarantineRequest(reason="it sends keys away", version="1.1.0")
    moderation.quarantine(registry, caller("admin"), "auth", closed)
    hashed = hash_password(PASSWORD)
    with registry.database.write() as connection:
        for name in ("ada", "sam", "paul", "root", "dora"):
            user = accounts.find_user(connection, name)
            assert user is not None
            accounts.set_password(connection, user, hashed)


@contextmanager
def on_stage(cast: Cast, folder: Path, **settings: object) -> Iterator[tuple[Registry, Api]]:
    """A copy of the registry, two hours after it was made, as strangers reach it."""
    shutil.copytree(cast.folder, folder)
    kept = Settings(data=folder, **settings)  # type: ignore[arg-type]
    registry = open_registry(folder, FixedClock(MOMENT + timedelta(hours=2)), settings=kept)
    try:
        yield registry, Api(build_app(registry, is_local=False))
    finally:
        registry.close()
