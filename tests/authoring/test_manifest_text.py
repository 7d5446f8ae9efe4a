"""package.json is edited in its text: the value is there, and nothing else has changed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donkeytui.authoring.manifest_text import remove_value, set_value
from registry_server.contract.problems import InvalidManifest

TALL = """{
    "name": "auth",
    "keywords": [ "a",   "b" ],
    "donkeylabs": {
        "plugins": { "email": "^1" },
        "tags": []
    }
}
"""
keys = st.text(min_size=1, max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(keys, values, max_size=5)
styles = st.sampled_from(
    [
        {"indent": 2},
        {"indent": "\t"},
        {"indent": None},
        {"separators": (",", ":")},
        {"indent": 4, "ensure_ascii": False},
    ]
)


@given(documents, styles, st.lists(keys, min_size=1, max_size=3), st.text(max_size=8), st.booleans())
def test_what_is_set_is_there_and_all_else_stays(
    document: dict[str, Any], style: dict[str, Any], path: list[str], value: str, has_crlf: bool
) -> None:
    text = json.dumps(document, **style) + "\n"
    text = text.replace("\n", "\r\n") if has_crlf else text
    wanted = json.loads(text)
    place = wanted
    for key in path[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            with pytest.raises(InvalidManifest, match="edited"):
                set_value(text, tuple(path), value)
            return
    was = place.get(path[-1])
    place[path[-1]] = value
    edited = set_value(text, tuple(path), value)

    assert json.loads(edited) == wanted
    assert "\n" not in edited.replace("\r\n", "") or not has_crlf
    if was is None and len(path) == 1:
        assert json.loads(remove_value(edited, tuple(path))) == {
            key: item for key, item in json.loads(text).items() if key != path[0]
        }


@given(documents, styles, keys)
def test_what_is_removed_is_gone_and_all_else_stays(
    document: dict[str, Any], style: dict[str, Any], key: str
) -> None:
    text = json.dumps({**document, key: "x"}, **style)

    assert json.loads(remove_value(text, (key,))) == {k: v for k, v in document.items() if k != key}
    assert remove_value(text, ("not", "there")) == text or "not" in document


def test_a_new_member_looks_like_its_neighbours() -> None:
    assert set_value(TALL, ("version",), "1.0.0") == TALL.replace(
        '"auth",\n', '"auth",\n    "version": "1.0.0",\n'
    )
    assert set_value(TALL, ("license",), "MIT").startswith('{\n    "name": "auth",\n    "license": "MIT",\n')


def test_requirements_come_by_the_alphabet() -> None:
    edited = set_value(TALL, ("donkeylabs", "plugins", "users"), "^2")
    edited = set_value(edited, ("donkeylabs", "plugins", "audit"), "*")

    assert '"plugins": { "audit": "*", "email": "^1", "users": "^2" },' in edited


def test_what_is_missing_on_the_way_is_made() -> None:
    made = set_value('{\n  "name": "auth"\n}\n', ("donkeylabs", "plugins", "users"), "^2")

    assert made == (
        '{\n  "name": "auth",\n  "donkeylabs": {\n    "plugins": {\n      "users": "^2"\n    }\n  }\n}\n'
    )


@pytest.mark.parametrize("text", ["{}", "{}\n", " { } ", '{"a":{}}'])
def test_an_empty_object_is_filled(text: str) -> None:
    assert json.loads(set_value(text, ("name",), "x"))["name"] == "x"


def test_a_byte_order_mark_stays() -> None:
    edited = set_value('\ufeff{"name": "a"}\n', ("name",), "ä")

    assert edited == '\ufeff{"name": "ä"}\n'


@pytest.mark.parametrize(
    "text",
    ["", "[]", '"x"', "{", "{'a': 1}", '{"a": 1, "a": 2}', "{a: 1}", "[" * 4000, '{"a": NaN}', "{} // x"],
)
def test_what_is_not_one_json_object_is_refused(text: str) -> None:
    for edit in (lambda: set_value(text, ("a",), "x"), lambda: remove_value(text, ("a",))):
        with pytest.raises(InvalidManifest) as caught:
            edit()
        assert caught.value.problem.detail


def test_what_is_no_object_is_not_gone_into() -> None:
    with pytest.raises(InvalidManifest) as caught:
        set_value('{"donkeylabs": []}', ("donkeylabs", "plugins", "users"), "*")

    assert caught.value.problem.detail == "`donkeylabs` is not an object"
