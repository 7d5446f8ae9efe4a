"""The solver against brute force on small random universes, its laws, its rules and its hard cases."""

from collections.abc import Mapping

import pytest

from donkeytui.resolution.explain import explain
from donkeytui.resolution.search import PATIENCE
from donkeytui.resolution.solver import PROJECT, Environment, Resolved, Unsolvable
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import Engine, Release
from tests.support.builders import document, release
from tests.support.universes import (
    Case,
    Documents,
    ask,
    has_answer,
    installations,
    installed_by,
    is_valid,
    pinned,
    pins,
    reachable,
    refused,
    welcome,
)


@pytest.mark.parametrize("block", range(5))
def test_there_is_an_answer_exactly_when_brute_force_finds_one(block: int) -> None:
    outcomes = set()
    for seed in range(block * 500, block * 500 + 500):
        case = Case(seed)
        answer = case.solve()
        outcomes.add(type(answer))

        assert isinstance(answer, Resolved) == has_answer(case), f"seed {seed}"
    assert outcomes == {Resolved, Unsolvable}


def test_every_answer_is_valid_and_holds_only_what_is_needed() -> None:
    for seed in range(1200):
        case = Case(seed)
        answer = case.solve()
        if isinstance(answer, Resolved):
            installed = installed_by(case, answer)

            assert is_valid(case, installed), f"seed {seed}"
            assert reachable(case, installed) == set(installed), f"seed {seed}"


def test_answers_are_the_best_in_the_first_wish_in_which_they_differ() -> None:
    compared = 0
    for seed in range(2000):
        case = Case(seed)
        answer = case.solve()
        if not isinstance(answer, Resolved):
            continue
        left = list(installations(case))
        for name, _ in case.wishes:
            best = max(welcome(case, name, installed[name]) for installed in left)
            left = [installed for installed in left if welcome(case, name, installed[name]) == best]
            compared += 1

            assert pins(answer)[name] == left[0][name].version, f"seed {seed}, {name}"
    assert compared > 500


@pytest.mark.parametrize("patience", [PATIENCE, 0])
def test_nothing_could_be_newer_without_something_else_being_older(patience: int) -> None:
    """Patience 0: what is in the way is chosen first from the start, and the answer polished after."""
    for seed in range(600):
        case = Case(seed, is_plain=True)
        answer = case.solve(patience=patience)
        if not isinstance(answer, Resolved):
            continue
        installed = installed_by(case, answer)
        for other in installations(case):
            if installed.keys() <= other.keys():
                gains = {name for name, one in installed.items() if is_above(case, name, other[name], one)}
                losses = {name for name, one in installed.items() if is_above(case, name, one, other[name])}

                assert losses or not gains, f"seed {seed}"


def is_above(case: Case, name: str, one: Release, other: Release) -> bool:
    return welcome(case, name, one) > welcome(case, name, other)  # type: ignore[operator]


def test_losing_patience_changes_no_verdict() -> None:
    for seed in range(1500):
        case = Case(seed)
        answer = case.solve(patience=0)

        assert isinstance(answer, Resolved) == has_answer(case), f"seed {seed}"
        if isinstance(answer, Resolved):
            assert is_valid(case, installed_by(case, answer)), f"seed {seed}"


def test_no_more_of_the_lockfile_moves_than_must_for_what_is_asked() -> None:
    """With what was asked for as chosen, whoever keeps all that was kept keeps nothing more."""
    moved = 0
    for seed in range(2000):
        case = Case(seed, size=8, is_plain=True)
        possible = list(installations(case))
        if not possible:
            continue
        before = case.random.choice(possible)
        new = next((name for name in case.documents if name not in before), None)
        if new is None:
            continue
        case.locked = {name: one.version for name, one in before.items()}
        case.wishes = [(new, "*"), *case.wishes]
        answer = case.solve()
        if not isinstance(answer, Resolved):
            continue
        kept = settled(case, pins(answer))
        moved += len(case.locked) - len(kept)
        for other in installations(case):
            if other[new].version == pins(answer)[new]:
                versions = {name: one.version for name, one in other.items()}

                assert not kept < settled(case, versions), f"seed {seed}"
    assert moved > 10


