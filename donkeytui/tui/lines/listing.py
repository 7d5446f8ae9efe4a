"""Rows of the Browse list: name, release, state in this project, description, as wide as there is room."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from donkeytui.operations.search import Hit, Home
from donkeytui.tui.lines.numbers import short_number
from donkeytui.tui.text import Line, Span, fitted, marked, span
from registry_server.contract.foreign import clean
from registry_server.contract.versions import parse_version
from registry_server.search.highlight import highlight
from registry_server.search.query import SearchQuery

NAME_CELLS_MAX = 24
VERSION_CELLS_MAX = 14
STATE_CELLS = 12

DOWNLOADS_CELLS = 7

_STAGED_WORDS = {
    "install": "+ install",
    "remove": "- remove",
    "update": "↑ update",
    "pin": "= pin",
    "unpin": "= unpin",
}


def direction(before: str, after: str) -> str:
    """Sign of a move; downwards only where what is installed is in quarantine."""
    return "↓" if parse_version(after) < parse_version(before) else "↑"


class ProjectState(Struct, frozen=True, kw_only=True):
    """What the list says of a plugin in this project."""

    installed: Mapping[str, str] = {}
    """Name -> version."""
    updates: Mapping[str, str] = {}
    """Name -> version it could move to."""
    staged: Mapping[str, str] = {}
    """Name -> `install`, `remove` or `update`."""
    quarantined: Collection[str] = ()
    """Plugins whose installed release is in quarantine."""

    def mark(self, name: str) -> Span:
        """Sign and word, so that colour is never the only sign."""
        if action := self.staged.get(name):
            return span(_STAGED_WORDS[action], "accent")
        if name in self.quarantined:
            return span("✗ quarantined", "bad")
        if version := self.updates.get(name):
            return span(f"{direction(self.installed.get(name, version), version)} {version}", "warn")
        return span("✓ installed", "good") if name in self.installed else span("")


class Row(Struct, frozen=True):
    """One row: a plugin, or a heading."""

    hit: Hit | None
    heading: str = ""


def home_rows(home: Home) -> list[Row]:
    """Sections under their headings; a plugin that two sections name stands in the first."""
    rows: list[Row] = []
    seen: set[str] = set()
    for section in home.sections:
        hits = [hit for hit in section.hits if hit.name not in seen]
        if hits:
            rows.append(Row(None, section.title))
            rows += [Row(hit) for hit in hits]
            seen.update(hit.name for hit in hits)
    return rows


class ColumnNeeds(NamedTuple):
    """What names and versions of a list ask for, in cells."""

    name: int
    version: int


def column_needs(rows: Sequence[Row]) -> ColumnNeeds:
    hits = [row.hit for row in rows if row.hit is not None]
    return ColumnNeeds(
        name=min(NAME_CELLS_MAX, max((len(hit.name) for hit in hits), default=0)),
        version=min(VERSION_CELLS_MAX, max((len(hit.version) for hit in hits), default=0)),
    )


def row_line(row: Row, width: int, query: SearchQuery, *, state: ProjectState, needs: ColumnNeeds) -> Line:
    if row.hit is None:
        return (span(row.heading, "heading"),)
    return hit_line(row.hit, query, state, columns=_columns(width, needs))


def hit_line(hit: Hit, query: SearchQuery, state: ProjectState, *, columns: "_Columns") -> Line:
    """Sign, name and release always; then what there is room for: description, state in words, downloads."""
    name, mark = clean(hit.name, 64), state.mark(hit.name)
    sign = span(mark.text[:1] or " ", mark.style)
    parts = [sign, span(" "), *fitted(marked(name, highlight(name, query), "strong"), columns.name)]
    parts += [span("  "), *fitted((span(hit.version, "dim"),), columns.version), span(" ")]
    if columns.state:
        parts += [*fitted((span(mark.text[2:], mark.style),), columns.state)]
    if columns.downloads:
        count = short_number(hit.downloads) if hit.downloads else ""
        parts += [span(f"{count:>{columns.downloads - 2}}  ", "dim")]
    if columns.description:
        text = clean(hit.description, 300)
        if hit.is_quarantined:
            parts.append(span("✗ quarantined  ", "bad"))
        elif hit.is_deprecated:
            parts.append(span("! deprecated  ", "warn"))
        is_faint = hit.is_quarantined or hit.is_deprecated
        parts += marked(text, highlight(text, query), "dim" if is_faint else "")
    return tuple(parts)


class _Columns(NamedTuple):
    """Widths in cells; 0 for a column there is no room for."""

    name: int
    version: int
    state: int
    downloads: int
    description: int


def _columns(width: int, needs: ColumnNeeds) -> _Columns:
    name = min(needs.name, max(8, width - needs.version - 5))
    room = width - name - needs.version - 5
    state = STATE_CELLS if room >= STATE_CELLS + 44 else 0
    downloads = DOWNLOADS_CELLS if room - state >= DOWNLOADS_CELLS + 34 else 0
    description = room - state - downloads
    return _Columns(name, needs.version, state, downloads, description if description >= 8 else 0)


def categories_line(categories: Sequence[tuple[str, int]], width: int) -> Line:
    """As many categories as fit, with their counts."""
    parts: list[Span] = [span(" ")]
    used = 1
    for name, count in categories:
        text = clean(name, 40)
        size = len(text) + len(str(count)) + 3
        if used + size > width:
            break
        parts += [span(text), span(f" {count}  ", "dim")]
        used += size
    return tuple(parts)
