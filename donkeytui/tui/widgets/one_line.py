"""OneLine: a single line of spans; the header, the tabs and the counters are made of it."""

from collections.abc import Callable

from textual.geometry import Size

from donkeytui.tui.text import EMPTY, Line
from donkeytui.tui.widgets.line_view import LineView


class OneLine(LineView):
    """One line, made anew for the width it has."""

    DEFAULT_CSS = "OneLine { height: 1; scrollbar-size: 0 0; scrollbar-gutter: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._make: Callable[[int], Line] = lambda _width: EMPTY

    def show(self, make: Callable[[int], Line]) -> None:
        self._make = make
        self.refresh()

    def on_mount(self) -> None:
        self.virtual_size = Size(1, 1)

    def line_at(self, y: int, width: int) -> Line:
        del y
        return self._make(width)
