"""Who sent a request: the owner of an embedded registry, the holder of a token, or nobody."""

from starlette.requests import Request

from registry_server.contract.problems import Unauthorized
from registry_server.http.addresses import client_address, limit_key
from registry_server.operations.accounts import Caller, authenticate, local_caller
from registry_server.registry import Registry


def registry_of(request: Request) -> Registry:
    registry = request.app.state.registry
    assert isinstance(registry, Registry)
    return registry


def address_of(request: Request) -> str:
    """The client's address, as far as trusted proxies tell it; empty inside a process."""
    if request.app.state.is_local or request.client is None:
        return ""
    trusted = registry_of(request).settings.trusted_proxies
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")) if trusted else ""
    return client_address(request.client.host, forwarded, trusted)


def caller_of(request: Request, address: str = "") -> Caller | None:
    """Raises `Unauthorized` for a token that does not work, `RateLimited` after too many of them.

    One that works is taken whatever came before it: many people may share an address.
    """
    registry = registry_of(request)
    if request.app.state.is_local:
        return local_caller(registry)
    shown = request.headers.get("authorization")
    if not shown:
        return None
    try:
        return authenticate(registry, shown, address)
    except Unauthorized:
        registry.limits.spend("failed-auth", limit_key(address))
        raise


def limit_key_of(caller: Caller | None, address: str) -> str:
    """Whose bucket a request draws from."""
    return f"user {caller.user.id}" if caller is not None else limit_key(address)
