"""What a server does beside its requests: the index follows the feed, and no publish waits for it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from donkeytui.embedded import BASE_URL, EmbeddedTransport, lifespan_of
from registry_server.http.app import build_app, wait_for_change
from registry_server.operations import publish as publishing
from registry_server.operations.accounts import local_caller
from registry_server.operations.tokens import create_token
from registry_server.registry import Registry, open_registry
from registry_server.store import changes
from tests.support.builders import FixedClock, package

PATIENCE_SECONDS = 20


def served(registry: Registry, use: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
    """What `use` gives while a server runs, background included."""

    async def run() -> Any:
        app = build_app(registry, is_local=False, flush_seconds=0.05)
        async with (
            lifespan_of(app),
            httpx.AsyncClient(transport=EmbeddedTransport(app), base_url=BASE_URL) as client,
        ):
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await use(client)

    return asyncio.run(run())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - threads bring it about, and tell nobody
        await asyncio.sleep(0)


def index_serial(registry: Registry) -> int:
    manifest = registry.index.manifest()
    return manifest.cursor if manifest else 0


def feed_serial(registry: Registry) -> int:
    return changes.current_serial(registry.database.read())


def test_the_index_catches_up_at_the_start_with_what_a_crash_left(registry: Registry) -> None:
    publishing.publish(registry, local_caller(registry), package("auth"))
    assert index_serial(registry) == 0

    async def use(client: httpx.AsyncClient) -> list[str]:
        await until(lambda: index_serial(registry) == feed_serial(registry) and registry.is_followed)
        found = await client.get("/api/plugins?q=auth")
        return [plugin["name"] for plugin in found.json()["plugins"]]

    assert served(registry, use) == ["auth"]


def test_a_publish_is_found_soon_without_anybody_searching(registry: Registry) -> None:
    token = create_token(registry, "ada", scopes=("publish", "publish-new"))

    async def use(client: httpx.AsyncClient) -> list[str]:
        await until(lambda: registry.is_followed)
        form = {"package": ("package.tar.gz", package("mail"), "application/gzip")}
        answer = await client.post("/api/plugins", files=form, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 201
        await until(lambda: index_serial(registry) == feed_serial(registry))
        found = await client.get("/api/plugins?q=mail")
        return [plugin["name"] for plugin in found.json()["plugins"]]

    assert served(registry, use) == ["mail"]


def test_a_change_by_the_operators_program_is_noticed(registry: Registry, tmp_path: Path) -> None:
    async def use(client: httpx.AsyncClient) -> list[str]:
        await until(lambda: registry.is_followed)
        beside = open_registry(tmp_path / "data" / "registry", FixedClock())
        publishing.publish(beside, local_caller(beside), package("billing"))
        beside.close()
        await until(lambda: index_serial(registry) == feed_serial(registry) > 0)
        found = await client.get("/api/plugins?q=billing")
        return [plugin["name"] for plugin in found.json()["plugins"]]

    assert served(registry, use) == ["billing"]


def test_a_search_without_a_follower_brings_the_index_there_itself(registry: Registry) -> None:
    publishing.publish(registry, local_caller(registry), package("auth"))
    app = build_app(registry, is_local=False)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=EmbeddedTransport(app), base_url=BASE_URL) as client:
            return await client.get("/api/plugins?q=auth")

    assert asyncio.run(ask()).json()["pagination"]["total"] == 1


@pytest.mark.parametrize("query", ["", "?q=auth", "?facets=category"])
def test_a_page_that_was_kept_is_never_older_than_the_feed(registry: Registry, query: str) -> None:
    owner = local_caller(registry)
    publishing.publish(registry, owner, package("auth", categories=["security"]))

    async def use(client: httpx.AsyncClient) -> tuple[str, str]:
        await until(lambda: registry.is_followed)
        first = (await client.get(f"/api/plugins{query}")).json()["plugins"][0]["latestVersion"]
        await asyncio.to_thread(publishing.publish, registry, owner, package("auth", "1.1.0"))
        await until(lambda: index_serial(registry) == feed_serial(registry))
        second = (await client.get(f"/api/plugins{query}")).json()["plugins"][0]["latestVersion"]
        return first, second

    assert served(registry, use) == ("1.0.0", "1.1.0")


@pytest.mark.parametrize("turns", range(6))
def test_a_server_told_to_stop_as_a_change_comes_stops(turns: int) -> None:
    async def stopped() -> bool:
        changed = asyncio.Event()
        waiting = asyncio.create_task(wait_for_change(changed, 3600))
        for _ in range(3):
            await asyncio.sleep(0)
        changed.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        was_asked = waiting.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled() is was_asked

    assert asyncio.run(stopped())
