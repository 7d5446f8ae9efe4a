"""Installed: what this project has, why, and what is newer or wrong; Updates is the same, narrowed."""

from pathlib import PurePath

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from donkeytui.operations.installed import InstalledPlugin
from donkeytui.tui.lines.installed import installed_line, ordered, yours_line
from donkeytui.tui.lines.numbers import age_text, count_text
from donkeytui.tui.lines.plan import problem_lines
from donkeytui.tui.messages import DetailWanted, StagingWanted
from donkeytui.tui.state import AppState
from donkeytui.tui.text import EMPTY, Line, span, wrapped
from donkeytui.tui.widgets.line_list import LineList
from donkeytui.tui.widgets.line_reader import LineReader
from donkeytui.tui.widgets.one_line import OneLine


class InstalledSection(Vertical):
    """The plugins of the project; with `only_updates` those that could move."""

    BINDINGS = [
        Binding("u", "stage('update')", "update", id="stage.update"),
        Binding("U", "stage_all", "update all", id="stage.update-all"),
        Binding("x", "stage('remove')", "remove", id="stage.remove"),
        Binding("p", "pin", "pin", id="stage.pin"),
    ]

    def __init__(self, state: AppState, *, only_updates: bool, id: str) -> None:
        super().__init__(id=id)
        self._state = state
        self._only_updates = only_updates
        self._plugins: list[InstalledPlugin] = []
        self._yours: list[str] = []

    def compose(self) -> ComposeResult:
        yield OneLine(id="installed-head")
        yield LineList(id="installed-list")
        yield LineReader(id="installed-empty")

    def on_mount(self) -> None:
        self.read_again()

    def take_focus(self) -> None:
        rows = self.query_one(LineList)
        self.screen.set_focus(rows if rows.display else self.query_one(LineReader))

    def read_again(self) -> None:
        installed = self._state.project.installed
        plugins = ordered(installed) if installed else []
        self._plugins = [plugin for plugin in plugins if plugin.has_update or not self._only_updates]
        self._yours = list(installed.yours) if installed and not self._only_updates else []
        rows, empty = self.query_one(LineList), self.query_one(LineReader)
        # The user's own plugins are shown and have no key: there is nothing to do with them here.
        rows.show_rows(
            [*(plugin.name for plugin in self._plugins), *("" for _ in self._yours)], self._row_line
        )
        rows.display = bool(self._plugins or self._yours)
        empty.display = not rows.display
        empty.show_text(self._empty_lines)
        self.query_one(OneLine).show(self._head_line)

    def redraw(self) -> None:
        self.query_one(LineList).redraw()

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        message.stop()

    def on_line_list_chosen(self, message: LineList.Chosen) -> None:
        message.stop()
        self.post_message(DetailWanted(message.key))

    def action_stage(self, action: str) -> None:
        key = self.query_one(LineList).key
        if key:
            self.post_message(StagingWanted(key, action))

    def action_pin(self) -> None:
        """Pins, or lets a pinned one move again."""
        key = self.query_one(LineList).key
        plugin = next((plugin for plugin in self._plugins if plugin.name == key), None)
        if plugin is not None:
            self.post_message(StagingWanted(plugin.name, "unpin" if plugin.is_pinned else "pin"))

    def action_stage_all(self) -> None:
        for plugin in self._plugins:
            if plugin.has_update and plugin.name not in self._state.basket.actions:
                self.post_message(StagingWanted(plugin.name, "update"))

    def _row_line(self, index: int, width: int) -> Line:
        if index < len(self._plugins):
            return installed_line(self._plugins[index], width, self._state.project_state())
        return yours_line(self._yours[index - len(self._plugins)], width)

    def _head_line(self, width: int) -> Line:
        del width
        installed = self._state.project.installed
        if installed is None:
            return EMPTY
        counted = count_text(len(self._plugins), "update" if self._only_updates else "plugin")
        return (span(f" {counted} in {PurePath(installed.root).name}", "dim"),)

    def _empty_lines(self, width: int) -> list[Line]:
        if self._state.project.problem is not None:
            return problem_lines(self._state.project.problem, width - 2)
        if self._only_updates and self._state.project.installed and self._state.project.installed.plugins:
            state = self._state.catalogue_state()
            number = count_text(len(self._state.project.installed.plugins), "plugin")
            age = age_text(state.synced_at, self._state.session.clock()) if state.synced_at else "unknown"
            return wrapped(
                (span(f"Nothing to update among {number}; the catalogue is {age}.", "dim"),), width - 2
            )
        return wrapped(
            (span("No plugin is installed in this project. Find one with 1, then /.", "dim"),), width - 2
        )
