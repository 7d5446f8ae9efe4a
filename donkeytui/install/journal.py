"""What a change to a project notes on disk: to finish it after a crash, to show it, to undo it.

A journal lies in `.donkeylabs/journal.json` from the commit until the swap is complete; then it
moves into its transaction's folder and is the record of one generation. It comes from the project
folder, and a project comes from anywhere, so it is checked as a stranger's before it is followed.
"""

import re
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from donkeytui.problems import ProjectNotWritable
from donkeytui.project.lockfile import LOCKFILE_NAME
from donkeytui.project.snapshot import CONFIG_NAMES, PACKAGE_JSON
from donkeytui.project.tree import is_place
from registry_server.contract.foreign import clean
from registry_server.contract.integrity import check_integrity_text
from registry_server.contract.names import is_name
from registry_server.contract.paths import check_path
from registry_server.contract.problems import ArchiveUnsafe, ProblemError
from registry_server.contract.versions import parse_version

FOLDER = ".donkeylabs"
JOURNAL = "journal.json"
RECORD = "record.json"
JOURNAL_MAX_BYTES = 4 << 20
TITLE_MAX = 2000
AT_MAX = 40
NUMBER_MAX = (1 << 53) - 1
GENERATIONS_KEPT = 10
"""Transactions whose replaced files stay, for `undo`."""

_TRANSACTION = re.compile(r"txn-[0-9a-f]{12}\Z")
_STAGED = re.compile(r"[0-9]{1,4}\Z")
_TEXTS = (LOCKFILE_NAME, PACKAGE_JSON, *CONFIG_NAMES)


class FolderSwap(Struct, frozen=True, kw_only=True):
    """One plugin's folder: the old one (if any) moves out, the new one (if any) moves in."""

    name: str
    place: str
    """Relative to the project."""
    has_new: bool
    before: str = ""
    """Tree integrity of the old one; "" when there was none."""
    after: str = ""
    version_before: str = ""
    version_after: str = ""


class FileSwap(Struct, frozen=True, kw_only=True):
    path: str
    staged: str
    """File name below the transaction's `files` folder."""
    is_removed: bool = False
    before: str = ""
    """Integrity of the bytes that were there; "" when there were none."""
    after: str = ""


class Journal(Struct, frozen=True, kw_only=True):
    transaction: str
    folders: tuple[FolderSwap, ...]
    files: tuple[FileSwap, ...]
    """In order of replacement; the lockfile last."""
    number: int = 0
    """Counts the changes of a project."""
    at: str = ""
    """ISO 8601, UTC."""
    title: str = ""
    """What was asked for, as a command would say it."""
    undoes: int = 0
    """The number of the change this one took back."""


def needs_recovery(root: Path) -> bool:
    """Whether a change was begun and not finished."""
    return (root / FOLDER / JOURNAL).exists()


def read_journal(root: Path, path: Path) -> Journal:
    """Raises `ProjectNotWritable` for what is no journal of ours, `OSError` when it cannot be read."""
    try:
        if path.exists() and not path.is_file():
            # Opening a pipe would wait for ever.
            raise ValueError("it is no file")
        with path.open("rb") as file:
            journal = msgspec.json.decode(file.read(JOURNAL_MAX_BYTES), type=Journal)
        _check(root, journal)
    except (msgspec.MsgspecError, ValueError, RecursionError, ProblemError) as error:
        if isinstance(error, ProjectNotWritable):
            raise
        raise ProjectNotWritable(
            f"{path.relative_to(root)} cannot be read",
            detail=str(error),
            hint="take the project back from version control, then remove .donkeylabs",
        ) from error
    return structs.replace(journal, title=clean(journal.title, TITLE_MAX), at=clean(journal.at, AT_MAX))


def refuse_links(root: Path, path: Path) -> None:
    """Nothing is written where a link in the project leads: a clone can hold one to anywhere."""
    current = root
    for part in path.relative_to(root).parts:
        current = current / part
        if current.is_symlink():
            raise ProjectNotWritable(
                f"{current.relative_to(root)} is a link, which may lead out of the project",
                detail="donkeytui writes there, and follows no links",
                hint="remove the link",
            )


def _check(root: Path, journal: Journal) -> None:
    if not _TRANSACTION.match(journal.transaction):
        raise ValueError("it belongs to no transaction of ours")
    if not all(0 <= number <= NUMBER_MAX for number in (journal.number, journal.undoes)):
        raise ValueError("it has a number that no change has")
    transaction = root / FOLDER / journal.transaction
    for folder in ("new", "old", "files"):
        refuse_links(root, transaction / folder)
    for swap in journal.folders:
        _check_folder(root, swap)
    for file in journal.files:
        if not (file.path in _TEXTS or is_place(file.path)) or not _STAGED.match(file.staged):
            raise ValueError("it replaces a file that no plan touches")
        refuse_links(root, (root / file.path).parent)
    swaps: tuple[FolderSwap | FileSwap, ...] = (*journal.folders, *journal.files)
    for integrity in (each for swap in swaps for each in (swap.before, swap.after) if each):
        check_integrity_text(integrity)


def _check_folder(root: Path, swap: FolderSwap) -> None:
    try:
        check_path(swap.place)
    except ArchiveUnsafe as error:
        raise ValueError("it moves a folder to where none belongs") from error
    *parents, name = swap.place.split("/")
    if not is_name(swap.name) or name != swap.name or not parents or FOLDER in parents:
        raise ValueError("it moves a folder that is no plugin's")
    for version in (swap.version_before, swap.version_after):
        if version:
            parse_version(version)
    refuse_links(root, (root / swap.place).parent)
