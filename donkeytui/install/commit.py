"""The only writer to a project: check the plan is fresh, lay out, journal, swap, recover.

Order (design, trust section 5): everything new is laid out in `.donkeylabs/txn-<id>/`, synced, and
described in a journal; renaming the journal into place is the commit. From then on the swap is
redone until it is complete, at the latest at the start of the next command; before it, leftovers
are deleted. Every step of the swap can be repeated, so a kill at any moment leaves the project
exactly as before or exactly as after. What was replaced stays in the transaction folder until the
next change.
"""

import errno
import os
import re
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
from registry_server.contract.names import is_name
from registry_server.contract.paths import check_path
from registry_server.contract.problems import ArchiveUnsafe

FOLDER = ".donkeylabs"
LOCK_WAIT_SECONDS = 10.0
JOURNAL_MAX_BYTES = 4 << 20

_TRANSACTION = re.compile(r"txn-[0-9a-f]{12}\Z")
_STAGED = re.compile(r"[0-9]{1,3}\Z")


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
def project_lock(root: Path, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator[None]:
    """One writer at a time: a second process waits a moment, then is told.

    Raises `ProjectBusy`, or `ProjectNotWritable` when the project cannot be written at all, or our
    folder in it leads elsewhere.
    """
    folder = root / FOLDER
    for name in ("lock", ".gitignore"):
        _refuse_links(root, folder / name)
    try:
        folder.mkdir(exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", "utf-8")
        lock = FileLock(folder / "lock", timeout=wait_seconds)
        lock.acquire()
    except Timeout as error:
        raise ProjectBusy(
            "another process is changing this project",
            detail=f"it has held the lock for over {wait_seconds:.0f} s",
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
        with journal_path.open("rb") as file:
            journal = msgspec.json.decode(file.read(JOURNAL_MAX_BYTES), type=Journal)
        _check_journal(root, journal)
        _redo(root, journal, disk)
    except (msgspec.MsgspecError, ValueError, RecursionError, ArchiveUnsafe) as error:
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


def _check_journal(root: Path, journal: Journal) -> None:
    """A journal comes from the project folder, and a project comes from anywhere."""
    if not _TRANSACTION.match(journal.transaction):
        raise ValueError("it belongs to no transaction of ours")
    transaction = root / FOLDER / journal.transaction
    for folder in ("new", "old", "files"):
        _refuse_links(root, transaction / folder)
    for swap in journal.folders:
        check_path(swap.place)
        *parents, name = swap.place.split("/")
        if not is_name(swap.name) or name != swap.name or not parents or FOLDER in parents:
            raise ValueError("it moves a folder that is no plugin's")
        _refuse_links(root, (root / swap.place).parent)
    allowed = (LOCKFILE_NAME, PACKAGE_JSON, *CONFIG_NAMES)
    if any(swap.path not in allowed or not _STAGED.match(swap.staged) for swap in journal.files):
        raise ValueError("it replaces a file that no plan touches")


def _refuse_links(root: Path, path: Path) -> None:
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
        _refuse_links(Path(plan.root), Path(plan.root) / path)
        disk.write(folder / "files" / str(number), texts[path].encode("utf-8", "surrogateescape"))
        disk.copy_mode(Path(plan.root) / path, folder / "files" / str(number))
        swaps.append(FileSwap(path=path, staged=str(number)))
        before = read_text(Path(plan.root), path)
        if before.integrity:
            disk.write(folder / "old" / f"{number}.before", before.text.encode("utf-8", "surrogateescape"))
    disk.sync(folder / "files")
    return tuple(swaps)


def _check_places(root: Path, journal: Journal) -> None:
    """Finds out before the commit what would fail after it."""
    touched = [root] if journal.files else []
    for swap in journal.folders:
        place = root / swap.place
        holder = place.parent
        while not _is_there(holder):
            holder = holder.parent
        if not holder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "Not a folder", str(holder))
        # A folder that moves to another one is written itself: its `..` changes.
        touched += [holder, place] if place.is_dir() and not place.is_symlink() else [holder]
    for folder in touched:
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))


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
    if not is_done and _is_there(place) and (swap.has_new or not _is_there(old)):
        # With `old` taken, somebody (a watching generator) made the place anew after a kill: that goes
        # out of the way too, under a free name. Where nothing comes in, it may stay.
        disk.move(place, _free_name(old))
        disk.sync(place.parent)
    if swap.has_new and new.exists():
        disk.make_folder(place.parent)
        disk.move(new, place)
        disk.sync(place.parent)


def _free_name(path: Path) -> Path:
    number, free = 1, path
    while _is_there(free):
        number, free = number + 1, path.with_name(f"{path.name}.{number}")
    return free


def _is_there(path: Path) -> bool:
    """Also for a link that leads nowhere."""
    return path.exists() or path.is_symlink()


def _not_writable(error: OSError, place: Path) -> ProjectNotWritable:
    return ProjectNotWritable(
        "the project cannot be written",
        detail=f"{error.strerror}: {error.filename or place}",
        hint="mend its rights, or free some space; nothing was changed",
    )
