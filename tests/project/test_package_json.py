import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donkeytui.project.package_json import (
    SIZE_MAX,
    add_npm_dependencies,
    read_npm_dependencies,
    remove_npm_dependencies,
    set_npm_dependencies,
)
from registry_server.contract.problems import InvalidManifest

PROJECT = """\
{
  "name": "shop",
  "scripts": { "dev": "bun run dev" },
  "dependencies": {
    "@donkeylabs/server": "latest",
    "kysely": "^0.27.0"
  },
  "devDependencies": {
    "typescript": "^5.0.0"
  }
}
"""


def test_all_fields_are_read_and_the_run_time_range_wins() -> None:
    text = json.dumps(
        {
            "peerDependencies": {"zod": "3", "a": "peer"},
            "devDependencies": {"a": "dev", "b": "dev"},
            "optionalDependencies": {"c": "1"},
            "dependencies": {"a": "1"},
        }
    )

    assert read_npm_dependencies(text) == {"a": "1", "b": "dev", "c": "1", "zod": "3"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"text"',
        "{",
        '{ "a": 1, }',
        '{ "a": 1 } // comment',
        '{ "dependencies": { "a": "1", "a": "2" } }',
        '{ "dependencies": {}, "dependencies": {} }',
        '{ "dependencies": [] }',
        '{ "dependencies": { "a": 1 } }',
        '{ "devDependencies": "a" }',
        '{ "a": NaN }',
        '{ "a": ' + "[" * 100_000 + "]" * 100_000 + " }",
        '{ "a": "' + "x" * SIZE_MAX + '" }',
    ],
    ids=range(15),
)
def test_file_with_more_than_one_meaning_or_none_is_refused(text: str) -> None:
    for edit in (
        lambda: read_npm_dependencies(text),
        lambda: add_npm_dependencies(text, {"jose": "^5"}),
        lambda: remove_npm_dependencies(text, {"jose"}),
        lambda: set_npm_dependencies(text, {"jose": "^5"}),
    ):
        with pytest.raises(InvalidManifest) as caught:
            edit()
        assert caught.value.problem.detail
        assert caught.value.problem.hint


@pytest.mark.parametrize(
    ("wanted", "added"),
    [
        ("jose", '    "@donkeylabs/server": "latest",\n    "jose": "^1.0.0",\n    "kysely": "^0.27.0"\n'),
        ("zod", '    "@donkeylabs/server": "latest",\n    "kysely": "^0.27.0",\n    "zod": "^1.0.0"\n'),
        ("@a/b", '    "@a/b": "^1.0.0",\n    "@donkeylabs/server": "latest",\n    "kysely": "^0.27.0"\n'),
    ],
)
def test_package_goes_to_its_place_in_the_alphabet(wanted: str, added: str) -> None:
    before = '    "@donkeylabs/server": "latest",\n    "kysely": "^0.27.0"\n'

    assert add_npm_dependencies(PROJECT, {wanted: "^1.0.0"}) == PROJECT.replace(before, added)


def test_list_without_order_grows_at_its_end() -> None:
    text = '{ "dependencies": { "b": "1", "a": "1" } }'

    assert (
        add_npm_dependencies(text, {"d": "2", "c": "2"})
        == '{ "dependencies": { "b": "1", "a": "1", "c": "2", "d": "2" } }'
    )


def test_list_sorted_without_case_stays_sorted() -> None:
    text = '{ "dependencies": { "apple": "1", "Banana": "1", "cherry": "1" } }'

    assert list(json.loads(add_npm_dependencies(text, {"avocado": "2", "blue": "2"}))["dependencies"]) == [
        "apple",
        "avocado",
        "Banana",
        "blue",
        "cherry",
    ]


@pytest.mark.parametrize("name", ["kysely", "typescript"])
def test_package_that_is_named_already_is_untouched(name: str) -> None:
    assert add_npm_dependencies(PROJECT, {name: "^99.0.0"}) == PROJECT


