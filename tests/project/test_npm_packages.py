import json
from collections.abc import Mapping

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from donkeytui.project.npm_packages import NpmChange, NpmConflict, NpmRecord, change_npm
from donkeytui.project.package_json import read_npm_dependencies
from registry_server.contract.problems import InvalidManifest, InvalidRange
from registry_server.contract.range_sets import is_within
from registry_server.contract.ranges import parse_range

PROJECT = """\
{
  "name": "shop",
  "dependencies": {
    "kysely": "^0.27.0"
  },
  "devDependencies": {
    "zod": "^3.0.0"
  }
}
"""


def change(text: str, needs: Mapping[str, Mapping[str, str]], earlier: NpmChange | None = None) -> NpmChange:
    return change_npm(text, earlier.records if earlier else {}, needs)


def again(earlier: NpmChange, needs: Mapping[str, Mapping[str, str]]) -> NpmChange:
    return change(earlier.text, needs, earlier)


def test_missing_package_is_added_in_the_range_of_all_plugins() -> None:
    done = change(PROJECT, {"auth": {"jose": "^5.1.0"}, "mail": {"jose": ">=5.2.0 <7"}})

    assert done.text == PROJECT.replace('"kysely"', '"jose": "^5.2.0",\n    "kysely"')
    assert done.records == {"jose": NpmRecord(range="^5.2.0")}
    assert done.added == {"jose": "^5.2.0"}
    assert (done.changed, done.removed, done.conflicts) == ({}, (), ())


@pytest.mark.parametrize("wanted", ["", " ", "*"])
def test_any_version_is_written_as_a_star(wanted: str) -> None:
    assert change(PROJECT, {"auth": {"jose": wanted}}).added == {"jose": "*"}


def test_entry_of_ours_follows_the_plugins() -> None:
    one = change(PROJECT, {"auth": {"jose": "^5.1.0"}})
    two = again(one, {"auth": {"jose": "^5.1.0"}, "mail": {"jose": "~5.3.0"}})
    three = again(two, {"auth": {"jose": "^6.0.0"}})

    assert two.changed == {"jose": "~5.3.0"}
    assert two.records == {"jose": NpmRecord(range="~5.3.0")}
    assert three.changed == {"jose": "^6.0.0"}
    assert three.text == one.text.replace("^5.1.0", "^6.0.0")


def test_entry_of_ours_goes_when_nothing_needs_it() -> None:
    done = again(change(PROJECT, {"auth": {"jose": "^5"}, "mail": {"jose": "^5"}}), {"mail": {"jose": "^5"}})
    gone = again(done, {"mail": {}})

    assert done.removed == ()
    assert gone.text == PROJECT
    assert gone.removed == ("jose",)
    assert gone.records == {}


def test_entry_that_the_user_changed_since_is_the_users_own() -> None:
    done = change(PROJECT, {"auth": {"jose": "^5.0.0"}})
    edited = done.text.replace("^5.0.0", "5.4.1")

    needed = change(edited, {"auth": {"jose": "^5.0.0"}}, done)
    left = change(edited, {}, done)

    assert needed.text == left.text == edited
    assert needed.records == left.records == {}
    assert left.removed == ()


def test_entry_that_the_user_removed_comes_back_while_it_is_needed() -> None:
    done = change(PROJECT, {"auth": {"jose": "^5"}})

    assert change(PROJECT, {"auth": {"jose": "^5"}}, done).added == {"jose": "^5"}
    assert change(PROJECT, {}, done) == NpmChange(
        text=PROJECT, records={}, added={}, changed={}, removed=(), conflicts=()
    )


def test_entry_that_the_user_moved_to_another_field_stays_there() -> None:
    done = change(PROJECT, {"auth": {"jose": "^5"}})
    moved = PROJECT.replace('"zod"', '"jose": "^5",\n    "zod"')

    gone = change(moved, {}, done)

    assert (gone.text, gone.records, gone.removed) == (moved, {}, ())


def test_users_range_within_the_needed_one_is_untouched() -> None:
    done = change(PROJECT, {"auth": {"kysely": ">=0.26 <1", "zod": "3.x"}})

    assert done.text == PROJECT
    assert done.records == {}


