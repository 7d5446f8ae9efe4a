"""Session: settings, client, catalogue, index, project root, clock; holds, does not act.

What is expensive (the registry, httpx) opens on first use, so that a search from the catalogue pays
for neither. Everything that was opened is closed when the session's block ends.
"""

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from donkeytui.catalogue import Catalogue
from donkeytui.credentials import Credentials
from donkeytui.problems import OfflineMissing
from donkeytui.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from httpx import AsyncBaseTransport

    from donkeytui.remote import RegistryClient
    from registry_server.embedded import Embedded
    from registry_server.search.index import SearchIndex

P = ParamSpec("P")
T = TypeVar("T")
Clock = Callable[[], datetime]


def now_utc() -> datetime:
    return datetime.now(UTC)


class Session:
    """What an operation of the client may touch. Made by `open_session`."""

    def __init__(
        self, settings: Settings, stack: AsyncExitStack, clock: Clock, transport: "AsyncBaseTransport | None"
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.ticks: Callable[[], float] = time.perf_counter
        """Seconds for measuring how long something took."""
        folder = settings.cache_dir / "catalogues" / _folder_name(settings.registry.url)
        self.catalogue = Catalogue(folder)
        self.credentials = Credentials(settings.data_dir, settings.registry, settings.token)
        self._index_folder = folder / "search"
        self.package_cache: Path = settings.cache_dir / "packages"
        self.readme_cache: Path = folder / "readmes"
        self.sync_lock = asyncio.Lock()
        """One sync at a time in this process; a second one waits and then finds nothing to do."""
        self._stack = stack
        self._transport = transport
        self._opening = asyncio.Lock()
        self._client: RegistryClient | None = None
        self._embedded: Embedded | None = None

    @cached_property
    def index(self) -> "SearchIndex":
        from registry_server.search.index import SearchIndex

        return SearchIndex(self._index_folder)

    async def client(self) -> "RegistryClient":
        """The registry in use, opened on the first call.

        Raises `OfflineMissing` when the session is offline and the registry is across a network.
        """
        if self.settings.is_offline and not self.settings.registry.is_embedded:
            raise OfflineMissing(
                "this needs the registry, and the session is offline",
                detail=f"the registry in use is {self.settings.registry.url}",
                hint="leave out --offline (or DONKEYTUI_OFFLINE)",
            )
        async with self._opening:
            if self._client is None:
                self._client = await self._open_client()
            return self._client

    async def embedded(self) -> "Embedded | None":
        """The registry in this process, or None when the one in use is elsewhere."""
        if not self.settings.registry.is_embedded:
            return None
        await self.client()
        return self._embedded

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs blocking work off the loop."""
        return await asyncio.to_thread(function, *args, **kwargs)

    async def _open_client(self) -> "RegistryClient":
        # httpx has a command line of its own, and does without where that cannot be imported; importing
        # it takes four times as long as the rest.
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
        from donkeytui.remote import RegistryClient, make_http_client

        registry = self.settings.registry
        if registry.is_embedded:
            from donkeytui import embedded

            folder = self.settings.data_dir / "registry"
            self._embedded = await self._stack.enter_async_context(embedded.running(folder, self.clock))
            http = make_http_client(embedded.BASE_URL, "", embedded.EmbeddedTransport(self._embedded.app))
        else:
            http = make_http_client(registry.url, self._token, self._transport)
        await self._stack.enter_async_context(http)
        return RegistryClient(http, registry.name)

    async def _token(self) -> str:
        """For the client, when a request needs one; empty without."""
        found = await self.in_thread(self.credentials.find)
        return found.token if found is not None else ""


@asynccontextmanager
async def open_session(
    settings: Settings, *, clock: Clock = now_utc, transport: "AsyncBaseTransport | None" = None
) -> AsyncIterator[Session]:
    """`transport` stands in for the network towards an http registry."""
    async with AsyncExitStack() as stack:
        session = Session(settings, stack, clock, transport)
        stack.callback(session.catalogue.close)
        yield session


def _folder_name(url: str) -> str:
    """Two registries never share a catalogue, whatever they are called."""
    return "embedded" if url == "embedded:" else hashlib.sha256(url.encode()).hexdigest()[:24]
