"""The changes made to a project, as far as what they replaced is still kept; reads only."""

from pathlib import Path

from msgspec import Struct

from donkeytui.install.journal import FOLDER, GENERATIONS_KEPT, NUMBER_MAX, RECORD, Journal, read_journal
from donkeytui.problems import ProjectNotWritable


class Generation(Struct, frozen=True, kw_only=True):
    """One change, and the folder that holds what it replaced."""

    journal: Journal
    folder: Path
    is_undone: bool

    @property
    def can_be_undone(self) -> bool:
        """An undo is not undone itself: what it took back is installed anew instead."""
        return not self.is_undone and not self.journal.undoes


def read_history(root: Path) -> tuple[Generation, ...]:
    """Newest first. A record that is none of ours is passed over: it can be shown or undone by nobody.

    So is one without a number, of a change that a program before these records began.
    """
    journals = [(journal, folder) for journal, folder in _records(root) if journal.number]
    undone = {journal.undoes for journal, _ in journals}
    return tuple(
        Generation(journal=journal, folder=folder, is_undone=journal.number in undone)
        for journal, folder in journals
    )


def next_number(root: Path) -> int:
    last = max((journal.number for journal, _ in _records(root)), default=0)
    return min(last + 1, NUMBER_MAX)


def superseded(root: Path) -> list[Path]:
    """Folders of changes that newer ones pushed out, oldest first: an undo outlives what it took back.

    The newest stay, and so many that can be undone: changes taken back do not push those out.
    """
    history = read_history(root)
    undoable = [generation.folder for generation in history if generation.can_be_undone]
    kept = {*(generation.folder for generation in history[:GENERATIONS_KEPT]), *undoable[:GENERATIONS_KEPT]}
    return [generation.folder for generation in reversed(history) if generation.folder not in kept]


def _records(root: Path) -> list[tuple[Journal, Path]]:
    found: list[tuple[Journal, Path]] = []
    for folder in (root / FOLDER).glob("txn-*"):
        try:
            journal = read_journal(root, folder / RECORD)
        except (OSError, ProjectNotWritable):
            continue
        if journal.transaction == folder.name:
            found.append((journal, folder))
    return sorted(found, key=lambda pair: (-pair[0].number, pair[1].name))
