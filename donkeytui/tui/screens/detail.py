"""Detail: one plugin, with its README, releases and dependencies in tabs."""

from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from donkeytui.events import Report
from donkeytui.operations.show import read_readme
from donkeytui.tui.lines import detail as lines
from donkeytui.tui.lines.plan import problem_lines
from donkeytui.tui.lines.readme import Readme
from donkeytui.tui.messages import OperationDone, ProblemShown
from donkeytui.tui.runner import Runner
from donkeytui.tui.state import AppState
from donkeytui.tui.text import EMPTY, Line, span
from donkeytui.tui.widgets.line_reader import LineReader
from donkeytui.tui.widgets.one_line import OneLine
from registry_server.contract.problems import Problem
from registry_server.contract.wire import PluginDocument, Release

README, RELEASES, DEPENDS = range(3)


class LoadedReadme(NamedTuple):
    """A README that has come, and whose it is."""

    name: str
    readme: Readme


class DetailPane(Vertical):
    """Header and tabs at once from the catalogue; the README when it has come."""

    BINDINGS = [
        Binding("right,l", "tab(1)", "next tab", key_display="→", id="detail.next-tab"),
        Binding("left,h", "tab(-1)", "previous tab", show=False, id="detail.previous-tab"),
        Binding("d", "show_tab(2)", "depends", show=False, id="detail.depends"),
    ]

    def __init__(self, state: AppState, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = state
        self._runner = Runner(self)
        self._plugin: PluginDocument | None = None
        self._release: Release | None = None
        self._readme: Readme | None = None
        self._readme_problem: Problem | None = None
        self._tab = README

    def compose(self) -> ComposeResult:
        yield LineReader(id="detail-header")
        yield OneLine(id="detail-tabs")
        yield LineReader(id="detail-body")

    def on_mount(self) -> None:
        self.query_one("#detail-header", LineReader).can_focus = False

    @property
    def name_shown(self) -> str:
        return self._plugin.name if self._plugin else ""

    def show_plugin(self, name: str) -> None:
        """Shows `name`; an empty one shows nothing."""
        plugin = self._state.documents([name]).get(name) if name else None
        if plugin is not None and self._plugin is not None and plugin == self._plugin:
            self.refresh_state()
            return
        self._plugin, self._readme, self._readme_problem = plugin, None, None
        self._release = (
            next((r for r in plugin.versions if r.version == plugin.latest_version), None) if plugin else None
        )
        self._draw(keep_place=False)
        if plugin is not None and self._release is not None:
            release = self._release

            async def load(_: Report) -> LoadedReadme:
                text = await read_readme(self._state.session, plugin.name, release)
                return LoadedReadme(plugin.name, await self._state.session.in_thread(Readme, text))

            self._runner.start("readme", load, is_exclusive=True)

    def refresh_state(self) -> None:
        """The plugin is the same; what the project has of it may not be."""
        self._draw(keep_place=True)

    def focus_body(self) -> None:
        self.screen.set_focus(self.query_one("#detail-body", LineReader))

    def on_operation_done(self, message: OperationDone) -> None:
        message.stop()
        assert isinstance(message.result, LoadedReadme)
        if message.result.name == self.name_shown:
            self._readme = message.result.readme
            self._draw(keep_place=False)

    def on_problem_shown(self, message: ProblemShown) -> None:
        message.stop()
        self._readme_problem = message.problem
        self._draw(keep_place=False)

    def action_tab(self, step: int) -> None:
        self._tab = (self._tab + step) % len(lines.TABS)
        self._draw(keep_place=False)

    def action_show_tab(self, tab: int) -> None:
        self._tab = tab
        self._draw(keep_place=False)

    def _draw(self, *, keep_place: bool) -> None:
        header = self.query_one("#detail-header", LineReader)
        tabs = self.query_one("#detail-tabs", OneLine)
        header.show_text(self._header_lines)
        header.styles.height = len(self._header_lines(max(10, self.size.width - 2))) if self._plugin else 0
        tabs.show(lambda _width: lines.tabs_line(self._tab) if self._plugin else EMPTY)
        self.query_one("#detail-body", LineReader).show_text(self._body_lines, keep_place=keep_place)

    def on_resize(self) -> None:
        self._draw(keep_place=True)

    def _header_lines(self, width: int) -> list[Line]:
        if self._plugin is None or self._release is None:
            return []
        return lines.header_lines(self._plugin, self._release, self._state.project_state(), width)

    def _body_lines(self, width: int) -> list[Line]:
        if self._plugin is None or self._release is None:
            return []
        state = self._state.project_state()
        if self._tab == RELEASES:
            return lines.release_lines(self._plugin, state, width)
        if self._tab == DEPENDS:
            documents = self._needed_documents()
            return lines.dependency_lines(
                self._plugin, self._release, state, documents, self._state.project.framework
            )
        return self._readme_lines(width)

    def _readme_lines(self, width: int) -> list[Line]:
        if self._readme_problem is not None:
            return problem_lines(self._readme_problem, width)
        if self._readme is None:
            return [(span("…", "dim"),)]
        return self._readme.lay_out(width) or [(span("This release has no README.", "dim"),)]

    def _needed_documents(self) -> dict[str, PluginDocument]:
        """The plugins of the dependency tree, level by level."""
        assert self._plugin is not None
        assert self._release is not None
        found: dict[str, PluginDocument] = {}
        names = lines.needed_names(self._release)
        while names:
            more = self._state.documents(names)
            found.update(more)
            releases = [r for doc in more.values() for r in doc.versions if r.version == doc.latest_version]
            names = [n for r in releases for n in lines.needed_names(r) if n not in found]
        return found
