"""Browse: the search field, the list, and the detail of the plugin under the cursor."""

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from donkeytui.operations.search import Home, SearchPage, home, search
from donkeytui.tui.lines.listing import Row, categories_line, column_needs, home_rows, row_line
from donkeytui.tui.lines.numbers import count_text
from donkeytui.tui.messages import StagingWanted, StatusChanged
from donkeytui.tui.screens.detail import DetailPane
from donkeytui.tui.state import AppState
from donkeytui.tui.text import Line, span, wrapped
from donkeytui.tui.widgets.line_list import LineList
from donkeytui.tui.widgets.line_reader import LineReader
from donkeytui.tui.widgets.one_line import OneLine
from registry_server.contract.problems import ProblemError
from registry_server.search.query import SearchQuery

RESULTS_MAX = 500
GRAMMAR = 'words · "a phrase" · -word · category: tag: author: · is:installed is:verified · sort:downloads'


class SearchField(Input):
    """One line to search in; arrows and enter leave it towards the list, esc takes the query back first."""

    BINDINGS = [
        Binding("down,enter", "leave", "to the list", id="search.leave"),
        Binding("escape", "back", "clear", id="search.back"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(placeholder="search", id=id, select_on_focus=False)
        self.cursor_blink = False

    def action_leave(self) -> None:
        self.screen.set_focus(self.screen.query_one("#browse-list"))

    def action_back(self) -> None:
        if self.value:
            self.value = ""
        else:
            self.action_leave()


class BrowseSection(Vertical):
    """Find and understand; staging is all that can be done from here."""

    BINDINGS = [
        Binding("slash", "search", "search", id="browse.search"),
        Binding("i", "stage('install')", "install", id="stage.install"),
        Binding("x", "stage('remove')", "remove", show=False, id="stage.remove"),
        Binding("u", "stage('update')", "update", show=False, id="stage.update"),
        Binding("z", "zoom", "zoom", show=False, id="browse.zoom"),
        Binding("escape,backspace", "back", "back", show=False, id="browse.back"),
    ]

    def __init__(self, state: AppState, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = state
        self._rows: list[Row] = []
        self._needs = column_needs(())
        self._query = SearchQuery()
        self._page: SearchPage | None = None
        self._home: Home | None = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="browse-top"):
            yield SearchField(id="browse-search")
            yield OneLine(id="browse-count")
        yield OneLine(id="browse-facets")
        with Horizontal(id="browse-panes"):
            yield LineList(id="browse-list")
            yield LineReader(id="browse-empty")
            yield DetailPane(self._state, id="browse-detail")

    def on_mount(self) -> None:
        self.query_one("#browse-empty", LineReader).can_focus = False
        self.query_one("#browse-facets", OneLine).show(self._facets_line)
        self.query_one("#browse-count", OneLine).show(self._count_line)
        self.read_again()

    def take_focus(self) -> None:
        self.screen.set_focus(self.query_one("#browse-list", LineList))

    def read_again(self) -> None:
        """Reads home or results anew; the cursor stays on its plugin."""
        try:
            self._read()
        except ProblemError as error:
            self.post_message(StatusChanged(error.problem.title, is_warning=True))
        self._needs = column_needs(self._rows)
        self._draw()

    def _read(self) -> None:
        text = self.query_one("#browse-search", SearchField).value
        if text.strip():
            installed = self._state.project_state().installed
            self._page = search(self._state.session, text, limit=RESULTS_MAX, installed=list(installed))
            self._query = self._page.query
            self._rows = [Row(hit) for hit in self._page.hits]
        else:
            self._page, self._query = None, SearchQuery()
            self._home = home(self._state.session)
            self._rows = home_rows(self._home)

    def redraw(self) -> None:
        """The rows are the same; marks may not be."""
        self.query_one("#browse-list", LineList).redraw()
        self.query_one("#browse-detail", DetailPane).refresh_state()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.read_again()

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        message.stop()
        self.query_one("#browse-detail", DetailPane).show_plugin(message.key)

    def on_line_list_chosen(self, message: LineList.Chosen) -> None:
        message.stop()
        self.query_one("#browse-panes").add_class("-detail")
        self.query_one("#browse-detail", DetailPane).focus_body()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        panes = self.query_one("#browse-panes")
        if event.widget.id == "browse-list":
            panes.remove_class("-detail")
        self.query_one("#browse-facets", OneLine).show(self._facets_line)

    def on_descendant_blur(self) -> None:
        self.query_one("#browse-facets", OneLine).show(self._facets_line)

    def action_search(self) -> None:
        self.screen.set_focus(self.query_one("#browse-search", SearchField))

    def action_back(self) -> None:
        """One layer: out of the detail, then the query, and never out of the app."""
        rows = self.query_one("#browse-list", LineList)
        field = self.query_one("#browse-search", SearchField)
        if not rows.has_focus:
            self.screen.set_focus(rows)
        elif field.value:
            field.value = ""

    def action_zoom(self) -> None:
        """The pane that has the focus alone, and both again."""
        panes = self.query_one("#browse-panes")
        wanted = "-only-list" if self.query_one("#browse-list", LineList).has_focus else "-only-detail"
        is_zoomed = panes.has_class("-only-list") or panes.has_class("-only-detail")
        panes.remove_class("-only-list", "-only-detail")
        panes.set_class(not is_zoomed, wanted)

    def action_stage(self, action: str) -> None:
        name = self.query_one("#browse-list", LineList).key
        if name:
            self.post_message(StagingWanted(name, action))

    def _draw(self) -> None:
        rows = self.query_one("#browse-list", LineList)
        empty = self.query_one("#browse-empty", LineReader)
        rows.show_rows([row.hit.name if row.hit else "" for row in self._rows], self._row_line)
        self.query_one("#browse-panes").set_class(not self._rows, "-empty")
        empty.show_text(self._empty_lines)
        self.query_one("#browse-count", OneLine).show(self._count_line)
        self.query_one("#browse-facets", OneLine).show(self._facets_line)
        self.query_one("#browse-detail", DetailPane).show_plugin(rows.key)

    def _row_line(self, index: int, width: int) -> Line:
        state = self._state.project_state()
        return row_line(self._rows[index], width, self._query, state=state, needs=self._needs)

    def _count_line(self, width: int) -> Line:
        if self._page is None:
            total = self._home.total if self._home else 0
            text = count_text(total, "plugin") if total else ""
        else:
            near = "near, " if self._page.is_corrected and self._page.total else ""
            text = f"{self._page.total} found, {near}{self._page.elapsed_ms:.1f} ms"
        return (span(f"{text} ".rjust(width), "dim"),)

    def _facets_line(self, width: int) -> Line:
        if self.query_one("#browse-search", SearchField).has_focus:
            return (span(f" {GRAMMAR}", "dim"),)
        if self._page is not None and self._page.query.unknown:
            unknown = ", ".join(self._page.query.unknown)
            return (span(f" not understood, left out: {unknown}", "warn"),)
        return categories_line(self._home.categories, width) if self._home else ()

    def _empty_lines(self, width: int) -> list[Line]:
        state = self._state.catalogue_state()
        if self._page is None:
            text = "Setting up the registry; its plugins appear here in a moment."
            if state.is_offline:
                text = "There is no copy of this registry on this machine yet, and the session is offline."
            elif not self._state.session.settings.registry.is_embedded:
                text = f"Nothing was read from {state.url} yet. R tries again."
            if state.synced_at is not None:
                text = "This registry has no plugins yet. `donkeytui publish DIR` is the first step."
            return wrapped((span(text, "dim"),), width - 1)
        lines = wrapped(
            (span(f"Nothing fits “{self._page.query.text}” among {count_text(state.plugins, 'plugin')}."),),
            width - 1,
        )
        if self._page.query.filters:
            lines += wrapped(
                (span("A filter may hide it: try without category:, tag:, author: or is:.", "dim"),),
                width - 1,
            )
        else:
            lines += wrapped(
                (span("Try fewer words, or only the beginning of one. esc takes the query back.", "dim"),),
                width - 1,
            )
        return lines
