"""Ways out of a conflict: each solves as told, fewest changes first, and none is idle."""

from datetime import timedelta

import pytest
from msgspec import json, structs

from donkeytui.resolution.explain import explain
from donkeytui.resolution.solver import Environment, Request, Resolved, Unsolvable, Wish, solve
from donkeytui.resolution.universe import Universe
from donkeytui.resolution.ways_out import WAYS_MAX, WayOut, ways_out
from registry_server.contract.ranges import parse_requirement
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import PluginDocument
from tests.support.builders import MOMENT, document, release
from tests.support.universes import FRAMEWORK, Case


def wish(text: str) -> Wish:
    """`!auth@^1.0.0` comes from the lockfile."""
    asked = parse_requirement(text.lstrip("!"))
    return Wish(name=asked.name, range=asked.range, source="lockfile" if text[0] == "!" else "request")


def ways(documents: list[PluginDocument], *wishes: str, **options: object) -> tuple[WayOut, ...]:
    request = Request(wishes=tuple(map(wish, wishes)), **options)  # type: ignore[arg-type]
    universe = Universe({doc.name: doc for doc in documents}.get)
    answer = solve(request, universe)
    assert isinstance(answer, Unsolvable)
    return ways_out(request, universe, explain(answer))


def told(found: tuple[WayOut, ...]) -> list[tuple[str, str, str, int]]:
    return [(way.kind, way.requirement, way.text, way.changes) for way in found]


AUTH = document(
    "auth", release("1.9.0", "orm@^2.0.0"), release("1.9.3", "orm@^2.0.0"), release("2.0.0", "orm@^3.0.0")
)
BILLING = document("billing", release("1.0.0", "orm@^2.0.0"), release("2.1.0", "orm@^3.0.0"))
ORM = document("orm", release("2.8.0"), release("3.4.0"))
LOCKED = {"billing": "1.0.0", "orm": "2.8.0"}


def test_each_side_of_a_conflict_may_give_way() -> None:
    found = ways([AUTH, BILLING, ORM], "auth@^2.0.0", "!billing@^1.0.0", locked=LOCKED)

    assert told(found) == [
        ("other-range", "auth@^1.9.3", "`auth` ^1.9.3 brings auth 1.9.3", 0),
        (
            "other-range",
            "billing@^2.1.0",
            "`billing` ^2.1.0 brings billing 2.1.0, auth 2.0.0, orm 3.4.0",
            2,
        ),
        ("drop", "", "uninstalling `billing` leaves room for auth 2.0.0, orm 3.4.0", 2),
    ]


def test_what_is_asked_for_now_is_not_dropped() -> None:
    found = ways([AUTH, BILLING, ORM], "auth@^2.0.0", "billing@^1.0.0")

    assert {way.kind for way in found} == {"other-range"}


def test_a_plugin_that_others_need_is_not_offered_for_dropping() -> None:
    orm = document("orm", release("2.8.0"))
    shop = document("shop", release("1.0.0", "orm@*"))
    auth = document("auth", release("1.0.0", "orm@^3.0.0"))

    found = ways(
        [orm, shop, auth], "auth@*", "!orm@^2.0.0", "!shop@*", locked={"orm": "2.8.0", "shop": "1.0.0"}
    )
    assert "drop" not in {way.kind for way in found}


def test_range_without_a_release_falls_back_to_the_newest_and_the_major_before() -> None:
    auth = document("auth", release("1.4.0"), release("2.3.0"), release("5.0.0"))

    found = ways([auth], "auth@^3.0.0")
    assert [way.requirement for way in found] == ["auth@^5.0.0", "auth@^2.3.0"]


def test_older_release_of_the_same_major_for_an_older_framework() -> None:
    auth = document("auth", release("2.1.0", framework="^1.0.0"), release("2.3.0", framework="^2.0.0"))
    found = ways([auth], "auth@^2.3.0", environment=Environment(framework=parse_version("1.4.2")))

    assert told(found) == [
        ("other-range", "auth@^2.1.0", "`auth` ^2.1.0 brings auth 2.1.0", 0),
        ("framework", "@donkeylabs/server@^2.0.0", "`@donkeylabs/server` ^2.0.0 brings auth 2.3.0", 0),
    ]


def test_framework_is_not_offered_when_it_would_not_do_for_all() -> None:
    auth = document("auth", release("1.0.0", framework="^2.0.0"))
    shop = document("shop", release("1.0.0", framework="^1.0.0"))

    environment = Environment(framework=parse_version("1.4.2"))
    assert ways([auth, shop], "auth@*", "shop@*", environment=environment) == ()


def test_prerelease_of_what_was_asked_for() -> None:
    search = document("search", release("0.9.0"), release("1.2.0-beta.3"))

    found = ways([search], "search@^1.2.0")
    assert ("prerelease", "search@^1.2.0-beta.3") in {(way.kind, way.requirement) for way in found}


