"""InstallPlan and make_plan(snapshot, resolution): what would be done, whole and serialisable.

A plan holds the digests it was made from, so that applying it later can tell that the project has
moved; and every edit as text before and after, so that what is shown is what happens. Installing,
updating and removing are three ways to make the same plan; there is one way to apply it.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from donkeytui.events import Notice
from donkeytui.problems import FolderTaken, PluginEdited
from donkeytui.project.config_ts import add_plugin_glob, glob_matches_root
from donkeytui.project.lockfile import LockedPlugin, Lockfile, render_lockfile
from donkeytui.project.package_json import add_npm_dependencies, read_npm_dependencies
from donkeytui.project.snapshot import ProjectSnapshot, ProjectText
from registry_server.contract.foreign import clean
from registry_server.contract.manifest import is_npm_dependency
from registry_server.contract.problems import InvalidPackage
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import Release

_COPY = "a copy stays in .donkeylabs until the next change"

Kind = Literal["install", "update", "downgrade", "remove", "keep"]


class Step(Struct, frozen=True, kw_only=True):
    """What happens to one plugin."""

    kind: Kind
    name: str
    before: str = ""
    """Version now; empty when not installed."""
    after: str = ""
    """Version then; empty when removed."""
    why: tuple[str, ...] = ()
    """Who asks for it: `you`, or plugins."""


class Download(Struct, frozen=True, kw_only=True):
    """One package the plan needs."""

    name: str
    version: str
    integrity: str
    """What the bytes must hash to; from the catalogue, never from the response."""
    size_bytes: int
    """Announced size; reading stops with `package-too-large` beyond it."""
    is_cached: bool


class Edit(Struct, frozen=True, kw_only=True):
    """One changed text file of the project."""

    path: str
    before_integrity: str
    """Empty when the file does not exist yet."""
    before: str
    after: str


class Basis(Struct, frozen=True, kw_only=True):
    """What the plan was made from; anything else on disk makes it stale."""

    config: str
    package_json: str
    lockfile: str
    trees: dict[str, str]
    """Folder -> digest, of the plugins the plan touches; "" for a folder that must not exist."""


class InstallPlan(Struct, frozen=True, kw_only=True):
    root: str
    plugins_root: str
    basis: Basis
    steps: tuple[Step, ...]
    downloads: tuple[Download, ...]
    edits: tuple[Edit, ...]
    lockfile: Lockfile
    """Afterwards, but for the digests of new trees, which fetching tells."""
    npm: dict[str, str]
    """npm packages added to package.json."""
    notices: tuple[Notice, ...]

    @property
    def changes(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.kind != "keep")

    @property
    def is_empty(self) -> bool:
        return not self.changes and not self.edits

    @property
    def download_bytes(self) -> int:
        return sum(download.size_bytes for download in self.downloads if not download.is_cached)


class Wanted(Struct, frozen=True, kw_only=True):
    """One plugin of the state to reach."""

    release: Release
    range: str | None
    """What the user asks for; None for what only other plugins need."""
    why: tuple[str, ...]
    resolved: str
    dependencies: dict[str, str]


def make_plan(
    snapshot: ProjectSnapshot,
    wanted: Mapping[str, Wanted],
    *,
    cached: frozenset[str] = frozenset(),
    is_forced: bool = False,
) -> InstallPlan:
    """The way from the snapshot to exactly `wanted`.

    `cached` are integrities of packages that need no download. `is_forced` installs afresh what has
    local edits, and over folders that the lockfile does not know.
    Raises `PluginEdited` or `FolderTaken` when it is not given and files of the user would be lost.
    """
    steps = _steps(snapshot, wanted, is_forced=is_forced)
    touched = [step for step in steps if step.kind != "keep"]
    if not is_forced:
        _check_edits(snapshot, touched)
    npm = _new_npm(snapshot, wanted, touched)
    lockfile = Lockfile(plugins={name: _locked(snapshot, name, wanted[name]) for name in sorted(wanted)})
    return InstallPlan(
        root=str(snapshot.root),
        plugins_root=snapshot.plugins_root,
        basis=Basis(
            config=snapshot.config.integrity,
            package_json=snapshot.package_json.integrity,
            lockfile=snapshot.lockfile_text.integrity,
            trees={step.name: snapshot.trees.get(step.name, "") for step in touched},
        ),
        steps=tuple(steps),
        downloads=tuple(
            _download(step.name, wanted[step.name].release, cached) for step in touched if step.after
        ),
        edits=tuple(_edits(snapshot, lockfile, npm, touched)),
        lockfile=lockfile,
        npm=npm,
        notices=tuple(_notices(snapshot, wanted, touched, is_forced=is_forced)),
    )


def _steps(snapshot: ProjectSnapshot, wanted: Mapping[str, Wanted], *, is_forced: bool) -> list[Step]:
    """Sorted by name. Forced, a plugin with the user's edits is installed afresh, at its own release."""
    steps: list[Step] = []
    missing, edited = set(snapshot.missing()), set(snapshot.edited())
    for name in sorted({*wanted, *snapshot.lockfile.plugins}):
        locked, goal = snapshot.lockfile.plugins.get(name), wanted.get(name)
        if goal is None:
            assert locked is not None
            steps.append(Step(kind="remove", name=name, before=locked.version))
            continue
        kind = _kind(locked, goal.release, is_missing=name in missing)
        if kind == "keep" and is_forced and name in edited:
            kind = "install"
        before = locked.version if locked and name not in missing else ""
        steps.append(Step(kind=kind, name=name, before=before, after=goal.release.version, why=goal.why))
    return steps


