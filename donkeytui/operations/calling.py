"""What verbs about people share: the client for their calls, and the catalogue that follows a change."""

from donkeytui.events import Notice, Report, silent
from donkeytui.operations.sync import sync
from donkeytui.remote_account import AccountClient
from donkeytui.session import Session
from registry_server.contract.problems import ProblemError


async def account_client(session: Session, report: Report = silent) -> AccountClient:
    """For the registry in use; a fresh embedded one has its starter plugins then."""
    embedded = await session.embedded()
    if embedded is not None and await session.in_thread(embedded.needs_starter):
        await sync(session, report)
    return AccountClient(await session.client())


async def follow(session: Session, done: str, report: Report) -> bool:
    """Syncs, so that a change is seen here at once.

    What was `done` stays done when that fails: then it is a warning, and False.
    """
    try:
        await sync(session, report)
    except ProblemError as error:
        text = f"{done}, but the catalogue here could not follow: {error.problem.title}"
        report(Notice(severity="warning", code=error.code, text=text, hint="donkeytui sync"))
        return False
    return True
