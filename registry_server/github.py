"""The one door to GitHub: its device flow (RFC 8628) and the question who agreed.

Only the addresses of the settings are ever asked, and only when somebody logs in. What GitHub calls a device
code stays here; the person's own program gets a handle of ours.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from msgspec import Meta, Struct

from registry_server.contract.account_wire import DeviceStart
from registry_server.contract.problems import InvalidRequest, LoginRefused, RegistryBusy, UpstreamFailed

PENDING_MAX = 1000
ANSWER_MAX_BYTES = 1 << 16
TIMEOUT_SECONDS = 10.0
SLOWER_SECONDS = 5
"""What RFC 8628 adds to the interval when asked to slow down."""
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


T = TypeVar("T")


class GitHubAddresses(Protocol):
    """What the settings say."""

    @property
    def client_id(self) -> str: ...
    @property
    def device_url(self) -> str: ...
    @property
    def token_url(self) -> str: ...
    @property
    def user_url(self) -> str: ...


class Person(Struct, frozen=True):
    id: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    login: str


class Polled(Struct, frozen=True, kw_only=True):
    person: Person | None
    """None: not agreed yet."""
    interval: int
    """Seconds to wait before asking again."""


class _Device(Struct, frozen=True):
    """GitHub's answer to a start."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int = 900
    interval: int = 5


class _Grant(Struct, frozen=True):
    """GitHub's answer to a poll; one of the two is there."""

    access_token: str = ""
    error: str = ""


class _Pending(Struct):
    device_code: str
    expires_at: float
    interval: int
    next_poll_at: float


class GitHub:
    """Logins under way; safe to use from several threads."""

    def __init__(self, addresses: GitHubAddresses, clock: Callable[[], float] = time.monotonic) -> None:
        self._addresses = addresses
        self._clock = clock
        self._pending: dict[str, _Pending] = {}
        self._lock = threading.Lock()

    def start(self) -> DeviceStart:
        """Raises `UpstreamFailed`, or `RegistryBusy` when too many logins wait."""
        self._forget_expired()
        device = self._ask(
            "POST", self._addresses.device_url, _Device, data={"client_id": self._addresses.client_id}
        )
        interval = min(max(device.interval, 1), 60)
        expires_in = min(max(device.expires_in, 30), 3600)
        now = self._clock()
        handle = secrets.token_urlsafe(24)
        with self._lock:
            if len(self._pending) >= PENDING_MAX:
                raise RegistryBusy("too many logins wait for GitHub", hint="try again in some minutes")
            self._pending[handle] = _Pending(device.device_code, now + expires_in, interval, now)
        return DeviceStart(
            handle=handle,
            user_code=device.user_code[:40],
            verification_uri=device.verification_uri[:300],
            expires_in=expires_in,
            interval=interval,
        )

    def poll(self, handle: str) -> Polled:
        """Asks GitHub at most once in the interval it wants.

        Raises `InvalidRequest` for an unknown handle, `LoginRefused` when the person said no or came too
        late, `UpstreamFailed`.
        """
        pending = self._take_turn(handle)
        if pending is None:
            with self._lock:
                interval = self._pending[handle].interval if handle in self._pending else SLOWER_SECONDS
            return Polled(person=None, interval=interval)
        form = {
            "client_id": self._addresses.client_id,
            "device_code": pending.device_code,
            "grant_type": GRANT,
        }
        grant = self._ask("POST", self._addresses.token_url, _Grant, data=form)
        if grant.access_token:
            self._forget(handle)
            bearer = {"Authorization": f"Bearer {grant.access_token}"}
            return Polled(
                person=self._ask("GET", self._addresses.user_url, Person, headers=bearer), interval=0
            )
        return self._not_yet(handle, pending, grant.error)

    def _not_yet(self, handle: str, pending: _Pending, error: str) -> Polled:
        if error == "slow_down":
            with self._lock:
                pending.interval += SLOWER_SECONDS
                pending.next_poll_at += SLOWER_SECONDS
        elif error != "authorization_pending":
            self._forget(handle)
            if error == "expired_token":
                raise LoginRefused("the code was not entered in time", hint="donkeytui login --github")
            if error == "access_denied":
                raise LoginRefused("the login was refused at GitHub", hint="donkeytui login --github")
            raise UpstreamFailed(
                "GitHub refuses the login", detail=error[:100], hint="tell the registry's operator"
            )
        return Polled(person=None, interval=pending.interval)

    def _take_turn(self, handle: str) -> _Pending | None:
        """None when it is too early to ask again, or somebody else is asking."""
        self._forget_expired()
        now = self._clock()
        with self._lock:
            pending = self._pending.get(handle)
            if pending is None:
                raise InvalidRequest(
                    "there is no such login under way",
                    detail="it ended, or took too long",
                    hint="donkeytui login --github",
                )
            if now < pending.next_poll_at:
                return None
            pending.next_poll_at = now + pending.interval
            return pending

    def _forget(self, handle: str) -> None:
        with self._lock:
            self._pending.pop(handle, None)

    def _forget_expired(self) -> None:
        now = self._clock()
        with self._lock:
            for handle in [handle for handle, pending in self._pending.items() if pending.expires_at < now]:
                del self._pending[handle]

    def _ask(self, method: str, url: str, kind: type[T], **options: Any) -> T:
        import httpx

        headers = {
            "Accept": "application/json",
            "User-Agent": "registry-server",
            **options.pop("headers", {}),
        }
        try:
            with (
                httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
                client.stream(method, url, headers=headers, **options) as response,
            ):
                data = _bounded(response.iter_bytes())
                # RFC 8628 has the errors of a poll come with 400; GitHub sends them with 200.
                if not (kind is _Grant and response.status_code == httpx.codes.BAD_REQUEST):
                    response.raise_for_status()
            return msgspec.json.decode(data, type=kind)
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, UnicodeError) as error:
            raise UpstreamFailed(
                "GitHub does not answer as expected",
                detail=type(error).__name__,
                hint="try again, or log in with a token",
            ) from error


def _bounded(chunks: Iterator[bytes]) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > ANSWER_MAX_BYTES:
            raise UpstreamFailed("GitHub's answer is too long", hint="tell the registry's operator")
    return bytes(data)
