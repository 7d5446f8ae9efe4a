"""What could be newer: what an update really gives, the newest there is, and what is in the way."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from donkeytui.operations.installed import list_installed
from donkeytui.operations.outdated import Outdated, OutdatedReport, outdated
from donkeytui.settings import CoolDown
from registry_server.operations import lifecycle
from registry_server.operations.accounts import Caller
from registry_server.registry import Registry
from tests.support.builders import MOMENT, FixedClock
from tests.support.workshop import Workshop


@pytest.fixture
def shop(project: Path, in_session: Callable[..., Any]) -> Workshop:
    return Workshop(project, in_session)


def report_of(shop: Workshop, **settings: Any) -> OutdatedReport:
    report: OutdatedReport = shop.run(outdated, settings)
    return report


def behind(shop: Workshop, **settings: Any) -> dict[str, Outdated]:
    return {plugin.name: plugin for plugin in report_of(shop, **settings).plugins}


def told(plugin: Outdated) -> tuple[str, str, str, str]:
    return plugin.version, plugin.wanted, plugin.newest, plugin.blocked_by


def test_what_is_at_its_newest_is_not_named(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth")
    shop.apply("auth")

    report = report_of(shop)

    assert (report.checked, report.plugins) == (1, ())


def test_a_newer_release_in_the_range_is_what_an_update_gives(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    publish("auth", "1.1.0")

    assert told(behind(shop)["auth"]) == ("1.0.0", "1.1.0", "1.1.0", "")


def test_what_it_says_of_an_update_is_what_the_update_does(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "^1.0.0"})
    shop.apply("auth")
    publish("users", "1.1.0")
    publish("users", "2.0.0")
    publish("auth", "1.1.0", needs={"users": "^1.0.0"})
    publish("auth", "2.0.0", needs={"users": "^2.0.0"})
    said = {name: plugin.wanted for name, plugin in behind(shop).items()}

    shop.apply(is_update_of_all=True)

    assert said == {"auth": "1.1.0", "users": "1.1.0"}
    assert shop.versions == said


def test_a_release_beyond_the_user_s_range_is_the_range_s_doing(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    publish("auth", "1.2.0")
    publish("auth", "2.0.0")

    plugin = behind(shop)["auth"]

    assert told(plugin) == ("1.0.0", "1.2.0", "2.0.0", "range")
    assert plugin.why == ()


def test_a_pinned_plugin_says_so(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    shop.apply(pin=("auth",))
    publish("auth", "1.1.0")

    assert told(behind(shop)["auth"]) == ("1.0.0", "1.0.0", "1.1.0", "pin")


def test_a_pinned_plugin_has_no_update_in_the_list(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    shop.apply(pin=("auth",))
    publish("auth", "1.1.0")
    behind(shop)

    (plugin,) = shop.run(list_installed).plugins

    assert (plugin.has_update, plugin.newest) == (False, "1.1.0")


def test_others_in_the_way_are_told_and_not_that_it_was_asked_for(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "^1.0.0"})
    shop.apply("auth")
    publish("users", "2.0.0")

    plugin = behind(shop)["users"]

    assert told(plugin) == ("1.0.0", "1.0.0", "2.0.0", "conflict")
    assert plugin.why == ("the lockfile has `auth ^1.0.0`", "`auth` 1.0.0 needs `users ^1.0.0`")


def test_a_pin_of_another_that_is_in_the_way_is_named(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "^1.0.0"})
    shop.apply("auth", "users")
    shop.apply(pin=("users",))
    publish("users", "1.5.0")
    publish("auth", "1.5.0", needs={"users": "^1.5.0"})

    assert "`users` is pinned at 1.0.0 by you" in behind(shop)["auth"].why


def test_a_release_that_only_an_older_one_of_another_leaves_room_for_says_so(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    """`users` 2 fits `auth` 1.0.0 alone, which an update would leave."""
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "*"})
    shop.apply("auth")
    publish("users", "2.0.0")
    publish("auth", "1.1.0", needs={"users": "^1.0.0"})

    plugin = behind(shop)["users"]

    assert told(plugin) == ("1.0.0", "1.0.0", "2.0.0", "conflict")
    assert plugin.why == ("2.0.0 fits only beside older releases of other plugins",)


def test_a_release_that_is_too_young_is_the_cool_down_s_doing(
    shop: Workshop, publish: Callable[..., Any], clock: FixedClock
) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    clock.now = MOMENT + timedelta(days=10)
    publish("auth", "1.1.0")
    clock.now += timedelta(hours=4)
    rule = CoolDown(hours=24)

    plugin = behind(shop, cool_down=rule)["auth"]
    (listed,) = shop.run(list_installed, {"cool_down": rule}).plugins

    assert told(plugin) == ("1.0.0", "1.0.0", "1.1.0", "cool-down")
    assert plugin.why == ("it is younger than your cool-down, by 20 h",)
    assert not listed.has_update


def test_a_release_that_is_exempt_from_the_cool_down_is_an_update(
    shop: Workshop, publish: Callable[..., Any], clock: FixedClock
) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    publish("auth", "1.1.0")

    rule = CoolDown(hours=24, exempt=frozenset({"auth"}))

    assert told(behind(shop, cool_down=rule)["auth"]) == ("1.0.0", "1.1.0", "1.1.0", "")


def test_yanked_releases_and_prereleases_are_not_newer(
    shop: Workshop, publish: Callable[..., Any], registry: Registry, owner: Caller
) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    publish("auth", "1.1.0")
    publish("auth", "1.2.0-beta.1")
    lifecycle.yank(registry, owner, "auth", "1.1.0", reason="broken")

    assert behind(shop) == {}


def test_a_prerelease_ahead_of_the_newest_release_is_not_behind(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth", "1.0.0")
    publish("auth", "2.0.0-beta.1")
    shop.apply("auth@2.0.0-beta.1")

    assert behind(shop) == {}


def test_an_empty_project_says_that_there_is_nothing(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth")

    assert report_of(shop).checked == 0
