"""Plan changes to a project: install, uninstall, update, pin. Nothing is changed here.

One request becomes one plan, whatever it asks for; `apply` makes plans real. What only some requests
need is imported where they need it: a project that has everything is told so in an instant.
"""

import contextlib
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct, structs

from donkeytui.events import Notice, Report, silent
from donkeytui.install.fetch import cached_integrities
from donkeytui.install.plan import InstallPlan, PlanOptions, Wanted
from donkeytui.install.planning import make_plan
from donkeytui.install.tools import package_manager
from donkeytui.operations.project import check_installed, open_project
from donkeytui.operations.releases import (
    address_of,
    catalogued,
    check_same_bytes,
    document_of,
    locked_release,
)
from donkeytui.operations.show import unknown_plugin
from donkeytui.operations.sync import refresh_if_stale, sync
from donkeytui.problems import (
    LockfileOutdated,
    OfflineMissing,
    PluginNeeded,
    RegistryUnreachable,
    UnexpectedResponse,
)
from donkeytui.project.lockfile import LOCKFILE_NAME, LockedPlugin, Lockfile
from donkeytui.project.merge import Side
from donkeytui.project.snapshot import ProjectSnapshot, read_copy
from donkeytui.resolution.request import PROJECT, Mode, Resolved, Wish
from donkeytui.session import Session
from registry_server.contract.problems import InvalidRange, RegistryBusy
from registry_server.contract.ranges import Requirement, exact_version, parse_range, parse_requirement
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import Release

YOU = "you"


class Changes(Struct, frozen=True, kw_only=True):
    """What a user wants done to a project, in one plan."""

    install: tuple[str, ...] = ()
    """`name` or `name@range`."""
    uninstall: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    is_update_of_all: bool = False
    is_latest: bool = False
    """Updates go beyond the ranges asked for."""
    is_lowest: bool = False
    """The lowest release of each range, to test the ranges with."""
    pin: tuple[str, ...] = ()
    unpin: tuple[str, ...] = ()
    is_forced: bool = False
    """Go ahead where the user's files or other plugins' needs say no."""
    with_orphans: bool = False
    """Also remove what nothing needs."""
    side: Side = "ask"
    """What becomes of the user's edits where a release changed the same lines."""
    is_registering: bool = False
    """Also edit the server entry."""
    is_locked: bool = False
    """Refuse whatever would change the lockfile."""
    is_frozen: bool = False
    """Only what the lockfile says, without asking what it may have become since."""
    ignores_engines: bool = False
    ignores_cool_down: bool = False

    @property
    def is_moving(self) -> bool:
        return bool(self.install or self.update or self.is_update_of_all or self.is_lowest)

    @property
    def meant(self) -> frozenset[str] | None:
        """Plugins the user named to have them there; None when all are meant."""
        named = (*self.install, *self.uninstall, *self.update, *self.pin, *self.unpin)
        if self.is_update_of_all or not named:
            return None
        return frozenset((*(parse_requirement(text).name for text in self.install), *self.update))

    @property
    def title(self) -> str:
        """As a command would say it."""
        updates = ("*",) if self.is_update_of_all else self.update
        parts = (
            ("install", self.install),
            ("uninstall", self.uninstall),
            ("update", updates),
            ("pin", self.pin),
            ("unpin", self.unpin),
        )
        said = [f"{verb} {' '.join(names)}" for verb, names in parts if names]
        return ", ".join(said).replace("update *", "update") or "install"


