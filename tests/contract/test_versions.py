"""Versions: what is one, what is refused, and which comes first."""

import itertools

import pytest
import semver
from hypothesis import example, given
from hypothesis import strategies as st

from registry_server.contract.problems import InvalidVersion
from registry_server.contract.versions import (
    NUMBER_MAX,
    VERSION_MAX,
    Version,
    key_text,
    parse_version,
    precedence_key,
)

numbers = st.integers(0, 3) | st.integers(0, NUMBER_MAX)
words = st.from_regex(r"[0-9]{0,3}[a-zA-Z-][a-zA-Z0-9-]{0,4}", fullmatch=True)
identifiers = st.integers(0, 12).map(str) | st.integers(0, NUMBER_MAX).map(str) | words
builds = st.from_regex(r"[0-9a-zA-Z-]{1,5}(\.[0-9a-zA-Z-]{1,5})?", fullmatch=True)


@st.composite
def version_texts(draw: st.DrawFn) -> str:
    text = ".".join(str(draw(numbers)) for _ in range(3))
    if prerelease := draw(st.lists(identifiers, max_size=4)):
        text += "-" + ".".join(prerelease)
    if draw(st.booleans()):
        text += "+" + draw(builds)
    return text


def test_a_version_knows_its_parts() -> None:
    version = parse_version("1.22.333-beta.4+build.5")

    assert (version.major, version.minor, version.patch) == (1, 22, 333)
    assert version.is_prerelease
    assert str(version) == version.text == "1.22.333-beta.4+build.5"


def test_build_metadata_alone_makes_no_prerelease() -> None:
    assert not parse_version("1.2.3+a-b").is_prerelease


def test_one_leading_v_is_dropped() -> None:
    assert parse_version("v1.2.3") == parse_version("1.2.3")
    assert parse_version("v1.2.3").text == "1.2.3"


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "1.2", "1.2.3.4", "a.b.c", "vv1.2.3", "V1.2.3", "=1.2.3", "v 1.2.3", "-1.2.3", "1.-2.3",
        "1.2.x", "*", "01.2.3", "1.02.3", "1.2.03", "1.2.3-", "1.2.3-01", "1.2.3-a.", "1.2.3-.a",
        "1.2.3-a..b", "1.2.3+", "1.2.3+a.", "1.2.3+a+b", "1.2.3-a_b", " 1.2.3", "1.2.3 ", "1.2.3\n",
        "1.2.\n3", "1.2.3-a\x00", "1.2.3-é", "١.٢.٣", "1.2.３", "1.2.3-²", "\ufeff1.2.3", "1.2.3\u2028",
        "latest", "^1.2.3", "1e3.0.0", "1_0.0.0", "0x1.0.0",
    ],
)  # fmt: skip
def test_what_is_not_semver_is_refused(text: str) -> None:
    with pytest.raises(InvalidVersion) as refused:
        parse_version(text)

    problem = refused.value.problem
    assert problem.title.startswith("`")
    assert problem.detail
    assert problem.hint


def test_the_longest_version_has_256_characters() -> None:
    longest = "1.2.3-" + "a" * (VERSION_MAX - 6)

    assert parse_version(longest).text == longest
    with pytest.raises(InvalidVersion, match="is not a version") as refused:
        parse_version(longest + "a")
    assert "257 characters" in refused.value.problem.detail


@pytest.mark.parametrize("template", ["{}.0.0", "0.{}.0", "0.0.{}", "0.0.0-{}", "0.0.0-a.{}"])
def test_numbers_end_where_javascript_loses_count(template: str) -> None:
    assert parse_version(template.format(2**53 - 1)).key
    with pytest.raises(InvalidVersion) as refused:
        parse_version(template.format(2**53))
    assert str(2**53 - 1) in refused.value.problem.detail


def test_digits_in_text_and_build_are_no_numbers() -> None:
    assert parse_version(f"1.2.3-a{2**60}+{2**60}.007").key


@pytest.mark.parametrize(
    "text", ["1" * 10_000, "1." * 5_000, "1.2.3-" + "a." * 5_000, "v" * 10_000, "\u0661" * 10_000]
)
def test_hostile_length_is_refused_and_not_repeated_in_full(text: str) -> None:
    with pytest.raises(InvalidVersion) as refused:
        parse_version(text)
    assert len(refused.value.problem.title) < 120


def test_precedence_is_that_of_the_specification() -> None:
    # semver.org, item 11, and the places where a comparison of texts would go wrong.
    ascending = [
        "0.0.0-0", "0.0.0", "0.0.9", "0.0.10", "0.9.0", "0.10.0", "1.0.0-0", "1.0.0-2", "1.0.0-10",
        "1.0.0--", "1.0.0-10a", "1.0.0-A", "1.0.0-a", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
        "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-beta.11.0", "1.0.0-rc.1", "1.0.0", "1.0.1-0",
        "1.1.0", "2.0.0", "10.0.0",
    ]  # fmt: skip
    versions = [parse_version(text) for text in ascending]

    for (at, one), (later, other) in itertools.combinations(enumerate(versions), 2):
        assert at < later
        assert one < other
        assert one <= other
        assert other > one
        assert other >= one
        assert one != other


def test_build_metadata_never_decides_but_tells_apart() -> None:
    one, other = parse_version("1.0.0+a"), parse_version("1.0.0+b")

    assert one.key == other.key
    assert one <= other <= one
    assert not one < other
    assert not one > other
    assert one != other


def test_versions_are_dictionary_keys() -> None:
    assert len({parse_version("1.2.3"), parse_version("v1.2.3"), parse_version("1.2.3+b")}) == 2


@given(version_texts())
@example("0.0.0-0")
def test_a_valid_text_is_its_own_canonical_form(text: str) -> None:
    version = parse_version(text)

    assert version.text == text
    assert key_text(version.key) == text.partition("+")[0]
    assert parse_version(key_text(version.key)).key == version.key


@given(version_texts(), version_texts())
@example("1.0.0-1", "1.0.0-a")
@example("1.0.0-a", "1.0.0-a.0")
@example("1.0.0-9", "1.0.0-10")
def test_order_agrees_with_the_semver_library(one: str, other: str) -> None:
    ours, theirs = parse_version(one), parse_version(other)

    assert (ours.key > theirs.key) - (ours.key < theirs.key) == semver.Version.parse(one).compare(other)


@given(st.lists(version_texts(), max_size=6))
def test_sorting_by_key_is_sorting_by_precedence(texts: list[str]) -> None:
    versions = [parse_version(text) for text in texts]

    assert sorted(versions) == sorted(versions, key=lambda version: version.key)


@given(st.text(max_size=40) | st.text("0123456789.-+ v\n", max_size=12))
def test_any_text_is_a_version_or_a_problem(text: str) -> None:
    try:
        version = parse_version(text)
    except InvalidVersion:
        return
    assert isinstance(version, Version)
    assert semver.Version.is_valid(version.text)


def test_a_key_needs_no_text() -> None:
    assert precedence_key((1, 2, 3)) == parse_version("1.2.3").key
    assert precedence_key((1, 2, 3), "rc.1") == parse_version("1.2.3-rc.1").key
