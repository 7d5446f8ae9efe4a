"""LineReader: text to scroll through, laid out for the width it has."""

from collections.abc import Callable

from textual.binding import Binding
from textual.geometry import Size

from donkeytui.tui.text import EMPTY, Line
from donkeytui.tui.widgets.line_view import LineView

Layout = Callable[[int], list[Line]]
"""width -> lines."""


class LineReader(LineView, can_focus=True):
    """Shows what a layout makes of the width; laid out again only when the width changes."""

    BINDINGS = [
        Binding("down,j", "scroll_down", "down", show=False, id="reader.down"),
        Binding("up,k", "scroll_up", "up", show=False, id="reader.up"),
        Binding("pagedown,ctrl+d,space", "page_down", "page down", show=False, id="reader.page-down"),
        Binding("pageup,ctrl+u", "page_up", "page up", show=False, id="reader.page-up"),
        Binding("home,g", "scroll_home", "top", show=False, id="reader.top"),
        Binding("end,G", "scroll_end", "end", show=False, id="reader.end"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._layout: Layout = lambda _width: []
        self._lines: list[Line] = []
        self._laid_out_for = -1

    def show_text(self, layout: Layout, *, keep_place: bool = False) -> None:
        self._layout = layout
        self._lay_out()
        if not keep_place:
            self.scroll_to(y=0, animate=False)

    def line_at(self, y: int, width: int) -> Line:
        del width
        return self._lines[y] if y < len(self._lines) else EMPTY

    def on_resize(self) -> None:
        if self.line_width != self._laid_out_for:
            self._lay_out()

    def _lay_out(self) -> None:
        self._laid_out_for = self.line_width
        self._lines = self._layout(max(10, self.line_width))
        self.virtual_size = Size(self.line_width, len(self._lines))
        self.refresh()