async def plan_changes(session: Session, changes: Changes, report: Report = silent) -> InstallPlan:
    """The one plan for everything asked, changing nothing.

    Raises `PluginNotFound`, `InvalidRange`, `NotInstalled`, `PluginNeeded` naming who needs it,
    `ResolutionFailed` with the derivation, `PluginEdited`, `FolderTaken`, `FileTaken`,
    `LockfileOutdated`, or what opening the project and reading the registry raise.
    """
    requirements = _requirements(changes.install)
    snapshot = await open_project(session, report)
    lockfile = snapshot.lockfile
    check_installed(lockfile, (*changes.uninstall, *changes.update, *changes.pin, *changes.unpin))
    left = _with_pins(_without(lockfile, changes.uninstall), changes)
    pruned = _unneeded(left.plugins) if changes.with_orphans else set()
    if not changes.is_forced:
        # What goes along needs nothing: plugins of a circle need each other.
        _check_not_needed(lockfile, set(changes.uninstall), along=pruned)
    rest = _without(left, pruned)
    notices: list[Notice] = []
    if changes.is_frozen or (not changes.is_moving and (changes.uninstall or _is_complete(rest))):
        _check_frozen(rest, changes)
        is_fewer = len(rest.plugins) < len(lockfile.plugins)
        if not (is_fewer or changes.is_frozen or changes.pin or changes.unpin):
            await _catch_up(session, rest, report)
        goal = {name: _kept(session, rest, name) for name in rest.plugins}
    else:
        await refresh_if_stale(session, report)
        goal, notices = await _solved(session, snapshot, left, changes, requirements, report)
    if orphans := _unneeded(goal) - _unneeded(lockfile.plugins):
        notices.append(_about_orphans(sorted(orphans)))
    plan = await _plan(session, snapshot, goal, changes, notices)
    return _as_locked(snapshot, plan, changes) if changes.is_locked or changes.is_frozen else plan


async def _plan(
    session: Session,
    snapshot: ProjectSnapshot,
    goal: Mapping[str, Wanted],
    changes: Changes,
    notices: Iterable[Notice],
) -> InstallPlan:
    integrities = [wanted.release.checksum for wanted in goal.values()]
    targets = {copy.target for wanted in goal.values() for copy in wanted.release.contents.copies}
    options = PlanOptions(
        title=changes.title,
        cached=cached_integrities(session.package_cache, integrities),
        is_forced=changes.is_forced,
        afresh=changes.meant,
        present={path: read_copy(snapshot.root, path) for path in targets | snapshot.copies.keys()},
        notices=tuple(notices),
    )
    if snapshot.edited() and not changes.is_forced:
        from donkeytui.operations.carrying import carried_edits

        merges = await carried_edits(session, snapshot, goal, side=changes.side)
        options = structs.replace(options, merges=merges)
    if changes.is_registering:
        from donkeytui.operations.registering import plan_entry

        entry = await plan_entry(session, snapshot, goal)
        options = structs.replace(options, entry=entry.edit, notices=(*options.notices, *entry.notices))
    return await session.in_thread(make_plan, snapshot, goal, options)


async def _solved(
    session: Session,
    snapshot: ProjectSnapshot,
    left: Lockfile,
    changes: Changes,
    requirements: Mapping[str, Requirement],
    report: Report,
) -> tuple[dict[str, Wanted], list[Notice]]:
    from donkeytui.operations.resolving import Question, notice_of, resolve

    for name in requirements:
        if session.catalogue.get(name) is None and name not in left.plugins:
            raise unknown_plugin(session, name)
    free = frozenset(left.plugins) if changes.is_update_of_all else frozenset(changes.update)
    question = Question(
        wishes=_wishes(left, requirements, beyond=free if changes.is_latest else frozenset()),
        lockfile=left,
        free=free | _asked_to_move(left, requirements),
        held=left.pinned,
        mode=_mode(changes),
        framework=snapshot.framework,
        ignores_engines=changes.ignores_engines,
        ignores_cool_down=changes.ignores_cool_down,
        asked=changes.install,
        updates=changes.update,
        package_manager=package_manager(snapshot.root),
        is_pruning=changes.with_orphans,
    )
    resolved = await resolve(session, question, report)
    goal = _goal(session, left, resolved, requirements)
    held = [name for name in left.pinned if name in changes.update or changes.is_update_of_all]
    return goal, [*map(notice_of, resolved.notes), *map(_about_pin, sorted(held))]


def _mode(changes: Changes) -> Mode:
    if changes.is_lowest:
        return "lowest"
    return "newest" if changes.is_update_of_all else "keep"


def _requirements(asked: Iterable[str]) -> dict[str, Requirement]:
    """Raises `InvalidRange` where two ranges are given for one plugin, besides what parsing raises."""
    requirements: dict[str, Requirement] = {}
    for requirement in map(parse_requirement, asked):
        other = requirements.setdefault(requirement.name, requirement)
        if other != requirement:
            raise InvalidRange(
                f"`{requirement.name}` is asked for twice",
                detail=f"as `{other.range.text}` and as `{requirement.range.text}`",
                hint="name it once",
            )
    return requirements


