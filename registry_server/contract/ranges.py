"""Ranges: npm's grammar, read into intervals of version keys.

A range is alternatives, each one interval. Whatever a person may write (`^1.2`, `1.x`, `~> 1`,
`1.2 - 2`, `>=1 <2 || 3`) becomes that, so nothing that matches versions knows the grammar. Which
texts are accepted and which versions they match is node's `semver`, strict mode, oddities
included; the tests compare with the original where there is one.

Where it departs from node: text longer than `RANGE_MAX` is refused, since readers keep what they
parsed; a number above 2^53-1 in a prerelease is refused, since node compares it inexactly; and the
few spellings that are valid in node only with, or only without, its `includePrerelease` (`1 - =2.0.0`,
`1 - 2.3.9007199254740991`) are judged as without it.

Source: node-semver README, sections "Ranges" and "Range Grammar".
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from registry_server.contract.names import check_name
from registry_server.contract.problems import InvalidRange
from registry_server.contract.versions import (
    BUILD,
    NUMBER,
    PRERELEASE,
    VERSION_MAX,
    Key,
    Triple,
    Version,
    has_safe_numbers,
    key_text,
    parse_version,
    precedence_key,
)

RANGE_MAX = 1024
"""Characters in a range; real ones stay below a hundred."""
_CACHED_MAX = 128
"""Longer texts are parsed anew each time, so that hostile ones cannot fill the memory."""

# JavaScript's idea of a space, which is neither ASCII's nor Python's.
_SPACES = re.compile("[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")
_BUILD = re.compile(BUILD)
_PART = rf"{NUMBER}|[xX*]"
_PARTIAL_TEXT = (
    rf"[v= ]*(?P<major>{_PART})"
    rf"(?:\.(?P<minor>{_PART})(?:\.(?P<patch>{_PART})(?:-(?P<prerelease>{PRERELEASE}))?)?)?"
)
_PARTIAL = re.compile(_PARTIAL_TEXT)
_SHORTHAND = re.compile(rf"(?P<operator>\^|~>?){_PARTIAL_TEXT}")
_WILD = re.compile(rf"(?P<operator>[<>]?=?){_PARTIAL_TEXT}")
_EXACT = re.compile(
    rf"([<>]?=?)(v?({NUMBER})\.({NUMBER})\.({NUMBER})(?:-({PRERELEASE}))?(?:{BUILD})?)",
)
# Possessive (`?+`, `*+`): long runs of `=` and spaces are not tried again in every other division.
_DETACHED = re.compile(r"( ?+)([<>]?+=?+) ?+([v= ]*+[0-9xX*])")
_DETACHED_TILDE = re.compile("~>? ")
_STRAY_STAR = re.compile(r"[<>]?=?\*")


class Alternative(Struct, frozen=True, kw_only=True):
    """One interval of a range."""

    low: Key | None = None
    """Lower end; None when there is none."""
    low_open: bool = False
    """The lower end itself is outside."""
    high: Key | None = None
    """Upper end; None when there is none."""
    high_open: bool = False
    """The upper end itself is outside."""
    prerelease_of: tuple[Triple, ...] = ()
    """Prereleases inside the interval count only when their major.minor.patch is here."""

    def spans(self, key: Key) -> bool:
        """Whether `key` lies between the ends, whatever the prerelease rule says."""
        if self.low is not None and (key < self.low or (self.low_open and key == self.low)):
            return False
        return self.high is None or key < self.high or (not self.high_open and key == self.high)


_ANY = Alternative()
_LOWEST = precedence_key((0, 0, 0), "0")


class Range(Struct, frozen=True, kw_only=True):
    """A set of versions in npm's grammar."""

    text: str
    """As written."""
    alternatives: tuple[Alternative, ...]
    """A version in one of them is in the range; without any, nothing is."""
    with_prereleases: tuple[Alternative, ...]
    """The same where prereleases count like any version: the grammar then sets lower ends of
    partial versions differently (`1.x` begins at `1.0.0-0`), and `prerelease_of` has no say."""

    @property
    def is_any(self) -> bool:
        """Whether every release is inside (prereleases never are, then)."""
        return self.alternatives == (_ANY,)

    def allows(self, version: Version, *, include_prerelease: bool = False) -> bool:
        """Whether `version` is in the range.

        A prerelease is only when the alternative it lies in names a prerelease of the same
        major.minor.patch; otherwise `>=1.2.0` would take 2.0.0-beta. With `include_prerelease`
        it counts like any other version, as for engines, where there is no choice.
        """
        key = version.key
        if include_prerelease:
            return any(alternative.spans(key) for alternative in self.with_prereleases)
        if key[3]:
            return any(alternative.spans(key) for alternative in self.alternatives)
        return any(
            key[:3] in alternative.prerelease_of and alternative.spans(key)
            for alternative in self.alternatives
        )


class Requirement(Struct, frozen=True, kw_only=True):
    """A plugin somebody asks for."""

    name: str
    range: Range


def parse_range(text: str) -> Range:
    """`text` in npm's grammar; nothing at all means any version.

    Raises `InvalidRange` when node would refuse it, tags included, or for one of the two reasons
    in the module's words.
    """
    return _parse_cached(text) if len(text) <= _CACHED_MAX else _parse(text)


