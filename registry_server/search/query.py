"""Query text -> SearchQuery (terms, filters, sort). Never an error: what is not understood is text.

Grammar: `word`, `"a phrase"`, `-word`, `category:x`, `tag:x`, `author:x` (or `author:"two words"`),
`is:verified|installed|deprecated`, `sort:downloads|rating|recent|name`; `-` before a qualifier negates it.
"""

import re
from typing import get_args

from msgspec import Struct

from registry_server.contract.routes import QUERY_MAX
from registry_server.contract.wire import Sort
from registry_server.search.words import fold, words

TERMS_MAX = 12

FIELDS = ("category", "tag", "author")
FLAGS = ("verified", "installed", "deprecated")
_NOISE = frozenset({"plugin", "plugins", "donkeylabs", "the", "a", "an", "for", "and", "of", "to", "with"})
_TOKEN = re.compile(
    r'(?P<minus>-)?(?:(?P<key>[a-z]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<bare>[^\s"]+))', re.IGNORECASE
)


class Filter(Struct, frozen=True):
    field: str
    value: str
    """Folded."""
    is_negated: bool = False


class SearchQuery(Struct, frozen=True, kw_only=True):
    text: str = ""
    """What the person typed, at most `QUERY_MAX` characters."""
    terms: tuple[str, ...] = ()
    """Folded words that must all be found."""
    phrases: tuple[tuple[str, ...], ...] = ()
    excluded: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    sort: Sort | None = None
    unknown: tuple[str, ...] = ()
    """Qualifiers whose value means nothing; they filter nothing and a face marks them."""
    is_open: bool = False
    """The last word may still be being typed, so it also matches as a prefix."""

    @property
    def is_blank(self) -> bool:
        return not (self.terms or self.phrases or self.excluded or self.filters)


def parse_query(text: str) -> SearchQuery:
    text = text[:QUERY_MAX]
    builder = _Builder()
    for match in _TOKEN.finditer(text):
        builder.take(match)
    terms = list(dict.fromkeys(builder.terms))
    return SearchQuery(
        text=text,
        terms=tuple([term for term in terms if term not in _NOISE] or terms)[:TERMS_MAX],
        phrases=tuple(builder.phrases),
        excluded=tuple(builder.excluded),
        filters=tuple(builder.filters),
        sort=builder.sort,
        unknown=tuple(builder.unknown),
        is_open=bool(text) and not text[-1].isspace() and text[-1] != '"',
    )


class _Builder:
    def __init__(self) -> None:
        self.terms: list[str] = []
        self.phrases: list[tuple[str, ...]] = []
        self.excluded: list[str] = []
        self.filters: list[Filter] = []
        self.unknown: list[str] = []
        self.sort: Sort | None = None

    def take(self, match: re.Match[str]) -> None:
        key = (match["key"] or "").lower()
        quoted, bare = match["quoted"], match["bare"] or ""
        value = fold(quoted if quoted is not None else bare)
        if key in FIELDS:
            if value:
                self.filters.append(Filter(key, value, is_negated=bool(match["minus"])))
        elif key in ("is", "sort"):
            self._flag(match, key, value)
        elif quoted is not None and not key and not match["minus"]:
            self._phrase(quoted)
        else:
            self._text(match)

    def _flag(self, match: re.Match[str], key: str, value: str) -> None:
        if key == "is" and value in FLAGS:
            self.filters.append(Filter("is", value, is_negated=bool(match["minus"])))
        elif key == "sort" and value in get_args(Sort) and not match["minus"]:
            self.sort = next(sort for sort in get_args(Sort) if sort == value)
        elif value:
            self.unknown.append(match[0])

    def _phrase(self, text: str) -> None:
        parts = tuple(words(text))[:TERMS_MAX]
        if len(parts) == 1:
            self.terms.append(parts[0])
        elif parts:
            self.phrases.append(parts)

    def _text(self, match: re.Match[str]) -> None:
        found = words(match[0])
        if match["minus"] and not match["key"]:
            self.excluded.extend(found)
        else:
            self.terms.extend(found)