def _without(lockfile: Lockfile, names: Collection[str]) -> Lockfile:
    return structs.replace(lockfile, plugins={n: p for n, p in lockfile.plugins.items() if n not in names})


def _with_pins(lockfile: Lockfile, changes: Changes) -> Lockfile:
    pins = dict.fromkeys(changes.pin, True) | dict.fromkeys(changes.unpin, False)
    return structs.replace(
        lockfile,
        plugins={
            name: structs.replace(plugin, pinned=pins.get(name, plugin.pinned))
            for name, plugin in lockfile.plugins.items()
        },
    )


def _wishes(
    lockfile: Lockfile, requirements: Mapping[str, Requirement], *, beyond: frozenset[str]
) -> tuple[Wish, ...]:
    """What is asked for now, first, then what the lockfile says was asked for before.

    Ranges of `beyond` do not count.
    """
    wishes = {name: Wish(name=name, range=r.range, source="request") for name, r in requirements.items()}
    for name, plugin in lockfile.plugins.items():
        if plugin.range is not None and (name not in wishes or wishes[name].range.is_any):
            wanted = parse_range("*" if name in beyond else plugin.range)
            wishes[name] = Wish(name=name, range=wanted, source="lockfile")
    return tuple(wishes.values())


def _asked_to_move(lockfile: Lockfile, requirements: Mapping[str, Requirement]) -> frozenset[str]:
    """A range given by name means its newest; a bare name that is installed stays where it is."""
    asked = requirements.values()
    return frozenset(r.name for r in asked if not r.range.is_any or r.name not in lockfile.plugins)


def _is_complete(lockfile: Lockfile) -> bool:
    """Whether every requirement in the lockfile is met by the lockfile, so that nothing need be solved."""
    for plugin in lockfile.plugins.values():
        if plugin.range is not None and not parse_range(plugin.range).allows(parse_version(plugin.version)):
            return False
        for name, wanted in plugin.dependencies.items():
            found = lockfile.plugins.get(name)
            if found is None or not parse_range(wanted).allows(parse_version(found.version)):
                return False
    return True


async def _catch_up(session: Session, lockfile: Lockfile, report: Report) -> None:
    """A catalogue without a locked release is behind; when it cannot be had, the lockfile is enough."""
    if any(catalogued(session, name, locked.version) is None for name, locked in lockfile.plugins.items()):
        with contextlib.suppress(OfflineMissing, RegistryUnreachable, UnexpectedResponse, RegistryBusy):
            await sync(session, report)


def _kept(session: Session, lockfile: Lockfile, name: str) -> Wanted:
    """A plugin exactly as the lockfile has it."""
    locked = lockfile.plugins[name]
    release = locked_release(session, name, locked)
    return Wanted(
        release=release,
        range=locked.range,
        why=((YOU,) if locked.range is not None else ()) + tuple(lockfile.dependents(name)),
        resolved=locked.resolved,
        dependencies=dict(locked.dependencies),
        before=release,
        pinned=locked.pinned,
    )


def _goal(
    session: Session, lockfile: Lockfile, resolved: Resolved, named: Mapping[str, Requirement]
) -> dict[str, Wanted]:
    goal: dict[str, Wanted] = {}
    for name, candidate in resolved.pins.items():
        document = document_of(session, lockfile, name)
        assert document is not None
        releases = {release.version: release for release in document.versions}
        release = releases[candidate.version.text]
        locked = lockfile.plugins.get(name)
        if locked is not None and locked.version == release.version:
            check_same_bytes(name, locked, release)
        range_ = _saved_range(locked, named.get(name), release)
        goal[name] = Wanted(
            release=release,
            range=range_,
            why=_askers(resolved, name, is_asked=range_ is not None),
            resolved=address_of(session, name, release),
            dependencies={wanted: of.text for wanted, of in candidate.requires},
            before=catalogued(session, name, locked.version) if locked else None,
            pinned=locked is not None and locked.pinned,
        )
    return goal


