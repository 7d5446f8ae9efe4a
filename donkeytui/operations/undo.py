"""Take back the last change to a project: files, folders and lockfile as they were, byte for byte.

What was edited since in a text file (a script added to package.json, say) is kept, when it merges;
anything else that moved on stops the undo, unless it is forced.
"""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from donkeytui.events import Notice, Report, silent
from donkeytui.install.copies import FileStep
from donkeytui.install.disk import Disk
from donkeytui.install.history import Generation, read_history
from donkeytui.install.journal import FileSwap, FolderSwap, Journal
from donkeytui.install.plan import Basis, Edit, InstallPlan, Kind, Step, edit_of, kind_of_move
from donkeytui.install.stage import Staged, StagedFile, StagedFolder
from donkeytui.operations.apply import (
    InstallReport,
    NextSteps,
    carry_out,
    npm_command,
    removed_definitions,
    touches_npm,
)
from donkeytui.operations.project import open_project, open_root
from donkeytui.operations.registering import installed_definitions, left_registrations, missing_registrations
from donkeytui.problems import NothingToUndo, ProjectNotWritable, UndoBlocked
from donkeytui.project.lockfile import LOCKFILE_NAME, Lockfile, parse_lockfile
from donkeytui.project.merge import merge_trees
from donkeytui.project.snapshot import (
    ProjectSnapshot,
    read_copy,
    read_snapshot,
    read_text,
    read_tree,
)
from donkeytui.project.tree import tree_integrity
from donkeytui.session import Session
from registry_server.contract.definition import Definition
from registry_server.contract.integrity import integrity_of


class Change(Struct, frozen=True, kw_only=True):
    """One change that was made to the project."""

    number: int
    at: str
    """ISO 8601, UTC."""
    title: str
    undoes: int
    """The number of the change it took back, or 0."""
    is_undone: bool
    steps: tuple[Step, ...]
    files: tuple[str, ...]
    """Paths of files it wrote outside of plugins' folders."""


async def list_history(session: Session, report: Report = silent) -> tuple[Change, ...]:
    """Newest first; as far back as what was replaced is kept. Raises what `open_root` raises."""
    root = await open_root(session, report)
    return tuple(
        Change(
            number=generation.journal.number,
            at=generation.journal.at,
            title=generation.journal.title,
            undoes=generation.journal.undoes,
            is_undone=generation.is_undone,
            steps=tuple(_made(swap) for swap in generation.journal.folders),
            files=tuple(file.path for file in generation.journal.files),
        )
        for generation in await session.in_thread(read_history, root)
    )


async def plan_undo(session: Session, *, is_forced: bool = False, report: Report = silent) -> InstallPlan:
    """The way back behind the last change that was not taken back yet.

    Raises `UndoBlocked` when there is none, or when what it left has been changed since.
    """
    snapshot = await open_project(session, report)
    return await session.in_thread(_plan, snapshot, is_forced=is_forced)


async def apply_undo(
    session: Session,
    plan: InstallPlan,
    *,
    runs_npm: bool = False,
    report: Report = silent,
    disk: Disk | None = None,
) -> InstallReport:
    """As `apply_plan`. Raises `PlanStale`, `UndoBlocked`, `ProjectBusy` or `ProjectNotWritable`."""
    before = await session.in_thread(read_snapshot, Path(plan.root))
    gone = await session.in_thread(removed_definitions, before, plan)
    staged = await session.in_thread(_stage, plan)
    return await carry_out(
        session,
        plan,
        staged,
        next_steps=lambda: _next_steps(plan, gone),
        runs_npm=runs_npm,
        report=report,
        disk=disk,
    )


def _next_steps(plan: InstallPlan, gone: Mapping[str, Definition]) -> NextSteps:
    root = Path(plan.root)
    after = read_snapshot(root)
    back = installed_definitions(after, [step.name for step in plan.steps if step.kind == "install"])
    return NextSteps(
        entry=after.entry.path,
        registrations=missing_registrations(after, back),
        removals=left_registrations(after, {n: d for n, d in gone.items() if n not in after.trees}),
        npm_command=npm_command(root) if touches_npm(plan) else "",
        commands=("bunx donkeylabs generate",) if plan.changes else (),
    )


def _last(root: Path) -> Generation:
    generation = next((each for each in read_history(root) if each.can_be_undone), None)
    if generation is None:
        raise NothingToUndo(
            "there is nothing to undo in this project",
            detail="no change is kept that was not taken back already",
            hint="donkeytui history",
        )
    return generation