def _kind(locked: LockedPlugin | None, release: Release, *, is_missing: bool) -> Kind:
    if locked is None or is_missing:
        return "install"
    if locked.version == release.version:
        return "keep"
    before, after = parse_version(locked.version), parse_version(release.version)
    return "update" if before < after else "downgrade"


def _check_edits(snapshot: ProjectSnapshot, touched: list[Step]) -> None:
    edited = set(snapshot.edited())
    for step in touched:
        is_ours = step.name in snapshot.lockfile.plugins
        if step.name in edited:
            raise PluginEdited(
                f"`{step.name}` has edits of yours, and this would {step.kind} it",
                detail=f"files below {snapshot.plugins_root}/{step.name} are not as they were installed",
                hint="--force goes ahead; a copy of the files stays in .donkeylabs until the next change",
            )
        if not is_ours and step.name in snapshot.trees:
            raise FolderTaken(
                f"{snapshot.plugins_root}/{step.name} is in the way",
                detail=f"the folder is not in the lockfile: `{step.name}` would replace your own plugin",
                hint="rename it, or --force: a copy then stays in .donkeylabs until the next change",
            )


def _new_npm(snapshot: ProjectSnapshot, wanted: Mapping[str, Wanted], touched: list[Step]) -> dict[str, str]:
    """npm packages of what is installed now that package.json does not mention at all."""
    needed: dict[str, str] = {}
    for step in touched:
        if step.after:
            for package, range_ in wanted[step.name].release.dependencies.packages.items():
                _check_npm(step.name, package, range_)
                needed.setdefault(package, range_)
    if not needed or not snapshot.package_json.integrity:
        return {}
    present = read_npm_dependencies(snapshot.package_json.text)
    return {package: range_ for package, range_ in sorted(needed.items()) if package not in present}


def _check_npm(plugin: str, package: str, range_: str) -> None:
    """The catalogue is the registry's word: it may not bring in code by git, http or file either."""
    if not is_npm_dependency(package, range_):
        raise InvalidPackage(
            f"`{plugin}` asks for an npm package that is none: `{clean(package, 80)}` `{clean(range_, 80)}`",
            detail="only a name and a version range go into package.json",
            hint="nothing was changed; tell the registry's operator",
        )


def _locked(snapshot: ProjectSnapshot, name: str, goal: Wanted) -> LockedPlugin:
    """A plugin that stays keeps its entry to the letter, the address it once came from included."""
    present = snapshot.lockfile.plugins.get(name)
    is_same = present is not None and present.integrity == goal.release.checksum
    return LockedPlugin(
        version=goal.release.version,
        resolved=present.resolved if present and is_same else goal.resolved,
        integrity=goal.release.checksum,
        dependencies=goal.dependencies,
        range=goal.range,
        tree=present.tree if present and is_same else "",
    )


def _download(name: str, release: Release, cached: frozenset[str]) -> Download:
    return Download(
        name=name,
        version=release.version,
        integrity=release.checksum,
        size_bytes=release.size,
        is_cached=release.checksum in cached,
    )


