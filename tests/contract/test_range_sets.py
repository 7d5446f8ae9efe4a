"""Sets of versions: the laws against `Range.allows`, on every version of a small world."""

from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry_server.contract.problems import InvalidRange
from registry_server.contract.range_sets import intersect_ranges, is_within
from registry_server.contract.ranges import RANGE_MAX, parse_range
from registry_server.contract.versions import parse_version

TAGS = ["", "-0", "-a", "-b.2", "-c"]
WORLD = [
    parse_version(f"{major}.{minor}.{patch}{tag}")
    for major, minor, patch in product(range(4), range(3), range(4))
    for tag in TAGS
]


def allowed(wanted: str) -> set[str]:
    parsed = parse_range(wanted)
    return {version.text for version in WORLD if parsed.allows(version)}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("^1.2.0", "^1.4.0", "^1.4.0"),
        ("^1.4.0", "^1.2.0", "^1.4.0"),
        ("1.x", "^1.0.0", "1.x"),
        ("*", "^1.0.0 || ^2.0.0", "^1.0.0 || ^2.0.0"),
        ("", "1", "1"),
        ("1.2.3", ">=1", "1.2.3"),
        ("^1.2.0", ">=1.4.0", "^1.4.0"),
        ("^1.2.0", "<1.5.0", ">=1.2.0 <1.5.0"),
        ("~1.2.0", ">=1.2.3", "~1.2.3"),
        ("1.2 - 1.4", ">1.3.0 <3", ">=1.3.1 <1.5.0"),
        ("<=1.2.3", ">=1.2.3", "1.2.3"),
        ("<3 >0.5", "<2", ">=0.6.0 <2.0.0"),
        ("<3 || >5", "<4 >1 || >6", "^2.0.0 || >=7.0.0"),
        ("^1 || ^2", ">=1.5 <2.5", ">=1.5 <2.5"),
        ("^1.0.0 || ^3.0.0", "1.2.x || 3.1.x || 5", "~1.2.0 || ~3.1.0"),
        ("^1.0.0-beta.2", "<1.3.0", ">=1.0.0 <1.3.0"),
        ("^1.0.0-beta.2", ">=1.0.0-a <1.3.0", ">=1.0.0-beta.2 <1.3.0"),
        (">1.0.0-a", "^1.0.0-0", ">1.0.0-a <2.0.0"),
        ("^1.0.0-a", ">=1.0.0-c", "^1.0.0-c"),
        ("<=1.0.0-c", ">=1.0.0-a", ">=1.0.0-a <=1.0.0-c"),
        ("<=1.0.0-c", ">=1.0.0-c", "1.0.0-c"),
        ("1.0.0-a || ^2.0.0", ">=1.0.0-0 <2.5.0", "1.0.0-a || >=2.0.0 <2.5.0"),
        ("<=2.0.0-c", ">=1.0.0 <3.0.0 || 2.0.0-a", "^1.0.0 || 2.0.0-a"),
    ],
)
def test_what_two_ranges_share(a: str, b: str, expected: str) -> None:
    assert intersect_ranges(a, b) == expected
    assert allowed(expected) == allowed(a) & allowed(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("^1.0.0", "^2.0.0"),
        ("<1.2.3", ">=1.2.3"),
        ("1.2.3", "1.2.4"),
        ("1.0.0-a", "1.0.0-b"),
        # Between these there are prereleases alone, and none is named.
        (">1.0.0", "<1.0.1"),
        ("^1.0.0", "2.0.0-a"),
        ("1.0.0-a", ">=0.9.0"),
        ("<0.0.0-0", "*"),
        ("<0.0.0-0", "<0.0.0-0"),
    ],
)
def test_ranges_without_a_common_version_share_nothing(a: str, b: str) -> None:
    assert intersect_ranges(a, b) is None
    assert intersect_ranges(b, a) is None


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("^1.2.0", "^1.0.0", True),
        ("^1.0.0", "^1.2.0", False),
        ("1.2.3", "*", True),
        ("*", "1.2.3", False),
        (">=1.0.0 <3.0.0", "^1.0.0 || ^2.0.0", True),
        (">=1.0.0 <3.0.1", "^1.0.0 || ^2.0.0", False),
        ("1.0.0-a", "*", False),
        ("1.0.0-a", ">=1.0.0-0", True),
        ("^1.0.0-a", "^1.0.0", False),
        ("^1.0.0", "^1.0.0-a", True),
        (">=1.0.0-a <=1.0.0-c", "1.0.0-a || 1.0.0-c", False),
        (">=1.0.0-a <=1.0.0-c", ">=1.0.0-0 <1.0.0-b || >=1.0.0-b", True),
        (">=1.0.0-a <=1.0.0-c", ">=1.0.0-0 <1.0.0-b || >1.0.0-b", False),
        ("<0.0.0-0", "1.2.3", True),
        ("<=1.2.9007199254740991", "<1.3.0", True),
        ("<=1.9007199254740991.9007199254740991", "<2.0.0", True),
        (">9007199254740991.9007199254740991.9007199254740991", "1.2.3", True),
    ],
)
def test_one_range_lies_within_another(inner: str, outer: str, expected: bool) -> None:
    assert is_within(parse_range(inner), parse_range(outer)) is expected


