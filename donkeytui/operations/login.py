"""Log in and out, and who one is: by password, by GitHub's device flow (RFC 8628), or with a token at hand.

However it was come by, a token is shown to the registry once before it is kept, for the origin it came from.
"""

import asyncio
import getpass
import platform
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal

from msgspec import Struct, structs

from donkeytui.credentials import VARIABLE, FoundToken, Place, is_exposed
from donkeytui.events import Notice, Report, silent
from donkeytui.operations.calling import account_client
from donkeytui.problems import ConfigInvalid, RegistryUnreachable
from donkeytui.session import Session
from registry_server.contract.account_wire import (
    DevicePoll,
    DeviceStart,
    Invitation,
    LoginMethods,
    LoginRequest,
    OwnedPlugin,
    SessionState,
)
from registry_server.contract.foreign import clean
from registry_server.contract.problems import (
    LoginRefused,
    ProblemError,
    RateLimited,
    RegistryBusy,
    Unauthorized,
)
from registry_server.contract.routes import LABEL_MAX
from registry_server.contract.tokens import is_token

INTERVAL_MAX, DEVICE_MAX_SECONDS = 60, 3600
SLOWER_SECONDS = 5
FAILURES_MAX = 5
"""Polls in a row without an answer, after which the login is given up."""

Wait = Callable[[float], Awaitable[None]]


class Login(Struct, frozen=True, kw_only=True):
    """Who logged in, with what."""

    registry: str
    user: str
    scopes: tuple[str, ...]
    pattern: str
    expires_at: datetime | None
    place: Literal["keyring", "file", "nowhere"]
    """Where the token is kept; `nowhere`: it was only to be shown."""
    file: str = ""
    """The path, when it is a file."""
    token: str = ""
    """Only when it is kept nowhere."""

    def __repr__(self) -> str:
        return f"Login({self.user!r})"


class Logout(Struct, frozen=True, kw_only=True):
    registry: str
    state: Literal["ended", "was-over", "still-good", "not-logged-in", "not-needed"]
    """`was-over`: the registry knew the token no more; `still-good`: it could not be told."""
    user: str = ""
    expires_at: datetime | None = None
    reason: str = ""
    """Why it is still good."""
    has_variable: bool = False
    """Whether the variable still has a token."""


class Identity(Struct, frozen=True, kw_only=True):
    """Who the token stands for, and what waits for them."""

    registry: str
    user: str
    is_admin: bool
    scopes: tuple[str, ...]
    pattern: str
    expires_at: datetime | None
    place: Place | Literal["not-needed"]
    plugins: tuple[OwnedPlugin, ...]
    invitations: tuple[Invitation, ...]


async def login_methods(session: Session) -> LoginMethods:
    """What the registry offers for getting a token."""
    return await (await account_client(session)).login_methods()


async def log_in_by_password(
    session: Session, user: str, password: str, *, is_kept: bool = True, report: Report = silent
) -> Login:
    """Raises `LoginRefused`, `RateLimited`, `CredentialsUnusable`."""
    warn_if_exposed(session, report)
    account = await account_client(session)
    request = LoginRequest(user=user, password=password, label=machine_label())
    issued = await account.log_in(request)
    return await _keep(session, issued.token, is_kept=is_kept, report=report)


async def log_in_with_token(
    session: Session, token: str, *, is_kept: bool = True, report: Report = silent
) -> Login:
    """Raises `Unauthorized` for a token that does not work there; nothing is kept then."""
    if not is_token(token):
        raise LoginRefused(
            "this is not the text of a token",
            detail="it begins with dkt_ and has 40 characters",
            hint="donkeytui token create, where you are logged in, makes one",
        )
    warn_if_exposed(session, report)
    return await _keep(session, token, is_kept=is_kept, report=report)


async def start_github_login(session: Session, report: Report = silent) -> DeviceStart:
    """The code to enter at GitHub, and the address where.

    Raises `LoginRefused` for an address that no browser should be sent to.
    """
    warn_if_exposed(session, report)
    started = await (await account_client(session)).start_device_login()
    if not started.verification_uri.startswith(("https://", "http://")):
        raise LoginRefused(
            "the registry sends you to an address that is none of the web",
            detail=clean(started.verification_uri, 200),
            hint="tell the registry's operator",
        )
    return structs.replace(
        started,
        interval=min(max(started.interval, 1), INTERVAL_MAX),
        expires_in=min(max(started.expires_in, 1), DEVICE_MAX_SECONDS),
    )


