"""The only writer to a project: check the plan is fresh, lay out, journal, swap, recover.

Order (design, trust section 5): everything new is laid out in `.donkeylabs/txn-<id>/`, synced, and
described in a journal; renaming the journal into place is the commit. From then on the swap is
redone until it is complete, at the latest at the start of the next command; before it, leftovers
are deleted. Every step of the swap can be repeated, so a kill at any moment leaves the project
exactly as before or exactly as after. What was replaced stays in the transaction's folder with the
journal as its record: a generation that `undo` can bring back, until newer ones push it out.
"""

import errno
import os
import secrets
from pathlib import Path, PurePosixPath

import msgspec

from donkeytui.install.disk import Disk, NewFile
from donkeytui.install.history import next_number, superseded
from donkeytui.install.journal import (
    FOLDER,
    JOURNAL,
    RECORD,
    FileSwap,
    FolderSwap,
    Journal,
    needs_recovery,
    read_journal,
    refuse_links,
)
from donkeytui.install.plan import InstallPlan
from donkeytui.install.project_lock import not_writable
from donkeytui.install.stage import Staged, StagedFile, StagedFolder
from donkeytui.problems import PlanStale, ProjectNotWritable
from donkeytui.project.snapshot import read_copy, read_snapshot
from registry_server.contract.integrity import integrity_of


def recover(root: Path, disk: Disk) -> bool:
    """Ends what a killed process began; True when there was something to finish. Hold the lock."""
    folder = root / FOLDER
    if not needs_recovery(root):
        for leftover in folder.glob("txn-*"):
            if not (leftover / RECORD).exists():
                disk.remove_folder(leftover)
        return False
    try:
        journal = read_journal(root, folder / JOURNAL)
        if not (folder / journal.transaction).is_dir():
            raise ProjectNotWritable(
                "a change was begun, and cannot be finished: what it laid out is gone",
                detail=f"{FOLDER}/{journal.transaction} is not there any more",
                hint=f"take the project back from version control, then remove {FOLDER}",
            )
        _redo(root, journal, disk)
    except OSError as error:
        raise _unfinished(error) from error
    return True


def commit(plan: InstallPlan, staged: Staged, disk: Disk, *, at: str = "") -> None:
    """Makes the project what the plan says. Hold the lock, and recover first.

    `at` is the time to note. Raises `PlanStale` when the project is not what the plan was made from,
    `ProjectNotWritable` when the disk says no; the project is then unchanged.
    """
    root = Path(plan.root)
    _check_fresh(plan, root)
    transaction = f"txn-{secrets.token_hex(6)}"
    folder = root / FOLDER / transaction
    try:
        journal = _lay_out(plan, staged, folder, disk, at=at)
        disk.write(folder / JOURNAL, msgspec.json.encode(journal))
        durable = [folder / "new" / new.name / path for new in staged.folders for path in new.files]
        disk.sync_all(folder, but=durable)
        _check_journal(root, folder / JOURNAL)
        _check_places(root, journal)
        disk.move(folder / JOURNAL, root / FOLDER / JOURNAL)
    except ProjectNotWritable:
        disk.remove_folder(folder)
        raise
    except OSError as error:
        disk.remove_folder(folder)
        raise not_writable(error, root) from error
    try:
        disk.sync(root / FOLDER)
        _redo(root, journal, disk)
    except OSError as error:
        raise _unfinished(error) from error


def _unfinished(error: OSError) -> ProjectNotWritable:
    return ProjectNotWritable(
        "the change was begun and could not be finished",
        detail=f"{error.strerror or error}: {error.filename}",
        hint="mend the rights or free some space; the next donkeytui command in this project finishes it",
    )


def _check_fresh(plan: InstallPlan, root: Path) -> None:
    """What is on disk must be what the plan was made from."""
    now = read_snapshot(root)
    texts = {text.path: text.integrity for text in now.texts()}
    pairs = (
        *((path, texts.get(path, ""), planned) for path, planned in plan.basis.texts.items()),
        *((path, read_copy(root, path), planned) for path, planned in plan.basis.files.items()),
        *(
            (f"{plan.plugins_root}/{name}", now.trees.get(name, ""), tree)
            for name, tree in plan.basis.trees.items()
        ),
    )
    changed = [path for path, present, planned in pairs if present != planned]
    if changed or now.plugins_root != plan.plugins_root:
        raise PlanStale(
            "the project has changed since the plan was made",
            detail=f"changed: {', '.join(changed) or 'the plugins folder'}",
            hint="make the plan again",
        )


def _lay_out(plan: InstallPlan, staged: Staged, folder: Path, disk: Disk, *, at: str) -> Journal:
    root = Path(plan.root)
    for name in ("new", "files", "old"):
        disk.make_folder(folder / name)
    written: list[NewFile] = []
    for new in staged.folders:
        if new.copy_of:
            disk.copy_folder(root / new.copy_of, folder / "new" / new.name)
        else:
            written += _laid_out(new, folder / "new" / new.name, disk)
    disk.write_files(written)
    files = tuple(
        _lay_out_file(root, file, str(number), folder, disk) for number, file in enumerate(staged.files)
    )
    after = {new.name: new.tree for new in staged.folders}
    versions = {step.name: step for step in plan.steps}
    removed = [
        step.name
        for step in plan.steps
        if step.kind == "remove" and step.name not in after and plan.basis.trees.get(step.name)
    ]
    return Journal(
        transaction=folder.name,
        folders=tuple(
            FolderSwap(
                name=name,
                place=f"{plan.plugins_root}/{name}",
                has_new=name in after,
                before=plan.basis.trees.get(name, ""),
                after=after.get(name, ""),
                version_before=versions[name].before,
                version_after=versions[name].after,
            )
            for name in (*after, *removed)
        ),
        files=files,
        number=next_number(root),
        at=at,
        title=plan.title,
        undoes=plan.undoes,
    )


