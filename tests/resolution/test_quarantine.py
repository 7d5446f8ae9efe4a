"""Releases in quarantine: chosen by nobody, told with the operator's reason, left where they are locked."""

import pytest
from msgspec import structs

from donkeytui.resolution.explain import explain
from donkeytui.resolution.request import Resolved
from donkeytui.resolution.ways_out import ways_out
from registry_server.contract.wire import PluginDocument
from tests.support.builders import document, release
from tests.support.universes import Case, Documents, ask, installed_by, pinned, pins, refused

REASON = "it sends keys away"


def auth(*withdrawn: str, reason: str = REASON) -> PluginDocument:
    """Releases 1.0.0, 1.1.0 and 2.0.0, some of them in quarantine."""
    versions = ("1.0.0", "1.1.0", "2.0.0")
    return document("auth", *(release(v, quarantine=reason if v in withdrawn else "") for v in versions))


def without_quarantined(case: Case) -> Documents:
    return {
        name: document(name, *(one for one in reversed(doc.versions) if not one.quarantine))
        for name, doc in case.documents.items()
    }


# Against brute force; `test_solver` judges the same universes with the lockfile's releases staying.


def test_without_a_lockfile_quarantine_is_as_if_the_release_had_never_been_there() -> None:
    refusals = 0
    for seed in range(1500):
        case = Case(seed)
        case.locked = {}
        answer = case.solve()
        case.documents = without_quarantined(case)
        bare = case.solve()
        refusals += not isinstance(answer, Resolved)

        assert type(answer) is type(bare), f"seed {seed}"
        if isinstance(answer, Resolved):
            assert pins(answer) == pins(bare), f"seed {seed}"
    assert 300 < refusals < 1400


@pytest.mark.parametrize("mode", ["keep", "newest", "lowest"])
def test_nothing_in_quarantine_is_chosen_but_what_is_locked_already(mode: str) -> None:
    stayed = 0
    for seed in range(1500):
        case = Case(seed)
        answer = case.solve(mode=mode)
        if isinstance(answer, Resolved):
            chosen = [n for n, one in installed_by(case, answer).items() if one.quarantine]
            stayed += len(chosen)

            assert all(case.locked.get(n) == pins(answer)[n] for n in chosen), f"seed {seed}"
            assert not (chosen and mode == "lowest"), f"seed {seed}"
    assert stayed > 2 or mode == "lowest"


def test_a_plugin_that_is_to_move_never_ends_in_quarantine() -> None:
    moved = 0
    for seed in range(1500):
        case = Case(seed)
        answer = case.solve(free=frozenset(case.documents))
        if isinstance(answer, Resolved):
            moved += any(
                one.quarantine and case.locked.get(name) == one.version
                for name, doc in case.documents.items()
                for one in doc.versions
            )

            assert not any(one.quarantine for one in installed_by(case, answer).values()), f"seed {seed}"
    assert moved > 10


def test_putting_a_release_nobody_chose_in_quarantine_changes_nothing() -> None:
    tried = 0
    for seed in range(250):
        case = Case(seed, is_plain=True)
        answer = case.solve()
        if not isinstance(answer, Resolved):
            continue
        for name, doc in case.documents.items():
            for one in doc.versions:
                if pins(answer).get(name) != one.version:
                    tried += 1
                    left = {**case.documents, name: with_quarantine(doc, one.version)}

                    assert pins(ask(left, case.wishes)) == pins(answer), f"seed {seed}, {name} {one.version}"
    assert tried > 400


def with_quarantine(doc: PluginDocument, version: str) -> PluginDocument:
    versions = tuple(
        structs.replace(one, quarantine=REASON) if one.version == version else one for one in doc.versions
    )
    return structs.replace(doc, versions=versions)


# Rules.


def test_a_release_in_quarantine_is_passed_over_even_when_named_exactly() -> None:
    assert pinned([auth("1.1.0")], "auth@^1.0.0") == {"auth": "1.0.0"}
    refused([auth("1.1.0")], "auth@1.1.0")


def test_a_dependency_in_quarantine_rules_out_what_needs_exactly_it() -> None:
    app = document("app", release("1.0.0", "auth@1.0.0"), release("2.0.0", "auth@1.1.0"))

    assert pinned([app, auth("1.1.0")], "app@*") == {"app": "1.0.0", "auth": "1.0.0"}


