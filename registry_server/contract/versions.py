"""Versions: strict semver 2.0.0, and their precedence as plain tuples.

A version is its canonical text and a key. Keys are built so that the ordinary order of tuples is
the precedence of semver, which is an order of magnitude cheaper than comparing objects; whoever
sorts many versions sorts by `key`. Build metadata is kept in the text and never decides: two
versions that differ only there have equal keys and are yet two values.

Source: semver.org 2.0.0, items 2, 9, 10 and 11; the two limits are those of npm.
"""

import re
from functools import lru_cache

import semver
from msgspec import Struct

from registry_server.contract.problems import InvalidVersion

VERSION_MAX = 256
"""Characters in a version, as npm has it."""
NUMBER_MAX = 2**53 - 1
"""The largest number JavaScript holds exactly; beyond it the framework's own tools sort otherwise."""

NUMBER = "0|[1-9][0-9]{0,256}"
_IDENTIFIER = "(?:[0-9]{0,256}[a-zA-Z-][a-zA-Z0-9-]{0,250}|" + NUMBER + ")"
PRERELEASE = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*"
BUILD = r"\+[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*"

_VERSION = re.compile(rf"({NUMBER})\.({NUMBER})\.({NUMBER})(?:-({PRERELEASE}))?(?:{BUILD})?")

Triple = tuple[int, int, int]
"""Major, minor, patch."""
Key = tuple[int, int, int, int, tuple[tuple[int, int | str], ...]]
"""Major, minor, patch, then 1 and () for a release, or 0 and the identifiers of a prerelease, each
`(0, number)` or `(1, text)`: numbers come before text, and a shorter list before a longer one."""


class Version(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One version. Ordered by precedence, equal by text: neither of `1.0.0+a` and `1.0.0+b` is
    less than the other, and they are not equal."""

    text: str
    """Canonical: no `v` in front, build metadata kept."""
    key: Key
    """Precedence."""

    @property
    def major(self) -> int:
        return self.key[0]

    @property
    def minor(self) -> int:
        return self.key[1]

    @property
    def patch(self) -> int:
        return self.key[2]

    @property
    def is_prerelease(self) -> bool:
        return self.key[3] == 0

    def __str__(self) -> str:
        return self.text

    def __lt__(self, other: "Version") -> bool:
        return self.key < other.key

    def __le__(self, other: "Version") -> bool:
        return self.key <= other.key

    def __gt__(self, other: "Version") -> bool:
        return self.key > other.key

    def __ge__(self, other: "Version") -> bool:
        return self.key >= other.key


@lru_cache(maxsize=16_384)
def parse_version(text: str) -> Version:
    """`text` as a version; one leading `v` is dropped, nothing else is forgiven.

    The `semver` library is asked too, so that what is published here is read alike elsewhere; it
    knows neither of the two limits.

    Raises `InvalidVersion` when it is not semver, longer than `VERSION_MAX` or holds a number
    above `NUMBER_MAX`.
    """
    if len(text) > VERSION_MAX:
        raise _refusal(text, f"it has {len(text)} characters; at most {VERSION_MAX} are allowed")
    canonical = text.removeprefix("v")
    match = _VERSION.fullmatch(canonical)
    if match is None or not semver.Version.is_valid(canonical):
        raise _refusal(
            text, "a version is three numbers, then `-` and a prerelease or `+` and a build if any"
        )
    key = precedence_key((int(match[1]), int(match[2]), int(match[3])), match[4] or "")
    if not has_safe_numbers(key):
        raise _refusal(text, f"it holds a number above {NUMBER_MAX}")
    return Version(text=canonical, key=key)


def precedence_key(numbers: Triple, prerelease: str = "") -> Key:
    """The key of a version; `prerelease` is dotted identifiers, without the hyphen."""
    if not prerelease:
        return (*numbers, 1, ())
    return (*numbers, 0, tuple(_ranked(identifier) for identifier in prerelease.split(".")))


def has_safe_numbers(key: Key) -> bool:
    """Whether every number of the version is at most `NUMBER_MAX`."""
    return max(key[:3]) <= NUMBER_MAX and all(
        isinstance(identifier, str) or identifier <= NUMBER_MAX for _, identifier in key[4]
    )


def key_text(key: Key) -> str:
    """The version a key stands for, as text; the build metadata is not in it."""
    numbers = ".".join(map(str, key[:3]))
    return numbers if key[3] else f"{numbers}-{'.'.join(str(identifier) for _, identifier in key[4])}"


def _ranked(identifier: str) -> tuple[int, int | str]:
    return (0, int(identifier)) if identifier.isdigit() else (1, identifier)


def _refusal(text: str, detail: str) -> InvalidVersion:
    shown = text if len(text) <= 64 else text[:64] + "…"
    return InvalidVersion(
        f"`{shown}` is not a version",
        detail=detail,
        hint="write it in full, as `1.2.0` or `1.2.0-beta.1`",
    )
