"""Who sent a request: the owner of an embedded registry, the holder of a token, or nobody."""

from starlette.requests import Request

from registry_server.operations.accounts import Caller, authenticate, local_caller
from registry_server.registry import Registry


def registry_of(request: Request) -> Registry:
    registry = request.app.state.registry
    assert isinstance(registry, Registry)
    return registry


def caller_of(request: Request) -> Caller | None:
    """Raises `Unauthorized` for a token that does not work."""
    if request.app.state.is_local:
        return local_caller(registry_of(request))
    return authenticate(registry_of(request), request.headers.get("authorization"))
