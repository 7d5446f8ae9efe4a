"""Foreign text: the one function that makes text from outside fit for a terminal.

Everything an author, a server or a file wrote is foreign. `clean` keeps what a person can read and
turns what a terminal would obey (controls, escapes, bidi overrides, surrogates) into visible
stand-ins. Faces print cleaned text only; offsets for highlights are computed on cleaned text.
"""

import unicodedata
from typing import NewType

Foreign = NewType("Foreign", str)
"""Text that went through `clean`."""

COMBINING_MAX = 8
"""Marks kept on one base character; more is a flood, not a script."""

_BIDI = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u200c\u200d")
_REPLACEMENT = "\ufffd"


def clean(text: str, limit: int = 2000, *, multiline: bool = False) -> Foreign:
    """`text` in NFC, at most `limit` characters, without anything a terminal would act upon.

    Line feeds survive only with `multiline`; tabs become spaces; otherwise both become one space.
    """
    cut = text[: limit + 1]
    if cut.isascii() and cut.isprintable():
        return Foreign(cut if len(cut) <= limit else cut[: limit - 1] + "…")
    cut = unicodedata.normalize("NFC", cut.replace("\r\n", "\n").replace("\r", "\n"))
    kept: list[str] = []
    marks, base = 0, ""
    for character in cut:
        shown = _shown(character, multiline, base)
        if unicodedata.category(character).startswith("M"):
            marks += 1
        elif shown:
            marks, base = 0, base if character in _JOINERS else shown
        if shown and marks <= COMBINING_MAX:
            kept.append(shown)
    # What was left out may have stood between a letter and its mark.
    result = unicodedata.normalize("NFC", "".join(kept))
    return Foreign(result if len(result) <= limit else result[: limit - 1] + "…")


def _shown(character: str, multiline: bool, base: str) -> str:
    """The stand-in for `character`, which follows the letter or sign `base` and perhaps its marks."""
    if character == "\n":
        return "\n" if multiline else " "
    if character == "\t":
        return "    " if multiline else " "
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if character in _JOINERS:
        # Only between characters of scripts (or emoji) that join; elsewhere it hides text.
        return character if base and ord(base[0]) > 0x2FF else ""
    if character in _BIDI or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return _REPLACEMENT
    return character
