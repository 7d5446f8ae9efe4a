"""The app stays up whatever becomes of its caches."""

import asyncio
from pathlib import Path

import msgspec

from donkeytui.settings import RegistryEntry, Settings
from tests.support.builders import FixedClock
from tests.support.screens import running_app, seen, settled, type_text


def look(settings: Settings, clock: FixedClock) -> str:
    async def run() -> str:
        async with running_app(settings, clock, size=(100, 30)) as pilot:
            await pilot.press("slash")
            await type_text(pilot, "auth")
            await pilot.press("enter", "2", "4", "1")
            await settled(pilot)
            assert pilot.app.is_running
            return seen(pilot)

    return asyncio.run(run())


def test_a_cache_that_is_a_file_leaves_the_app_up(
    settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the cache should be")

    assert "1 Browse" in look(settings, clock)


def test_a_registry_that_cannot_be_reached_is_said_in_the_badge(
    settings: Settings, clock: FixedClock
) -> None:
    registry = RegistryEntry("team", "http://127.0.0.1:9")
    offline = msgspec.structs.replace(settings, registry=registry, registries=(registry,), is_offline=True)

    shown = look(offline, clock)

    assert "team" in shown
    assert "offline" in shown
