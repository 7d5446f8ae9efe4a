"""How the screens look: SVG baselines, few on purpose. Update them with `pytest --snapshot-update`."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from donkeytui.operations.show import read_readme
from donkeytui.operations.sync import sync
from donkeytui.session import Session, open_session
from donkeytui.settings import Settings
from donkeytui.tui.app import LIGHT, DonkeyApp
from tests.support.builders import FixedClock
from tests.support.screens import settled, type_text


@pytest.fixture
def app(settings: Settings, clock: FixedClock, starter_data: Path) -> Iterator[DonkeyApp]:
    """On a catalogue that is current and READMEs that are kept, so that nothing has to be opened."""
    shutil.copytree(starter_data, settings.data_dir)

    async def prepare() -> None:
        async with open_session(settings, clock=clock) as session:
            await sync(session)
            for document in session.catalogue.all_documents():
                latest = next(r for r in document.versions if r.version == document.latest_version)
                await read_readme(session, document.name, latest)

    asyncio.run(prepare())
    session = Session(settings, AsyncExitStack(), clock, None)
    session.ticks = lambda: 0.0
    yield DonkeyApp(session)
    session.catalogue.close()


async def search_auth(pilot: Pilot[Any]) -> None:
    await pilot.press("slash")
    await type_text(pilot, "auth")
    await pilot.press("enter")
    await settled(pilot)


async def review_plan(pilot: Pilot[Any]) -> None:
    await search_auth(pilot)
    await pilot.press("i", "a")
    await settled(pilot)


async def show_help(pilot: Pilot[Any]) -> None:
    await settled(pilot)
    await pilot.press("question_mark")
    await settled(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_browse(snap_compare: Callable[..., bool], app: DonkeyApp, size: tuple[int, int]) -> None:
    assert snap_compare(app, terminal_size=size, run_before=search_auth)


def test_browse_narrow(snap_compare: Callable[..., bool], app: DonkeyApp) -> None:
    assert snap_compare(app, terminal_size=(60, 20), run_before=settled)


def test_browse_light(snap_compare: Callable[..., bool], app: DonkeyApp) -> None:
    app.theme = LIGHT.name
    assert snap_compare(app, terminal_size=(120, 40), run_before=search_auth)


def test_plan(snap_compare: Callable[..., bool], app: DonkeyApp) -> None:
    assert snap_compare(app, terminal_size=(80, 24), run_before=review_plan)


def test_help(snap_compare: Callable[..., bool], app: DonkeyApp) -> None:
    assert snap_compare(app, terminal_size=(80, 24), run_before=show_help)
