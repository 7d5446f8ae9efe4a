"""What a request may ask for beside ranges: modes, pins, prereleases, the cool-down, bounds, and notes."""

from datetime import timedelta

import pytest
from msgspec import json

from donkeytui.resolution.solver import Environment, GaveUp, Note, Request, Resolved, Unsolvable, Wish, solve
from donkeytui.resolution.universe import Universe
from registry_server.contract.ranges import parse_range
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import Engine, PluginDocument, Release
from tests.support.builders import MOMENT, document, release
from tests.support.resolution_graphs import compatible, pigeonhole
from tests.support.universes import Case, ask, pinned, pins, refused

DAY = {"mature_before": MOMENT - timedelta(hours=24)}
STRICT = {**DAY, "is_cool_down_strict": True}


def young(version: str, *needs: str, hours: int = 3, **fields: object) -> Release:
    return release(version, *needs, created_at=MOMENT - timedelta(hours=hours), **fields)


def old(version: str, *needs: str, **fields: object) -> Release:
    return release(version, *needs, created_at=MOMENT - timedelta(days=90), **fields)


def notes(documents: list[PluginDocument], *wishes: str, **options: object) -> tuple[Note, ...]:
    answer = ask(documents, [tuple(wish.split("@")) for wish in wishes], **options)  # type: ignore[misc]
    assert isinstance(answer, Resolved)
    return answer.notes


# Modes.


def test_keep_stays_newest_moves_everything_lowest_goes_down() -> None:
    auth = document("auth", *(release(f"1.{at}.0", "users@^1.0.0") for at in range(4)))
    users = document("users", *(release(f"1.{at}.0") for at in range(4)))
    locked = {"auth": "1.1.0", "users": "1.2.0"}

    def settled(mode: str) -> dict[str, str]:
        return pinned([auth, users], "auth@^1.1.0", locked=locked, mode=mode)

    assert settled("keep") == {"auth": "1.1.0", "users": "1.2.0"}
    assert settled("newest") == {"auth": "1.3.0", "users": "1.3.0"}
    assert settled("lowest") == {"auth": "1.1.0", "users": "1.0.0"}


def test_lowest_takes_prereleases_last() -> None:
    auth = document("auth", release("2.0.0-beta.1"), release("2.0.0"), release("2.1.0"))

    assert pinned([auth], "auth@^2.0.0-beta.1", mode="lowest") == {"auth": "2.0.0"}


def test_lowest_knows_nothing_of_the_lockfile() -> None:
    auth = document("auth", release("1.0.0", yanked=True), release("1.1.0"))

    assert pinned([auth], "auth@*", mode="lowest", locked={"auth": "1.0.0"}) == {"auth": "1.1.0"}


def test_a_new_plugin_takes_older_dependencies_rather_than_move_the_lockfile() -> None:
    """`extra` needs `tool`, of which only an older release gets on with the locked `users`."""
    extra = document("extra", release("1.0.0", "tool@*"))
    tool = document("tool", release("1.0.0", "users@^1.0.0"), release("2.0.0", "users@^2.0.0"))
    users = document("users", release("1.0.0"), release("2.0.0"))
    auth = document("auth", release("1.0.0", "users@*"))
    locked = {"auth": "1.0.0", "users": "1.0.0"}

    settled = pinned([extra, tool, users, auth], "extra@*", "auth@*", locked=locked)
    assert settled == {"extra": "1.0.0", "tool": "1.0.0", "auth": "1.0.0", "users": "1.0.0"}


def test_what_is_asked_for_by_name_comes_before_the_lockfile() -> None:
    extra = document("extra", release("1.0.0", "users@^1.0.0"), release("2.0.0", "users@^2.0.0"))
    users = document("users", release("1.0.0"), release("2.0.0"))

    assert pinned([extra, users], "extra@*", locked={"users": "1.0.0"}) == {
        "extra": "2.0.0",
        "users": "2.0.0",
    }


