"""The plan in the app: ways out of a conflict, pins, edits that are carried over, undo."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from donkeytui.operations.apply import apply_plan
from donkeytui.operations.changes import Changes, plan_changes
from donkeytui.project.lockfile import parse_lockfile
from donkeytui.settings import Settings
from tests.support.builders import FixedClock, tree
from tests.support.screens import running_app, seen, settled, type_text

PLUGINS = "src/server/plugins"
LINES = "".join(f"export const line{number} = {number};\n" for number in range(9))


class Desk:
    """A project, a registry to publish to, and the app on both."""

    def __init__(
        self,
        publish: Callable[..., Any],
        in_session: Callable[..., Any],
        settings: Settings,
        clock: FixedClock,
    ) -> None:
        self.publish = publish
        self.project = settings.project_start
        self._in_session = in_session
        self._settings = settings
        self._clock = clock

    def install(self, *wanted: str) -> None:
        async def operate(session: Any) -> None:
            await apply_plan(session, await plan_changes(session, Changes(install=wanted)))

        self._in_session(operate)

    def app(self) -> AbstractAsyncContextManager[Pilot[Any]]:
        return running_app(self._settings, self._clock, size=(120, 36))


@pytest.fixture
def desk(
    publish: Callable[..., Any], in_session: Callable[..., Any], settings: Settings, clock: FixedClock
) -> Desk:
    return Desk(publish, in_session, settings, clock)


def versions(project: Path) -> dict[str, str]:
    return parse_lockfile((project / "donkeylabs-lock.json").read_text()).versions


async def stage_install(pilot: Pilot[Any], name: str) -> None:
    await pilot.press("slash")
    await type_text(pilot, name)
    await settled(pilot)
    await pilot.press("enter")
    await pilot.press("i")
    await settled(pilot)


async def press(pilot: Pilot[Any], *keys: str) -> str:
    await pilot.press(*keys)
    await settled(pilot)
    return seen(pilot)


def test_a_conflict_shows_its_sentences_and_enter_plans_a_way_out(desk: Desk) -> None:
    desk.publish("users", "1.0.0")
    desk.install("users")
    desk.publish("users", "2.0.0")
    desk.publish("invoice", needs={"users": "^2.0.0"})

    async def run() -> tuple[str, str, str]:
        async with desk.app() as pilot:
            await press(pilot, "R")
            await stage_install(pilot, "invoice")
            conflict = await press(pilot, "4")
            planned = await press(pilot, "enter")
            return conflict, planned, await press(pilot, "A")

    conflict, planned, done = asyncio.run(run())

    assert "1. you asked for `invoice`" in conflict
    assert "→ `users` ^2.0.0 brings users 2.0.0, invoice 1.0.0" in conflict
    assert "1.0.0 → 2.0.0" in planned
    assert "Done" in done
    assert versions(desk.project) == {"invoice": "1.0.0", "users": "2.0.0"}


def test_undo_is_a_plan_to_look_at_and_brings_everything_back(desk: Desk) -> None:
    desk.publish("users")
    before = tree(desk.project)
    desk.install("users")

    async def run() -> tuple[str, str, str]:
        async with desk.app() as pilot:
            await press(pilot, "4")
            planned = await press(pilot, "Z")
            assert tree(desk.project) != before
            done = await press(pilot, "A")
            return planned, done, await press(pilot, "Z")

    planned, done, nothing = asyncio.run(run())

    assert "undo install users" in planned
    assert "removed users 1.0.0" in done
    assert "there is nothing to undo" in nothing
    assert "goes ahead" not in nothing
    assert tree(desk.project) == before


def test_forcing_a_plan_forces_no_undo_after_it(desk: Desk) -> None:
    desk.publish("users")
    own = desk.project / PLUGINS / "users" / "index.ts"
    own.parent.mkdir(parents=True)
    own.write_text("export const mine = true;\n")

    async def run() -> tuple[str, str]:
        async with desk.app() as pilot:
            await press(pilot, "R")
            await stage_install(pilot, "users")
            await press(pilot, "4", "F")
            done = await press(pilot, "A")
            own.write_text("export const edited = true;\n")
            return done, await press(pilot, "Z")

    done, undoing = asyncio.run(run())

    assert "Done" in done
    assert "cannot be undone as it stands" in undoing
    assert "F goes ahead all the same" in undoing


def test_what_is_staged_stays_staged_through_an_undo(desk: Desk) -> None:
    desk.publish("users")
    desk.install("users")
    desk.publish("mail")

    async def run() -> str:
        async with desk.app() as pilot:
            await press(pilot, "R")
            await stage_install(pilot, "mail")
            await press(pilot, "4", "Z")
            await press(pilot, "A")
            await press(pilot, "2")
            return await press(pilot, "4")

    planned = asyncio.run(run())

    assert not (desk.project / "donkeylabs-lock.json").exists()
    assert "+ install" in planned
    assert "mail" in planned


def test_edits_that_meet_a_release_are_said_before_and_after(desk: Desk) -> None:
    desk.publish("users", "1.0.0", extra={"lines.ts": LINES})
    desk.install("users@^1")
    desk.publish("users", "1.1.0", extra={"lines.ts": LINES.replace("line1 = 1", "line1 = 100")})
    edited = desk.project / PLUGINS / "users" / "lines.ts"
    edited.write_text(LINES.replace("line1 = 1", "line1 = 7"))

    async def run() -> tuple[str, str, str]:
        async with desk.app() as pilot:
            await press(pilot, "R")
            await press(pilot, "2")
            await press(pilot, "u")
            return await press(pilot, "4"), await press(pilot, "down"), await press(pilot, "A")

    planned, merged, done = asyncio.run(run())

    assert "+<<<<<<< yours" in merged
    assert f"CONFLICT  {PLUGINS}/users/lines.ts" in planned
    assert f"to be resolved: {PLUGINS}/users/lines.ts" in done
    assert "<<<<<<< yours" in edited.read_text()


def test_p_pins_a_plugin_and_lets_it_move_again(desk: Desk) -> None:
    desk.publish("users")
    desk.install("users")

    def is_pinned() -> bool:
        return parse_lockfile((desk.project / "donkeylabs-lock.json").read_text()).plugins["users"].pinned

    async def run() -> tuple[str, bool, bool]:
        async with desk.app() as pilot:
            await press(pilot, "2", "p")
            await press(pilot, "4", "A")
            after_pin = is_pinned()
            installed = await press(pilot, "2")
            await press(pilot, "p")
            await press(pilot, "4", "A")
            return installed, after_pin, is_pinned()

    installed, after_pin, after_unpin = asyncio.run(run())

    assert "pinned" in installed
    assert (after_pin, after_unpin) == (True, False)
