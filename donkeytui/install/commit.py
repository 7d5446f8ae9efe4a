"""The only writer to a project: check the plan is fresh, lay out, journal, swap, recover.

Order (design, trust section 5): everything new is laid out in `.donkeylabs/txn-<id>/`, synced, and
described in a journal; renaming the journal into place is the commit. From then on the swap is
redone until it is complete, at the latest at the start of the next command; before it, leftovers
are deleted. Every step of the swap can be repeated, so a kill at any moment leaves the project
exactly as before or exactly as after. What was replaced stays in the transaction folder until the
next change.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from donkeytui.install.disk import Disk
from donkeytui.install.plan import InstallPlan
from donkeytui.install.stage import Staged, StagedPlugin
from donkeytui.problems import PlanStale, ProjectBusy, ProjectNotWritable
from donkeytui.project.lockfile import LOCKFILE_NAME, render_lockfile
from donkeytui.project.snapshot import CONFIG_NAMES, PACKAGE_JSON, read_snapshot, read_text

FOLDER = ".donkeylabs"
LOCK_WAIT_SECONDS = 10.0


class FolderSwap(Struct, frozen=True, kw_only=True):
    """One plugin's folder: the old one (if any) moves out, the new one (if any) moves in."""

    name: str
    place: str
    """Relative to the project."""
    has_new: bool


class FileSwap(Struct, frozen=True, kw_only=True):
    path: str
    staged: str
    """File name below the transaction's `files` folder."""


class Journal(Struct, frozen=True, kw_only=True):
    transaction: str
    folders: tuple[FolderSwap, ...]
    files: tuple[FileSwap, ...]
    """In order of replacement; the lockfile last."""


@contextmanager
def project_lock(root: Path) -> Iterator[None]:
    """One writer at a time: a second process waits a moment, then is told.

    Raises `ProjectBusy`, or `ProjectNotWritable` when the project cannot be written at all.
    """
    folder = root / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", "utf-8")
        lock = FileLock(folder / "lock", timeout=LOCK_WAIT_SECONDS)
        lock.acquire()
    except Timeout as error:
        raise ProjectBusy(
            "another process is changing this project",
            detail=f"it has held the lock for over {LOCK_WAIT_SECONDS:.0f} s",
            hint="wait for it to end, and try again",
        ) from error
    except OSError as error:
        raise _not_writable(error, folder) from error
    try:
        yield
    finally:
        lock.release()


def needs_recovery(root: Path) -> bool:
    return (root / FOLDER / "journal.json").exists()


def recover(root: Path, disk: Disk) -> bool:
    """Ends what a killed process began; True when there was something to finish. Hold the lock."""
    folder = root / FOLDER
    journal_path = folder / "journal.json"
    if not journal_path.exists():
        for leftover in folder.glob("txn-*"):
            if not (leftover / "done").exists():
                disk.remove_folder(leftover)
        return False
    try:
        journal = msgspec.json.decode(journal_path.read_bytes(), type=Journal)
        _check_journal(journal)
        _redo(root, journal, disk)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ProjectNotWritable(
            f"{journal_path.relative_to(root)} cannot be read",
            detail=str(error),
            hint="take the project back from version control, then remove .donkeylabs",
        ) from error
    except OSError as error:
        raise _not_writable(error, root) from error
    return True


def commit(plan: InstallPlan, staged: Staged, disk: Disk) -> None:
    """Makes the project what the plan says. Hold the lock, and recover first.

    Raises `PlanStale` when the project is not what the plan was made from, `ProjectNotWritable` when
    the disk says no; the project is then unchanged.
    """
    root = Path(plan.root)
    _check_fresh(plan, root)
    transaction = f"txn-{secrets.token_hex(6)}"
    folder = root / FOLDER / transaction
    try:
        journal = _lay_out(plan, staged, folder, disk)
        disk.write(folder / "journal.json", msgspec.json.encode(journal))
        disk.sync(folder)
    except OSError as error:
        disk.remove_folder(folder)
        raise _not_writable(error, root) from error
    try:
        _check_places(root, journal)
        disk.move(folder / "journal.json", root / FOLDER / "journal.json")
    except OSError as error:
        disk.remove_folder(folder)
        raise _not_writable(error, root) from error
    try:
        disk.sync(root / FOLDER)
        _redo(root, journal, disk)
    except OSError as error:
        raise ProjectNotWritable(
            "the change was begun and could not be finished",
            detail=f"{error.strerror}: {error.filename}",
            hint="mend the rights or free some space; the next donkeytui command in this project finishes it",
        ) from error


def _check_fresh(plan: InstallPlan, root: Path) -> None:
    """What is on disk must be what the plan was made from."""
    now = read_snapshot(root)
    basis = plan.basis
    pairs = (
        (now.config.path, now.config.integrity, basis.config),
        (PACKAGE_JSON, now.package_json.integrity, basis.package_json),
        (LOCKFILE_NAME, now.lockfile_text.integrity, basis.lockfile),
        *(
            (f"{plan.plugins_root}/{name}", now.trees.get(name, ""), tree)
            for name, tree in basis.trees.items()
        ),
    )
    changed = [path for path, present, planned in pairs if present != planned]
    if changed or now.plugins_root != plan.plugins_root:
        raise PlanStale(
            "the project has changed since the plan was made",
            detail=f"changed: {', '.join(changed) or 'the plugins folder'}",
            hint="make the plan again",
        )


