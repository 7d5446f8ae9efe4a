"""What a person reads when nothing fits: the exact sentences, for each cause."""

import re
from datetime import timedelta

import pytest
from msgspec import json, structs

from donkeytui.resolution.explain import FACTS_AT_END, FACTS_MAX, Conflict, explain
from donkeytui.resolution.solver import Environment, Request, Resolved, Unsolvable, Wish, solve
from donkeytui.resolution.universe import Universe
from registry_server.contract.ranges import parse_range
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import Engine, PluginDocument
from tests.support.builders import MOMENT, document, release
from tests.support.universes import FRAMEWORK, Case


def universe(documents: list[PluginDocument]) -> Universe:
    return Universe({doc.name: doc for doc in documents}.get)


def conflict(documents: list[PluginDocument], *wishes: str, **options: object) -> Conflict:
    """The conflict of wishes written as `auth@^1.0.0`; `!auth@^1.0.0` comes from the lockfile."""
    asked = []
    for wish in wishes:
        name, _, text = wish.lstrip("!").partition("@")
        source = "lockfile" if wish.startswith("!") else "request"
        asked.append(Wish(name=name, range=parse_range(text), source=source))
    request = Request(wishes=tuple(asked), **options)  # type: ignore[arg-type]
    answer = solve(request, universe(documents))
    assert isinstance(answer, Unsolvable)
    return explain(answer)


def test_two_plugins_that_need_different_releases_of_a_third() -> None:
    told = conflict(
        [
            document(
                "auth",
                release("1.0.0", "orm@^2.0.0"),
                release("2.0.0", "orm@^3.0.0"),
                release("2.1.0", "orm@^3.0.0"),
            ),
            document("billing", release("1.0.0", "orm@^2.0.0"), release("1.1.0", "orm@^2.0.0")),
            document("orm", release("2.0.0"), release("3.0.0")),
        ],
        "auth@^2.0.0",
        "!billing@^1.0.0",
    )

    assert [(wish.name, wish.source) for wish in told.core] == [("auth", "request"), ("billing", "lockfile")]
    assert structs.replace(told, core=()) == Conflict(
        title="`auth ^2.0.0` and `billing ^1.0.0` do not fit together",
        facts=(
            "you asked for `auth ^2.0.0`",
            "the lockfile has `billing ^1.0.0`",
            "`auth` 2.0.0 to 2.1.0 needs `orm ^3.0.0`",
            "`billing` 1.0.0 to 1.1.0 needs `orm ^2.0.0`",
        ),
        plugins=("auth", "billing"),
        involved=("auth", "billing", "orm"),
    )


def test_wishes_are_named_in_the_order_asked_whichever_the_proof_meets_first() -> None:
    documents = [
        document("auth", release("1.0.0", "orm@^3.0.0")),
        document("billing", release("1.0.0", "orm@^2.0.0")),
        document("orm", release("2.0.0"), release("3.0.0")),
    ]

    assert conflict(documents, "auth@*", "billing@*").plugins == ("auth", "billing")
    assert conflict(documents, "billing@*", "auth@*").plugins == ("billing", "auth")
    assert conflict(documents, "billing@*", "auth@*").title == "`billing` and `auth` do not fit together"


def test_wishes_that_take_no_part_are_not_named() -> None:
    told = conflict(
        [document("auth", release("1.0.0", "users@^2.0.0")), document("email", release("1.0.0"))],
        "email@*",
        "auth@*",
    )

    assert told.plugins == ("auth",)
    assert not any("email" in fact for fact in told.facts)


def test_two_wishes_for_one_plugin_name_it_once() -> None:
    told = conflict([document("auth", release("1.0.0"), release("2.0.0"))], "auth@^1.0.0", "auth@2.0.0")

    assert told.title == "`auth ^1.0.0` and `auth 2.0.0` do not fit together"
    assert told.facts == ("you asked for `auth ^1.0.0`", "you asked for `auth 2.0.0`")
    assert told.plugins == ("auth",)


