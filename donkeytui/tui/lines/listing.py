"""Rows of the Browse list: name, release, state in this project, description, as wide as there is room."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from donkeytui.operations.search import Hit, Home
from donkeytui.tui.lines.numbers import short_number
from donkeytui.tui.text import Line, Span, fitted, marked, span
from registry_server.contract.foreign import clean
from registry_server.search.highlight import highlight
from registry_server.search.query import SearchQuery

NAME_CELLS = 20
VERSION_CELLS = 13
STATE_CELLS = 13

DOWNLOADS_CELLS = 7
DESCRIPTION_MIN = 16


class ProjectState(Struct, frozen=True, kw_only=True):
    """What the list says of a plugin in this project."""

    installed: Mapping[str, str] = {}
    """Name -> version."""
    updates: Mapping[str, str] = {}
    """Name -> version it could move to."""
    staged: Mapping[str, str] = {}
    """Name -> `install`, `remove` or `update`."""

    def mark(self, name: str) -> Span:
        """Sign and word, so that colour is never the only sign."""
        if action := self.staged.get(name):
            return span(
                {"install": "+ install", "remove": "- remove", "update": "↑ update"}[action], "accent"
            )
        if version := self.updates.get(name):
            return span(f"↑ {version}", "warn")
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


def row_line(row: Row, width: int, query: SearchQuery, state: ProjectState) -> Line:
    if row.hit is None:
        return (span(row.heading, "heading"),)
    return hit_line(row.hit, width, query, state)


def hit_line(hit: Hit, width: int, query: SearchQuery, state: ProjectState) -> Line:
    columns = _columns(width)
    name = clean(hit.name, 64)
    parts = list(fitted((span(" "), *marked(name, highlight(name, query), "strong")), columns["name"]))
    parts += [span(" "), *fitted((span(hit.version, "dim"),), columns["version"])]
    if columns["state"]:
        parts += [span(" "), *fitted((state.mark(hit.name),), columns["state"])]
    if columns["downloads"]:
        parts += [*fitted((span(f"{short_number(hit.downloads):>6} " if hit.downloads else "", "dim"),), 7)]
    if columns["description"]:
        text = clean(hit.description, 300)
        described = marked(text, highlight(text, query), "dim" if hit.is_deprecated else "")
        prefix = (span("! deprecated  ", "warn"),) if hit.is_deprecated else ()
        parts += [span(" "), *prefix, *described]
    return tuple(parts)


def _columns(width: int) -> dict[str, int]:
    """Columns that fit, in order of worth: name, release, state, description, downloads."""
    columns = {
        "name": min(NAME_CELLS, max(10, width // 2)),
        "version": 0,
        "state": 0,
        "downloads": 0,
        "description": 0,
    }
    room = width - columns["name"]
    for column, cells in (("version", VERSION_CELLS), ("state", STATE_CELLS)):
        if room >= cells + 1:
            columns[column] = cells
            room -= cells + 1
    if room >= DESCRIPTION_MIN + DOWNLOADS_CELLS + 10:
        columns["downloads"] = DOWNLOADS_CELLS
        room -= DOWNLOADS_CELLS
    columns["description"] = room if room >= DESCRIPTION_MIN else 0
    return columns


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