def settled(case: Case, versions: Mapping[str, str]) -> set[str]:
    """Locked plugins that stay as they are; those that nothing needs any more count as settled."""
    return {name for name, version in case.locked.items() if versions.get(name, version) == version}


def test_every_refusal_can_be_explained_from_the_wishes_outwards() -> None:
    told = 0
    for seed in range(1200):
        case = Case(seed)
        answer = case.solve()
        if isinstance(answer, Unsolvable):
            conflict = explain(answer)
            told += 1

            assert conflict.facts, f"seed {seed}"
            assert set(conflict.plugins) <= {name for name, _ in case.wishes}, f"seed {seed}"
            assert conflict.facts[0].startswith("you asked for"), f"seed {seed}"
    assert told > 300


def test_every_answer_says_who_asked_for_what() -> None:
    for seed in range(500):
        case = Case(seed)
        answer = case.solve()
        if isinstance(answer, Resolved):
            installed = installed_by(case, answer)
            edges = {(PROJECT, name, text) for name, text in case.wishes} | {
                (asker, *need.split("@", 1))
                for asker, one in installed.items()
                for need in one.dependencies.plugins
            }

            assert {(asker, name, text) for name, why in answer.why.items() for asker, text in why} == edges


# Laws.


def test_order_of_the_catalogue_decides_nothing() -> None:
    for seed in range(500):
        case = Case(seed)
        before = case.solve()
        case.documents = dict(reversed(case.documents.items()))
        after = case.solve()

        assert type(before) is type(after)
        if isinstance(before, Resolved):
            assert pins(before) == pins(after)
            assert list(pins(before)) == list(pins(after))


def without(documents: Documents, name: str, version: str) -> Documents:
    one = documents[name]
    kept = [other for other in reversed(one.versions) if other.version != version]
    return {**documents, name: document(name, *kept)}


def test_withdrawing_a_release_nobody_chose_changes_nothing() -> None:
    tried = 0
    for seed in [*range(300), *range(30_000, 30_300)]:
        case = Case(seed, size=5 if seed < 300 else 9, is_plain=True)
        answer = case.solve()
        if not isinstance(answer, Resolved):
            continue
        for name, doc in case.documents.items():
            for one in doc.versions:
                if pins(answer).get(name) != one.version:
                    tried += 1
                    left = without(case.documents, name, one.version)

                    assert pins(ask(left, case.wishes)) == pins(answer), f"seed {seed}, {name} {one.version}"
    assert tried > 1000


def test_branches_that_were_given_up_leave_no_trace_in_the_order_of_choice() -> None:
    """`app` 2.0.0 cannot be had, and looking into it meets `right` before `left`."""
    left = document("left", release("1.0.0", "right@2.0.0"), release("2.0.0", "right@1.0.0"))
    right = document("right", release("1.0.0"), release("2.0.0"))
    first = release("1.0.0", "left@*", "right@*")
    hopeless = release("2.0.0", "right@*", "left@*", "left@^9.0.0")

    alone = pinned([document("app", first), left, right], "app@*")

    assert alone == {"app": "1.0.0", "left": "2.0.0", "right": "1.0.0"}
    assert pinned([document("app", first, hopeless), left, right], "app@*") == alone


def test_withdrawing_a_release_never_makes_an_unsolvable_request_solvable() -> None:
    for seed in range(300):
        case = Case(seed, is_plain=True)
        if isinstance(case.solve(), Unsolvable):
            name = case.random.choice(list(case.documents))
            version = case.random.choice(case.documents[name].versions).version

            assert isinstance(ask(without(case.documents, name, version), case.wishes), Unsolvable)


