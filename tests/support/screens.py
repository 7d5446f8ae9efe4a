"""The app in a test: what a person would see, as text."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from donkeytui.session import open_session
from donkeytui.settings import Settings
from donkeytui.tui.app import DonkeyApp


def seen(pilot: Pilot[Any]) -> str:
    """The screen, line by line, trailing spaces taken off."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def settled(pilot: Pilot[Any]) -> None:
    """Waits until no operation runs and everything is drawn."""
    while any(not worker.is_finished for worker in pilot.app.workers):
        await pilot.pause(0.01)
    await pilot.pause()
    await pilot.pause()
    while any(not worker.is_finished for worker in pilot.app.workers):
        await pilot.pause(0.01)
    await pilot.pause()


@asynccontextmanager
async def running_app(
    settings: Settings, clock: Any, *, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[Pilot[Any]]:
    """The app on a session of its own, started and settled."""
    async with open_session(settings, clock=clock) as session:
        app = DonkeyApp(session)
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            yield pilot


async def type_text(pilot: Pilot[Any], text: str) -> None:
    await pilot.press(*["space" if character == " " else character for character in text])
