"""Folding and word splitting, alike for documents, queries and highlights.

Folded text is NFKD without marks and lone surrogates, case-folded. A name's words are its parts
between separators, at camelCase humps and between letters and digits, and neighbours joined
(`self-update`: self, update, selfupdate), so that separators never decide whether something is found.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

WORD_MAX = 64

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    kept = (c for c in decomposed if not unicodedata.combining(c) and not "\ud800" <= c <= "\udfff")
    return "".join(kept).casefold()


def words(text: str) -> list[str]:
    """Folded runs of letters and digits, in order, each at most `WORD_MAX` characters."""
    return [word[:WORD_MAX] for word in _WORD.findall(fold(text))]


def compact(text: str) -> str:
    """The folded text without separators: `Auth-JWT`, `auth jwt` and `authJwt` give `authjwt`."""
    return "".join(words(text))


def name_words(name: str) -> list[str]:
    """Every word a name can be found by, without repeats."""
    parts = [fold(hump) for run in _WORD.findall(name) for hump in _HUMP.findall(run)]
    joined = [first + second for first, second in pairwise(parts)]
    return list(dict.fromkeys(word[:WORD_MAX] for word in (*parts, *words(name), *joined) if word))
