"""The main screen: header with sections and registry badge, one section at a time, status line."""

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from donkeytui.events import Notice, Report, StageAdvanced, StageStarted
from donkeytui.operations.installed import installed_list
from donkeytui.operations.project import open_project
from donkeytui.operations.sync import SyncReport, ensure_index, sync
from donkeytui.tui.lines.header import header_line
from donkeytui.tui.messages import (
    DetailWanted,
    OperationDone,
    OperationEvent,
    ProblemShown,
    SectionWanted,
    StagingWanted,
    StatusChanged,
)
from donkeytui.tui.runner import Runner
from donkeytui.tui.screens.browse import BrowseSection, SearchField
from donkeytui.tui.screens.detail import DetailPane
from donkeytui.tui.screens.installed import InstalledSection
from donkeytui.tui.screens.plan import PlanSection
from donkeytui.tui.state import AppState, ProjectView
from donkeytui.tui.text import Line
from donkeytui.tui.widgets.line_list import LineList
from donkeytui.tui.widgets.one_line import OneLine
from donkeytui.tui.widgets.status_line import StatusLine
from registry_server.contract.problems import ProblemError

_STAGE_WORDS = {"starter": "setting up", "feed": "syncing", "index": "indexing"}


class MainScreen(Screen[None]):
    """Holds the sections and carries messages between them."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-medium"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-tall")]

    BINDINGS = [
        Binding("slash", "search", "search", show=False, id="app.search"),
        Binding("1", "section('browse')", "Browse", show=False, id="section.browse"),
        Binding("2", "section('installed')", "Installed", show=False, id="section.installed"),
        Binding("3", "section('updates')", "Updates", show=False, id="section.updates"),
        Binding("4", "section('plan')", "Plan", show=False, id="section.plan"),
        Binding("a", "section('plan')", "review the plan", id="plan.review"),
        Binding("R", "sync", "refresh", show=False, id="app.refresh"),
        Binding("question_mark,f1", "help", "help", id="app.help"),
        Binding("q", "leave", "quit", show=False, id="app.leave"),
        Binding("ctrl+c", "cancel", "cancel", show=False, priority=True, id="app.cancel"),
        Binding("escape", "back", "back", show=False, id="app.back"),
    ]

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self._runner = Runner(self)
        self._sync_words = ""
        self._is_unreachable = False
        self._is_leaving_asked = False

    def compose(self) -> ComposeResult:
        yield OneLine(id="header")
        with ContentSwitcher(initial="browse", id="sections"):
            yield BrowseSection(self._state, id="browse")
            yield InstalledSection(self._state, only_updates=False, id="installed")
            yield InstalledSection(self._state, only_updates=True, id="updates")
            yield PlanSection(self._state, id="plan")
        yield StatusLine(id="status")

    def on_mount(self) -> None:
        self.query_one("#header", OneLine).show(self._header_line)
        self.query_one(BrowseSection).take_focus()
        self._read_project()
        if self._state.catalogue_state().is_stale:
            self._start_sync()
        else:
            self._start_catching_up()

    # Sections.

    def action_section(self, name: str) -> None:
        self.query_one(ContentSwitcher).current = name
        section = self.query_one(f"#{name}")
        assert isinstance(section, BrowseSection | InstalledSection | PlanSection)
        section.take_focus()
        self.query_one(StatusLine).hush()
        self._redraw_frame()

    def on_section_wanted(self, message: SectionWanted) -> None:
        self.action_section(message.section)

    def on_detail_wanted(self, message: DetailWanted) -> None:
        self.action_section("browse")
        self.query_one("#browse-search", SearchField).value = message.name
        self.query_one(DetailPane).show_plugin(message.name)

    def action_search(self) -> None:
        """From anywhere to the search field."""
        self.action_section("browse")
        self.set_focus(self.query_one("#browse-search", SearchField))

    def action_back(self) -> None:
        if self.query_one(ContentSwitcher).current != "browse":
            self.action_section("browse")

    def action_help(self) -> None:
        from donkeytui.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.query_one(ContentSwitcher).current or "browse"))

    def action_leave(self) -> None:
        """Asks only when something is staged, by wanting the key twice."""
        staged = len(self._state.basket)
        if staged and not self._is_leaving_asked:
            self._is_leaving_asked = True
            self._say(f"{staged} staged and not applied; q again leaves", is_warning=True)
            return
        self.app.exit()

    def action_cancel(self) -> None:
        """First: stop what runs. Again: leave."""
        if self.query_one(PlanSection).cancel():
            return
        if self._is_leaving_asked:
            self.app.exit()
            return
        self._is_leaving_asked = True
        staged = len(self._state.basket)
        text = f"{staged} staged and not applied; " if staged else ""
        self._say(f"{text}ctrl+c again leaves", is_warning=bool(staged))

    def on_key(self, event: events.Key) -> None:
        """Any other key takes the question back."""
        if event.key not in ("q", "ctrl+c"):
            self._is_leaving_asked = False

    # Staging.

    def on_staging_wanted(self, message: StagingWanted) -> None:
        state = self._state.project_state()
        name, action = message.name, message.action
        refusal = self._refusal(name, action)
        if refusal:
            self._say(refusal, is_warning=True)
            return
        if action == "install" and name in state.updates:
            action = "update"
        is_staged = self._state.basket.toggle(name, action)  # type: ignore[arg-type]
        count = len(self._state.basket)
        text = (
            f"{name} staged to {action}; a reviews the plan ({count})"
            if is_staged
            else f"{name} is no longer staged"
        )
        self._say(text, is_warning=False)
        self._redraw_all()

    def _refusal(self, name: str, action: str) -> str:
        """Why something cannot be staged; empty when it can."""
        state = self._state.project_state()
        if self._state.project.problem is not None:
            return f"{self._state.project.problem.title}: start donkeytui in a project, or with --project DIR"
        if action == "install" and name in state.installed and name not in state.updates:
            return f"{name} {state.installed[name]} is installed already"
        if action == "remove" and name not in state.installed:
            return f"{name} is not installed in this project"
        if action == "update" and name not in state.updates:
            return (
                f"there is no update for {name} within its range"
                if name in state.installed
                else f"{name} is not installed in this project"
            )
        return ""

    # What runs.

    def action_sync(self) -> None:
        self._start_sync()

    def _start_sync(self) -> None:
        session = self._state.session

        async def operation(report: Report) -> SyncReport:
            return await sync(session, report)

        if self._runner.start("sync", operation):
            self._sync_words = "syncing"
            self._redraw_frame()

    def _start_catching_up(self) -> None:
        """The search index, which a command may have left behind a catalogue that is fresh."""
        session = self._state.session

        async def operation(report: Report) -> None:
            await session.in_thread(ensure_index, session, report)

        self._runner.start("index", operation)

    def _read_project(self) -> None:
        session = self._state.session

        async def operation(report: Report) -> ProjectView:
            try:
                snapshot = await open_project(session, report)
            except ProblemError as error:
                return ProjectView(problem=error.problem)
            installed = await session.in_thread(installed_list, session, snapshot)
            return ProjectView(installed=installed, framework=snapshot.framework)

        self._runner.start("project", operation, is_exclusive=True)

    def on_operation_event(self, message: OperationEvent) -> None:
        event = message.event
        if isinstance(event, Notice):
            self._say(event.text, is_warning=event.severity != "note")
        elif isinstance(event, StageStarted):
            self._sync_words = _STAGE_WORDS.get(event.stage, "")
        elif isinstance(event, StageAdvanced) and event.total:
            self._sync_words = f"{_STAGE_WORDS.get(event.stage, '')} {event.done} of {event.total}"
        self._redraw_frame()

    def on_operation_done(self, message: OperationDone) -> None:
        if isinstance(message.result, ProjectView):
            self._state.project = message.result
        if message.group == "index":
            self._sync_words = ""
        if message.group == "sync":
            self._sync_words, self._is_unreachable = "", False
            self._read_project()
        self._read_all()

    def on_problem_shown(self, message: ProblemShown) -> None:
        if message.group == "sync":
            self._sync_words = ""
            self._is_unreachable = True
        self._say(message.problem.title, is_warning=True)
        self._redraw_all()

    def on_basket_changed(self) -> None:
        self._redraw_all()

    def on_project_changed(self) -> None:
        self.query_one(StatusLine).hush()
        self._read_project()
        self._redraw_all()

    def on_status_changed(self, message: StatusChanged) -> None:
        self._say(message.text, is_warning=message.is_warning)

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        message.stop()

    # Drawing.

    def _say(self, text: str, *, is_warning: bool) -> None:
        self.query_one(StatusLine).say(text, is_warning=is_warning)

    def _read_all(self) -> None:
        self.query_one(BrowseSection).read_again()
        for section in self.query(InstalledSection):
            section.read_again()
        self._redraw_frame()

    def _redraw_all(self) -> None:
        self.query_one(BrowseSection).redraw()
        for section in self.query(InstalledSection):
            section.redraw()
        self._redraw_frame()

    def _redraw_frame(self) -> None:
        self.query_one("#header", OneLine).refresh()
        self.query_one(StatusLine).refresh()

    def on_descendant_focus(self) -> None:
        self.query_one(StatusLine).refresh()

    def _header_line(self, width: int) -> Line:
        state = self._state.catalogue_state()
        updates = len(self._state.project_state().updates)
        installed = len(self._state.project_state().installed)
        badges = {
            "installed": str(installed) if installed else "",
            "updates": str(updates) if updates else "",
            "plan": self.query_one(PlanSection).badge,
        }
        return header_line(
            width,
            current=self.query_one(ContentSwitcher).current or "browse",
            badges=badges,
            catalogue=state,
            now=self._state.session.clock(),
            activity=self._sync_words,
            is_unreachable=self._is_unreachable,
        )