def test_users_range_is_narrowed_where_it_stands_and_comes_back() -> None:
    done = change(PROJECT, {"auth": {"zod": "^3.22.0", "kysely": "0.27.3"}})
    gone = again(done, {})

    assert done.text == PROJECT.replace("^3.0.0", "^3.22.0").replace("^0.27.0", "0.27.3")
    assert done.records == {
        "kysely": NpmRecord(range="0.27.3", before="^0.27.0"),
        "zod": NpmRecord(range="^3.22.0", before="^3.0.0"),
    }
    assert (done.added, done.changed) == ({}, {"kysely": "0.27.3", "zod": "^3.22.0"})
    assert gone.text == PROJECT
    assert gone.changed == {"kysely": "^0.27.0", "zod": "^3.0.0"}
    assert (gone.records, gone.removed) == ({}, ())


def test_narrowed_range_widens_no_further_than_the_users_own() -> None:
    done = change(PROJECT, {"auth": {"zod": "^3.22.0"}})
    wider = again(done, {"auth": {"zod": ">=2.5.0 <3.10.0"}})

    assert wider.changed == {"zod": ">=3.0.0 <3.10.0"}
    assert wider.records == {"zod": NpmRecord(range=">=3.0.0 <3.10.0", before="^3.0.0")}


def test_users_empty_range_is_any_version() -> None:
    text = '{ "dependencies": { "a": "" } }'
    done = change(text, {"auth": {"a": "^1.0.0"}})

    assert done.records == {"a": NpmRecord(range="^1.0.0", before="*")}
    assert again(done, {"auth": {"a": "^1.0.0"}}).text == done.text
    assert again(done, {}).text == '{ "dependencies": { "a": "*" } }'


def test_users_range_that_excludes_a_plugin_is_named_and_untouched() -> None:
    done = change(PROJECT, {"auth": {"zod": "^4.0.0"}})

    assert done.text == PROJECT
    assert done.records == {}
    assert done.conflicts == (
        NpmConflict(package="zod", range="^3.0.0", plugin="auth", wanted="^4.0.0", other="package.json"),
    )


@pytest.mark.parametrize(
    "own", ["latest", "workspace:*", "file:../zod", "git+https://host/zod.git", "npm:other@^1.0.0"]
)
def test_what_is_no_version_range_is_the_users_business(own: str) -> None:
    text = PROJECT.replace("^3.0.0", own)

    done = change(text, {"auth": {"zod": "^4.0.0"}})

    assert (done.text, done.records, done.conflicts) == (text, {}, ())


def test_of_plugins_that_exclude_each_other_the_first_by_name_wins() -> None:
    done = change(PROJECT, {"mail": {"jose": "^4.0.0"}, "auth": {"jose": "^5.0.0"}})

    assert done.added == {"jose": "^5.0.0"}
    assert done.conflicts == (
        NpmConflict(package="jose", range="^5.0.0", plugin="mail", wanted="^4.0.0", other="auth"),
    )


def test_plugin_that_comes_later_takes_nothing_from_those_that_were_there() -> None:
    before = change(PROJECT, {"mail": {"jose": "~4.1.0"}, "post": {"jose": "^4.0.0"}})

    done = again(before, {"auth": {"jose": "^5.0.0"}, "mail": {"jose": "~4.1.0"}, "post": {"jose": "^4.0.0"}})

    assert (done.added, done.changed) == ({}, {})
    assert [(conflict.plugin, conflict.other) for conflict in done.conflicts] == [("auth", "mail")]


def test_plugin_that_only_all_others_together_exclude_is_told_what_they_share() -> None:
    done = change(PROJECT, {"a": {"x": "1 || 2"}, "b": {"x": "2 || 3"}, "c": {"x": "1 || 3"}})

    assert done.added == {"x": "^2.0.0"}
    assert done.conflicts == (
        NpmConflict(package="x", range="^2.0.0", plugin="c", wanted="1 || 3", other="package.json"),
    )


def test_excluded_plugin_excludes_no_other() -> None:
    needs = {"a": {"x": "1 || 2"}, "b": {"x": "3"}, "c": {"x": "2 || 4"}, "d": {"x": "1 || 4"}}

    done = change(PROJECT, needs)

    assert done.added == {"x": "^2.0.0"}
    assert [(conflict.plugin, conflict.other) for conflict in done.conflicts] == [
        ("b", "a"),
        ("d", "package.json"),
    ]


def test_conflicts_are_told_by_package_and_plugin() -> None:
    packages = ["a", "b", "c", "d", "e", "f"]
    text = json.dumps({"dependencies": dict.fromkeys(packages, "1")})

    done = change(text, {"mail": dict.fromkeys(packages, "2"), "auth": dict.fromkeys(packages, "2")})

    assert [(conflict.package, conflict.plugin) for conflict in done.conflicts] == [
        (package, plugin) for package in packages for plugin in ("auth", "mail")
    ]


