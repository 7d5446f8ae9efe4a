"""Ranges as sets: whether one lies within another, and what two have in common.

A range becomes the releases it allows and, per major.minor.patch, the prereleases it allows, each
as sorted intervals that do not touch. Both are exact for node's ordinary rule (prereleases only
beside one that is named), so nothing here is a guess; `includePrerelease` is not looked at, where
`1.x` and `>=1.0.0` differ by what comes before 1.0.0.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from registry_server.contract.problems import InvalidRange
from registry_server.contract.ranges import RANGE_MAX, Alternative, Range, parse_range
from registry_server.contract.versions import NUMBER_MAX, Key, Triple, key_text, precedence_key

_Place = tuple[Key, int]
"""Between two versions: in front of the key (0) or right behind it (1)."""
_START: _Place = (precedence_key((0, 0, 0)), 0)
_END: _Place = (precedence_key((NUMBER_MAX + 1, 0, 0)), 0)


class _Interval(NamedTuple):
    low: _Place
    high: _Place


class _Versions(NamedTuple):
    """What a range allows. Intervals of releases end in front of a release, or at `_END`."""

    releases: tuple[_Interval, ...]
    prereleases: Mapping[Triple, tuple[_Interval, ...]]
    """Per major.minor.patch; none of them is empty."""


def is_within(inner: Range, outer: Range) -> bool:
    """Whether `outer` allows every version that `inner` allows; a range of nothing is within any."""
    versions = _versions_of(inner)
    return _in_both(versions, _versions_of(outer)) == versions


def intersect_ranges(a: str, b: str) -> str | None:
    """A range that allows a version if and only if both do; None when there is no such version.

    It is the text of one of the two when that lies within the other, `a` when both do.

    Raises `InvalidRange` when a text is no range, or what they share takes more than `RANGE_MAX`
    characters to say.
    """
    of_a, of_b = _versions_of(parse_range(a)), _versions_of(parse_range(b))
    both = _in_both(of_a, of_b)
    if both == _Versions((), {}):
        return None
    if both == of_a:
        return a
    if both == of_b:
        return b
    text = " || ".join(_alternatives(both))
    if len(text) > RANGE_MAX:
        raise InvalidRange(
            "what two version ranges have in common cannot be written as one",
            detail=f"it takes {len(text)} characters; at most {RANGE_MAX} are allowed",
            hint="write one of the ranges with fewer alternatives",
        )
    return text


def _versions_of(wanted: Range) -> _Versions:
    named = sorted({triple for one in wanted.alternatives for triple in one.prerelease_of})
    prereleases = {
        triple: _union(
            _prereleases_of(one, triple) for one in wanted.alternatives if triple in one.prerelease_of
        )
        for triple in named
    }
    return _Versions(
        _union(_releases_of(one) for one in wanted.alternatives),
        {triple: intervals for triple, intervals in prereleases.items() if intervals},
    )


def _releases_of(one: Alternative) -> _Interval:
    return _Interval(
        _START if one.low is None else _first_release(one.low, is_behind=one.low_open),
        _END if one.high is None else _first_release(one.high, is_behind=not one.high_open),
    )


def _first_release(key: Key, *, is_behind: bool) -> _Place:
    """In front of the first release from `key` on, or from behind it."""
    major, minor, patch = key[:3]
    if not (is_behind and key[3]):
        return precedence_key((major, minor, patch)), 0
    if patch < NUMBER_MAX:
        return precedence_key((major, minor, patch + 1)), 0
    if minor < NUMBER_MAX:
        return precedence_key((major, minor + 1, 0)), 0
    return precedence_key((major + 1, 0, 0)), 0


def _prereleases_of(one: Alternative, triple: Triple) -> _Interval:
    low, high = (precedence_key(triple, "0"), 0), _release(triple)
    return _Interval(
        low if one.low is None else max(low, (one.low, int(one.low_open))),
        high if one.high is None else min(high, (one.high, int(not one.high_open))),
    )


def _release(triple: Triple) -> _Place:
    """In front of the release, which is behind all its prereleases."""
    return precedence_key(triple), 0


def _union(intervals: Iterable[_Interval]) -> tuple[_Interval, ...]:
    merged: list[_Interval] = []
    for interval in sorted(interval for interval in intervals if interval.low < interval.high):
        if merged and interval.low <= merged[-1].high:
            merged[-1] = _Interval(merged[-1].low, max(merged[-1].high, interval.high))
        else:
            merged.append(interval)
    return tuple(merged)


def _in_both(a: _Versions, b: _Versions) -> _Versions:
    prereleases = {
        triple: _shared(intervals, b.prereleases.get(triple, ()))
        for triple, intervals in a.prereleases.items()
    }
    return _Versions(
        _shared(a.releases, b.releases),
        {triple: intervals for triple, intervals in prereleases.items() if intervals},
    )


def _shared(a: Sequence[_Interval], b: Sequence[_Interval]) -> tuple[_Interval, ...]:
    shared: list[_Interval] = []
    i = j = 0
    while i < len(a) and j < len(b):
        low, high = max(a[i].low, b[j].low), min(a[i].high, b[j].high)
        if low < high:
            shared.append(_Interval(low, high))
        if a[i].high == high:
            i += 1
        else:
            j += 1
    return tuple(shared)


def _alternatives(versions: _Versions) -> list[str]:
    """What stands between the `||`, by the order of versions."""
    written: list[tuple[_Place, str]] = []
    left = dict(versions.prereleases)
    for releases in versions.releases:
        triple = releases.low[0][:3]
        intervals = left.pop(triple, ())
        is_joined = bool(intervals) and intervals[-1].high == releases.low
        before = intervals[-1:] if is_joined else ()
        left[triple] = intervals[:-1] if is_joined else intervals
        written.append((before[0].low if before else releases.low, _text(releases, before)))
    for intervals in left.values():
        written += ((interval.low, _comparators(interval.low, interval.high)) for interval in intervals)
    return [text for _, text in sorted(written)]


def _text(releases: _Interval, before: tuple[_Interval, ...]) -> str:
    """An interval of releases and the prereleases `before` its first one, as short as it can be."""
    low = (before or (releases,))[0].low
    wanted = _Versions((releases,), {releases.low[0][:3]: before} if before else {})
    for operator in ("", "^", "~"):
        text = operator + key_text(low[0])
        if _versions_of(parse_range(text)) == wanted:
            return text
    return _comparators(low, releases.high)


def _comparators(low: _Place, high: _Place) -> str:
    if high == (low[0], 1):
        return key_text(low[0])
    lower = "" if low == _START else f"{'>' if low[1] else '>='}{key_text(low[0])}"
    upper = "" if high == _END else f"{'<=' if high[1] else '<'}{key_text(high[0])}"
    return " ".join(filter(None, (lower, upper))) or "*"
