"""The README's walk by keys: find, read, stage, review, apply, see it installed, be protected."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from donkeytui.operations.sync import sync
from donkeytui.settings import Settings
from tests.support.builders import FixedClock, tree
from tests.support.screens import running_app, seen, settled, type_text

Walk = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture
def walk(settings: Settings, clock: FixedClock, starter_data: Path) -> Callable[..., None]:
    """Runs one walk through the app on a registry with the starter plugins."""
    shutil.copytree(starter_data, settings.data_dir)

    def walk(steps: Walk, *, size: tuple[int, int] = (120, 36), changed: Settings | None = None) -> None:
        async def run() -> None:
            async with running_app(changed or settings, clock, size=size) as pilot:
                await steps(pilot)

        asyncio.run(run())

    return walk


def test_a_plugin_is_found_read_staged_reviewed_and_installed_by_keys(
    walk: Callable[..., None], project: Path
) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        assert "Recently updated" in seen(pilot)
        await pilot.press("slash")
        await type_text(pilot, "auth")
        await settled(pilot)
        rows = [line.split()[0] for line in seen(pilot).splitlines()[5:8]]
        assert set(rows) == {"auth-jwt", "auth-oauth", "auth-magic-link"}
        assert "3 found" in seen(pilot)
        await pilot.press("enter", "i")
        await settled(pilot)
        assert "staged to install" in seen(pilot)
        assert not (project / "donkeylabs-lock.json").exists()

        await pilot.press("a")
        await settled(pilot)
        plan = seen(pilot)
        assert "2 to install" in plan
        assert "users" in plan
        assert "for auth-jwt" in plan

        await pilot.press("A")
        await settled(pilot)
        assert 'import { usersPlugin } from "./plugins/users";' in seen(pilot)
        assert (project / "src/server/plugins/auth-jwt/index.ts").exists()

        await pilot.press("2")
        await settled(pilot)
        assert "needed by auth-jwt" in seen(pilot)

    walk(steps)


def test_removing_what_another_plugin_needs_is_refused_and_says_why(
    walk: Callable[..., None], cli: Callable[..., Any], project: Path
) -> None:
    assert cli("install auth-jwt --yes").status == 0
    before = tree(project)

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2", "end", "x", "a")
        await settled(pilot)
        assert "`users` cannot be uninstalled" in seen(pilot)
        assert "auth-jwt" in seen(pilot)
        await pilot.press("A")
        await settled(pilot)
        assert tree(project) == before
        await pilot.press("X")
        await settled(pilot)
        assert "Nothing is staged" in seen(pilot)

    walk(steps)


def test_results_change_at_every_key(walk: Callable[..., None]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("slash")
        shown = []
        for key in "str":
            await pilot.press(key)
            await pilot.pause()
            shown.append(seen(pilot).splitlines()[1:8])
        assert shown[0] != shown[1] != shown[2]
        await type_text(pilot, "ipee")
        await settled(pilot)
        assert "stripe" in seen(pilot).splitlines()[5]
        assert "near" in seen(pilot)

    walk(steps)


def test_nothing_found_says_what_to_try(walk: Callable[..., None]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("slash")
        await type_text(pilot, "qqqqzzzz")
        await settled(pilot)
        assert "Nothing fits “qqqqzzzz” among 14 plugins." in seen(pilot)
        assert "fewer words" in seen(pilot)

    walk(steps)


def test_detail_shows_readme_releases_and_dependencies(walk: Callable[..., None]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("slash")
        await type_text(pilot, "auth-jwt")
        await pilot.press("enter", "enter")
        await settled(pilot)
        assert "JWT Authentication" in seen(pilot)
        await pilot.press("right")
        await settled(pilot)
        assert "1.1.0" in seen(pilot)
        await pilot.press("right")
        await settled(pilot)
        assert "users ^2.0.0" in seen(pilot)
        assert "would be installed" in seen(pilot)
        assert "jose" in seen(pilot)

    walk(steps)


def test_staging_twice_takes_it_back(walk: Callable[..., None]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("i", "i", "4")
        await settled(pilot)
        assert "Nothing is staged" in seen(pilot)

    walk(steps)


def test_outside_of_a_project_browsing_works_and_staging_says_why_not(
    walk: Callable[..., None], settings: Settings, tmp_path: Path
) -> None:
    import msgspec

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("i")
        await settled(pilot)
        assert "there is no DonkeyLabs project here" in seen(pilot)
        await pilot.press("2")
        await settled(pilot)
        assert "donkeylabs.config.ts" in seen(pilot)

    walk(steps, changed=msgspec.structs.replace(settings, project_start=elsewhere))


def test_updates_are_listed_staged_and_applied(
    walk: Callable[..., None], cli: Callable[..., Any], project: Path
) -> None:
    assert cli("install stripe@1.0.0 email@~1.0.0 --yes").status == 0
    lockfile = project / "donkeylabs-lock.json"
    lockfile.write_text(lockfile.read_text().replace('"range": "1.0.0"', '"range": "^1.0.0"'))

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("3")
        await settled(pilot)
        assert "↑ update 1.1.0" in seen(pilot)
        assert "email" not in seen(pilot).splitlines()[3]
        await pilot.press("U", "a")
        await settled(pilot)
        assert "1.0.0 → 1.1.0" in seen(pilot)
        await pilot.press("A")
        await settled(pilot)
        assert "updated stripe 1.1.0" in seen(pilot)
        await pilot.press("3")
        await settled(pilot)
        assert "Nothing to update among 2 plugins" in seen(pilot)

    walk(steps)


@pytest.mark.parametrize("size", [(20, 5), (60, 20), (120, 40)])
def test_every_section_survives_every_size_and_five_times_esc(
    walk: Callable[..., None], size: tuple[int, int]
) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        for section in "1234":
            await pilot.press(section)
            await settled(pilot)
            await pilot.press(*["escape"] * 5)
            await settled(pilot)
        await pilot.press("question_mark")
        await settled(pilot)
        await pilot.press(*["escape"] * 5)
        await pilot.resize_terminal(100, 30)
        await settled(pilot)
        assert "Browse" in seen(pilot)

    walk(steps, size=size)


def test_narrow_terminal_shows_one_pane_at_a_time(walk: Callable[..., None]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        assert "Readme" not in seen(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert "Readme" in seen(pilot)
        assert "Recently updated" not in seen(pilot)
        await pilot.press("escape")
        await settled(pilot)
        assert "Recently updated" in seen(pilot)

    walk(steps, size=(60, 20))


def test_leaving_with_something_staged_asks_by_wanting_the_key_twice(walk: Callable[..., None]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("i", "q")
        await settled(pilot)
        assert "q again leaves" in seen(pilot)
        assert pilot.app.is_running
        await pilot.press("down", "q")
        await settled(pilot)
        assert pilot.app.is_running

    walk(steps)


def test_zoom_shows_the_focused_pane_alone_and_both_again(walk: Callable[..., None]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("z")
        await settled(pilot)
        assert "Readme" not in seen(pilot)
        await pilot.press("z")
        await settled(pilot)
        assert "Readme" in seen(pilot)
        await pilot.press("enter", "z")
        await settled(pilot)
        assert "Recently updated" not in seen(pilot)

    walk(steps)


def test_the_app_finds_what_a_command_fetched_before(
    walk: Callable[..., None], in_session: Callable[..., Any]
) -> None:
    in_session(partial(sync, with_index=False))

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("slash")
        await type_text(pilot, "auth-jwt")
        await settled(pilot)
        assert "1 found" in seen(pilot)
        assert "indexing" not in seen(pilot)

    walk(steps)
