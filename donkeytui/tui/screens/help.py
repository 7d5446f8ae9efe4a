"""Help for a section: what it is for, its keys from the live bindings, and the same as a command."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from donkeytui.tui.text import EMPTY, Line, fitted, span, wrapped
from donkeytui.tui.widgets.line_reader import LineReader

PURPOSE = {
    "browse": (
        "Find plugins and read about them. Typing in the field narrows the list at every key, from the"
        " catalogue on this machine. Nothing here changes the project: i stages, a reviews.",
        "donkeytui search WORDS, donkeytui info NAME",
    ),
    "installed": (
        "What this project has, why, and what is newer or wrong. u and x stage an update or a removal.",
        "donkeytui list",
    ),
    "updates": (
        "What could move to a newer release within its range. U stages all of it.",
        "donkeytui update --dry-run",
    ),
    "plan": (
        "Everything that is staged, as one plan: what will change, file by file. A applies all of it,"
        " or nothing.",
        "donkeytui install NAME --dry-run",
    ),
}
_KEY_NAMES = {
    "slash": "/",
    "question_mark": "?",
    "escape": "esc",
    "pageup": "page up",
    "pagedown": "page down",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


class HelpScreen(ModalScreen[None]):
    """Any of its keys closes it again."""

    BINDINGS = [Binding("escape,q,question_mark,f1,backspace,enter", "dismiss", "close", id="help.close")]

    def __init__(self, section: str) -> None:
        super().__init__()
        self._section = section
        self._keys: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        yield LineReader(id="help")

    def on_mount(self) -> None:
        below = self.app.screen_stack[-2]
        rows: dict[str, list[str]] = {}
        for active in below.active_bindings.values():
            if active.binding.description and active.binding.id:
                key = active.binding.key_display or _KEY_NAMES.get(active.binding.key, active.binding.key)
                rows.setdefault(active.binding.description, []).append(key)
        self._keys = [(" ".join(dict.fromkeys(keys)), words) for words, keys in rows.items()]
        reader = self.query_one(LineReader)
        reader.show_text(self._lines)
        self.screen.set_focus(reader)

    def _lines(self, width: int) -> list[Line]:
        purpose, command = PURPOSE[self._section]
        lines = [*wrapped((span(purpose),), width), EMPTY]
        lines += [(*fitted((span(keys, "accent"),), 18), span(words)) for keys, words in self._keys]
        lines += [EMPTY, (span("As a command: ", "dim"), span(command, "code"))]
        return [*lines, EMPTY, (span("esc closes this", "dim"),)]