def _check_journal(journal: Journal) -> None:
    """A journal comes from the project folder, and a project comes from anywhere."""
    names = [
        journal.transaction,
        *(swap.staged for swap in journal.files),
        *(swap.name for swap in journal.folders),
    ]
    places = [*(swap.path for swap in journal.files), *(swap.place for swap in journal.folders)]
    if any("/" in name or name in ("", ".", "..") for name in names):
        raise ValueError("it names a path where a name should be")
    if any(place.startswith("/") or ".." in place.split("/") or not place for place in places):
        raise ValueError("it names a place outside of the project")
    allowed = (LOCKFILE_NAME, PACKAGE_JSON, *CONFIG_NAMES)
    if any(swap.path not in allowed for swap in journal.files):
        raise ValueError("it replaces a file that no plan touches")


def _lay_out(plan: InstallPlan, staged: Staged, folder: Path, disk: Disk) -> Journal:
    disk.make_folder(folder / "new")
    disk.make_folder(folder / "files")
    disk.make_folder(folder / "old")
    for plugin in staged.plugins:
        _lay_out_plugin(plugin, folder / "new" / plugin.name, disk)
    disk.sync(folder / "new")
    files = _lay_out_files(plan, staged, folder, disk)
    removed = [step.name for step in plan.steps if step.kind == "remove"]
    present = {name for name, tree in plan.basis.trees.items() if tree}
    names = [plugin.name for plugin in staged.plugins]
    return Journal(
        transaction=folder.name,
        folders=tuple(
            FolderSwap(name=name, place=f"{plan.plugins_root}/{name}", has_new=name in names)
            for name in (*names, *(name for name in removed if name in present))
        ),
        files=files,
    )


def _lay_out_plugin(plugin: StagedPlugin, target: Path, disk: Disk) -> None:
    disk.make_folder(target)
    folders = {target}
    for path, entry in plugin.files.items():
        place = target / path
        for parent in reversed(place.relative_to(target).parents):
            if (target / parent) not in folders:
                disk.make_folder(target / parent)
                folders.add(target / parent)
        disk.write(place, entry.data)
        if entry.is_executable:
            disk.make_executable(place)
    for written in folders:
        disk.sync(written)


def _lay_out_files(plan: InstallPlan, staged: Staged, folder: Path, disk: Disk) -> tuple[FileSwap, ...]:
    swaps: list[FileSwap] = []
    texts = {edit.path: edit.after for edit in plan.edits}
    if LOCKFILE_NAME in texts:
        texts[LOCKFILE_NAME] = render_lockfile(staged.lockfile)
    for number, path in enumerate(sorted(texts, key=lambda path: (path == LOCKFILE_NAME, path))):
        disk.write(folder / "files" / str(number), texts[path].encode("utf-8", "surrogateescape"))
        swaps.append(FileSwap(path=path, staged=str(number)))
        before = read_text(Path(plan.root), path)
        if before.integrity:
            disk.write(folder / "old" / f"{number}.before", before.text.encode("utf-8", "surrogateescape"))
    disk.sync(folder / "files")
    return tuple(swaps)


def _check_places(root: Path, journal: Journal) -> None:
    """Finds out before the commit what would fail after it."""
    for swap in journal.folders:
        parent = root / swap.place
        while not parent.exists():
            parent = parent.parent
        if not os.access(parent if parent.is_dir() else parent.parent, os.W_OK):
            raise PermissionError(13, "Permission denied", str(parent))
        holder = (root / swap.place).parent
        if holder.exists() and not os.access(holder, os.W_OK):
            raise PermissionError(13, "Permission denied", str(holder))
    if journal.files and not os.access(root, os.W_OK):
        raise PermissionError(13, "Permission denied", str(root))


def _redo(root: Path, journal: Journal, disk: Disk) -> None:
    """The swap; every part looks first at what is already done."""
    folder = root / FOLDER / journal.transaction
    for swap in journal.folders:
        _swap_folder(root / swap.place, folder / "new" / swap.name, folder / "old" / swap.name, swap, disk)
    for file in journal.files:
        staged = folder / "files" / file.staged
        if staged.exists():
            disk.move(staged, root / file.path)
    disk.sync(root)
    if not (folder / "done").exists():
        disk.write(folder / "done", b"")
    disk.unlink(root / FOLDER / "journal.json")
    disk.sync(root / FOLDER)
    for earlier in (root / FOLDER).glob("txn-*"):
        if earlier != folder:
            disk.remove_folder(earlier)


def _swap_folder(place: Path, new: Path, old: Path, swap: FolderSwap, disk: Disk) -> None:
    is_done = swap.has_new and not new.exists()
    if not is_done and place.exists() and not old.exists():
        disk.move(place, old)
        disk.sync(place.parent)
    if swap.has_new and new.exists():
        disk.make_folder(place.parent)
        disk.move(new, place)
        disk.sync(place.parent)


def _not_writable(error: OSError, place: Path) -> ProjectNotWritable:
    return ProjectNotWritable(
        "the project cannot be written",
        detail=f"{error.strerror}: {error.filename or place}",
        hint="mend its rights, or free some space; nothing was changed",
    )
