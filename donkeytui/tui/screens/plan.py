"""Plan: review what is staged, then apply it. The only section that changes a project."""

from typing import Literal

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical

from donkeytui.events import OutputLine, Report, StageAdvanced, StageFinished, StageStarted
from donkeytui.install.plan import InstallPlan
from donkeytui.operations.apply import InstallReport, apply_plan
from donkeytui.operations.changes import plan_changes
from donkeytui.operations.resolving import Refusal
from donkeytui.operations.undo import apply_undo, plan_undo
from donkeytui.resolution.ways_out import WayOut
from donkeytui.tui.lines import plan as lines
from donkeytui.tui.messages import (
    BasketChanged,
    OperationCancelled,
    OperationDone,
    OperationEvent,
    ProblemShown,
    ProjectChanged,
    StatusChanged,
)
from donkeytui.tui.runner import Runner
from donkeytui.tui.state import AppState
from donkeytui.tui.text import EMPTY, Line, span, wrapped
from donkeytui.tui.widgets.line_list import LineList
from donkeytui.tui.widgets.line_reader import LineReader
from donkeytui.tui.widgets.one_line import OneLine
from registry_server.contract.problems import Problem

Mode = Literal["empty", "solving", "ready", "failed", "applying", "done"]
_STAGE_WORDS = {
    "download": "downloading",
    "stage": "unpacking",
    "commit": "changing the project (cannot stop now)",
    "resolve": "resolving",
    "feed": "reading the catalogue",
    "index": "building the index",
    "starter": "setting up the registry",
    "npm": "installing npm packages",
}