def test_a_chain_is_told_from_the_project_outwards() -> None:
    told = conflict(
        [
            document("app", release("1.0.0", "left@^1.0.0", "right@^1.0.0")),
            document("left", release("1.0.0", "base@^1.0.0")),
            document("right", release("1.0.0", "middle@^1.0.0")),
            document("middle", release("1.0.0", "base@^2.0.0")),
            document("base", release("1.0.0"), release("2.0.0")),
        ],
        "app@*",
    )

    assert told.title == "`app` cannot be installed here"
    assert told.facts == (
        "you asked for `app`",
        "`app` 1.0.0 needs `left ^1.0.0`",
        "`app` 1.0.0 needs `right ^1.0.0`",
        "`left` 1.0.0 needs `base ^1.0.0`",
        "`right` 1.0.0 needs `middle ^1.0.0`",
        "`middle` 1.0.0 needs `base ^2.0.0`",
    )


def test_a_plugin_the_registry_does_not_have() -> None:
    assert conflict([], "atuh@*").facts == ("you asked for `atuh`, which the registry does not have",)
    assert conflict([document("auth", release("1.0.0", "users@^2.0.0"))], "auth@*").facts == (
        "you asked for `auth`",
        "`auth` 1.0.0 needs `users ^2.0.0`, which the registry does not have",
    )


def test_a_range_without_a_release_names_the_newest() -> None:
    auth = document("auth", release("1.0.0"))
    chart = document("chart", release("1.0.0", "render@^5.0.0"))
    render = document("render", release("4.8.0"), release("4.8.1"))

    assert conflict([auth], "auth@^9.0.0").facts == (
        "you asked for `auth ^9.0.0`, but no release is in that range (the newest is 1.0.0)",
    )
    assert conflict([chart, render], "chart@*").facts == (
        "you asked for `chart`",
        "`chart` 1.0.0 needs `render ^5.0.0`, but no release is in that range (the newest is 4.8.1)",
    )


def test_a_plugin_without_any_release() -> None:
    assert conflict([document("auth")], "auth@*").facts == (
        "you asked for `auth`, but no release is in that range (it has none)",
    )


def test_a_range_that_only_prereleases_fit() -> None:
    search = document("search", release("1.1.0"), release("1.2.0-beta.2"), release("1.2.0-beta.3"))

    assert conflict([search], "search@^1.2.0").facts == (
        "you asked for `search ^1.2.0`, which exists only as a prerelease: 1.2.0-beta.2 to 1.2.0-beta.3",
    )


def test_a_range_of_which_every_release_was_withdrawn() -> None:
    queue = document("queue", release("2.9.4"), release("3.0.0", yanked=True), release("3.0.1", yanked=True))

    assert conflict([queue], "queue@^3.0.0").facts == (
        "you asked for `queue ^3.0.0`, "
        "but every release in that range was withdrawn by its author (3.0.0 to 3.0.1)",
    )


def test_releases_their_author_withdrew_among_others() -> None:
    queue = document("queue", release("3.0.0"), release("3.0.1", yanked=True), release("3.0.2", "bus@*"))
    bus = document("bus")

    assert conflict([queue, bus], "queue@>3.0.0").facts == (
        "you asked for `queue >3.0.0`",
        "`queue` 3.0.1 was withdrawn by the author (yanked)",
        "`queue` 3.0.2 needs `bus`, but no release is in that range (it has none)",
    )


def test_a_plugin_pinned_by_the_user() -> None:
    auth = document("auth", release("2.0.0", "users@^2.4.0"))
    users = document("users", release("2.3.0"), release("2.4.0"))

    assert conflict([auth, users], "auth@*", held={"users": "2.3.0"}).facts == (
        "you asked for `auth`",
        "`auth` 2.0.0 needs `users ^2.4.0`",
        "`users` is pinned at 2.3.0 by you",
    )


def test_a_strict_cool_down_says_when_it_is_over() -> None:
    auth = document("auth", release("1.0.0"), release("2.0.0", created_at=MOMENT - timedelta(hours=3)))
    options = {"mature_before": MOMENT - timedelta(hours=24), "is_cool_down_strict": True}

    assert conflict([auth], "auth@^2.0.0", **options).facts == (
        "you asked for `auth ^2.0.0`",
        "`auth` 2.0.0 is in its cool-down of 24 h, until 2026-03-15 06:26 UTC",
    )