def test_young_release_under_a_strict_cool_down() -> None:
    auth = document("auth", release("1.0.0", created_at=MOMENT - timedelta(hours=3)))
    found = ways([auth], "auth@*", mature_before=MOMENT - timedelta(hours=24), is_cool_down_strict=True)

    assert [(way.kind, way.name) for way in found] == [("younger", "auth")]
    assert found[0].text == "taking `auth` 1.0.0 before its cool-down is over brings auth 1.0.0"


def test_pin_of_the_user_may_be_given_up() -> None:
    auth = document("auth", release("1.0.0", "users@^2.0.0"))
    users = document("users", release("1.0.0"), release("2.0.0"))

    found = ways([auth, users], "auth@*", held={"users": "1.0.0"}, locked={"users": "1.0.0"})
    assert told(found) == [("unpin", "", "unpinning `users` brings users 2.0.0, auth 1.0.0", 1)]


def test_plugin_kept_only_as_it_is_may_move() -> None:
    """Nobody asks for `users`, nothing needs it: the lockfile alone holds it where it is."""
    auth = document("auth", release("1.0.0", "users@^2.0.0"))
    users = document("users", release("1.0.0"), release("2.0.0"))

    found = ways([auth, users], "auth@*", "!users@1.0.0", locked={"users": "1.0.0"})
    assert ("other-range", "users@^2.0.0", "`users` ^2.0.0 brings users 2.0.0, auth 1.0.0", 1) in told(found)


def test_ranges_that_must_move_together_are_one_way() -> None:
    accounts = document("accounts", release("1.0.0"), release("2.0.0"))
    ledger = document("ledger", release("1.0.0", "accounts@^1.0.0"), release("1.1.0", "accounts@^2.0.0"))
    invoice = document("invoice", release("1.0.0", "accounts@^2.0.0"))

    (way,) = ways(
        [accounts, ledger, invoice],
        "invoice@*",
        "!accounts@^1.0.0",
        "!ledger@1.0.0",
        locked={"accounts": "1.0.0", "ledger": "1.0.0"},
    )

    assert (way.requirement, way.also, way.changes) == ("accounts@^2.0.0", ("ledger@^1.1.0",), 2)
    assert way.text == (
        "`accounts` ^2.0.0 and `ledger` ^1.1.0 together bring accounts 2.0.0, invoice 1.0.0, ledger 1.1.0"
    )


def test_deprecated_release_by_its_exact_version() -> None:
    auth = document("auth", release("1.0.0", "old@^1.0.0"))
    old = document("old", release("1.0.0", deprecated=True), release("1.1.0", deprecated=True))

    found = ways([auth, old], "auth@*")
    assert [(way.kind, way.requirement) for way in found] == [("deprecated-exact", "old@1.1.0")]


def test_there_may_be_no_way_out() -> None:
    assert ways([], "nowhere@*") == ()
    assert ways([document("auth", release("1.0.0", "nowhere@*"))], "auth@*") == ()


def test_no_time_no_ways() -> None:
    request = Request(wishes=(wish("auth@^3.0.0"),))
    universe = Universe({"auth": AUTH, "orm": ORM}.get)
    answer = solve(request, universe)
    assert isinstance(answer, Unsolvable)

    assert ways_out(request, universe, explain(answer), keep_going=lambda: False) == ()


def test_ways_are_plain_data() -> None:
    found = ways([AUTH, BILLING, ORM], "auth@^2.0.0", "billing@^1.0.0")

    assert json.decode(json.encode(found), type=tuple[WayOut, ...]) == found


def asked_for(request: Request, way: WayOut) -> Request | None:
    """The request a person makes who takes the way; None for kinds that no requirement tells."""
    if way.kind not in ("other-range", "deprecated-exact"):
        return None
    requirement = parse_requirement(way.requirement)
    new = Wish(name=requirement.name, range=requirement.range, source="request")
    return structs.replace(
        request,
        wishes=(new, *(one for one in request.wishes if one.name != new.name)),
        free=frozenset({new.name}),
    )


@pytest.mark.parametrize("block", range(2))
def test_every_way_solves_when_asked_for_in_its_words(block: int) -> None:
    followed = 0
    for seed in range(block * 600, block * 600 + 600):
        case = Case(seed)
        request = Request(
            wishes=tuple(wish(f"{name}@{text}") for name, text in case.wishes),
            locked=case.locked,
            environment=Environment(framework=FRAMEWORK),
        )
        universe = Universe(case.documents.get)
        answer = solve(request, universe)
        if isinstance(answer, Unsolvable):
            found = ways_out(request, universe, explain(answer))

            assert len(found) <= WAYS_MAX
            assert [way.changes for way in found] == sorted(way.changes for way in found)
            for way in found:
                asked = asked_for(request, way)
                followed += asked is not None
                assert asked is None or isinstance(solve(asked, universe), Resolved), f"seed {seed}, {way}"
    assert followed > 50
