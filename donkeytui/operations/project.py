"""Open the project a session stands in."""

from pathlib import Path

from donkeytui.events import Notice, Report, silent
from donkeytui.install.journal import needs_recovery
from donkeytui.operations.sync import discard_if_damaged
from donkeytui.problems import NotInstalled
from donkeytui.project.lockfile import Lockfile
from donkeytui.project.snapshot import ProjectSnapshot, find_project, read_snapshot
from donkeytui.session import Session
from registry_server.contract.names import nearest_names


async def open_project(session: Session, report: Report = silent) -> ProjectSnapshot:
    """The project as it is, after finishing what a killed process left.

    Raises `NotAProject`, `LockfileInvalid`, `ProjectBusy` or `ProjectNotWritable`.
    """
    root = await open_root(session, report)
    discard_if_damaged(session)
    return await session.in_thread(read_snapshot, root)


async def open_root(session: Session, report: Report = silent) -> Path:
    """As `open_project`, for what reads no file of the project. Raises no `LockfileInvalid`."""
    root = await session.in_thread(find_project, session.settings.project_start)
    if needs_recovery(root) and await session.in_thread(_recover, root):
        text = "an operation that was interrupted earlier has been finished"
        report(Notice(severity="note", code="recovered", text=text))
    return root


def check_installed(lockfile: Lockfile, names: tuple[str, ...]) -> None:
    """Raises `NotInstalled` for the first of `names` that the lockfile does not have."""
    for name in names:
        if name not in lockfile.plugins:
            near = nearest_names(name[:100], lockfile.plugins)
            bare = name.partition("@")[0]
            if bare in lockfile.plugins:
                raise NotInstalled(
                    f"`{name[:100]}` is not the name of a plugin",
                    detail=f"`{bare}` {lockfile.plugins[bare].version} is installed; a range is for install",
                    hint=f"donkeytui install {name[:100]}, to move it there",
                )
            raise NotInstalled(
                f"`{name[:100]}` is not installed in this project",
                detail=f"near it: {', '.join(near)}" if near else "",
                hint="donkeytui list",
            )


def _recover(root: Path) -> bool:
    from donkeytui.install.commit import recover
    from donkeytui.install.disk import Disk
    from donkeytui.install.project_lock import project_lock

    with project_lock(root, task="finishing an interrupted change"):
        return recover(root, Disk())