def test_dropping_a_wish_never_makes_a_solvable_request_unsolvable() -> None:
    for seed in range(800):
        case = Case(seed, is_plain=True)
        if isinstance(case.solve(), Resolved):
            assert isinstance(ask(case.documents, case.wishes[1:]), Resolved)


def test_everything_is_at_its_newest_whenever_that_is_valid() -> None:
    seen = 0
    for seed in range(1500):
        case = Case(seed, is_plain=True)
        stable = {
            name: [one for one in doc.versions if "-" not in one.version]
            for name, doc in case.documents.items()
        }
        newest = {name: releases[0] for name, releases in stable.items() if releases}
        if len(newest) == len(case.documents) and is_valid(case, newest):
            seen += 1
            expected = {name: newest[name].version for name in reachable(case, newest)}

            assert pins(case.solve()) == expected, f"seed {seed}"
    assert seen > 20


def test_locking_an_answer_gives_it_again() -> None:
    for seed in range(500):
        case = Case(seed, is_plain=True)
        answer = case.solve()
        if isinstance(answer, Resolved):
            assert pins(ask(case.documents, case.wishes, locked=pins(answer))) == pins(answer)


# Rules.


def test_the_newest_release_in_range_is_taken() -> None:
    auth = document("auth", release("1.0.0"), release("1.4.0"), release("2.0.0"))

    assert pinned([auth], "auth@*") == {"auth": "2.0.0"}
    assert pinned([auth], "auth@^1.0.0") == {"auth": "1.4.0"}


def test_two_wishes_for_one_plugin_must_both_hold() -> None:
    auth = document("auth", release("1.0.0"), release("1.4.0"), release("2.0.0"))

    assert pinned([auth], "auth@>=1.2.0", "auth@<2.0.0") == {"auth": "1.4.0"}
    refused([auth], "auth@^1.0.0", "auth@^2.0.0")


def test_nothing_asked_for_gives_nothing() -> None:
    assert pinned([document("auth", release("1.0.0"))]) == {}


def test_a_cycle_is_no_conflict() -> None:
    chicken = document("chicken", release("1.0.0", "egg@^1.0.0"))
    egg = document("egg", release("1.0.0", "chicken@^1.0.0"))

    assert pinned([chicken, egg], "chicken@*") == {"chicken": "1.0.0", "egg": "1.0.0"}


def test_a_release_that_needs_itself_elsewhere_is_passed_over() -> None:
    auth = document("auth", release("1.0.0"), release("2.0.0", "auth@^1.0.0"))

    assert pinned([auth], "auth@*") == {"auth": "1.0.0"}


def test_locked_release_is_preferred_over_a_newer_one() -> None:
    users = document("users", release("1.0.0"), release("1.1.0"), release("1.2.0"))
    auth = document("auth", release("1.0.0", "users@^1.0.0"))

    assert pinned([auth, users], "auth@*", locked={"users": "1.1.0"})["users"] == "1.1.0"


def test_locked_release_gives_way_when_it_does_not_fit() -> None:
    users = document("users", release("1.0.0"), release("2.0.0"))
    auth = document("auth", release("1.0.0", "users@^2.0.0"))

    assert pinned([auth, users], "auth@*", locked={"users": "1.0.0"})["users"] == "2.0.0"


def test_locked_release_that_vanished_is_replaced() -> None:
    users = document("users", release("1.0.0"), release("1.2.0"))

    assert pinned([users], "users@^1.0.0", locked={"users": "1.1.0"}) == {"users": "1.2.0"}


def test_freed_plugin_moves_and_the_others_stay() -> None:
    auth = document("auth", release("1.0.0", "users@^1.0.0"), release("1.1.0", "users@^1.0.0"))
    users = document("users", release("1.0.0"), release("1.1.0"))
    locked = {"auth": "1.0.0", "users": "1.0.0"}

    moved = pinned([auth, users], "auth@*", locked=locked, free=frozenset({"auth"}))

    assert moved == {"auth": "1.1.0", "users": "1.0.0"}


