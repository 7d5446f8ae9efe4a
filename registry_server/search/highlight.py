"""Which characters of a text a query matched. Offsets are into the text as given: clean it first."""

import re
from collections.abc import Sequence
from html import escape

from registry_server.search.query import SearchQuery
from registry_server.search.words import fold

_SPECIAL = re.compile("[&<>\"']")

Span = tuple[int, int]
"""Start and end, end exclusive, in characters."""


def highlight(text: str, query: SearchQuery) -> tuple[Span, ...]:
    """Sorted spans without overlaps: where a word of the text begins with a searched word.

    A searched word of three letters or more also counts inside a word, as in `selfupdate`.
    """
    wanted = query.terms
    if query.phrases:
        wanted = (*wanted, *(word for phrase in query.phrases for word in phrase))
    if not wanted or not text:
        return ()
    folded, origin = _fold_with_origin(text)
    if not any(term in folded for term in wanted):
        return ()
    spans: list[Span] = []
    for term in wanted:
        start = folded.find(term)
        while start >= 0:
            is_start = start == 0 or not folded[start - 1].isalnum()
            if is_start or len(term) >= 3:
                spans.append((origin[start], origin[start + len(term) - 1] + 1))
            start = folded.find(term, start + 1)
    return _merged(spans)


def marked_html(text: str, spans: tuple[Span, ...]) -> str:
    """The escaped text with `<mark>` round each span."""
    # Most texts have nothing to escape, and looking for it once is cheaper than piece by piece.
    safe = escape if _SPECIAL.search(text) else str
    parts, at = list[str](), 0
    for start, end in spans:
        parts += [safe(text[at:start]), "<mark>", safe(text[start:end]), "</mark>"]
        at = end
    return "".join((*parts, safe(text[at:])))


def _fold_with_origin(text: str) -> tuple[str, Sequence[int]]:
    """Folded text, and for each of its characters the place it came from."""
    if text.isascii():
        return text.lower(), range(len(text))
    folded, origin = list[str](), list[int]()
    for place, character in enumerate(text):
        for part in fold(character):
            folded.append(part)
            origin.append(place)
    return "".join(folded), origin


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
