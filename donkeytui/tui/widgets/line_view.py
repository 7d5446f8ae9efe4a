"""LineView: a scrolling widget that draws lines on demand; the base of the list and the reader.

Only what is visible is ever drawn, whatever the number of lines. Style names of spans are component
classes of the stylesheet, so colours come from the theme and from nowhere else.
"""

from rich.segment import Segment
from rich.style import Style
from textual.scroll_view import ScrollView
from textual.strip import Strip

from donkeytui.tui.text import STYLE_NAMES, Line, StyleName, fitted


class LineView(ScrollView):
    """Draws `line_at(y, width)` for each visible y."""

    COMPONENT_CLASSES = {f"line--{name}" for name in STYLE_NAMES} | {"line--cursor"}

    DEFAULT_CSS = """
    LineView { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; scrollbar-gutter: stable; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._styles_of: dict[tuple[StyleName, bool], Style] = {}

    @property
    def line_width(self) -> int:
        """Cells a line has, scrollbar not counted."""
        return self.scrollable_content_region.width

    def line_at(self, y: int, width: int) -> Line:
        """The line at `y`, at most `width` cells of it are shown."""
        raise NotImplementedError

    def is_cursor(self, y: int) -> bool:
        """Whether the line is drawn as the one under the cursor."""
        del y
        return False

    def render_line(self, y: int) -> Strip:
        width = self.line_width
        place = y + int(self.scroll_offset.y)
        is_cursor = self.is_cursor(place)
        spans = fitted(self.line_at(place, width), width) if place < self.virtual_size.height else ()
        segments = [Segment(part.text, self._style(part.style, is_cursor=is_cursor)) for part in spans]
        strip = Strip(segments).adjust_cell_length(width, self._style("", is_cursor=is_cursor))
        return strip.apply_style(self.rich_style) if not is_cursor else strip

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_of.clear()

    def _style(self, name: StyleName, *, is_cursor: bool) -> Style:
        key = (name, is_cursor)
        if key not in self._styles_of:
            style = self.get_component_rich_style(f"line--{name}", partial=True) if name else Style()
            if is_cursor:
                style = (
                    self.rich_style + self.get_component_rich_style("line--cursor") + _without_color(style)
                )
            self._styles_of[key] = style
        return self._styles_of[key]


def _without_color(style: Style) -> Style:
    """Weight and underline only: on the cursor's own colours others would not be readable."""
    return Style(bold=style.bold, underline=style.underline, italic=style.italic)
