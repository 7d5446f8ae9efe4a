"""Which characters of a text a query matched."""

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.search.highlight import highlight, marked_html
from registry_server.search.query import parse_query
from registry_server.search.words import fold, words


def marked(text: str, query: str) -> list[str]:
    """The parts of `text` that a query marks."""
    return [text[start:end] for start, end in highlight(text, parse_query(query))]


@pytest.mark.parametrize(
    ("text", "query", "parts"),
    [
        ("auth-jwt", "auth", ["auth"]),
        ("auth-jwt", "auth jwt", ["auth", "jwt"]),
        ("auth-jwt", "AUTH", ["auth"]),
        ("OAuth for auth", "auth", ["Auth", "auth"]),
        ("selfupdate", "update", ["update"]),
        ("authentication", "au", ["au"]),
        ("a gauge", "au", []),
        ("Café Crème", "cafe", ["Café"]),
        ("Café Crème", "crème", ["Crème"]),
        ("Straße", "strasse", ["Straße"]),
        ("Straße", "stras", ["Straß"]),
        ("全文検索エンジン", "検索エ", ["検索エ"]),
        ("ﬁle storage", "file", ["ﬁle"]),
        ("🚀 rocket 👩‍🚀 rocketry", "rocket", ["rocket", "rocket"]),
        ("👍🏽é👍", "e", ["é"]),
        ("sends mail by magic link", '"magic link"', ["magic", "link"]),
        ("auth", "-auth", []),
        ("auth", "tag:auth", []),
        ("auth", "", []),
        ("", "auth", []),
        ("aaaaaa", "aaa", ["aaaaaa"]),
        ("reset", "re res reset", ["reset"]),
    ],
)
def test_marked_parts(text: str, query: str, parts: list[str]) -> None:
    assert marked(text, query) == parts


def test_a_letter_of_two_folded_ones_is_marked_whole() -> None:
    assert highlight("ß", parse_query("s")) == ((0, 1),)


TEXT = st.text(
    st.sampled_from("aAeéÉßﬁ한日本🚀👩\u200d\u0301 -_.<>&\"'İΣς\ud800") | st.characters(), max_size=40
)


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT)
def test_spans_are_sorted_apart_and_fold_to_what_was_searched(text: str, searched: str) -> None:
    query = parse_query(searched)
    spans = highlight(text, query)
    searched_words = [*query.terms, *(word for phrase in query.phrases for word in phrase)]

    last = -1
    for start, end in spans:
        assert last < start < end <= len(text)
        last = end
        part = "".join(fold(character) for character in text[start:end])
        assert any(word in part for word in searched_words)


@settings(max_examples=150, deadline=None)
@given(TEXT)
def test_a_word_of_the_text_is_found_in_it(text: str) -> None:
    for word in words(text):
        assert marked(text, word), word


def test_html_is_escaped_inside_and_outside_of_marks() -> None:
    text = '<b>auth</b> & "auth"'
    spans = highlight(text, parse_query("auth b"))

    assert marked_html(text, spans) == (
        "&lt;<mark>b</mark>&gt;<mark>auth</mark>&lt;/<mark>b</mark>&gt; &amp; &quot;<mark>auth</mark>&quot;"
    )
    assert marked_html("<script>", ()) == "&lt;script&gt;"


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT)
def test_html_without_its_marks_is_the_text(text: str, searched: str) -> None:
    shown = marked_html(text, highlight(text, parse_query(searched)))

    without = shown.replace("<mark>", "").replace("</mark>", "")
    assert "<" not in without
    assert html.escape(text) == without