def test_direct_plugins_keep_their_release_before_indirect_ones() -> None:
    """`new` fits either the locked `auth` or the locked `users`, not both."""
    new = document("new", release("1.0.0", "users@2.0.0"))
    auth = document("auth", release("1.0.0", "users@*"), release("1.1.0", "users@1.0.0"))
    users = document("users", release("1.0.0"), release("2.0.0"))

    settled = pinned([new, auth, users], "new@*", "auth@*", locked={"auth": "1.0.0", "users": "1.0.0"})
    assert settled["auth"] == "1.0.0"


def test_freed_indirect_plugin_moves_as_far_as_its_askers_let_it() -> None:
    auth = document("auth", release("1.0.0", "users@^1.0.0"), release("1.1.0", "users@^2.0.0"))
    users = document("users", release("1.0.0"), release("1.3.0"), release("2.0.0"))
    locked = {"auth": "1.0.0", "users": "1.0.0"}

    moved = pinned([auth, users], "auth@*", locked=locked, free=frozenset({"users"}))
    assert moved == {"auth": "1.0.0", "users": "1.3.0"}


def test_freed_direct_plugin_takes_others_along_where_it_must() -> None:
    auth = document("auth", release("1.0.0", "users@^1.0.0"), release("1.1.0", "users@^2.0.0"))
    users = document("users", release("1.0.0"), release("1.3.0"), release("2.0.0"))
    locked = {"auth": "1.0.0", "users": "1.0.0"}

    moved = pinned([auth, users], "auth@*", locked=locked, free=frozenset({"auth"}))
    assert moved == {"auth": "1.1.0", "users": "2.0.0"}


# Pins of the user.


def test_held_plugin_stays_where_it_is_in_every_mode() -> None:
    users = document("users", release("1.0.0"), release("1.1.0"), release("1.2.0"))

    for mode in ("keep", "newest", "lowest"):
        assert pinned([users], "users@^1.0.0", held={"users": "1.1.0"}, mode=mode) == {"users": "1.1.0"}


def test_held_plugin_that_nothing_needs_is_not_brought_in() -> None:
    auth, users = document("auth", release("1.0.0")), document("users", release("1.0.0"))

    assert pinned([auth, users], "auth@*", held={"users": "1.0.0"}) == {"auth": "1.0.0"}


def test_held_release_that_does_not_fit_is_a_conflict() -> None:
    refused([document("users", release("1.0.0"), release("2.0.0"))], "users@^2.0.0", held={"users": "1.0.0"})


# Prereleases.


def test_opting_in_makes_prereleases_count_like_any_version() -> None:
    auth = document("auth", release("1.0.0", "search@^1.0.0"))
    search = document("search", release("1.0.0"), release("1.1.0-beta.1"))

    assert pinned([auth, search], "auth@*")["search"] == "1.0.0"
    opted_in = pinned([auth, search], "auth@*", with_prereleases=frozenset({"search"}))
    assert opted_in["search"] == "1.1.0-beta.1"
    assert pinned([auth, search], "auth@*")["search"] == "1.0.0"


# The cool-down.


def test_young_release_is_passed_over_while_something_older_fits() -> None:
    auth = document("auth", old("1.0.0"), young("1.1.0"))

    assert pinned([auth], "auth@*") == {"auth": "1.1.0"}
    assert pinned([auth], "auth@*", **DAY) == {"auth": "1.0.0"}
    assert pinned([auth], "auth@^1.1.0", **DAY) == {"auth": "1.1.0"}


def test_a_young_dependency_is_reason_enough_to_take_an_older_asker() -> None:
    auth = document("auth", old("1.0.0", "users@^1.0.0"), old("2.0.0", "users@^2.0.0"))
    users = document("users", old("1.0.0"), young("2.0.0"))

    assert pinned([auth, users], "auth@*", **DAY) == {"auth": "1.0.0", "users": "1.0.0"}


