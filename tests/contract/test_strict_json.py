"""JSON from strangers: one meaning or none, and never more than a moment to find out."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.contract.strict_json import DEPTH_MAX, JSON_MAX_BYTES, StrictJsonError, load_strict

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


def fault(data: bytes | str, max_bytes: int = JSON_MAX_BYTES) -> str:
    with pytest.raises(StrictJsonError) as caught:
        load_strict(data, max_bytes)
    return str(caught.value)


@settings(max_examples=100, deadline=None)
@given(VALUES, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_strict_json_is_read_as_anybody_reads_it(value: Any, is_ascii: bool, indent: Any) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)

    assert (
        load_strict(text)
        == load_strict(text.encode())
        == load_strict(b"\xef\xbb\xbf" + text.encode())
        == value
    )


@settings(max_examples=150, deadline=None)
@given(st.text('{}[]":,\\ \n\t\ufeffab1.-eNInfity\ud800', max_size=40) | st.binary(max_size=40))
def test_any_text_is_read_as_json_has_it_or_refused(data: str | bytes) -> None:
    try:
        value = load_strict(data)
    except StrictJsonError:
        return
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    assert value == json.loads(text)


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        (b'{"a": 1, "a": 1}', "has the key `a` twice"),
        (b'{"b": [{"a": 1, "\\u0061": 2}]}', "has the key `a` twice"),
        (b'{"\x7f\\u001b[2J": 1, "\x7f\\u001b[2J": 2}', "has the key `\\u007f\\u001b[2J` twice"),
        (b'{"a": NaN}', "has the value NaN, which is not JSON"),
        (b"[Infinity]", "has the value Infinity, which is not JSON"),
        (b"[-Infinity]", "has the value -Infinity, which is not JSON"),
        (b"", "is not JSON: Expecting value at line 1"),
        (b'{"a":\n}', "is not JSON: Expecting value at line 2"),
        (b"{'a': 1}", "is not JSON: Expecting property name enclosed in double quotes at line 1"),
        (b'{"a": 1,}', "is not JSON: "),
        (b"[1] [2]", "is not JSON: Extra data at line 1"),
        (b'"a\nb"', "is not JSON: Invalid control character at at line 1"),
        (b"// a\n{}", "is not JSON: Expecting value at line 1"),
        (b"\xff", "is not UTF-8 at byte 0"),
        (b'{"a": "\xe9"}', "is not UTF-8 at byte 7"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8 at byte 0"),
    ],
)
def test_what_is_refused(data: bytes, clause: str) -> None:
    assert fault(data).startswith(clause)


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\udc00x": 1}', '[{"a": "\\ude80\\ud83d"}]', '"\udc80"'])
def test_half_a_surrogate_pair_is_refused_where_asked(text: str) -> None:
    with pytest.raises(StrictJsonError, match="half a surrogate pair"):
        load_strict(text, refuses_halves=True)
    assert load_strict(text)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert load_strict(b'"\\ud83d\\ude80"', refuses_halves=True) == "🚀"


def test_size_is_bounded() -> None:
    assert load_strict(b"[1]", 3) == [1]
    assert fault(b"[10]", 3) == "is larger than 3 bytes"


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}"), ('[{"[": ', "}]")])
def test_nesting_is_bounded(start: str, end: str) -> None:
    levels = DEPTH_MAX // (start.replace('"["', "").count("[") + start.count("{"))

    assert load_strict(start * levels + "1" + end * levels)
    assert fault(start * (levels + 1) + "1" + end * (levels + 1)) == f"is nested deeper than {DEPTH_MAX}"


def test_brackets_inside_of_texts_nest_nothing() -> None:
    texts = ["[" * 500, '\\"[' * 200, "]" * 500]

    assert load_strict(json.dumps(texts)) == texts


@pytest.mark.parametrize(
    "data",
    [
        b"[" * JSON_MAX_BYTES,
        b'{"a":' * (JSON_MAX_BYTES // 5),
        b'"' + b'\\"' * (JSON_MAX_BYTES // 2 - 1),
        b'"' + b'\\"' * (JSON_MAX_BYTES // 2 - 2) + b"\\",
        b'"' * JSON_MAX_BYTES,
        b"1" * JSON_MAX_BYTES,
        b"{" + b",".join(b'"%d":0' % number for number in range(90_000)) + b',"89999":0}',
    ],
    ids=["lists", "objects", "quotes", "backslash", "strings", "digits", "keys"],
)
def test_a_hostile_megabyte_is_refused_without_being_chewed_on(data: bytes) -> None:
    """Some of these took minutes with work that grows with the square of the size."""
    assert fault(data)