async def finish_github_login(
    session: Session,
    started: DeviceStart,
    *,
    is_kept: bool = True,
    report: Report = silent,
    on_wait: Callable[[float], None] = lambda _seconds_left: None,
    wait: Wait = asyncio.sleep,
) -> Login:
    """Polls until the person has agreed; `on_wait` hears how many seconds are left.

    Raises `LoginRefused` when they said no or came too late. Given up, it leaves nothing behind.
    """
    account = await account_client(session)
    request = DevicePoll(handle=started.handle, label=machine_label())
    interval, waited, failures = started.interval, 0, 0
    while waited < started.expires_in:
        on_wait(started.expires_in - waited)
        await wait(interval)
        waited += interval
        try:
            state = await account.poll_device_login(request)
        except (RegistryUnreachable, RegistryBusy, RateLimited):
            failures += 1
            if failures > FAILURES_MAX:
                raise
            interval = min(interval + SLOWER_SECONDS, INTERVAL_MAX)
            continue
        failures = 0
        if state.token is not None:
            return await _keep(session, state.token.token, is_kept=is_kept, report=report)
        interval = min(max(state.interval, 1), INTERVAL_MAX)
    raise LoginRefused("the code was not entered in time", hint="donkeytui login --github")


async def log_out(session: Session) -> Logout:
    """Ends the token that is kept, and forgets it in any case.

    Raises `ConfigInvalid` when there is only the variable, which nobody can forget from here.
    """
    registry, credentials = session.settings.registry, session.credentials
    has_variable = bool(credentials.variable)
    if registry.is_embedded:
        return Logout(registry=registry.name, state="not-needed")
    kept = await session.in_thread(credentials.find_kept)
    if kept is None:
        if has_variable:
            raise ConfigInvalid(
                f"the token comes from the variable {VARIABLE}, and stays in it",
                detail="nothing else is kept here for this registry",
                hint=f"unset {VARIABLE}; donkeytui token list and token revoke end it",
            )
        return Logout(registry=registry.name, state="not-logged-in")
    state, reason = await _end(session, kept)
    await session.in_thread(credentials.forget)
    return Logout(
        registry=registry.name,
        state=state,
        user=kept.user,
        expires_at=kept.expires_at,
        reason=reason,
        has_variable=has_variable,
    )


async def who_am_i(session: Session) -> Identity:
    """Raises `Unauthorized` for nobody."""
    registry = session.settings.registry
    found = await session.in_thread(session.credentials.find)
    if found is None and not registry.is_embedded:
        raise Unauthorized(
            f"you are not logged in at `{registry.name}`",
            detail=f"no token is kept for {registry.url}",
            hint="donkeytui login",
        )
    state = await (await account_client(session)).session_state()
    return Identity(
        registry=registry.name,
        user=state.user,
        is_admin=state.is_admin,
        scopes=state.scopes,
        pattern=state.pattern,
        expires_at=state.expires_at,
        place=found.place if found is not None else "not-needed",
        plugins=state.plugins,
        invitations=state.invitations,
    )


def machine_label() -> str:
    """`user@host`, for the list of tokens at the registry."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a number that no account has
        user = "someone"
    name = clean(f"{user}@{platform.node() or 'somewhere'}", LABEL_MAX)
    return "".join(character if character.isprintable() else "?" for character in name)


def warn_if_exposed(session: Session, report: Report) -> None:
    """Says once, before a secret goes over a line that others can read, that they can."""
    registry = session.settings.registry
    if not registry.is_embedded and is_exposed(registry.url):
        text = (
            f"{registry.url} is plain http: whoever sits between here and there can read your password"
            " and your token, and act with it"
        )
        report(Notice(severity="warning", code="plain-http", text=text, hint="ask its operator for https"))


async def _keep(session: Session, token: str, *, is_kept: bool, report: Report) -> Login:
    """Asks the registry whose it is, and only then keeps it."""
    state = await (await account_client(session)).session_state(token)
    if not is_kept:
        return _login(session, state, token=token)
    credentials = session.credentials
    place = await session.in_thread(
        lambda: credentials.keep(token, user=state.user, expires_at=state.expires_at)
    )
    if credentials.variable:
        text = f"the variable {VARIABLE} is set, and goes before the token that is kept now"
        report(Notice(severity="warning", code="variable-first", text=text, hint=f"unset {VARIABLE}"))
    return _login(session, state, place=place)


def _login(session: Session, state: SessionState, *, place: Place | None = None, token: str = "") -> Login:
    return Login(
        registry=session.settings.registry.name,
        user=state.user,
        scopes=state.scopes,
        pattern=state.pattern,
        expires_at=state.expires_at,
        place="nowhere" if place is None else "keyring" if place == "keyring" else "file",
        file=str(session.credentials.file) if place == "file" else "",
        token=token,
    )


async def _end(session: Session, kept: FoundToken) -> tuple[Literal["ended", "was-over", "still-good"], str]:
    """Whether the registry knows the token no more; else why it could not be told."""
    try:
        await (await account_client(session)).log_out(kept.token)
    except Unauthorized:
        return "was-over", ""
    except ProblemError as error:
        return "still-good", error.problem.title
    return "ended", ""
