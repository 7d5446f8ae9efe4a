"""Plan and apply changes to a project: install, uninstall, update.

The three `plan_...` functions change nothing; `apply_plan` is the one way a plan becomes real.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from msgspec import Struct, structs

from donkeytui.events import Notice, Report, StageFinished, StageStarted, silent
from donkeytui.install.commit import commit, needs_recovery, project_lock, recover
from donkeytui.install.disk import Disk
from donkeytui.install.fetch import cached_integrities, fetch
from donkeytui.install.plan import InstallPlan, Step, Wanted, make_plan
from donkeytui.install.stage import Staged, StagedPlugin, stage
from donkeytui.operations.show import unknown_plugin
from donkeytui.operations.sync import discard_if_damaged, refresh_if_stale, sync
from donkeytui.problems import (
    NotInstalled,
    OfflineMissing,
    PluginNeeded,
    RegistryUnreachable,
    ResolutionFailed,
    UnexpectedResponse,
)
from donkeytui.project.lockfile import LockedPlugin, Lockfile
from donkeytui.project.server_entry import Registration, registration
from donkeytui.project.snapshot import ProjectSnapshot, find_project, read_snapshot
from donkeytui.resolution.explain import explain
from donkeytui.resolution.solver import PROJECT, Environment, Request, Resolved, Wish, solve
from donkeytui.resolution.universe import Universe
from donkeytui.session import Session
from registry_server.contract import routes
from registry_server.contract.archive import PACKAGE_MAX_BYTES
from registry_server.contract.names import nearest_names
from registry_server.contract.problems import IntegrityMismatch, RegistryBusy
from registry_server.contract.ranges import Requirement, exact_version, parse_range, parse_requirement
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import Author, PluginDocument, Release, ReleaseDependencies

YOU = "you"
_NOBODY = Author(name="")
SERVER_ENTRIES = ("src/server/index.ts", "src/index.ts")


class NextSteps(Struct, frozen=True, kw_only=True):
    """What the user has to do, in this order."""

    entry: str
    """The server entry the lines belong to, relative to the project."""
    registrations: tuple[Registration, ...] = ()
    env_vars: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()


class InstallReport(Struct, frozen=True, kw_only=True):
    root: str
    changes: tuple[Step, ...]
    next_steps: NextSteps
    notices: tuple[Notice, ...] = ()


async def open_project(session: Session, report: Report = silent) -> ProjectSnapshot:
    """The project the session stands in, after finishing what a killed process left.

    Raises `NotAProject`, `LockfileInvalid`, `ProjectBusy` or `ProjectNotWritable`.
    """
    root = await session.in_thread(find_project, session.settings.project_start)
    discard_if_damaged(session)
    if needs_recovery(root) and await session.in_thread(_recover, root):
        text = "an operation that was interrupted earlier has been finished"
        report(Notice(severity="note", code="recovered", text=text))
    return await session.in_thread(read_snapshot, root)


class Changes(Struct, frozen=True, kw_only=True):
    """What a user wants done to a project, in one plan."""

    install: tuple[str, ...] = ()
    """`name` or `name@range`."""
    uninstall: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    is_update_of_all: bool = False
    is_forced: bool = False
    """Go ahead where the user's files or other plugins' needs say no."""
    with_orphans: bool = False
    """Also remove what nothing needs once `uninstall` is gone."""


async def plan_install(
    session: Session, wanted: Collection[str], *, is_forced: bool = False, report: Report = silent
) -> InstallPlan:
    """Adds `wanted`; without any, makes the project match its lockfile. Raises what `plan_changes` does."""
    return await plan_changes(session, Changes(install=tuple(wanted), is_forced=is_forced), report)


async def plan_update(
    session: Session, names: Collection[str] = (), *, is_forced: bool = False, report: Report = silent
) -> InstallPlan:
    """Moves `names`, or everything, to the newest release within the ranges asked for."""
    changes = Changes(update=tuple(names), is_update_of_all=not names, is_forced=is_forced)
    return await plan_changes(session, changes, report)


async def plan_uninstall(
    session: Session,
    names: Collection[str],
    *,
    is_forced: bool = False,
    with_orphans: bool = False,
    report: Report = silent,
) -> InstallPlan:
    """Removes `names`; needs neither registry nor catalogue."""
    changes = Changes(uninstall=tuple(names), is_forced=is_forced, with_orphans=with_orphans)
    return await plan_changes(session, changes, report)


async def plan_changes(session: Session, changes: Changes, report: Report = silent) -> InstallPlan:
    """The one plan for everything asked, changing nothing.

    Raises `PluginNotFound`, `InvalidRange`, `NotInstalled`, `PluginNeeded` naming who needs it,
    `ResolutionFailed`, `PluginEdited`, `FolderTaken`, or what `open_project` raises.
    """
    requirements = [parse_requirement(text) for text in changes.install]
    snapshot = await open_project(session, report)
    _check_installed(snapshot.lockfile, (*changes.uninstall, *changes.update))
    removed, orphans = _removed(snapshot.lockfile, changes)
    left = Lockfile(plugins={n: p for n, p in snapshot.lockfile.plugins.items() if n not in removed})
    is_moving = bool(requirements or changes.update or changes.is_update_of_all)
    if not is_moving and (removed or _is_complete(left)):
        if not removed:
            await _catch_up(session, left, report)
        goal = {name: _kept(session, left, name) for name in left.plugins}
    else:
        await refresh_if_stale(session, report)
        goal = await _solved(session, snapshot, left, changes, report)
    plan = _plan(session, snapshot, goal, is_forced=changes.is_forced)
    return _with_orphans_named(plan, sorted(orphans - removed))


async def _solved(
    session: Session, snapshot: ProjectSnapshot, left: Lockfile, changes: Changes, report: Report
) -> dict[str, Wanted]:
    requirements = [parse_requirement(text) for text in changes.install]
    for requirement in requirements:
        if session.catalogue.get(requirement.name) is None:
            raise unknown_plugin(session, requirement.name)
    free = set(left.plugins) if changes.is_update_of_all else set(changes.update)
    request = Request(
        wishes=_wishes(left, requirements),
        locked=left.versions,
        free=frozenset(free | _asked_to_move(left, requirements)),
        environment=Environment(framework=snapshot.framework),
    )
    report(StageStarted(stage="resolve"))
    resolved = await session.in_thread(_resolve, session, left, request)
    report(StageFinished(stage="resolve"))
    return _goal(session, left, resolved, {requirement.name: requirement for requirement in requirements})


def _removed(lockfile: Lockfile, changes: Changes) -> tuple[set[str], set[str]]:
    """What goes, and what nothing needs any more once it is gone."""
    removed = set(changes.uninstall)
    if not changes.is_forced:
        _check_not_needed(lockfile, removed)
    orphans = _orphans(lockfile, removed) if removed else set()
    return (removed | orphans if changes.with_orphans else removed), orphans


def _with_orphans_named(plan: InstallPlan, orphans: list[str]) -> InstallPlan:
    if not orphans:
        return plan
    text = f"nothing needs {', '.join(f'`{name}`' for name in orphans)} any more"
    notice = Notice(
        severity="note", code="orphans", text=text, hint="--prune takes that too; in the app, x stages it"
    )
    return structs.replace(plan, notices=(*plan.notices, notice))


async def apply_plan(
    session: Session, plan: InstallPlan, *, report: Report = silent, disk: Disk | None = None
) -> InstallReport:
    """Fetches, verifies, stages, commits. Until the commit nothing of the project is touched.

    Raises `PlanStale`, `ProjectBusy`, `ProjectNotWritable`, and what fetching and staging raise.
    """
    client = None
    if plan.downloads:
        # Offline, the cache may hold it all the same; what is missing is then named.
        with contextlib.suppress(OfflineMissing):
            client = await session.client()
    fetched = await fetch(plan, client, session.package_cache, report)
    report(StageStarted(stage="stage"))
    staged = await session.in_thread(stage, plan, fetched)
    report(StageFinished(stage="stage"))
    report(StageStarted(stage="commit"))
    await _to_the_end(asyncio.ensure_future(session.in_thread(_commit, plan, staged, disk or Disk())))
    report(StageFinished(stage="commit"))
    return InstallReport(
        root=plan.root,
        changes=plan.changes,
        next_steps=await session.in_thread(_next_steps, plan, staged),
        notices=plan.notices,
    )


async def _to_the_end(task: "asyncio.Future[None]") -> None:
    """A commit cannot be cut in two: whoever cancels waits for it, and is told what was done."""
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()


def _commit(plan: InstallPlan, staged: Staged, disk: Disk) -> None:
    root = Path(plan.root)
    with project_lock(root):
        recover(root, disk)
        commit(plan, staged, disk)


def _recover(root: Path) -> bool:
    with project_lock(root):
        return recover(root, Disk())


def _wishes(lockfile: Lockfile, requirements: Iterable[Requirement]) -> tuple[Wish, ...]:
    """What is asked for now, first, then what the lockfile says was asked for before.

    What nobody asks for and nothing needs stays too: only `--prune` takes it.
    """
    wishes = {r.name: Wish(name=r.name, range=r.range, source="request") for r in requirements}
    for name, plugin in lockfile.plugins.items():
        is_loose = plugin.range is None and not lockfile.dependents(name)
        text = plugin.version if is_loose else plugin.range
        if text is not None and (name not in wishes or wishes[name].range.is_any):
            wishes[name] = Wish(name=name, range=parse_range(text), source="lockfile")
    return tuple(wishes.values())


def _asked_to_move(lockfile: Lockfile, requirements: Iterable[Requirement]) -> frozenset[str]:
    """A range given by name means its newest; a bare name that is installed stays where it is."""
    return frozenset(r.name for r in requirements if not r.range.is_any or r.name not in lockfile.plugins)


def _resolve(session: Session, lockfile: Lockfile, request: Request) -> Resolved:
    universe = Universe(lambda name: _document(session, lockfile, name))
    answer = solve(request, universe)
    if isinstance(answer, Resolved):
        return answer
    conflict = explain(answer)
    raise ResolutionFailed(
        conflict.title,
        detail="\n".join(conflict.facts),
        hint=f"donkeytui info {conflict.plugins[-1]} shows its releases" if conflict.plugins else "",
    )


def _document(session: Session, lockfile: Lockfile, name: str) -> PluginDocument | None:
    """The catalogue's document; a locked release it no longer has stays choosable, for its lockfile only."""
    document = session.catalogue.get(name)
    locked = lockfile.plugins.get(name)
    if locked is None or (document and any(r.version == locked.version for r in document.versions)):
        return document
    now = session.clock()
    known = document or PluginDocument(
        id="", name=name, display_name=name, description="", author=_NOBODY, created_at=now, updated_at=now
    )
    return structs.replace(known, versions=(*known.versions, _release_of(session, name, locked)))


