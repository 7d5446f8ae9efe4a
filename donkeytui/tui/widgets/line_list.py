"""LineList: the virtual list. Rows have keys; the cursor stays on its key when the rows change."""

from collections.abc import Callable, Sequence

from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message

from donkeytui.tui.text import EMPTY, Line
from donkeytui.tui.widgets.line_view import LineView

RowLine = Callable[[int, int], Line]
"""(index, width) -> the line of a row."""


class LineList(LineView, can_focus=True):
    """A list of rows, one line each. Rows without a key (headings) are skipped by the cursor."""

    BINDINGS = [
        Binding("down,j", "move(1)", "down", show=False, id="list.down"),
        Binding("up,k", "move(-1)", "up", show=False, id="list.up"),
        Binding("pagedown,ctrl+d", "page(1)", "page down", show=False, id="list.page-down"),
        Binding("pageup,ctrl+u", "page(-1)", "page up", show=False, id="list.page-up"),
        Binding("home,g", "first", "first", show=False, id="list.first"),
        Binding("end,G", "last", "last", show=False, id="list.last"),
        Binding("enter", "choose", "open", id="list.open"),
    ]

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, source: "LineList", key: str) -> None:
            super().__init__()
            self.source = source
            self.key = key

        @property
        def control(self) -> "LineList":
            return self.source

    class Chosen(Moved):
        """Enter or a double click on a row."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: Sequence[str] = ()
        self._row_line: RowLine = lambda _index, _width: EMPTY
        self._cursor = 0

    @property
    def key(self) -> str:
        """The key under the cursor; empty when there is none."""
        return self._keys[self._cursor] if self._cursor < len(self._keys) else ""

    def show_rows(self, keys: Sequence[str], row_line: RowLine, *, keep_key: bool = True) -> None:
        """Replaces the rows. `keys[i]` empty: a heading."""
        before = self.key
        self._keys, self._row_line = keys, row_line
        self.virtual_size = Size(self.line_width, len(keys))
        found = keys.index(before) if keep_key and before and before in keys else -1
        self._cursor = found if found >= 0 else self._next_row(-1, 1)
        self._scroll_to_cursor()
        self.refresh()
        if self.key != before:
            self.post_message(self.Moved(self, self.key))

    def redraw(self) -> None:
        """The rows are the same, what they say may not be."""
        self.refresh()

    def line_at(self, y: int, width: int) -> Line:
        return self._row_line(y, width) if y < len(self._keys) else EMPTY

    def is_cursor(self, y: int) -> bool:
        return y == self._cursor and bool(self.key)

    def action_move(self, step: int) -> None:
        self._go(self._next_row(self._cursor, step))

    def action_page(self, step: int) -> None:
        rows = max(1, self.size.height - 1)
        self._go(self._near(self._cursor + step * rows))

    def action_first(self) -> None:
        self._go(self._next_row(-1, 1))
        if self._cursor <= 1:
            self.scroll_to(y=0, animate=False)

    def action_last(self) -> None:
        self._go(self._next_row(len(self._keys), -1))

    def action_choose(self) -> None:
        if self.key:
            self.post_message(self.Chosen(self, self.key))

    def on_click(self, event: events.Click) -> None:
        place = event.y + int(self.scroll_offset.y)
        if place < len(self._keys) and self._keys[place]:
            self._go(place)
            if event.chain == 2:
                self.action_choose()

    def on_resize(self) -> None:
        self._scroll_to_cursor()

    def _near(self, place: int) -> int:
        """The row at `place`, or the nearest one that has a key."""
        place = min(max(place, 0), max(0, len(self._keys) - 1))
        if self._keys and not self._keys[place]:
            return self._next_row(place, 1)
        return place

    def _next_row(self, place: int, step: int) -> int:
        at = place + step
        while 0 <= at < len(self._keys):
            if self._keys[at]:
                return at
            at += step
        return min(max(place, 0), max(0, len(self._keys) - 1))

    def _go(self, place: int) -> None:
        if place == self._cursor:
            return
        before, self._cursor = self._cursor, place
        self.refresh_line(before)
        self.refresh_line(place)
        self._scroll_to_cursor()
        self.post_message(self.Moved(self, self.key))

    def _scroll_to_cursor(self) -> None:
        top, height = int(self.scroll_offset.y), self.size.height
        # A heading above the first row of its section stays visible with it.
        wanted = self._cursor - 1 if self._cursor and not self._keys[self._cursor - 1] else self._cursor
        if wanted < top:
            self.scroll_to(y=wanted, animate=False)
        elif height and self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)