def test_nothing_wanted_changes_nothing() -> None:
    assert add_npm_dependencies(PROJECT, {}) == PROJECT
    assert remove_npm_dependencies(PROJECT, []) == PROJECT
    assert remove_npm_dependencies('{ "name": "x" }', ["a"]) == '{ "name": "x" }'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", '{\n  "dependencies": {\n    "a": "1"\n  }\n}'),
        ('{"name":"x"}', '{"name":"x","dependencies":{"a": "1"}}'),
        ('{ "name": "x" }', '{ "name": "x", "dependencies": {"a": "1"} }'),
        ('{ "name": "x", "zoo": 1 }', '{ "name": "x", "dependencies": {"a": "1"}, "zoo": 1 }'),
        (
            '{\n\t"name": "x",\n\t"scripts": {\n\t\t"a": "b"\n\t},\n\t"zoo": 1\n}\n',
            '{\n\t"name": "x",\n\t"scripts": {\n\t\t"a": "b"\n\t},\n'
            '\t"dependencies": {\n\t\t"a": "1"\n\t},\n\t"zoo": 1\n}\n',
        ),
        (
            '{\n    "devDependencies": {},\n    "name": "x"\n}',
            '{\n    "dependencies": {\n        "a": "1"\n    },\n'
            '    "devDependencies": {},\n    "name": "x"\n}',
        ),
        (
            '{\r\n  "name": "x",\r\n  "dependencies": {}\r\n}\r\n',
            '{\r\n  "name": "x",\r\n  "dependencies": {\r\n    "a": "1"\r\n  }\r\n}\r\n',
        ),
        (
            '{\n  "name": "x",\n\n  "dependencies": {\n  }\n}',
            '{\n  "name": "x",\n\n  "dependencies": {\n    "a": "1"\n  }\n}',
        ),
        ('\ufeff{ "dependencies": { "b": "1" } }', '\ufeff{ "dependencies": { "a": "1", "b": "1" } }'),
        ('{"dependenc\\u0069es":{"b":"1"}}', '{"dependenc\\u0069es":{"a":"1","b":"1"}}'),
        (
            '{ "x": { "dependencies": { "b": "1" } }, "dependencies": { "b": "1" } }',
            '{ "x": { "dependencies": { "b": "1" } }, "dependencies": { "a": "1", "b": "1" } }',
        ),
    ],
)
def test_added_package_looks_like_the_rest_of_the_file(text: str, expected: str) -> None:
    assert add_npm_dependencies(text, {"a": "1"}) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a"], '{ "dependencies": { "b": "1", "c": "1" } }'),
        (["b"], '{ "dependencies": { "a": "1", "c": "1" } }'),
        (["c"], '{ "dependencies": { "a": "1", "b": "1" } }'),
        (["a", "c"], '{ "dependencies": { "b": "1" } }'),
        (["b", "c"], '{ "dependencies": { "a": "1" } }'),
        (["a", "b", "c"], '{ "dependencies": {} }'),
        (["other"], '{ "dependencies": { "a": "1", "b": "1", "c": "1" } }'),
    ],
)
def test_packages_are_removed_with_their_comma(names: list[str], expected: str) -> None:
    assert remove_npm_dependencies('{ "dependencies": { "a": "1", "b": "1", "c": "1" } }', names) == expected


def test_other_fields_keep_their_packages() -> None:
    assert remove_npm_dependencies(PROJECT, ["typescript"]) == PROJECT


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"kysely": "0.28.0"}, PROJECT.replace("^0.27.0", "0.28.0")),
        ({"typescript": "~5.4.0"}, PROJECT.replace("^5.0.0", "~5.4.0")),
        ({"kysely": "^0.27.0"}, PROJECT),
        ({}, PROJECT),
        (
            {"jose": "^5", "typescript": "~5.4.0"},
            PROJECT.replace("^5.0.0", "~5.4.0").replace('"kysely"', '"jose": "^5",\n    "kysely"'),
        ),
    ],
)
def test_range_is_set_in_the_field_that_has_the_package(wanted: dict[str, str], expected: str) -> None:
    assert set_npm_dependencies(PROJECT, wanted) == expected


def test_of_several_fields_the_one_that_counts_at_run_time_is_set() -> None:
    text = (
        '{ "peerDependencies": { "a": "1" }, "devDependencies": { "a": "1" },'
        ' "optionalDependencies": { "a": "1" } }'
    )

    assert set_npm_dependencies(text, {"a": "2"}) == text.replace(
        '"optionalDependencies": { "a": "1" }', '"optionalDependencies": { "a": "2" }'
    )