def _release_of(session: Session, name: str, locked: LockedPlugin) -> Release:
    """What the lockfile alone knows of a release. Its size is unknown, so bounded by the format's cap.

    Counts as yanked when the registry is known not to have it: kept for its lockfile, never chosen anew.
    """
    is_gone = session.catalogue.synced_at() is not None
    return Release(
        version=locked.version,
        checksum=locked.integrity,
        size=PACKAGE_MAX_BYTES,
        package_url=routes.download(name, locked.version),
        dependencies=ReleaseDependencies(plugins=tuple(f"{n}@{r}" for n, r in locked.dependencies.items())),
        created_at=session.clock(),
        yanked=is_gone,
        yank_reason="the registry in use does not have it" if is_gone else "",
    )


def _is_complete(lockfile: Lockfile) -> bool:
    """Whether every requirement in the lockfile is met by the lockfile, so that nothing need be solved."""
    for plugin in lockfile.plugins.values():
        for name, wanted in plugin.dependencies.items():
            found = lockfile.plugins.get(name)
            if found is None or not parse_range(wanted).allows(parse_version(found.version)):
                return False
    return True


async def _catch_up(session: Session, lockfile: Lockfile, report: Report) -> None:
    """A catalogue without a locked release is behind; when it cannot be had, the lockfile is enough."""
    if any(_known_release(session, name, locked) is None for name, locked in lockfile.plugins.items()):
        with contextlib.suppress(OfflineMissing, RegistryUnreachable, UnexpectedResponse, RegistryBusy):
            await sync(session, report)