class PlanSection(Vertical):
    """Steps on one side, what a step means on the other."""

    BINDINGS = [
        Binding("A", "apply", "apply", id="plan.apply"),
        Binding("space", "drop", "drop step", id="plan.drop"),
        Binding("X", "discard", "discard", id="plan.discard"),
        Binding("r", "plan_again", "plan again", show=False, id="plan.again"),
        Binding("F", "force", "force", id="plan.force"),
        Binding("Z", "undo", "undo", id="plan.undo"),
    ]

    def __init__(self, state: AppState, *, id: str) -> None:
        super().__init__(id=id)
        self._state = state
        self._runner = Runner(self)
        self._mode: Mode = "empty"
        self._plan: InstallPlan | None = None
        self._problem: Problem | None = None
        self._report: InstallReport | None = None
        self._progress = ""
        self._planned_revision = -1
        self._is_forced = False
        self._is_undoing = False

    def compose(self) -> ComposeResult:
        yield OneLine(id="plan-head")
        with Horizontal(id="plan-panes"):
            yield LineList(id="plan-list")
            yield LineReader(id="plan-detail")

    def on_mount(self) -> None:
        self.query_one("#plan-head", OneLine).show(self._head_line)
        self._draw()

    def take_focus(self) -> None:
        """Entering the section plans what is staged, when that has changed."""
        if self._mode != "applying" and self._planned_revision != self._state.basket.revision:
            self._is_forced = False
            self._make_plan()
        rows = self.query_one("#plan-list", LineList)
        self.screen.set_focus(rows if rows.display else self.query_one("#plan-detail", LineReader))

    @property
    def badge(self) -> str:
        """What the header says beside the section's name."""
        if self._mode == "applying":
            return "⟳"
        count = len(self._state.basket)
        return str(count) if count else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        del parameters
        if action == "force":
            return self._mode == "failed" and self._can_force()
        if action == "apply":
            return self._mode == "ready"
        if action == "drop":
            return self._mode == "ready" and not self._is_undoing
        if action == "undo":
            return self._mode not in ("solving", "applying")
        if action == "discard":
            return bool(len(self._state.basket)) and self._mode != "applying"
        return True

    def action_apply(self) -> None:
        plan = self._plan
        if plan is None or self._mode != "ready":
            return
        session = self._state.session
        apply = apply_undo if plan.undoes else apply_plan

        async def operation(report: Report) -> InstallReport:
            return await apply(session, plan, runs_npm=True, report=report)

        if self._runner.start("apply", operation):
            self._mode, self._progress = "applying", "starting"
            self._draw()

    def action_undo(self) -> None:
        """The way back behind the last change, as a plan to be looked at."""
        self._is_forced = False
        self._plan_undo()

    def action_drop(self) -> None:
        name = self.query_one("#plan-list", LineList).key
        if name in self._state.basket.actions:
            self._state.basket.drop(name)
            self._make_plan()
        elif name:
            self.post_message(StatusChanged(f"{name} is here because of another step", is_warning=True))

    def action_discard(self) -> None:
        self._state.basket.clear()
        self._make_plan()

    def action_plan_again(self) -> None:
        if self._mode != "applying":
            self._make_plan()

    def action_force(self) -> None:
        self._is_forced = True
        if self._is_undoing:
            self._plan_undo()
        else:
            self._make_plan()

    def cancel(self) -> bool:
        """Asks what runs to stop; a commit under way ends first. True when there was something to stop."""
        if self._mode not in ("solving", "applying"):
            return False
        self._runner.cancel("plan")
        self._runner.cancel("apply")
        return True

    def on_operation_cancelled(self, message: OperationCancelled) -> None:
        message.stop()
        if self._runner.is_running("plan") or self._runner.is_running("apply"):
            return
        self._mode = "ready" if self._plan else "empty"
        self._draw()
        self.post_message(StatusChanged("cancelled; nothing was changed"))

    def on_operation_event(self, message: OperationEvent) -> None:
        message.stop()
        event = message.event
        if isinstance(event, StageStarted):
            self._progress = _STAGE_WORDS.get(event.stage, event.stage)
        elif isinstance(event, StageAdvanced):
            total = f" of {event.total}" if event.total else ""
            self._progress = (
                f"{_STAGE_WORDS.get(event.stage, event.stage)} {event.done}{total} {event.subject}"
            )
        elif isinstance(event, OutputLine):
            self._progress = event.text
        elif not isinstance(event, StageFinished):
            self.post_message(StatusChanged(event.text, is_warning=event.severity != "note"))
        self._draw_progress()

    def on_operation_done(self, message: OperationDone) -> None:
        message.stop()
        if isinstance(message.result, InstallPlan):
            self._plan, self._problem = message.result, None
            self._mode = "ready" if not message.result.is_empty else "empty"
        elif isinstance(message.result, InstallReport):
            self._report, self._plan, self._mode = message.result, None, "done"
            if message.result.undid:
                # What was staged was not done by it: entering the section plans that anew.
                self._planned_revision = -1
            else:
                self._state.basket.clear()
                self._planned_revision = self._state.basket.revision
            self.post_message(ProjectChanged())
        self._draw()
        self._focus_rows()

    def on_problem_shown(self, message: ProblemShown) -> None:
        message.stop()
        self._problem, self._mode = message.problem, "failed"
        if message.group == "plan":
            self._plan = None
        self._draw()
        self._focus_rows()

    def _focus_rows(self) -> None:
        """Rows that came while the section had the focus get it."""
        rows = self.query_one("#plan-list", LineList)
        if rows.display and self.query_one("#plan-detail").has_focus:
            self.screen.set_focus(rows)

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        message.stop()
        self._draw_detail()

    def on_line_list_chosen(self, message: LineList.Chosen) -> None:
        message.stop()
        if self._mode == "failed":
            self._take_way(message.key)
            return
        self.screen.set_focus(self.query_one("#plan-detail", LineReader))

    def _make_plan(self) -> None:
        basket, session = self._state.basket, self._state.session
        self._planned_revision = basket.revision
        if self._is_undoing:
            # What was forced was the undo.
            self._is_forced = False
        self._report, self._is_undoing = None, False
        if not len(basket):
            self._runner.cancel("plan")
            self._plan, self._problem, self._mode = None, None, "empty"
            self._draw()
            return
        changes = basket.changes(is_forced=self._is_forced)

        async def operation(report: Report) -> InstallPlan:
            return await plan_changes(session, changes, report)

        self._mode = "solving"
        self._runner.start("plan", operation, is_exclusive=True)
        self._draw()

    def _plan_undo(self) -> None:
        session, is_forced = self._state.session, self._is_forced

        async def operation(report: Report) -> InstallPlan:
            return await plan_undo(session, is_forced=is_forced, report=report)

        self._is_undoing, self._mode = True, "solving"
        self._runner.start("plan", operation, is_exclusive=True)
        self._draw()

    def _can_force(self) -> bool:
        codes = ("plugin-edited", "folder-taken", "file-taken", "plugin-needed", "undo-blocked")
        return self._problem is not None and self._problem.code in codes

    def _ways_out(self) -> tuple[WayOut, ...]:
        """Of the conflict that is shown."""
        if self._mode != "failed" or self._problem is None or "ways_out" not in self._problem.extra:
            return ()
        return msgspec.convert(self._problem.extra, type=Refusal).ways_out

    def _take_way(self, key: str) -> None:
        way = self._ways_out()[int(key)]
        if self._state.basket.take(way):
            self._make_plan()
        else:
            self.post_message(StatusChanged("that is not for a plan: the hint has the command"))

    def _keys(self) -> list[str]:
        if self._mode == "failed":
            return [str(number) for number in range(len(self._ways_out()))]
        return lines.plan_keys(self._plan) if self._plan is not None else []

    def _draw(self) -> None:
        rows = self.query_one("#plan-list", LineList)
        rows.display = self._mode in ("ready", "solving", "applying", "failed") and bool(self._keys())
        self.query_one("#plan-panes").set_class(rows.display, "-steps")
        rows.show_rows(self._keys(), self._row_line)
        self.query_one("#plan-head", OneLine).show(self._head_line)
        self._draw_detail()
        self.refresh_bindings()
        self.post_message(BasketChanged())

    def _draw_progress(self) -> None:
        self.query_one("#plan-head", OneLine).show(self._head_line)

    def _draw_detail(self) -> None:
        self.query_one("#plan-detail", LineReader).show_text(self._detail_lines)

    def _row_line(self, index: int, width: int) -> Line:
        if self._mode == "failed":
            return lines.way_line(self._ways_out()[index].text, width)
        assert self._plan is not None
        return lines.plan_rows(self._plan, width)[index]

    def _head_line(self, width: int) -> Line:
        if self._mode == "applying":
            return (span(f" {self._progress}"[:width], "accent"),)
        if self._mode == "solving":
            return (span(" making the plan…", "dim"),)
        if self._mode == "ready" and self._plan is not None:
            lead = span(f" {self._plan.title} ·", "warn") if self._plan.undoes else span("")
            return (lead, *lines.totals_line(self._plan), span(" · A applies it", "accent"))
        if self._ways_out():
            return (span(" ways out of the conflict · enter plans one", "accent"),)
        return EMPTY

    def _detail_lines(self, width: int) -> list[Line]:
        if self._mode == "failed" and self._problem is not None:
            tail = (
                [EMPTY, (span("F goes ahead all the same, X discards the plan", "dim"),)]
                if self._can_force()
                else []
            )
            retry = (
                [EMPTY, (span("r plans again, X discards the plan", "dim"),)] if not self._can_force() else []
            )
            return lines.problem_lines(self._problem, width - 1) + tail + retry
        if self._mode == "done" and self._report is not None:
            return lines.report_lines(self._report, width - 1)
        if self._plan is not None and self._keys():
            key = self.query_one("#plan-list", LineList).key or self._keys()[0]
            notices = lines.other_notices(self._plan, key, width - 1)
            return lines.step_details(self._plan, key, width - 1) + ([EMPTY, *notices] if notices else [])
        if self._mode == "solving":
            return []
        return self._empty_lines(width - 1)

    def _empty_lines(self, width: int) -> list[Line]:
        if len(self._state.basket):
            return wrapped(
                (span("What is staged is there already: nothing to do. X empties the plan.", "dim"),), width
            )
        return [
            *wrapped((span("Nothing is staged."),), width),
            EMPTY,
            *wrapped(
                (
                    span(
                        "In Browse (1), i stages an install. In Installed (2), u an update and x a removal.",
                        "dim",
                    ),
                ),
                width,
            ),
            *wrapped((span("The plan then shows here what will change, and A applies it.", "dim"),), width),
        ]
