"""What a person's text means; never an error, whatever was typed."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry_server.contract.routes import QUERY_MAX
from registry_server.search.query import TERMS_MAX, Filter, SearchQuery, parse_query


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("   ", ()),
        ("auth", ("auth",)),
        ("  Auth   JWT ", ("auth", "jwt")),
        ("auth auth", ("auth",)),
        ("auth-jwt", ("auth", "jwt")),
        ("authJwt", ("authjwt",)),
        ("café", ("cafe",)),
        ("STRASSE straße", ("strasse",)),
        ("日本語", ("日本語",)),
        ("c++", ("c",)),
        ("@donkeylabs/server", ("server",)),
        ("the auth plugin", ("auth",)),
        ("plugin", ("plugin",)),
        ("the plugin for", ("the", "plugin", "for")),
        ("+++ ??? --", ()),
        ("\x00\x1b[31m", ("31m",)),
        ("foo AND", ("foo",)),
        ("x:y", ("x", "y")),
        ("http://x.y", ("http", "x", "y")),
        ('"one', ("one",)),
        ('"one"', ("one",)),
        ("\ud800", ()),
        ("au\udfffth", ("auth",)),
    ],
)
def test_words(text: str, terms: tuple[str, ...]) -> None:
    assert parse_query(text).terms == terms


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ('"magic link"', (("magic", "link"),)),
        ('"Magic  LINK" "two words"', (("magic", "link"), ("two", "words"))),
        ('"still being typed', (("still", "being", "typed"),)),
        ('""', ()),
        ('"+ -"', ()),
    ],
)
def test_phrases(text: str, phrases: tuple[tuple[str, ...], ...]) -> None:
    query = parse_query(text)

    assert query.phrases == phrases
    assert query.terms == ()


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("category:auth", (Filter("category", "auth"),)),
        ("Category:Auth", (Filter("category", "auth"),)),
        ("tag:two-factor", (Filter("tag", "two-factor"),)),
        ('author:"Ada Lovelace"', (Filter("author", "ada lovelace"),)),
        ('author:"Ada Love', (Filter("author", "ada love"),)),
        ("-tag:old", (Filter("tag", "old", is_negated=True),)),
        ("is:verified", (Filter("is", "verified"),)),
        ("is:Installed", (Filter("is", "installed"),)),
        ("-is:deprecated", (Filter("is", "deprecated", is_negated=True),)),
        ("tag:a tag:b", (Filter("tag", "a"), Filter("tag", "b"))),
        ('author:"\ud800x"', (Filter("author", "x"),)),
        ('tag:""', ()),
    ],
)
def test_filters(text: str, filters: tuple[Filter, ...]) -> None:
    query = parse_query(text)

    assert query.filters == filters
    assert query.terms == ()
    assert query.unknown == ()


@pytest.mark.parametrize("sort", ["downloads", "rating", "recent", "name", "relevance"])
def test_sorts(sort: str) -> None:
    assert parse_query(f"auth sort:{sort.upper()}") == SearchQuery(
        text=f"auth sort:{sort.upper()}",
        terms=("auth",),
        sort=sort,  # type: ignore[arg-type]
        is_open=True,
    )


@pytest.mark.parametrize("text", ["is:nice", "sort:size", "-sort:name", '-is:"very nice"'])
def test_a_qualifier_that_means_nothing_is_named_and_filters_nothing(text: str) -> None:
    query = parse_query(f"auth {text} jwt")

    assert query.unknown == (text,)
    assert query.terms == ("auth", "jwt")
    assert query.filters == ()
    assert query.sort is None


def test_half_a_qualifier_filters_nothing_yet() -> None:
    for text in ("is:", "sort:"):
        query = parse_query(text)
        assert (query.filters, query.unknown, query.sort) == ((), (), None)


def test_a_word_with_a_minus_is_excluded() -> None:
    query = parse_query("auth -jwt -two-factor")

    assert query.terms == ("auth",)
    assert query.excluded == ("jwt", "two", "factor")


def test_a_dash_inside_a_word_excludes_nothing() -> None:
    assert parse_query("auth-jwt").excluded == ()


@pytest.mark.parametrize(
    ("text", "is_open"),
    [("", False), ("aut", True), ("auth ", False), ('"magic link"', False), ("a b", True)],
)
def test_the_last_word_may_still_be_typed_until_something_ends_it(text: str, is_open: bool) -> None:
    assert parse_query(text).is_open is is_open


@pytest.mark.parametrize(
    ("text", "is_blank"),
    [
        ("", True),
        ("  ", True),
        ("sort:name", True),
        ("is:x", True),
        ("a", False),
        ("-a", False),
        ("tag:a", False),
    ],
)
def test_a_query_that_narrows_nothing_is_blank(text: str, is_blank: bool) -> None:
    assert parse_query(text).is_blank is is_blank


def test_long_text_is_cut_and_words_are_counted() -> None:
    many = parse_query(" ".join(f"word{number}" for number in range(200)))

    assert len(many.text) == QUERY_MAX
    assert len(many.terms) == TERMS_MAX
    assert parse_query("x" * 10_000).terms == ("x" * 64,)


PIECES = st.sampled_from(
    [
        "category:",
        "tag:",
        'author:"',
        "is:",
        "sort:",
        "-",
        '"',
        ":",
        " ",
        "verified",
        "name",
        "é",
        "\ud800",
        "\0",
    ]
)
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES | ANYTHING, max_size=30).map("".join))
@example("\ud800" * 10_000)
@example('"' * 10_000)
@example("-" * 10_000)
@example("a:" * 5_000)
@example(" " * 10_000)
def test_any_text_is_a_query_fit_for_an_index(text: str) -> None:
    query = parse_query(text)

    folded = [*query.terms, *query.excluded, *(word for phrase in query.phrases for word in phrase)]
    assert len(query.text) <= QUERY_MAX
    assert all(word and word.isalnum() and len(word) <= 64 for word in folded)
    for value in [*folded, *(wanted.value for wanted in query.filters)]:
        value.encode()