def test_only_the_plugin_that_must_gives_up_its_cool_down() -> None:
    fresh = document("fresh", young("1.0.0"), young("1.1.0"))
    auth = document("auth", old("1.0.0"), young("1.1.0"))

    assert pinned([fresh, auth], "fresh@*", "auth@*", **DAY) == {"fresh": "1.1.0", "auth": "1.0.0"}


def test_strict_cool_down_takes_no_young_release_at_all() -> None:
    auth = document("auth", old("1.0.0"), young("1.1.0"))

    assert pinned([auth], "auth@*", **STRICT) == {"auth": "1.0.0"}
    refused([auth], "auth@1.1.0", **STRICT)


@pytest.mark.parametrize(
    "excuse",
    [
        {"locked": {"auth": "1.1.0"}},
        {"held": {"auth": "1.1.0"}},
        {"cool_down_exempt": frozenset({"auth"})},
    ],
)
def test_cool_down_does_not_touch_what_is_locked_held_or_exempt(excuse: dict[str, object]) -> None:
    auth = document("auth", old("1.0.0"), young("1.1.0"))

    assert pinned([auth], "auth@*", **STRICT, **excuse) == {"auth": "1.1.0"}


def test_release_at_the_very_edge_of_the_cool_down_is_mature() -> None:
    auth = document("auth", old("1.0.0"), young("1.1.0", hours=24))

    assert pinned([auth], "auth@*", **STRICT) == {"auth": "1.1.0"}


# Notes.


def test_newer_releases_passed_over_are_noted_with_the_reason() -> None:
    auth = document(
        "auth",
        old("1.0.0"),
        old("1.1.0", yanked=True),
        old("1.2.0", deprecated=True),
        old("1.3.0", framework="^9.0.0"),
        old("1.4.0", engine=Engine(bun="^9.0.0")),
        young("1.5.0"),
        old("1.6.0-beta.1"),
        old("2.0.0"),
    )
    environment = Environment(framework=parse_version("2.5.0"), bun=parse_version("1.2.0"))
    told = notes([auth], "auth@^1.0.0", environment=environment, **DAY)

    assert {note.taken for note in told} == {"1.0.0"}
    assert {(note.kind, note.version, note.detail) for note in told} == {
        ("yanked-skipped", "1.1.0", "was withdrawn by its author"),
        ("deprecated-skipped", "1.2.0", "is deprecated"),
        ("framework-skipped", "1.3.0", "needs @donkeylabs/server ^9.0.0, and this project has 2.5.0"),
        ("engine-skipped", "1.4.0", "needs Bun ^9.0.0, and this project has 1.2.0"),
        ("young-skipped", "1.5.0", "is 3 h old"),
        ("prerelease-skipped", "1.6.0-beta.1", "is a prerelease"),
    }


def test_young_release_that_had_to_be_taken_is_noted() -> None:
    (note,) = notes([document("auth", young("1.1.0"))], "auth@*", **DAY)

    assert note == Note(
        name="auth",
        kind="young-taken",
        version="1.1.0",
        taken="1.1.0",
        detail="is 3 h old, and nothing older fits",
    )


def test_plugins_that_stay_where_they_are_are_not_noted() -> None:
    auth = document("auth", old("1.0.0"), young("1.1.0"))

    assert notes([auth], "auth@*", locked={"auth": "1.0.0"}, **DAY) == ()
    assert len(notes([auth], "auth@*", **DAY)) == 1


def test_what_ranges_or_a_pin_rule_out_is_not_noted() -> None:
    auth = document("auth", old("1.0.0"), old("1.1.0"), old("2.0.0", yanked=True))

    assert notes([auth], "auth@^1.0.0") == ()
    assert notes([auth], "auth@*", held={"auth": "1.0.0"}) == ()


