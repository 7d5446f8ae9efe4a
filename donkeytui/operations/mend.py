"""validate --fix: mend what is mechanical and safe in a plugin's folder, and say each change."""

from functools import partial
from pathlib import Path

from msgspec import Struct

from donkeytui.authoring.mending import FileEdit, Mend, mend
from donkeytui.operations.plugin_source import open_source
from donkeytui.operations.suggest import usual_range
from donkeytui.problems import SourceUnreadable
from donkeytui.project.differences import unified
from donkeytui.session import Session
from donkeytui.whole_file import write_whole


class MendReport(Struct, frozen=True, kw_only=True):
    mends: tuple[Mend, ...]
    diff: str
    """Of all changed files, as `git diff` prints it."""


async def mend_source(session: Session, folder: Path) -> MendReport:
    """Each file is replaced whole or not at all; a file that is made takes no other's place.

    Raises `SourceUnreadable`, also for a folder that cannot be written.
    """
    source = await session.in_thread(open_source, folder)

    range_for = partial(usual_range, session)
    mending = mend(source.entries, range_for=range_for, year=session.clock().year)
    written = await session.in_thread(_write, folder, mending.edits)
    paths = {edit.path for edit in written}
    return MendReport(
        mends=tuple(done for done in mending.mends if done.path in paths),
        diff="".join(unified(edit.path, edit.before, edit.after) for edit in written),
    )


def _write(folder: Path, edits: tuple[FileEdit, ...]) -> list[FileEdit]:
    """Those that were written: a file that an ignore line hid is there already, and stays."""
    written: list[FileEdit] = []
    try:
        written.extend(edit for edit in edits if _write_one(folder / edit.path, edit))
    except OSError as error:
        raise SourceUnreadable(
            f"{folder} cannot be written",
            detail=f"{error.strerror}: {error.filename}",
            hint="what was mended before stays; make the folder writable and try again",
        ) from error
    return written


def _write_one(path: Path, edit: FileEdit) -> bool:
    if edit.before is None:
        try:
            with path.open("xb") as file:
                file.write(edit.after)
        except FileExistsError:
            return False
        return True
    write_whole(path, edit.after)
    return True
