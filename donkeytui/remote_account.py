"""AccountClient: the calls about people: sessions, tokens, owners, lifecycle, ratings, statistics.

On top of `RegistryClient`, which shows the token and turns refusals into problems. What is returned went
through `clean`, field by field, and has no number that no registry would have.
"""

from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from donkeytui.problems import UnexpectedResponse
from donkeytui.remote import RegistryClient
from registry_server.contract import routes
from registry_server.contract.account_wire import (
    DevicePoll,
    DeviceStart,
    DeviceState,
    IssuedToken,
    LoginMethods,
    LoginRequest,
    OwnerRequest,
    Owners,
    SessionState,
    TokenInfo,
    TokenRequest,
)
from registry_server.contract.foreign import clean
from registry_server.contract.review_wire import (
    AuthorStats,
    PluginStats,
    RatingPage,
    RatingRequest,
    ReasonRequest,
    RegistryStats,
    ReplyRequest,
    ReviewSort,
)
from registry_server.contract.routes import REVIEW_MAX
from registry_server.contract.wire import Deprecation, PluginUpdate, Success, YankRequest

ANSWER_MAX_BYTES = 4 << 20
NUMBER_MAX = 2**53
TEXT_MAX = 1000
_MULTILINE = frozenset({"review", "reply"})

T = TypeVar("T")


class AccountClient:
    """Calls of one registry on behalf of the holder of the token."""

    def __init__(self, client: RegistryClient) -> None:
        self._client = client

    # Sessions and tokens.

    async def login_methods(self) -> LoginMethods:
        return await self._get(f"{routes.SESSION}/methods", LoginMethods)

    async def log_in(self, request: LoginRequest) -> IssuedToken:
        return await self._send("POST", routes.SESSION, IssuedToken, request, token="")

    async def start_device_login(self) -> DeviceStart:
        return await self._send("POST", f"{routes.SESSION}/device", DeviceStart, token="")

    async def poll_device_login(self, request: DevicePoll) -> DeviceState:
        return await self._send("POST", f"{routes.SESSION}/device/poll", DeviceState, request, token="")

    async def session_state(self, token: str = "") -> SessionState:
        """Of the token that is kept, unless another is given."""
        return await self._get_own(routes.SESSION, SessionState, token=token)

    async def log_out(self, token: str) -> None:
        """Ends `token`."""
        await self._send("DELETE", routes.SESSION, Success, token=token)

    async def list_tokens(self) -> list[TokenInfo]:
        return await self._get_own(routes.TOKENS, list[TokenInfo])

    async def create_token(self, request: TokenRequest) -> IssuedToken:
        return await self._send("POST", routes.TOKENS, IssuedToken, request)

    async def revoke_token(self, number: int) -> None:
        await self._send("DELETE", f"{routes.TOKENS}/{number}", Success)

    # Owners.

    async def owners(self, name: str) -> Owners:
        return await self._get(f"{routes.plugin(name)}/owners", Owners)

    async def invite_owner(self, name: str, user: str) -> Owners:
        return await self._send("POST", f"{routes.plugin(name)}/owners", Owners, OwnerRequest(user=user))

    async def remove_owner(self, name: str, user: str) -> None:
        await self._send("DELETE", routes.owner(name, user), Success)

    async def accept_invitation(self, name: str) -> None:
        await self._send("POST", routes.invitation(name), Success)

    async def decline_invitation(self, name: str) -> None:
        await self._send("DELETE", routes.invitation(name), Success)

    # What an owner withdraws.

    async def deprecate(self, name: str, deprecation: Deprecation) -> None:
        await self._send("PUT", routes.plugin(name), Success, PluginUpdate(deprecation=deprecation))

    async def yank(self, name: str, version: str, reason: str) -> None:
        await self._send("POST", f"{routes.release(name, version)}/yank", Success, YankRequest(reason=reason))

    async def unyank(self, name: str, version: str) -> None:
        await self._send("POST", f"{routes.release(name, version)}/unyank", Success)

    # Ratings and reviews.

    async def ratings(self, name: str, sort: ReviewSort, page: int) -> RatingPage:
        query = urlencode({"sort": sort, "page": page})
        return await self._get(f"{routes.plugin(name)}/ratings?{query}", RatingPage)

    async def rate(self, name: str, request: RatingRequest) -> None:
        await self._send("POST", f"{routes.plugin(name)}/ratings", Success, request)

    async def unrate(self, name: str) -> None:
        await self._send("DELETE", f"{routes.plugin(name)}/ratings", Success)

    async def vote_helpful(self, name: str, author: str, *, is_helpful: bool) -> None:
        method = "POST" if is_helpful else "DELETE"
        await self._send(method, f"{routes.rating(name, author)}/helpful", Success)

    async def report_review(self, name: str, author: str, reason: str) -> None:
        await self._send(
            "POST", f"{routes.rating(name, author)}/report", Success, ReasonRequest(reason=reason)
        )

    async def reply_to_review(self, name: str, author: str, reply: str) -> None:
        await self._send("PUT", f"{routes.rating(name, author)}/reply", Success, ReplyRequest(reply=reply))

    # Statistics.

    async def registry_stats(self) -> RegistryStats:
        return await self._get(routes.STATS, RegistryStats)

    async def plugin_stats(self, name: str, *, is_own: bool) -> PluginStats:
        """`is_own`: with the token, for what only owners see."""
        path = f"{routes.plugin(name)}/stats"
        return await (self._get_own(path, PluginStats) if is_own else self._get(path, PluginStats))

    async def user_stats(self, user: str) -> AuthorStats:
        return await self._get_own(routes.user_stats(user), AuthorStats)

    async def _get(self, path: str, kind: type[T]) -> T:
        return _cleaned(await self._client.get(path, kind, limit=ANSWER_MAX_BYTES))

    async def _get_own(self, path: str, kind: type[T], token: str = "") -> T:
        return _cleaned(await self._client.get_own(path, kind, limit=ANSWER_MAX_BYTES, token=token))

    async def _send(
        self, method: str, path: str, kind: type[T], body: Struct | None = None, *, token: str | None = None
    ) -> T:
        sent = await self._client.send(method, path, kind, body=body, limit=ANSWER_MAX_BYTES, token=token)
        return _cleaned(sent)


def _cleaned(value: T, field: str = "") -> T:
    """The same with its texts fit for a terminal, as deep as the structs of the contract go."""
    cleaned: object = value
    match value:
        case str():
            is_multiline = field in _MULTILINE
            cleaned = clean(value, REVIEW_MAX if is_multiline else TEXT_MAX, multiline=is_multiline)
        case Struct():
            fields = {name: _cleaned(getattr(value, name), name) for name in value.__struct_fields__}
            cleaned = msgspec.structs.replace(value, **fields)
        case tuple() | list():
            cleaned = type(value)(_cleaned(each, field) for each in value)
        case int() | float():
            if not -NUMBER_MAX <= value <= NUMBER_MAX:
                raise UnexpectedResponse(
                    "the registry did not answer as a registry does",
                    detail=f"`{field}` is beyond all counting",
                    hint="check its address: donkeytui registry list",
                )
    return cleaned  # type: ignore[return-value]
