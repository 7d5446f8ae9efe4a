"""The next version: what is taken away or newly demanded is major, what is added minor, else a patch."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

import registry_server
from donkeytui.authoring.judging import judge
from donkeytui.authoring.suggestion import LEVELS, Level, next_version, raised, suggest_version
from donkeytui.authoring.surface import Surface, surface_of
from registry_server.contract.archive import Entry
from registry_server.contract.versions import parse_version

STARTER = Path(registry_server.__file__).parent / "starter" / "plugins"
BASE = Surface(
    version="1.2.3",
    exports=frozenset(("xPlugin", "help")),
    methods=frozenset(("send",)),
    events=frozenset(("sent",)),
    handlers=frozenset(("ping",)),
    errors=frozenset(("Gone",)),
    is_factory=True,
    required_config=frozenset(("key",)),
    files=frozenset(("index.ts",)),
    migrations=frozenset(("001_a.ts",)),
    labels=frozenset(("network",)),
    env_vars=frozenset(("KEY",)),
    plugins=(("users", "^1.0.0"),),
    engines=(("the framework", ">=2.0.0"), ("bun", "*")),
    has_hook=False,
)
names = st.none() | st.frozensets(st.sampled_from("abc"))
versions = st.builds(
    "{}.{}.{}{}".format, *[st.integers(0, 3)] * 3, st.sampled_from(["", "-beta", "-beta.1", "-0.a"])
)
surfaces = st.builds(
    Surface,
    version=versions,
    exports=names,
    methods=names,
    events=names,
    handlers=names,
    errors=names,
    is_factory=st.none() | st.booleans(),
    required_config=names,
    files=names,
    migrations=names,
    labels=names,
    env_vars=names,
    plugins=st.dictionaries(st.sampled_from("abc"), st.sampled_from(["^1", "^1.2", "*", "^2"])).map(
        lambda wanted: tuple(sorted(wanted.items()))
    ),
    engines=st.sampled_from([">=1", ">=2", "*", "^2"]).map(lambda wanted: (("bun", wanted),)),
    has_hook=st.none() | st.booleans(),
)


def changed(**fields: object) -> tuple[Level, str]:
    suggestion = suggest_version(BASE, structs.replace(BASE, **fields))
    return suggestion.level, suggestion.reasons[0]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"exports": frozenset(("xPlugin",))}, "`index.ts` exports `help` no longer"),
        ({"methods": frozenset(("post",))}, "the service has no `send` any more"),
        ({"events": frozenset()}, "the event `sent` is gone"),
        ({"handlers": frozenset()}, "the handler `ping` is gone"),
        ({"errors": frozenset()}, "the error `Gone` is gone"),
        ({"required_config": frozenset(("key", "url"))}, "the config must have `url`"),
        ({"is_factory": False}, "it is registered without a config, and was with one"),
        (
            {"engines": (("the framework", ">=2.5.0"),)},
            "it needs the framework >=2.5.0, and >=2.0.0 was enough",
        ),
        ({"plugins": (("users", "^2.0.0"),)}, "it needs `users` ^2.0.0, and ^1.0.0 was enough"),
    ],
)
def test_what_breaks_somebody_is_major(fields: dict[str, object], reason: str) -> None:
    assert changed(**fields) == ("major", reason)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"exports": BASE.exports and BASE.exports | {"more"}}, "`index.ts` exports `more` too"),
        ({"methods": frozenset(("send", "post"))}, "the service has `post` too"),
        ({"events": frozenset(("sent", "lost"))}, "there is an event `lost`"),
        ({"files": frozenset(("index.ts", "b.ts"))}, "there is a file `b.ts`"),
        ({"migrations": frozenset(("001_a.ts", "002_b.ts"))}, "there is a migration `002_b.ts`"),
        ({"labels": frozenset(("network", "files"))}, "its code reaches something it did not: files"),
        ({"env_vars": frozenset(("KEY", "URL"))}, "it asks for the environment variable `URL`"),
        ({"plugins": (("email", "*"), ("users", "^1.0.0"))}, "it needs the plugin `email`"),
        ({"plugins": (("users", "^1.2.0"),)}, "it needs `users` ^1.2.0, and ^1.0.0 was enough"),
        ({"has_hook": True}, "it has a post-install command"),
    ],
)
def test_what_is_added_is_minor(fields: dict[str, object], reason: str) -> None:
    assert changed(**fields) == ("minor", reason)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"required_config": frozenset()},
        {"plugins": (("users", "^1.0.0 || ^2.0.0"),)},
        {"plugins": ()},
        {"engines": (("the framework", "*"),)},
        {"labels": frozenset()},
        {"files": frozenset()},
    ],
)
def test_all_else_is_a_patch(fields: dict[str, object]) -> None:
    assert changed(**fields) == ("patch", "nothing that others can see was added or taken away")


@given(surfaces)
def test_no_change_is_a_patch(surface: Surface) -> None:
    assert suggest_version(surface, surface).level == "patch"


@given(surfaces, surfaces)
def test_a_suggestion_is_behind_the_release_and_has_a_reason(before: Surface, after: Surface) -> None:
    suggestion = suggest_version(before, after)
    suggested = parse_version(suggestion.version)

    assert suggested > parse_version(before.version)
    assert suggested.text == suggestion.version
    assert suggestion.reasons
    assert suggestion.is_met == (parse_version(after.version) >= suggested)


@given(surfaces, surfaces, st.frozensets(st.sampled_from("abc"), min_size=1), st.sampled_from("abc"))
def test_taking_more_away_never_lowers_the_level(
    before: Surface, after: Surface, released: frozenset[str], gone: str
) -> None:
    before = structs.replace(before, exports=released | {gone})
    kept = structs.replace(after, exports=released | {gone})
    less = structs.replace(after, exports=released - {gone})
    levels = [LEVELS.index(suggest_version(before, now).level) for now in (kept, less)]

    assert levels[0] <= levels[1] == LEVELS.index("major")


@given(surfaces, surfaces)
def test_what_cannot_be_told_says_nothing(before: Surface, after: Surface) -> None:
    unknown = dict.fromkeys(("exports", "methods", "events", "handlers", "errors", "is_factory"))
    silent = structs.replace(after, **unknown)
    reasons = suggest_version(before, silent).reasons

    assert not any(word in reason for reason in reasons for word in ("exports", "service", "event", "regis"))


@pytest.mark.parametrize(
    ("base", "level", "version"),
    [
        ("1.2.3", "major", "2.0.0"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "patch", "1.2.4"),
        ("0.2.3", "major", "0.3.0"),
        ("0.2.3", "minor", "0.2.4"),
        ("0.2.3", "patch", "0.2.4"),
        ("1.0.0-beta", "major", "1.0.0-beta.1"),
        ("1.0.0-beta.1", "patch", "1.0.0-beta.2"),
        ("1.0.0+build", "patch", "1.0.1"),
    ],
)
def test_the_step_of_each_level(base: str, level: Level, version: str) -> None:
    assert next_version(parse_version(base), level) == version


@pytest.mark.parametrize(
    ("base", "level", "version"),
    [
        ("1.2.3", "major", "2.0.0"),
        ("0.2.3", "major", "1.0.0"),
        ("0.2.3", "minor", "0.3.0"),
        ("0.2.3", "patch", "0.2.4"),
        ("1.0.0-beta.1", "patch", "1.0.0"),
        ("1.0.0-beta.1", "minor", "1.1.0"),
    ],
)
def test_a_step_that_is_asked_for_by_name_is_taken_as_it_is(base: str, level: Level, version: str) -> None:
    assert raised(parse_version(base), level) == version


def test_below_one_the_reason_says_why_another_number_is_raised() -> None:
    before = structs.replace(BASE, version="0.9.0")
    suggestion = suggest_version(before, structs.replace(before, events=frozenset()))

    assert (
        suggestion.reasons[-1] == "below 1.0.0 that raises the minor number: `^0.9.0` does not reach 0.10.0"
    )


def starter_steps() -> list[tuple[Path, Path]]:
    steps = []
    for plugin in sorted(STARTER.iterdir()):
        releases = sorted(plugin.iterdir(), key=lambda folder: parse_version(folder.name).key)
        steps += list(pairwise(releases))
    return steps


@pytest.mark.parametrize(
    ("before", "after"), starter_steps(), ids=lambda folder: f"{folder.parent.name}-{folder.name}"
)
def test_the_starter_plugins_chose_as_suggested(before: Path, after: Path) -> None:
    """Real sources, whose versions people have chosen."""

    def surface(folder: Path) -> Surface:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        entries = {path.relative_to(folder).as_posix(): Entry(data=path.read_bytes()) for path in files}
        return surface_of(entries, judge(entries))

    suggestion = suggest_version(surface(before), surface(after))
    chosen, base = parse_version(after.name), parse_version(before.name)

    assert suggestion.is_met
    if base.major and not chosen.is_prerelease:
        assert suggestion.level == ("major" if chosen.major > base.major else "minor")