def test_range_that_is_spelled_with_escapes_is_left_as_it_is() -> None:
    text = r'{ "dependencies": { "\u0061": "\u003e=1" } }'

    assert set_npm_dependencies(text, {"a": ">=1"}) == text
    assert set_npm_dependencies(text, {"a": "2"}) == text.replace(r"\u003e=1", "2")


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["a", "b", "@a/b", "Z", "dependencies", '"', "\\", "{", "}", ",", ":", "é", "\u2028"]
)
INDENTS = st.sampled_from([None, 2])
BLANKS = st.text(" \t\n\r", max_size=4)


@st.composite
def objects(draw: st.DrawFn, entries: dict[str, str]) -> str:
    """JSON of `entries` whose values are JSON already, with white space wherever it may stand."""
    members = []
    for name, value in entries.items():
        key = json.dumps(name, ensure_ascii=draw(st.booleans()))
        members.append("".join(draw(BLANKS) + part for part in (key, ":", value, "")))
    return "{" + (",".join(members) if members else draw(BLANKS)) + "}"


@st.composite
def projects(draw: st.DrawFn, min_size: int = 0) -> str:
    ranges = draw(st.dictionaries(NAMES, st.text(max_size=5).map(json.dumps), min_size=min_size, max_size=6))
    others = {
        key: json.dumps(
            draw(st.dictionaries(NAMES, NAMES, max_size=2)), indent=draw(st.sampled_from([None, 2]))
        )
        for key in draw(st.lists(st.sampled_from(["devDependencies", "scripts", "x"]), unique=True))
    }
    fields = {**others, "dependencies": draw(objects(ranges))}
    keys = draw(st.permutations(list(fields)))
    return draw(BLANKS) + draw(objects({key: fields[key] for key in keys})) + draw(BLANKS)


WANTED = st.dictionaries(NAMES, NAMES, max_size=6)


@settings(max_examples=80, deadline=None)
@given(projects(min_size=1), WANTED)
def test_add_then_remove_gives_the_text_back(text: str, wanted: dict[str, str]) -> None:
    absent = wanted.keys() - read_npm_dependencies(text).keys()

    assert remove_npm_dependencies(add_npm_dependencies(text, wanted), absent) == text


@settings(max_examples=60, deadline=None)
@given(projects(), WANTED)
def test_adding_changes_dependencies_and_nothing_else(text: str, wanted: dict[str, str]) -> None:
    before = json.loads(text)
    present = read_npm_dependencies(text)
    after = json.loads(add_npm_dependencies(text, wanted))

    new = {name: range_ for name, range_ in wanted.items() if name not in present}
    assert after.pop("dependencies") == before.pop("dependencies") | new
    assert list(after.items()) == list(before.items())


@settings(max_examples=60, deadline=None)
@given(projects(), WANTED)
def test_setting_gives_exactly_the_wanted_ranges_and_setting_back_the_text(
    text: str, wanted: dict[str, str]
) -> None:
    present = read_npm_dependencies(text)
    changed = set_npm_dependencies(text, wanted)
    back = remove_npm_dependencies(set_npm_dependencies(changed, present), wanted.keys() - present.keys())

    assert read_npm_dependencies(changed) == present | wanted
    assert json.loads(changed).keys() == json.loads(text).keys()
    assert list(read_npm_dependencies(back).items()) == list(present.items())


@settings(max_examples=60, deadline=None)
@given(projects(), st.sets(NAMES, max_size=4))
def test_removing_changes_dependencies_and_nothing_else(text: str, names: set[str]) -> None:
    before = json.loads(text)
    after = json.loads(remove_npm_dependencies(text, names))

    kept = {name: range_ for name, range_ in before.pop("dependencies").items() if name not in names}
    assert list(after.pop("dependencies").items()) == list(kept.items())
    assert list(after.items()) == list(before.items())


@settings(max_examples=60, deadline=None)
@given(st.text('{}[]":,\\ \n\ufeffab1', max_size=40) | st.text(max_size=40))
def test_any_text_is_edited_or_refused(text: str) -> None:
    try:
        added = add_npm_dependencies(text, {"jose": "^5"})
    except InvalidManifest:
        return
    assert read_npm_dependencies(added)["jose"]