def _plan(snapshot: ProjectSnapshot, *, is_forced: bool) -> InstallPlan:
    generation = _last(snapshot.root)
    journal = generation.journal
    plugins_root = _plugins_root(snapshot, journal)
    _check_kept(generation)
    moved_on = [s.place for s in journal.folders if snapshot.trees.get(s.name, "") != s.after]
    edits: list[Edit] = []
    files: list[FileStep] = []
    for swap in journal.files:
        is_text = swap.path in {text.path for text in snapshot.texts()}
        if is_text:
            edit = _edit_back(snapshot.root, generation, swap)
            if edit is None:
                moved_on.append(swap.path)
            edits.append(edit or _edit_to(snapshot.root, generation, swap))
        else:
            if _integrity(snapshot.root, swap.path) != swap.after:
                moved_on.append(swap.path)
            files.append(_file_back(snapshot.root, swap))
    if moved_on and not is_forced:
        raise UndoBlocked(
            f"`{journal.title}` cannot be undone as it stands: its files have changed since",
            detail=f"changed: {', '.join(moved_on[:8])}",
            hint="--force puts back what was there before it; what is there now is kept in .donkeylabs",
        )
    lockfile = _lockfile_after(snapshot, edits)
    return InstallPlan(
        root=str(snapshot.root),
        plugins_root=plugins_root,
        title=f"undo {journal.title}".strip(),
        undoes=journal.number,
        basis=Basis(
            texts={text.path: text.integrity for text in snapshot.texts()},
            trees={swap.name: snapshot.trees.get(swap.name, "") for swap in journal.folders},
            files={step.path: read_copy(snapshot.root, step.path) for step in files},
        ),
        steps=tuple(_step_back(swap, lockfile) for swap in journal.folders),
        downloads=(),
        edits=tuple(edits),
        files=tuple(files),
        lockfile=lockfile,
        npm={},
        notices=tuple(_notices(journal, moved_on, lockfile)),
    )


def _plugins_root(snapshot: ProjectSnapshot, journal: Journal) -> str:
    roots = {swap.place.rpartition("/")[0] for swap in journal.folders}
    if roots - {snapshot.plugins_root}:
        raise UndoBlocked(
            "the change was made when the plugins folder was another one",
            detail=f"then {', '.join(sorted(roots))}, now {snapshot.plugins_root}",
            hint="set `plugins` in the config back first",
        )
    return snapshot.plugins_root


def _made(swap: FolderSwap) -> Step:
    return Step(
        kind=_kind(swap.version_before, swap.version_after, has_new=bool(swap.version_after)),
        name=swap.name,
        before=swap.version_before,
        after=swap.version_after,
    )


def _step_back(swap: FolderSwap, lockfile: Lockfile) -> Step:
    """A plugin goes also where a folder of the user's own comes back."""
    locked = lockfile.plugins.get(swap.name) if swap.before else None
    after = locked.version if locked else ""
    return Step(
        kind=_kind(swap.version_after, after, has_new=locked is not None),
        name=swap.name,
        before=swap.version_after,
        after=after,
    )


def _kind(before: str, after: str, *, has_new: bool) -> Kind:
    if not has_new:
        return "remove"
    if not before or not after or before == after:
        return "install"
    return kind_of_move(before, after)


def _integrity(root: Path, path: str) -> str:
    """Of the very bytes; "" for none. A link or a folder is never what was put there."""
    place = root / path
    try:
        if place.is_symlink() or place.is_dir():
            return "no file"
        return integrity_of(place.read_bytes()) if place.is_file() else ""
    except OSError as error:
        raise ProjectNotWritable(f"{path} cannot be read", detail=str(error.strerror)) from error


def _check_kept(generation: Generation) -> None:
    """Raises `UndoBlocked` unless all that the change replaced is there as it was."""
    for swap in generation.journal.folders:
        if swap.before and _kept_tree(generation, swap) != swap.before:
            raise _damaged(generation, swap.place, "before")
    for file in generation.journal.files:
        if file.before:
            _kept(generation, file, "before")


def _kept_tree(generation: Generation, swap: FolderSwap) -> str:
    try:
        return tree_integrity(read_tree(generation.folder / "old" / swap.name))
    except OSError:
        return ""


def _damaged(generation: Generation, path: str, when: str) -> UndoBlocked:
    return UndoBlocked(
        f"what {path} was {when} the change has been damaged",
        detail=f"{generation.folder.name} lacks it, or holds something else",
        hint="take the project back from version control",
    )


