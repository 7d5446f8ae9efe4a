"""Calls of an ASGI app in this process, through the transport the client uses itself."""

import asyncio
from typing import Any

import httpx

from donkeytui.embedded import BASE_URL, Asgi, EmbeddedTransport
from registry_server.operations.accounts import Caller
from registry_server.registry import Registry
from registry_server.store import accounts


class Api:
    """One call = one event loop, so that nothing of a call outlives it."""

    def __init__(self, app: Any, token: str = "") -> None:
        self._app: Asgi = app
        self._token = token

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._send(method, path, options))

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Underscores in the names of headers become dashes."""
        return self("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def head(self, path: str, **headers: str) -> httpx.Response:
        return self("HEAD", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def with_token(self, token: str) -> "Api":
        return Api(self._app, token)

    async def _send(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        authorization = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        transport = EmbeddedTransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=authorization) as client:
            return await client.request(method, path, **options)


def a_caller(registry: Registry, name: str, *scopes: str, pattern: str = "*") -> Caller:
    """Somebody with a token of these scopes, made when unknown; never an admin."""
    with registry.database.write() as connection:
        user = accounts.ensure_user(connection, name, is_admin=False, now=registry.clock())
    return Caller(user=user, scopes=frozenset(scopes), pattern=pattern)


def problem_code(response: httpx.Response) -> str:
    """The code of a problem, which must have come as one."""
    assert response.headers["content-type"] == "application/problem+json", response.text[:300]
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:donkeylabs:problem:{body['code']}"
    code: str = body["code"]
    return code