def test_yanked_release_is_passed_over_even_when_named_exactly() -> None:
    auth = document("auth", release("1.0.0"), release("1.1.0", yanked=True))

    assert pinned([auth], "auth@*") == {"auth": "1.0.0"}
    refused([auth], "auth@1.1.0")


def test_yanked_release_stays_installable_from_the_lockfile() -> None:
    auth = document("auth", release("1.0.0"), release("1.1.0", yanked=True))

    assert pinned([auth], "auth@*", locked={"auth": "1.1.0"}) == {"auth": "1.1.0"}


def test_freed_yanked_release_is_left_for_a_good_one() -> None:
    auth = document("auth", release("1.0.0"), release("1.1.0", yanked=True))

    left = pinned([auth], "auth@*", locked={"auth": "1.1.0"}, free=frozenset({"auth"}))

    assert left == {"auth": "1.0.0"}


def test_deprecated_release_is_taken_only_when_named_exactly_or_locked() -> None:
    auth = document("auth", release("1.0.0"), release("1.1.0", deprecated=True))
    old = document("old", release("1.0.0", deprecated=True))

    assert pinned([auth], "auth@*") == {"auth": "1.0.0"}
    assert pinned([auth], "auth@1.1.0") == {"auth": "1.1.0"}
    assert pinned([auth], "auth@=1.1.0") == {"auth": "1.1.0"}
    assert pinned([auth], "auth@^1.0.0", locked={"auth": "1.1.0"}) == {"auth": "1.1.0"}
    refused([old], "old@^1.0.0")


def test_naming_a_deprecated_release_in_a_plugin_does_not_allow_it() -> None:
    auth = document("auth", release("1.0.0", "users@1.0.0"))
    users = document("users", release("1.0.0", deprecated=True))

    refused([auth, users], "auth@*")


def test_prerelease_is_taken_only_by_a_range_that_names_one() -> None:
    search = document("search", release("0.9.0"), release("1.0.0-beta.1"))

    assert pinned([search], "search@*") == {"search": "0.9.0"}
    assert pinned([search], "search@>=0.9.0") == {"search": "0.9.0"}
    assert pinned([search], "search@^1.0.0-beta.1") == {"search": "1.0.0-beta.1"}
    refused([search], "search@^1.0.0")


def test_release_of_a_later_framework_is_passed_over() -> None:
    auth = document("auth", release("1.0.0", framework="^1.0.0"), release("2.0.0", framework="^2.0.0"))

    on_one = Environment(framework=parse_version("1.4.2"))
    on_three = Environment(framework=parse_version("3.0.0"))
    assert pinned([auth], "auth@*", environment=on_one) == {"auth": "1.0.0"}
    assert pinned([auth], "auth@*") == {"auth": "2.0.0"}
    refused([auth], "auth@*", environment=on_three)


def test_prerelease_of_the_framework_counts_like_any_version() -> None:
    auth = document("auth", release("1.0.0", framework=">=2.0.0"))

    environment = Environment(framework=parse_version("2.1.0-next.4"))
    assert pinned([auth], "auth@*", environment=environment) == {"auth": "1.0.0"}


@pytest.mark.parametrize("engine", ["bun", "node"])
def test_release_for_another_engine_is_passed_over(engine: str) -> None:
    newer = release("1.1.0", engine=Engine(**{engine: ">=20"}))
    auth = document("auth", release("1.0.0"), newer)

    old = Environment(**{engine: parse_version("18.0.0")})
    new = Environment(**{engine: parse_version("22.1.0")})
    assert pinned([auth], "auth@*", environment=old) == {"auth": "1.0.0"}
    assert pinned([auth], "auth@*", environment=new) == {"auth": "1.1.0"}


def test_the_lockfile_does_not_excuse_the_wrong_framework() -> None:
    auth = document("auth", release("1.0.0", framework="^1.0.0"))

    environment = Environment(framework=parse_version("2.0.0"))
    refused([auth], "auth@*", locked={"auth": "1.0.0"}, environment=environment)