def _laid_out(new: StagedFolder, target: Path, disk: Disk) -> list[NewFile]:
    """The files of a new folder, whose folders are made here."""
    parents = {parent for path in new.files for parent in PurePosixPath(path).parents}
    for parent in sorted({*parents, PurePosixPath(".")}):
        disk.make_folder(target / parent)
    return [NewFile(target / path, entry.data, entry.is_executable) for path, entry in new.files.items()]


def _lay_out_file(root: Path, file: StagedFile, number: str, folder: Path, disk: Disk) -> FileSwap:
    """The new bytes below `files`, and what they replace (with what they are, for undo) below `old`."""
    place = root / file.path
    refuse_links(root, place)
    before = place.read_bytes() if place.is_file() else None
    if before is not None:
        disk.write(folder / "old" / f"{number}.before", before)
        disk.copy_mode(place, folder / "old" / f"{number}.before")
    if file.data is not None:
        new = folder / "files" / number
        disk.write(new, file.data)
        disk.copy_mode(root / file.mode_of if file.mode_of else place, new)
        if file.is_executable:
            disk.make_executable(new)
        disk.write(folder / "old" / f"{number}.after", file.data)
    return FileSwap(
        path=file.path,
        staged=number,
        is_removed=file.data is None,
        before=integrity_of(before) if before is not None else "",
        after=integrity_of(file.data) if file.data is not None else "",
    )


def _check_journal(root: Path, path: Path) -> None:
    """What recovery would refuse to follow is not begun."""
    try:
        read_journal(root, path)
    except ProjectNotWritable as error:
        raise ProjectNotWritable(
            "this change is refused: once interrupted, it could not be finished",
            detail=error.problem.detail,
            hint="nothing was changed; change fewer plugins at once",
        ) from error


def _check_places(root: Path, journal: Journal) -> None:
    """Finds out before the commit what would fail after it."""
    _check_apart(journal)
    touched: list[Path] = []
    for place in (root / swap.path for swap in journal.files):
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a folder", str(place))
        touched.append(_holder(place))
    for place in (root / swap.place for swap in journal.folders):
        holder = _holder(place)
        # A folder that moves to another one is written itself: its `..` changes.
        touched += [holder, place] if place.is_dir() and not place.is_symlink() else [holder]
    for folder in touched:
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))


def _check_apart(journal: Journal) -> None:
    """No file comes where another one, or a plugin, needs a folder."""
    files = (file.path for file in journal.files if not file.is_removed)
    places = {*files, *(swap.place for swap in journal.folders)}
    for place in places:
        if taken := places.intersection(parent.as_posix() for parent in PurePosixPath(place).parents):
            raise NotADirectoryError(errno.ENOTDIR, "A file and a folder cannot be one", min(taken))


def _holder(place: Path) -> Path:
    """The nearest folder above that is there."""
    holder = place.parent
    while not _is_there(holder):
        holder = holder.parent
    if not holder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "Not a folder", str(holder))
    return holder


def _redo(root: Path, journal: Journal, disk: Disk) -> None:
    """The swap; every part looks first at what is already done."""
    folder = root / FOLDER / journal.transaction
    for swap in journal.folders:
        _swap_folder(root / swap.place, folder / "new" / swap.name, folder / "old" / swap.name, swap, disk)
    for file in journal.files:
        _swap_file(root, folder, file, disk)
    # Once for all moves: the journal is there until they are durable, and says how to do them again.
    places = (*(swap.place for swap in journal.folders), *(file.path for file in journal.files))
    # Of folders made on the way, the names too.
    holders = {root / parent for place in places for parent in PurePosixPath(place).parents}
    for holder in sorted(holder for holder in (*holders, folder / "old") if holder.is_dir()):
        disk.sync(holder)
    disk.move(root / FOLDER / JOURNAL, folder / RECORD)
    disk.sync(folder)
    disk.sync(root / FOLDER)
    for earlier in superseded(root):
        disk.remove_folder(earlier)


def _swap_folder(place: Path, new: Path, old: Path, swap: FolderSwap, disk: Disk) -> None:
    is_done = swap.has_new and not _is_there(new)
    if not is_done and _is_there(place) and (swap.has_new or not _is_there(old)):
        # With `old` taken, somebody (a watching generator) made the place anew after a kill: that goes
        # out of the way too, under a free name. Where nothing comes in, it may stay.
        disk.move(place, _free_name(old))
    if swap.has_new and _is_there(new):
        disk.make_folder(place.parent)
        disk.move(new, place)


def _swap_file(root: Path, folder: Path, file: FileSwap, disk: Disk) -> None:
    """What was written at the place after a kill is the user's: it stays, or goes out of the way."""
    place, staged = root / file.path, folder / "files" / file.staged
    if file.is_removed:
        if _is_as_before(place, file):
            disk.unlink(place)
        disk.remove_empty(place.parent, root)
    elif staged.exists():
        if _is_there(place) and not _is_as_before(place, file):
            disk.move(place, _free_name(folder / "old" / f"{file.staged}.before"))
        if not place.parent.is_dir():
            disk.make_folder(place.parent)
        disk.move(staged, place)


def _is_as_before(place: Path, file: FileSwap) -> bool:
    is_file = place.is_file() and not place.is_symlink()
    return is_file and integrity_of(place.read_bytes()) == file.before


def _free_name(path: Path) -> Path:
    number, free = 1, path
    while _is_there(free):
        number, free = number + 1, path.with_name(f"{path.name}.{number}")
    return free


def _is_there(path: Path) -> bool:
    """Also for a link that leads nowhere."""
    return path.exists() or path.is_symlink()
