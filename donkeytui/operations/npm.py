"""Install the npm packages that package.json names, with the project's own package manager."""

import asyncio
from pathlib import Path
from typing import Literal

from msgspec import Struct

from donkeytui.events import OutputLine, Report, StageFinished, StageStarted, silent
from donkeytui.install.tools import find_tool, package_manager, run
from donkeytui.parallel import is_cancelled
from donkeytui.session import Session

TIME_LIMIT_SECONDS = 600.0
LINES_KEPT = 20


class NpmReport(Struct, frozen=True, kw_only=True):
    """How it went. A failure leaves the plugins installed: it is told, and can be mended alone."""

    command: str
    state: Literal["done", "failed", "not-run"]
    why: str = ""
    """Why it failed or was not run, as a clause."""
    lines: tuple[str, ...] = ()
    """The last lines the package manager wrote."""


async def install_npm_packages(session: Session, root: Path, report: Report = silent) -> NpmReport:
    """Never raises for what the package manager does; its lines come as events too.

    Cancelling ends the package manager, and that is told like a failure of it: the plugins are there.
    """
    environment = session.settings.environment
    tool = package_manager(root)
    command = f"{tool} install"
    path = find_tool(tool, environment)
    if path is None:
        return NpmReport(command=command, state="not-run", why=f"{tool} is not installed here")
    if session.settings.is_offline:
        return NpmReport(command=command, state="not-run", why="the session is offline")
    if is_cancelled():
        return NpmReport(command=command, state="not-run", why="it was stopped before")
    lines: list[str] = []

    def heard(line: str) -> None:
        lines.append(line)
        del lines[:-LINES_KEPT]
        report(OutputLine(stage="npm", text=line))

    report(StageStarted(stage="npm"))
    try:
        finished = await run((path, "install"), root, environment, heard, seconds=TIME_LIMIT_SECONDS)
    except asyncio.CancelledError:
        return NpmReport(command=command, state="failed", why="it was stopped", lines=tuple(lines))
    except OSError as error:
        return NpmReport(command=command, state="failed", why=f"{tool} cannot be started: {error.strerror}")
    finally:
        report(StageFinished(stage="npm"))
    why = ""
    if finished.is_too_slow:
        why = f"it had not ended after {TIME_LIMIT_SECONDS / 60:.0f} minutes"
    elif finished.status != 0:
        why = f"it ended with status {finished.status}"
    return NpmReport(command=command, state="failed" if why else "done", why=why, lines=tuple(lines))
