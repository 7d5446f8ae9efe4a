"""make_plan(snapshot, wanted): the way from what a project is to what it shall be."""

from collections.abc import Iterable, Mapping

from donkeytui.install.copies import FileStep, copy_steps
from donkeytui.install.notices import notices_of
from donkeytui.install.npm_plan import NpmPlan, plan_npm
from donkeytui.install.plan import (
    Basis,
    Edit,
    InstallPlan,
    Kind,
    PlanOptions,
    PluginMerge,
    Step,
    Wanted,
    download_of,
    edit_of,
    kind_of_move,
)
from donkeytui.problems import FolderTaken, PluginEdited
from donkeytui.project.config_ts import add_plugin_glob, glob_matches_root
from donkeytui.project.lockfile import LockedPlugin, Lockfile, render_lockfile
from donkeytui.project.snapshot import ProjectSnapshot
from registry_server.contract.problems import Quarantined
from registry_server.contract.wire import Release


def make_plan(
    snapshot: ProjectSnapshot, wanted: Mapping[str, Wanted], options: PlanOptions | None = None
) -> InstallPlan:
    """The way from the snapshot to exactly `wanted`.

    Raises `Quarantined` for a release in quarantine whose files would be put in place, wherever they come
    from; `PluginEdited`, `FolderTaken` or `FileTaken` when files of the user would be lost and nothing
    says that they may be; `InvalidPackage` for npm packages that are none.
    """
    options = options or PlanOptions()
    steps = _steps(snapshot, wanted, _afresh(snapshot, options))
    touched = [step for step in steps if step.kind != "keep"]
    for step in touched:
        if step.after:
            check_not_quarantined(step.name, wanted[step.name].release)
    if not options.is_forced:
        _check_edits(snapshot, touched, {merge.name for merge in options.merges})
    npm = plan_npm(
        snapshot,
        {name: goal.release.dependencies.packages for name, goal in wanted.items()},
        frozenset(step.name for step in touched),
    )
    copied = copy_steps(
        snapshot,
        {step.name: wanted[step.name].release.contents if step.after else None for step in touched},
        options.present,
        is_forced=options.is_forced,
    )
    files = tuple(step for step in copied if not _is_left(step, options.merges))
    lockfile = Lockfile(
        plugins={name: _locked(snapshot, name, wanted[name]) for name in sorted(wanted)}, npm=npm.records
    )
    edits = tuple(_edits(snapshot, lockfile, npm, touched, options.entry))
    texts = (snapshot.config, snapshot.package_json, snapshot.lockfile_text)
    return InstallPlan(
        root=str(snapshot.root),
        plugins_root=snapshot.plugins_root,
        title=options.title,
        basis=Basis(
            texts={text.path: text.integrity for text in texts}
            | {edit.path: edit.before_integrity for edit in edits},
            trees={step.name: snapshot.trees.get(step.name, "") for step in touched},
            files={step.path: options.present.get(step.path, "") for step in files},
        ),
        steps=tuple(steps),
        downloads=tuple(
            download_of(step.name, wanted[step.name].release, options.cached)
            for step in touched
            if step.after
        ),
        edits=edits,
        files=files,
        merges=options.merges,
        lockfile=lockfile,
        npm=npm.ranges,
        notices=(*options.notices, *notices_of(snapshot, wanted, touched, npm, options)),
    )


def check_not_quarantined(name: str, release: Release) -> None:
    """Raises `Quarantined`: no copy of a package makes up for what the registry's operator has found."""
    if release.quarantine:
        raise Quarantined(
            f"`{name}` {release.version} is in quarantine, and nothing was installed",
            detail=f"the registry's operator says: {release.quarantine}",
            hint=f"donkeytui update {name} takes another release; donkeytui uninstall {name} goes without",
        )


def _afresh(snapshot: ProjectSnapshot, options: PlanOptions) -> frozenset[str]:
    edited = frozenset(snapshot.edited()) if options.is_forced else frozenset()
    return edited if options.afresh is None else edited & options.afresh


