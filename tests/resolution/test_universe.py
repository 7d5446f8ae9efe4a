"""Version sets as masks, against the ranges they stand for."""

from hypothesis import given
from hypothesis import strategies as st

from donkeytui.resolution.edges import Edge
from donkeytui.resolution.universe import NOT_INSTALLED, make_plugin
from registry_server.contract.ranges import parse_range
from registry_server.contract.versions import parse_version
from tests.support.builders import document, release

NUMBERS = st.integers(0, 3)
VERSIONS = st.builds(
    lambda a, b, c, tag: f"{a}.{b}.{c}{tag}",
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.sampled_from(("", "", "", "-alpha", "-beta.1", "-beta.2")),
)
COMPARATORS = st.builds(
    lambda op, version: op + version, st.sampled_from(("^", "~", ">=", "<", ">", "<=", "=")), VERSIONS
)
RANGES = st.one_of(
    COMPARATORS,
    st.just("*"),
    st.builds("{} {}".format, COMPARATORS, COMPARATORS),
    st.builds("{} || {}".format, COMPARATORS, COMPARATORS),
    st.builds("{} - {}".format, VERSIONS, VERSIONS),
)


@given(versions=st.sets(VERSIONS, max_size=12), text=RANGES, with_prereleases=st.booleans())
def test_a_mask_holds_exactly_the_releases_the_range_allows(
    versions: set[str], text: str, with_prereleases: bool
) -> None:
    plugin = make_plugin(document("auth", *(release(version) for version in versions)))
    wanted = parse_range(text)
    mask = plugin.mask(wanted, with_prereleases=with_prereleases)

    allowed = [
        one
        for one in sorted(map(parse_version, versions))
        if wanted.allows(one, include_prerelease=with_prereleases)
    ]
    assert list(plugin.versions(mask)) == [one.text for one in allowed]
    assert not mask & NOT_INSTALLED


def test_releases_are_sorted_and_found_by_their_text() -> None:
    plugin = make_plugin(document("auth", release("1.10.0"), release("1.9.0"), release("1.10.0-rc.1")))

    assert [one.version.text for one in plugin.candidates] == ["1.9.0", "1.10.0-rc.1", "1.10.0"]
    assert plugin.versions(plugin.bit("1.10.0")) == ("1.10.0",)
    assert plugin.bit("3.0.0") == 0


def test_prereleases_somebody_may_have_meant_are_those_of_what_is_in_the_range() -> None:
    plugin = make_plugin(
        document(
            "search", *(release(v) for v in ("1.1.0-beta.1", "1.2.0-beta.1", "1.3.0-rc.1", "2.0.0-rc.1"))
        )
    )

    meant = plugin.prereleases_of(parse_range("^1.2.0"))
    assert plugin.versions(meant) == ("1.2.0-beta.1", "1.3.0-rc.1")


ALLOWED = st.integers(0, 15).map(lambda mask: mask << 1)


@given(asked=st.dictionaries(st.sampled_from((2, 4, 8, 16)), ALLOWED, min_size=1), known=st.integers(1, 31))
def test_an_edge_says_neither_more_nor_less_than_its_releases(asked: dict[int, int], known: int) -> None:
    edge = Edge("auth", "users", allowed_by_release=asked, full=31)
    need = edge.forward(known)
    left = [asked.get(bit) for bit in (1, 2, 4, 8, 16) if known & bit]

    if None in left:
        assert need is None
    else:
        assert need is not None
        assert all(mask is not None and not mask & ~need.allowed for mask in left)
        assert all(any((mask or 0) & bit for mask in left) for bit in (2, 4, 8, 16) if need.allowed & bit)
    found = edge.backward(known)
    ruled_out = sum(bit for bit, mask in asked.items() if not mask & known)
    assert (found[0] if found else 0) == ruled_out
    if found:
        assert not found[1].allowed & known
        assert ruled_out & ~edge.releases_inside(found[1].allowed) == 0