def test_deprecated_releases() -> None:
    assert conflict([document("queue", release("3.0.0", deprecated=True))], "queue@^3.0.0").facts == (
        "you asked for `queue ^3.0.0`",
        "`queue` 3.0.0 is deprecated, and only taken when named exactly",
    )


@pytest.mark.parametrize(
    ("fields", "environment", "told"),
    [
        ({"framework": "^3.0.0"}, {"framework": "2.5.0"}, "@donkeylabs/server ^3.0.0"),
        ({"engine": Engine(bun="^3.0.0")}, {"bun": "2.5.0"}, "Bun ^3.0.0"),
        ({"engine": Engine(node="^3.0.0")}, {"node": "2.5.0"}, "Node ^3.0.0"),
    ],
)
def test_releases_for_another_framework_or_engine(
    fields: dict[str, object], environment: dict[str, str], told: str
) -> None:
    present = Environment(**{what: parse_version(text) for what, text in environment.items()})
    orm = document("orm", release("3.0.0", **fields))
    auth = document("auth", release("2.0.0", "orm@^3.0.0"))

    assert conflict([auth, orm], "auth@^2.0.0", environment=present).facts == (
        "you asked for `auth ^2.0.0`",
        "`auth` 2.0.0 needs `orm ^3.0.0`",
        f"`orm` 3.0.0 needs {told}, and this project has 2.5.0",
    )


def test_each_way_out_that_is_closed_is_told() -> None:
    users = document(
        "users",
        release("1.0.0", yanked=True),
        release("2.0.0", deprecated=True),
        release("3.0.0", framework="^9.0.0"),
        release("4.0.0", "nowhere@*"),
    )
    told = conflict([users], "users@*", environment=Environment(framework=parse_version("2.0.0")))

    assert told.facts[0] == "you asked for `users`"
    assert sorted(told.facts[1:]) == [
        "`users` 1.0.0 was withdrawn by the author (yanked)",
        "`users` 2.0.0 is deprecated, and only taken when named exactly",
        "`users` 3.0.0 needs @donkeylabs/server ^9.0.0, and this project has 2.0.0",
        "`users` 4.0.0 needs `nowhere`, which the registry does not have",
    ]


def test_scattered_releases_are_told_as_runs_up_to_three() -> None:
    def about(count: int) -> str:
        every = [
            release(f"1.{at}.0", "users@^1.0.0" if at % 2 else "users@^2.0.0") for at in range(count * 2)
        ]
        facts = conflict([document("auth", *every)], "auth@*").facts
        return next(fact for fact in facts if "users ^1.0.0" in fact).split(" needs ")[0]

    assert about(3) == "`auth` 1.1.0, 1.3.0, 1.5.0"
    assert about(4) == "`auth` 1.1.0 to 1.7.0 (not all)"


def test_a_plugin_that_asks_in_many_ways_is_told_in_one_sentence() -> None:
    auth = document("auth", *(release(f"1.{at}.0", f"users@1.{at}.0") for at in range(6)))
    users = document("users", *(release(f"1.{at}.0") for at in range(6)), release("2.0.0"))

    assert conflict([auth, users], "auth@*", "users@^2.0.0").facts == (
        "you asked for `auth`",
        "you asked for `users ^2.0.0`",
        "`auth` 1.0.0 to 1.5.0 needs `users` in one of 6 ranges: `1.0.0`, `1.1.0`, `1.2.0` and 3 more",
    )


def test_a_long_story_is_cut_in_the_middle_and_says_how_much_is_left_out() -> None:
    last = FACTS_MAX + 9
    chain = [
        document(f"c{at}", release("1.0.0", f"c{at + 1}@^1.0.0" if at < last else "nowhere@*"))
        for at in range(last + 1)
    ]
    told = conflict(chain, "c0@*")

    assert len(told.facts) == FACTS_MAX
    assert told.facts[0] == "you asked for `c0`"
    assert told.facts[FACTS_MAX - FACTS_AT_END - 1] == "and so on, through 12 more"
    assert told.facts[-1] == "`c21` 1.0.0 needs `nowhere`, which the registry does not have"