def _askers(resolved: Resolved, name: str, *, is_asked: bool) -> tuple[str, ...]:
    """What is kept though nothing needs it is asked for by nobody."""
    askers = (asker for asker, _ in resolved.why[name] if is_asked or asker != PROJECT)
    return tuple(YOU if asker == PROJECT else asker for asker in askers)


def _saved_range(locked: LockedPlugin | None, named: Requirement | None, release: Release) -> str | None:
    """What the lockfile remembers as asked for: as written, or `^version` for a bare name.

    A range that the release has left, by `--latest`, is written anew.
    """
    if named is None or (named.range.is_any and locked is not None and locked.range is not None):
        kept = locked.range if locked else None
        if kept is None or parse_range(kept).allows(parse_version(release.version)):
            return kept
        return f"^{release.version}"
    if named.range.is_any:
        return f"^{release.version}"
    exact = exact_version(named.range)
    return exact.text if exact else named.range.text


def _check_not_needed(lockfile: Lockfile, removed: set[str], *, along: set[str]) -> None:
    for name in sorted(removed):
        needed_by = [other for other in lockfile.dependents(name) if other not in removed | along]
        if needed_by:
            askers = " and ".join(f"`{other}` {lockfile.plugins[other].version}" for other in needed_by)
            verb = "needs" if len(needed_by) == 1 else "need"
            raise PluginNeeded(
                f"`{name}` cannot be uninstalled: {askers} {verb} it",
                hint=f"donkeytui uninstall {name} {' '.join(needed_by)}, or --force",
            )


def _unneeded(plugins: Mapping[str, LockedPlugin] | Mapping[str, Wanted]) -> set[str]:
    """What nobody asked for and nothing leads to that somebody asked for."""
    waiting = [name for name, plugin in plugins.items() if plugin.range is not None]
    reached = set(waiting)
    while waiting:
        for name in plugins[waiting.pop()].dependencies:
            if name in plugins and name not in reached:
                reached.add(name)
                waiting.append(name)
    return set(plugins) - reached


def _about_orphans(orphans: list[str]) -> Notice:
    text = f"nothing needs {', '.join(f'`{name}`' for name in orphans)} any more"
    return Notice(
        severity="note", code="orphans", text=text, hint="--prune takes that too; in the app, x stages it"
    )


def _about_pin(name: str) -> Notice:
    text = f"`{name}` is pinned, and stays where it is"
    return Notice(severity="note", code="pinned", text=text, hint=f"donkeytui unpin {name}")


def _check_frozen(lockfile: Lockfile, changes: Changes) -> None:
    if changes.is_frozen and changes.is_moving:
        raise LockfileOutdated(
            f"--frozen installs what {LOCKFILE_NAME} says, and nothing can be asked for besides",
            detail=f"`{changes.title}` would have to be solved",
            hint="donkeytui install --frozen, or leave out --frozen",
        )
    if changes.is_frozen and not _is_complete(lockfile):
        raise LockfileOutdated(
            f"{LOCKFILE_NAME} does not hold everything that is needed",
            detail="--frozen installs what it says, and solves nothing",
            hint="donkeytui install without --frozen, and commit the lockfile",
        )


def _as_locked(snapshot: ProjectSnapshot, plan: InstallPlan, changes: Changes) -> InstallPlan:
    """The plan, if it keeps what the lockfile says; how the file is written does not count."""
    before, after = snapshot.lockfile, plan.lockfile
    differing = sorted(
        name
        for name in {*before.plugins, *after.plugins}
        if _essence(before.plugins.get(name)) != _essence(after.plugins.get(name))
    )
    if differing:
        flag = "--frozen" if changes.is_frozen else "--locked"
        raise LockfileOutdated(
            f"{LOCKFILE_NAME} would change, and {flag} says it may not",
            detail=f"it would change for {', '.join(f'`{name}`' for name in differing[:10])}",
            hint=f"run it without {flag}, look at the plan, and commit the lockfile",
        )
    edits = tuple(edit for edit in plan.edits if edit.path != LOCKFILE_NAME)
    return structs.replace(plan, edits=edits)


def _essence(plugin: LockedPlugin | None) -> LockedPlugin | None:
    return structs.replace(plugin, tree="", copies={}) if plugin else None