def test_what_is_locked_stays_while_something_else_is_asked_for() -> None:
    other = document("other", release("1.0.0"))

    settled = pinned([auth("1.0.0"), other], "other@*", "auth@^1.0.0", locked={"auth": "1.0.0"})
    assert settled == {"other": "1.0.0", "auth": "1.0.0"}


def test_an_update_that_names_it_leaves_quarantine_also_backwards() -> None:
    options = {"locked": {"auth": "1.1.0"}, "free": frozenset({"auth"})}

    assert pinned([auth("1.1.0")], "auth@^1.0.0", **options) == {"auth": "1.0.0"}


def test_an_update_that_names_it_is_refused_where_nothing_else_fits() -> None:
    """Unlike a yanked one, which may stay."""
    options = {"locked": {"auth": "1.0.0"}, "free": frozenset({"auth"})}

    told = explain(refused([auth("1.0.0", "1.1.0")], "auth@^1.0.0", **options))
    assert told.facts[-1] == f"`auth` 1.0.0 to 1.1.0 are in quarantine: {REASON}"


def test_an_update_of_everything_leaves_it_where_it_can_and_keeps_it_where_it_must() -> None:
    options = {"locked": {"auth": "1.0.0"}, "free": frozenset({"auth"}), "mode": "newest"}

    assert pinned([auth("1.0.0")], "auth@^1.0.0", **options) == {"auth": "1.1.0"}
    assert pinned([auth("1.0.0", "1.1.0")], "auth@^1.0.0", **options) == {"auth": "1.0.0"}


def test_the_lowest_release_is_never_one_in_quarantine_though_locked() -> None:
    lowest = pinned([auth("1.0.0")], "auth@^1.0.0", locked={"auth": "1.0.0"}, mode="lowest")

    assert lowest == {"auth": "1.1.0"}


def test_a_deprecated_release_in_quarantine_is_not_had_by_naming_it() -> None:
    old = document("old", release("1.0.0", deprecated=True, quarantine=REASON))

    refused([old], "old@1.0.0")


def test_a_pin_does_not_let_it_in() -> None:
    refused([auth("1.0.0")], "auth@^1.0.0", held={"auth": "1.0.0"})


# Words.


def test_the_reason_is_told_in_the_operators_words() -> None:
    assert explain(refused([auth("1.1.0")], "auth@1.1.0")).facts == (
        "you asked for `auth 1.1.0`",
        f"`auth` 1.1.0 is in quarantine: {REASON}",
    )


def test_two_reasons_are_two_sentences() -> None:
    both = document(
        "auth", release("1.0.0", quarantine=REASON), release("1.1.0", quarantine="it is a copy of users")
    )

    assert explain(refused([both], "auth@^1.0.0")).facts == (
        "you asked for `auth ^1.0.0`",
        f"`auth` 1.0.0 is in quarantine: {REASON}",
        "`auth` 1.1.0 is in quarantine: it is a copy of users",
    )


def test_of_releases_yanked_and_in_quarantine_quarantine_is_told() -> None:
    both = document("auth", release("1.0.0", quarantine=REASON, yanked=True))

    assert explain(refused([both], "auth@*")).facts == (
        "you asked for `auth`",
        f"`auth` 1.0.0 is in quarantine: {REASON}",
    )


def test_the_newest_that_is_told_beside_an_empty_range_can_be_had() -> None:
    told = explain(refused([auth("2.0.0")], "auth@^3.0.0"))

    assert told.facts == (
        "you asked for `auth ^3.0.0`, but no release is in that range (the newest is 1.1.0)",
    )


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("two\n  lines", "two lines"),
        ("  \n", "no reason is given"),
        ("long " * 60, "…"),
    ],
)
def test_a_reason_is_told_on_one_line_of_bounded_length(reason: str, shown: str) -> None:
    told = explain(refused([auth("1.1.0", reason=reason)], "auth@1.1.0")).facts[-1]

    assert told.endswith(shown)
    assert "\n" not in told
    assert len(told) < 300


def test_ways_out_offer_other_releases_and_never_one_in_quarantine() -> None:
    beta = document(
        "auth",
        release("1.0.0", quarantine=REASON),
        release("1.1.0", deprecated=True, quarantine=REASON),
        release("1.2.0-beta.1", quarantine=REASON),
        release("2.0.0"),
    )
    answer = refused([beta], "auth@^1.0.0")
    ways = ways_out(answer.request, answer.universe, explain(answer))

    assert [(way.kind, way.requirement) for way in ways] == [("other-range", "auth@^2.0.0")]