def test_excluded_plugin_does_not_keep_the_others_from_narrowing() -> None:
    done = change(PROJECT, {"auth": {"zod": "^4.0.0"}, "mail": {"zod": "^3.22.0"}})

    assert done.changed == {"zod": "^3.22.0"}
    assert [conflict.plugin for conflict in done.conflicts] == ["auth"]


@pytest.mark.parametrize("text", ["", "[]", '{ "dependencies": 1 }'])
def test_package_json_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidManifest):
        change(text, {"auth": {"jose": "^5"}})


@pytest.mark.parametrize("package", ["jose", "zod"])
def test_plugin_that_asks_for_no_range_is_refused(package: str) -> None:
    with pytest.raises(InvalidRange):
        change(PROJECT, {"auth": {package: "git+ssh://host/x"}})


def test_records_of_a_foreign_lockfile_are_never_trusted_further_than_the_text() -> None:
    records = {
        "zod": NpmRecord(range="^3.0.0", before="latest"),
        "kysely": NpmRecord(range="^9", before="^8"),
        "__proto__": NpmRecord(range="^1", before="\x00"),
    }

    done = change_npm(PROJECT, records, {"auth": {"zod": "^3"}})

    assert done.text == PROJECT.replace("^3.0.0", "latest")
    assert done.records == {}


RANGES = st.sampled_from(
    ["^1.0.0", "^1.2.0", "~1.2.0", "1.x", ">=1.1.0 <3", "^2.0.0", "2.1.0", "1 || 2", "*", "^1.0.0-b"]
)
PACKAGES = st.sampled_from(["a", "b", "c"])
NEEDS = st.dictionaries(
    st.sampled_from(["auth", "mail", "shop"]), st.dictionaries(PACKAGES, RANGES, max_size=3)
)
PROJECTS = st.builds(
    lambda own, dev, indent: json.dumps(
        {"dependencies": {"own": "1", **own}, "devDependencies": dev}, indent=indent
    ),
    st.dictionaries(PACKAGES, RANGES | st.sampled_from(["latest", "workspace:*"]), max_size=2),
    st.dictionaries(PACKAGES, RANGES, max_size=1),
    st.sampled_from([None, 2, "\t"]),
)


@settings(max_examples=120, deadline=None)
@given(PROJECTS, NEEDS)
def test_the_same_needs_again_change_nothing(text: str, needs: dict[str, dict[str, str]]) -> None:
    done = change(text, needs)
    repeated = again(done, needs)

    assert (repeated.text, repeated.records, repeated.conflicts) == (done.text, done.records, done.conflicts)
    assert (repeated.added, repeated.changed, repeated.removed) == ({}, {}, ())


@settings(max_examples=120, deadline=None)
@given(PROJECTS, st.lists(NEEDS, min_size=1, max_size=3))
def test_needs_that_come_and_go_leave_the_text_as_it_was(
    text: str, history: list[dict[str, dict[str, str]]]
) -> None:
    done = change(text, history[0])
    for needs in history[1:]:
        done = again(done, needs)
    last = again(done, {})

    assert last.text == text
    assert last.records == {}


@settings(max_examples=120, deadline=None)
@given(PROJECTS, NEEDS, NEEDS)
def test_result_does_not_depend_on_what_was_installed_between(
    text: str, between: dict[str, dict[str, str]], needs: dict[str, dict[str, str]]
) -> None:
    direct, roundabout = change(text, needs), again(change(text, between), needs)
    # Of plugins that exclude each other, those that were there first win.
    assume(not direct.conflicts)

    assert json.loads(roundabout.text) == json.loads(direct.text)
    assert roundabout.records == direct.records
    assert roundabout.conflicts == direct.conflicts


@settings(max_examples=120, deadline=None)
@given(PROJECTS, NEEDS)
def test_every_plugin_gets_what_it_needs_or_is_named(text: str, needs: dict[str, dict[str, str]]) -> None:
    done = change(text, needs)

    own = read_npm_dependencies(text)
    now = read_npm_dependencies(done.text)
    named = {(conflict.package, conflict.plugin) for conflict in done.conflicts}
    for plugin, packages in needs.items():
        for package, wanted in packages.items():
            if now[package] in ("latest", "workspace:*"):
                assert now[package] == own[package]
            elif (package, plugin) not in named:
                assert is_within(parse_range(now[package]), parse_range(wanted))
