"""Ranges: npm's grammar in tables, its oddities, and the laws every range keeps."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry_server.contract.problems import InvalidName, InvalidRange
from registry_server.contract.ranges import (
    RANGE_MAX,
    Alternative,
    Requirement,
    exact_version,
    max_satisfying,
    parse_range,
    parse_requirement,
)
from registry_server.contract.versions import parse_version


def allows(wanted: str, version: str) -> bool:
    return parse_range(wanted).allows(parse_version(version))


def allows_with_prereleases(wanted: str, version: str) -> bool:
    return parse_range(wanted).allows(parse_version(version), include_prerelease=True)


@pytest.mark.parametrize(
    ("wanted", "inside", "outside"),
    [
        # One version.
        ("1.2.3", "1.2.3", "1.2.2 1.2.4 1.2.3-a"),
        ("=1.2.3", "1.2.3", "1.2.4"),
        ("v1.2.3", "1.2.3", "1.2.4"),
        ("1.2.3+build", "1.2.3 1.2.3+other", "1.2.4"),
        ("1.2.3-a", "1.2.3-a 1.2.3-a+build", "1.2.3 1.2.3-b"),
        # Comparators.
        (">1.2.3", "1.2.4 9.0.0", "1.2.3 1.2.2"),
        (">=1.2.3", "1.2.3 9.0.0", "1.2.2"),
        ("<1.2.3", "1.2.2 0.0.0", "1.2.3"),
        ("<=1.2.3", "1.2.3 0.0.0", "1.2.4"),
        (">1", "2.0.0", "1.0.0 1.9.9"),
        (">1.2", "1.3.0", "1.2.9"),
        (">=1.2", "1.2.0", "1.1.9"),
        ("<1.2", "1.1.9", "1.2.0"),
        ("<=1.2", "1.2.9", "1.3.0"),
        ("<=1", "1.9.9", "2.0.0"),
        ("=1.2", "1.2.0 1.2.9", "1.3.0"),
        (">=1.2.3 <2.0.0", "1.2.3 1.9.9", "1.2.2 2.0.0"),
        (">1.0.0 >1.5.0 <3.0.0 <2.0.0", "1.5.1", "1.5.0 2.0.0"),
        (">=1.0.0 >1.0.0", "1.0.1", "1.0.0"),
        ("<=1.0.0 <1.0.0", "0.9.9", "1.0.0"),
        # Any.
        ("", "0.0.0 1.2.3", "1.2.3-a"),
        ("*", "0.0.0 1.2.3", "1.2.3-a"),
        ("x", "1.2.3", "1.2.3-a"),
        ("X.x.*", "1.2.3", "1.2.3-a"),
        (">=0.0.0", "0.0.0 1.2.3", "1.2.3-a"),
        ("^*", "1.2.3", "1.2.3-a"),
        # Parts left out or x.
        ("1", "1.0.0 1.9.9", "0.9.9 2.0.0 2.0.0-a"),
        ("1.x", "1.0.0 1.9.9", "0.9.9 2.0.0"),
        ("1.2", "1.2.0 1.2.9", "1.1.9 1.3.0"),
        ("1.2.X", "1.2.0 1.2.9", "1.3.0"),
        ("1.*.*", "1.9.9", "2.0.0"),
        # Caret: the first number that is not zero stays.
        ("^1.2.3", "1.2.3 1.9.9", "1.2.2 2.0.0 2.0.0-0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0"),
        ("^0.0.3", "0.0.3", "0.0.2 0.0.4"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.0 0.9.9", "1.0.0"),
        ("^0.1.x", "0.1.0 0.1.9", "0.2.0"),
        ("^1.2", "1.2.0 1.9.0", "1.1.9 2.0.0"),
        ("^1.x", "1.0.0 1.9.0", "0.9.9 2.0.0"),
        ("^0.0.0", "0.0.0", "0.0.1"),
        # Tilde: major and minor stay.
        ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
        ("~1.2", "1.2.0 1.2.9", "1.3.0"),
        ("~1", "1.0.0 1.9.9", "2.0.0"),
        ("~0.2.3", "0.2.3 0.2.9", "0.3.0"),
        ("~>1.2.3", "1.2.3 1.2.9", "1.3.0"),
        # Hyphen.
        ("1.2.3 - 2.3.4", "1.2.3 2.3.4", "1.2.2 2.3.5"),
        ("1.2 - 2.3.4", "1.2.0", "1.1.9"),
        ("1.2.3 - 2.3", "2.3.9", "2.4.0"),
        ("1.2.3 - 2", "2.9.9", "3.0.0"),
        ("* - 2", "0.0.0 2.9.9", "3.0.0"),
        ("2 - *", "2.0.0 9.0.0", "1.9.9"),
        ("v1 - v2", "1.0.0 2.9.9", "3.0.0"),
        # Alternatives.
        ("^1.2.0 || ^3.0.0", "1.2.0 3.9.9", "2.0.0 4.0.0"),
        ("1.2.3||2.3.4", "1.2.3 2.3.4", "1.2.4"),
        ("1 - 2 || 4", "2.9.9 4.0.0", "3.0.0"),
        ("1 ||", "0.0.0 9.9.9", "9.9.9-a"),
        # Nothing at all, but no mistake either.
        (">2.0.0 <1.0.0", "", "0.5.0 1.5.0 2.5.0"),
        ("<0.0.0", "", "0.0.0 0.0.0-0"),
        ("<*", "", "0.0.0 0.0.0-0"),
        (">x", "", "9.9.9"),
        (">1.0.0 <=1.0.0", "", "1.0.0"),
    ],
)
def test_a_range_holds_what_npm_says(wanted: str, inside: str, outside: str) -> None:
    assert [version for version in inside.split() if not allows(wanted, version)] == []
    assert [version for version in outside.split() if allows(wanted, version)] == []


@pytest.mark.parametrize(
    ("wanted", "inside", "outside"),
    [
        (">=1.2.3-a", "1.2.3-a 1.2.3-b 1.2.3 2.0.0", "1.2.3-0 1.2.4-a 2.0.0-a"),
        ("^1.2.3-beta.2", "1.2.3-beta.2 1.2.3-beta.11 1.2.3 1.9.0", "1.2.3-beta.1 1.2.4-beta.2 2.0.0-beta"),
        ("~1.2.3-a", "1.2.3-a 1.2.9", "1.2.4-a 1.3.0-a 1.3.0"),
        ("^0.0.1-a", "0.0.1-a 0.0.1", "0.0.2-a 0.0.2"),
        ("<2.0.0-b", "2.0.0-a 1.9.9", "1.9.9-a 2.0.0-b"),
        ("1.2.3-a - 2.0.0-b", "1.2.3-a 2.0.0-b 1.5.0", "1.5.0-a 2.0.0"),
        (">1.2.3-a <1.2.3-c", "1.2.3-b", "1.2.3-a 1.2.3-c 1.2.3"),
        ("^1.2.3", "", "1.2.4-a 1.2.3-a 2.0.0-0"),
    ],
)
def test_a_prerelease_needs_a_prerelease_of_the_same_numbers(wanted: str, inside: str, outside: str) -> None:
    assert [version for version in inside.split() if not allows(wanted, version)] == []
    assert [version for version in outside.split() if allows(wanted, version)] == []


def test_the_prerelease_must_be_named_in_the_same_alternative() -> None:
    assert not allows(">=1.0.0 || 2.0.0-a", "2.0.0-b")
    assert allows(">=1.0.0 || >=2.0.0-a", "2.0.0-b")


def test_a_star_swallows_the_other_alternatives() -> None:
    assert allows("1.2.3-a", "1.2.3-a")
    assert not allows("* || 1.2.3-a", "1.2.3-a")
    assert not allows("1.2.3-a ||", "1.2.3-a")
    assert not allows("1.2.3-a || >=0.0.0", "1.2.3-a")
    assert allows("* 1.2.3-a", "1.2.3-a")


def test_from_zero_on_asks_for_nothing_even_beside_another_comparator() -> None:
    assert allows(">=0.0.0 <=0.0.0-b", "0.0.0-a")
    assert parse_range(">=0.0.0").is_any
    assert not parse_range(">=v0.0.0").is_any
    assert not parse_range(">=0.0.0-0").is_any


@pytest.mark.parametrize("wanted", ["^1", "^1.2.3", "~1", "1.x", "1", "<2", "<=1", "1 - 1", "<2.0"])
def test_upper_ends_keep_the_next_prereleases_out(wanted: str) -> None:
    assert not allows(wanted, "2.0.0-rc.1")
    assert not allows(f"{wanted} || 2.0.0-rc.2", "2.0.0-rc.1")
    assert not allows_with_prereleases(wanted, "2.0.0-rc.1")
    assert not allows_with_prereleases(wanted, "2.0.0-0")


def test_an_x_forgets_the_tag_behind_it() -> None:
    assert allows("1.2.x-beta", "1.2.0")
    assert not allows("1.2.x-beta", "1.2.0-beta")


def test_build_metadata_is_taken_out_before_anything_is_read() -> None:
    assert allows("1+b", "1.9.0")
    assert allows(">=1.2.0+a.b-c <2.0.0+d", "1.2.0")
    assert allows("1.2.3+a - 2+b", "2.9.9")
    assert parse_range("+b").is_any


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        ("  1.2.3  ", "1.2.3"), ("\t>=\n1.2.3\r\n<\u00a02 ", ">=1.2.3 <2"), ("> 1.2.3", ">1.2.3"),
        ("= 1.2.3", "1.2.3"), ("^ 1.2", "^1.2"), ("~ 1.2", "~1.2"), ("~> 1.2", "~1.2"), ("~ > 1.2", "~1.2"),
        ("~> >1.2", "~1.2"), ("~>=1.2.3", "~1.2.3"), ("^=1.2.3", "^1.2.3"), ("^v1.2.3", "^1.2.3"),
        ("> =1.2.3", ">=1.2.3"), ("v=1.2", "1.2"), (">==1.2", ">=1.2"), ("vv1", "1"),
        (">=v1.2.3", ">=1.2.3"), ("1.2.3*", "1.2.3"), ("*1.2.3", "1.2.3"), ("^1.x.3", "^1"),
        ("1   -   2", "1 - 2"), ("v 1 - = 2", "1 - 2"), ("1||||2", "*"), ("1.2.3 1.2.3", "1.2.3"),
        ("1.2.3 || 1.2.3", "1.2.3"), ("<0 || 1.2.3", "1.2.3"), ("* 1.2.3 *", "1.2.3"),
    ],
)  # fmt: skip
def test_odd_spellings_mean_what_they_mean_in_node(odd: str, plain: str) -> None:
    assert parse_range(odd).alternatives == parse_range(plain).alternatives
    assert parse_range(odd).text == odd


@pytest.mark.parametrize(
    "text",
    [
        "latest", "next", "v", "a.b.c", "1.2.3.4", "01.2.3", "1.2.3-01", "1.2-beta", "1.x-beta", "1.2.3-",
        "1.2.3+", "1.x.3", "x.1", "*.1.2", "**", ">", "<", "=", ">=", "~", "^", "~>", "-", "||1.2.3.4",
        "1 || foo", "|", "1|2", "|||", "> = 1.2.3", "= >1.2.3", "=>1.2.3", ">>1.2.3", "<>1.2.3", "^^1",
        "^~1", "~~1", "~<1", "^>1", "!1", "!=1.2.3", "v=1.2.3", ">==1.2.3", "vv1.2.3", "V1.2.3", "1-2",
        "1 -2", "1- 2", "1 - 2 - 3", "1 - 2 3", "0 1 - 2", ">1 - 2", "1 - ", " - 2", "=1.2.3 - 2",
        "1 - =2.0.0", "1,2", "1;2", "(1)", "[1,2)", "1.2.3<2", ">1<2", "¹", "１", "١.٢.٣", "1.2.3-é", "1\x00",
        "1\x1c2", "1\x852", "\ud800", "git+https://example.org/a.git", "file:../a", "npm:a@1", "1.2.3\\",
    ],
)  # fmt: skip
def test_what_node_refuses_is_refused(text: str) -> None:
    with pytest.raises(InvalidRange) as refused:
        parse_range(text)

    problem = refused.value.problem
    assert problem.title.startswith("`")
    assert problem.detail
    assert problem.hint


def test_a_refusal_names_the_part_that_cannot_be_read() -> None:
    with pytest.raises(InvalidRange) as refused:
        parse_range("^1.2.0 || >=latest")

    assert refused.value.problem.title == "`^1.2.0 || >=latest` is not a version range"
    assert "`>=latest`" in refused.value.problem.detail


@pytest.mark.parametrize(
    "text",
    ["{}.0.0", "^1.{}.0", ">=0.0.{}", "<{}", ">={}", "1.{}.0 - 2", "1 - 2.{}.0", "1.2.3-{}", "^1.2.3-a.{}"],
)
def test_numbers_end_where_javascript_loses_count(text: str) -> None:
    with pytest.raises(InvalidRange) as refused:
        parse_range(text.format(2**53))
    assert "2^53-1" in refused.value.problem.detail


@pytest.mark.parametrize("text", ["{}", "^{}.0.0", "^0.0.{}", "~1.{}.0", ">{}", "<={}.x", "1.{}.x", "1 - {}"])
def test_so_does_the_number_behind_the_one_written(text: str) -> None:
    with pytest.raises(InvalidRange):
        parse_range(text.format(2**53 - 1))


@pytest.mark.parametrize("text", ["<{}", ">={}", ">={}.0.0", "<={}.0.0", "{}.0.0", "1.2.3 - 2.3.{}"])
def test_the_largest_number_is_fine_when_nothing_is_added(text: str) -> None:
    assert parse_range(text.format(2**53 - 1)).alternatives


def test_versions_in_a_range_have_the_limit_of_versions() -> None:
    longest = "1.2.3-" + "a" * 250

    for text in (longest, f"^{longest}", f">={longest}", f"1 - {longest}"):
        assert parse_range(text).alternatives
    for text in (f"v{longest}", f"^1{longest}", f">=1{longest}", f"1 - 1{longest}", f"1{longest} - 2"):
        with pytest.raises(InvalidRange):
            parse_range(text)


def test_the_longest_range_is_read() -> None:
    text = " || ".join(["1.2.3"] * 113)

    assert len(text) <= RANGE_MAX
    assert parse_range(text).alternatives == parse_range("1.2.3").alternatives
    with pytest.raises(InvalidRange) as refused:
        parse_range("1" + " " * RANGE_MAX)
    assert f"{RANGE_MAX + 1} characters" in refused.value.problem.detail


HOSTILE = [
    "v", "=", "= ", ">", "> ", "~ ", "^ ", " ", "||", "1||", "1.2.3-a||", "|", "*", "9", "0", "+a.", "+a ",
    "1 - ", "- ", "a.", "1-", "x.", "\n", "\u00a0", "1.2.3 ", ">=1.2.3 <2 ", "\u0661", "\ud800", "1.2.3-",
    "1.2.3-" + "1" * 200 + " ",
]  # fmt: skip


@pytest.mark.parametrize("length", [RANGE_MAX, 10_000])
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_repetition_is_answered_at_once(piece: str, length: int) -> None:
    text = (piece * length)[:length]
    shown = []
    started = time.process_time()
    for variant in (text, "1.2.3-" + text[6:], text[1:] + "!"):
        try:
            parse_range(variant)
        except InvalidRange as refused:
            shown.append(refused.problem.title + refused.problem.detail)

    assert time.process_time() - started < 0.25
    assert all(len(words) < 300 for words in shown)


def test_any_is_recognised_whatever_its_spelling() -> None:
    assert all(
        parse_range(text).is_any
        for text in ("", " ", "*", "x", "X.X", ">=0", ">=0.0.0", "||", "1 || *", "~x")
    )
    assert not any(parse_range(text).is_any for text in ("0", "^0", "<9", ">0", "1 || 2", "<*", ">=0.0.1"))


def test_with_prereleases_they_count_like_any_version() -> None:
    assert allows_with_prereleases("*", "1.0.0-a")
    assert allows_with_prereleases("^1.2", "1.2.0-a")
    assert allows_with_prereleases("1.2.x", "1.2.0-0")
    assert allows_with_prereleases("~1.2", "1.2.0-0")
    assert allows_with_prereleases(">1.2", "1.3.0-0")
    assert allows_with_prereleases("1.2.3 - 2", "1.2.3-0")
    assert allows_with_prereleases(">=1.2.3", "1.2.4-a")
    assert not allows_with_prereleases("^1.2.3", "1.2.3-a")
    assert not allows_with_prereleases(">=0.0.0", "0.0.0-a")


def test_alternatives_are_plain_intervals() -> None:
    beta = parse_version("1.2.3-beta").key
    next_major = parse_version("2.0.0-0").key

    assert parse_range("^1.2.3-beta").alternatives == (
        Alternative(low=beta, high=next_major, high_open=True, prerelease_of=((1, 2, 3),)),
    )
    assert parse_range(">1.2.3-beta").alternatives == (
        Alternative(low=beta, low_open=True, prerelease_of=((1, 2, 3),)),
    )
    assert parse_range("*").alternatives == (Alternative(),)
    assert parse_range(">2 <1").alternatives == ()


def test_max_satisfying_takes_the_highest_inside() -> None:
    versions = [parse_version(text) for text in ("1.9.0", "1.10.0", "2.0.0", "1.11.0-a", "0.9.0")]

    assert max_satisfying(versions, parse_range("^1.0.0")) == parse_version("1.10.0")
    assert max_satisfying(versions, parse_range(">=1.11.0-a")) == parse_version("2.0.0")
    assert max_satisfying(versions, parse_range("^3")) is None
    assert max_satisfying([], parse_range("*")) is None


def test_build_metadata_does_not_decide_which_is_highest() -> None:
    versions = [parse_version("1.0.0+a"), parse_version("1.0.0+b")]

    assert max_satisfying(versions, parse_range("1")) == versions[0]


@pytest.mark.parametrize(
    "text", ["1.2.3", "=1.2.3", "v1.2.3", " 1.2.3 ", "1.2.3+b", ">=1.2.3 <=1.2.3", "1.2.3 || 1.2.3"]
)
def test_an_exact_range_names_its_version(text: str) -> None:
    assert exact_version(parse_range(text)) == parse_version("1.2.3")


@pytest.mark.parametrize(
    "text", ["*", "^1.2.3", "~1.2.3", "1.2", ">=1.2.3", "<=1.2.3", "1.2.3 || 1.2.4", "1.2.3 1.2.4", "<*"]
)
def test_other_ranges_name_none(text: str) -> None:
    assert exact_version(parse_range(text)) is None


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        ("users@^1.0.0", "users", "^1.0.0"),
        ("users", "users", "*"),
        ("users@", "users", "*"),
        ("auth-jwt@latest", "auth-jwt", "*"),
        ("authJwt@>=1.0.0 <2.0.0", "authJwt", ">=1.0.0 <2.0.0"),
        ("users@1 || 2", "users", "1 || 2"),
    ],
)
def test_a_requirement_is_a_name_and_a_range(text: str, name: str, wanted: str) -> None:
    assert parse_requirement(text) == Requirement(name=name, range=parse_range(wanted))


@pytest.mark.parametrize(
    "text", ["users@next", "users@LATEST", "users@beta", "users@1@2", "users@@1", "users@npm:a@1"]
)
def test_other_tags_are_refused(text: str) -> None:
    with pytest.raises(InvalidRange):
        parse_requirement(text)


@pytest.mark.parametrize(
    "text", ["", "@1.0.0", "@scope/users@1", "../users@1", "users ^1", " users", "Ünder@1", "a" * 10_000]
)
def test_a_requirement_needs_a_plugin_name(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_requirement(text)


small = st.integers(0, 3).map(str)
tags = st.sampled_from(["", "", "", "-0", "-a", "-a.1", "-b"])
versions = st.builds("{}.{}.{}{}".format, small, small, small, tags)
partials = versions | st.lists(small | st.sampled_from("xX*"), min_size=1, max_size=3).map(".".join)
comparators = st.builds(
    "{}{}".format, st.sampled_from(["", "^", "~", "~> ", ">", ">= ", "<", "<=", "="]), partials
)
hyphens = st.builds("{} - {}".format, versions, versions)
parts = hyphens | st.lists(comparators, min_size=1, max_size=3).map(" ".join)
sentences = st.lists(parts, min_size=1, max_size=3).map(" || ".join)
soup = st.text("^~<>=v .x*-+|012ab", max_size=14)


def is_valid(text: str) -> bool:
    try:
        parse_range(text)
    except InvalidRange:
        return False
    return True


@given(st.text(max_size=60) | soup)
@example("\x85")
@example("1\u20282")
def test_any_text_is_a_range_or_a_problem(text: str) -> None:
    assert is_valid(text) in (True, False)


@given(sentences.filter(is_valid), versions)
def test_allows_says_what_the_alternatives_say(text: str, version_text: str) -> None:
    wanted, version = parse_range(text), parse_version(version_text)
    inside = [one for one in wanted.alternatives if one.spans(version.key)]
    if version.is_prerelease:
        inside = [one for one in inside if version.key[:3] in one.prerelease_of]

    assert wanted.allows(version) == bool(inside)
    assert wanted.is_any == (wanted.alternatives == (Alternative(),))


@given(sentences.filter(is_valid), versions)
def test_including_prereleases_changes_nothing_for_releases(text: str, version_text: str) -> None:
    wanted, version = parse_range(text), parse_version(version_text)

    if version.is_prerelease:
        return
    assert wanted.allows(version) == wanted.allows(version, include_prerelease=True)


@given(parts.filter(is_valid), parts.filter(is_valid), versions)
def test_alternatives_are_a_union_unless_one_is_any(one: str, other: str, version_text: str) -> None:
    both = parse_range(f"{one} || {other}")
    version = parse_version(version_text)

    if both.is_any:
        assert both.allows(version) != version.is_prerelease
    else:
        assert both.allows(version) == (
            parse_range(one).allows(version) or parse_range(other).allows(version)
        )


@given(st.lists(comparators.filter(is_valid), min_size=1, max_size=3), versions)
def test_comparators_beside_each_other_must_all_hold_for_a_release(
    texts: list[str], version_text: str
) -> None:
    version = parse_version(version_text)

    if not version.is_prerelease:
        together = parse_range(" ".join(texts)).allows(version)
        assert together == all(parse_range(text).allows(version) for text in texts)


@given(sentences.filter(is_valid))
def test_no_alternative_is_empty_or_there_twice(text: str) -> None:
    alternatives = parse_range(text).alternatives

    assert len(set(alternatives)) == len(alternatives)
    for one in alternatives:
        if one.low is not None and one.high is not None:
            assert one.low < one.high or (one.low == one.high and not one.low_open and not one.high_open)


@given(versions)
def test_every_operator_that_includes_its_version_does(text: str) -> None:
    version = parse_version(text)

    for operator in ("", "=", "^", "~", "~>", ">=", "<="):
        assert parse_range(operator + text).allows(version)
    for operator in ("<", ">"):
        assert not parse_range(operator + text).allows(version)
    assert exact_version(parse_range(text)) == version


@given(sentences.filter(is_valid), st.lists(versions, max_size=6))
def test_max_satisfying_is_the_last_of_the_sorted_ones_inside(text: str, version_texts: list[str]) -> None:
    wanted = parse_range(text)
    candidates = sorted({parse_version(version) for version in version_texts})
    inside = [version for version in candidates if wanted.allows(version)]

    assert max_satisfying(candidates, wanted) == (inside[-1] if inside else None)


def test_text_is_kept_when_it_is_too_long_for_the_cache() -> None:
    text = " || ".join(f"1.2.{patch}" for patch in range(30))

    assert parse_range(text).text == text
    assert len(parse_range(text).alternatives) == 30