def _known_release(session: Session, name: str, locked: LockedPlugin) -> Release | None:
    document = session.catalogue.get(name)
    releases = document.versions if document else ()
    return next((release for release in releases if release.version == locked.version), None)


def _kept(session: Session, lockfile: Lockfile, name: str) -> Wanted:
    """A plugin exactly as the lockfile has it."""
    locked = lockfile.plugins[name]
    release = _known_release(session, name, locked) or _release_of(session, name, locked)
    _check_same_bytes(name, locked, release)
    why = ((YOU,) if locked.range is not None else ()) + tuple(lockfile.dependents(name))
    return Wanted(
        release=release,
        range=locked.range,
        why=why,
        resolved=locked.resolved,
        dependencies=dict(locked.dependencies),
    )


def _goal(
    session: Session, lockfile: Lockfile, resolved: Resolved, named: Mapping[str, Requirement]
) -> dict[str, Wanted]:
    goal: dict[str, Wanted] = {}
    for name, candidate in resolved.pins.items():
        document = _document(session, lockfile, name)
        assert document is not None
        release = next(r for r in document.versions if r.version == candidate.version.text)
        locked = lockfile.plugins.get(name)
        if locked is not None and locked.version == release.version:
            _check_same_bytes(name, locked, release)
        goal[name] = Wanted(
            release=release,
            range=_saved_range(locked, named.get(name), release),
            why=tuple(YOU if asker == PROJECT else asker for asker, _ in resolved.why[name]),
            resolved=_address(session, name, release),
            dependencies={wanted: range_.text for wanted, range_ in candidate.requires},
        )
    return goal