def test_largest_numbers_stay_ranges() -> None:
    shared = intersect_ranges("<=1.2.9007199254740991 || 5", ">=1.2.5 <4")

    assert shared == "~1.2.5"


@pytest.mark.parametrize("tag", ["latest", "workspace:*", "git+ssh://git@host/x", "npm:other@1", "file:../x"])
def test_text_that_is_no_range_is_refused(tag: str) -> None:
    for a, b in ((tag, "1"), ("1", tag)):
        with pytest.raises(InvalidRange):
            intersect_ranges(a, b)


def test_shared_range_that_is_too_long_to_write_is_refused() -> None:
    odd = "||".join(str(number) for number in range(1, 500, 2))

    with pytest.raises(InvalidRange) as caught:
        intersect_ranges(odd[:RANGE_MAX].rpartition("||")[0], ">=1.0.1")

    assert caught.value.problem.detail
    assert caught.value.problem.hint


VERSIONS = st.builds(
    lambda major, minor, patch, tag: f"{major}.{minor}.{patch}{tag}",
    *[st.integers(0, 2)] * 3,
    st.sampled_from(["", "", *TAGS]),
)
PARTIALS = (
    VERSIONS | VERSIONS | st.sampled_from(["0", "1", "2", "x", "0.0", "0.1", "1.0", "1.x", "1.2", "2.1"])
)
COMPARATORS = st.builds(
    lambda operator, version: operator + version,
    st.sampled_from(["", "^", "~", ">", ">=", "<", "<=", "="]),
    PARTIALS,
)
PARTS = st.lists(COMPARATORS, min_size=1, max_size=2).map(" ".join) | st.builds(
    "{} - {}".format, PARTIALS, PARTIALS
)
RANGES = st.lists(PARTS, min_size=1, max_size=3).map(" || ".join)


@settings(max_examples=120, deadline=None)
@given(RANGES, RANGES)
@example(">=1.0.0-a >=1.2.0-a", ">=0.5.0 <=1.2.0-c")
@example("1.0.0 - 2.0.0-a", ">=2.0.0-0")
def test_shared_range_allows_a_version_if_and_only_if_both_do(a: str, b: str) -> None:
    shared = intersect_ranges(a, b)

    assert (set() if shared is None else allowed(shared)) == allowed(a) & allowed(b)


@settings(max_examples=120, deadline=None)
@given(RANGES, RANGES)
def test_range_is_within_only_where_every_version_is(inner: str, outer: str) -> None:
    if is_within(parse_range(inner), parse_range(outer)):
        assert allowed(inner) <= allowed(outer)
        assert intersect_ranges(inner, outer) in (inner, None)


@settings(max_examples=100, deadline=None)
@given(RANGES, RANGES)
def test_shared_range_lies_within_both_and_shares_itself(a: str, b: str) -> None:
    shared = intersect_ranges(a, b)

    if shared is not None:
        assert is_within(parse_range(shared), parse_range(a))
        assert is_within(parse_range(shared), parse_range(b))
        assert intersect_ranges(shared, a) == intersect_ranges(shared, b) == shared