def parse_requirement(text: str) -> Requirement:
    """`name`, `name@range` or `name@latest`, the one tag there is; it means any version.

    Raises `InvalidName` and `InvalidRange`.
    """
    name, _, wanted = text.partition("@")
    return Requirement(name=check_name(name), range=parse_range("*" if wanted in ("", "latest") else wanted))


def max_satisfying(versions: Iterable[Version], wanted: Range) -> Version | None:
    """The highest of `versions` inside `wanted`, or None; of equals, the first."""
    return max((version for version in versions if wanted.allows(version)), key=_key_of, default=None)


def exact_version(wanted: Range) -> Version | None:
    """The version when the range names exactly one (`1.2.3`, `=1.2.3`), otherwise None."""
    if len(wanted.alternatives) != 1:
        return None
    only = wanted.alternatives[0]
    # An open end is no concern: an interval between equal ends with one open was dropped as empty.
    return parse_version(key_text(only.low)) if only.low is not None and only.low == only.high else None


def _key_of(version: Version) -> Key:
    return version.key


class _Span(NamedTuple):
    """What one comparator (or shorthand) asks for; an alternative is the intersection of several."""

    low: Key | None = None
    low_open: bool = False
    low_with_prereleases: Key | None = None
    high: Key | None = None
    high_open: bool = False
    prerelease_of: Triple | None = None


_NOTHING = _Span(high=_LOWEST, high_open=True)


class _RefusedError(Exception):
    """Says why a range cannot be read; `_parse` turns it into a problem."""


def _parse(text: str) -> Range:
    try:
        spans = _read(text)
    except _RefusedError as refused:
        raise InvalidRange(
            f"`{_shortened(text)}` is not a version range",
            detail=str(refused),
            hint="write a range such as `^1.2.0`, `>=1.2.0 <2.0.0` or `*`",
        ) from None
    alternatives = _without_empty(_intersection(part) for part in spans)
    if _ANY in alternatives:
        # Any version swallows the rest, even a rest that names prereleases.
        alternatives = (_ANY,)
    with_prereleases = _without_empty(_intersection(part, with_prereleases=True) for part in spans)
    return Range(text=text, alternatives=alternatives, with_prereleases=with_prereleases)


_parse_cached = lru_cache(maxsize=8192)(_parse)


def _read(text: str) -> list[list[_Span]]:
    if len(text) > RANGE_MAX:
        raise _RefusedError(f"it has {len(text)} characters; at most {RANGE_MAX} are allowed")
    parts = _SPACES.sub(" ", text).split("||")
    return [_read_part(_BUILD.sub("", part.strip(" "))) for part in parts]


def _read_part(part: str) -> list[_Span]:
    """What stands between two `||`: a hyphen range, or comparators that must all hold."""
    low, hyphen, high = part.partition(" - ")
    if hyphen:
        return [_hyphen_low(low), _hyphen_high(high)]
    # Operators are glued to what they stand before. The order of the steps decides what becomes of
    # `~ > 1.2` (a tilde range) and of `> = 1.2` (refused).
    glued = _DETACHED.sub(r"\1\2\3", part)
    glued = _DETACHED_TILDE.sub("~", glued).replace("^ ", "^")
    return [_read_token(token) for token in glued.split(" ") if token]


def _read_token(token: str) -> _Span:
    shorthand = _SHORTHAND.fullmatch(token)
    if shorthand is not None:
        return _shorthand(shorthand)
    wild = _WILD.fullmatch(token)
    if wild is not None and _is_ordered_wildcard(wild):
        return _wildcard(wild["operator"], _known_numbers(wild))
    # node deletes one star from whatever it has not understood yet: `1.2.3*` is 1.2.3.
    return _exact(_STRAY_STAR.sub("", token, count=1))


def _shorthand(match: re.Match[str]) -> _Span:
    numbers = _known_numbers(match)
    if not numbers:
        return _Span()
    fixed = min(2, len(numbers))
    if match["operator"] == "^":
        # What must not change ends with the first number that is not zero.
        fixed = next((at for at, number in enumerate(numbers, 1) if number), len(numbers))
    # `1.2.x-beta` forgets the tag.
    prerelease = match["prerelease"] if len(numbers) == 3 else None
    return _at_least(numbers, prerelease or "")._replace(high=_first_after(numbers[:fixed]), high_open=True)


def _wildcard(operator: str, numbers: Sequence[int]) -> _Span:
    """A comparator over a partial version: `1.x`, `>=1.2`, `<*`."""
    if not numbers:
        return _NOTHING if operator in ("<", ">") else _Span()
    match operator:
        case ">":
            return _at_least(_next(numbers))
        case ">=":
            return _at_least(numbers)
        case "<":
            return _Span(high=_key(_padded(numbers), "0"), high_open=True)
        case "<=":
            return _Span(high=_first_after(numbers), high_open=True)
        case _:
            return _at_least(numbers)._replace(high=_first_after(numbers), high_open=True)


