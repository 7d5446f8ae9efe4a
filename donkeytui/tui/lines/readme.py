"""A README as lines: markdown parsed once, laid out for a width. Nothing in it is ever interpreted.

Links are underlined words, images their description, HTML is text.
"""

from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from donkeytui.tui.text import EMPTY, Line, Span, StyleName, span, width_of, wrapped

README_SHOWN_MAX = 60_000
WIDTH_MAX = 100

_parser = MarkdownIt("commonmark", {"html": False}).enable("table")


class Readme:
    """A parsed README; `lay_out` is quick enough to be called for every width."""

    def __init__(self, text: str) -> None:
        self._tokens = _parser.parse(text[:README_SHOWN_MAX])
        self._is_cut = len(text) > README_SHOWN_MAX

    def lay_out(self, width: int) -> list[Line]:
        lines = _Layout(min(width, WIDTH_MAX)).lay_out(self._tokens)
        if self._is_cut:
            lines += [EMPTY, (span("… the rest is left out here: donkeytui info NAME --readme", "dim"),)]
        return lines


class _Layout:
    def __init__(self, width: int) -> None:
        self._width = width
        self._lines: list[Line] = []
        self._indent = ""
        self._marker = ""
        self._lists: list[int | None] = []
        self._quotes = 0
        self._rows: list[list[tuple[Span, ...]]] = []

    def lay_out(self, tokens: Sequence[Token]) -> list[Line]:
        style: StyleName = ""
        for place, token in enumerate(tokens):
            kind = token.type
            if kind == "heading_open":
                self._gap()
                style = "heading"
            elif kind == "heading_close":
                style = ""
            elif kind == "inline":
                self._inline(token, style, is_cell=tokens[place - 1].type in ("th_open", "td_open"))
            elif kind in ("fence", "code_block"):
                self._code(token.content)
            elif kind == "hr":
                self._gap()
                self._lines.append((span("─" * min(self._width, 40), "dim"),))
            else:
                self._structure(token)
        return self._lines

    def _structure(self, token: Token) -> None:
        kind = token.type
        if kind == "paragraph_open" and not self._marker and not token.hidden:
            self._gap()
        elif kind in ("bullet_list_open", "ordered_list_open"):
            if not self._lists:
                self._gap()
            self._lists.append(int(token.attrGet("start") or 1) if kind.startswith("ordered") else None)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()
        elif kind == "list_item_open":
            self._item()
        elif kind == "list_item_close":
            self._marker = ""
        elif kind == "blockquote_open":
            self._quotes += 1
        elif kind == "blockquote_close":
            self._quotes -= 1
        elif kind == "table_open":
            self._gap()
            self._rows = []
        elif kind == "tr_open":
            self._rows.append([])
        elif kind == "table_close":
            self._table()

    def _item(self) -> None:
        number = self._lists[-1]
        indent = "  " * min(len(self._lists) - 1, 6)
        if number is None:
            self._marker = f"{indent}• "
        else:
            self._marker = f"{indent}{number}. "
            self._lists[-1] = number + 1

    def _gap(self) -> None:
        if self._lines and self._lines[-1] != EMPTY:
            self._lines.append(EMPTY)

    def _inline(self, token: Token, style: StyleName, *, is_cell: bool) -> None:
        paragraphs = list(_inline_spans(token, style))
        if is_cell:
            self._rows[-1].append(tuple(part for spans in paragraphs for part in spans))
            return
        for spans in paragraphs:
            quote = [span("│ " * self._quotes, "quote")] if self._quotes else []
            marker = [span(self._marker)] if self._marker else []
            indent = "│ " * self._quotes + " " * len(self._marker)
            if not marker and self._lists:
                indent += "  " * len(self._lists)
                marker = [span("  " * len(self._lists))]
            self._lines += wrapped([*quote, *marker, *spans], self._width, indent)
            self._marker = ""

    def _code(self, content: str) -> None:
        self._gap()
        for text in content.rstrip("\n").split("\n"):
            self._lines.append((span("  "), span(text.replace("\t", "    ") or " ", "code")))
        self._lines.append(EMPTY)

    def _table(self) -> None:
        columns = max((len(row) for row in self._rows), default=0)
        widths = [
            max((width_of(row[i]) for row in self._rows if i < len(row)), default=0) for i in range(columns)
        ]
        room = self._width - 2 * columns
        while sum(widths) > room and max(widths) > 8:
            widths[widths.index(max(widths))] -= 1
        for number, row in enumerate(self._rows):
            cells = [wrapped(row[i] if i < len(row) else (), widths[i]) for i in range(columns)]
            for level in range(max((len(cell) for cell in cells), default=0)):
                self._lines.append(_table_line(cells, widths, level, is_head=number == 0))
            if number == 0:
                self._lines.append((span("  ".join("─" * width for width in widths), "dim"),))


def _table_line(cells: list[list[Line]], widths: list[int], level: int, *, is_head: bool) -> Line:
    parts: list[Span] = []
    for cell, width in zip(cells, widths, strict=True):
        content = cell[level] if level < len(cell) else EMPTY
        parts += [Span(part.text, "strong" if is_head else part.style) for part in content]
        parts.append(span(" " * (max(0, width - width_of(content)) + 2)))
    return tuple(part for part in parts if part.text)


def _inline_spans(token: Token, style: StyleName) -> Iterator[list[Span]]:
    """The spans of one paragraph; a hard break begins the next."""
    spans: list[Span] = []
    styles: list[StyleName] = [style]
    for child in token.children or ():
        kind = child.type
        if kind == "text":
            spans.append(span(child.content, styles[-1]))
        elif kind == "code_inline":
            spans.append(span(child.content, "code"))
        elif kind == "softbreak":
            spans.append(span(" ", styles[-1]))
        elif kind == "hardbreak":
            yield spans
            spans = []
        elif kind in ("strong_open", "em_open"):
            styles.append("strong" if kind == "strong_open" else styles[-1])
        elif kind == "link_open":
            styles.append("link")
        elif kind in ("strong_close", "em_close", "link_close"):
            styles.pop()
        elif kind == "image":
            spans.append(span(f"[image: {child.content}]", "dim"))
        else:
            spans.append(span(child.content, styles[-1]))
    yield spans