@pytest.mark.parametrize("broken", ["users@>>1", "../users@*", "users@" + "^" * 3000])
def test_release_with_metadata_that_cannot_be_read_is_passed_over(broken: str) -> None:
    auth = document("auth", release("1.0.0"), release("1.1.0", broken))

    assert pinned([auth], "auth@*") == {"auth": "1.0.0"}


def test_plugin_without_a_release_is_refused() -> None:
    refused([document("auth")], "auth@*")


# Hard cases, small; each ends because no combination is tried twice for one reason.


def test_a_chain_of_a_thousand_needs_no_recursion() -> None:
    last = 999
    chain = [
        document(f"c{at}", release("1.0.0", *([f"c{at + 1}@^1.0.0"] if at < last else [])))
        for at in range(last + 1)
    ]

    assert len(pinned(chain, "c0@*")) == last + 1


def test_a_conflict_at_the_end_of_a_chain_of_a_thousand_is_told() -> None:
    last = 999
    chain = [
        document(f"c{at}", release("1.0.0", f"c{at + 1}@^1.0.0" if at < last else "c0@^2.0.0"))
        for at in range(last + 1)
    ]

    conflict = explain(refused(chain, "c0@*"))
    assert conflict.facts[0] == "you asked for `c0`"
    assert conflict.facts[-1].startswith("`c999` 1.0.0 needs `c0 ^2.0.0`, but no release is in that range")


def test_a_late_conflict_behind_many_choices_is_found_once() -> None:
    """5 ** 60 combinations."""
    minors = [f"1.{number}.0" for number in range(5)]
    chain = [
        document(
            f"c{at}",
            *(release(version, "end@^2.0.0" if at == 59 else f"c{at + 1}@^1.0.0") for version in minors),
        )
        for at in range(60)
    ]
    end = document("end", release("1.0.0"), release("2.0.0"))

    refused([*chain, end], "c0@*", "end@^1.0.0")
    assert pinned([*chain, end], "c0@*")["c59"] == "1.4.0"


@pytest.mark.parametrize(("pigeons", "holes"), [(4, 3), (5, 4), (6, 5)])
def test_more_pigeons_than_holes_do_not_fit(pigeons: int, holes: int) -> None:
    birds = [
        document(
            f"pigeon{bird}",
            *(release(f"{hole + 1}.0.0", f"hole{hole}@{bird + 1}.0.0") for hole in range(holes)),
        )
        for bird in range(pigeons)
    ]
    places = [
        document(f"hole{hole}", *(release(f"{bird + 1}.0.0") for bird in range(pigeons)))
        for hole in range(holes)
    ]

    refused([*birds, *places], *(f"pigeon{bird}@*" for bird in range(pigeons)))
    housed = pinned([*birds, *places], *(f"pigeon{bird}@*" for bird in range(holes)))
    assert len({housed[f"pigeon{bird}"] for bird in range(holes)}) == holes


def test_a_ladder_in_lockstep_steps_down_to_the_one_rung_that_holds() -> None:
    rungs = [
        document(
            f"rung{at}",
            *(
                release(f"{step}.0.0", f"rung{at + 1}@{step}.0.0" if at < 19 else f"floor@{step}.0.0")
                for step in range(1, 9)
            ),
        )
        for at in range(20)
    ]

    assert pinned([*rungs, document("floor", release("1.0.0"))], "rung0@*")["rung19"] == "1.0.0"


def test_an_ecosystem_that_moves_together_settles_on_the_common_release() -> None:
    minors = [f"1.{number}.0" for number in range(12)]
    parts = [
        document(f"part{at}", *(release(version, f"base@{version}") for version in minors))
        for at in range(12)
    ]
    base = document("base", *(release(version) for version in minors))

    settled = pinned([*parts, base], *(f"part{at}@*" for at in range(12)), "base@<1.5.0")
    assert set(settled.values()) == {"1.4.0"}