def _exact(comparator: str) -> _Span:
    """A comparator over a whole version."""
    match = _EXACT.fullmatch(comparator)
    if match is None:
        raise _RefusedError(f"`{_shortened(comparator)}` is neither a version nor an operator and a version")
    if len(match[2]) > VERSION_MAX:
        raise _RefusedError(f"it holds a version longer than {VERSION_MAX} characters")
    numbers = (int(match[3]), int(match[4]), int(match[5]))
    operator, prerelease = match[1], match[6] or ""
    key = _key(numbers, prerelease)
    low = None if "<" in operator else key
    high = None if ">" in operator else key
    return _Span(
        # Written just so it asks for nothing, even beside `<0.0.0-beta`; `>=v0.0.0` does ask.
        low=None if comparator == ">=0.0.0" else low,
        low_open=operator == ">",
        low_with_prereleases=low,
        high=high,
        high_open=operator == "<",
        prerelease_of=numbers if prerelease else None,
    )


def _hyphen_low(text: str) -> _Span:
    match = _PARTIAL.fullmatch(text)
    if match is None:
        raise _RefusedError(f"`{_shortened(text)}` is not a version before the hyphen")
    numbers = _known_numbers(match)
    if len(numbers) < 3:
        return _at_least(numbers) if numbers else _Span()
    # Stray build metadata may leave two spaces, no more, in front of a whole version.
    span = _exact(">=" + text.removeprefix(" ").removeprefix(" "))
    return span if match["prerelease"] else span._replace(low_with_prereleases=_key(_padded(numbers), "0"))


def _hyphen_high(text: str) -> _Span:
    text = text.removesuffix(" ")
    match = _PARTIAL.fullmatch(text)
    if match is None:
        raise _RefusedError(f"`{_shortened(text)}` is not a version after the hyphen")
    numbers = _known_numbers(match)
    if len(numbers) < 3:
        return _Span(high=_first_after(numbers), high_open=True) if numbers else _Span()
    if match["prerelease"]:
        triple = _padded(numbers)
        return _Span(high=_key(triple, match["prerelease"]), prerelease_of=triple)
    return _exact("<=" + text.removeprefix(" "))


def _is_ordered_wildcard(match: re.Match[str]) -> bool:
    """Whether a part is left out or is `x`, and no number follows it."""
    known = len(_known_numbers(match))
    rest = match.group("major", "minor", "patch")[known:]
    return known < 3 and not any((part or "x").isdigit() for part in rest)


def _known_numbers(match: re.Match[str]) -> tuple[int, ...]:
    """The numbers before the first `x` or the end, three when the version is whole."""
    numbers: list[int] = []
    for part in match.group("major", "minor", "patch"):
        if part is None or not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _at_least(numbers: Sequence[int], prerelease: str = "") -> _Span:
    triple = _padded(numbers)
    low = _key(triple, prerelease)
    return _Span(
        low=None if triple == (0, 0, 0) and not prerelease else low,
        low_with_prereleases=low if len(numbers) == 3 else _key(triple, "0"),
        prerelease_of=triple if prerelease else None,
    )


def _first_after(numbers: Sequence[int]) -> Key:
    """The lowest version above all that begin with `numbers`; an upper end there keeps the
    prereleases of the next version out."""
    return _key(_padded(_next(numbers)), "0")


def _next(numbers: Sequence[int]) -> tuple[int, ...]:
    return (*numbers[:-1], numbers[-1] + 1)


def _padded(numbers: Sequence[int]) -> Triple:
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch


def _key(numbers: Triple, prerelease: str) -> Key:
    key = precedence_key(numbers, prerelease)
    if not has_safe_numbers(key):
        raise _RefusedError("it holds a number, or the next one is, above 2^53-1")
    if prerelease and len(key_text(key)) > VERSION_MAX:
        raise _RefusedError(f"it holds a version longer than {VERSION_MAX} characters")
    return key


def _intersection(spans: Sequence[_Span], *, with_prereleases: bool = False) -> Alternative:
    lows = [
        (low, span.low_open)
        for span in spans
        if (low := span.low_with_prereleases if with_prereleases else span.low) is not None
    ]
    closed_highs = [(span.high, not span.high_open) for span in spans if span.high is not None]
    low, low_open = max(lows, default=(None, False))
    high, high_closed = min(closed_highs, default=(None, True))
    return Alternative(
        low=low,
        low_open=low_open,
        high=high,
        high_open=not high_closed,
        prerelease_of=tuple(sorted({span.prerelease_of for span in spans if span.prerelease_of is not None})),
    )


def _without_empty(alternatives: Iterable[Alternative]) -> tuple[Alternative, ...]:
    """Each alternative once, in order, without those between whose ends there is nothing."""
    return tuple(dict.fromkeys(one for one in alternatives if not _is_empty(one)))


def _is_empty(alternative: Alternative) -> bool:
    low, high = alternative.low or _LOWEST, alternative.high
    if high is None:
        return False
    return low > high or (low == high and (alternative.low_open or alternative.high_open))


def _shortened(text: str) -> str:
    return text if len(text) <= 64 else text[:64] + "…"
