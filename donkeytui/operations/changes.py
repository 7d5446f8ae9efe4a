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
from donkeytui.operations.goals import (
    asked_to_move,
    is_complete,
    kept_as_locked,
    make_goal,
    make_wishes,
    named_latest,
    read_requirements,
    unneeded,
)
from donkeytui.operations.permission import as_locked, check_not_needed
from donkeytui.operations.project import check_installed, open_project
from donkeytui.operations.releases import catalogued, check_obtainable
from donkeytui.operations.show import unknown_plugin
from donkeytui.operations.sync import refresh_if_stale, sync
from donkeytui.problems import LockfileOutdated, OfflineMissing, RegistryUnreachable, UnexpectedResponse
from donkeytui.project.lockfile import LOCKFILE_NAME, Lockfile
from donkeytui.project.merge import Side
from donkeytui.project.snapshot import ProjectSnapshot, read_copy
from donkeytui.resolution.request import Mode
from donkeytui.session import Session
from registry_server.contract.problems import RegistryBusy
from registry_server.contract.ranges import Requirement, parse_requirement


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
    `LockfileOutdated`, `Quarantined`, or what opening the project and reading the registry raise.
    """
    requirements = read_requirements(changes.install)
    snapshot = await open_project(session, report)
    lockfile = snapshot.lockfile
    check_installed(lockfile, (*changes.uninstall, *changes.update, *changes.pin, *changes.unpin))
    left = _with_pins(_without(lockfile, changes.uninstall), changes)
    pruned = unneeded(left.plugins) if changes.with_orphans else set()
    if not changes.is_forced:
        # What goes along needs nothing: plugins of a circle need each other.
        check_not_needed(lockfile, set(changes.uninstall), along=pruned)
    rest = _without(left, pruned)
    notices: list[Notice] = []
    if changes.is_frozen or (not changes.is_moving and (changes.uninstall or is_complete(rest))):
        _check_frozen(rest, changes)
        if changes.is_frozen:
            for name, locked in rest.plugins.items():
                check_obtainable(session, name, locked.version)
        is_fewer = len(rest.plugins) < len(lockfile.plugins)
        if not (is_fewer or changes.is_frozen or changes.pin or changes.unpin):
            await _catch_up(session, rest, report)
        goal = {name: kept_as_locked(session, rest, name) for name in rest.plugins}
    else:
        await refresh_if_stale(session, report)
        goal, notices = await _solved(session, snapshot, left, changes, requirements, report)
    if orphans := unneeded(goal) - unneeded(lockfile.plugins):
        notices.append(_about_orphans(sorted(orphans)))
    plan = await _plan(session, snapshot, goal, changes, notices)
    if changes.is_locked or changes.is_frozen:
        plan = as_locked(lockfile, plan, flag="--frozen" if changes.is_frozen else "--locked")
    return plan


async def _plan(
    session: Session,
    snapshot: ProjectSnapshot,
    goal: Mapping[str, Wanted],
    changes: Changes,
    notices: Iterable[Notice],
) -> InstallPlan:
    options = await session.in_thread(_look, session, snapshot, goal, changes)
    options = structs.replace(options, notices=tuple(notices))
    if not changes.is_forced and not all(plugin.tree for plugin in snapshot.lockfile.plugins.values()):
        from donkeytui.operations.carrying import with_digests

        snapshot = await with_digests(session, snapshot, goal)
    if snapshot.edited() and not changes.is_forced:
        from donkeytui.operations.carrying import carried_edits

        merges = await carried_edits(session, snapshot, goal, side=changes.side)
        options = structs.replace(options, merges=merges)
    if changes.is_registering:
        from donkeytui.operations.registering import plan_entry

        entry = await plan_entry(session, snapshot, goal)
        options = structs.replace(options, entry=entry.edit, notices=(*options.notices, *entry.notices))
    return await session.in_thread(make_plan, snapshot, goal, options)


def _look(
    session: Session, snapshot: ProjectSnapshot, goal: Mapping[str, Wanted], changes: Changes
) -> PlanOptions:
    """What a plan has to know of the disk besides the snapshot."""
    integrities = [wanted.release.checksum for wanted in goal.values()]
    targets = {copy.target for wanted in goal.values() for copy in wanted.release.contents.copies}
    return PlanOptions(
        title=changes.title,
        cached=cached_integrities(session.package_cache, integrities),
        is_forced=changes.is_forced,
        afresh=changes.meant,
        present={path: read_copy(snapshot.root, path) for path in targets | snapshot.copies.keys()},
    )


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
    latest = named_latest(changes.install)
    question = Question(
        wishes=make_wishes(left, requirements, beyond=latest | (free if changes.is_latest else frozenset())),
        lockfile=left,
        free=free | latest | asked_to_move(left, requirements),
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
    goal = make_goal(session, left, resolved, requirements)
    held = [name for name in left.pinned if name in changes.update or changes.is_update_of_all]
    return goal, [*map(notice_of, resolved.notes), *map(_about_pin, sorted(held))]


def _mode(changes: Changes) -> Mode:
    if changes.is_lowest:
        return "lowest"
    return "newest" if changes.is_update_of_all else "keep"


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


async def _catch_up(session: Session, lockfile: Lockfile, report: Report) -> None:
    """A catalogue without a locked release is behind; when it cannot be had, the lockfile is enough."""
    if any(catalogued(session, name, locked.version) is None for name, locked in lockfile.plugins.items()):
        with contextlib.suppress(OfflineMissing, RegistryUnreachable, UnexpectedResponse, RegistryBusy):
            await sync(session, report, with_index=False)


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
    if changes.is_frozen and not is_complete(lockfile):
        raise LockfileOutdated(
            f"{LOCKFILE_NAME} does not hold everything that is needed",
            detail="--frozen installs what it says, and solves nothing",
            hint="donkeytui install without --frozen, and commit the lockfile",
        )
