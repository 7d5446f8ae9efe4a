"""The bottom line: the keys that work here and now, or for some seconds what there is to say."""

from rich.cells import cell_len
from textual.timer import Timer

from donkeytui.tui.text import Line, Span, span
from donkeytui.tui.widgets.one_line import OneLine

MESSAGE_SECONDS = 6.0
HINTS_MAX = 7
_KEY_NAMES = {"slash": "/", "question_mark": "?", "enter": "enter", "space": "space", "escape": "esc"}


class StatusLine(OneLine):
    """Hints from live bindings, by the order of importance the app gives."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._message = ""
        self._is_warning = False
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.show(self._line)

    def say(self, text: str, *, is_warning: bool) -> None:
        self._message, self._is_warning = text, is_warning
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(MESSAGE_SECONDS, self._forget)
        self.refresh()

    def hush(self) -> None:
        """Takes the message back: it is no longer what matters."""
        self._forget()

    def _forget(self) -> None:
        self._message = ""
        self.refresh()

    def _line(self, width: int) -> Line:
        if self._message:
            sign, style = ("! ", "warn") if self._is_warning else ("", "")
            return (span(f" {sign}{self._message}", style or ""),)  # type: ignore[arg-type]
        return self._hints(width)

    def _hints(self, width: int) -> Line:
        parts: list[Span] = [span(" ")]
        used, seen = 1, set[str]()
        for active in self.screen.active_bindings.values():
            binding = active.binding
            is_wanted = binding.show and binding.description and binding.id
            if not is_wanted or binding.description in seen or len(seen) >= HINTS_MAX:
                continue
            key = binding.key_display or _KEY_NAMES.get(binding.key, binding.key)
            size = cell_len(key) + cell_len(binding.description) + 4
            if used + size > width:
                break
            parts += [
                span(key, "accent" if active.enabled else "dim"),
                span(f" {binding.description}   ", "" if active.enabled else "dim"),
            ]
            used += size
            seen.add(binding.description)
        return tuple(parts)