def test_releases_the_project_does_not_accept_are_not_named() -> None:
    """All of `auth` needs `orm ^3`, but what matters are those asked for."""
    auth = document("auth", *(release(f"{major}.0.0", "orm@^3.0.0") for major in (1, 2, 3)))
    orm = document("orm", release("2.0.0"), release("3.0.0"))

    told = conflict([auth, orm], "auth@^2.0.0", "orm@^2.0.0")
    assert "`auth` 2.0.0 needs `orm ^3.0.0`" in told.facts


def test_detours_of_the_search_are_not_told() -> None:
    """Whichever `left` and `right` are tried first, `auth` fits no `orm` there is."""
    busy = [
        document(
            name,
            *(release(f"1.{at}.0", f"{other}@{'1.0.0' if at else '*'}") for at in range(4)),
        )
        for name, other in (("left", "right"), ("right", "left"))
    ]
    auth = document("auth", release("1.0.0", "orm@^3.0.0"))
    orm = document("orm", release("2.0.0"))

    told = conflict([*busy, auth, orm], "left@*", "right@*", "auth@*")
    assert told.plugins == ("auth",)
    assert len(told.facts) == 2


def test_ranges_are_told_on_one_line_and_not_at_length() -> None:
    long = " || ".join(f"^{major}.0.0" for major in range(10, 90))
    auth = document(
        "auth", release("1.0.0", "users@^2.0.0\n\n||\u00a0^3.0.0"), release("2.0.0", f"users@{long}")
    )
    told = conflict([auth, document("users", release("1.0.0"))], "auth@*")

    assert not any("\n" in fact for fact in told.facts)
    assert "`users ^2.0.0 || ^3.0.0`" in told.facts[1]
    assert "`users ^10.0.0 || ^11.0.0" in told.facts[2]
    assert "…`" in told.facts[2]
    assert all(len(fact) < 160 for fact in told.facts)


def test_a_conflict_is_plain_data() -> None:
    told = conflict([document("auth", release("1.0.0"))], "auth@^1.0.0", "auth@^2.0.0")

    assert json.decode(json.encode(told), type=Conflict) == told


def test_explaining_stops_when_told_to_and_says_what_it_knows() -> None:
    auth = document("auth", release("1.0.0", "users@^2.0.0"))
    answer = solve(
        Request(wishes=(Wish(name="auth", range=parse_range("*"), source="request"),)), universe([auth])
    )
    assert isinstance(answer, Unsolvable)

    assert explain(answer, keep_going=lambda: False).plugins == ("auth",)


def test_no_inner_name_reaches_a_sentence() -> None:
    told = conflict(
        [
            document("auth", release("1.0.0", "orm@^3.0.0"), release("1.1.0", "orm@^4.0.0")),
            document("orm", release("2.0.0"), release("3.0.0", yanked=True), release("4.0.0", "auth@^2.0.0")),
        ],
        "auth@*",
    )

    for sentence in (told.title, *told.facts):
        assert not re.search(r"derived|root|PROJECT|Clause|None|``|0x|\bset\b", sentence), sentence


def test_without_any_one_wish_of_the_core_there_is_an_answer() -> None:
    seen = 0
    for seed in range(3600):
        case = Case(seed, size=7)
        wishes = tuple(Wish(name=n, range=parse_range(r), source="request") for n, r in case.wishes)
        request = Request(wishes=wishes, locked=case.locked, environment=Environment(framework=FRAMEWORK))
        world = Universe(case.documents.get)
        answer = solve(request, world)
        if not isinstance(answer, Unsolvable):
            continue
        core = explain(answer).core
        seen += len(core) > 1

        assert core
        assert isinstance(solve(structs.replace(request, wishes=core), world), Unsolvable)
        for left_out in core:
            left = tuple(one for one in core if one is not left_out)
            assert isinstance(solve(structs.replace(request, wishes=left), world), Resolved), f"seed {seed}"
    assert seen > 10
