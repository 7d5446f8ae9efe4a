"""Serve the embedded registry on a port for the neighbours."""

from collections.abc import Callable

from donkeytui import embedded
from donkeytui.problems import PortUnavailable
from donkeytui.settings import Settings


async def serve(settings: Settings, *, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Runs until interrupted; `on_ready` hears the address. Raises `PortUnavailable`."""
    address = f"http://{host}:{port}"
    try:
        await embedded.serve(
            settings.data_dir / "registry", host=host, port=port, on_ready=lambda: on_ready(address)
        )
    except OSError as error:
        raise PortUnavailable(
            f"port {port} on {host} cannot be used", detail=str(error), hint="choose another one with --port"
        ) from error