def _saved_range(locked: LockedPlugin | None, named: Requirement | None, release: Release) -> str | None:
    """What the lockfile remembers as asked for: as written, or `^version` for a bare name."""
    if named is None or (named.range.is_any and locked is not None and locked.range is not None):
        return locked.range if locked else None
    if named.range.is_any:
        return f"^{release.version}"
    exact = exact_version(named.range)
    return exact.text if exact else named.range.text


def _address(session: Session, name: str, release: Release) -> str:
    registry = session.settings.registry
    path = routes.download(name, release.version)
    return f"embedded:{path}" if registry.is_embedded else registry.url + path


def _check_same_bytes(name: str, locked: LockedPlugin, release: Release) -> None:
    if release.checksum != locked.integrity:
        raise IntegrityMismatch(
            f"the registry has other bytes for `{name}` {locked.version} than the lockfile",
            detail=f"the lockfile says {locked.integrity}, the registry {release.checksum}",
            hint="find out which is right; a release never changes",
        )


def _check_installed(lockfile: Lockfile, names: Collection[str]) -> None:
    for name in names:
        if name not in lockfile.plugins:
            near = nearest_names(name[:100], lockfile.plugins)
            raise NotInstalled(
                f"`{name[:100]}` is not installed in this project",
                detail=f"near it: {', '.join(near)}" if near else "",
                hint="donkeytui list",
            )


def _check_not_needed(lockfile: Lockfile, removed: set[str]) -> None:
    for name in sorted(removed):
        needed_by = [other for other in lockfile.dependents(name) if other not in removed]
        if needed_by:
            askers = " and ".join(f"`{other}` {lockfile.plugins[other].version}" for other in needed_by)
            verb = "needs" if len(needed_by) == 1 else "need"
            raise PluginNeeded(
                f"`{name}` cannot be uninstalled: {askers} {verb} it",
                hint=f"donkeytui uninstall {name} {' '.join(needed_by)}, or --force",
            )


def _orphans(lockfile: Lockfile, removed: set[str]) -> set[str]:
    """What nobody asked for and, once `removed` is gone, nothing needs."""
    gone = set(removed)
    while True:
        more = {
            name
            for name, plugin in lockfile.plugins.items()
            if name not in gone and plugin.range is None and not set(lockfile.dependents(name)) - gone
        }
        if not more:
            return gone - removed
        gone |= more


def _plan(
    session: Session, snapshot: ProjectSnapshot, goal: Mapping[str, Wanted], *, is_forced: bool
) -> InstallPlan:
    integrities = [wanted.release.checksum for wanted in goal.values()]
    cached = cached_integrities(session.package_cache, integrities)
    return make_plan(snapshot, goal, cached=cached, is_forced=is_forced)


def _next_steps(plan: InstallPlan, staged: Staged) -> NextSteps:
    root = Path(plan.root)
    entry = next((path for path in SERVER_ENTRIES if (root / path).is_file()), SERVER_ENTRIES[0])
    new = {step.name for step in plan.changes if step.kind == "install"}
    plugins = _dependencies_first([plugin for plugin in staged.plugins if plugin.name in new])
    return NextSteps(
        entry=entry,
        registrations=tuple(
            registration(plugin.name, plugin.definition, entry=entry, plugins_root=plan.plugins_root)
            for plugin in plugins
        ),
        env_vars=tuple(dict.fromkeys(variable for plugin in plugins for variable in plugin.env_vars)),
        commands=_commands(root, plan, staged),
        instructions=tuple(text for plugin in plugins for text in plugin.instructions),
    )


def _dependencies_first(plugins: list[StagedPlugin]) -> list[StagedPlugin]:
    by_name = {plugin.name: plugin for plugin in plugins}
    ordered: dict[str, StagedPlugin] = {}
    while len(ordered) < len(by_name):
        ready = [
            name
            for name, plugin in by_name.items()
            if name not in ordered
            and not [d for d in plugin.definition.dependencies if d in by_name and d not in ordered]
        ]
        for name in ready or [name for name in by_name if name not in ordered]:
            ordered[name] = by_name[name]
    return list(ordered.values())


def _commands(root: Path, plan: InstallPlan, staged: Staged) -> tuple[str, ...]:
    commands = []
    if plan.npm:
        by_lock = {
            "package-lock.json": "npm install",
            "pnpm-lock.yaml": "pnpm install",
            "yarn.lock": "yarn install",
        }
        commands.append(next((c for lock, c in by_lock.items() if (root / lock).is_file()), "bun install"))
    if staged.plugins:
        commands.append("bunx donkeylabs generate")
    return tuple(commands)
