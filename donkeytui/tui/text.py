"""The one door between foreign text and the screen: cleaned text, cut into styled spans and lines.

A `Line` is a tuple of spans, each a cleaned text and one of our style names. There is no markup in
it that a plugin's author could write into, and no control character that a terminal would obey.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.filter import LineFilter

from registry_server.contract.foreign import Foreign, clean

StyleName = Literal[
    "", "strong", "dim", "match", "accent", "good", "warn", "bad", "code", "heading", "link", "quote"
]
STYLE_NAMES: tuple[StyleName, ...] = (
    "strong",
    "dim",
    "match",
    "accent",
    "good",
    "warn",
    "bad",
    "code",
    "heading",
    "link",
    "quote",
)
TEXT_MAX = 4000


class Span(NamedTuple):
    text: Foreign
    style: StyleName = ""


Line = tuple[Span, ...]
EMPTY: Line = ()


def span(text: str, style: StyleName = "") -> Span:
    return Span(clean(text, TEXT_MAX), style)


def line(*parts: str | Span) -> Line:
    """A line of plain texts and spans; empty ones are left out."""
    spans = (part if isinstance(part, Span) else span(part) for part in parts)
    return tuple(part for part in spans if part.text)


def marked(text: Foreign, spans: Iterable[tuple[int, int]], style: StyleName = "") -> tuple[Span, ...]:
    """`text` with the given character ranges in the style of a match; ranges sorted, without overlaps."""
    parts: list[Span] = []
    at = 0
    for start, end in spans:
        parts += [Span(Foreign(text[at:start]), style), Span(Foreign(text[start:end]), "match")]
        at = end
    parts.append(Span(Foreign(text[at:]), style))
    return tuple(part for part in parts if part.text)


def width_of(parts: Sequence[Span]) -> int:
    """Terminal cells the spans take."""
    return sum(cell_len(part.text) for part in parts)


def fitted(parts: Sequence[Span], cells: int) -> Line:
    """Exactly `cells` wide: padded with spaces, or cut with `…` where something is missing."""
    total = width_of(parts)
    if total <= cells:
        return (*parts, Span(Foreign(" " * (cells - total)))) if total < cells else tuple(parts)
    kept: list[Span] = []
    room = cells - 1
    for part in parts:
        size = cell_len(part.text)
        if size > room:
            kept.append(Span(Foreign(set_cell_size(part.text, max(0, room))), part.style))
            break
        kept.append(part)
        room -= size
    return (*kept, Span(Foreign("…"), "dim")) if cells > 0 else ()


def wrapped(parts: Sequence[Span], cells: int, indent: str = "") -> list[Line]:
    """The spans broken at spaces into lines of at most `cells`; continuation lines begin with `indent`."""
    cells = max(cells, 8)
    indent = indent[: cells // 2]
    lines: list[Line] = []
    current: list[Span] = []
    used = 0
    for word, style in _words(parts):
        size = cell_len(word)
        if used + size > cells and used > len(indent):
            lines.append(_trimmed(current))
            current, used = ([Span(Foreign(indent))] if indent else []), len(indent)
            word = word.lstrip(" ")
        while cell_len(word) > cells - used:
            head = set_cell_size(word, cells - used).rstrip(" ")
            current.append(Span(Foreign(head), style))
            lines.append(_trimmed(current))
            word = word[max(1, len(head)) :]
            current, used = ([Span(Foreign(indent))] if indent else []), len(indent)
        if word:
            current.append(Span(Foreign(word), style))
            used += cell_len(word)
    if current:
        lines.append(_trimmed(current))
    return lines or [EMPTY]


def _words(parts: Sequence[Span]) -> Iterable[tuple[str, StyleName]]:
    """Words with the spaces before them."""
    for part in parts:
        text, at = part.text, 0
        while at < len(text):
            end = at
            while end < len(text) and text[end] == " ":
                end += 1
            while end < len(text) and text[end] != " ":
                end += 1
            yield text[at:end], part.style
            at = end


def _trimmed(parts: list[Span]) -> Line:
    """Neighbours of one style joined, so that drawing has few segments."""
    joined: list[Span] = []
    for part in parts:
        if joined and joined[-1].style == part.style:
            joined[-1] = Span(Foreign(joined[-1].text + part.text), part.style)
        else:
            joined.append(part)
    return tuple(joined)


class ControlFilter(LineFilter):
    """The second wall, at the terminal: whatever a widget of anyone's draws is cleaned once more."""

    def apply(self, segments: list[Segment], background: object) -> list[Segment]:
        del background
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment(clean(segment.text, len(segment.text) + 1), segment.style)
            for segment in segments
        ]
