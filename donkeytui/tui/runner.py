"""Runs operations as workers; the outermost `except` of the app.

The only starter of workers: Textual would end the app when one raises. A group that is exclusive
lets the newer operation cancel the older one (reading); others refuse a second one while one runs.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from tempfile import NamedTemporaryFile

from textual.message import Message
from textual.widget import Widget
from textual.worker import Worker

from donkeytui.events import Report
from donkeytui.tui.messages import OperationCancelled, OperationDone, OperationEvent, ProblemShown
from registry_server.contract.problems import Problem, ProblemError


class Runner:
    """Operations on behalf of one widget, which receives their messages."""

    def __init__(self, owner: Widget) -> None:
        self._owner = owner
        self._running: dict[str, Worker[None]] = {}

    def start(
        self, group: str, operation: Callable[[Report], Awaitable[object]], *, is_exclusive: bool = False
    ) -> bool:
        """False when one of this group runs already and is not to be cancelled."""
        if self.is_running(group) and not is_exclusive:
            return False
        worker: Worker[None] = self._owner.run_worker(
            self._run(group, operation), group=group, exclusive=is_exclusive, exit_on_error=False
        )
        self._running[group] = worker
        return True

    def is_running(self, group: str) -> bool:
        worker = self._running.get(group)
        return worker is not None and not worker.is_finished

    def cancel(self, group: str) -> None:
        if self.is_running(group):
            self._running[group].cancel()

    async def _run(self, group: str, operation: Callable[[Report], Awaitable[object]]) -> None:
        def report(event: object) -> None:
            self._post(OperationEvent(group, event))  # type: ignore[arg-type]

        try:
            result = await operation(report)
        except asyncio.CancelledError:
            self._post(OperationCancelled(group))
            raise
        except ProblemError as error:
            self._post(ProblemShown(group, error.problem))
        except Exception as error:  # a mistake of ours must not take the app down
            self._post(ProblemShown(group, _bug(error)))
        else:
            self._post(OperationDone(group, result))

    def _post(self, message: Message) -> None:
        if self._owner.is_attached:
            self._owner.post_message(message)


def _bug(error: Exception) -> Problem:
    with NamedTemporaryFile(
        "w", prefix="donkeytui-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
    ) as file:
        file.writelines(traceback.format_exception(error))
    return Problem(
        code="bug",
        title=f"this is a mistake in donkeytui ({type(error).__name__})",
        detail=f"the trace is in {file.name}",
        hint="report it, with that file",
    )
