"""Why a plugin is in the project: every chain from what was asked for, circles walked once."""

from collections.abc import Callable
from typing import Any

import pytest

from donkeytui.operations.reasons import CHAINS_MAX, WhyReport, why
from donkeytui.problems import NotAProject, NotInstalled
from tests.support.locked import lock

Asking = Callable[[str], WhyReport]


@pytest.fixture
def asking(in_session: Callable[..., Any]) -> Asking:
    return lambda name: in_session(lambda session: why(session, name))  # type: ignore[no-any-return]


def told(report: WhyReport) -> list[str]:
    return [" > ".join(f"{link.name}@{link.range}" for link in chain) for chain in report.chains]


def test_what_was_asked_for_is_its_own_reason(project: Any, asking: Asking) -> None:
    lock(project, "auth@^1.0.0")

    assert told(asking("auth")) == ["auth@^1.0.0"]


def test_each_way_from_what_was_asked_for_is_a_chain_the_shortest_first(project: Any, asking: Asking) -> None:
    lock(project, "shop@^1.0.0 > auth mail", "auth > users", "mail > users", "users", "admin@* > users")

    report = asking("users")

    assert told(report) == [
        "admin@* > users@^1.0.0",
        "shop@^1.0.0 > auth@^1.0.0 > users@^1.0.0",
        "shop@^1.0.0 > mail@^1.0.0 > users@^1.0.0",
    ]
    assert not report.is_cut


def test_what_was_asked_for_and_is_needed_too_has_both_reasons(project: Any, asking: Asking) -> None:
    lock(project, "auth@^1.0.0 > users", "users@1.x")

    assert told(asking("users")) == ["users@1.x", "auth@^1.0.0 > users@^1.0.0"]


def test_a_circle_is_walked_once(project: Any, asking: Asking) -> None:
    lock(project, "chicken@^1.0.0 > egg", "egg > chicken")

    assert told(asking("egg")) == ["chicken@^1.0.0 > egg@^1.0.0"]
    assert told(asking("chicken")) == ["chicken@^1.0.0"]


def test_a_circle_that_nobody_asked_for_has_no_reason(project: Any, asking: Asking) -> None:
    lock(project, "chicken > egg", "egg > chicken")

    report = asking("egg")

    assert report.chains == ()
    assert not report.is_cut


def test_a_plugin_that_many_need_says_when_not_all_chains_are_told(project: Any, asking: Asking) -> None:
    many = [f"p{number}@^1.0.0 > users" for number in range(CHAINS_MAX + 1)]
    lock(project, *many, "users")

    report = asking("users")

    assert len(report.chains) == CHAINS_MAX
    assert report.is_cut


def test_exactly_as_many_chains_as_are_told_are_all_of_them(project: Any, asking: Asking) -> None:
    lock(project, *[f"p{number}@^1.0.0 > users" for number in range(CHAINS_MAX)], "users")

    report = asking("users")

    assert (len(report.chains), report.is_cut) == (CHAINS_MAX, False)


def test_many_that_nobody_asked_for_do_not_hide_the_one_chain(project: Any, asking: Asking) -> None:
    between = [f"p{number} > users" for number in range(CHAINS_MAX + 10)]
    lock(project, *between, "z > users", "users", "top@^1.0.0 > z")

    assert told(asking("users")) == ["top@^1.0.0 > z@^1.0.0 > users@^1.0.0"]


def test_plugins_that_need_each_other_crosswise_are_not_walked_for_ever(project: Any, asking: Asking) -> None:
    """Ten layers of four, each needing all of the next: a million chains, and an answer all the same."""
    layers = [[f"l{depth}x{place}" for place in range(4)] for depth in range(10)]
    lines = [
        f"{name} > {' '.join(below)}"
        for layer, below in zip(layers, [*layers[1:], ["users"]], strict=True)
        for name in layer
    ]
    lock(project, *lines, "users", f"top@^1.0.0 > {' '.join(layers[0])}")

    assert asking("users").is_cut


def test_what_is_not_installed_has_no_reason_and_names_near_it_are_told(project: Any, asking: Asking) -> None:
    lock(project, "users@^1.0.0")

    with pytest.raises(NotInstalled) as caught:
        asking("user")

    assert caught.value.problem.detail == "near it: users"


def test_a_name_with_a_range_is_told_that_the_name_is_enough(project: Any, asking: Asking) -> None:
    lock(project, "users@^1.0.0")

    with pytest.raises(NotInstalled) as caught:
        asking("users@2")

    problem = caught.value.problem
    assert problem.title == "`users@2` is not the name of a plugin"
    assert problem.hint == "donkeytui install users@2, to move it there"


def test_without_a_project_there_is_nothing_to_explain(in_session: Callable[..., Any], tmp_path: Any) -> None:
    with pytest.raises(NotAProject):
        in_session(lambda session: why(session, "users"), project_start=tmp_path)


def test_a_pin_is_told(project: Any, asking: Asking) -> None:
    lock(project, "users@^1.0.0 !")

    assert asking("users").is_pinned