@pytest.mark.parametrize(
    ("age", "told"),
    [
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=30), "30 h"),
        (timedelta(hours=71), "2 days"),
        (timedelta(hours=-1), "0 min"),
    ],
)
def test_age_is_told_in_a_fitting_unit(age: timedelta, told: str) -> None:
    auth = document("auth", old("1.0.0"), release("1.1.0", created_at=MOMENT - age))
    week = {"mature_before": MOMENT - timedelta(days=7), "cool_down_hours": 168}
    (note,) = notes([auth], "auth@*", **week)

    assert note.detail == f"is {told} old"


# Bounds.


def pigeons() -> tuple[Request, Universe]:
    graph = pigeonhole(7, 6)
    return graph.request(), graph.universe()


def test_search_gives_up_when_told_to_and_names_what_was_in_the_way() -> None:
    request, universe = pigeons()
    answer = solve(request, universe, keep_going=lambda: False)

    assert isinstance(answer, GaveUp)
    assert answer.conflicts < 64
    assert len(answer.tightest) == 3
    assert set(answer.tightest) <= set(request.wishes)


def test_wishes_in_the_way_are_found_through_the_plugins_they_bring_in() -> None:
    graph = pigeonhole(7, 6)
    for bird in range(7):
        graph.add(f"cote{bird}", {1: {f"pigeon{bird}": (1, 6)}})
    graph.wishes = {f"cote{bird}": (1, 1) for bird in range(7)}
    answer = solve(graph.request(), graph.universe(), conflicts_max=50)

    assert isinstance(answer, GaveUp)
    assert len(answer.tightest) == 3
    assert all(wish.name.startswith("cote") for wish in answer.tightest)


def test_a_search_that_was_stopped_before_any_contradiction_blames_nobody() -> None:
    graph = compatible(2_000, 3, wished=3)
    answer = solve(graph.request(), graph.universe(), keep_going=lambda: False)

    assert answer == GaveUp(tightest=(), conflicts=0)


def test_search_is_asked_whether_to_go_on_every_64_conflicts() -> None:
    request, universe = pigeons()
    asked: list[None] = []

    def keep_going() -> bool:
        asked.append(None)
        return len(asked) < 2

    answer = solve(request, universe, keep_going=keep_going)
    assert isinstance(answer, GaveUp)
    assert len(asked) == 2
    assert 64 < answer.conflicts < 128


def test_search_gives_up_after_its_budget_of_conflicts() -> None:
    request, universe = pigeons()

    answer = solve(request, universe, conflicts_max=20)
    assert isinstance(answer, GaveUp)
    assert answer.conflicts == 20


# Values.


def test_answers_are_plain_data() -> None:
    auth = document("auth", old("1.0.0", "users@^1.0.0", framework="^2.0.0"), young("1.1.0"))
    answer = ask([auth, document("users", old("1.0.0"))], [("auth", "*")], **DAY)

    assert isinstance(answer, Resolved)
    assert json.decode(json.encode(answer), type=Resolved) == answer
    gave_up = GaveUp(
        tightest=(Wish(name="auth", range=parse_range("^1.0.0"), source="request"),), conflicts=3
    )
    assert json.decode(json.encode(gave_up), type=GaveUp) == gave_up


def test_a_warm_universe_gives_the_answers_of_a_cold_one() -> None:
    for seed in range(300):
        case = Case(seed)
        universe = Universe(case.documents.get)
        request = Request(
            wishes=tuple(Wish(name=n, range=parse_range(r), source="request") for n, r in case.wishes),
            locked=case.locked,
        )
        others = Request(
            wishes=request.wishes[:1],
            mode="lowest",
            with_prereleases=frozenset(case.documents),
            environment=Environment(framework=parse_version("9.0.0")),
        )
        solve(others, universe)
        warm, cold = solve(request, universe), solve(request, Universe(case.documents.get))

        assert type(warm) is type(cold)
        assert isinstance(warm, Unsolvable) or pins(warm) == pins(cold)