def _edits(
    snapshot: ProjectSnapshot, lockfile: Lockfile, npm: dict[str, str], touched: list[Step]
) -> list[Edit]:
    edits: list[Edit] = []
    if npm:
        edits.append(_edit(snapshot.package_json, add_npm_dependencies(snapshot.package_json.text, npm)))
    installs = [step for step in touched if step.after]
    if installs and snapshot.config_reading.is_understood and not _is_matched(snapshot, installs):
        text = add_plugin_glob(snapshot.config.text, f"./{snapshot.plugins_root}/**/index.ts")
        if text is not None:
            edits.append(_edit(snapshot.config, text))
    rendered = render_lockfile(lockfile)
    if rendered != snapshot.lockfile_text.text and (lockfile.plugins or snapshot.lockfile_text.integrity):
        edits.append(_edit(snapshot.lockfile_text, rendered))
    return edits


def _edit(before: ProjectText, after: str) -> Edit:
    return Edit(path=before.path, before_integrity=before.integrity, before=before.text, after=after)


def _is_matched(snapshot: ProjectSnapshot, installs: list[Step]) -> bool:
    globs = snapshot.config_reading.plugin_globs
    return all(glob_matches_root(globs, snapshot.plugins_root, step.name) for step in installs)


def _notices(
    snapshot: ProjectSnapshot, wanted: Mapping[str, Wanted], touched: list[Step], *, is_forced: bool
) -> list[Notice]:
    notices: list[Notice] = []
    for name, goal in sorted(wanted.items()):
        notices += _about_release(name, goal.release)
    installs = [step for step in touched if step.after]
    if installs and not snapshot.config_reading.is_understood:
        text = f"{snapshot.config.path} has a shape we do not edit ({snapshot.config_reading.reason})"
        hint = f'check that its `plugins` find "./{snapshot.plugins_root}/**/index.ts"'
        notices.append(Notice(severity="warning", code="config-not-understood", text=text, hint=hint))
    if installs and not snapshot.package_json.integrity:
        packages = sorted({p for step in installs for p in wanted[step.name].release.dependencies.packages})
        if packages:
            text = f"there is no package.json to add npm packages to: {', '.join(packages)}"
            notices.append(Notice(severity="warning", code="package-json-missing", text=text))
    if is_forced:
        notices += _about_replaced(snapshot, touched)
    notices += _about_npm(snapshot, wanted, installs)
    if any(step.kind == "remove" for step in touched):
        text = "tables that migrations of a removed plugin made stay in the database"
        notices.append(Notice(severity="note", code="tables-stay", text=text))
    return notices


def _about_replaced(snapshot: ProjectSnapshot, touched: list[Step]) -> list[Notice]:
    """Files of the user that make way, and where they are for now."""
    edited, locked = set(snapshot.edited()), snapshot.lockfile.plugins
    notices: list[Notice] = []
    for step in touched:
        if step.name in edited:
            text = (
                f"your edits of `{step.name}` are replaced; a copy stays in .donkeylabs until the next change"
            )
            notices.append(Notice(severity="warning", code="edits-replaced", text=text))
        elif step.name in snapshot.trees and step.name not in locked:
            text = f"your own `{step.name}` is replaced; {_COPY}"
            notices.append(Notice(severity="warning", code="folder-replaced", text=text))
    return notices


def _about_npm(snapshot: ProjectSnapshot, wanted: Mapping[str, Wanted], installs: list[Step]) -> list[Notice]:
    """npm packages the project has in another range than a plugin asks for: the project's stays."""
    if not snapshot.package_json.integrity:
        return []
    needed = [
        (step.name, package, range_)
        for step in installs
        for package, range_ in wanted[step.name].release.dependencies.packages.items()
    ]
    present = read_npm_dependencies(snapshot.package_json.text) if needed else {}
    return [
        Notice(
            severity="warning",
            code="npm-range-differs",
            text=f"package.json keeps {package} {present[package]}, `{plugin}` asks for {range_}",
            hint="change it by hand if the plugin does not work with yours",
        )
        for plugin, package, range_ in needed
        if package in present and present[package] != range_
    ]


def _about_release(name: str, release: Release) -> list[Notice]:
    notices: list[Notice] = []
    if release.yanked:
        text = f"`{name}` {release.version} was yanked" + (
            f": {release.yank_reason}" if release.yank_reason else ""
        )
        notices.append(Notice(severity="warning", code="yanked", text=text, hint=f"donkeytui update {name}"))
    if release.deprecated:
        text = f"`{name}` {release.version} is deprecated: {release.deprecation}"
        notices.append(Notice(severity="warning", code="deprecated", text=text))
    return notices
