"""Pins: a plugin held at its version by the user, until the user says otherwise."""

from collections.abc import Callable
from typing import Any

import pytest

from donkeytui.problems import NotInstalled, ResolutionFailed
from tests.support.builders import tree
from tests.support.workshop import OFFLINE, Workshop, chosen, kinds, told


@pytest.fixture
def shop(project: Any, in_session: Callable[..., Any]) -> Workshop:
    return Workshop(project, in_session)


@pytest.fixture
def pinned(shop: Workshop, publish: Callable[..., Any]) -> None:
    """`users`, pinned at 1.0.0, and `auth` that needs it; of both there are 1.1.0 and 2.0.0."""
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "*"})
    shop.apply("auth", "users")
    shop.apply(pin=("users",))
    for version in ("1.1.0", "2.0.0"):
        publish("users", version)
        publish("auth", version, needs={"users": "*"})


def test_a_pin_changes_the_lockfile_and_nothing_else(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth")
    shop.apply("auth")
    before = tree(shop.root)

    plan = shop.plan(pin=("auth",))
    shop.carry_out(plan)

    assert (plan.title, plan.changes, plan.files) == ("pin auth", (), ())
    assert [edit.path for edit in plan.edits] == ["donkeylabs-lock.json"]
    assert shop.lockfile.plugins["auth"].pinned
    after = tree(shop.root)
    assert {path for path in after if after[path] != before.get(path)} == {"donkeylabs-lock.json"}


def test_an_unpin_takes_exactly_the_pin_back(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth")
    shop.apply("auth")
    before = tree(shop.root)

    shop.apply(pin=("auth",))
    shop.apply(unpin=("auth",))

    assert tree(shop.root) == before


def test_pinning_what_is_pinned_is_nothing_to_do(shop: Workshop, pinned: None) -> None:
    assert shop.plan(pin=("users",)).is_empty
    assert shop.plan(unpin=("auth",)).is_empty


def test_what_is_not_installed_cannot_be_pinned(shop: Workshop, pinned: None) -> None:
    for changes in ({"pin": ("user",)}, {"unpin": ("user",)}):
        with pytest.raises(NotInstalled, match="`user` is not installed"):
            shop.plan(**changes)


@pytest.mark.parametrize("is_latest", [False, True])
def test_an_update_of_everything_passes_a_pinned_plugin_by_and_says_so(
    shop: Workshop, pinned: None, is_latest: bool
) -> None:
    plan = shop.plan(is_update_of_all=True, is_latest=is_latest)

    assert chosen(plan) == {"auth": "2.0.0" if is_latest else "1.1.0", "users": "1.0.0"}
    assert told(plan, "pinned") == ["`users` is pinned, and stays where it is"]
    assert plan.lockfile.plugins["users"].pinned


def test_an_update_that_names_a_pinned_plugin_says_why_nothing_happens(shop: Workshop, pinned: None) -> None:
    plan = shop.plan(update=("users",))

    assert plan.is_empty
    (notice,) = plan.notices
    assert (notice.code, notice.hint) == ("pinned", "donkeytui unpin users")


def test_an_update_of_another_plugin_says_nothing_of_pins(shop: Workshop, pinned: None) -> None:
    assert told(shop.plan(update=("auth",)), "pinned") == []


def test_asking_for_another_release_of_a_pinned_plugin_is_a_conflict_that_unpinning_solves(
    shop: Workshop, pinned: None
) -> None:
    before = tree(shop.root)

    with pytest.raises(ResolutionFailed) as caught:
        shop.plan("users@^2.0.0")

    problem = caught.value.problem
    assert "pinned" in problem.detail
    assert "donkeytui unpin users" in problem.hint
    assert caught.value.exit_status == 1
    assert tree(shop.root) == before
    assert chosen(shop.plan("users@^2.0.0", unpin=("users",)))["users"] == "2.0.0"


def test_a_plugin_that_needs_another_release_of_a_pinned_one_is_refused(
    shop: Workshop, pinned: None, publish: Callable[..., Any]
) -> None:
    publish("mail", needs={"users": "^1.1.0"})

    with pytest.raises(ResolutionFailed) as caught:
        shop.plan("mail")

    assert "donkeytui unpin users" in caught.value.problem.hint


def test_an_update_goes_as_far_as_a_pin_lets_it(
    shop: Workshop, pinned: None, publish: Callable[..., Any]
) -> None:
    publish("auth", "1.2.0", needs={"users": "^1.1.0"})

    assert chosen(shop.plan(update=("auth",)))["auth"] == "1.1.0"


def test_a_pin_outlives_every_other_change(shop: Workshop, pinned: None, publish: Callable[..., Any]) -> None:
    publish("mail")

    shop.apply("mail")
    shop.apply(is_update_of_all=True)
    shop.apply(uninstall=("mail",))
    shop.apply(is_lowest=True)
    shop.apply("users")

    assert shop.lockfile.plugins["users"].pinned
    assert shop.versions["users"] == "1.0.0"


def test_a_pinned_plugin_can_be_uninstalled_and_takes_its_pin_along(shop: Workshop, pinned: None) -> None:
    shop.apply(uninstall=("users", "auth"))
    shop.apply("users")

    assert shop.versions == {"users": "2.0.0"}
    assert not shop.lockfile.plugins["users"].pinned


def test_a_pinned_plugin_whose_folder_is_gone_is_restored_at_its_version(
    shop: Workshop, pinned: None
) -> None:
    shop.file("users/index.ts").unlink()
    for path in sorted(shop.file("users").iterdir()):
        path.unlink()
    shop.file("users").rmdir()

    plan = shop.plan()

    assert kinds(plan) == {"users": "install"}
    assert chosen(plan)["users"] == "1.0.0"


def test_a_pin_works_offline_and_without_a_catalogue(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth")
    shop.apply("auth")

    shop.apply(pin=("auth",), settings=OFFLINE)

    assert shop.lockfile.plugins["auth"].pinned