def _steps(snapshot: ProjectSnapshot, wanted: Mapping[str, Wanted], afresh: frozenset[str]) -> list[Step]:
    """Sorted by name. Those of `afresh` are installed again where they stay at their release."""
    steps: list[Step] = []
    missing = set(snapshot.missing())
    for name in sorted({*wanted, *snapshot.lockfile.plugins}):
        locked, goal = snapshot.lockfile.plugins.get(name), wanted.get(name)
        if goal is None:
            assert locked is not None
            steps.append(Step(kind="remove", name=name, before=locked.version))
            continue
        kind = _kind(locked, goal.release, is_missing=name in missing)
        if kind == "keep" and name in afresh:
            kind = "install"
        before = locked.version if locked and name not in missing else ""
        steps.append(Step(kind=kind, name=name, before=before, after=goal.release.version, why=goal.why))
    return steps


def _kind(locked: LockedPlugin | None, release: Release, *, is_missing: bool) -> Kind:
    if locked is None or is_missing:
        return "install"
    if locked.version == release.version:
        return "keep"
    return kind_of_move(locked.version, release.version)


def _is_left(step: FileStep, merges: Iterable[PluginMerge]) -> bool:
    """Whether a merge says that the file stays, or stays away, whatever the release does."""
    outcomes = {file.path: file.outcome for merge in merges for file in merge.files}
    if step.kind == "remove":
        return outcomes.get(step.path) in ("kept", "conflict")
    return step.kind == "create" and outcomes.get(step.path) == "kept"


def _check_edits(snapshot: ProjectSnapshot, touched: list[Step], merged: set[str]) -> None:
    edited = set(snapshot.edited()) - merged
    for step in touched:
        if step.name in edited:
            raise PluginEdited(
                f"`{step.name}` has edits of yours, and this would {step.kind} it",
                detail=f"not as installed: {_edited_places(snapshot, step.name)}",
                hint="--force goes ahead; a copy stays in .donkeylabs, and donkeytui undo brings it back",
            )
        if step.name not in snapshot.lockfile.plugins and step.name in snapshot.trees:
            raise FolderTaken(
                f"{snapshot.plugins_root}/{step.name} is in the way",
                detail=f"the folder is not in the lockfile: `{step.name}` would replace your own plugin",
                hint="rename it, or --force: a copy stays in .donkeylabs, and donkeytui undo brings it back",
            )


def _edited_places(snapshot: ProjectSnapshot, name: str) -> str:
    locked = snapshot.lockfile.plugins[name]
    places = [path for path, released in locked.copies.items() if snapshot.copies[path] not in ("", released)]
    if not places or snapshot.trees.get(name, locked.tree) != locked.tree:
        places.insert(0, f"files below {snapshot.plugins_root}/{name}")
    return ", ".join(places[:5])


def _locked(snapshot: ProjectSnapshot, name: str, goal: Wanted) -> LockedPlugin:
    """A plugin that stays keeps its entry to the letter, the address it once came from included."""
    present = snapshot.lockfile.plugins.get(name)
    same = present if present is not None and present.integrity == goal.release.checksum else None
    return LockedPlugin(
        version=goal.release.version,
        resolved=same.resolved if same else goal.resolved,
        integrity=goal.release.checksum,
        dependencies=goal.dependencies,
        range=goal.range,
        tree=same.tree if same else "",
        packages=same.packages if same else dict(goal.release.dependencies.packages),
        copies=same.copies if same else {copy.target: "" for copy in goal.release.contents.copies},
        pinned=goal.pinned,
        signer=same.signer if same else "",
    )


def _edits(
    snapshot: ProjectSnapshot, lockfile: Lockfile, npm: NpmPlan, touched: list[Step], entry: Edit | None
) -> list[Edit]:
    edits: list[Edit] = []
    if npm.text is not None and npm.text != snapshot.package_json.text:
        edits.append(edit_of(snapshot.package_json, npm.text))
    installs = [step for step in touched if step.after]
    if installs and snapshot.config_reading.is_understood and not _is_matched(snapshot, installs):
        text = add_plugin_glob(snapshot.config.text, f"./{snapshot.plugins_root}/**/index.ts")
        if text is not None:
            edits.append(edit_of(snapshot.config, text))
    if entry is not None:
        edits.append(entry)
    rendered = render_lockfile(lockfile)
    if rendered != snapshot.lockfile_text.text and (lockfile.plugins or snapshot.lockfile_text.integrity):
        edits.append(edit_of(snapshot.lockfile_text, rendered))
    return edits


def _is_matched(snapshot: ProjectSnapshot, installs: list[Step]) -> bool:
    globs = snapshot.config_reading.plugin_globs
    return all(glob_matches_root(globs, snapshot.plugins_root, step.name) for step in installs)
