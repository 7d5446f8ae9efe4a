"""The registry inside another process: the same app and pipeline, no port.

`open_embedded` is what a host calls. `publish_starter` brings a fresh registry its first plugins
through the ordinary publish path; it may be interrupted and called again at any time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from registry_server.http.app import build_app
from registry_server.operations import starter
from registry_server.registry import Clock, Registry, now_utc, open_registry

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class Embedded:
    """An open embedded registry; close it when the app's lifespan has ended."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.app: ASGIApp = build_app(registry, is_local=True)

    def needs_starter(self) -> bool:
        return starter.is_due(self._registry)

    def publish_starter(self, on_published: Callable[[str, int, int], None]) -> None:
        """Blocking, about a second; `on_published` hears name, number done and total."""
        starter.publish_starter(self._registry, on_published)

    def close(self) -> None:
        self._registry.close()


def open_embedded(data: Path, clock: Clock = now_utc) -> Embedded:
    """Raises `RegistryBusy` or `RegistryDamaged` when the folder cannot be used."""
    return Embedded(open_registry(data, clock))


async def serve_on_port(data: Path, *, host: str, port: int, on_ready: Callable[[], None]) -> None:
    """The embedded registry for the neighbours, until SIGINT or SIGTERM.

    Reading is open to all; writing over the port needs a token, because a port has no owner.
    Raises `OSError` when the port cannot be had.
    """
    from registry_server.http.serve import serve

    registry = open_registry(data)
    try:
        if starter.is_due(registry):
            starter.publish_starter(registry, lambda _name, _done, _total: None)
        await serve(registry, host=host, port=port, on_ready=on_ready)
    finally:
        registry.close()
