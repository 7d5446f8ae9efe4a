"""What people write to a registry: readable, and not longer than it may be."""

import unicodedata

from registry_server.contract.problems import InvalidRequest

_BREAKS = frozenset("\n\r\t")
_JOINERS = frozenset("\u200c\u200d")
"""They hold emoji and letters of some scripts together, and show nothing by themselves."""
_UNREADABLE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Controls, formats (among them those that turn the direction round), halves of characters."""


def check_line(field: str, text: str, limit: int) -> None:
    """The manifest's rule for one line. Raises `InvalidRequest`."""
    _check_length(field, text, limit)
    if not text.isprintable():
        raise _unreadable(field)


def check_paragraphs(field: str, text: str, limit: int) -> None:
    """What somebody typed or pasted at length: line breaks, tabs and all kinds of spaces are fine."""
    _check_length(field, text, limit)
    rest = set(text) - _BREAKS - _JOINERS
    if any(unicodedata.category(character) in _UNREADABLE for character in rest):
        raise _unreadable(field)


def _check_length(field: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise InvalidRequest(f"`{field}` has {len(text)} characters, at most {limit} are allowed")


def _unreadable(field: str) -> InvalidRequest:
    return InvalidRequest(f"`{field}` has control or invisible characters")
