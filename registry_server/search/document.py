"""Plugin document -> search document; what of a plugin can be found, and how popular it is."""

import math

from msgspec import Struct

from registry_server.contract.wire import PluginDocument
from registry_server.search.words import compact, fold, name_words, words

KEY_PREFIX_MAX = 12
WORD_PREFIX_MAX = 8


class SearchDocument(Struct, frozen=True, kw_only=True):
    name: str
    """As published: the identity of a hit."""
    folded: str
    keys: tuple[str, ...]
    """Name and display name without separators."""
    key_prefixes: tuple[str, ...]
    name_words: tuple[str, ...]
    name_prefixes: tuple[str, ...]
    tags: tuple[str, ...]
    categories: tuple[str, ...]
    author: str
    author_words: tuple[str, ...]
    description: str
    """Folded words, space-separated."""
    is_verified: bool
    is_deprecated: bool
    downloads: int
    rating: float
    updated: int
    """Seconds since 1970."""
    popularity: float
    """Weight exponent for ranking: scores are multiplied by log2(2 + popularity).

    0.5 to 2.5 by downloads (factor 1.3 to 2.2); 0 for a deprecated plugin (factor 1), which puts it
    below others of its class and never out of sight. Not negative: tantivy takes that for 0.
    """


def make_search_document(plugin: PluginDocument) -> SearchDocument:
    names = name_words(plugin.name)
    display = [word for word in name_words(plugin.display_name) if word not in names]
    keys = tuple(dict.fromkeys(filter(None, (compact(plugin.name), compact(plugin.display_name)))))
    all_names = (*names, *display)
    return SearchDocument(
        name=plugin.name,
        folded=fold(plugin.name),
        keys=keys,
        key_prefixes=_prefixes(keys, KEY_PREFIX_MAX),
        name_words=all_names,
        name_prefixes=_prefixes(all_names, WORD_PREFIX_MAX),
        tags=_labels(plugin.tags),
        categories=_labels(plugin.categories),
        author=fold(plugin.author.name),
        author_words=tuple(words(plugin.author.name)),
        description=" ".join(words(plugin.description[:2000])),
        is_verified=plugin.verified,
        is_deprecated=plugin.is_deprecated,
        downloads=plugin.downloads,
        rating=plugin.rating_score or plugin.rating,
        updated=int(plugin.updated_at.timestamp()),
        popularity=0.0 if plugin.is_deprecated else 0.5 + min(2.0, math.log10(1 + plugin.downloads) / 4),
    )


def _prefixes(texts: tuple[str, ...], longest: int) -> tuple[str, ...]:
    found = dict.fromkeys(text[:n] for text in texts for n in range(1, min(len(text), longest) + 1))
    return tuple(found)


def _labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Each label as written, folded, and its words: `two-factor` is found by `factor`."""
    return tuple(dict.fromkeys(part for label in labels for part in (fold(label), *words(label))))