def _kept(generation: Generation, swap: FileSwap, when: str) -> bytes:
    """What a file was `before` or `after` the change; checked, for it lay in the project's folder."""
    expected = swap.before if when == "before" else swap.after
    path = f"old/{swap.staged}.{when}"
    if _integrity(generation.folder, path) != expected:
        raise _damaged(generation, swap.path, when)
    return (generation.folder / path).read_bytes()


def _edit_to(root: Path, generation: Generation, swap: FileSwap) -> Edit:
    """The file as it was, whatever it is now."""
    now = read_text(root, swap.path)
    before = _kept(generation, swap, "before") if swap.before else b""
    return edit_of(now, before.decode("utf-8", "surrogateescape"), is_removed=not swap.before)


def _edit_back(root: Path, generation: Generation, swap: FileSwap) -> Edit | None:
    """The file without what the change did to it; None when later edits stand in the way."""
    now = read_text(root, swap.path)
    if now.integrity == swap.after:
        return _edit_to(root, generation, swap)
    if swap.path == LOCKFILE_NAME or not (swap.before and swap.after and now.integrity):
        return None
    merged = merge_trees(
        {swap.path: _kept(generation, swap, "after")},
        {swap.path: now.text.encode("utf-8", "surrogateescape")},
        {swap.path: _kept(generation, swap, "before")},
        side="ask",
    )
    if merged.conflicts:
        return None
    return edit_of(now, merged.files[swap.path].decode("utf-8", "surrogateescape"))


def _file_back(root: Path, swap: FileSwap) -> FileStep:
    is_there = (root / swap.path).is_file()
    if not swap.before:
        return FileStep(kind="remove", path=swap.path, plugin="")
    return FileStep(kind="update" if is_there else "create", path=swap.path, plugin="")


def _lockfile_after(snapshot: ProjectSnapshot, edits: list[Edit]) -> Lockfile:
    edit = next((edit for edit in edits if edit.path == LOCKFILE_NAME), None)
    if edit is None:
        return snapshot.lockfile
    return Lockfile() if edit.is_removed else parse_lockfile(edit.after)


def _notices(journal: Journal, moved_on: list[str], lockfile: Lockfile) -> list[Notice]:
    notices: list[Notice] = []
    if moved_on:
        text = f"what changed since is replaced: {', '.join(moved_on[:8])}; a copy stays in .donkeylabs"
        notices.append(Notice(severity="warning", code="changes-replaced", text=text))
    own = [swap.place for swap in journal.folders if swap.before and swap.name not in lockfile.plugins]
    if own:
        text = f"your own comes back: {', '.join(own[:8])}"
        notices.append(Notice(severity="note", code="own-back", text=text))
    if any(swap.has_new and swap.version_after != swap.version_before for swap in journal.folders):
        text = "what migrations did to the database stays"
        notices.append(Notice(severity="note", code="tables-stay", text=text))
    return notices


def _stage(plan: InstallPlan) -> Staged:
    root = Path(plan.root)
    generation = next(
        (each for each in read_history(root) if each.can_be_undone and each.journal.number == plan.undoes),
        None,
    )
    if generation is None:
        raise UndoBlocked(
            "the change is not kept any more, or was taken back meanwhile", hint="donkeytui history"
        )
    _check_kept(generation)
    swaps = {swap.path: swap for swap in generation.journal.files}
    old = generation.folder.relative_to(root)
    folders = tuple(
        StagedFolder(name=swap.name, copy_of=f"{old}/old/{swap.name}", tree=swap.before)
        for swap in generation.journal.folders
        if swap.before
    )
    texts = {edit.path: edit for edit in plan.edits}
    return Staged(
        folders=folders,
        files=tuple(_staged_file(root, generation, swap, texts.get(path)) for path, swap in swaps.items()),
    )


def _staged_file(root: Path, generation: Generation, swap: FileSwap, edit: Edit | None) -> StagedFile:
    if edit is not None:
        data = None if edit.is_removed else edit.after.encode("utf-8", "surrogateescape")
        return StagedFile(path=swap.path, data=data)
    if not swap.before:
        return StagedFile(path=swap.path, data=None)
    kept = generation.folder / "old" / f"{swap.staged}.before"
    return StagedFile(
        path=swap.path,
        data=_kept(generation, swap, "before"),
        mode_of=kept.relative_to(root).as_posix(),
    )
