"""Foreign text: nothing that a terminal would obey comes through, and what a person reads stays."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry_server.contract.foreign import COMBINING_MAX, clean

BIDI = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
NASTY = st.sampled_from(
    [
        *(
            "\x1b",
            "\x1b[31m",
            "\x1b]8;;http://x\x07",
            "\x9b",
            "\x7f",
            "\0",
            "\x07",
            "\b",
            "\r",
            "\r\n",
            "\n",
            "\t",
        ),
        *BIDI,
        *("\u200c", "\u200d", "\u2028", "\u2029", "\ufeff", "\u00ad", "\u0301", "\u20dd", "\ud800", "\udfff"),
        *("\U000e0041", "\ue000", "\uffff", "e", "é", "Å", "日", "👩", "🚀", "क", "्"),
    ]
)
TEXT = st.lists(NASTY | st.text(st.characters(exclude_categories=()), max_size=4), max_size=25).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("Signs people in.", "Signs people in."),
        ("Größe, 日本語, العربية, हिन्दी", "Größe, 日本語, العربية, हिन्दी"),
        ("👩‍🚀 and 👍🏽 and ❤️", "👩‍🚀 and 👍🏽 and ❤️"),
        ("cafe\u0301", "café"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]8;;http://evil\x07link", "␛]8;;http://evil␇link"),
        ("a\x00b\x08c\x7f", "a␀b␈c␡"),
        ("\x9b31m", "\ufffd31m"),
        ("exe.\u202efdp", "exe.\ufffdfdp"),
        ("a\ud800b", "a\ufffdb"),
        ("pay\u200dpal", "paypal"),
        ("\u200dx", "x"),
        ("\ufeffx\u00ad", "\ufffdx\ufffd"),
        ("a\tb\nc\r\nd\re", "a b c d e"),
        ("line\u2028sep", "line\ufffdsep"),
        ("\ue000\uffff", "\ufffd\ufffd"),
    ],
)
def test_shown_text(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_lines_and_tabs_survive_where_they_are_wanted() -> None:
    assert clean("a\tb\nc\r\nd\re", multiline=True) == "a    b\nc\nd\ne"
    assert clean("\x1b[2J\n", multiline=True) == "␛[2J\n"


@pytest.mark.parametrize("mark", ["\u0301", "\u0489", "\u20dd", "\ufe0f"])
def test_a_flood_of_marks_is_cut_and_a_few_stay(mark: str) -> None:
    flooded = clean("z" + mark * 500 + "y")

    assert flooded[0] in "zź"
    assert flooded[-1] == "y"
    assert len(flooded) <= COMBINING_MAX + 2
    assert clean("क" + "\u094d\u093f") == "क्\u093f"


@pytest.mark.parametrize("text", ["x" * 100, "é" * 100, "\x1b" * 100, "日" * 100])
def test_long_text_ends_in_an_ellipsis(text: str) -> None:
    shown = clean(text, 10)

    assert len(shown) == 10
    assert shown.endswith("…")
    assert len(clean(text, 100)) == 100
    assert "…" not in clean(text, 100)


def test_a_tab_never_makes_text_longer_than_allowed() -> None:
    assert len(clean("\t" * 10, 10, multiline=True)) == 10


@settings(max_examples=200, deadline=None)
@given(TEXT, st.booleans(), st.integers(1, 60))
@example("e\u200d\u0301\u200d", False, 60)
@example("\u212b\u200d", False, 60)
@example("\x00\u200d", False, 60)
def test_nothing_a_terminal_would_obey_comes_through(text: str, multiline: bool, limit: int) -> None:
    shown = clean(text, limit, multiline=multiline)

    assert len(shown) <= limit
    shown.encode()
    for character in shown:
        if character == "\n" and multiline:
            continue
        assert character not in BIDI
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp", "Co", "Cn")
        assert unicodedata.category(character) != "Cf" or character in "\u200c\u200d"
    assert clean(shown, limit, multiline=multiline) == shown


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=60))
def test_plain_text_in_nfc_is_left_alone(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    kept = clean(text)

    assert kept == text or any(unicodedata.category(character) == "Cn" for character in text)
