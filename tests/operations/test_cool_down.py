"""Cool-down: releases younger than a while are passed over, and what the settings say about it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from donkeytui.problems import ConfigInvalid, ResolutionFailed
from donkeytui.settings import CoolDown, Flags, read_settings
from tests.support.builders import FixedClock
from tests.support.workshop import Workshop, chosen, told

DAY = {"cool_down": CoolDown(hours=24)}
STRICT = {"cool_down": CoolDown(hours=24, is_strict=True)}


@pytest.fixture
def shop(project: Any, in_session: Callable[..., Any]) -> Workshop:
    return Workshop(project, in_session)


@pytest.fixture
def one_of_each(publish: Callable[..., Any], clock: FixedClock) -> None:
    """`auth` 1.0.0 is 51 hours old, 1.1.0 three."""
    publish("auth", "1.0.0")
    clock.now += timedelta(hours=48)
    publish("auth", "1.1.0")
    clock.now += timedelta(hours=3)


@pytest.mark.usefixtures("one_of_each")
def test_a_young_release_is_passed_over_and_the_plan_says_until_when(shop: Workshop) -> None:
    plan = shop.plan("auth", settings=DAY)

    assert chosen(plan) == {"auth": "1.0.0"}
    (sentence,) = told(plan, "young-skipped")
    assert sentence.startswith("`auth` 1.1.0 is 3 h old")
    assert sentence.endswith(", using 1.0.0")


@pytest.mark.usefixtures("one_of_each")
def test_it_is_taken_once_it_is_old_enough(shop: Workshop, clock: FixedClock) -> None:
    clock.now += timedelta(hours=21, minutes=1)

    plan = shop.plan("auth", settings=DAY)

    assert chosen(plan) == {"auth": "1.1.0"}
    assert told(plan, "young-skipped") == told(plan, "young-taken") == []


@pytest.mark.usefixtures("one_of_each")
def test_where_nothing_older_fits_the_young_one_is_taken_with_a_warning(shop: Workshop) -> None:
    plan = shop.plan("auth@^1.1.0", settings=DAY)

    assert chosen(plan) == {"auth": "1.1.0"}
    (notice,) = (notice for notice in plan.notices if notice.code == "young-taken")
    assert notice.severity == "warning"
    assert notice.text == "`auth` 1.1.0 is 3 h old, and nothing older fits"


@pytest.mark.usefixtures("one_of_each")
def test_a_strict_cool_down_refuses_and_says_until_when(shop: Workshop) -> None:
    with pytest.raises(ResolutionFailed) as caught:
        shop.plan("auth@^1.1.0", settings=STRICT)

    # Published 48 hours after 2026-03-14 09:26:53, and 24 more.
    words = "`auth` 1.1.0 is in its cool-down of 24 h, until 2026-03-17 09:26 UTC"
    assert words in caught.value.problem.detail
    assert chosen(shop.plan("auth", settings=STRICT)) == {"auth": "1.0.0"}


@pytest.mark.usefixtures("one_of_each")
def test_an_update_waits_for_the_cool_down_too(shop: Workshop) -> None:
    shop.apply("auth@1.0.0")
    shop.apply("auth@^1.0.0", settings=DAY)

    plan = shop.plan(is_update_of_all=True, settings=DAY)

    assert plan.is_empty
    assert chosen(shop.plan(is_update_of_all=True)) == {"auth": "1.1.0"}


@pytest.mark.usefixtures("one_of_each")
def test_an_exempt_plugin_is_taken_at_once(shop: Workshop) -> None:
    settings = {"cool_down": CoolDown(hours=24, is_strict=True, exempt=frozenset({"auth"}))}

    plan = shop.plan("auth", settings=settings)

    assert chosen(plan) == {"auth": "1.1.0"}
    assert told(plan, "young-taken") == []


@pytest.mark.usefixtures("one_of_each")
def test_what_is_locked_stays_however_young(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("mail")
    shop.apply("auth")
    settings = {"cool_down": CoolDown(hours=24, is_strict=True, exempt=frozenset({"mail"}))}

    assert chosen(shop.plan("mail", settings=settings)) == {"auth": "1.1.0", "mail": "1.0.0"}
    assert shop.plan(settings=STRICT).is_empty
    assert shop.plan(is_update_of_all=True, settings=STRICT).is_empty


@pytest.mark.usefixtures("one_of_each")
def test_what_another_plugin_needs_is_cooled_down_as_well(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("login", needs={"auth": "^1.0.0"})
    settings = {"cool_down": CoolDown(hours=24, exempt=frozenset({"login"}))}

    assert chosen(shop.plan("login", settings=settings)) == {"auth": "1.0.0", "login": "1.0.0"}


@pytest.mark.usefixtures("one_of_each")
def test_a_request_can_leave_the_cool_down_out(shop: Workshop) -> None:
    assert chosen(shop.plan("auth", settings=STRICT, ignores_cool_down=True)) == {"auth": "1.1.0"}


# What the settings say.


def read(tmp_path: Path, text: str = "", registry: str | None = None) -> CoolDown:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return read_settings(Flags(config=str(path), registry=registry), {"HOME": str(tmp_path)}).cool_down


def test_a_registry_of_one_s_own_has_no_cool_down_and_any_other_a_day(tmp_path: Path) -> None:
    assert read(tmp_path) == CoolDown(hours=0)
    assert read(tmp_path, registry="https://registry.example.com") == CoolDown(hours=24)


def test_the_file_decides_for_every_registry(tmp_path: Path) -> None:
    text = '[cool-down]\nhours = 1.5\nstrict = true\nexempt = ["auth"]\n'

    expected = CoolDown(hours=1.5, is_strict=True, exempt=frozenset({"auth"}))
    assert read(tmp_path, text) == expected
    assert read(tmp_path, text, registry="https://registry.example.com") == expected


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    text = "[cool-down]\nhours = 0\n"

    assert read(tmp_path, text, registry="https://registry.example.com") == CoolDown(hours=0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cool-down = 24", "`cool-down` in "),
        ('[cool-down]\nhours = "24"', "`cool-down.hours` in "),
        ("[cool-down]\nhours = true", "`cool-down.hours` in "),
        ("[cool-down]\nhours = -1", "`cool-down.hours` in "),
        ("[cool-down]\nhours = nan", "`cool-down.hours` in "),
        ("[cool-down]\nhours = inf", "`cool-down.hours` in "),
        ("[cool-down]\nhours = 1e9", "`cool-down.hours` in "),
        ("[cool-down]\nstrict = 1", "`cool-down.strict` in "),
        ('[cool-down]\nexempt = "auth"', "`cool-down.exempt` in "),
        ("[cool-down]\nexempt = [1]", "`cool-down.exempt` in "),
        ("[[cool-down]]\nhours = 1", "`cool-down` in "),
    ],
)
def test_a_fault_in_the_table_names_what_and_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read(tmp_path, text)

    assert str(caught.value).startswith(words)
    assert str(tmp_path / "config.toml") in str(caught.value)
