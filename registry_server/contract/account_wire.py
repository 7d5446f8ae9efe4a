"""Structs of sessions, tokens, owners and moderation, as `wire` has those of the catalogue."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from registry_server.contract.routes import (
    LABEL_MAX,
    NAME_PATTERN_MAX,
    NOTE_MAX,
    PASSWORD_MAX,
    PASSWORD_MIN,
    TOKEN_DAYS_MAX,
)
from registry_server.contract.wire import COUNT_MAX, READABLE, SAYING, Wire

Scope = Literal["publish-new", "publish", "yank", "rate", "account", "admin"]
SCOPES: tuple[Scope, ...] = ("publish-new", "publish", "yank", "rate", "account", "admin")
"""`account`: tokens, owners, invitations and password; `admin`: all of it for everybody, for admins."""

Days = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": TOKEN_DAYS_MAX})]
Password = Annotated[str, Meta(extra_json_schema={"minLength": PASSWORD_MIN, "maxLength": PASSWORD_MAX})]
TokenLabel = Annotated[str, Meta(extra_json_schema={"maxLength": LABEL_MAX, "pattern": READABLE})]
NamePattern = Annotated[
    str, Meta(extra_json_schema={"minLength": 1, "maxLength": NAME_PATTERN_MAX, "pattern": READABLE})
]


class LoginMethods(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """How a person gets a first token."""

    password: bool = True
    github: bool = False


class LoginRequest(Wire, frozen=True, kw_only=True):
    user: str
    password: str
    label: TokenLabel = ""
    """What the token is for; shown in the list of tokens."""
    days: Days | None = None


class IssuedToken(Wire, frozen=True, kw_only=True, omit_defaults=False):
    token: str
    """The only time its text exists."""
    id: int
    user: str
    label: str
    scopes: tuple[str, ...]
    pattern: str
    expires_at: datetime


class TokenRequest(Wire, frozen=True, kw_only=True):
    label: TokenLabel = ""
    scopes: tuple[Scope, ...] = ("publish",)
    """None at all: a token that only reads."""
    pattern: NamePattern = "*"
    """Names of plugins it is good for; `*` stands for any run of characters."""
    days: Days | None = None


class TokenInfo(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """A token without its text."""

    id: int
    user: str
    label: str
    scopes: tuple[str, ...]
    pattern: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


class LeakReport(Wire, frozen=True, kw_only=True):
    token: str


class DeviceStart(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """A login by GitHub that waits for the person to enter `user_code` at `verification_uri`."""

    handle: str
    user_code: str
    verification_uri: str
    expires_in: int
    """Seconds."""
    interval: int
    """Seconds to wait between polls."""


class DevicePoll(Wire, frozen=True, kw_only=True):
    handle: str
    label: TokenLabel = ""


class DeviceState(Wire, frozen=True, kw_only=True, omit_defaults=False):
    state: Literal["pending", "done"]
    interval: int = 5
    token: IssuedToken | None = None


class PasswordChange(Wire, frozen=True, kw_only=True):
    current: str
    new: Password


class Invitation(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """An offer to own a plugin."""

    plugin: str
    invited_by: str
    created_at: datetime


class OwnedPlugin(Wire, frozen=True, kw_only=True, omit_defaults=False):
    name: str
    latest_version: str
    state: Literal["", "held", "quarantined"] = ""
    reason: str = ""


class SessionState(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """Who a token stands for, and what waits for them."""

    user: str
    is_admin: bool
    scopes: tuple[str, ...]
    pattern: str
    expires_at: datetime | None
    """None: the owner of an embedded registry, who needs no token."""
    plugins: tuple[OwnedPlugin, ...]
    """At most 200: those that wait for an admin first, then the most downloaded."""
    invitations: tuple[Invitation, ...]


class Owners(Wire, frozen=True, kw_only=True, omit_defaults=False):
    owners: tuple[str, ...]
    invited: tuple[str, ...] = ()


class OwnerRequest(Wire, frozen=True, kw_only=True):
    user: str


class Flags(Wire, frozen=True, kw_only=True):
    """Marks that only an admin sets; None leaves one alone."""

    verified: bool | None = None
    featured: bool | None = None


class QuarantineRequest(Wire, frozen=True, kw_only=True):
    reason: Annotated[str, Meta(extra_json_schema={"maxLength": NOTE_MAX, "pattern": SAYING})]
    version: str = ""
    """One release; empty: the whole plugin."""


class QuarantineQuery(Wire, frozen=True, kw_only=True):
    version: str = ""


class QuarantineEntry(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """What an admin has to decide, or has decided."""

    plugin: str
    version: str
    """Empty: the whole plugin."""
    kind: Literal["held", "quarantined"]
    reason: str
    owners: tuple[str, ...]


class AuditQuery(Wire, frozen=True, kw_only=True):
    before: Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": COUNT_MAX})] | None = None
    """Only entries with a smaller number."""
    subject: str = ""
    actor: str = ""


class AuditEntry(Wire, frozen=True, kw_only=True, omit_defaults=False):
    id: int
    at: datetime
    actor: str
    """A user's name, or `operator` for the program on the server itself."""
    action: str
    subject: str
    detail: str
    address: str
